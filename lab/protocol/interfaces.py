"""What the engines ask of the program that uses them: an installation, and an agenda.

Any object that has these methods will do; to derive from the classes is a way to find them. The
module is plain Python, also where the engines are compiled: both kinds of object are taken.
"""

from __future__ import annotations

from typing import Protocol

from lab.protocol.replies import Reply
from lab.protocol.syntax import Path
from lab.protocol.transactions import Answer, Outgoing, Transaction


class Installation(Protocol):
    """What a receiver-SMTP asks of the host that it serves.

    Each verdict is a :class:`Reply`; the engine does the rest. ``accept`` may give None and the
    verdict later, through :meth:`ReceiverSMTP.answer`.
    """

    def greeting(self) -> Reply:
        """220, or 421 in place of it."""

    def hello(self, domain: str) -> Reply:
        """250 with the own name as first word, or why not."""

    def begin(self, verb: str, reverse_path: Path) -> Reply:
        """Whether a transaction that MAIL, SEND, SOML or SAML begins may go on."""

    def recipient(self, transaction: Transaction, forward_path: Path) -> Reply:
        """Whether mail for this forward-path is taken."""

    def accept(self, transaction: Transaction) -> Reply | None:
        """Store the mail and answer for it."""

    def verify(self, string: str) -> Reply:
        """VRFY."""

    def expand(self, string: str) -> Reply:
        """EXPN."""

    def help(self, string: str) -> Reply:
        """HELP."""

    def turn(self) -> Reply:
        """TURN: 250 to change roles, 502 to refuse."""

    def goodbye(self) -> Reply:
        """221."""


class Agenda(Protocol):
    """Where the sender-SMTP gets its transactions, and tells what became of them."""

    def next(self) -> Outgoing | None:
        """The next transaction, or None when there is no more mail for this host."""

    def turns(self) -> bool:
        """Whether to ask by TURN for mail of the other side, when there is no more to send."""

    def settled(self, outgoing: Outgoing) -> None:
        """The transaction is over; its ``answers`` and ``answer`` say how."""

    def refused(self, answer: Answer) -> None:
        """The session came to nothing: no greeting but 421, HELO refused, channel lost before."""
