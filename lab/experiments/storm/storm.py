"""Storm: random networks, mail and faults; every run is checked, a breach shrunk and kept."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from lab.analysis.account import Account
from lab.analysis.invariants import Breach, breaches
from lab.experiments.storm.random_networks import weather
from lab.experiments.storm.shrink import MOST_TRIALS, shrink
from lab.runtime.worker_pool import results
from lab.simulation.simulation import Simulation
from lab.topology.model import Topology
from lab.topology.write import to_toml
from lab.trace.rows import END_REASON
from lab.trace.trace import Trace

LONGEST: Final = 40 * 86400.0
"""Simulated seconds after which a run is taken never to end."""

MOST_EVENTS: Final = 20
"""Times 20,000 events of the clock, after which a run is taken never to end."""

ENDLESS: Final = "a run comes to an end"
ERROR: Final = "smtp-lab does not fail"


class NeverEnds(Exception):
    """A run that goes on and on."""


@dataclass(frozen=True, slots=True)
class StormRun:
    """What a run of a storm came to."""

    number: int
    submitted: int
    lost: int
    duplicates: int
    returned: int
    breaches: list[Breach]


@dataclass(slots=True, repr=False)
class Storm:
    """The runs of a storm so far, and what they came to; printed, the table of ``lab storm``."""

    seed: int
    careless: bool
    runs: list[StormRun] = field(default_factory=list)

    def __repr__(self) -> str:
        from lab.views.pictures.experiments import as_text, storm_table

        return as_text(storm_table(self))

    @property
    def broken(self) -> list[StormRun]:
        """The runs that broke a rule."""
        return [one for one in self.runs if one.breaches]

    def topology(self, number: int) -> Topology:
        """What the run of that number, from 0 on, was a run of."""
        return weather(self.seed, number, careless=self.careless)

    def smallest(self, checked: StormRun | None = None) -> Topology:
        """The smallest case that was found of a breach: of that run, or of the worst.

        Raises ValueError where there is none.
        """
        checked = checked or next(iter(self.worst(1)), None)
        if checked is None or not checked.breaches:
            raise ValueError("no rule was broken, so there is no smallest case of a breach")
        return smallest(self, checked)

    def total(self, name: str) -> int:
        """A count over all runs."""
        return sum(getattr(one, name) for one in self.runs)

    def worst(self, most: int) -> list[StormRun]:
        """At most so many of the runs that broke a rule, those that lost mail first."""
        return sorted(self.broken, key=lambda one: (not one.lost, one.number))[:most]

    def as_dict(self, files: Mapping[int, str] | None = None) -> dict[str, Any]:
        """The figures as ``lab storm --json`` prints them.

        ``files`` are the names of the files with the smallest cases, by the number of the run.
        """
        return {
            "runs": len(self.runs),
            "submitted": self.total("submitted"),
            "lost": self.total("lost"),
            "breaches": [
                {
                    "run": one.number,
                    "rule": one.breaches[0].rule,
                    "breach": str(one.breaches[0]),
                    "file": (files or {}).get(one.number),
                }
                for one in self.broken
            ],
            "returned": self.total("returned"),
            "duplicates": self.total("duplicates"),
        }


def observe(topology: Topology) -> tuple[Trace, Account, list[Breach]]:
    """A run of a topology, watched: its trace, its account, and the rules that it broke.

    A run that never ends, or in which smtp-lab itself fails, breaks a rule too.
    """
    simulation = Simulation(topology)
    wrong = []
    looks = 0

    def watch(_: int) -> None:
        nonlocal looks
        looks += 1
        if looks > MOST_EVENTS:
            raise NeverEnds

    try:
        simulation.begin()
        simulation.run(LONGEST, watch)
        if simulation.trace.rows[-1][END_REASON] != "settled":
            raise NeverEnds
    except NeverEnds:
        at = simulation.env.now
        wrong.append(Breach(ENDLESS, at, f"at {at:.6g} s it still goes on"))
    except Exception as error:  # whatever it is: to be found, shrunk and told
        at = simulation.env.now
        last = traceback.extract_tb(error.__traceback__)[-1]
        told = f"{type(error).__name__} in {last.name}: {error}"
        wrong.append(Breach(ERROR, at, told))
    trace = simulation.trace
    account = Account(trace.rows)
    return trace, account, wrong or breaches(trace.rows, account)


def one_run(seed: int, careless: bool, number: int) -> StormRun:
    """The ``number``-th run of a storm, checked."""
    _, account, wrong = observe(weather(seed, number, careless=careless))
    summary = account.summary()
    return StormRun(
        number,
        submitted=summary["submitted"],
        lost=summary["lost"],
        duplicates=summary["duplicates"],
        returned=summary["returned"],
        breaches=wrong,
    )


def blow(
    storm: Storm, runs: int, processes: int | None = None, first: int = 0
) -> Iterator[StormRun]:
    """Run by run; each is given, and kept in ``storm``."""
    work = partial(one_run, storm.seed, storm.careless)
    for checked in results(work, range(first, first + runs), processes):
        storm.runs.append(checked)
        yield checked


def storm(
    runs: int = 200,
    seed: int = 0,
    *,
    careless: bool = False,
    processes: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Storm:
    """Runs of random networks with random mail and faults, each of them checked.

    ``careless``: every host says 250 before it stores; there must be a breach. ``processes``: the
    result is the same for any number; a script that asks for more than one wants
    ``if __name__ == "__main__":``. ``progress`` is called with the number of runs so far.
    """
    blowing = Storm(seed, careless)
    for done, _ in enumerate(blow(blowing, runs, processes), 1):
        if progress is not None:
            progress(done)
    return blowing


def smallest(storm: Storm, checked: StormRun) -> Topology:
    """The smallest topology that was found to break the rule that a run broke."""
    rule = checked.breaches[0].rule
    whole = weather(storm.seed, checked.number, careless=storm.careless)
    # each try of a case that never ends takes as long as a run is given
    return shrink(whole, partial(_breaks, rule), 40 if rule == ENDLESS else MOST_TRIALS)


def _breaks(rule: str, topology: Topology) -> Trace | None:
    """The trace of a run, if that breaks the rule."""
    trace, _, wrong = observe(topology)
    return trace if any(one.rule == rule for one in wrong) else None


def as_file(storm: Storm, checked: StormRun, topology: Topology) -> str:
    """The topology file that reproduces a breach by ``lab run``."""
    breach = observe(topology)[2][0]
    comment = (
        f"Run {checked.number} of `lab storm --seed {storm.seed}"
        f"{' --careless' if storm.careless else ''}` broke a rule:\n{breach}\n\n"
        "What to watch: `lab run` of this file ends with exit status 1 and tells the story.\n"
        f"It is the smallest case that was found: {sizes(topology)}."
    )
    return to_toml(topology, comment)


def sizes(topology: Topology) -> str:
    """How large a case is."""
    parts: Sequence[tuple[int, str]] = (
        (len(topology.hosts), "host"),
        (len(topology.links), "link"),
        (len(topology.mail), "message"),
        (len(topology.faults), "fault"),
    )
    return ", ".join(f"{n} {what}{'' if n == 1 else 's'}" for n, what in parts)
