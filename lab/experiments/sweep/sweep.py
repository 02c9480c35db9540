"""Run a topology under every combination of values and seeds, and keep the figures of each run.

A run is identified by its content: its topology file, its values and its seed. A journal keeps a
line for each finished run, so that an interrupted sweep continues where it stopped, and a sweep
whose experiment has changed makes only the new runs. The rows of the table are in the order of the
experiment, in whatever order the runs ended.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lab.api.progress import check_progress, shown
from lab.experiments.sweep.experiment import Experiment, Planned, topology_of
from lab.experiments.sweep.experiment_file import SweepError, load_experiment, make_experiment
from lab.experiments.sweep.journal import Journal, JournalLock
from lab.experiments.sweep.measures import measure
from lab.extend.given import (
    GivenBehaviours,
    GivenOwnFault,
    GivenProbe,
    GivenRetry,
    GivenRouting,
    check_hosts,
    given_plugins,
)
from lab.runtime import arguments
from lab.runtime.executor import ALONE, processors, start_workers
from lab.runtime.extras import required
from lab.runtime.gc_pause import gc_pause
from lab.runtime.workers import DIED, FAILED, Workers, WorkersError
from lab.simulation.limits import MAX_EVENTS, MAX_SECONDS, Limits
from lab.simulation.plugins import NONE, Plugins

if TYPE_CHECKING:
    import pandas

    from lab.topology.model import Topology

TASK: Final = 1.0
"""Estimated seconds of work that a process is given at a time."""

MOST_AT_ONCE: Final = 200
"""The most runs that a process is given at a time."""

RunResult = dict[str, Any]
"""The outcome of a run: ``error``, or ``digest`` and ``measures``; and its processor time,
``seconds``, and wall-clock time, ``wall``, both in seconds."""


@dataclass(slots=True)
class Sweep:
    """The runs of an experiment, and the outcomes of the finished ones by their key.

    ``resumed`` counts the runs that the journal had already. ``strangers`` counts the runs in the
    journal that belong to another version of the experiment; they are left out.
    """

    experiment: Experiment
    plan: list[Planned]
    outcomes: dict[str, RunResult] = field(default_factory=dict)
    resumed: int = 0
    strangers: int = 0
    plugins: Plugins = NONE

    @property
    def failed(self) -> list[tuple[Planned, str]]:
        """The runs that failed, each with its error."""
        return [
            (planned, self.outcomes[planned.key]["error"])
            for planned in self.plan
            if self.outcomes.get(planned.key, {}).get("error")
        ]

    @property
    def columns(self) -> list[str]:
        """The columns of the table: ``run``, the keys, ``seed``, the measures, digest, error.

        Where runs may be cut off, ``ending`` says how each ended.
        """
        names = [kept.name for kept in self.experiment.measures]
        ending = ["ending"] if self.experiment.is_limited else []
        return ["run", *self.experiment.axes, "seed", *names, *ending, "digest", "error"]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row for each finished run, in the order of the experiment."""
        names = [kept.name for kept in self.experiment.measures]
        for planned in self.plan:
            outcome = self.outcomes.get(planned.key)
            if outcome is None:
                continue
            figures = outcome.get("measures") or {}
            yield {
                "run": planned.number,
                **planned.point.values,
                "seed": planned.seed,
                **{name: figures.get(name) for name in names},
                **({"ending": outcome.get("ending")} if self.experiment.is_limited else {}),
                "digest": outcome.get("digest"),
                "error": outcome.get("error"),
            }

    def frame(self) -> pandas.DataFrame:
        """Return the table as a DataFrame; raises ImportError if pandas is not installed."""
        made = required("pandas", "a DataFrame requires").DataFrame
        frame: pandas.DataFrame = made(list(self.rows()), columns=self.columns)
        frame.attrs |= {
            "title": self.experiment.title,
            "axes": self.experiment.axes,
            "measures": {kept.name: kept.unit for kept in self.experiment.measures},
            "labels": self.experiment.labels,
        }
        return frame


def sweep(
    experiment: str | os.PathLike[str] | Mapping[str, object] | None = None,
    *,
    out: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Callable[[int, int], None] | bool | None = None,
    routing: GivenRouting = None,
    retry: GivenRetry = None,
    behaviours: GivenBehaviours = (),
    faults: Sequence[GivenOwnFault] = (),
    probes: Sequence[GivenProbe] = (),
    **keywords: object,
) -> pandas.DataFrame:
    """Make the runs of an experiment, and return a table with a row for each run.

    The experiment is a file, ``lab.sweep("experiment.toml")``, or keywords with the keys of such a
    file, ``lab.sweep(topology=..., grid={"retry.first": ["5 min", "1 h"]}, seeds=10,
    measures=["delivered"])``. As a keyword, ``topology`` may be a :class:`lab.Topology`, and a
    measure a function of the :class:`lab.Run`. Keywords override the keys of a file.

    ``out`` is a directory for the journal, the tables and the plots; a sweep continues from the
    journal that is there. ``workers`` is the number of processes on this machine (0: only this
    one), ``scheduler`` the address of a Dask cluster. ``progress`` is called with the number of
    finished runs and of all runs; True shows a bar, False none, and by default one appears after
    two seconds on a terminal or in a notebook. A run that fails has its ``error`` in the table.

    ``routing``, ``retry``, ``behaviours``, ``faults`` and ``probes`` are code of your own for every
    run, as in :func:`lab.simulate`; a measure may read ``run.probes``. Their classes must be in a
    module that the processes can import, unless ``workers`` is 0.

    Raises :class:`lab.SweepError`.
    """
    if workers is not None:
        workers = arguments.whole_number("workers", workers, 0, example=4)
    check_progress(progress, "the runs that are done, and all runs")
    if out is not None:
        arguments.path("out", out, "the path of a directory")
    plugins = given_plugins(routing, retry, behaviours, faults, probes)
    made = read_experiment(experiment, keywords)
    swept = begin(made, plugins)
    swept.frame()  # if pandas is missing, say so before the runs, not after
    with journal_of(swept, out) as journal, _reporting(progress, len(swept.plan)) as tell:
        try:
            make(swept, journal, workers=workers, scheduler=scheduler, progress=tell)
        finally:
            if out is not None:
                from lab.experiments.sweep.rows import leave_rows
                from lab.views.pictures.sweeps import leave

                leave(swept, Path(out))
                leave_rows(made, swept.plan, swept.outcomes, Path(out), plugins.described)
    return swept.frame()


@contextmanager
def _reporting(
    progress: Callable[[int, int], None] | bool | None, total: int
) -> Iterator[Callable[[int, int], None] | None]:
    """Yield what is called with the number of finished runs: the user's function, or a bar."""
    if callable(progress):
        yield progress
        return
    with shown(progress, total, "runs") as bar:
        yield None if bar is None else lambda done, _: bar(done)


def read_experiment(
    experiment: str | os.PathLike[str] | Mapping[str, object] | None, keywords: Mapping[str, object]
) -> Experiment:
    """Return the experiment of a file, of a mapping, or of keywords."""
    keywords = arguments.plain(keywords)
    if experiment is None and not keywords:
        raise TypeError(
            "experiment must be the path of an experiment file, or a mapping; or give its keys, "
            'such as lab.sweep(topology="campus.toml", measures=["delivered"])'
        )
    if experiment is None:
        return make_experiment(**keywords)
    if isinstance(experiment, Mapping):
        return make_experiment(**{**arguments.plain(experiment), **keywords})
    arguments.path("experiment", experiment, "the path of an experiment file, or a mapping")
    return load_experiment(experiment, keywords)


def begin(experiment: Experiment, plugins: Plugins = NONE) -> Sweep:
    """Return the sweep of an experiment with code of users, with no run finished."""
    common = [version("smtp-lab"), experiment.content()]
    if plugins:
        common.append(plugins.identity())
    plan: list[Planned] = []
    for point in experiment.points():
        for seed in experiment.seeds:
            key = _key([*common, point.sets, seed, experiment.until])
            plan.append(Planned(len(plan), point, seed, key))
    return Sweep(experiment, plan, plugins=plugins)


def _key(content: list[Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[
        :24
    ]


def journal_of(swept: Sweep, out: str | os.PathLike[str] | None, again: bool = False) -> Journal:
    """Open the journal in a directory, and take the outcomes of the sweep's runs from it.

    Without a directory, the journal keeps nothing. ``again``: make failed runs again. Raises
    SweepError while another sweep is using the directory.
    """
    if out is None:
        return Journal(None)
    Path(out).mkdir(parents=True, exist_ok=True)
    journal = Journal(Path(out) / "runs.jsonl")
    try:
        journal.lock()
    except JournalLock:
        raise SweepError(
            f"{out}: another sweep is using this directory; wait for it, or give another --out"
        ) from None
    names = {kept.name for kept in swept.experiment.measures}
    keys = {planned.key for planned in swept.plan}
    for outcome in journal.outcomes():
        if outcome["key"] not in keys:
            swept.strangers += 1
        elif outcome.get("error"):
            if not again:
                swept.outcomes.setdefault(outcome["key"], outcome)
        elif outcome.get("limit") not in (None, _limit(swept.experiment, outcome["ending"])):
            continue  # it was cut off, and may go on for longer now
        elif names <= (outcome.get("measures") or {}).keys():
            swept.outcomes[outcome["key"]] = outcome
    swept.resumed = len(swept.outcomes)
    return journal


def _limit(experiment: Experiment, ending: str) -> float | None:
    """Return the limit that gives a run such an ending; None for any other ending."""
    return {MAX_EVENTS: experiment.max_events, MAX_SECONDS: experiment.max_seconds}.get(ending)


def make(
    swept: Sweep,
    journal: Journal,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Make the runs that are not finished; each is written to the journal as it ends.

    ``scheduler`` is by default the environment variable DASK_SCHEDULER_ADDRESS.
    """
    scheduler = scheduler or os.environ.get("DASK_SCHEDULER_ADDRESS") or None
    remaining = deque(p for p in swept.plan if p.key not in swept.outcomes)
    recipe = Recipe.of(swept.experiment, swept.plugins)
    total = len(swept.plan)

    def keep(planned: Planned, outcome: RunResult) -> None:
        identity = {"key": planned.key, "values": planned.point.values, "seed": planned.seed}
        swept.outcomes[planned.key] = journal.keep(identity | outcome)
        if progress is not None:
            progress(len(swept.outcomes), total)

    if progress is not None:
        progress(len(swept.outcomes), total)
    begun = time.monotonic()
    # a user's function may end its process, so it is not called in this one
    only_own = all(function is None for _, function in recipe.measures) and not swept.plugins
    alone = workers == 0 or (workers is None and scheduler is None and only_own)
    while remaining and alone and (workers == 0 or time.monotonic() - begun < ALONE):
        planned = remaining.popleft()
        keep(planned, run_one(recipe, planned.point.sets, planned.seed))
    if remaining:
        seconds = (time.monotonic() - begun) / max(1, len(swept.outcomes) - swept.resumed)
        try:
            pool = start_workers(min(workers or processors(), len(remaining)), scheduler)
        except WorkersError as why:
            raise SweepError(str(why)) from None
        try:
            SweepScheduler(pool, recipe, keep, seconds if alone else TASK).run(remaining)
        except WorkersError as why:
            raise SweepError(
                f"{why}; the finished runs are kept: the same command continues from there"
            ) from None
        finally:
            pool.close()


class SweepScheduler:
    """Gives runs to workers, several at a time, and finds those that end their process.

    ``seconds`` is the estimated time of a run.
    """

    def __init__(
        self,
        pool: Workers,
        recipe: Recipe,
        keep: Callable[[Planned, RunResult], None],
        seconds: float,
    ) -> None:
        self.pool, self.recipe, self.keep = pool, recipe, keep
        self.seconds = max(seconds, 1e-4)
        self.under_way: dict[int, list[Planned]] = {}
        self.suspects: deque[Planned] = deque()
        self.last_task = 0

    def run(self, remaining: deque[Planned]) -> None:
        """Have all runs made; empties ``remaining``."""
        while remaining or self.under_way:
            while remaining and len(self.under_way) < 2 * self.pool.size:
                size = min(self.runs_per_task(remaining), len(remaining))
                self.submit([remaining.popleft() for _ in range(size)])
            self.take_result()
        # one by one, to know which run ends its process
        while self.suspects:
            self.submit([self.suspects.popleft()], last_try=True)
            while self.under_way:
                self.take_result()

    def runs_per_task(self, remaining: Sequence[Planned]) -> int:
        """Return how many runs make a long enough task and leave some for the other workers."""
        fair = math.ceil(len(remaining) / (2 * self.pool.size))
        return max(1, min(int(TASK / self.seconds), MOST_AT_ONCE, fair))

    def submit(self, runs: list[Planned], last_try: bool = False) -> None:
        """Give some runs to the workers; with ``last_try``, a run whose process dies has failed."""
        self.last_task += 1
        self.under_way[self.last_task] = runs
        argument = (self.recipe, [(planned.point.sets, planned.seed) for planned in runs])
        self.pool.submit((self.last_task, last_try), run_some, argument)

    def take_result(self) -> None:
        """Take the next result, if there is one within half a second."""
        result = self.pool.result(0.5)
        if result is None:
            return
        number, last_try = result.task
        runs = self.under_way.pop(number)
        if result.status == DIED and not last_try:
            self.suspects.extend(runs)
        elif result.status == DIED:
            self.keep(runs[0], {"error": "its process died each time (killed, or out of memory)"})
        elif result.status == FAILED:
            raise _cannot_start(result.value)
        else:
            for planned, outcome in zip(runs, result.value, strict=True):
                self.keep(planned, outcome)
                self.seconds += 0.2 * (max(outcome.get("seconds", 0.0), 1e-4) - self.seconds)


def _cannot_start(why: BaseException) -> SweepError:
    """Return the error for runs that could not even start; all others would fail the same way."""
    reason = f"{type(why).__name__}: {why}"
    if isinstance(why, ImportError):
        return SweepError(
            f"the workers cannot make runs ({reason}); install the same smtp-lab there"
        )
    return SweepError(f"the runs cannot be sent to other processes ({reason}); try workers=0")


@dataclass(frozen=True)
class Recipe:
    """What all runs of a sweep have in common, as it is sent to the workers."""

    content: str
    tables: dict[str, Any]
    graphs: dict[str, bytes]
    until: float | None
    limits: Limits
    measures: list[tuple[str, Callable[[Any], Any] | None]]
    plugins: Plugins = NONE

    @classmethod
    def of(cls, made: Experiment, plugins: Plugins = NONE) -> Recipe:
        """Return the recipe of an experiment; the lab's own measures are sent by name."""
        kept = [(m.name, None if m.is_ours else m.of) for m in made.measures]
        limits = Limits(made.max_events, made.max_seconds)
        return cls(made.content(), made.tables, made.graphs, made.until, limits, kept, plugins)


def run_some(argument: tuple[Recipe, list[tuple[dict[str, Any], int]]]) -> list[RunResult]:
    """Make several runs, one after another, and return their outcomes."""
    recipe, runs = argument
    return [run_one(recipe, sets, seed) for sets, seed in runs]


def run_one(recipe: Recipe, sets: Mapping[str, Any], seed: int) -> RunResult:
    """Make one run and return its outcome; an exception in it becomes its ``error``.

    The times include the deletion of the run's last object.
    """
    begun, wall = time.process_time(), time.perf_counter()
    with gc_pause():
        outcome = _figures(recipe, sets, seed)
    return outcome | {
        "seconds": round(time.process_time() - begun, 4),
        "wall": round(time.perf_counter() - wall, 4),
    }


def _figures(recipe: Recipe, sets: Mapping[str, Any], seed: int) -> RunResult:
    """Return the digest and the measures of one run, or its error; the run itself is deleted."""
    from lab.api.simulate import make_run

    try:
        topology = _topology(recipe, sets, seed)
        check_hosts(recipe.plugins, topology)
        run = make_run(topology, seed, recipe.until, limits=recipe.limits, plugins=recipe.plugins)
        figures = {
            name: _plain(name, (measure(name).of if function is None else function)(run))
            for name, function in recipe.measures
        }
        made: RunResult = {"digest": run.digest, "measures": figures, "ending": run.ending}
        limits = {MAX_EVENTS: recipe.limits.max_events, MAX_SECONDS: recipe.limits.max_seconds}
        if run.ending in limits:
            made |= {"limit": limits[run.ending], "events": len(run.trace) - 1}
        return made
    except Exception as why:
        message = " ".join(str(why).split())
        return {"error": f"{type(why).__name__}: {message}"[:500]}


def _topology(recipe: Recipe, sets: Mapping[str, Any], seed: int) -> Topology:
    """Return the topology of a run; that of the run before is reused if nothing in it differs."""
    drawn = "generate" in recipe.tables or any(key.startswith(("relays", "gen")) for key in sets)
    content = json.dumps([recipe.content, sets, seed if drawn else 0], sort_keys=True, default=str)
    if _LAST_TOPOLOGY.get("content") != content:
        made = topology_of(recipe.tables, recipe.graphs, sets, seed)
        _LAST_TOPOLOGY.clear()
        _LAST_TOPOLOGY.update({"content": content, "topology": made})
    topology: Topology = _LAST_TOPOLOGY["topology"]
    return topology


_LAST_TOPOLOGY: Final[dict[str, Any]] = {}


def _plain(name: str, value: Any) -> Any:
    """Return a figure as a value that JSON can hold; an infinite number or NaN becomes None."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"the measure {name} returns {type(value).__name__}; it must return a number")
