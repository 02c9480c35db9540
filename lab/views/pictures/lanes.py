"""Where each hop of each message lies in the timeline: lanes, forks where routes part, returns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from lab.analysis.itineraries import Hop, Itinerary
from lab.views.pictures.plot_style import shorten


@dataclass(slots=True, eq=False)
class Lane:
    """A row of the timeline: ``kind`` is message, fork (a copy on a way of its own) or return."""

    row: int
    kind: str
    story: Itinerary
    first: Hop | None = None


@dataclass(slots=True)
class LaneLayout:
    """The lanes from the top down, and the row of each hop (by id) and message (by number)."""

    lanes: list[Lane] = field(default_factory=list)
    rows: dict[int, int] = field(default_factory=dict)
    starts: dict[int, int] = field(default_factory=dict)

    def row(self, story: Itinerary, hop: Hop | None) -> int:
        """The row in which something lies that happened to a message at the end of a hop."""
        return self.rows[id(hop)] if hop is not None else self.starts[story.number]

    def add(self, kind: str, story: Itinerary, first: Hop | None = None) -> int:
        """The number of a new row beneath the others."""
        self.lanes.append(Lane(len(self.lanes), kind, story, first))
        return len(self.lanes) - 1


def plan(itineraries: Iterable[Itinerary]) -> LaneLayout:
    """A lane a message in the order of submission, what belongs to it right beneath."""
    made = LaneLayout()
    for story in itineraries:
        if story.about is None:
            _place(made, story)
    return made


def _place(made: LaneLayout, story: Itinerary) -> None:
    if story.about is not None and not story.hops:
        # it never left the host at which it was written: its end is marked where the mail failed
        made.starts[story.number] = made.row(story.about, story.cause)
    else:
        made.starts[story.number] = made.add("return" if story.about else "message", story)
        _follow(made, story, _children(story), None, made.starts[story.number])
    for notice in story.notifications:
        _place(made, notice)


def _children(story: Itinerary) -> dict[int | None, list[Hop]]:
    children: dict[int | None, list[Hop]] = defaultdict(list)
    for hop in sorted(story.hops, key=lambda hop: hop.queued):
        children[None if hop.parent is None else id(hop.parent)].append(hop)
    return children


def _follow(
    made: LaneLayout,
    story: Itinerary,
    children: dict[int | None, list[Hop]],
    hop: Hop | None,
    row: int,
) -> None:
    """Lay a chain of hops along a row; the other copies at each parting get rows beneath."""
    forks: list[Hop] = []
    free = hop.ended if hop is not None and hop.ended is not None else float("-inf")
    while True:
        here = children.get(None if hop is None else id(hop), [])
        # mail that was accepted twice (its 250 was lost) overlaps itself: no room in this row
        onward = next((one for one in here if one.queued >= free - 1e-9), None)
        forks += [one for one in here if one is not onward]
        if onward is None:
            break
        made.rows[id(onward)] = row
        hop, free = onward, onward.ended if onward.ended is not None else float("inf")
    for fork in forks:
        new = made.add("fork", story, fork)
        made.rows[id(fork)] = new
        _follow(made, story, children, fork, new)


def label(lane: Lane, *, lines: int, width: int) -> str:
    """What stands beside a lane: number, from, to, in one line or two of that many characters."""
    story = lane.story
    if lane.kind == "fork" and lane.first is not None:
        return shorten(f"copy to {lane.first.peer}", width)
    to = _recipients(story)
    if lane.kind == "return":
        return shorten(f"↩ {story.number}  to {to}", width)
    sender = story.sender.strip("<>") or "<>"
    if lines == 2:
        return f"{shorten(f'{story.number}  {sender}', width)}\n{shorten(f'→ {to}', width)}"
    half = max((width - len(str(story.number)) - 5) // 2, 6)
    return f"{story.number}  {shorten(sender, half)} → {shorten(to, half)}"


def _recipients(story: Itinerary) -> str:
    """The first recipient without its route (the bars show that), and how many more there are."""
    if not story.recipients:
        return story.hops[0].peer if story.hops else story.host
    first = story.recipients[0].strip("<>").rpartition(":")[2]
    more = len(story.recipients) - 1
    return f"{first} +{more}" if more and "@" in first else first
