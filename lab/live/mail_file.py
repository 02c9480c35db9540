"""Mail of many bytes on its way from a host's process to the trace: in a file, not in memory.

A host sends such mail in pieces, and then the row that it belongs to. The network puts the pieces
into a file without a name, from where they go to the journal and to the backlog of the recorder.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from lab.live.spare_room import SpareRoom
from lab.trace.rows import KIND, OCTETS_COLUMNS, Row

LARGE: Final = 1 << 20
"""Bytes of mail that are sent in pieces, before their row."""

PIECE: Final = 1 << 18

_COLUMNS: Final = {kind: OCTETS_COLUMNS[kind] for kind in ("data", "deliver", "terminal")}
"""The column that is mail, in each kind of row that has one."""

MAIL_KINDS: Final = frozenset(_COLUMNS)


def mail_in(row: Row) -> Any:
    """Return the mail of a row, or what stands in its place; b"" where there is none."""
    column = _COLUMNS.get(row[KIND])
    return b"" if column is None else row[column]


def with_mail(row: Row, mail: Any) -> Row:
    """Return a row with something else in the place of its mail."""
    column = _COLUMNS[row[KIND]]
    return (*row[:column], mail, *row[column + 1 :])


def is_large(row: Row) -> bool:
    """Whether a row has so much mail that it is sent in pieces."""
    return row[KIND] in _COLUMNS and len(mail_in(row)) > LARGE


def pieces_of(mail: Any) -> Iterator[memoryview | bytes]:
    """Yield mail in pieces, wherever it is."""
    if isinstance(mail, MailInFile):
        yield from mail.pieces()
        return
    with memoryview(mail) as whole:
        for begin in range(0, len(whole), PIECE):
            yield whole[begin : begin + PIECE]


class MailFile:
    """A file without a name for pieces of mail; what finds no room on the disk stays in memory."""

    def __init__(self, folder: Path, room: SpareRoom) -> None:
        self._room = room if room.is_shared_by(folder) else None
        self._descriptor = -1
        with suppress(OSError), tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            self._descriptor = os.dup(file.fileno())
        self._end = 0
        self._pieces: list[int | bytes] = []

    def __del__(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def append(self, octets: bytes) -> None:
        """Add the next piece."""
        self._pieces.append(len(octets) if self._is_written(octets) else octets)

    def _is_written(self, octets: bytes) -> bool:
        if self._descriptor < 0 or not (self._room is None or self._room.has(len(octets))):
            return False
        try:
            written = os.pwrite(self._descriptor, octets, self._end)
        except OSError:
            return False
        if written < len(octets):
            return False
        self._end += written
        return True

    def read(self, place: int, size: int) -> bytes:
        """Return bytes of the file. Raises OSError where they cannot be read."""
        return os.pread(self._descriptor, size, place)

    def completed(self, rows: list[Row]) -> list[Row]:
        """Return rows with their mail in place of its size: that of the first row came first."""
        return [self._complete(row) for row in rows]

    def _complete(self, row: Row) -> Row:
        size = mail_in(row)
        if not isinstance(size, int):
            return row
        parts: list[tuple[int, int] | bytes] = []
        place = self._end - sum(piece for piece in self._pieces if isinstance(piece, int))
        while size:
            piece = self._pieces.pop(0)
            if isinstance(piece, int):
                parts.append((place, piece))
                place += piece
                size -= piece
            else:
                parts.append(piece)
                size -= len(piece)
        return with_mail(row, MailInFile(self, parts))


class MailInFile:
    """Mail whose pieces are in a file, or in memory where the disk was full."""

    def __init__(self, file: MailFile, parts: list[tuple[int, int] | bytes]) -> None:
        self._file = file
        self._parts = parts

    def __len__(self) -> int:
        return sum(len(part) if isinstance(part, bytes) else part[1] for part in self._parts)

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes, some at a time."""
        for part in self._parts:
            yield part if isinstance(part, bytes) else self._file.read(*part)

    def whole(self) -> bytes:
        """Return all of the bytes."""
        return b"".join(self.pieces())
