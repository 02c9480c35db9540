"""The clock: SimPy's environment, with a short way for what a run does most.

A run is millions of arrivals, each an event with one callback. They are put into SimPy's own queue
and taken out of it in SimPy's own order, beside any other event of SimPy's; only the steps between
are fewer than the library's general ones.

What happens at the same instant comes in an order of its own too, and not in that in which it was
put on the clock: first the faults, then what the topology file arranges, then what hosts do, host
by host, each host's in the order in which it began it. So what a host goes through does not depend
on who else is on the clock.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from heapq import heappop, heappush
from itertools import count
from typing import Any, ClassVar, Final

from simpy import Environment
from simpy.events import NORMAL

Deliver = Callable[[Any], None]
"""Called with the :class:`Arrival`: its ``octets``, when ``sent``, and the time ``at``."""


Ticket = Callable[[], int]
"""Gives the next place among what happens at the same instant, for one source of events."""

FAULTS: Final = 0
MAIL: Final = 1
CALLS: Final = 2
HOSTS: Final = 3
"""The ranks of sources: faults, submissions, polls and scripts; hosts from this number on."""

WATCHES: Final = 2**22 - 1
"""The rank of what only looks whether something is overdue: last at its instant."""

_EACH: Final = 40
_FIRST: Final = -(1 << 62)
_ROOM: Final = 1 << 22
_LAST: Final = WATCHES << _EACH


def ticket(rank: int) -> Ticket:
    """The places of a source of events of a rank, one after another.

    They are even: what an event has happen elsewhere at the same instant comes right after it.
    Those of faults are so far apart that each has room for what it does to every host.
    """
    if rank == FAULTS:
        return count(_FIRST, _ROOM).__next__
    return count(rank << _EACH, 2).__next__


def _finer(place: int, row: tuple[Any, ...], ranks: Mapping[str, int]) -> int:
    """The place of a row of an event that befalls many hosts, which come in their order.

    A fault comes before what it does, what a crashed host forgets first of that, and the end of
    the fault after all.
    """
    if place >= _LAST:
        return _LAST + ranks.get(row[2], 0)
    if row[1] == "fault":
        return place if row[7] else place + _ROOM - 1
    return place + 1 if row[1] == "forget" else place + 2 + ranks.get(row[2], 0)


class Marks:
    """Which rows of a trace were recorded at which place of which instant.

    Row by row, or stretch by stretch of rows of one event: ``times`` and ``places`` are the
    event's, ``ends`` tell how many rows there are with its own.
    """

    __slots__ = ("ends", "places", "times")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Let go of what is here: rows are counted from none again."""
        self.times = array("d")
        self.places = array("q")
        self.ends = array("q")

    def add(self, t: float, place: int, end: int) -> None:
        """Add those of the event at a time and place; there are so many rows with them."""
        self.times.append(t)
        self.places.append(place)
        self.ends.append(end)

    def of(self, rows: Sequence[int]) -> tuple[bytes, bytes]:
        """The times, and the places, of the rows of these indices: eight bytes each."""
        import numpy

        events = numpy.searchsorted(self.ends, rows, side="right")
        times, places = numpy.frombuffer(self.times), numpy.frombuffer(self.places, numpy.int64)
        return times[events].tobytes(), places[events].tobytes()


class Arrival:
    """Bytes that will arrive: an event that carries them, and when they were sent.

    It has what SimPy's own step asks of an event, and no more: there are a dozen a session.
    """

    __slots__ = ("at", "deliver", "octets", "sent")
    _ok: ClassVar[bool] = True

    def __init__(
        self, clock: Clock, at: float, deliver: Deliver, octets: bytes, sent: float, place: int
    ) -> None:
        self.deliver = deliver
        self.octets = octets
        self.sent = sent
        self.at = at
        entry: Any = (at, NORMAL, place, self)
        heappush(clock._queue, entry)

    @property
    def callbacks(self) -> list[Deliver]:
        """What SimPy calls when it takes this out of its queue."""
        return [self.deliver]

    @callbacks.setter
    def callbacks(self, value: None) -> None:
        """SimPy marks an event as past by this; of an arrival nobody asks."""


class Due:
    """Something to be done at a time: ``call`` with ``value``."""

    __slots__ = ("call", "value")
    _ok: ClassVar[bool] = True

    def __init__(
        self, clock: Clock, at: float, call: Callable[[Any], None], value: Any, place: int
    ) -> None:
        self.call = call
        self.value = value
        entry: Any = (max(at, clock._now), NORMAL, place, self)
        heappush(clock._queue, entry)

    @property
    def callbacks(self) -> list[Callable[[Any], None]]:
        """What SimPy calls when it takes this out of its queue."""
        return [self._do]

    @callbacks.setter
    def callbacks(self, value: None) -> None:
        """SimPy marks an event as past by this; of this one nobody asks."""

    def _do(self, _: Any) -> None:
        self.call(self.value)


class Clock(Environment):
    """SimPy's environment, in seconds."""

    def run_out(self) -> None:
        """Go on until nothing is left to happen: what ``run()`` does, for events that succeed."""
        queue: Any = self._queue  # an arrival stands in for an event
        while queue:
            self._now, _, _, event = heappop(queue)
            if event.__class__ is Arrival:
                event.deliver(event)
                continue
            callbacks, event.callbacks = event.callbacks, None
            for callback in callbacks:
                callback(event)
            if not event._ok:
                raise event._value

    def run_some(self, events: int, until: float) -> None:
        """Go on for so many events at the most, none of them at ``until`` seconds or later."""
        queue: Any = self._queue
        for _ in range(events):
            if not queue or queue[0][0] >= until:
                return
            self._now, _, _, event = heappop(queue)
            if event.__class__ is Arrival:
                event.deliver(event)
                continue
            callbacks, event.callbacks = event.callbacks, None
            for callback in callbacks:
                callback(event)
            if not event._ok:
                raise event._value

    def run_window(
        self,
        end: float,
        rows: list[Any],
        marks: Marks,
        ranks: Mapping[str, int],
    ) -> None:
        """Go on until a time in seconds, none of it included, and mark whose rows are whose.

        Each event that adds to ``rows`` adds to ``marks`` its time, its place in that instant, and
        how many rows there are then. Places never go back within an instant: what an event has
        happen later at the same time counts as being at that event's. ``ranks`` of the hosts tell
        the place of what befalls many of them at once.
        """
        queue: Any = self._queue
        mark = marks.add
        known, last, highest = len(rows), -1.0, 0
        while queue and queue[0][0] < end:
            now, _, place, event = heappop(queue)
            self._now = now
            if now != last:
                last, highest = now, place
            elif place > highest:
                highest = place
            if event.__class__ is Arrival:
                event.deliver(event)
            else:
                callbacks, event.callbacks = event.callbacks, None
                for callback in callbacks:
                    callback(event)
                if not event._ok:
                    raise event._value
            if len(rows) != known:
                if 0 <= place < _LAST:
                    known = len(rows)
                    mark(now, highest, known)
                    continue
                for row in rows[known:]:
                    known += 1
                    highest = max(highest, _finer(place, row, ranks))
                    mark(now, highest, known)

    def run_to(self, at: float) -> None:
        """Let all happen that is due at a time or before it; then it is that time."""
        while self.peek() <= at:
            self.step()
        self._now = max(self._now, at)
