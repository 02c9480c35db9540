"""A topology: hosts and links, and what is to happen there. Data only; nothing here acts.

Durations are seconds, sizes bytes, bandwidths bits a second, rates events a second. Objects are
plain: they compare, and they cross process boundaries.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from lab.hosts.directory import Forward, MailingList, User
from lab.hosts.retry import Retry
from lab.hosts.timeouts import TIMEOUTS, Timeouts
from lab.protocol import NO_LIMITS, Limits, Path, folded
from lab.quantities import one_line

if TYPE_CHECKING:
    import networkx

DEFAULT_START: Final = datetime(1982, 8, 1, tzinfo=UTC)
"""The date at t=0 unless a file says otherwise: the month of RFC 821."""

COUNTS: Final = (
    "submitted",
    "delivered",
    "returned",
    "rejected",
    "queued",
    "undeliverable_notifications",
    "lost",
    "duplicates",
    "sessions",
    "hops",
)
"""The counts of a summary, any of which ``[expect]`` may foretell."""


class TopologyError(Exception):
    """A topology that cannot be used; ``problems`` has a sentence for each thing wrong with it."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = [one_line(problem) for problem in problems]
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(self.problems)


@dataclass(frozen=True, slots=True)
class Environment:
    """An interprocess communication environment (IPCE), with the transport service it offers.

    ``transport``: "tcp", "ncp", "nits" or "x25" (appendices A to D).
    """

    name: str
    transport: str = "tcp"


@dataclass(frozen=True, slots=True)
class HostSpec:
    """A host, or a router that moves bytes and speaks no SMTP.

    ``relay``: accepts mail to be relayed. ``careless``: says 250 before the mail is stored.
    ``names``: by environment, the name by which that one knows it (section 3.6). ``on_251``:
    "accept", "redirect" or "learn"; ``on_551``: "redirect" or "return" (3.2). ``turn``: changes
    roles when asked; ``holds``: hosts that fetch their mail here by TURN (3.8). ``store``: seconds
    that it takes to store a message; ``patience``: how long it waits for replies. ``grammar``:
    "strict", "standard" or "tolerant" (4.1.2); ``eight_bit``: "refuse" or "clear" (appendix A).
    ``unsophisticated``: sends by the first digit of a reply alone (appendix E). ``unimplemented``:
    commands that draw 502 (4.5.1); ``answers``: by row of 4.3, the code or the codes one after
    another that are said whatever the host thinks. ``external``: where a real mail server listens
    that is this host in a live run, as "127.0.0.1:2600". ``position``: x and y on a map.
    ``title``: a label for people.
    """

    name: str
    kind: str = "host"
    relay: bool = False
    users: tuple[User, ...] = ()
    lists: tuple[MailingList, ...] = ()
    forwards: tuple[Forward, ...] = ()
    limits: Limits = NO_LIMITS
    careless: bool = False
    names: Mapping[str, str] = field(default_factory=dict)
    on_251: str = "accept"
    on_551: str = "redirect"
    store: float = 0.0
    patience: Timeouts = TIMEOUTS
    turn: bool = False
    holds: tuple[str, ...] = ()
    grammar: str = "standard"
    eight_bit: str = "refuse"
    unsophisticated: bool = False
    unimplemented: tuple[str, ...] = ()
    answers: Mapping[str, int | tuple[int, ...]] = field(default_factory=dict)
    external: str = ""
    position: tuple[float, float] | None = None
    title: str = ""

    @property
    def all_names(self) -> tuple[str, ...]:
        """Its name and those that other environments know it by."""
        return (self.name, *(name for name in self.names.values() if name != self.name))


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """Two hosts or routers that are joined in one environment, both ways alike.

    ``latency`` and ``jitter`` in seconds; ``bandwidth`` in bits a second, None for no limit;
    ``loss``: the chance that a segment is lost and sent again; ``cost``: what routes count, None
    for the latency.
    """

    a: str
    b: str
    environment: str
    latency: float = 0.010
    jitter: float = 0.0
    bandwidth: float | None = None
    loss: float = 0.0
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class MailSpec:
    """Mail that a user hands to the sender-SMTP of their host, ``at`` seconds.

    ``verb``: MAIL, SEND, SOML or SAML. The mail data is ``mail_data`` whole, or a memo header and
    ``text``, or one and ``size`` bytes of text.
    """

    at: float
    verb: str
    sender: Path
    to: tuple[Path, ...]
    subject: str = ""
    text: str | None = None
    size: int | None = None
    mail_data: str | None = None


@dataclass(frozen=True, slots=True)
class TrafficSpec:
    """Messages that users send each other at random: Poisson arrivals of ``rate`` a second.

    ``sender`` and ``to`` are globs over user@host; ``size`` in bytes; ``route``: "direct" (host
    tables pick the next hop) or "source" (the sender writes the route); ``start`` in seconds.
    """

    count: int
    rate: float
    sender: str = "*"
    to: str = "*"
    size: int = 700
    route: str = "direct"
    start: float = 0.0


@dataclass(frozen=True, slots=True)
class ScriptSpec:
    """A sender-SMTP that sends exactly these lines, whatever comes back, from host to host."""

    at: float
    sender: str
    to: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PollSpec:
    """A host calls another, sends what it has for it, and asks by TURN for what that one has.

    First ``at`` seconds, then ``every`` so many, ``times`` in all (section 3.8).
    """

    at: float
    sender: str
    to: str
    every: float | None = None
    times: int = 1


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """Something that goes wrong: ``at`` seconds, or ``when`` an event is seen, or at a ``rate``.

    It befalls ``link``, ``host`` or ``groups``, and lasts ``duration`` seconds (None: for good).
    ``value``: a chance for loss, seconds for latency and clock-skew. ``after``: what a hang-up
    waits for: a verb, a reply code, "." or a size, ``of`` the bytes of "sender" or "receiver", in
    the ``session`` of that number or in any; without it the channel is cut at once.
    ``rate`` is in faults a second. ``line`` stands in the place of reply, or command or mail data,
    ``number`` of a ``session``, counted from 1, where the kind is change-reply or change-command.
    """

    kind: str
    at: float | None = None
    duration: float | None = None
    link: tuple[str, str] | None = None
    host: str | None = None
    groups: tuple[tuple[str, ...], ...] = ()
    value: float | None = None
    after: str | None = None
    when: Mapping[str, Any] | None = None
    rate: float | None = None
    session: int | None = None
    of: str = "sender"
    number: int | None = None
    line: str | None = None


@dataclass(frozen=True, slots=True)
class Topology:
    """Environments, hosts and links with the mail, traffic, scripts and faults that befall them.

    ``hosts`` is by name as written; :meth:`host` finds them by any of their names, in any case.
    ``start`` is the date at t=0. ``expect`` is the outcome that the file foretells. ``notes`` are
    warnings for people. ``recipe`` is what a ``[generate]`` topology was made from.
    """

    title: str = ""
    start: datetime = DEFAULT_START
    environments: dict[str, Environment] = field(default_factory=dict)
    hosts: dict[str, HostSpec] = field(default_factory=dict)
    links: tuple[LinkSpec, ...] = ()
    mail: tuple[MailSpec, ...] = ()
    traffic: tuple[TrafficSpec, ...] = ()
    scripts: tuple[ScriptSpec, ...] = ()
    polls: tuple[PollSpec, ...] = ()
    faults: tuple[FaultSpec, ...] = ()
    retry: Retry = field(default_factory=Retry)
    expect: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    recipe: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)
    _found: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def messages(self) -> int:
        """How many messages users hand in."""
        return len(self.mail) + sum(one.count for one in self.traffic)

    def host(self, name: str) -> HostSpec | None:
        """The host of that name in any environment, in any case; None if there is none."""
        names: dict[str, HostSpec] | None = self._found.get("names")
        if names is None:
            names = {folded(n): spec for spec in self.hosts.values() for n in spec.all_names}
            self._found["names"] = names
        return names.get(folded(name))

    @property
    def graph(self) -> networkx.MultiGraph:
        """The topology as a networkx graph, made when first asked for.

        Nodes are host names, edges are keyed by environment. Both carry ``spec`` and, for
        networkx's own algorithms and writers, what it says as plain attributes.
        """
        if "graph" not in self._found:
            from lab.topology.graphs import to_graph

            self._found["graph"] = to_graph(self)
        return self._found["graph"]

    def with_seed(self, seed: int) -> Topology:
        """The topology that the same file describes for another seed.

        It differs only where ``[generate]`` draws the graph at random.
        """
        if self.recipe is None:
            return self
        from lab.topology.load import from_dict

        return from_dict(self.recipe, seed=seed)

    def to_toml(self, comment: str = "") -> str:
        """The text of a topology file that loads as this topology, under a comment."""
        from lab.topology.write import to_toml

        return to_toml(self, comment)

    @classmethod
    def from_graph(
        cls, graph: networkx.Graph, *, sets: Sets = (), seed: int = 0, **options: Any
    ) -> Topology:
        """The topology of any networkx graph, as ``graph = "map.graphml"`` gives in a file.

        ``options`` are the other keys of a topology file: ``title="..."``, ``mail=[{...}]``,
        ``defaults={"link": {"latency": "40 ms"}}``. Raises :class:`TopologyError`.
        """
        from lab.topology.load import from_dict

        return from_dict(options, graph=graph, sets=sets, seed=seed)


Sets = Iterable[str] | Mapping[str, Any]
"""Overrides: "link.0.latency=1 s" each, or a mapping of dotted paths to values."""


def load(path: str | os.PathLike[str], sets: Sets = (), seed: int = 0) -> Topology:
    """The topology that a TOML file describes.

    ``sets`` are overrides such as "link.0.latency=1 s"; ``seed`` is for ``[generate]``. Raises
    :class:`TopologyError` with every problem of the file, a sentence each.
    """
    from lab.topology.load import load_file

    return load_file(path, sets=sets, seed=seed)
