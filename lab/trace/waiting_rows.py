"""Rows that wait until others have come: in memory while they are few, else in a file.

What is written session by session has to keep the rows of a session until it is over, and of all
sessions that began after one that is still open. That may be most of a long run.
"""

from __future__ import annotations

import marshal
from bisect import bisect_right
from collections.abc import Iterator
from typing import IO, Final

from lab.trace.rows import Row, octets_in

_MOST: Final = 8 << 20
"""Bytes of rows in memory, of all lists together, before any of them go to the file."""

_LEAST: Final = 1 << 16
"""Bytes of rows of one list that go to the file together, at least."""

_ROW: Final = 400
"""Bytes of memory that a row takes besides its mail or dialogue, about."""


class RowFile:
    """The file without a name for lists of rows; it is made when they are too much for memory.

    ``weight`` is about how many bytes of rows are in memory.
    """

    def __init__(self) -> None:
        self.weight = 0
        self._file: IO[bytes] | None = None

    def __enter__(self) -> RowFile:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    @property
    def is_needed(self) -> bool:
        """Whether there is too much in memory."""
        return self.weight > _MOST

    def put(self, rows: list[Row]) -> tuple[int, int]:
        """Write rows at the end; return their place and how many bytes they take."""
        if self._file is None:
            from tempfile import TemporaryFile

            self._file = TemporaryFile()  # noqa: SIM115 - closed when the lists are done with
        octets = marshal.dumps(rows)
        place = self._file.seek(0, 2)
        self._file.write(octets)
        return place, len(octets)

    def get(self, place: int, size: int) -> list[Row]:
        """Return rows that were put there."""
        assert self._file is not None, "nothing was put there"
        self._file.seek(place)
        rows: list[Row] = marshal.loads(self._file.read(size))
        return rows


class WaitingRows:
    """A list of rows that takes little memory, however long it is."""

    __slots__ = (
        "_begins",
        "_cached",
        "_cached_number",
        "_count",
        "_file",
        "_last",
        "_parts",
        "_weight",
    )

    def __init__(self, file: RowFile) -> None:
        self._file = file
        self._parts: list[tuple[int, int]] = []
        self._begins: list[int] = []
        self._last: list[Row] = []
        self._weight = 0
        self._count = 0
        self._cached: list[Row] = []
        self._cached_number = -1

    def __len__(self) -> int:
        return self._count

    def append(self, row: Row) -> None:
        """Add a row at the end."""
        self._last.append(row)
        self._count += 1
        weight = octets_in((row,)) + _ROW
        self._weight += weight
        self._file.weight += weight
        if self._weight >= _LEAST and self._file.is_needed:
            self._put_away()

    def finish(self) -> None:
        """Note that no more rows come: what is in memory goes to the file, if it is needed."""
        if self._last and self._file.is_needed:
            self._put_away()

    def _put_away(self) -> None:
        self._begins.append(self._count - len(self._last))
        self._parts.append(self._file.put(self._last))
        self._forget_weight()
        self._last = []

    def _forget_weight(self) -> None:
        self._file.weight -= self._weight
        self._weight = 0

    def close(self) -> None:
        """Forget the rows."""
        self._forget_weight()
        self._last, self._parts, self._begins, self._cached = [], [], [], []
        self._count = 0

    def __getitem__(self, place: int) -> Row:
        number = bisect_right(self._begins, place) - 1
        begin = self._count - len(self._last)
        if place >= begin:
            return self._last[place - begin]
        if self._cached_number != number:
            self._cached, self._cached_number = self._file.get(*self._parts[number]), number
        return self._cached[place - self._begins[number]]

    def __iter__(self) -> Iterator[Row]:
        for part in self._parts:
            yield from self._file.get(*part)
        yield from self._last
