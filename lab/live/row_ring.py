"""The outbox of a host's process: what it recorded, where its end does not reach it.

Memory that both processes see: to put rows there costs no call into the system and wakes nobody,
and when the host is killed, the network finds what it had recorded until then.

Rows of what is put into storage are there before it is stored, under the number of the batch; which
batch was stored last, the outbox says, and for sure the storage itself.
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

from lab.trace.rows import KIND, SESSION, Row

SIZE: Final = 1 << 22
"""Bytes for rows; what a network at work has not fetched yet, mail of usual sizes among it."""

_RECORD: Final = struct.Struct("<IQ")
_WRITTEN, _READ, _STORED = 0, 1, 2
"""Numbers of eight bytes each, before the rows; a processor writes such a number whole."""

_ROWS: Final = 64


class RowRing:
    """A ring of rows, written by a host and read by the network.

    Numbers of bytes count from the beginning of the host's life. ``stored`` is the number of the
    last batch that is in storage.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._map = mmap.mmap(descriptor, _ROWS + SIZE)
        self._numbers = memoryview(self._map)[:_ROWS].cast("Q")
        self._written = self._numbers[_WRITTEN]
        self._read = self._numbers[_READ]

    def __reduce__(self) -> tuple[Any, ...]:
        return _duplicate, (DupFd(self._descriptor),)

    @property
    def stored(self) -> int:
        """The last batch that was stored, as far as the host came to say so."""
        return self._numbers[_STORED]

    @stored.setter
    def stored(self, batch: int) -> None:
        self._numbers[_STORED] = batch

    @property
    def written(self) -> int:
        """How many bytes the host has put."""
        return self._written

    def put(self, octets: bytes, batch: int) -> bool:
        """Put rows, as :func:`packed`, of a batch (0: of none); False where there is no room."""
        size = _RECORD.size + len(octets)
        if self._written - self._read + size > SIZE:
            self._read = self._numbers[_READ]
            if self._written - self._read + size > SIZE:
                return False
        self._copy(_RECORD.pack(len(octets), batch))
        self._copy(octets)
        self._numbers[_WRITTEN] = self._written
        return True

    def fetch(self, until: int | None = None) -> Iterator[tuple[int, list[Row]]]:
        """Batch and rows of what was put, up to a number of bytes; or, of a host that is no more,
        of all.
        """
        last = self._numbers[_WRITTEN] if until is None else until
        while self._read < last:
            size, batch = _RECORD.unpack(self._cut(_RECORD.size))
            rows = marshal.loads(self._cut(size))
            self._numbers[_READ] = self._read
            yield batch, rows

    def close(self) -> None:
        """Let go of the memory."""
        self._numbers.release()
        self._map.close()
        os.close(self._descriptor)

    def _copy(self, octets: bytes) -> None:
        begin = self._written % SIZE
        first = min(len(octets), SIZE - begin)
        self._map[_ROWS + begin : _ROWS + begin + first] = octets[:first]
        if first < len(octets):
            self._map[_ROWS : _ROWS + len(octets) - first] = octets[first:]
        self._written += len(octets)

    def _cut(self, size: int) -> bytes:
        begin = self._read % SIZE
        self._read += size
        octets = self._map[_ROWS + begin : _ROWS + min(begin + size, SIZE)]
        rest = size - len(octets)
        return octets + self._map[_ROWS : _ROWS + rest] if rest else octets


def packed(rows: list[Row]) -> bytes:
    """Rows as bytes; marshal, for it is the fastest that there is, between equal Pythons."""
    return marshal.dumps(rows)


def outbox() -> RowRing:
    """A new outbox, in memory that has no name and goes with its last user."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("smtp-lab")
    else:
        with tempfile.TemporaryFile(prefix="smtp-lab-") as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, _ROWS + SIZE)
    return RowRing(descriptor)


def _duplicate(descriptor: Any) -> RowRing:
    return RowRing(descriptor.detach())


_OF_THE_WIRE: Final = frozenset({"open", "command", "reply", "data", "close", "attempt", "fault"})


def what_crossed(rows: list[Row]) -> list[Row]:
    """Of rows whose batch was not stored, those that came true: what crossed the wires before.

    What a host made of it is undone with its process, and the reply to it was not sent.
    """
    undone: set[Any] = set()
    kept = []
    for row in rows:
        if row[KIND] not in _OF_THE_WIRE:
            undone.add(row[SESSION])
        elif row[SESSION] not in undone:
            kept.append(row)
    return kept
