"""The stages of a message's hop, and the ends that it came to, as pictures and the page draw them.

Times are in seconds. ``until`` is when the run stopped: what was going on then lasts until then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from lab.analysis.itineraries import End, Hop, Itinerary

SPOOL: Final = "spool"
ATTEMPT: Final = "attempt"
WAIT: Final = "wait"
OPENING: Final = "opening"
CROSSING: Final = "crossing"

_GIVEN_UP: Final = ("expired", "round")
"""The outcomes of a hop whose mail left the spool without having crossed a session."""

ARRIVALS: Final = ("deliver", "terminal")
"""The kinds of end at which mail has reached whom it was for."""


class Stage(NamedTuple):
    """A part of a hop.

    ``kind`` is SPOOL (mail lies in the spool), ATTEMPT (one that failed), WAIT (for the next one),
    OPENING (the channel that it will cross opens) or CROSSING (its transaction).
    """

    kind: str
    begin: float
    end: float


def stages(hop: Hop, until: float) -> Iterator[Stage]:
    """Yield the stages of a hop in their order; some take no time."""
    kind, since = SPOOL, hop.queued
    for attempt in hop.attempts:
        yield Stage(kind, since, attempt.began)
        yield Stage(ATTEMPT, attempt.began, attempt.ended)
        kind, since = WAIT, attempt.ended
    yield Stage(kind, since, max(leaving(hop, until), since))
    if hop.ended is None or hop.outcome in _GIVEN_UP:
        return
    sending = hop.sending if hop.sending is not None else hop.queued
    if hop.opening is not None and hop.opened is not None:
        yield Stage(OPENING, hop.opening, hop.opened)
        yield Stage(SPOOL, hop.opened, sending)
    yield Stage(CROSSING, sending, hop.ended)


def leaving(hop: Hop, until: float) -> float:
    """Return when a hop's channel began to open or, on an open one, when its transaction began."""
    over = over_at(hop, until)
    begin = hop.sending if hop.sending is not None else over
    return hop.opening if hop.opening is not None else begin


def over_at(hop: Hop, until: float) -> float:
    """Return when a hop was over."""
    return hop.ended if hop.ended is not None else until


def busy(itinerary: Itinerary) -> Iterator[tuple[float, float]]:
    """Yield from when to when a message did something other than wait in a spool."""
    yield itinerary.t, itinerary.t
    for hop in itinerary.hops:
        yield from ((attempt.began, attempt.ended) for attempt in hop.attempts)
        if hop.ended is not None:
            yield leaving(hop, hop.ended), hop.ended
    yield from ((end.t, end.t) for end in itinerary.ends)


def end_of_hop(hop: Hop, until: float) -> End | None:
    """Return the end of a hop on which mail did not cross: expired, round (it went another way
    instead) or queued (still in the spool); None for any other hop.
    """
    if hop.ended is None:
        return End(max(until, hop.queued), "queued", hop.host, hop)
    return End(hop.ended, hop.outcome, hop.host, hop) if hop.outcome in _GIVEN_UP else None


def kind_of_end(itinerary: Itinerary, end: End) -> str:
    """Return the kind of an end; "return" for a notification that has reached the originator."""
    return "return" if itinerary.about is not None and end.kind == "deliver" else end.kind


def family(itinerary: Itinerary) -> Iterator[Itinerary]:
    """Yield a message, and all notifications that it led to."""
    yield itinerary
    for notice in itinerary.notifications:
        yield from family(notice)
