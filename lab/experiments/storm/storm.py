"""Run random networks with random mail and faults, check every run, and shrink each breach."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from lab.analysis.account import Account
from lab.analysis.invariants import Breach, breaches
from lab.api.progress import Progress, check_progress, shown
from lab.experiments.storm.shrink import MOST_TRIALS, shrink
from lab.experiments.storm.swarm import storm_network
from lab.quantities import clock_time, count_noun
from lab.runtime import arguments
from lab.runtime.executor import results
from lab.runtime.gc_pause import gc_pause
from lab.simulation.simulation import Simulation
from lab.topology.model import Topology
from lab.topology.write import to_toml
from lab.trace.rows import END_REASON
from lab.trace.trace import Trace

LONGEST: Final = 40 * 86400.0
"""Simulated seconds after which a run counts as one that never ends."""

MOST_CALLS: Final = 20
"""Calls of the progress function, one in 20,000 events, after which a run is hurried: every host
gives up mail that fails once more. Some networks need millions of events until their mail is too
old.
"""

HURRIED_CALLS: Final = 20
"""Calls of it after which a run that is hurried counts as one that never ends."""

ENDLESS: Final = "a run comes to an end"
ERROR: Final = "smtp-lab does not fail"


class NeverEnds(Exception):
    """Raised in a run that does not end."""


@dataclass(frozen=True, slots=True)
class StormRun:
    """The result of one run of a storm."""

    number: int
    submitted: int
    lost: int
    duplicates: int
    returned: int
    breaches: list[Breach]


@dataclass(slots=True, repr=False)
class Storm:
    """The runs of a storm so far. Its text is the table that ``lab storm`` prints."""

    seed: int
    careless: bool
    runs: list[StormRun] = field(default_factory=list)

    def __repr__(self) -> str:
        from lab.views.pictures.experiments import as_text, storm_table

        return as_text(storm_table(self))

    @property
    def broken(self) -> list[StormRun]:
        """The runs that broke a rule."""
        return [run for run in self.runs if run.breaches]

    def topology(self, number: int) -> Topology:
        """Return the topology of a run, by its number; the first is 0."""
        number = arguments.whole_number("number", number, 0)
        return storm_network(self.seed, number, careless=self.careless)

    def smallest(self, checked: StormRun | None = None) -> Topology:
        """Return the smallest topology found that breaks the rule that a run broke.

        The run is by default the worst one. Raises ValueError if no rule was broken.
        """
        if checked is not None:
            arguments.instance("checked", checked, StormRun, "one of the storm's runs")
        checked = checked or next(iter(self.worst(1)), None)
        if checked is None or not checked.breaches:
            raise ValueError("no rule was broken, so there is no smallest case of a breach")
        return smallest(self, checked)

    def total(self, name: str) -> int:
        """Return the sum of a count over all runs."""
        arguments.one_of("name", name, ("submitted", "lost", "duplicates", "returned"))
        return sum(getattr(run, name) for run in self.runs)

    def worst(self, most: int) -> list[StormRun]:
        """Return at most ``most`` of the runs that broke a rule, those that lost mail first."""
        most = arguments.whole_number("most", most, 0)
        return sorted(self.broken, key=lambda run: (not run.lost, run.number))[:most]

    def as_dict(self, files: Mapping[int, str] | None = None) -> dict[str, object]:
        """Return the figures as ``lab storm --json`` prints them.

        ``files`` maps the number of a run to the name of the file that has its smallest case.
        """
        if files is not None:
            arguments.instance("files", files, Mapping, "a mapping of numbers to file names")
        return {
            "runs": len(self.runs),
            "submitted": self.total("submitted"),
            "lost": self.total("lost"),
            "breaches": [
                {
                    "run": run.number,
                    "rule": run.breaches[0].rule,
                    "breach": str(run.breaches[0]),
                    "file": (files or {}).get(run.number),
                }
                for run in self.broken
            ],
            "returned": self.total("returned"),
            "duplicates": self.total("duplicates"),
        }


def run_and_check(topology: Topology) -> tuple[Trace, Account, list[Breach]]:
    """Run a topology; return its trace, its account, and the rules that the run broke.

    A run that never ends, or in which smtp-lab itself fails, breaks a rule too. One that is very
    long is hurried, see :data:`MOST_CALLS`.
    """
    simulation = Simulation(topology)
    failures = []
    calls = 0

    def stop_if_endless(_: int) -> None:
        nonlocal calls
        calls += 1
        if calls > MOST_CALLS + HURRIED_CALLS:
            raise NeverEnds
        if calls > MOST_CALLS:
            for host in simulation.hosts.values():
                host.give_up_soon(simulation.env.now)

    try:
        simulation.begin()
        simulation.run(LONGEST, stop_if_endless)
        if simulation.trace.rows[-1][END_REASON] != "settled":
            raise NeverEnds
    except NeverEnds:
        at = simulation.env.now
        failures.append(Breach(ENDLESS, at, f"it was still going on at {clock_time(at)}"))
    except Exception as error:  # any bug of the lab is to be found, shrunk and reported
        at = simulation.env.now
        last = traceback.extract_tb(error.__traceback__)[-1]
        problem = f"{type(error).__name__} in {last.name}: {error}"
        failures.append(Breach(ERROR, at, problem))
    simulation.close()
    trace = simulation.trace
    account = Account(trace.rows)
    return trace, account, failures or breaches(trace.rows, account)


def one_run(seed: int, careless: bool, number: int) -> StormRun:
    """Make and check the ``number``-th run of a storm."""
    with gc_pause():
        _, account, broken = run_and_check(storm_network(seed, number, careless=careless))
        summary = account.summary()
    return StormRun(
        number,
        submitted=summary["submitted"],
        lost=summary["lost"],
        duplicates=summary["duplicates"],
        returned=summary["returned"],
        breaches=broken,
    )


def run_storm(
    storm: Storm,
    runs: int,
    processes: int | None = None,
    first: int = 0,
    scheduler: str | None = None,
) -> Iterator[StormRun]:
    """Make ``runs`` runs, from number ``first`` on; yield each, and keep it in ``storm``."""
    work = partial(one_run, storm.seed, storm.careless)
    for checked in results(work, range(first, first + runs), processes, scheduler):
        storm.runs.append(checked)
        yield checked


def storm(
    runs: int = 200,
    seed: int = 0,
    *,
    careless: bool = False,
    processes: int = 1,
    scheduler: str | None = None,
    progress: Progress | bool | None = None,
) -> Storm:
    """Run random networks with random mail and faults, and check them every run.

    ``careless``: every host replies 250 before it stores the mail, so rules must break.
    ``processes`` does not change the result; a script that asks for more than one requires
    ``if __name__ == "__main__":``. ``scheduler`` is the address of a Dask scheduler whose workers
    make the runs, such as "tcp://10.0.0.1:8786"; raises OSError if it cannot be reached.
    ``progress`` is called with the number of runs so far; True shows a bar,
    False none, and by default one appears after two seconds on a terminal or in a notebook.
    """
    runs = arguments.whole_number("runs", runs, 0, example=200)
    seed = arguments.whole_number("seed", seed)
    processes = arguments.whole_number("processes", processes, 1, example=2)
    if scheduler is not None:
        arguments.text("scheduler", scheduler, "the address of a scheduler")
    check_progress(progress, "the number of runs so far")
    storm = Storm(seed, careless)
    with shown(progress, runs, "runs") as tell:
        for done, _ in enumerate(run_storm(storm, runs, processes, scheduler=scheduler), 1):
            if tell is not None:
                tell(done)
    return storm


def smallest(storm: Storm, checked: StormRun) -> Topology:
    """Return the smallest topology found that breaks the rule that a run broke."""
    rule = checked.breaches[0].rule
    topology = storm_network(storm.seed, checked.number, careless=storm.careless)
    # each trial of a run that never ends takes as long as a run may take
    return shrink(topology, partial(_breaks, rule), 40 if rule == ENDLESS else MOST_TRIALS)


def _breaks(rule: str, topology: Topology) -> Trace | None:
    """Return the trace of a run if the run breaks the rule."""
    trace, _, broken = run_and_check(topology)
    return trace if any(breach.rule == rule for breach in broken) else None


def as_file(storm: Storm, checked: StormRun, topology: Topology) -> str:
    """Return a topology file with which ``lab run`` reproduces a breach."""
    breach = run_and_check(topology)[2][0]
    comment = (
        f"Run {checked.number} of `lab storm --seed {storm.seed}"
        f"{' --careless' if storm.careless else ''}` broke a rule:\n{breach}\n\n"
        "What to watch: `lab run` of this file ends with exit status 1 and prints the breach.\n"
        f"It is the smallest case found: {sizes(topology)}."
    )
    return to_toml(topology, comment)


def sizes(topology: Topology) -> str:
    """Return the size of a case in words, as in "2 hosts, 1 link, 1 message, 0 faults"."""
    counts: Sequence[tuple[int, str]] = (
        (len(topology.hosts), "host"),
        (len(topology.links), "link"),
        (len(topology.mail), "message"),
        (len(topology.faults), "fault"),
    )
    return ", ".join(count_noun(count, noun) for count, noun in counts)
