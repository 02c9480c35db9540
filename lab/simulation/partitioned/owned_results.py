"""What a partition derives about the mail that it owns: the account and the rules.

Rows about that mail come from all partitions, a batch of each for the same stretch of time, and are
put into the order in which one process would have written them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from lab.analysis.account import Account, Unsettled
from lab.analysis.invariants import MailRules
from lab.analysis.invariants.breach import Finding
from lab.analysis.recipients import Settled
from lab.simulation.partitioned.event_order import OrderedRows, merge
from lab.trace.rows import KIND, Row


class OwnedResults:
    """Account and rules of the mail that one of ``partitions`` partitions owns."""

    def __init__(self, partitions: int) -> None:
        self._account = Account()
        self._rules = MailRules()
        self._waiting: list[deque[OrderedRows]] = [deque() for _ in range(partitions)]

    def take(self, partition: int, batch: OrderedRows) -> None:
        """Take the next batch of a partition; it waits until all have given theirs."""
        self._waiting[partition].append(batch)
        while all(self._waiting):
            self._take([batches.popleft() for batches in self._waiting])

    def _take(self, batches: Sequence[OrderedRows]) -> None:
        rows: list[Row] = merge(batches)
        self._account.take_all(rows)
        handlers = self._rules.handlers()
        for row in rows:
            handler = handlers.get(row[KIND])
            if handler is not None:
                handler(row)

    def settled(self) -> list[Settled]:
        """Return the recipients that have been settled for good since the last call."""
        return self._account.settled.pop_all()

    def unsettled(self) -> Unsettled:
        """Return what is known of all other recipients."""
        return self._account.unsettled()

    def findings(self) -> list[Finding]:
        """Return what the rules have found."""
        return self._rules.findings
