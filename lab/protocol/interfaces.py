"""What the engines require of the program that uses them: an installation, and an agenda.

Any object with these methods will do. A class may derive from these, but need not; to allow that,
this module is never compiled.
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
        """Return the reply to MAIL, SEND, SOML or SAML, which is ``verb``."""

    def recipient(self, transaction: Transaction, forward_path: Path) -> Reply:
        """Return the reply to RCPT."""

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
    """Gives a sender-SMTP its transactions, and takes the outcome of each."""

    def next(self) -> Outgoing | None:
        """Return the next transaction; None when there is no more mail for this host."""

    def turns(self) -> bool:
        """Return whether to ask the other side for its mail with TURN, before QUIT."""

    def settled(self, outgoing: Outgoing) -> None:
        """Take a finished transaction; ``answers`` and ``answer`` are the replies to it."""

    def refused(self, answer: Answer) -> None:
        """Take the reply that ended the session: 421, a refused HELO, or a lost channel."""
