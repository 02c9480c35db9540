"""A host as the installation of a live session: the verdict on mail waits until it is stored."""

from __future__ import annotations

from collections.abc import Callable

from lab.hosts.receiving import Identity, ReceivingSession
from lab.live.host_process import HostProcess
from lab.protocol import LATER, Reply, Transaction


class StoringSession(ReceivingSession):
    """A receiving session of a host's process; ``give`` sends a verdict that comes later."""

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
        if process.host.settings.replies_later:
            self.respond = self._respond

    def _respond(self, verdict: Reply) -> None:
        self._process.reply_when_stored(verdict, self._give)

    def accept(self, transaction: Transaction) -> Reply:
        """Return the verdict on mail; LATER if something of it has to be stored first."""
        acceptance = self._process.begin_acceptance()
        verdict = super().accept(transaction)
        if verdict is not LATER and acceptance.changes:
            acceptance.verdict, acceptance.answer = verdict, self._give
            verdict = LATER
        self._process.end_acceptance()
        return verdict
