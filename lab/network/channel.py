"""A transmission channel: a reliable ordered stream of bytes each way, over a path of links.

Deliveries are events on the clock: one for each chunk of bytes where the links have nothing but
latency, and one more for each link at which bytes may have to queue. Whatever jitter and loss do,
bytes arrive in the order in which they were sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from lab.network.clock import Clock
from lab.network.events import Deliver, Delivery, Line, Sequencer, Timer
from lab.network.link import NOBODY, Holder, LinkDirection
from lab.network.paths import PathFinder
from lab.network.transport import Transport

SHORTEST_TIMEOUT: Final = 1.0
"""Seconds before a lost segment is sent again, at least: RFC 793's lower bound."""


def _nobody() -> Holder:
    """Return the holder of bytes that are of no session, as those of its opening."""
    return NOBODY


def _nowhere(_: Any) -> None:
    """Drop what arrives after a channel has been cut."""


class Route:
    """The links from one host to another in one direction, with what is fixed about them.

    ``delay`` is the seconds that every chunk takes, or None where that depends on what else is on
    the links. ``next_order`` is the sequencer of the host at which the route begins.
    """

    __slots__ = ("delay", "links", "next_order", "timeout", "transport")

    def __init__(
        self, links: tuple[LinkDirection, ...], transport: Transport, next_order: Sequencer
    ) -> None:
        self.links = links
        self.next_order = next_order
        self.transport = transport
        self.delay: float | None = None
        self.timeout = SHORTEST_TIMEOUT
        self.measure()

    def measure(self) -> None:
        """Set ``delay`` and ``timeout`` from the links; call it again after a link has changed."""
        plain = all(link.is_plain for link in self.links)
        # a link whose latency changes must keep the order of what is under way
        plain = plain and not any(link.changing for link in self.links)
        latency = sum(link.latency for link in self.links)
        self.delay = latency if plain else None
        self.timeout = max(SHORTEST_TIMEOUT, 4 * latency)


class NoRoute:
    """Why no channel can be opened from one host to another, in words."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


class ChannelRoute:
    """How channels from one host to another go: a route each way, the links, nodes and transport.

    ``to_receiver`` and ``to_sender`` are named for the roles at opening: the host that opens the
    channel is the sender-SMTP's. ``opening`` is the seconds that opening takes, or None where that
    depends on what else is on the links.
    """

    __slots__ = (
        "environment", "links", "nodes", "opening", "to_receiver", "to_sender", "transport",
    )  # fmt: skip

    def __init__(
        self,
        paths: PathFinder,
        host: str,
        peer: str,
        environment: str,
        transport: Transport,
        sequencers: Mapping[str, Sequencer],
    ) -> None:
        self.links = paths.path(host, peer, environment)
        to_receiver, nodes = paths.directions(host, self.links)
        to_sender, _ = paths.directions(peer, tuple(reversed(self.links)))
        self.to_receiver = Route(tuple(to_receiver), transport, sequencers[host])
        self.to_sender = Route(tuple(to_sender), transport, sequencers[peer])
        self.nodes = tuple(nodes)
        self.environment = environment
        self.transport = transport
        self.opening = self._fixed_opening()

    def _fixed_opening(self) -> float | None:
        outward, back = self.to_receiver.delay, self.to_sender.delay
        if outward is None or back is None:
            return None
        messages = len(self.transport.opening)
        from_receiver = messages // 2
        from_sender = messages - from_receiver
        return self.transport.setup + outward * from_sender + back * from_receiver


class Stream:
    """One direction of a channel: ``send`` puts bytes on the links, ``deliver`` receives them.

    After ``cut()``, bytes under way still come off the clock; their receiver must check ``alive``
    and ignore them. ``on_segment_loss`` is called at each loss with the direction of the link, how
    many times the segment was sent again, and the delay in seconds. ``left_at`` is when the last of
    what was sent has left its host, where the first link has a bandwidth. ``holder`` says whose
    bytes are sent, so that others know behind what they wait.
    """

    __slots__ = (
        "_last", "alive", "deliver", "env", "holder", "left_at", "on_segment_loss", "route",
    )  # fmt: skip

    def __init__(
        self,
        env: Clock,
        route: Route,
        deliver: Deliver,
        on_segment_loss: Callable[[LinkDirection, int, float], None] | None = None,
    ) -> None:
        self.env = env
        self.route = route
        self.deliver = deliver
        self.on_segment_loss = on_segment_loss
        self.holder: Callable[[], Holder] = _nobody
        self.alive = True
        self._last = 0.0
        self.left_at = 0.0

    def send(self, octets: bytes, now: float) -> None:
        """Send bytes at the present time, in seconds."""
        route = self.route
        delay = route.delay
        if delay is not None:
            Delivery(self.env, now + delay, self.deliver, octets, now, route.next_order())
        else:
            size = route.transport.on_the_wire(len(octets))
            self._travel(0, now, now, octets, now, size, self.holder(), ())

    def control(self, size: int, now: float) -> None:
        """Send a control message of the transport service, of this many bytes on the wire."""
        self._travel(0, now, now, b"", now, size, self.holder(), ())

    def settle_order(self, now: float) -> None:
        """Have what is under way arrive before what is sent from now on; called before links
        change.
        """
        if self.route.delay is not None:
            self._last = max(self._last, now + self.route.delay)

    def cut(self) -> None:
        """Let nothing that is under way arrive."""
        self.alive = False
        self.deliver = _nowhere

    def land(
        self, at: float, octets: bytes, sent: float, lines: tuple[Line, ...] | None = None
    ) -> None:
        """Have bytes arrive at the end of the stream, at a time in seconds.

        A derived class may have them arrive elsewhere, as a run on several processes does.
        """
        Delivery(self.env, at, self.deliver, octets, sent, self.route.next_order(), lines)

    def _travel(
        self,
        number: int,
        head: float,
        tail: float,
        octets: bytes,
        sent: float,
        size: int,
        holder: Holder,
        lines: tuple[Line, ...],
    ) -> None:
        """Cross the links from ``number`` on; wait for each where other bytes may be in front."""
        route, now = self.route, self.env.now
        transport = route.transport
        while number < len(route.links):
            link = route.links[number]
            if link.rate is None:
                head, tail = link.pass_on(head, tail, size, transport.piece)
            elif head > now:
                train = (number, head, tail, octets, sent, size, holder, lines)
                Timer(self.env, head, self._travel_on, train, route.next_order())
                return
            else:
                since, free_at = head, link.free_at
                session, message = link.holder if free_at > since else NOBODY
                head, tail = link.pass_on(head, tail, size, transport.piece)
                begin, end = max(since, free_at), link.free_at
                line = (link.a, link.b, since, begin, end, session, message)
                lines = (*lines, line) if lines else (line,)
                link.holder = holder
                if number == 0:
                    self.left_at = end
            for times in link.lost(-(-len(octets) // transport.segment) or 1):
                delay = route.timeout * times
                head, tail = head + delay, tail + delay
                if self.on_segment_loss:
                    self.on_segment_loss(link, times, delay)
            number += 1
        # a stream is ordered: nothing overtakes what was sent before
        self._last = tail = max(tail, self._last)
        self.land(max(tail, now), octets, sent, lines or None)

    def _travel_on(self, train: Any) -> None:
        if self.alive:
            self._travel(*train)
