"""The invariants: rules that every run must keep, whatever fails in it, checked on its trace.

Those about mail (:mod:`lab.analysis.invariants.mail`) follow it from host to host; the one about
replies (:mod:`lab.analysis.invariants.replies`) takes each session by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lab.analysis.account import Account
from lab.analysis.invariants.breach import LOST, MOST, Breach
from lab.analysis.invariants.mail import MailRules
from lab.analysis.invariants.peers import PeerBreach, Peers
from lab.analysis.invariants.replies import Replies
from lab.trace.rows import KIND, Row

__all__ = [
    "Breach",
    "Invariants",
    "MailRules",
    "PeerBreach",
    "Peers",
    "Replies",
    "breaches",
    "together",
]


class Invariants:
    """Checks the rows of a trace, one by one, against the rules."""

    def __init__(self) -> None:
        self.mail = MailRules()
        self.replies = Replies()
        self._handlers: dict[str, Callable[[Row], None]] = {}
        first, second = self.mail.handlers(), self.replies.handlers()
        for kind in first.keys() | second.keys():
            both = first.get(kind), second.get(kind)
            self._handlers[kind] = _each(*(handler for handler in both if handler is not None))

    def take(self, row: Row) -> None:
        """Check one more row."""
        self.take_all((row,))

    def take_all(self, rows: Iterable[Row]) -> None:
        """Check rows, in their order."""
        handlers = self._handlers
        for row in rows:
            handler = handlers.get(row[KIND])
            if handler is not None:
                handler(row)

    def found(self, account: Account) -> list[Breach]:
        """Return the breaches, with those of mail that the account of the same rows has lost."""
        findings = [*self.mail.findings, *self.replies.findings]
        return together([finding.breach() for finding in findings], account)

    @property
    def peers(self) -> Peers:
        """The rules that others have broken: external hosts, and programs that called in."""
        return self.replies.peers


def _each(*handlers: Callable[[Row], None]) -> Callable[[Row], None]:
    """Return a handler that calls one handler or two."""
    if len(handlers) == 1:
        return handlers[0]
    first, second = handlers

    def both(row: Row) -> None:
        first(row)
        second(row)

    return both


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
    found = sorted(breaches, key=lambda breach: (breach.t, breach.sentence))
    return sorted([*found[:MOST], *lost], key=lambda breach: breach.t)


def breaches(rows: Iterable[Row], account: Account | None = None) -> list[Breach]:
    """Return the rules that a run broke, in order of time; ``account`` is that of the same rows."""
    rules = Invariants()
    rules.take_all(rows)
    return rules.found(account if account is not None else Account(rows))
