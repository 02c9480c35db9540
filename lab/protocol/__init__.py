"""RFC 821 and nothing else: two engines, the tables that drive them, and the grammar.

Bytes in, bytes and events out. Nothing here knows a clock, a socket, chance or SimPy.
"""

from typing import TYPE_CHECKING, Any

from lab.protocol.lines import (
    CRLF,
    END_OF_MAIL_DATA,
    LineBuffer,
    MailData,
    fits_the_wire,
    stuff,
    unstuff,
)
from lab.protocol.names import HostName
from lab.protocol.receiver import Crossing, Installation, Misuse, ReceiverSMTP, Transaction
from lab.protocol.replies import (
    COMMAND_REPLIES,
    TEXTS,
    Category,
    Outcome,
    Reply,
    ReplyParser,
    Severity,
    outcome,
    reply,
)
from lab.protocol.sender import Agenda, Answer, Outgoing, SenderSMTP
from lab.protocol.sizes import NO_LIMITS, Limits
from lab.protocol.states import COMMANDS, TRANSITIONS, Buffers, State, Transition
from lab.protocol.syntax import (
    NULL_PATH,
    Command,
    Mailbox,
    Path,
    SyntaxFault,
    parse_command,
    parse_domain,
    parse_path,
    quote,
    unquote,
)

__all__ = [
    "COMMANDS",
    "COMMAND_REPLIES",
    "CRLF",
    "END_OF_MAIL_DATA",
    "NO_LIMITS",
    "NULL_PATH",
    "TEXTS",
    "TRANSITIONS",
    "Agenda",
    "Answer",
    "Buffers",
    "Category",
    "Command",
    "Crossing",
    "HostName",
    "Installation",
    "Limits",
    "LineBuffer",
    "MailData",
    "Mailbox",
    "Misuse",
    "Outcome",
    "Outgoing",
    "Path",
    "ReceiverSMTP",
    "Reply",
    "ReplyParser",
    "SenderSMTP",
    "Severity",
    "State",
    "SyntaxFault",
    "Transaction",
    "Transition",
    "fits_the_wire",
    "outcome",
    "parse_command",
    "parse_domain",
    "parse_path",
    "quote",
    "reply",
    "stuff",
    "unquote",
    "unstuff",
]

if not TYPE_CHECKING:  # so that a type checker still reports names that do not exist

    def __getattr__(name: str) -> Any:
        """Return what a former name stood for, with a warning."""
        import warnings

        if name == "folded":
            from lab.protocol.names import canonical as value

            new = "HostName(domain), which compares by the same rule"
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        warnings.warn(f"lab.protocol.{name} is now {new}", DeprecationWarning, stacklevel=2)
        return value
