"""The ledger of a run that goes on: what must be known of all its events, while few are kept.

A run's rows are taken from its trace every so many events. Account, digest and invariants see each
of them, once; what the level keeps stays in memory while it is short, and goes to a store when it
is not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from lab.analysis.account import Account
from lab.analysis.invariants import Invariants
from lab.trace.digests import Digests
from lab.trace.parquet import HEAVIEST, LEVELS, Store, open_trace, thinned, weight
from lab.trace.rows import Row
from lab.trace.trace import Trace

LONGEST: Final = 250_000
"""Events that are kept in memory; more go to a store, or are let go of where there is none."""


class Retention:
    """Keeps the rows of a run that a level keeps: in memory while they are few, else in a store.

    ``level`` is one of :data:`lab.trace.parquet.LEVELS`; ``folder`` is where rows go when they are
    too many to be kept in memory (None: nowhere, and ``let_go`` tells when that has come about).
    ``in_memory``: all are kept there, however many.
    """

    def __init__(
        self, level: str = "wire", folder: Path | None = None, *, in_memory: bool = False
    ) -> None:
        if level not in LEVELS:
            raise ValueError(f"there is no level {level!r} of a trace; write {', '.join(LEVELS)}")
        self.level = level
        self.folder = folder
        self.most = math.inf if in_memory else LONGEST
        self._heaviest = math.inf if in_memory else HEAVIEST
        self.store: Store | None = None
        self.let_go = False
        self._kept: list[Row] = []
        self._last: list[Row] = []
        self._weight = 0

    def keep(self, rows: list[Row]) -> None:
        """Keep what is to be kept of the next rows."""
        self._last = rows[-1:] or self._last
        if self.let_go:
            return
        kept = thinned(rows, self.level)
        if self.store is not None:
            self.store.write(kept)
            return
        known = len(self._kept)
        self._kept.extend(kept)
        self._weight += weight(self._kept[known:])
        if len(self._kept) <= self.most and self._weight <= self._heaviest:
            return
        if self.folder is None:
            self.let_go = True
            self._kept = self._kept[:1]  # how it began
            return
        self.store = Store(self.folder, self.level)
        self.store.write(self._kept)
        self._kept = []

    def rows(self) -> Iterable[Row]:
        """What has been kept so far."""
        return self._kept if self.store is None else self.store.rows()

    def close(self, digest: str, account: Account) -> Trace:
        """The trace as it was kept, with the digest of all of it and what it came to."""
        if self.store is not None:
            counts = account.summary()
            counts.pop("recipients")
            self.store.close(digest, counts)
            return open_trace(self.store.folder)
        if self.let_go:
            return Trace([*self._kept, *self._last], level="none", recorded=digest)
        return Trace(self._kept, self.level, digest)


class StreamingAnalysis:
    """Takes the rows of a run's trace as they come.

    ``account`` and ``rules`` are of all events, whatever the ``keeper`` keeps of them.
    """

    def __init__(self, trace: Trace, keeper: Retention) -> None:
        self.trace = trace
        self.keeper = keeper
        self.account = Account()
        self.digests = Digests()
        self.rules = Invariants()

    def take(self) -> None:
        """Take what the run has recorded since the last time."""
        rows: list[Row] = self.trace.rows
        self.account.take_all(rows)
        self.digests.take(rows)
        self.rules.take_all(rows)
        self.keeper.keep(rows)
        self.trace.take_away()

    def close(self) -> Trace:
        """Take the last rows: the trace as it was kept."""
        self.take()
        return self.keeper.close(self.digests.digest(), self.account)
