"""Rows that a host has recorded, until it is known whether what they say has come true.

A host records what it is about to store. The rows count when that is stored. If its process ends
before it could say so, its storage tells; and if that cannot be read, because the process still
holds it, say, the next process of the host tells.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from lab.live.row_ring import HELD, INSTEAD, what_crossed
from lab.trace.rows import SESSION, Row


class UnsureRows:
    """The rows of one host that do not count yet.

    ``is_doubtful``: whether there are rows of a process that has ended.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, list[Row]]] = deque()
        self._held: dict[int, list[Row]] = {}
        self._left: list[tuple[int, list[Row]]] = []

    @property
    def is_doubtful(self) -> bool:
        """Whether there are rows of a process that has ended, of which nothing is known."""
        return bool(self._left)

    def add(self, batch: int, rows: list[Row]) -> None:
        """Keep rows of a batch, or held ones, or those that take the place of held ones."""
        if batch == HELD:
            self._held.setdefault(rows[0][SESSION], []).extend(rows)
            return
        if batch == INSTEAD:
            self._held.pop(rows.pop(0)[0], None)
            batch = 0
        self._waiting.append((batch, rows))

    def void(self, batch: int) -> None:
        """Drop the rows of a batch that could not be stored; those that are true come again."""
        self._waiting = deque(entry for entry in self._waiting if entry[0] != batch)

    def has(self, stored: int) -> bool:
        """Whether there are rows that count, as this batch and all before it are stored."""
        return bool(self._waiting) and self._waiting[0][0] <= stored

    def take(self, stored: int) -> list[Row]:
        """Remove and return the first rows that count, of which there are some."""
        assert self.has(stored), "the host has not stored what the rows record"
        return self._waiting.popleft()[1]

    def put_back(self, rows: list[Row]) -> None:
        """Keep rows that count, and could not be recorded now."""
        self._waiting.appendleft((0, rows))

    def end_process(self) -> None:
        """Note that the host's process has ended: what it has recorded last is in doubt."""
        self._left.extend(self._waiting)
        self._left.extend((0, rows) for rows in self._held.values())
        self._waiting.clear()
        self._held.clear()

    def decide(self, stored: int) -> Iterator[list[Row]]:
        """Yield those rows in doubt that count, as this is the last batch that was stored."""
        left, self._left = self._left, []
        for batch, rows in left:
            yield rows if batch <= stored else what_crossed(rows)
