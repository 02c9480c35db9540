"""The score of a design, measured by simulations, and a reference design to beat."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from itertools import combinations
from typing import Any, Final

from lab.analysis.measures import delivery_times
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
from lab.lessons.items import Verdict
from lab.topology.model import Topology, TopologyError


@dataclass(frozen=True)
class Score:
    """The cost of a design, the delay of its messages, and the failures it survives.

    ``seconds`` is the average delay of a message; ``undelivered`` counts the messages of the rush
    that did not arrive; ``failures`` counts the sites and lines that were taken out, one at a time.
    ``broken`` has those of them whose failure the design does not survive, each with the number of
    pairs of other sites that could no longer write to each other. Its text is a table.
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
        """The rules that the design breaks, each as a sentence."""
        problems = []
        if self.undelivered:
            problems.append(
                f"{self.undelivered} messages do not arrive, although nothing has failed."
            )
        if self.cost > BUDGET:
            problems.append(f"It costs {self.cost:,}; the budget is {BUDGET:,}.")
        if self.seconds > SECONDS:
            problems.append(f"A message takes {self.seconds:.2f} s; the limit is {SECONDS:g} s.")
        if self.broken:
            worst = max(self.broken, key=lambda name: self.broken[name])
            unlisted = f", nor {len(self.broken) - 1} others" if len(self.broken) > 1 else ""
            problems.append(f"It does not survive the loss of {worst}{unlisted}.")
        return problems

    @property
    def points(self) -> int | None:
        """The part of the budget that is not spent; None if a rule is broken."""
        return None if self.wrong else BUDGET - self.cost

    def __str__(self) -> str:
        rows = [
            f"{self.title}",
            f"  cost      {self.cost:,} a month: {self.lines} lines, {self.relays} relays",
            f"  delay     {self.seconds:.2f} s for a message, on average",
            f"  failures  {self.failures} tried, {len(self.broken)} not survived",
        ]
        for name, pairs in list(self.broken.items())[:3]:
            rows.append(f"            without {name}, {pairs} pairs of others cannot write")
        if len(self.broken) > 3:
            rows.append(f"            and {len(self.broken) - 3} more")
        rows += [f"  no points: {problem}" for problem in self.wrong]
        return "\n".join([*rows, *([] if self.wrong else [f"  points    {self.points:,}"])])

    __repr__ = __str__


def score(topology: Topology) -> Score:
    """Measure the score of a design; raises TopologyError if ``topology`` is not a design."""
    return _score(tuple(lines_of(topology)), frozenset(quiet_of(topology)), topology.title)


def beats(reference: Topology) -> Callable[[Any], Verdict]:
    """Return a function for a check: whether a design has more points than the reference."""
    to_beat = score(reference).points or 0

    def judge(design: Any) -> Verdict:
        try:
            measured = score(design)
        except TopologyError as fault:
            return " ".join(f"{problem}." for problem in fault.problems)
        if measured.points is None:
            return " ".join(["No points.", *measured.wrong])
        if measured.points > to_beat:
            return True
        return f"{measured.points:,} points; more than {to_beat:,} are required."

    return judge


@lru_cache(maxsize=200)
def _score(lines: tuple[Line, ...], quiet: frozenset[str], title: str) -> Score:
    design = network(lines, quiet, title)
    rush = simulate(design, trace="none")
    times = list(delivery_times(rush.account).values())
    broken = {}
    for part, remaining in _one_failure(design):
        pairs = _cut_off_pairs(remaining)
        if pairs:
            broken[part] = pairs
    return Score(
        title=title,
        lines=len(lines),
        relays=len(SITES) - len(quiet),
        cost=cost(design),
        seconds=sum(times) / len(times),
        undelivered=rush.summary["submitted"] - len(times),
        failures=len(SITES) + len(lines),
        broken=broken,
    )


def _one_failure(design: Topology) -> Iterator[tuple[str, Topology]]:
    """Yield the network without one of its sites or lines, for each of them.

    The missing part is in no table, so all hosts know of the failure.
    """
    for site in SITES:
        hosts = {name: host for name, host in design.hosts.items() if name != site}
        links = tuple(link for link in design.links if site not in (link.a, link.b))
        yield site, replace(design, hosts=hosts, links=links)
    for cut in design.links:
        links = tuple(link for link in design.links if link != cut)
        yield f"{cut.a} - {cut.b}", replace(design, links=links)


def _cut_off_pairs(design: Topology) -> int:
    """Count the pairs of sites that cannot write to each other; a user of each site tries to."""
    users = [f"<ann@{name}>" for name in design.hosts]
    letters = tuple(letter(user, users[:n], 100) for n, user in enumerate(users) if n)
    summary = simulate(replace(design, mail=letters), trace="none").summary
    missing: int = summary["submitted"] - summary["delivered"]
    return missing


# -- a design to beat

MARGIN: Final = 0.85
"""The share of the allowed seconds that the reference plans with; busy lines take longer."""


@cache
def reference() -> Topology:
    """Return a design that is made by a simple rule: begin with too much, and remove what can go.

    At first, a fast line joins every two sites, and all hosts relay. Then each host in turn stops
    relaying, those farthest from the others first. Then each line in turn is removed or becomes
    slow, the longest first. A change is kept if the graph still allows delay and failures.
    """
    lines = dict.fromkeys(combinations(SITES, 2), "fast")
    quiet: set[str] = set()
    for name in sorted(SITES, key=lambda site: -sum(distance(site, other) for other in SITES)):
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
