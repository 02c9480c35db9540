"""RFC 821 and nothing else: two engines, the tables that drive them, and the grammar.

Bytes in, bytes and events out. Nothing here knows a clock, a socket, chance or SimPy.
"""

from lab.protocol.lines import (
    CRLF,
    END_OF_MAIL_DATA,
    LineBuffer,
    MailData,
    fits_the_wire,
    stuff,
    unstuff,
)
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
    folded,
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
    "folded",
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
