"""The settings of a host, and the faults that it has at present."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from lab.hosts.checked import checked
from lab.hosts.directory import Forward, MailingList, User
from lab.hosts.reply_script import ScriptedReply
from lab.hosts.setting import setting
from lab.hosts.stamp import PLAIN, Stamp
from lab.hosts.timeouts import TIMEOUTS, Timeouts
from lab.protocol import NO_LIMITS, Limits


@dataclass(frozen=True, slots=True)
class HostSettings:
    """The settings of a host: its name, its users, and how its installation behaves.

    Each field is a key of ``[[host]]`` in a topology file, and is declared here only (see
    :mod:`lab.hosts.setting`): durations are seconds, sizes bytes. A host of kind "router" moves
    bytes and speaks no SMTP.
    """

    name: str = field(
        metadata=setting(
            "host",
            "Name of the host, as RFC 821 writes domains; upper and lower case do not matter. A "
            'number is written "#123", an address "[10.0.0.1]".',
            "4.1.2",
            own=True,
            router=True,
            example='"MIT-AI.ARPA"',
            trace="always",
        )
    )
    kind: str = field(
        default="host",
        metadata=setting(
            "choice",
            "What the host is.",
            words={
                "host": "sends, receives and relays mail",
                "router": "moves bytes and speaks no SMTP",
            },
            router=True,
            trace="always",
        ),
    )
    relay: bool = field(
        default=False,
        metadata=setting(
            "flag",
            "Accept mail to relay to other hosts; otherwise reply 550.",
            "3.6",
            trace="always",
        ),
    )
    relay_for: tuple[str, ...] | None = field(
        default=None,
        metadata=setting(
            "callers",
            "For whom it relays, if it does: hosts, and networks of callers from outside in a live "
            'run. `"*"` stands for all hosts of the topology.',
            "3.6",
            default_text="all hosts of the topology, and callers on this machine",
            example='["*", "10.0.0.0/8"]',
            trace="set",
        ),
    )
    users: Sequence[User] = field(
        default=(),
        metadata=setting(
            "users",
            "The users who have a mailbox here: names, or a table for each.",
            "3.1",
            of=User,
            tables="user",
            example='["JQP", "ann"]',
            trace="always",
        ),
    )
    lists: Sequence[MailingList] = field(
        default=(),
        metadata=setting("tables", "Mailing lists.", "3.3", of=MailingList, key="list"),
    )
    forwards: Sequence[Forward] = field(
        default=(),
        metadata=setting(
            "tables",
            "Users who have moved, and where their mail goes.",
            "3.2",
            of=Forward,
            key="forward",
        ),
    )
    limits: Limits = field(
        default=NO_LIMITS,
        metadata=setting(
            "table",
            "The largest sizes that the receiver-SMTP accepts.",
            "4.5.3",
            of=Limits,
            example="{ recipients = 100 }",
        ),
    )
    notification_quote: int = field(
        default=0,
        metadata=setting(
            "size",
            "How much of undeliverable mail its notifications quote: the header, and as much of "
            "the text as fits.",
            "3.6",
            example='"2 kB"',
        ),
    )
    hop_limit: int = field(
        default=100,
        metadata=setting(
            "ordinal",
            "Mail with more Received fields than this is considered to be in a loop, and is "
            "refused with 554.",
            "3.6",
            unit="fields",
        ),
    )
    channels: int = field(
        default=1,
        metadata=setting(
            "ordinal",
            "How many transmission channels it may have open to one next host at a time; a channel "
            "carries one message after another.",
            "3.1",
            unit="channels",
            example="4",
        ),
    )
    careless: bool = field(
        default=False,
        metadata=setting(
            "flag",
            "Reply 250 before the mail is stored, so that a crash can lose it. For lessons only; "
            "prints a warning.",
            "4.1.1",
            trace="always",
        ),
    )
    names: Mapping[str, str] = field(
        default_factory=dict,
        metadata=setting(
            "aliases",
            "Its names in other environments, by the name of the environment.",
            "3.6",
            own=True,
            router=True,
            example='{ csnet = "ISIE-GATEWAY" }',
            trace="always",
        ),
    )
    on_251: str = field(
        default="accept",
        metadata=setting(
            "choice",
            "What its sender-SMTP does when a receiver replies 251 with a new address.",
            "3.2",
            words={
                "accept": "leave forwarding to the receiver",
                "redirect": "send to the given path instead",
                "learn": "leave it to the receiver this time, and send there from the next mail on",
            },
        ),
    )
    on_551: str = field(
        default="redirect",
        metadata=setting(
            "choice",
            "What its sender-SMTP does when a receiver replies 551 with a new address.",
            "3.2",
            words={
                "redirect": "send to the given path",
                "return": "return an error to the originator",
            },
        ),
    )
    on_send_refused: str = field(
        default="keep",
        metadata=setting(
            "choice",
            "What its sender-SMTP does when a receiver does not implement SEND, SOML or SAML, or "
            "when SEND finds nobody at the terminal (450).",
            "3.4",
            words={
                "keep": "treat it as any mail: try again after 4yz, return it after 5yz",
                "mail": "send it with MAIL at once, as in scenario 5",
            },
        ),
    )
    wrong_name: str = field(
        default="record",
        metadata=setting(
            "choice",
            "What its sender-SMTP does when the host that answers gives another name than that of "
            "the host which was called, in its 220 or its 250 to HELO.",
            "3.5",
            words={
                "record": "record it in the trace, and send the mail",
                "refuse": "record it, and keep the mail for a later try",
            },
        ),
    )
    store: float = field(
        default=0.0,
        metadata=setting(
            "duration",
            "Time to put a message into stable storage, before the 250.",
            "4.1.1",
            example='"50 ms"',
        ),
    )
    timeouts: Timeouts = field(
        default=TIMEOUTS,
        metadata=setting(
            "table",
            "How long its sender-SMTP waits for each reply before it considers the channel lost.",
            "RFC 1123, 5.3.2",
            of=Timeouts,
            old="patience",
            default_text="RFC 1123's",
            example='{ data = "5 min" }',
        ),
    )
    turn: bool = field(
        default=False,
        metadata=setting(
            "flag", "Change roles when a sender-SMTP asks by TURN; otherwise reply 502.", "3.8"
        ),
    )
    holds: tuple[str, ...] = field(
        default=(),
        metadata=setting(
            "hosts",
            "Hosts that this one does not call: mail for them waits until they fetch it by TURN.",
            "3.8",
            own=True,
            example='["DORM.ARPA"]',
            trace="set",
        ),
    )
    grammar: str = field(
        default="standard",
        metadata=setting(
            "choice",
            "How strictly its receiver-SMTP reads commands.",
            "4.1.2",
            words={
                "strict": "the grammar of 4.1.2 to the letter",
                "standard": "the grammar, with names of one and two characters",
                "tolerant": "also common mistakes of senders",
            },
        ),
    )
    eight_bit: str = field(
        default="refuse",
        metadata=setting(
            "choice",
            "What its receiver-SMTP does with mail data that has 8-bit bytes. In a command "
            "they are a syntax error.",
            "2, appendices A to D",
            words={
                "refuse": "reply 554 to the mail data",
                "clear": "set the bits to zero, once the lines have been separated",
            },
            trace="set",
        ),
    )
    zone: str = field(
        default="",
        metadata=setting(
            "zone",
            "Time zone that its clock shows: UT, a zone of RFC 822 such as EST or PDT, a military "
            "letter, or +hhmm.",
            "4.1.2",
            default_text="that of `start`",
            example='"PDT"',
        ),
    )
    stamp: Stamp = field(
        default=PLAIN,
        metadata=setting(
            "table",
            "What its time stamp lines say besides from, by and the date.",
            "4.1.2",
            of=Stamp,
            example='{ via = "TELENET", with = "X25" }',
        ),
    )
    unsophisticated: bool = field(
        default=False,
        metadata=setting(
            "flag", "Its sender-SMTP looks only at the first digit of a reply.", "appendix E"
        ),
    )
    unimplemented: tuple[str, ...] = field(
        default=(),
        metadata=setting(
            "commands",
            "Commands that its receiver-SMTP does not implement: it replies 502.",
            "4.5.1",
            example='["EXPN", "HELP"]',
        ),
    )
    verify_lists: bool = field(
        default=False,
        metadata=setting(
            "flag",
            "Reply 250 to VRFY of a list that is not private, if mail for it reaches everyone on "
            "it; otherwise reply 550.",
            "3.3",
        ),
    )
    expand_users: bool = field(
        default=False,
        metadata=setting(
            "flag", "Reply 250 to EXPN of a user, as a list of one; otherwise reply 550.", "3.3"
        ),
    )
    answers: Mapping[str, int | Sequence[int]] = field(
        default_factory=dict,
        metadata=setting(
            "codes",
            "The reply to a command, whatever the host itself would reply: a code, or several that "
            "are used one after another. The keys are the rows of section 4.3, such as "
            '"RCPT", "CONNECT" (the greeting) and "data" (the mail data).',
            "4.3",
            example="{ RCPT = 450, DATA = [451, 354] }",
            trace="set",
        ),
    )
    replies: Sequence[ScriptedReply] = field(
        default=(),
        metadata=setting(
            "tables",
            "Replies that it sends in place of its own, byte for byte: a scripted receiver-SMTP. "
            "`lab help faults` shows what they are for.",
            "4.2",
            of=ScriptedReply,
            key="reply",
            trace="set",
        ),
    )
    external: str = field(
        default="",
        metadata=setting(
            "address",
            "In a live run, the address of the real mail server that is this host.",
            own=True,
            example='"127.0.0.1:2600"',
        ),
    )
    position: tuple[float, float] | None = field(
        default=None,
        metadata=setting(
            "position",
            "Position on the map: x and y, in any unit.",
            own=True,
            router=True,
            example="[2, 1.5]",
            trace="always",
        ),
    )
    title: str = field(
        default="",
        metadata=setting(
            "text",
            "A description, kept in the trace.",
            router=True,
            example='"the lab"',
            trace="always",
        ),
    )
    label: str = field(
        default="",
        metadata=setting(
            "text",
            "What people see in place of the name, in any script: pictures, pages and tables show "
            "it, and hosts say the name. A graph's labels are kept here.",
            own=True,
            router=True,
            default_text="the name",
            example='"Zürich"',
            trace="set",
        ),
    )

    @property
    def all_names(self) -> tuple[str, ...]:
        """Its name, and its names in other environments."""
        return (self.name, *[name for name in self.names.values() if name != self.name])

    @property
    def replies_later(self) -> bool:
        """Whether its receiver-SMTP needs a way to reply to mail data at a later time."""
        return self.store != 0 or self.careless

    def name_in(self, environment: str) -> str:
        """Return the name by which the host is known in an environment (section 3.6)."""
        return self.names.get(environment, self.name)

    def __reduce__(self) -> tuple[Any, ...]:
        # a compiled frozen dataclass cannot be pickled in Python's default way
        return type(self), tuple([getattr(self, each.name) for each in fields(self)])


checked(HostSettings)  # not as a decorator: see there


@dataclass(slots=True)
class HostFaults:
    """The faults that a host has at present.

    The first four are numbers of faults: ``down`` (the host does not run), ``busy`` (its mailboxes
    are busy: 450), ``full`` (it has no storage left: 452) and ``refusing``
    (it greets with 421). ``skew`` is how many seconds its clock is ahead. ``lives`` counts its
    crashes: what is in memory is lost with each.
    """

    down: int = 0
    busy: int = 0
    full: int = 0
    refusing: int = 0
    skew: float = 0.0
    lives: int = 0
