"""RFC 821 and nothing else: two engines, the tables that drive them, and the grammar.

Bytes go in, bytes and events come out. Nothing here knows a clock, a socket, random numbers or
SimPy. The guide ``lab help protocol`` has a server and a client.
"""

from typing import TYPE_CHECKING, Any

from lab.protocol.dialogue import SideState, Spoken
from lab.protocol.events import Crossing
from lab.protocol.interfaces import Agenda, Installation
from lab.protocol.lines import (
    CRLF,
    END_OF_MAIL_DATA,
    LineBuffer,
    MailData,
    dot_stuff,
    dot_unstuff,
    fits_the_wire,
)
from lab.protocol.names import HostName
from lab.protocol.receiver import ReceiverSMTP
from lab.protocol.relaying import with_relay, without_relay
from lab.protocol.replies import (
    COMMAND_REPLIES,
    LATER,
    TEXTS,
    Category,
    Outcome,
    Reply,
    ReplyParser,
    Severity,
    category_of,
    outcome,
    reply,
    severity_of,
)
from lab.protocol.sender import SenderSMTP
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
from lab.protocol.time_stamps import (
    ZONES,
    Calendar,
    Daytime,
    TimeStamp,
    daytime,
    parse_daytime,
    parse_return_path_line,
    parse_time_stamp_line,
    return_path_line,
    stamp_options,
    time_stamp_line,
    zone_of,
)
from lab.protocol.transactions import Answer, Misuse, Outgoing, Transaction

__all__ = [
    "COMMANDS",
    "COMMAND_REPLIES",
    "CRLF",
    "END_OF_MAIL_DATA",
    "LATER",
    "NO_LIMITS",
    "NULL_PATH",
    "TEXTS",
    "TRANSITIONS",
    "ZONES",
    "Agenda",
    "Answer",
    "Buffers",
    "Calendar",
    "Category",
    "Command",
    "Crossing",
    "Daytime",
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
    "SideState",
    "Spoken",
    "State",
    "SyntaxFault",
    "TimeStamp",
    "Transaction",
    "Transition",
    "category_of",
    "daytime",
    "dot_stuff",
    "dot_unstuff",
    "fits_the_wire",
    "outcome",
    "parse_command",
    "parse_daytime",
    "parse_domain",
    "parse_path",
    "parse_return_path_line",
    "parse_time_stamp_line",
    "quote",
    "reply",
    "return_path_line",
    "severity_of",
    "stamp_options",
    "time_stamp_line",
    "unquote",
    "with_relay",
    "without_relay",
    "zone_of",
]

_RENAMED = {"stuff": "dot_stuff", "unstuff": "dot_unstuff", "folded": "HostName(domain).key"}

if not TYPE_CHECKING:  # pragma: no branch - so that a type checker reports names there are not

    def __getattr__(name: str) -> Any:
        """Return what a former name stands for, with a warning."""
        if name not in _RENAMED:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import warnings

        from lab.protocol.names import canonical

        new = _RENAMED[name]
        warnings.warn(
            f"lab.protocol.{name} is now lab.protocol.{new}", DeprecationWarning, stacklevel=2
        )
        globals()[name] = canonical if name == "folded" else globals()[new]
        return globals()[name]
