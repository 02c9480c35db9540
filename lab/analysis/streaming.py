"""The analysis of a run that goes on: what must be known of all its events, while few are kept.

A run's rows are taken from its trace every so many events. Account, digest and invariants see each
of them once; what the level keeps is kept by a :class:`~lab.trace.retention.Retention`.
"""

from __future__ import annotations

from lab.analysis.account import Account
from lab.analysis.invariants import Invariants
from lab.trace.digests import Digests
from lab.trace.retention import Retention
from lab.trace.rows import Row
from lab.trace.trace import Trace


class StreamingAnalysis:
    """Takes the rows of a run's trace as they come.

    ``account``, ``digests`` and ``rules`` are of all events, whatever ``retention`` keeps of them.
    """

    def __init__(self, trace: Trace, retention: Retention) -> None:
        self.trace = trace
        self.retention = retention
        self.account = Account()
        self.digests = Digests()
        self.rules = Invariants()

    def take(self) -> None:
        """Take what the run has recorded since the last time."""
        rows: list[Row] = self.trace.rows
        self.account.take_all(rows)
        self.digests.take(rows)
        self.rules.take_all(rows)
        self.retention.keep(rows)
        self.trace.clear()

    def close(self) -> Trace:
        """Take the last rows; return the trace as it was kept."""
        self.take()
        return self.retention.close(self.digests.digest(), self.account.counts)
