"""The books of a part: account and rules of the mail whose home it is.

Rows about that mail come from all parts, a batch of each for the same stretch of time, and are put
into the order that one process would have written them in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from lab.analysis.account import Account, Rest, Settled
from lab.analysis.invariants import MailRules
from lab.analysis.invariants.breach import Finding
from lab.simulation.partitioned.event_order import Marked, merged
from lab.trace.rows import KIND, Row


class HomeResults:
    """The books of one of so many ``parts``."""

    def __init__(self, parts: int) -> None:
        self._account = Account()
        self._rules = MailRules()
        self._waiting: list[deque[Marked]] = [deque() for _ in range(parts)]

    def enter(self, part: int, entries: Marked) -> None:
        """Take the next batch of a part; it is entered when all have given theirs."""
        self._waiting[part].append(entries)
        while all(self._waiting):
            self._enter([entries.popleft() for entries in self._waiting])

    def _enter(self, batches: Sequence[Marked]) -> None:
        rows: list[Row] = merged(batches)
        self._account.take_all(rows)
        handlers = self._rules.handlers()
        for row in rows:
            handler = handlers.get(row[KIND])
            if handler is not None:
                handler(row)

    def settled(self) -> list[Settled]:
        """The recipients that have been settled for good since this was asked last."""
        return self._account.settled.pop_all()

    def rest(self) -> Rest:
        """What is known of all other recipients."""
        return self._account.rest()

    def findings(self) -> list[Finding]:
        """What the rules have found."""
        return self._rules.findings
