"""The parts of a topology: environments, hosts, links, mail, traffic and faults.

Each field of these dataclasses that has metadata is a key of the topology file, and is declared
only here (:mod:`lab.hosts.setting` says how; those of a host are in :mod:`lab.hosts.settings`).
Durations are seconds, sizes bytes, bandwidths bits per second, rates events per second. The objects
are plain data: they can be compared and sent to other processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from lab.hosts.checked import checked
from lab.hosts.retry import Retry
from lab.hosts.setting import setting
from lab.hosts.settings import HostSettings
from lab.protocol import HostName, Path
from lab.quantities import single_line
from lab.runtime.arguments import text
from lab.runtime.typed_values import PUBLIC_NAMES
from lab.topology.distributions import BurstLoss as BurstLoss
from lab.topology.distributions import Distribution as Distribution
from lab.topology.link_specs import LinkBack as LinkBack
from lab.topology.link_specs import LinkSpec as LinkSpec
from lab.topology.traffic_specs import TrafficSpec as TrafficSpec
from lab.trace.labels import label_key

HostSpec = HostSettings
"""A host in a topology is the settings of its installation."""

DEFAULT_START: Final = datetime(1982, 8, 1, tzinfo=UTC)
"""The date at t=0 unless a file says otherwise: the month of RFC 821."""


class TopologyError(Exception):
    """Raised for a topology that cannot be used; ``problems`` has a sentence for each problem."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = [single_line(problem) for problem in problems]
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(self.problems)


@checked
@dataclass(frozen=True, slots=True)
class Environment:
    """An interprocess communication environment (IPCE), with the transport service it offers."""

    name: str = field(
        metadata=setting(
            "name", "Name of the environment, used by links.", "3.6", example='"arpanet"'
        )
    )
    transport: str = field(
        default="tcp",
        metadata=setting(
            "choice",
            "The transport service that carries its channels.",
            "appendices A to D",
            words={
                "tcp": "Transmission Control Protocol (appendix A)",
                "ncp": "ARPANET Network Control Protocol (appendix B)",
                "nits": "Network Independent Transport Service (appendix C)",
                "x25": "X.25 (appendix D)",
                "tcp-on-x25": "TCP whose segments X.25 carries (appendix D)",
            },
        ),
    )


@checked
@dataclass(frozen=True, slots=True)
class MailSpec:
    """Mail that a user submits to their host.

    The mail data is ``mail_data``, or a memo header and ``text``, or a memo header and ``size``
    bytes of text.
    """

    at: float = field(
        metadata=setting("duration", "When the user submits it.", default=0.0, example='"2 s"')
    )
    verb: str = field(
        metadata=setting(
            "choice",
            "How it is to be delivered.",
            "3.4",
            default="MAIL",
            words={
                "MAIL": "to the mailbox",
                "SEND": "to the terminal",
                "SOML": "to the terminal, or else to the mailbox",
                "SAML": "to the terminal and to the mailbox",
            },
        )
    )
    sender: Path = field(
        metadata=setting(
            "path", "Address of the user.", "3.1", key="from", example='"JQP@MIT-AI.ARPA"'
        )
    )
    to: Sequence[Path] = field(
        metadata=setting(
            "paths",
            "An address, a source route such as `@USC-ISIE.ARPA:Jones@BBN-VAX.ARPA`, or a list.",
            "3.1",
            example='"Jones@BBN-VAX.ARPA"',
        )
    )
    subject: str = field(
        default="", metadata=setting("text", "Subject in the memo header.", example='"The Board"')
    )
    text: str | None = field(
        default=None, metadata=setting("text", "Text below the memo header.", example='"Hello."')
    )
    size: int | None = field(
        default=None,
        metadata=setting(
            "size", "Instead of text: the size of text that the lab makes up.", example='"2 kB"'
        ),
    )
    mail_data: str | None = field(
        default=None,
        metadata=setting(
            "text",
            "Instead of text: all of the mail data, including the memo header.",
            "3.1",
            example='"From: ..."',
        ),
    )


@checked
@dataclass(frozen=True, slots=True)
class ScriptSpec:
    """A sender-SMTP that sends exactly these lines, whatever comes back."""

    at: float = field(
        metadata=setting("duration", "When the channel is opened.", default=0.0, example='"2 s"')
    )
    sender: str = field(
        metadata=setting("host", "The host that sends.", key="from", example='"MIT-MC.ARPA"')
    )
    to: str = field(metadata=setting("host", "The host that is called.", example='"SU-SCORE.ARPA"'))
    lines: tuple[str, ...] = field(
        metadata=setting(
            "lines", "The lines, without their CRLF.", "4.1", example='["HELO MIT-MC.ARPA", "QUIT"]'
        )
    )


@checked
@dataclass(frozen=True, slots=True)
class PollSpec:
    """A host that calls another, sends its mail, and asks for mail with TURN."""

    at: float = field(
        metadata=setting("duration", "When it first calls.", default=0.0, example='"2 s"')
    )
    sender: str = field(
        metadata=setting("host", "The host that calls.", "3.8", key="from", example='"DORM.ARPA"')
    )
    to: str = field(metadata=setting("host", "The host that is called.", example='"HUB.ARPA"'))
    every: float | None = field(
        default=None,
        metadata=setting(
            "span", "Time from one call to the next.", default_text="once", example='"1 h"'
        ),
    )
    times: int = field(default=1, metadata=setting("count", "How many calls in all.", example="3"))


class FaultKind(NamedTuple):
    """A kind of fault: what it does, and the keys that it requires and allows besides its time.

    ``value`` is what the key ``value`` holds, if it has one: a "chance", a "bandwidth", a
    "duration" of 0 or more, or a "signed duration".
    """

    help: str
    requires: tuple[str, ...]
    allows: tuple[str, ...] = ()
    value: str = ""


_CHANGE: Final = ("host", "session", "number", "line")
_OF_LINK: Final = ("link", "value")
_WHICH: Final = ("name", "direction")
FAULT_KINDS: Final = {
    "link-down": FaultKind("the link carries nothing", ("link",), ("name",)),
    "host-down": FaultKind(
        "the host says 421 and shuts down, and starts again at the end", ("host",)
    ),
    "crash": FaultKind("the host loses what it has in memory", ("host",)),
    "partition": FaultKind("links between the groups carry nothing", ("groups",)),
    "loss": FaultKind("the chance that the link loses a segment", _OF_LINK, _WHICH, value="chance"),
    "latency": FaultKind("the latency of the link", _OF_LINK, _WHICH, value="duration"),
    "jitter": FaultKind(
        "the most that is added to the latency", _OF_LINK, _WHICH, value="duration"
    ),
    "bandwidth": FaultKind("the bandwidth of the link", _OF_LINK, _WHICH, value="bandwidth"),
    "busy": FaultKind("mailboxes of the host are busy: 450 at RCPT", ("host",)),
    "storage-full": FaultKind("no storage: 452 to MAIL, RCPT and the mail data", ("host",)),
    "refuse": FaultKind("the host greets with 421", ("host",)),
    "hang-up": FaultKind("a channel over the link is cut", ("link",), ("after", "session", "of")),
    "one-way": FaultKind(
        "over NCP, bytes from the first host of `link` to the second are lost: one of the two "
        "simplex connections of each channel fails, for good",
        ("link",),
    ),
    "clock-skew": FaultKind(
        "the host's clock is ahead", ("host", "value"), value="signed duration"
    ),
    "change-reply": FaultKind("a reply of the host is replaced", _CHANGE),
    "change-command": FaultKind("a command or the mail data of the host is replaced", _CHANGE),
}
SCHEDULE: Final = "schedule"
"""The word for faults that are listed in a file: one for each change of a link."""
"""The kinds of fault."""

_VALUES: Final = ", ".join(
    f"a {kind.value} for {name}" for name, kind in FAULT_KINDS.items() if kind.value
)


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """A fault: at a time, after an event, or at random with a rate."""

    kind: str = field(
        metadata=setting(
            "choice",
            "What goes wrong.",
            words={name: kind.help for name, kind in FAULT_KINDS.items()}
            | {SCHEDULE: "the changes that a file lists; the kind need not be written then"},
            default=SCHEDULE,
            default_text='`"schedule"`, if there is one',
            example='"link-down"',
        )
    )
    at: float | None = field(
        default=None,
        metadata=setting("duration", "When it begins.", default_text='"0 s"', example='"10 s"'),
    )
    duration: float | None = field(
        default=None,
        metadata=setting(
            "span",
            "How long it lasts.",
            key="for",
            default_text="for good; a crash: no time; with a rate: a minute",
            example='"60 s"',
        ),
    )
    link: tuple[str, str] | None = field(
        default=None,
        metadata=setting(
            "pair",
            "The two ends of the link that it affects. Each may be a glob; then one of the "
            "links that match is chosen at random each time.",
            example='["MIT-AI.ARPA", "USC-ISIE.ARPA"]',
        ),
    )
    host: str | None = field(
        default=None,
        metadata=setting(
            "host",
            "The host that it affects, or a glob; then one of the hosts that match is chosen at "
            "random each time.",
            example='"MIT-AI.ARPA"',
        ),
    )
    groups: tuple[tuple[str, ...], ...] = field(
        default=(),
        metadata=setting(
            "groups",
            "The groups of hosts of a partition, between which nothing is carried.",
            example='[["MIT-AI.ARPA"], ["USC-ISIE.ARPA"]]',
        ),
    )
    value: float | None = field(
        default=None,
        metadata=setting(
            "value",
            f"{_VALUES.capitalize()}.",
            example='"2 s"',
        ),
    )
    after: str | None = field(
        default=None,
        metadata=setting(
            "text",
            'What a hang-up waits for: a command ("DATA"), a reply code ("354"), the end of the '
            'mail data (".") or a number of bytes ("1000 B").',
            default_text="cut at once",
            example='"DATA"',
        ),
    )
    when: Mapping[str, Any] | None = field(
        default=None,
        metadata=setting(
            "condition",
            "Instead of at: the event of the trace, by its columns, that triggers it; `nth` counts "
            "the events that match.",
            example='{ host = "MIT-AI.ARPA", event = "reply", code = 354 }',
        ),
    )
    rate: float | None = field(
        default=None,
        metadata=setting("rate", "Instead of at: random, faults per second.", example='"2 /h"'),
    )
    session: int | None = field(
        default=None,
        metadata=setting(
            "ordinal",
            "The session that it affects, counted from 1.",
            default_text="the next",
            example="1",
        ),
    )
    of: str = field(
        default="sender",
        metadata=setting(
            "choice",
            "Whose bytes a hang-up counts.",
            words={"sender": "the sender-SMTP's", "receiver": "the receiver-SMTP's"},
        ),
    )
    number: int | None = field(
        default=None,
        metadata=setting(
            "ordinal",
            "Which reply of the session is changed, counted from the greeting, which is 1; or "
            "which command or mail data.",
            example="4",
        ),
    )
    line: str | None = field(
        default=None,
        metadata=setting(
            "text",
            "The line to send instead. If the new reply is a refusal, the receiver-SMTP acts on "
            "it; any other is only sent.",
            example='"550 No such user here"',
        ),
    )
    every: float | None = field(
        default=None,
        metadata=setting(
            "span",
            "It happens again and again: the time from one beginning to the next.",
            default_text="once",
            example='"1 h"',
        ),
    )
    name: str | None = field(
        default=None,
        metadata=setting(
            "text",
            "The name of the link, where several join the two ends.",
            default_text="all of them",
            example='"satellite"',
        ),
    )
    direction: str = field(
        default="both",
        metadata=setting(
            "choice",
            "The direction of the link in which it changes.",
            words={
                "both": "both",
                "there": "from the first host of `link` to the second",
                "back": "from the second to the first",
            },
        ),
    )
    schedule: str | None = field(
        default=None,
        metadata=setting(
            "text",
            "Instead of all else: a CSV file of changes, with the columns at, link, key and value. "
            "With `every`, the file begins anew so often.",
            example='"changes.csv"',
        ),
    )


PUBLIC_NAMES[FaultSpec] = "Fault"

Sets = Iterable[str] | Mapping[str, object]
"""Overrides: texts such as "link.0.latency=1 s", or a mapping of dotted paths to values."""


class Generated(dict[str, Any]):
    """The tables of a file with ``[generate]``, to draw it again for another seed.

    ``sets`` are the overrides of what is drawn, ``drawn`` the parts of the topology as they were
    made: one that was changed since is not drawn again.
    """

    def __init__(self, tables: Mapping[str, Any], sets: Sets = ()) -> None:
        super().__init__(tables)
        self.sets = sets
        self.drawn: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class TopologyData:
    """Environments, hosts and links, and the mail, traffic, scripts and faults of a run.

    ``hosts`` maps names, as written, to hosts; :meth:`host` finds a host by any of its names.
    ``start`` is the date at t=0. ``expect`` is the outcome that the file states. ``notes`` are
    warnings for people. ``recipe`` is for the lab: how to draw the graph of ``[generate]`` again.
    ``sets`` are the overrides that the file was read with; the rest has them already.
    """

    title: str = ""
    start: datetime = DEFAULT_START
    environments: dict[str, Environment] = field(default_factory=dict)
    hosts: dict[str, HostSpec] = field(default_factory=dict)
    links: Sequence[LinkSpec] = ()
    mail: Sequence[MailSpec] = ()
    traffic: Sequence[TrafficSpec] = ()
    scripts: Sequence[ScriptSpec] = ()
    polls: Sequence[PollSpec] = ()
    faults: Sequence[FaultSpec] = ()
    retry: Retry = field(default_factory=Retry)
    expect: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    recipe: object = field(default=None, repr=False, compare=False)
    sets: tuple[str, ...] = field(default=(), repr=False, compare=False)
    _cache: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def messages(self) -> int:
        """The number of messages that users submit; about so many, where a time ends them."""
        return len(self.mail) + sum(traffic.expected for traffic in self.traffic)

    def host(self, name: str) -> HostSpec | None:
        """Return the host of that name in any environment, or of that label, in any case.

        It is None if there is none, or if several hosts have that label.
        """
        text("name", name, "the name of a host")
        known = self.hosts.get(name)
        if known is not None and known.name == name:  # as mostly: no name has to be read
            return known
        names: dict[HostName, HostSpec] | None = self._cache.get("names")
        if names is None:
            names = {HostName(n): spec for spec in self.hosts.values() for n in spec.all_names}
            self._cache["names"] = names
        by_name = names.get(HostName(name))
        return self._labelled(name) if by_name is None else by_name

    def _labelled(self, name: str) -> HostSpec | None:
        labels: dict[str, list[HostSpec]] | None = self._cache.get("labels")
        if labels is None:
            labels = self._cache["labels"] = {}
            for spec in self.hosts.values():
                if spec.label:
                    labels.setdefault(label_key(spec.label), []).append(spec)
        specs = labels.get(label_key(name), ())
        return specs[0] if len(specs) == 1 else None
