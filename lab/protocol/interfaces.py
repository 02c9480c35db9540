"""What the engines require of the program that uses them: an installation, and an agenda.

Any object with these methods will do. A class that derives from these has defaults for what it
leaves out: an installation needs ``domain``, ``recipient`` and ``accept``, an agenda ``next`` and
``settled``. To allow that, this module is never compiled.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol

from lab.protocol.replies import Reply, reply
from lab.protocol.syntax import Path
from lab.protocol.transactions import Answer, Misuse, Outgoing, Transaction

_OK = reply(250, "OK")
_NOT_IMPLEMENTED = reply(502)


class Installation(Protocol):
    """What a receiver-SMTP asks of the host that it serves.

    Each verdict is a :class:`Reply`, and the engine does the rest: a verdict below 400 changes the
    state and the buffers as the transition table says, any other leaves them. A verdict that is not
    a Reply, or that section 4.3 does not permit to the command, raises :class:`Misuse`; 421 is
    permitted everywhere. 251 and 551 must tell a path.

    A class that derives from this sets ``domain``, the official name of its host, and has
    :meth:`recipient` and :meth:`accept`. The other methods have defaults: what every receiver-SMTP
    must do, and 502 for the rest.
    """

    def __init__(self) -> None:
        """Make an installation; a derived class takes what it needs, and may leave this out."""
        super().__init__()

    def greeting(self) -> Reply:
        """Return 220 with the host's own name as first word, or 421 to refuse the session."""
        return reply(220, f"{domain_of(self)} Simple Mail Transfer Service Ready")

    def hello(self, domain: str) -> Reply:
        """Return 250 with the host's own name as first word, or a refusal."""
        return reply(250, domain_of(self))

    def begin(self, verb: str, reverse_path: Path) -> Reply:
        """Return the reply to MAIL, SEND, SOML or SAML, which is ``verb``.

        By default 250 to MAIL, and 502 to the others: delivering to terminals is optional (4.5.1).
        """
        return _OK if verb == "MAIL" else _NOT_IMPLEMENTED

    @abstractmethod
    def recipient(self, transaction: Transaction, forward_path: Path) -> Reply:
        """Return the reply to RCPT: 250 if mail for this path is taken, or a refusal."""

    @abstractmethod
    def accept(self, transaction: Transaction) -> Reply:
        """Store the mail, and return the reply to the mail data.

        :data:`LATER`: the verdict comes later, through :meth:`ReceiverSMTP.answer`.
        """

    def verify(self, string: str) -> Reply:
        """Return the reply to VRFY; by default 502."""
        return _NOT_IMPLEMENTED

    def expand(self, string: str) -> Reply:
        """Return the reply to EXPN; by default 502."""
        return _NOT_IMPLEMENTED

    def help(self, string: str) -> Reply:
        """Return the reply to HELP; by default 502."""
        return _NOT_IMPLEMENTED

    def turn(self) -> Reply:
        """Return the reply to TURN: 250 to change roles; by default 502, to refuse."""
        return _NOT_IMPLEMENTED

    def goodbye(self) -> Reply:
        """Return the reply to QUIT: 221 with the host's own name as first word."""
        return reply(221, f"{domain_of(self)} Service closing transmission channel")


class Agenda(Protocol):
    """Gives a sender-SMTP its transactions, and takes the outcome of each.

    A class that derives from this has :meth:`next` and :meth:`settled`. The other methods have
    defaults.

    An agenda may also have a method ``meets(greeted_as, welcomed_as)``. It is called with the first
    word of the 220, which is the name of the host that has answered, and that of the 250 to HELO
    (section 3.5), and returns whether to send mail to that host.
    """

    def __init__(self) -> None:
        """Make an agenda; a derived class takes what it needs, and may leave this out."""
        super().__init__()

    @abstractmethod
    def next(self) -> Outgoing | None:
        """Return the next transaction; None when there is no more mail for this host."""

    def turns(self) -> bool:
        """Return whether to ask the other side for its mail with TURN, before QUIT.

        By default false.
        """
        return False

    @abstractmethod
    def settled(self, outgoing: Outgoing) -> None:
        """Take a finished transaction; ``answers`` and ``answer`` are the replies to it."""

    def refused(self, answer: Answer) -> None:
        """Take the reply that ended the session: 421, a refused HELO, or a lost channel.

        The mail that :meth:`next` would still have returned is not sent. By default do nothing.
        """
        return  # a body: without one, type checkers take a method of a Protocol for abstract


def domain_of(installation: object) -> str:
    """Return the name of an installation's host; raises :class:`Misuse` if it has none."""
    domain = getattr(installation, "domain", None)
    if isinstance(domain, str) and domain:
        return domain
    name = type(installation).__name__
    raise Misuse(
        f'{name} has no name for its host: set domain = "YOUR-HOST.ARPA" in the class, '
        "or define greeting, hello and goodbye"
    )
