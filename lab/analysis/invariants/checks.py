"""Goes through the rows of a trace once, and has every rule look at each of them."""

from __future__ import annotations

from collections.abc import Iterable

from lab.analysis.account import Account
from lab.analysis.invariants.breach import LOST, MOST, Breach
from lab.analysis.invariants.mail import MailRules
from lab.analysis.invariants.peers import Peers
from lab.analysis.invariants.replies import Replies
from lab.trace.rows import KIND, Row


class Invariants:
    """Checks the rows of a trace, one by one, against the rules."""

    def __init__(self) -> None:
        self.mail = MailRules()
        self.replies = Replies()
        self._of_mail = self.mail.handlers()
        self._of_replies = self.replies.handlers()

    def take(self, row: Row) -> None:
        """Check one more row."""
        self.take_all((row,))

    def take_all(self, rows: Iterable[Row]) -> None:
        """Check rows, in their order."""
        of_mail, of_replies = self._of_mail, self._of_replies
        for row in rows:
            kind = row[KIND]
            handler = of_mail.get(kind)
            if handler is not None:
                handler(row)
            handler = of_replies.get(kind)
            if handler is not None:
                handler(row)

    def breaches(self, account: Account) -> list[Breach]:
        """Return the breaches, with those of mail that the account of the same rows has lost."""
        findings = [*self.mail.findings, *self.replies.findings]
        return together([finding.breach() for finding in findings], account)

    @property
    def peers(self) -> Peers:
        """The rules that others have broken: external hosts, and programs that called in."""
        return self.replies.peers


def together(breaches: Iterable[Breach], account: Account) -> list[Breach]:
    """Return the breaches of a run by time: at most :data:`MOST`, and as many messages lost."""
    lost = [
        Breach(
            LOST,
            recipient.vanished_at,
            f"nobody has message {recipient.message} for {recipient.path}, and nobody was notified",
            recipient.message,
        )
        for recipient in account.lost[:MOST]
    ]
    in_order = sorted(breaches, key=lambda breach: (breach.t, breach.sentence))
    return sorted([*in_order[:MOST], *lost], key=lambda breach: breach.t)
