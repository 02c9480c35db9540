"""Events on the clock, their order within one instant, and the loop that takes them off the clock.

A run is millions of deliveries, each an event with one callback. They go into SimPy's own queue and
come out of it in SimPy's own order, beside any other event of SimPy's; this loop only takes fewer
steps for each than the library's general one.

Events of the same instant do not happen in the order in which they were put on the clock. First
come the faults, then what the topology file schedules, then what hosts do: host by host, and each
host's events in the order in which it scheduled them. So what a host experiences does not depend on
which other hosts are in the run.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any, ClassVar, Final

from simpy import Environment

Deliver = Callable[[Any], None]
"""Called with a :class:`Delivery`: its ``octets``, when they were ``sent``, and the time ``at``."""


Line = tuple[str, str, float, float, float, int | None, int | None]
"""How bytes crossed a line, as :data:`lab.trace.rows.Line` says."""

Sequencer = Callable[[], int]
"""Gives the next order number for an event of one source. Events of one instant happen in the order
of these numbers.
"""

FAULTS: Final = 0
MAIL: Final = 1
CALLS: Final = 2
HOSTS: Final = 3
"""The ranks of sources: faults, submissions, polls and scripts; hosts from this number on."""

WATCHES: Final = 2**22 - 1
"""The rank of events that only check whether something is overdue: last in their instant."""

PROBES: Final = 2**22
"""The rank of events that only look at a run: after all others of their instant."""

ORDER_BITS: Final = 40
"""Bits of an order number below the rank of its source."""

FIRST_FAULT: Final = -(1 << 62)
FAULT_GAP: Final = 1 << 22
"""The order number of the first fault, and the distance from one fault's to the next one's."""

_NORMAL: Final = 1
"""SimPy's priority of what is not urgent."""


def sequencer(rank: int) -> Sequencer:
    """Return the sequencer of a source of events, by its rank.

    The numbers are even: what an event causes elsewhere in the same instant has the odd number
    right after it. Those of faults leave a gap, with a number for each host that a fault affects.
    """
    if rank == FAULTS:
        return count(FIRST_FAULT, FAULT_GAP).__next__
    return count(rank << ORDER_BITS, 2).__next__


class Delivery:
    """Bytes that will arrive: an event that carries them, and the time when they were sent.

    ``lines`` is how they crossed the lines that have a bandwidth; None if there were none.
    It has only what SimPy's own step needs of an event, because a session makes about a dozen.
    """

    __slots__ = ("at", "deliver", "lines", "octets", "sent")
    _ok: ClassVar[bool] = True

    def __init__(
        self,
        clock: Environment,
        at: float,
        deliver: Deliver,
        octets: bytes,
        sent: float,
        order: int,
        lines: tuple[Line, ...] | None = None,
    ) -> None:
        self.lines = lines
        self.deliver = deliver
        self.octets = octets
        self.sent = sent
        self.at = at
        entry: Any = (at, _NORMAL, order, self)
        heappush(clock._queue, entry)

    @property
    def callbacks(self) -> list[Deliver]:
        """What SimPy calls when it takes this out of its queue."""
        return [self.deliver]

    @callbacks.setter
    def callbacks(self, value: None) -> None:
        """Ignore what SimPy sets when an event is past: nobody asks a delivery for it."""


class Timer:
    """A call of a function with a value, at a time."""

    __slots__ = ("call", "value")
    _ok: ClassVar[bool] = True

    def __init__(
        self, clock: Environment, at: float, call: Callable[[Any], None], value: Any, order: int
    ) -> None:
        self.call = call
        self.value = value
        entry: Any = (max(at, clock._now), _NORMAL, order, self)
        heappush(clock._queue, entry)

    @property
    def callbacks(self) -> list[Callable[[Any], None]]:
        """What SimPy calls when it takes this out of its queue."""
        return [self._do]

    @callbacks.setter
    def callbacks(self, value: None) -> None:
        """Ignore what SimPy sets when an event is past: nobody asks a timer for it."""

    def _do(self, _: Any) -> None:
        self.call(self.value)


def go(clock: Environment, events: int, until: float) -> None:
    """Let at most this many events happen, all of them before ``until`` seconds.

    It does what SimPy's ``run()`` does, for events that succeed.
    """
    queue: list[Any] = clock._queue  # a delivery stands in for an event of SimPy's
    for _ in range(events):
        if not queue or queue[0][0] >= until:
            return
        clock._now, _, _, event = heappop(queue)
        if isinstance(event, Delivery):
            event.deliver(event)
        else:
            happen(event)


def go_while_fewer(
    clock: Environment, events: int, until: float, rows: list[Any], most: int
) -> None:
    """Do what :func:`go` does, and let no more events happen once there are ``most`` rows."""
    for _ in range(events):
        if len(rows) >= most:
            return
        go(clock, 1, until)


def happen(event: Any) -> None:
    """Let an event that has been taken off the clock happen."""
    callbacks, event.callbacks = event.callbacks, None
    for callback in callbacks:
        callback(event)
    if not event._ok:
        raise event._value
