"""Where each hop of each message lies in the timeline: lanes, forks where routes part, returns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from lab.analysis.itineraries import Hop, Itinerary
from lab.analysis.shown_names import NAMES, ShownNames
from lab.views.pictures.plot_style import shorten


@dataclass(slots=True, eq=False)
class Lane:
    """A row of the timeline: ``kind`` is message, fork (a copy on another route) or return."""

    row: int
    kind: str
    itinerary: Itinerary
    first: Hop | None = None


@dataclass(slots=True)
class LaneLayout:
    """The lanes from the top down, and the row of each hop (by id) and message (by number)."""

    lanes: list[Lane] = field(default_factory=list)
    rows: dict[int, int] = field(default_factory=dict)
    starts: dict[int, int] = field(default_factory=dict)

    def row(self, itinerary: Itinerary, hop: Hop | None) -> int:
        """Return the row of what happened to a message at the end of a hop."""
        return self.rows[id(hop)] if hop is not None else self.starts[itinerary.number]

    def add(self, kind: str, itinerary: Itinerary, first: Hop | None = None) -> int:
        """Add a row beneath the others, and return its number."""
        self.lanes.append(Lane(len(self.lanes), kind, itinerary, first))
        return len(self.lanes) - 1


def layout_lanes(itineraries: Iterable[Itinerary]) -> LaneLayout:
    """Return a lane for each message, as submitted, with forks and notifications beneath it."""
    layout = LaneLayout()
    for itinerary in itineraries:
        if itinerary.about is None:
            _place(layout, itinerary)
    return layout


def _place(layout: LaneLayout, itinerary: Itinerary) -> None:
    if itinerary.about is not None and not itinerary.hops:
        # it never left its host: its end is marked where the mail failed
        layout.starts[itinerary.number] = layout.row(itinerary.about, itinerary.cause)
    else:
        layout.starts[itinerary.number] = layout.add(
            "return" if itinerary.about else "message", itinerary
        )
        _follow(layout, itinerary, _children(itinerary), None, layout.starts[itinerary.number])
    for notice in itinerary.notifications:
        _place(layout, notice)


def _children(itinerary: Itinerary) -> dict[int | None, list[Hop]]:
    children: dict[int | None, list[Hop]] = defaultdict(list)
    for hop in sorted(itinerary.hops, key=lambda hop: hop.queued):
        children[None if hop.parent is None else id(hop.parent)].append(hop)
    return children


def _follow(
    layout: LaneLayout,
    itinerary: Itinerary,
    children: dict[int | None, list[Hop]],
    hop: Hop | None,
    row: int,
) -> None:
    """Put a chain of hops into a row, and other copies of the message into rows beneath."""
    forks: list[Hop] = []
    free = hop.ended if hop is not None and hop.ended is not None else float("-inf")
    while True:
        next_hops = children.get(None if hop is None else id(hop), [])
        # mail that was accepted twice (its 250 was lost) would overlap itself in this row
        onward = next((next_hop for next_hop in next_hops if next_hop.queued >= free - 1e-9), None)
        forks += [next_hop for next_hop in next_hops if next_hop is not onward]
        if onward is None:
            break
        layout.rows[id(onward)] = row
        hop, free = onward, onward.ended if onward.ended is not None else float("inf")
    for fork in forks:
        new = layout.add("fork", itinerary, fork)
        layout.rows[id(fork)] = new
        _follow(layout, itinerary, children, fork, new)


def label(lane: Lane, *, lines: int, width: int, shown: ShownNames = NAMES) -> str:
    """Return the label of a lane: number, from, to, in one or two lines of ``width`` characters.

    ``shown`` are the names of hosts as people see them.
    """
    itinerary = lane.itinerary
    if lane.kind == "fork" and lane.first is not None:
        return shorten(f"copy to {shown[lane.first.peer]}", width)
    to = _recipients(itinerary, shown)
    if lane.kind == "return":
        return shorten(f"↩ {itinerary.number}  to {to}", width)
    sender = shown.path(itinerary.sender.strip("<>")) or "<>"
    if lines == 2:
        return f"{shorten(f'{itinerary.number}  {sender}', width)}\n{shorten(f'→ {to}', width)}"
    half = max((width - len(str(itinerary.number)) - 5) // 2, 6)
    return f"{itinerary.number}  {shorten(sender, half)} → {shorten(to, half)}"


def _recipients(itinerary: Itinerary, shown: ShownNames) -> str:
    """Return the first recipient without its route, and how many more there are."""
    if not itinerary.recipients:
        return shown[itinerary.hops[0].peer if itinerary.hops else itinerary.host]
    first = shown.path(itinerary.recipients[0].strip("<>").rpartition(":")[2])
    recipients_left = len(itinerary.recipients) - 1
    return f"{first} +{recipients_left}" if recipients_left and "@" in first else first
