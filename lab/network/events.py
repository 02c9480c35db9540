"""What is on the clock: events with what SimPy asks of them, their places, and going through them.

A run is millions of arrivals, each an event with one callback. They are put into SimPy's own queue
and taken out of it in SimPy's own order, beside any other event of SimPy's; only the steps between
are fewer than the library's general ones.

What happens at the same instant comes in an order of its own too, and not in that in which it was
put on the clock: first the faults, then what the topology file arranges, then what hosts do, host
by host, each host's in the order in which it began it. So what a host goes through does not depend
on who else is on the clock.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar, Final

if TYPE_CHECKING:
    from lab.network.clock import Clock

Deliver = Callable[[Any], None]
"""Called with the :class:`Delivery`: its ``octets``, when ``sent``, and the time ``at``."""


Ticket = Callable[[], int]
"""Gives the next place among what happens at the same instant, for one source of events."""

FAULTS: Final = 0
MAIL: Final = 1
CALLS: Final = 2
HOSTS: Final = 3
"""The ranks of sources: faults, submissions, polls and scripts; hosts from this number on."""

WATCHES: Final = 2**22 - 1
"""The rank of what only looks whether something is overdue: last at its instant."""

PLACES: Final = 40
"""Bits of a place below the rank of its source."""

FIRST: Final = -(1 << 62)
ROOM: Final = 1 << 22
"""The place of the first fault, and how far from it the next one's is."""

_NORMAL: Final = 1
"""SimPy's priority of what is not urgent."""


def ticket(rank: int) -> Ticket:
    """The places of a source of events of a rank, one after another.

    They are even: what an event has happen elsewhere at the same instant comes right after it.
    Those of faults are so far apart that each has room for what it does to every host.
    """
    if rank == FAULTS:
        return count(FIRST, ROOM).__next__
    return count(rank << PLACES, 2).__next__


class Delivery:
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
        entry: Any = (at, _NORMAL, place, self)
        heappush(clock._queue, entry)

    @property
    def callbacks(self) -> list[Deliver]:
        """What SimPy calls when it takes this out of its queue."""
        return [self.deliver]

    @callbacks.setter
    def callbacks(self, value: None) -> None:
        """SimPy marks an event as past by this; of an arrival nobody asks."""


class Timer:
    """Something to be done at a time: ``call`` with ``value``."""

    __slots__ = ("call", "value")
    _ok: ClassVar[bool] = True

    def __init__(
        self, clock: Clock, at: float, call: Callable[[Any], None], value: Any, place: int
    ) -> None:
        self.call = call
        self.value = value
        entry: Any = (max(at, clock._now), _NORMAL, place, self)
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


def go(clock: Clock, events: int, until: float) -> None:
    """Let so many events happen at the most, none of them at ``until`` seconds or later.

    It is what SimPy's ``run()`` does, for events that succeed.
    """
    queue: list[Any] = clock._queue  # an arrival stands in for an event of SimPy's
    for _ in range(events):
        if not queue or queue[0][0] >= until:
            return
        clock._now, _, _, event = heappop(queue)
        if isinstance(event, Delivery):
            event.deliver(event)
        else:
            happen(event)


def happen(event: Any) -> None:
    """Let an event that has been taken off the clock happen."""
    callbacks, event.callbacks = event.callbacks, None
    for callback in callbacks:
        callback(event)
    if not event._ok:
        raise event._value
