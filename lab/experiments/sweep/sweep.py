"""Sweeps: a topology under every combination of values and seeds, and the figures of each run.

Each run is known by its content: what its topology file holds, the values, the seed. A journal
keeps what is done, a line a run; a sweep that was interrupted goes on after it, and one whose
experiment has changed makes the runs that are new. The table has the order of the experiment,
whatever order the runs ended in.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lab.experiments.sweep.experiment_file import (
    Experiment,
    GridPoint,
    SweepError,
    load_experiment,
    make_experiment,
    topology_of,
)
from lab.experiments.sweep.journal import Journal, JournalLock
from lab.experiments.sweep.measures import measure
from lab.experiments.sweep.workers import BROKEN, DIED, Workers, WorkersError, crew
from lab.runtime.gc_pause import gc_pause
from lab.runtime.spawn import main_kept_out
from lab.runtime.worker_pool import processors

if TYPE_CHECKING:
    import pandas

    from lab.topology.model import Topology

TASK: Final = 1.0
"""Seconds of work that are given to a process at a time, as near as can be guessed."""

MOST_AT_ONCE: Final = 200
"""Runs that are given to a process at a time, at the most."""

ALONE: Final = 1.0
"""Seconds that this process works by itself first: others need about as long to start."""

Outcome = dict[str, Any]
"""What is known of a run: ``error``, or ``digest`` and ``measures``; ``seconds`` of the processor,
and of the clock on the ``wall``."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A run to be made: its place in the table, its point, its seed, and the key of its content."""

    number: int
    point: GridPoint
    seed: int
    key: str


@dataclass(slots=True)
class Sweep:
    """The runs of an experiment, and what those came to that are done.

    ``resumed``: so many were done before; ``strangers``: runs of the journal that are of another
    state of the experiment, and are left out.
    """

    experiment: Experiment
    plan: list[Planned]
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    resumed: int = 0
    strangers: int = 0

    @property
    def failed(self) -> list[tuple[Planned, str]]:
        """The runs that failed, each with its error."""
        return [
            (one, self.outcomes[one.key]["error"])
            for one in self.plan
            if self.outcomes.get(one.key, {}).get("error")
        ]

    @property
    def columns(self) -> list[str]:
        """The columns of the table: ``run``, the keys, ``seed``, the measures, digest, error."""
        kept = [one.name for one in self.experiment.measures]
        return ["run", *self.experiment.axes, "seed", *kept, "digest", "error"]

    def rows(self) -> Iterator[dict[str, Any]]:
        """A row for each run that is done, in the order of the experiment."""
        kept = [one.name for one in self.experiment.measures]
        for one in self.plan:
            outcome = self.outcomes.get(one.key)
            if outcome is None:
                continue
            figures = outcome.get("measures") or {}
            yield {
                "run": one.number,
                **one.point.values,
                "seed": one.seed,
                **{name: figures.get(name) for name in kept},
                "digest": outcome.get("digest"),
                "error": outcome.get("error"),
            }

    def frame(self) -> pandas.DataFrame:
        """The table as a DataFrame; raises ImportError with a sentence where pandas is missing."""
        try:
            import pandas
        except ImportError:
            raise ImportError(
                "a DataFrame wants pandas, which is not installed; "
                "run: pip install 'smtp-lab[cluster]'"
            ) from None
        frame = pandas.DataFrame(list(self.rows()), columns=self.columns)
        frame.attrs |= {
            "title": self.experiment.title,
            "axes": self.experiment.axes,
            "measures": {one.name: one.unit for one in self.experiment.measures},
            "labels": self.experiment.labels,
        }
        return frame


def sweep(
    experiment: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    *,
    out: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    **given: Any,
) -> pandas.DataFrame:
    """The table of an experiment, a row a run: a file's, or one told by keywords.

    ``lab.sweep("experiment.toml")``; or ``lab.sweep(topology=..., grid={"retry.first": ["5 min",
    "1 h"]}, seeds=10, measures=["delivered"])`` with the keys of the file, where ``topology`` may
    be a :class:`lab.Topology` and a measure a function of the :class:`lab.Run`. Keywords beside a
    file take the place of its keys. ``out`` keeps journal, tables and plots in a directory, and
    goes on from what is there. ``workers`` are processes of this machine (0: this one alone),
    ``scheduler`` the address of a Dask cluster. ``progress`` is called with the runs done and in
    all. A run that fails has its ``error`` in the table. Raises :class:`lab.SweepError`.
    """
    made = read_experiment(experiment, given)
    swept = begin(made)
    swept.frame()  # who lacks pandas hears it before the runs, not after
    with journal_of(swept, out) as journal:
        try:
            make(swept, journal, workers=workers, scheduler=scheduler, progress=progress)
        finally:
            if out is not None:
                from lab.views.pictures.sweeps import leave

                leave(swept, Path(out))
    return swept.frame()


def read_experiment(
    experiment: str | os.PathLike[str] | Mapping[str, Any] | None, given: Mapping[str, Any]
) -> Experiment:
    """The experiment of a file, of a mapping, or of keywords."""
    if experiment is None:
        return make_experiment(**given)
    if isinstance(experiment, Mapping):
        return make_experiment(**{**experiment, **given})
    return load_experiment(experiment, given)


def begin(experiment: Experiment) -> Sweep:
    """A sweep of which nothing is done yet."""
    same = [version("smtp-lab"), experiment.content()]
    plan: list[Planned] = []
    for point in experiment.points():
        for seed in experiment.seeds:
            key = _key([*same, point.sets, seed, experiment.until])
            plan.append(Planned(len(plan), point, seed, key))
    return Sweep(experiment, plan)


def _key(told: list[Any]) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:24]


def journal_of(swept: Sweep, out: str | os.PathLike[str] | None, again: bool = False) -> Journal:
    """The journal in a directory, what it knows of the sweep taken over; or one that keeps nothing.

    ``again``: runs that failed count as not done. Raises SweepError while another sweep is at work
    in that directory.
    """
    if out is None:
        return Journal(None)
    Path(out).mkdir(parents=True, exist_ok=True)
    journal = Journal(Path(out) / "runs.jsonl")
    try:
        journal.hold()
    except JournalLock:
        raise SweepError(
            f"{out}: another sweep is at work there; wait until it is done, or give another --out"
        ) from None
    names = {one.name for one in swept.experiment.measures}
    wanted = {one.key for one in swept.plan}
    for outcome in journal.outcomes():
        if outcome["key"] not in wanted:
            swept.strangers += 1
        elif outcome.get("error"):
            if not again:
                swept.outcomes.setdefault(outcome["key"], outcome)
        elif names <= (outcome.get("measures") or {}).keys():
            swept.outcomes[outcome["key"]] = outcome
    swept.resumed = len(swept.outcomes)
    return journal


def make(
    swept: Sweep,
    journal: Journal,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Make the runs that are not done; each goes to the journal as it ends.

    ``scheduler`` is by default that of the environment's DASK_SCHEDULER_ADDRESS.
    """
    scheduler = scheduler or os.environ.get("DASK_SCHEDULER_ADDRESS") or None
    left = deque(one for one in swept.plan if one.key not in swept.outcomes)
    recipe = Recipe.of(swept.experiment)
    total = len(swept.plan)

    def keep(planned: Planned, outcome: Outcome) -> None:
        about = {"values": planned.point.values, "seed": planned.seed}
        swept.outcomes[planned.key] = journal.keep({"key": planned.key, **about, **outcome})
        if progress is not None:
            progress(len(swept.outcomes), total)

    if progress is not None:
        progress(len(swept.outcomes), total)
    begun = time.monotonic()
    # what a function does that is not ours may end this process, so it goes elsewhere
    ours = all(function is None for _, function in recipe.measures)
    alone = workers == 0 or (workers is None and scheduler is None and ours)
    while left and alone and (workers == 0 or time.monotonic() - begun < ALONE):
        planned = left.popleft()
        keep(planned, run_one(recipe, planned.point.sets, planned.seed))
    if left:
        taken = (time.monotonic() - begun) / max(1, len(swept.outcomes) - swept.resumed)
        with main_kept_out():
            try:
                hands = crew(min(workers or processors(), len(left)), scheduler)
            except WorkersError as why:
                raise SweepError(str(why)) from None
            try:
                SweepScheduler(hands, recipe, keep, taken if alone else TASK).work(left)
            except WorkersError as why:
                raise SweepError(
                    f"{why}; what was done is kept, go on by the same command"
                ) from None
            finally:
                hands.close()


class SweepScheduler:
    """Gives runs to a crew, some at a time, and sees to those that a process died of."""

    def __init__(
        self, hands: Workers, recipe: Recipe, keep: Callable[[Planned, Outcome], None], guess: float
    ) -> None:
        self.hands, self.recipe, self.keep = hands, recipe, keep
        self.seconds = max(guess, 1e-4)
        self.under_way: dict[int, list[Planned]] = {}
        self.suspects: deque[Planned] = deque()
        self.tickets = 0

    def work(self, left: deque[Planned]) -> None:
        """Have all runs made."""
        while left or self.under_way:
            while left and len(self.under_way) < 2 * self.hands.size:
                self.give([left.popleft() for _ in range(min(self.at_once(left), len(left)))])
            self.take()
        # one by one, so that it is known which of them it is
        while self.suspects:
            self.give([self.suspects.popleft()], last=True)
            while self.under_way:
                self.take()

    def at_once(self, left: Sequence[Planned]) -> int:
        """How many runs make a piece of work that lasts, and leave some for the others."""
        fair = math.ceil(len(left) / (2 * self.hands.size))
        return max(1, min(int(TASK / self.seconds), MOST_AT_ONCE, fair))

    def give(self, runs: list[Planned], last: bool = False) -> None:
        """Give some runs to the crew; ``last``: if a process dies, it was this one's fault."""
        self.tickets += 1
        self.under_way[self.tickets] = runs
        work = (self.recipe, [(one.point.sets, one.seed) for one in runs])
        self.hands.give((self.tickets, last), run_some, work)

    def take(self) -> None:
        """Take what the crew has done, if it has within half a second."""
        answer = self.hands.answer(0.5)
        if answer is None:
            return
        (number, last), how, result = answer
        runs = self.under_way.pop(number)
        if how == DIED and not last:
            self.suspects.extend(runs)
            return
        if how == DIED:
            self.keep(runs[0], {"error": "its process died each time (killed, or out of memory)"})
            return
        if how == BROKEN:
            self.refuse(runs, result)
            return
        for one, outcome in zip(runs, result, strict=True):
            self.keep(one, outcome)
            self.seconds += 0.2 * (max(outcome.get("seconds", 0.0), 1e-4) - self.seconds)

    def refuse(self, runs: Iterable[Planned], why: BaseException) -> None:
        """What was asked could not even be begun: every run would end so."""
        told = f"{type(why).__name__}: {why}"
        if isinstance(why, ImportError):
            raise SweepError(
                f"the workers cannot make runs ({told}); install the same smtp-lab there"
            )
        raise SweepError(f"the runs cannot be handed to other processes ({told}); try workers=0")


@dataclass(frozen=True)
class Recipe:
    """What every run of a sweep has in common, as it travels to the processes."""

    content: str
    tables: dict[str, Any]
    graphs: dict[str, bytes]
    until: float | None
    measures: list[tuple[str, Callable[[Any], Any] | None]]

    @classmethod
    def of(cls, made: Experiment) -> Recipe:
        """That of an experiment; measures of ours go by name, others as they are."""
        kept = [(one.name, None if one.is_ours else one.of) for one in made.measures]
        return cls(made.content(), made.tables, made.graphs, made.until, kept)


def run_some(work: tuple[Recipe, list[tuple[dict[str, Any], int]]]) -> list[Outcome]:
    """The outcomes of some runs, one after another."""
    recipe, runs = work
    return [run_one(recipe, sets, seed) for sets, seed in runs]


def run_one(recipe: Recipe, sets: Mapping[str, Any], seed: int) -> Outcome:
    """The outcome of one run; whatever is raised in it becomes its ``error``.

    Its times are of all that the run costs, to the last of its objects let go of.
    """
    begun, wall = time.process_time(), time.perf_counter()
    with gc_pause():
        outcome = _figures(recipe, sets, seed)
    return outcome | {
        "seconds": round(time.process_time() - begun, 4),
        "wall": round(time.perf_counter() - wall, 4),
    }


def _figures(recipe: Recipe, sets: Mapping[str, Any], seed: int) -> Outcome:
    """The digest and the measures of one run, or its error; of the run itself nothing is left."""
    from lab.api.simulate import make_run

    try:
        run = make_run(_topology(recipe, sets, seed), seed, recipe.until)
        figures = {
            name: _plain(name, (measure(name).of if function is None else function)(run))
            for name, function in recipe.measures
        }
        return {"digest": run.digest, "measures": figures}
    except Exception as why:
        told = " ".join(str(why).split())
        return {"error": f"{type(why).__name__}: {told}"[:500]}


def _topology(recipe: Recipe, sets: Mapping[str, Any], seed: int) -> Topology:
    """The topology of a run; that of the last values is at hand, where no seed draws it."""
    drawn = "generate" in recipe.tables or any(key.startswith(("relays", "gen")) for key in sets)
    told = json.dumps([recipe.content, sets, seed if drawn else 0], sort_keys=True, default=str)
    if _AT_HAND.get("for") != told:
        found = topology_of(recipe.tables, recipe.graphs, sets, seed)
        _AT_HAND.clear()
        _AT_HAND.update({"for": told, "topology": found})
    topology: Topology = _AT_HAND["topology"]
    return topology


_AT_HAND: Final[dict[str, Any]] = {}


def _plain(name: str, value: Any) -> Any:
    """A figure as JSON can hold it."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"the measure {name} gives {type(value).__name__}; let it give a number")
