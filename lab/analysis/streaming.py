"""The analysis of a run while it goes on: account, digest and invariants of all its events.

The rows of a run are taken from its trace from time to time, and each is analysed once. A
:class:`~lab.trace.retention.Retention` keeps those that the level keeps.
"""

from __future__ import annotations

from lab.analysis.account import Account
from lab.analysis.invariants import Invariants
from lab.trace.digests import Digests
from lab.trace.retention import Retention
from lab.trace.trace import Trace


class StreamingAnalysis:
    """Analyses the rows of a run's trace as they are recorded.

    ``account``, ``digests`` and ``rules`` are of all events, whichever ``retention`` keeps.
    """

    def __init__(self, trace: Trace, retention: Retention) -> None:
        self.trace = trace
        self.retention = retention
        self.account = Account()
        self.digests = Digests()
        self.rules = Invariants()

    def take(self) -> None:
        """Take the rows that the run has recorded since the last call."""
        rows = self.trace.growing
        self.account.take_all(rows)
        self.digests.take(rows)
        self.rules.take_all(rows)
        try:
            self.retention.keep(rows)
        finally:  # if they cannot be written, they are taken all the same, and written later
            self.trace.clear()

    def close(self) -> Trace:
        """Take the last rows, and return the trace of the rows that were kept."""
        self.take()
        return self.retention.close(self.digests.digest(), self.account.counts)
