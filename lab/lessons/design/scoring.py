"""The score of a design, measured by simulations, and a design to beat."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from itertools import combinations
from typing import Any, Final

from lab.api.simulate import simulate
from lab.lessons.design.task import (
    BUDGET,
    SECONDS,
    SITES,
    Line,
    cost,
    distance,
    expected_delay,
    letter,
    lines_of,
    needed,
    network,
    quiet_of,
)
from lab.topology.model import Topology, TopologyError


@dataclass(frozen=True)
class Score:
    """What a design costs, how long its letters take, and what it withstands; its text is a table.

    ``seconds``: of a letter in the mean; ``undelivered``: letters of the rush that did not arrive;
    ``failures``: how many sites and lines were put out of order, one at a time; ``broken``: those
    of them without which others could not write to each other, and how many pairs of sites.
    """

    title: str
    lines: int
    relays: int
    cost: int
    seconds: float
    undelivered: int
    failures: int
    broken: Mapping[str, int] = field(default_factory=dict)

    @property
    def wrong(self) -> list[str]:
        """The rules that the design breaks, a sentence each."""
        found = []
        if self.undelivered:
            found.append(
                f"{self.undelivered} letters do not arrive though nothing is out of order."
            )
        if self.cost > BUDGET:
            found.append(f"It costs {self.cost:,}, and {BUDGET:,} is all there is.")
        if self.seconds > SECONDS:
            found.append(f"A letter takes {self.seconds:.2f} s, and {SECONDS:g} s is the most.")
        if self.broken:
            worst = max(self.broken, key=lambda name: self.broken[name])
            others = f", nor {len(self.broken) - 1} others" if len(self.broken) > 1 else ""
            found.append(f"It does not survive the loss of {worst}{others}.")
        return found

    @property
    def points(self) -> int | None:
        """What it leaves of the budget; None where a rule is broken."""
        return None if self.wrong else BUDGET - self.cost

    def __str__(self) -> str:
        rows = [
            f"{self.title}",
            f"  cost      {self.cost:,} a month: {self.lines} lines, {self.relays} relays",
            f"  delay     {self.seconds:.2f} s a letter in the mean",
            f"  failures  {self.failures} tried, {len(self.broken)} not survived",
        ]
        for name, pairs in list(self.broken.items())[:3]:
            rows.append(f"            without {name} {pairs} pairs of others cannot write")
        if len(self.broken) > 3:
            rows.append(f"            and {len(self.broken) - 3} more")
        rows += [f"  no points: {one}" for one in self.wrong]
        return "\n".join([*rows, *([] if self.wrong else [f"  points    {self.points:,}"])])

    __repr__ = __str__


def score(topology: Topology) -> Score:
    """The score of a design, measured; raises TopologyError for what is no design."""
    return _score(tuple(lines_of(topology)), frozenset(quiet_of(topology)), topology.title)


def beats(reference: Topology) -> Callable[[Any], bool | str]:
    """A judge of designs, for a check: whether one has more points than the reference."""
    to_beat = score(reference).points or 0

    def judge(design: Any) -> bool | str:
        try:
            found = score(design)
        except TopologyError as fault:
            return " ".join(f"{problem}." for problem in fault.problems)
        if found.points is None:
            return " ".join(["No points.", *found.wrong])
        return found.points > to_beat or f"{found.points:,} points; {to_beat:,} is to be beaten."

    return judge


@lru_cache(maxsize=200)
def _score(lines: tuple[Line, ...], quiet: frozenset[str], title: str) -> Score:
    whole = network(lines, quiet, title)
    rush = simulate(whole, trace="none").summary["recipients"]
    spans = [
        one["settled_at"] - one["submitted_at"]
        for one in rush
        if one["settled_at"] is not None and one["outcome"] == "delivered"
    ]
    broken = {}
    for name, rest in _one_failure(whole):
        missing = _missing(rest)
        if missing:
            broken[name] = missing
    return Score(
        title=title,
        lines=len(lines),
        relays=len(SITES) - len(quiet),
        cost=cost(whole),
        seconds=sum(spans) / len(spans),
        undelivered=len(rush) - len(spans),
        failures=len(SITES) + len(lines),
        broken=broken,
    )


def _one_failure(whole: Topology) -> Iterator[tuple[str, Topology]]:
    """The network without each of its sites, and without each of its lines, one at a time.

    What is gone is in no table: everybody knows.
    """
    for gone in SITES:
        hosts = {name: host for name, host in whole.hosts.items() if name != gone}
        links = tuple(link for link in whole.links if gone not in (link.a, link.b))
        yield gone, replace(whole, hosts=hosts, links=links)
    for cut in whole.links:
        links = tuple(link for link in whole.links if link != cut)
        yield f"{cut.a} - {cut.b}", replace(whole, links=links)


def _missing(rest: Topology) -> int:
    """How many pairs of sites cannot write to each other: one of each tries to."""
    users = [f"<ann@{name}>" for name in rest.hosts]
    letters = tuple(letter(one, users[:n], 100) for n, one in enumerate(users) if n)
    summary = simulate(replace(rest, mail=letters), trace="none").summary
    missing: int = summary["submitted"] - summary["delivered"]
    return missing


# -- a design to beat

MARGIN: Final = 0.85
"""Of the seconds allowed, how many the reference plans with: lines that are busy take longer."""


@cache
def reference() -> Topology:
    """A design by a simple rule: begin with too much, and take away what is not missed.

    At first each two sites have a fast line, and all hosts relay. Then each host in turn ceases to
    relay, those farthest from the others first; then each line in turn goes or else becomes slow,
    the longest first: if delay and failures allow it, as the graph has it.
    """
    lines = dict.fromkeys(combinations(SITES, 2), "fast")
    quiet: set[str] = set()
    for name in sorted(SITES, key=lambda one: -sum(distance(one, other) for other in SITES)):
        if _holds(lines, {*quiet, name}):
            quiet.add(name)
    for pair in sorted(lines, key=lambda pair: -distance(*pair)):
        speed = lines.pop(pair)
        if not _holds(lines, quiet):
            lines[pair] = "slow"
            lines[pair] = "slow" if _holds(lines, quiet) else speed
    return network([(*pair, speed) for pair, speed in lines.items()], quiet, "The reference")


def _holds(lines: Mapping[tuple[str, str], str], quiet: set[str]) -> bool:
    design = network([(*pair, speed) for pair, speed in lines.items()], quiet)
    return expected_delay(design) <= MARGIN * SECONDS and not needed(design)
