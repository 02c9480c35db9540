"""The results of all partitions together: numbers of the run, its account, and broken rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any, Final

from lab.analysis.account import Account, Unsettled
from lab.analysis.invariants import Breach, together
from lab.analysis.invariants.breach import Finding
from lab.analysis.invariants.peers import Peers
from lab.analysis.recipients import Settled
from lab.simulation.numbering import COUNT_BITS, RANK_SHIFT, RunNumbers
from lab.trace.rows import KIND, MESSAGE, NOTIFY_ABOUT, SESSION, Line, Row, T, lines_of

NUMBERED: Final = frozenset(("late", "open", "submit", "notify"))
"""The kinds of event in which a session or message first appears, or that are counted here: they
come whatever is kept.
"""

_ACCOUNTED: Final = frozenset(("late", "open", "submit", "end"))


def _numbers() -> RunNumbers:
    return RunNumbers(RANK_SHIFT, COUNT_BITS, count(1).__next__)


class MergedResults:
    """What the partitions have derived, in the numbers of the run.

    The ``account`` knows the recipients that are settled. Of the others it knows only that they
    exist, until the partitions send their last results.
    """

    def __init__(self) -> None:
        self.account = Account()
        self._sessions = _numbers()
        self._messages = _numbers()
        self._aliases = _numbers()
        self._findings: list[Finding] = []
        self._unsettled: list[Unsettled] = []

    @property
    def messages(self) -> int:
        """How many messages there have been so far."""
        return self._messages.count

    def know(self, aliases: Iterable[tuple[int, int]]) -> None:
        """Know sessions by the key that stands for their numbers: pairs of these."""
        for key, own in aliases:
            self._aliases.put(key, own)

    def number(self, rows: Iterable[list[Any]]) -> list[Row]:
        """The rows with the numbers of the run in the place of the hosts' own."""
        session_number, message_number = self._sessions.number, self._messages.number
        sessions: dict[int, int] = {}
        messages: dict[int, int] = {}
        numbered: list[Row] = []
        for row in rows:
            session, message = row[SESSION], row[MESSAGE]
            if session is not None:
                number = sessions.get(session)
                if number is None:
                    own = session if session > 0 else self._aliases.known(-session)
                    number = sessions[session] = session_number(own)
                row[SESSION] = number
            if row[KIND] == "notify":
                row[NOTIFY_ABOUT] = self._messages.known(row[NOTIFY_ABOUT])
            if message is not None:
                number = messages.get(message)
                if number is None:
                    number = messages[message] = message_number(message)
                row[MESSAGE] = number
            whole = tuple(row)
            if lines := lines_of(whole):
                whole = (*whole[:-1], tuple(map(self._line, lines)))
            numbered.append(whole)
        return numbered

    def _line(self, line: Line) -> Line:
        """Return how bytes crossed a line, with the numbers of the run in it."""
        host, peer, since, begin, end, session, message = line
        if session is not None:
            own = session if session > 0 else self._aliases.known(-session)
            session = self._sessions.number(own)
        if message is not None:
            message = self._messages.number(message)
        return host, peer, since, begin, end, session, message

    def take(self, rows: Sequence[Row], settled: Iterable[Sequence[Settled]]) -> None:
        """Take rows of the run, and of each partition the recipients that are settled by then."""
        self.account.take_all([row for row in rows if row[KIND] in _ACCOUNTED])
        for row in rows[-1:]:
            self.account.last = row[T]
        for recipients in settled:
            self.account.take_settled(recipients, self._messages.known)

    def close(
        self,
        findings: Iterable[tuple[Any, ...]],
        settled: Iterable[Settled],
        unsettled: Unsettled,
    ) -> None:
        """Take the last results of a partition.

        They are what the rules have found, the recipients settled since the last batch, and the
        rest.
        """
        self._findings += [Finding(*finding) for finding in findings]
        self.account.take_settled(settled, self._messages.known)
        self._unsettled.append(unsettled)

    def settle(self) -> None:
        """Take over what all partitions know of recipients that have not been settled."""
        self.account.recipients.clear()
        for unsettled in self._unsettled:
            self.account.join(unsettled, self._messages.known)

    def give_up(self, rows: Iterable[Row], level: str) -> None:
        """Make the account from the rows that were kept, as not all last results have come.

        If none were kept, recipients that have not been settled count as queued.
        """
        if level == "none":
            for recipient in self.account.recipients.values():
                recipient.holders.add("somewhere")
        else:
            sessions, self.account = self.account.sessions, Account(rows)
            self.account.sessions = sessions

    @property
    def peers(self) -> Peers:
        """The rules that others have broken: none, because they take part in live runs only."""
        return Peers()

    def breaches(self, account: Account) -> list[Breach]:
        """Return the broken rules; ``account`` of the same rows says which mail is lost."""
        return together([finding.breach(self._known) for finding in self._findings], account)

    def _known(self, kind: str, own: int) -> int:
        """Return the number in the run of a "message" or a "session" of a partition."""
        return (self._sessions if kind == "session" else self._messages).known(own)
