"""What the engines ask of the program that uses them: an installation, and an agenda.

Any object with these methods will do; a class may derive from these, and need not. This module is
never compiled, so that it may.
"""

from __future__ import annotations

from typing import Protocol

from lab.protocol.replies import Reply
from lab.protocol.syntax import Path
from lab.protocol.transactions import Answer, Outgoing, Transaction


class Installation(Protocol):
    """What a receiver-SMTP asks of the host that it serves.

    Each verdict is a :class:`Reply`, and the engine does the rest: a verdict below 400 changes the
    state and the buffers as the transition table says, any other leaves them.
    """

    def greeting(self) -> Reply:
        """Return 220, or 421 to refuse the session."""

    def hello(self, domain: str) -> Reply:
        """Return 250 with the host's own name as first word, or a refusal."""

    def begin(self, verb: str, reverse_path: Path) -> Reply:
        """Return whether a transaction may begin; ``verb`` is MAIL, SEND, SOML or SAML."""

    def recipient(self, transaction: Transaction, forward_path: Path) -> Reply:
        """Return whether mail for this forward-path is accepted."""

    def accept(self, transaction: Transaction) -> Reply | None:
        """Store the mail, and return the reply to the mail data.

        None: the verdict comes later, through :meth:`ReceiverSMTP.answer`.
        """

    def verify(self, string: str) -> Reply:
        """Return the reply to VRFY."""

    def expand(self, string: str) -> Reply:
        """Return the reply to EXPN."""

    def help(self, string: str) -> Reply:
        """Return the reply to HELP."""

    def turn(self) -> Reply:
        """Return the reply to TURN: 250 to change roles, 502 to refuse."""

    def goodbye(self) -> Reply:
        """Return the reply to QUIT: 221."""


class Agenda(Protocol):
    """What a sender-SMTP asks for its transactions, and reports their outcome to."""

    def next(self) -> Outgoing | None:
        """Return the next transaction; None when there is no more mail for this host."""

    def turns(self) -> bool:
        """The session failed: 421 for a greeting, HELO refused, or the channel lost too early."""

    def settled(self, outgoing: Outgoing) -> None:
        """Take a transaction that is over; its ``answers`` and ``answer`` say how it went."""

    def refused(self, answer: Answer) -> None:
        """The session failed: 421 for a greeting, HELO refused, or the channel lost before mail."""
