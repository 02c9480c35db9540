"""A host as the installation of a live session: the verdict on mail waits until it is stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lab.hosts.receiving import Identity, ReceivingSession
from lab.hosts.verdicts import NO_SPACE
from lab.live.clients import Caller
from lab.live.host_process import HostProcess
from lab.protocol import LATER, Path, Reply, Transaction, reply

TOO_MANY: Final = reply(452, "Too many recipients in a minute; try again later")


class StoringSession(ReceivingSession):
    """A receiving session of a host's process; ``give`` sends a verdict that comes later.

    ``caller`` is the caller's session, as the budgets see it; ``refusal`` says why it is not
    served, "" if it is.
    """

    def __init__(
        self,
        process: HostProcess,
        environment: str,
        identify: Callable[[Transaction], Identity | None],
        session: int,
        peer: str,
        enter: Callable[[Transaction], Identity],
        give: Callable[[Reply], None],
    ) -> None:
        super().__init__(process.host, environment, identify, session, peer, enter)
        self._process = process
        self._give = give
        self.caller: Caller | None = None
        self.refusal = ""
        if process.host.settings.replies_later:
            self.respond = self._respond

    def _respond(self, verdict: Reply) -> None:
        self._process.reply_when_stored(verdict, self._give)

    def greeting(self) -> Reply:
        """Return 220; or 421 if the client has had its share, or the host has no room."""
        if self.refusal:
            return reply(421, f"{self.name} {self.refusal}, closing transmission channel")
        return super().greeting()

    def recipient(self, transaction: Transaction, forward_path: Path) -> Reply:
        """Return the reply to RCPT; 452 if the client has named too many in this minute."""
        if self.caller is not None and not self._process.clients.may_name(self.caller):
            return TOO_MANY
        return super().recipient(transaction, forward_path)

    def _has_room(self, transaction: Transaction) -> bool:
        """Return whether mail of a caller from outside may be stored here, and wait for others."""
        if not self.address:
            return True
        if not self._process.has_room(len(transaction.mail_data)):
            return False
        waiting = self._process.storage.waiting_octets + len(transaction.mail_data)
        if waiting <= self._process.clients.budgets.queued:
            return True
        of = self.host.destinations.of
        return not any(
            destination.hop is not None or destination.needs_expansion
            for destination in map(of, transaction.forward_paths)
        )

    def accept(self, transaction: Transaction) -> Reply:
        """Return the verdict on mail; LATER if something of it has to be stored first."""
        if not self._has_room(transaction):
            return NO_SPACE
        acceptance = self._process.begin_acceptance()
        verdict = super().accept(transaction)  # if it fails, the session fails: nothing is kept
        if verdict is not LATER and acceptance.changes:
            acceptance.verdict, acceptance.answer = verdict, self._give
            verdict = LATER
        self._process.end_acceptance()
        return verdict
