"""What hosts ask of code that may be a user's: the next host, the time of a retry, verdicts.

The lab's own routing (:class:`lab.hosts.shortest_ways.ShortestWays`) and retries
(:class:`lab.hosts.retry.Retry`) derive from these classes too. This module is never compiled, so
that classes in plain Python can.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence

from lab.hosts.settings import HostSettings
from lab.protocol import Path, Reply, Transaction
from lab.runtime.plugins import Plugin


class Link(ABC):
    """A link as it is at present; ``a`` and ``b`` are its ends. It cannot be changed."""

    a: str
    b: str
    environment: str
    name: str

    @property
    @abstractmethod
    def is_up(self) -> bool:
        """Whether no fault has it down."""

    @abstractmethod
    def latency(self, to: str) -> float:
        """Return the seconds that a byte takes towards one end."""

    @abstractmethod
    def bandwidth(self, to: str) -> float | None:
        """Return the bits per second towards one end; None where there is no limit."""

    @abstractmethod
    def wait(self, to: str) -> float:
        """Return the seconds until all that is queued for the link towards one end has left."""

    @abstractmethod
    def utilisation(self, to: str) -> float:
        """Return which share of the run so far the link was busy towards one end."""


class Network(ABC):
    """A network as it is at present. It can be looked at, and not changed.

    ``hosts`` are the names of the hosts, without routers, and ``links`` all links, both in the
    order of the topology. A name of a host that there is not raises KeyError.
    """

    hosts: Sequence[str]
    links: Sequence[Link]

    @property
    @abstractmethod
    def now(self) -> float:
        """Seconds of simulated time since the start."""

    @abstractmethod
    def settings(self, host: str) -> HostSettings:
        """Return the settings of a host: whether it relays, its users, its limits."""

    @abstractmethod
    def neighbours(self, host: str) -> Mapping[str, float]:
        """Return the hosts that a host can open a channel to if all links are up, with the costs
        of the way there.
        """

    @abstractmethod
    def is_up(self, host: str) -> bool:
        """Return whether no fault has a host down."""

    @abstractmethod
    def is_open(self, host: str, peer: str) -> bool:
        """Return whether a host could open a channel to a neighbour now, as far as faults go."""

    @abstractmethod
    def queued(self, host: str, peer: str | None = None) -> int:
        """Return how many messages lie in the spool of a host, for a next host or in all."""

    @abstractmethod
    def wait(self, host: str, peer: str) -> float:
        """Return the seconds that bytes which a host sends to a neighbour now wait for the links.

        Infinity where no channel could be opened.
        """

    @abstractmethod
    def shortest(
        self, host: str, target: str, avoided: Collection[str] = frozenset()
    ) -> str | None:
        """Return the next host by the lab's own routing: on the way of least cost over hosts that
        relay and are not ``avoided``; None if there is none.
        """


class Routing(Plugin, ABC):
    """Chooses the next host for mail.

    ``network`` is set before :meth:`begin` is called. ``is_static``: what :meth:`next_hop` returns
    depends on nothing but its arguments and the topology. Then hosts remember it, and a run may be
    shared out among processes.
    """

    kind = "routing"
    is_static: bool = False
    network: Network

    def begin(self) -> None:
        """Prepare for a run. By default do nothing."""

    @abstractmethod
    def next_hop(self, host: str, target: str, avoided: frozenset[str]) -> str | None:
        """Return the neighbour of ``host`` to which it sends mail for ``target``; None if there is
        no route.

        ``avoided`` hosts are not to be on the way: the mail has been there, or could not be sent
        there. A host may ask more than once about the same mail, as when it replies to RCPT.
        """

    def detour(
        self, host: str, target: str, blocked: str, avoided: frozenset[str]
    ) -> list[str] | None:
        """Return the hosts after ``host`` on a way to ``target`` that does not begin with
        ``blocked``, which could not be reached; None if there is none, and the mail waits.

        By default what :meth:`next_hop` returns when ``blocked`` is avoided too.
        """
        hop = self.next_hop(host, target, avoided | {blocked})
        return None if hop is None or hop == blocked or hop in avoided else [hop]

    def changed(self) -> None:
        """Take note that a fault has begun or ended: a link or host is down or up again, or a link
        has other values. By default do nothing.
        """


class Retry(Plugin, ABC):
    """When mail that could not be sent is tried again, and when it is given up.

    Each host has a copy of its own. ``give_up`` is the age in seconds at which mail that has failed
    once more is given up.
    """

    kind = "retry"
    give_up: float = 259200.0

    @abstractmethod
    def delay(self, failures: int, host: str = "", peer: str = "", reason: str = "") -> float:
        """Return the seconds from the ``failures``-th failure (1 for the first) to the next try.

        ``host`` could not send mail to ``peer``, and ``reason`` is the reply or what else happened.
        """


class Session:
    """The session in which a host is asked for a verdict.

    ``host`` is the host that is asked, ``peer`` the host of the topology that has called, or None.
    ``number`` is that of the session, ``now`` the time in seconds, and ``hello`` the name that the
    peer gave in HELO.
    """

    __slots__ = ("environment", "hello", "host", "now", "number", "peer")

    def __init__(self, host: str, peer: str | None, environment: str, number: int | None) -> None:
        self.host = host
        self.peer = peer
        self.environment = environment
        self.number = number
        self.hello = ""
        self.now = 0.0


class Behaviour(Plugin):
    """A host's verdicts as the receiver-SMTP.

    Each method returns a reply that section 4.3 permits there, or None for the host's own. Each
    host has a copy of its own, which lasts for the whole run. By default all return None.
    """

    kind = "behaviour"

    def greeting(self, session: Session) -> Reply | None:
        """Return the reply when a channel has opened: 220, or 421 to refuse the session."""
        return None

    def hello(self, session: Session, domain: str) -> Reply | None:
        """Return the reply to HELO."""
        return None

    def begin(self, session: Session, verb: str, reverse_path: Path) -> Reply | None:
        """Return the reply to MAIL, SEND, SOML or SAML, which is ``verb``."""
        return None

    def recipient(
        self, session: Session, transaction: Transaction, forward_path: Path
    ) -> Reply | None:
        """Return the reply to RCPT."""
        return None

    def accept(self, session: Session, transaction: Transaction) -> Reply | None:
        """Return a refusal of the mail data, or None: only the host itself can take mail."""
        return None

    def verify(self, session: Session, string: str) -> Reply | None:
        """Return the reply to VRFY."""
        return None

    def expand(self, session: Session, string: str) -> Reply | None:
        """Return the reply to EXPN."""
        return None
