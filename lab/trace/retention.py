"""Keep the rows of a run that its level keeps: in memory or, if there are many, in a folder."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from lab.runtime.extras import is_installed
from lab.trace.levels import checked_level, thinned
from lab.trace.parquet import MAX_WAITING_OCTETS, ParquetWriter
from lab.trace.rows import Row, octets_in
from lab.trace.trace import Trace, open_trace

MAX_ROWS_IN_MEMORY: Final = 250_000
"""Events that are kept in memory; if there are more, all go to a folder or are dropped."""


LIVE_ROWS: Final = 20_000
"""The same for a live run, which may last for days, and whose hosts need the memory too."""

LIVE_OCTETS: Final = 32 << 20
"""Bytes of mail and dialogue of a live run that wait in memory for their file."""


class Retention:
    """Keeps the rows of a run that a level keeps: in memory while they are few, else in a folder.

    ``level`` is one of :data:`lab.trace.levels.LEVELS`. ``folder`` is where the rows go when they
    are too many for memory; if it is None they are dropped then, and ``has_dropped`` is true.
    ``in_memory`` keeps all rows in memory, however many they are, as does a folder where pyarrow is
    not installed; ``most`` is how many are few, by
    default MAX_ROWS_IN_MEMORY, and ``most_octets`` how many bytes of mail and dialogue.
    """

    def __init__(
        self,
        level: str = "wire",
        folder: Path | None = None,
        *,
        in_memory: bool = False,
        most: int | None = None,
        most_octets: int | None = None,
    ) -> None:
        self.level = checked_level(level)
        self.folder = folder
        self.has_dropped = False
        # without pyarrow, nothing can be written to the folder
        in_memory = in_memory or (folder is not None and not is_installed("pyarrow"))
        self._max_rows = math.inf if in_memory else most or MAX_ROWS_IN_MEMORY
        self._most_octets = most_octets or MAX_WAITING_OCTETS
        self._max_octets = math.inf if in_memory else self._most_octets
        self._writer: ParquetWriter | None = None
        self._kept: list[Row] = []
        self._octets = 0
        self._last: list[Row] = []

    @property
    def rows_in_memory(self) -> int:
        """How many rows are in memory."""
        return len(self._kept) + (self._writer.waiting if self._writer is not None else 0)

    def keep(self, rows: list[Row]) -> None:
        """Keep what the level keeps of the next rows of the run."""
        self._last = rows[-1:] or self._last
        if self.has_dropped:
            return
        kept = list(thinned(rows, self.level))
        if self._writer is not None:
            self._writer.write(kept)
            return
        self._octets += octets_in(kept)
        if len(self._kept) + len(kept) > self._max_rows or self._octets > self._max_octets:
            self._overflow(kept)
        else:
            self._kept.extend(kept)

    def _overflow(self, kept: list[Row]) -> None:
        """Move the rows from memory to the folder, and the next ones; or drop all but the first."""
        if self.folder is None:
            self.has_dropped = True
            self._kept = [*self._kept[:1], *kept[:1]][:1]
            return
        self._writer = ParquetWriter(self.folder, self.level, self._most_octets)
        self._writer.write(self._kept)
        self._kept = []
        self._writer.write(kept)

    def rows(self) -> Iterable[Row]:
        """Return the rows that have been kept so far."""
        return self._kept if self._writer is None else self._writer.rows()

    def close(self, digest: str, counts: Callable[[], Mapping[str, Any]]) -> Trace:
        """Return the trace of what was kept, with the digest of the whole run.

        ``counts`` is called for what is stored with the digest in a folder: how many recipients
        reached each outcome.
        """
        if self._writer is not None:
            self._writer.close(digest, counts())
            return open_trace(self._writer.folder)
        if self.has_dropped:
            return Trace([*self._kept, *self._last], level="none", recorded=digest)
        return Trace(self._kept, self.level, digest)


def live_retention(level: str, folder: Path | None) -> Retention:
    """Return what keeps the rows of a live run: few of them in memory."""
    return Retention(level, folder, most=LIVE_ROWS, most_octets=LIVE_OCTETS)
