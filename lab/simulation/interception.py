"""Sessions in which a reply or a command is not what it would have been."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.hosts.interception import command_line, reply_of
from lab.hosts.receiving import ReceivingSession, receiver_smtp
from lab.network.events import Delivery
from lab.protocol import ReceiverSMTP, Reply, SenderSMTP, Transaction
from lab.simulation.session import WatchedSession
from lab.topology.model import FaultSpec


class AlteredSession(WatchedSession):
    """A session that the faults change-reply and change-command may befall.

    A changed reply is the receiver-SMTP's own; a changed command is changed on its way: the
    sender-SMTP takes the reply for one to what it said. Both are told when they arrive.
    """

    __slots__ = ("_given", "_heard", "_said", "_taken", "_transaction")

    def _opened(self, event: Any) -> None:
        self._given = self._heard = self._said = 0
        self._taken: list[int | None] = []
        self._transaction: Transaction | None = None
        super()._opened(event)

    def _identifier(self) -> Callable[[Transaction], tuple[int, list[str]]]:
        return self._identify

    def _engine(self, reception: ReceivingSession) -> ReceiverSMTP:
        return receiver_smtp(reception, self._next_reply)

    def _change(self, kind: str, number: int, host: str) -> FaultSpec | None:
        spec = self.simulation.faults.changes.get((kind, self.number, number))
        return spec if spec is not None and spec.host == host else None

    def _next_reply(self) -> Reply | None:
        self._given += 1
        spec = self._change("change-reply", self._given, self.there)
        return reply_of(spec.line or "") if spec is not None else None

    def _tell(self, spec: FaultSpec, peer: str, what: str) -> None:
        row = (self.env.now, "fault", spec.host, peer, self.number, None)
        self.simulation.record((*row, spec.kind, True, what))

    # -- what arrives ---------------------------------------------------------------------------

    def _at_sender(self, arrival: Delivery) -> None:
        if not self.back.alive:
            return
        self._heard += 1
        spec = self._change("change-reply", self._heard, self.there)
        if spec is not None:
            self._tell(spec, self.here, spec.line or "")
        super()._at_sender(arrival)

    def _at_receiver(self, arrival: Delivery) -> None:
        if not self.forth.alive:
            return
        self._said += 1
        spec = self._change("change-command", self._said, self.here)
        if spec is not None:
            said = arrival.octets.split(b"\r\n", 1)[0].decode("latin-1")
            self._tell(spec, self.there, f"{spec.line} in place of {said}")
            arrival.octets = command_line(spec.line or "")
        sender = self.sender
        asked = None
        if isinstance(sender, SenderSMTP) and sender.awaiting == "RCPT" and self.errand is not None:
            asked = self.errand.asked
        super()._at_receiver(arrival)
        self._follow(asked)

    def _follow(self, asked: int | None) -> None:
        """Keep in mind which of the sender-SMTP's recipients each forward-path came as."""
        transaction = self.receiver.transaction
        if transaction is not self._transaction:
            self._transaction = transaction
            self._taken = []
        if len(transaction.forward_paths) > len(self._taken):
            self._taken.append(asked)

    def _identify(self, transaction: Transaction) -> tuple[int, list[str]]:
        """The message and recipients that both sides mean; else it is mail from outside."""
        errand = self.errand
        known = [number for number in self._taken if number is not None]
        if errand is None or errand.message is None or len(known) != len(self._taken):
            return self._foreign(transaction)
        return errand.message, errand.ids(known)

    def _turn(self, now: float) -> None:
        if self.receiver.turned:
            self._transaction = None
            super()._turn(now)
        else:
            self.cut(f"{self.here} has changed roles, and {self.there} has not")
