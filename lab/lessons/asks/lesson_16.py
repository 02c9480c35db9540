"""What lesson 16 asks for: a network that one designs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import combinations
from typing import TYPE_CHECKING

from lab.lessons import design
from lab.lessons.answers import (
    Host,
    Judged,
    Number,
    Pair,
    Selection,
    Verdict,
    each,
    form_of,
    hinted,
)
from lab.lessons.functions import Network

if TYPE_CHECKING:
    import networkx

    from lab.topology.model import Topology

Site = str
Line = tuple[str, ...]
"""Two sites, and the speed of the line between them, if it is said."""


@hinted("How many lines must end at each site? And how many ends has a line?")
def predict() -> Number:
    """Return the number of lines of a ring."""
    return Number(len(design.SITES), units=["line"])


@hinted("Follow the ring in the other direction.")
def break_it(hops: int) -> Number:
    """Return how many relays a message passes on so many hops."""
    return Number(hops - 1, units=["relay", "host"])


@hinted("Cover it with a finger: is the rest still in one piece?")
def exercise_1(rings: Topology) -> Selection:
    """Return the sites and lines whose failure a design does not survive."""
    return Selection(Host(place, design.SITES) for place in design.needed(rings))


@hinted("Where are the rings close to each other?")
def exercise_2(lines: Iterable[Line], every: networkx.Graph) -> Judged:
    """Return the exercise for the line that mends a design, the cheapest of ``every`` pair."""
    ours = list(lines)
    return Judged(lambda patch: _mends(patch, ours, every), form_of(Pair(Host(known=design.SITES))))


def _mends(patch: Line, lines: list[Line], every: networkx.Graph) -> Verdict:
    still = design.needed(design.network([*lines, patch]))
    if still:
        return f"It still does not survive the loss of {still[0]}."
    is_enough = design.rent(*patch) <= _cheapest_patch(lines, every)
    return is_enough or "It survives. But a cheaper line is enough."


def _cheapest_patch(lines: list[Line], every: networkx.Graph) -> int:
    taken = {frozenset(line[:2]) for line in lines}
    untaken = [pair for pair in every.edges if frozenset(pair) not in taken]
    good = [pair for pair in untaken if not design.needed(design.network([*lines, pair]))]
    return min(design.rent(*pair) for pair in good)


@hinted("`combinations(design.SITES, 3)` are the triples.")
def exercise_3(with_hubs: Callable[..., tuple[list[Line], list[Site]]]) -> Judged:
    """Return the exercise for the three hubs of the cheapest network."""
    three = each(Host(known=design.SITES), 3, any_order=True)

    def cost(hubs: Iterable[Site]) -> int:
        return design.cost(design.network(*with_hubs(*hubs)))

    def is_cheapest(hubs: list[Site]) -> Verdict:
        if len(set(hubs) & set(design.SITES)) != 3:
            return "They should be three different sites."
        own, least = cost(hubs), min(map(cost, combinations(design.SITES, 3)))
        return own == least or f"That network costs {own:,}; there is one for {least:,}."

    return Judged(is_cheapest, three)


@hinted("`print(design.score(mine))` says more.")
def exercise_4() -> Network:
    """Return the exercise for a design that has more points than the reference."""
    return Network(design.beats(design.reference()))
