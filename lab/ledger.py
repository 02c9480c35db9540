"""The ledger of a run that goes on: what must be known of all its events, while few are kept.

A run's rows are taken from its trace every so many events. Account, digest and invariants see each
of them, once; what the level keeps stays in memory while it is short, and goes to a store when it
is not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from lab.account import Account
from lab.digests import Digests
from lab.invariants import Invariants
from lab.store import HEAVIEST, LEVELS, Store, open_trace, thinned, weight
from lab.trace import Row, Trace

LONGEST: Final = 250_000
"""Events that are kept in memory; more go to a store, or are let go of where there is none."""


class Ledger:
    """Takes the rows of a run's trace as they come.

    ``level`` is one of :data:`lab.store.LEVELS`; ``folder`` is where rows go when they are too many
    to be kept (None: nowhere). ``account`` and ``rules`` are of all events.
    """

    def __init__(self, trace: Trace, level: str = "wire", folder: Path | None = None) -> None:
        if level not in LEVELS:
            raise ValueError(f"there is no level {level!r} of a trace; write {', '.join(LEVELS)}")
        self.trace = trace
        self.level = level
        self.folder = folder
        self.account = Account()
        self.digests = Digests()
        self.rules = Invariants()
        self.store: Store | None = None
        self.let_go = False
        self._kept: list[Row] = []
        self._weight = 0

    def take(self) -> None:
        """Take what the run has recorded since the last time."""
        rows: list[Row] = self.trace.rows
        self.account.take_all(rows)
        self.digests.take(rows)
        self.rules.take_all(rows)
        self._keep(rows)
        self.trace.take_away()

    def _keep(self, rows: list[Row]) -> None:
        if self.let_go:
            return
        kept = thinned(rows, self.level)
        if self.store is not None:
            self.store.write(kept)
            return
        known = len(self._kept)
        self._kept.extend(kept)
        self._weight += weight(self._kept[known:])
        if len(self._kept) <= LONGEST and self._weight <= HEAVIEST:
            return
        if self.folder is None:
            self.let_go = True
            self._kept = self._kept[:1]  # how it began
            return
        self.store = Store(self.folder, self.level)
        self.store.write(self._kept)
        self._kept = []

    def close(self) -> Trace:
        """Take the last rows: the trace as it was kept."""
        last = self.trace.rows[-1:]
        self.take()
        digest = self.digests.digest()
        if self.store is not None:
            self.store.close(digest, self._counts())
            return open_trace(self.store.folder)
        if self.let_go:
            return Trace([*self._kept, *last], level="none", recorded=digest)
        return Trace(self._kept, self.level, digest)

    def _counts(self) -> dict[str, Any]:
        counts = self.account.summary()
        counts.pop("recipients")
        return counts
