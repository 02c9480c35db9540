"""What the hosts of a live run recorded: numbered as a run is, in the order of time, and let go of.

A host gives numbers of its own to sessions and messages that come from outside; here each gets the
next of the run. Rows come in order from each host, and a little late; those that nothing earlier
can follow any more go to a ledger, so that a run that is served for days needs no more memory than
one of an hour.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lab.live.station import TOKENS, TOKENS_OF_A_LIFE
from lab.trace import Row

if TYPE_CHECKING:
    from lab.ledger import Ledger
    from lab.live.wallclock import WallClock
    from lab.simulation import Simulation

MOST: Final = 50_000
"""Rows that are here before any of them goes to the ledger: of a short run, all to its end."""

HEAVIEST: Final = 32 << 20
"""Bytes of mail in them, likewise."""

LATE: Final = 2.0
"""Seconds of the wall clock after which no earlier row comes from a host that runs."""

_EACH: Final = 0.5
"""Seconds between two looks at what is old enough."""

_CACHED: Final = 4096


class Numbers:
    """The numbers that a run has given to what hosts had numbered themselves: 8 bytes each."""

    def __init__(self, following: Callable[[], int]) -> None:
        self._following = following
        self._of: dict[int, array[int]] = {}

    def of(self, number: int) -> int:
        """The run's number; the same that came in, if a host did not make it."""
        if number < TOKENS:
            return number
        life, place = divmod(number, TOKENS_OF_A_LIFE)
        given = self._of.setdefault(life, array("q"))
        if place >= len(given):
            given.frombytes(bytes(given.itemsize * (place + 1 - len(given))))
        if not given[place]:
            given[place] = self._following()
        return given[place]


class Records:
    """The rows of a live run on their way into its trace, and from there to a ledger, if any."""

    def __init__(self, simulation: Simulation, ledger: Ledger | None) -> None:
        self._trace = simulation.trace
        self._record = simulation.record
        self._ledger = ledger
        self._sessions = Numbers(simulation.next_session)
        self._messages = Numbers(simulation.next_message)
        self._known: dict[int, int] = {}
        self._weight = 0
        self._again = 0.0

    def message(self, number: int) -> int:
        """The message's number, where a host gave one of its own."""
        return self._messages.of(number)

    def take(self, rows: list[Row]) -> None:
        """What a host recorded, into the trace."""
        record, known = self._record, self._known
        if len(known) > _CACHED:
            known.clear()
        for row in rows:
            session, message, kind = row[4], row[5], row[1]
            if session is not None and session >= TOKENS:
                session = known.get(session) or self._know(session, self._sessions)
            if message is not None and message >= TOKENS:
                message = known.get(message) or self._know(message, self._messages)
            if session != row[4] or message != row[5]:
                row = (*row[:4], session, message, *row[6:])
            if kind == "notify":
                row = (*row[:6], self.message(row[6]), *row[7:])
            elif kind == "data" or kind == "deliver":
                self._weight += len(row[-1])
            record(row)

    def _know(self, number: int, numbers: Numbers) -> int:
        real = self._known[number] = numbers.of(number)
        return real

    def sort(self) -> None:
        """Bring the rows that are here into the order of time."""
        rows = self._trace.rows
        first = 0 if self._trace.base else 1  # how the run began stays before all else
        rows[first:] = sorted(rows[first:], key=lambda row: row[0])

    def hand_over(self, clock: WallClock) -> None:
        """Give the ledger what is old enough, if there is much."""
        rows = self._trace.rows
        if self._ledger is None or (len(rows) < MOST and self._weight < HEAVIEST):
            return
        if clock.now < self._again:
            return
        self._again = clock.now + _EACH * clock.speed
        self.sort()
        until = bisect_left(rows, clock.now - LATE * clock.speed, key=lambda row: row[0])
        until = min(until, len(rows) - 1)  # the last tells when the run has come to
        if until > 0:
            self._ledger.trace.rows.extend(rows[:until])
            self._ledger.take()
            del rows[:until]
            self._trace.base += until
            self._weight = 0

    def finish(self) -> None:
        """Give the ledger all that is left."""
        if self._ledger is not None:
            self._ledger.trace.rows.extend(self._trace.rows)
            self._ledger.take()
            self._trace.take_away()
