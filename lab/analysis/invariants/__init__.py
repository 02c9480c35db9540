"""The invariants: what must be true of every run, whatever went wrong in it, read from its trace.

There are those of the mail (:mod:`lab.analysis.invariants.mail`), which goes from host to host,
and that of
the replies (:mod:`lab.analysis.invariants.replies`), which is of each session by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lab.analysis.account import Account
from lab.analysis.invariants.breach import MOST, Breach
from lab.analysis.invariants.mail import MailRules
from lab.analysis.invariants.replies import Replies, WrongReply, told
from lab.trace.rows import KIND, Row

__all__ = ["Breach", "Invariants", "MailRules", "Replies", "breaches", "together"]


class Invariants:
    """The rules, held against the rows of a trace one by one."""

    def __init__(self) -> None:
        self.mail = MailRules()
        self.replies = Replies()
        self._handlers: dict[str, Callable[[Row], None]] = {}
        first, second = self.mail.handlers(), self.replies.handlers()
        for kind in first.keys() | second.keys():
            both = first.get(kind), second.get(kind)
            self._handlers[kind] = _each(*(one for one in both if one is not None))

    def take(self, row: Row) -> None:
        """Hold the rules against one more row."""
        self.take_all((row,))

    def take_all(self, rows: Iterable[Row]) -> None:
        """Hold the rules against rows, in their order."""
        handlers = self._handlers
        for row in rows:
            handler = handlers.get(row[KIND])
            if handler is not None:
                handler(row)

    def found(self, account: Account) -> list[Breach]:
        """What was found, with the mail that is lost by the account of the same rows."""
        found = [finding.told(int) for finding in self.mail.findings]
        return together(found, self.replies.wrong, account)


def _each(*handlers: Callable[[Row], None]) -> Callable[[Row], None]:
    """What hands a row to each of one or two."""
    if len(handlers) == 1:
        return handlers[0]
    first, second = handlers

    def both(row: Row) -> None:
        first(row)
        second(row)

    return both


def together(mail: Iterable[Breach], wrong: Iterable[WrongReply], account: Account) -> list[Breach]:
    """The breaches of a run by time, :data:`MOST` and as many messages lost at the most."""
    found = [*mail, *map(told, wrong)]
    lost = [
        Breach(
            "no accepted mail is lost",
            one.vanished_at,
            f"nobody has message {one.message} for {one.path}, and nobody was notified",
            one.message,
        )
        for one in account.lost[:MOST]
    ]
    found.sort(key=lambda one: (one.t, one.sentence))
    return sorted([*found[:MOST], *lost], key=lambda one: one.t)


def breaches(rows: Iterable[Row], account: Account | None = None) -> list[Breach]:
    """The rules that a run broke, in order of time; ``account`` is that of the same rows."""
    rules = Invariants()
    rules.take_all(rows)
    return rules.found(account if account is not None else Account(rows))
