"""A session of a host whose verdicts may come from a behaviour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.hosts.host import Host
from lab.hosts.policies import Behaviour, Session
from lab.hosts.policies_asked import permitted
from lab.hosts.receiving import ReceivingSession
from lab.protocol import Path, Reply, Transaction
from lab.protocol.replies import CONNECTION, MAIL_DATA
from lab.runtime.plugins import ask


class BehavedSession(ReceivingSession):
    """The installation of one session's receiver-SMTP, which asks the host's behaviours first.

    The first that returns a reply decides.
    """

    __slots__ = ("shown",)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.shown = Session(self.host.name, self.peer_host, self.environment, self.session)

    def greeting(self) -> Reply:
        """Return the first verdict of a behaviour, or the host's own."""
        asked = self._asked(CONNECTION, "greeting", lambda each: each.greeting)
        return asked or super().greeting()

    def hello(self, domain: str) -> Reply:
        """Return the first verdict of a behaviour, or the host's own."""
        own = super().hello(domain)
        self.shown.hello = domain
        return self._asked("HELO", "hello", lambda each: each.hello, domain) or own

    def begin(self, verb: str, reverse_path: Path) -> Reply:
        """Return the first verdict of a behaviour, or the host's own."""
        asked = self._asked(verb, "begin", lambda each: each.begin, verb, reverse_path)
        return asked or super().begin(verb, reverse_path)

    def recipient(self, transaction: Transaction, forward_path: Path) -> Reply:
        """Return the first verdict of a behaviour, or the host's own."""
        about = _copy(transaction), forward_path
        asked = self._asked("RCPT", "recipient", lambda each: each.recipient, *about)
        return asked or super().recipient(transaction, forward_path)

    def accept(self, transaction: Transaction) -> Reply:
        """Return the first refusal of a behaviour, or the host's own verdict."""
        asked = self._asked(MAIL_DATA, "accept", lambda each: each.accept, _copy(transaction))
        return asked or super().accept(transaction)

    def verify(self, string: str) -> Reply:
        """Return the first verdict of a behaviour, or the host's own."""
        asked = self._asked("VRFY", "verify", lambda each: each.verify, string)
        return asked or super().verify(string)

    def expand(self, string: str) -> Reply:
        """Return the first verdict of a behaviour, or the host's own."""
        asked = self._asked("EXPN", "expand", lambda each: each.expand, string)
        return asked or super().expand(string)

    def _asked(
        self,
        row: str,
        name: str,
        method: Callable[[Behaviour], Callable[..., Reply | None]],
        *arguments: Any,
    ) -> Reply | None:
        self.shown.now = self.now
        for behaviour in self.host.behaviours:
            verdict = ask(behaviour, method(behaviour), self.shown, *arguments)
            if (checked := permitted(behaviour, name, row, verdict)) is not None:
                return checked
        return None


def _copy(transaction: Transaction) -> Transaction:
    """Return the buffers of a transaction for a behaviour, which is not to change them."""
    copy = Transaction(transaction.verb, transaction.reverse_path)
    copy.forward_paths = list(transaction.forward_paths)
    copy.mail_data = transaction.mail_data
    return copy


def session_class(host: Host) -> type[ReceivingSession]:
    """Return what makes the installation of a receiver-SMTP, as the host has behaviours or not."""
    return BehavedSession if host.behaviours else ReceivingSession
