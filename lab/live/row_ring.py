"""Where a host's process puts the rows that it records, so that they outlive it.

It is memory that both processes share: putting rows there costs no system call and wakes no other
process, and when the host is killed, the network finds what it had recorded until then.

Rows about what is stored are put there before it is stored, with the number of the batch. The ring
says which batch was stored last, as far as the host got to report it; the storage itself knows.

What a host says to a caller from outside is put there before it is written to TCP, as a record that
is open. If the host is killed then, the caller may have heard it, and the record counts.
"""

from __future__ import annotations

import marshal
import mmap
import os
import struct
import tempfile
from collections.abc import Iterator
from multiprocessing.reduction import DupFd
from typing import Any, Final

from lab.trace.rows import CROSSING, KIND, SESSION, Row

SIZE: Final = 1 << 22
"""Bytes for rows: enough for what a busy network has not fetched yet, mail included."""

_RECORD: Final = struct.Struct("<IQ")
_SIZE: Final = 4
_BATCH: Final = struct.Struct("<Q")
_WRITTEN, _READ, _STORED, _OPEN, _SENT_BY_HOST, _SENT_TO_HOST, _STORED_BEFORE = range(7)
"""Places of numbers of eight bytes before the rows; a processor writes such a number whole."""

_ROWS: Final = 64

_TUPLES: Final = frozenset((tuple,))

HELD: Final = 1 << 62
"""The batch of rows that count if the host ends before it puts others in their place."""

INSTEAD: Final = 1 << 63
"""The batch of rows that take the place of held ones; before them comes a row of the session."""


class RowRing:
    """A ring of rows in shared memory, written by a host and read by the network.

    Byte counts begin when the process starts. ``unreadable`` counts records that were damaged.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._map = mmap.mmap(descriptor, _ROWS + SIZE)
        self._numbers = memoryview(self._map)[:_ROWS].cast("Q")
        self._written = self._numbers[_WRITTEN]
        self._read = self._numbers[_READ]
        self.unreadable = 0

    def __reduce__(self) -> tuple[Any, ...]:
        return _duplicate, (DupFd(self._descriptor),)

    @property
    def stored(self) -> int:
        """The number of the last batch that was stored, as far as the host got to report it."""
        return self._numbers[_STORED]

    @stored.setter
    def stored(self, batch: int) -> None:
        self._numbers[_STORED] = batch

    @property
    def stored_before(self) -> int | None:
        """The last batch that was stored before the host's process began; None: not known yet."""
        return self._numbers[_STORED_BEFORE] - 1 if self._numbers[_STORED_BEFORE] else None

    @stored_before.setter
    def stored_before(self, batch: int) -> None:
        self._numbers[_STORED_BEFORE] = batch + 1

    @property
    def sent_by_host(self) -> int:
        """How many messages the host has sent to the network, besides what the ring holds."""
        return self._numbers[_SENT_BY_HOST]

    def count_sent_by_host(self, count: int) -> None:
        """Note how many messages the host has sent to the network, before the last one leaves."""
        self._numbers[_SENT_BY_HOST] = count

    @property
    def sent_to_host(self) -> int:
        """How many messages the network has sent to the host."""
        return self._numbers[_SENT_TO_HOST]

    def count_sent_to_host(self, count: int) -> None:
        """Note how many messages the network has sent to the host, before the last one leaves."""
        self._numbers[_SENT_TO_HOST] = count

    @property
    def written(self) -> int:
        """How many bytes the host has put into the ring."""
        return self._written

    def put(self, octets: bytes, batch: int) -> bool:
        """Put rows of a batch (0: of none), as :func:`packed`; return False if there is no room."""
        if not self._append(octets, batch):
            return False
        self._numbers[_WRITTEN] = self._written
        return True

    def put_open(self, octets: bytes) -> bool:
        """Put rows of no batch that count after :meth:`confirm`, or if the host ends before it."""
        if not self._append(octets, 0):
            return False
        self._numbers[_OPEN] = self._written
        return True

    def confirm(self, batch: int = 0) -> None:
        """Have the open record count, as one of a batch."""
        if batch:
            self._copy(self._numbers[_WRITTEN] + _SIZE, _BATCH.pack(batch))
        self._numbers[_WRITTEN] = self._written

    def take_back(self) -> None:
        """Remove the open record: what it says has not happened."""
        self._written = self._numbers[_OPEN] = self._numbers[_WRITTEN]

    def fetch(self, until: int | None = None) -> Iterator[tuple[int, list[Row]]]:
        """Yield batches and rows up to a count of bytes; for a host that has ended, all of them."""
        last = max(self._numbers[_WRITTEN], self._numbers[_OPEN]) if until is None else until
        while self._read < last:
            size, batch = self._next_record()
            if size > last - self._read:  # no record is to be found in what follows
                self._read = last
                self.unreadable += 1
                self._numbers[_READ] = self._read
                return
            rows = self._rows_in(self._cut(size))
            self._numbers[_READ] = self._read
            if rows is not None:
                yield batch, rows

    def _next_record(self) -> tuple[int, int]:
        """Return how many bytes of rows the next record has, and its batch."""
        begin = self._read % SIZE
        if begin + _RECORD.size > SIZE:
            size, batch = _RECORD.unpack(self._cut(_RECORD.size))
        else:
            size, batch = _RECORD.unpack_from(self._map, _ROWS + begin)
            self._read += _RECORD.size
        return size, batch

    def _rows_in(self, octets: bytes) -> list[Row] | None:
        """Return the rows of a record; None, and count it, if it is not one."""
        try:
            rows = marshal.loads(octets)
            if type(rows) is list and set(map(type, rows)) <= _TUPLES:
                return rows
        except (ValueError, EOFError, TypeError):
            pass
        self.unreadable += 1
        return None

    def close(self) -> None:
        """Release the memory."""
        self._numbers.release()
        self._map.close()
        os.close(self._descriptor)

    def _append(self, octets: bytes, batch: int) -> bool:
        size = _RECORD.size + len(octets)
        if self._written - self._read + size > SIZE:
            self._read = self._numbers[_READ]
            if self._written - self._read + size > SIZE:
                return False
        self._copy(self._written, _RECORD.pack(len(octets), batch) + octets)
        self._written += size
        return True

    def _copy(self, place: int, octets: bytes) -> None:
        begin = place % SIZE + _ROWS
        end = begin + len(octets)
        if end <= _ROWS + SIZE:
            self._map[begin:end] = octets
            return
        first = _ROWS + SIZE - begin
        self._map[begin:] = octets[:first]
        self._map[_ROWS : _ROWS + len(octets) - first] = octets[first:]

    def _cut(self, size: int) -> bytes:
        begin = _ROWS + self._read % SIZE
        self._read += size
        octets_over = begin + size - (_ROWS + SIZE)
        if octets_over <= 0:
            return self._map[begin : begin + size]
        return self._map[begin:] + self._map[_ROWS : _ROWS + octets_over]


def packed(rows: list[Row]) -> bytes:
    """Return rows as bytes, by marshal: the fastest way between processes of the same Python."""
    return marshal.dumps(rows)


def outbox() -> RowRing:
    """Return a new ring, in memory without a name that is freed with its last user."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("smtp-lab")
    else:
        with tempfile.TemporaryFile(prefix="smtp-lab-") as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, _ROWS + SIZE)
    return RowRing(descriptor)


def _duplicate(descriptor: Any) -> RowRing:
    return RowRing(descriptor.detach())


_OF_THE_WIRE: Final = frozenset({*CROSSING, "open", "close", "attempt", "fault", "failure"})


def what_happened_anyway(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """Return, of rows that are not stored yet, what crossed the wires, and what the host did."""
    crossed = [row for row in rows if row[KIND] in _OF_THE_WIRE]
    return crossed, [row for row in rows if row[KIND] not in _OF_THE_WIRE]


def what_crossed(rows: list[Row]) -> list[Row]:
    """Return those rows of a batch that was not stored which are true: what crossed the wires.

    What the host made of it is undone with its process, and the reply to it was not sent.
    """
    undone: set[Any] = set()
    kept = []
    for row in rows:
        if row[KIND] not in _OF_THE_WIRE:
            undone.add(row[SESSION])
        elif row[SESSION] not in undone:
            kept.append(row)
    return kept
