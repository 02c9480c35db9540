"""Merges what the hosts of a live run have recorded: numbered, and in the order of time.

A host gives numbers of its own to sessions and messages that come from outside; here each gets the
next number of the run. Rows come in order from each host, and a little late. Rows that no earlier
row can follow any more go to a file, and from there to the analysis when there is time. So a run
that is served for days needs no more memory than one of an hour, and a minute of high load does not
wait for its analysis.
"""

from __future__ import annotations

import marshal
import tempfile
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lab.live.journal import Journal
from lab.live.mail_file import MAIL_KINDS, MailInFile, mail_in, pieces_of, with_mail
from lab.live.spare_room import SpareRoom
from lab.runtime.memory import return_free_memory
from lab.simulation.numbering import FIRST_LIVE_NUMBER, LIFE_BITS, RunNumbering, RunNumbers
from lab.trace.rows import (
    KIND,
    MESSAGE,
    NOTIFY_ABOUT,
    NOTIFY_RECIPIENTS,
    OWN,
    SESSION,
    Row,
    T,
)

if TYPE_CHECKING:
    from lab.analysis.streaming import StreamingAnalysis
    from lab.live.wallclock import WallClock
    from lab.trace.trace import Trace

MOST: Final = 20_000
"""Rows in memory before any of them go to the file; a short run keeps all in memory."""

HEAVIEST: Final = 8 << 20
"""Bytes of mail in those rows before it goes to the file."""

LATE: Final = 2.0
"""Seconds of the wall clock by which the rows of a host that runs may be late."""

_INTERVAL: Final = 0.5
"""Seconds of the wall clock between two moves of old rows to the file."""

CHUNK: Final = 5_000
"""Rows that go to the analysis at a time: about 50 ms of work."""

HEAVY_CHUNK: Final = 4 << 20
"""Bytes of mail that go to the analysis at a time, but for the last row."""

_LARGE: Final = 1 << 14
"""Bytes of mail that are put on disk before their row, if there is much mail."""

_CACHED: Final = 4096

_time: Final = itemgetter(T)


class Backlog:
    """Rows that wait in a file without a name, first in, first out; ``count`` is how many.

    Mail of many bytes may be put there before its row: the row then has a place of the file in the
    place of the bytes, until it is taken out again. A disk counts as full when there is only the
    ``room`` that is kept for mail.
    """

    def __init__(self, folder: Path, room: SpareRoom | None = None) -> None:
        self.count = 0
        self._room = room if room is not None and room.is_shared_by(folder) else None
        # without a buffer, so that a full disk shows at once
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - for the run
        self._chunks: deque[tuple[int, int, int]] = deque()
        self._end = 0
        self._moved = 0

    @property
    def has_mail(self) -> bool:
        """Whether mail was put there before its row, and not taken out again."""
        return self._moved > 0

    def move(self, row: Row) -> Row:
        """Return a row whose mail is in the file now; the row itself, if the disk is full."""
        begin = end = self._end
        for piece in pieces_of(mail := mail_in(row)):
            if not self._write(piece, end):
                return row if isinstance(mail, bytes) else with_mail(row, mail.whole())
            end += len(piece)
        self._end = end
        self._moved += 1
        return with_mail(row, (begin, end - begin))

    def whole(self, row: Row) -> Row:
        """Return a row with the mail that was moved; it is not in the file any more."""
        if not is_moved(row):
            return row
        self._moved -= 1
        return with_mail(row, self._read(*mail_in(row)))

    def put(self, rows: list[Row]) -> int:
        """Append rows; return how many of them, which is fewer if the disk is full."""
        taken = 0
        for chunk in chunks(rows):
            octets = marshal.dumps(chunk)
            if not self._write(octets, self._end):
                break
            self._chunks.append((self._end, len(octets), len(chunk)))
            self._end += len(octets)
            self.count += len(chunk)
            taken += len(chunk)
        return taken

    def _write(self, octets: bytes | memoryview, place: int) -> bool:
        """Write all bytes at a place, or return False."""
        if self._room is not None and not self._room.has(len(octets)):
            return False
        self._file.seek(place)
        left = memoryview(octets)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            return False
        return True

    def _read(self, place: int, size: int) -> bytes:
        self._file.seek(place)
        return self._file.read(size)

    def get(self) -> list[Row]:
        """Remove and return rows from the beginning: a chunk that was put together."""
        place, size, count = self._chunks.popleft()
        rows: list[Row] = marshal.loads(self._read(place, size))
        self.count -= count
        if self._moved:
            rows = [self.whole(row) for row in rows]
        if not self._chunks and not self._moved:
            self._end = 0
            self._file.truncate(0)
        return rows

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def is_moved(row: Row) -> bool:
    """Whether the mail of a row is in the file: then its place and size stand there."""
    return type(mail_in(row)) is tuple


def chunks(rows: list[Row]) -> Iterator[list[Row]]:
    """Yield rows in parts of at most CHUNK rows, and of little more mail than HEAVY_CHUNK."""
    begin = weight = 0
    for number, row in enumerate(rows):
        if row[KIND] in MAIL_KINDS:
            mail = mail_in(row)
            weight += mail[1] if type(mail) is tuple else len(mail)
        if weight > HEAVY_CHUNK or number - begin == CHUNK - 1:
            yield rows[begin : number + 1]
            begin, weight = number + 1, 0
    if begin < len(rows):
        yield rows[begin:]


def _is_stored_beside(analysis: StreamingAnalysis | None, room: SpareRoom) -> bool:
    """Return whether the trace of a run goes to the disk that mail is stored on."""
    folder = None if analysis is None else analysis.retention.folder
    return folder is not None and folder.parent.exists() and room.is_shared_by(folder.parent)


class Recorder:
    """Puts the rows of a live run into its trace, and from there into the analysis, if any.

    ``taken`` counts the rows that have come from the hosts. ``on_submit``, if it is set, is called
    with each row of mail that was handed in, and with the number that its host has given it.
    """

    def __init__(
        self,
        trace: Trace,
        record: Callable[[Row], None],
        numbering: RunNumbering,
        analysis: StreamingAnalysis | None,
        folder: Path,
        journal: Journal | None = None,
        room: SpareRoom | None = None,
    ) -> None:
        self._backlog = Backlog(folder, room)
        self._room = room if room is not None and _is_stored_beside(analysis, room) else None
        self._journal = journal
        self._in_journal = 0
        self.taken = 0
        self.on_submit: Callable[[Row, int], None] | None = None
        self._trace = trace
        self._record = record
        self._analysis = analysis
        self._sessions = RunNumbers(LIFE_BITS, LIFE_BITS, numbering.next_session)
        self._messages = RunNumbers(LIFE_BITS, LIFE_BITS, numbering.next_message)
        self._known: dict[int, int] = {}
        self._weight = 0
        self._light = 0
        self._has_large = False
        self._has_moved = False
        self._again = 0.0

    def message(self, number: int) -> int:
        """Return the run's number of a message that a host may have numbered itself."""
        return number if number < FIRST_LIVE_NUMBER else self._messages.number(number)

    def take(self, rows: list[Row]) -> None:
        """Put rows of a host into the trace."""
        self.taken += len(rows)
        record, known = self._record, self._known
        if len(known) > _CACHED:
            known.clear()
        for row in rows:
            session, own, kind = row[SESSION], row[MESSAGE], row[KIND]
            message, is_known = own, True
            if session is not None and session >= FIRST_LIVE_NUMBER:
                session = known.get(session) or self._know(session, self._sessions)
                is_known = False
            if own is not None and own >= FIRST_LIVE_NUMBER:
                message = known.get(own) or self._know(own, self._messages)
                is_known = False
            if not is_known:
                row = (*row[:SESSION], session, message, *row[OWN:])
            if kind == "notify":
                row = (*row[:OWN], self.message(row[NOTIFY_ABOUT]), *row[NOTIFY_RECIPIENTS:])
            elif kind in MAIL_KINDS:
                mail = mail_in(row)
                self._weight += len(mail)
                self._has_large = self._has_large or len(mail) >= _LARGE
                if isinstance(mail, MailInFile):
                    if self._analysis is None:
                        row = with_mail(row, mail.whole())
                    else:
                        self._weight += HEAVIEST  # which moves it at once
            elif kind == "submit" and self.on_submit is not None:
                self.on_submit(row, own)
            record(row)
            if self._weight > HEAVIEST and self._analysis is not None:
                self._move_mail()

    def _move_mail(self) -> None:
        """Put the mail of the rows in memory on disk; the rows stay, to be sorted by time."""
        self.write_journal()
        rows = self._trace.growing
        for number in range(self._light, len(rows)) if self._has_large else ():
            if len(mail_in(rows[number])) >= _LARGE:
                rows[number] = self._backlog.move(rows[number])
        self._has_large = False
        self._light = len(rows)
        self._weight = 0
        self._has_moved = True

    def _know(self, number: int, numbers: RunNumbers) -> int:
        real = self._known[number] = numbers.number(number)
        return real

    def write_journal(self) -> None:
        """Write the rows that have come since the last time to the trace so far."""
        rows = self._trace.rows
        if self._journal is not None and len(rows) > self._in_journal:
            self._journal.write(rows[self._in_journal :])
        self._in_journal = len(rows)

    def sort(self) -> None:
        """Sort the rows in memory by time."""
        self.write_journal()
        rows = self._trace.growing
        first = 0 if self._trace.first_seq else 1  # the row of the beginning stays first
        rows[first:] = sorted(rows[first:], key=_time)

    def put_away(self, clock: WallClock) -> None:
        """Write the trace so far; move old rows to the file, if there are many."""
        self.write_journal()
        rows = self._trace.growing
        if self._analysis is None or (len(rows) < MOST and not self._has_moved):
            return
        if clock.now < self._again:
            return
        self._again = clock.now + _INTERVAL * clock.speed
        if self._has_moved:
            return_free_memory()
        self._move_mail()
        self.sort()
        until = bisect_left(rows, clock.now - LATE * clock.speed, key=_time)
        until = min(until, len(rows) - 1)  # the last row tells the time of the trace
        until = self._backlog.put(rows[:until]) if until > 0 else 0
        if until > 0:  # else the rows stay in memory, as they do while the disk is full
            del rows[:until]
            self._in_journal -= until
            self._trace.first_seq += until
            self._light = len(rows)
            self._has_moved = self._backlog.has_mail and any(map(is_moved, rows))

    def work(self, *, is_over: bool = False) -> bool:
        """Give the analysis some of the rows that wait for it; return whether there are more.

        It rests while the trace would take room that is kept for mail, unless the run is over.
        """
        if self._room is not None and not is_over and not self._room.has():
            return False
        if self._analysis is not None and self._backlog.count:
            self._analysis.trace.growing.extend(self._backlog.get())
            self._analysis.take()
        return bool(self._backlog.count)

    @property
    def waiting(self) -> int:
        """How many rows wait for the analysis."""
        return self._backlog.count

    def finish(self) -> None:
        """Give the analysis the last rows, when no others wait for it."""
        if self._journal is not None:
            self.write_journal()
            self._journal.close()
        if self._analysis is not None:
            for rows in chunks(self._trace.growing):
                self._analysis.trace.growing.extend(map(self._backlog.whole, rows))
                self._analysis.take()
            self._trace.clear()
        self._backlog.close()
