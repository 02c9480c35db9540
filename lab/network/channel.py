"""A transmission channel: a reliable ordered stream of bytes each way, over a path of links.

Deliveries are events on the clock, one for each chunk where nothing but latency lies on
the way, and one more for each link at which bytes may have to queue. Whatever jitter and loss do,
bytes arrive in the order in which they were sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.network.clock import Clock
from lab.network.events import Deliver, Delivery, Ticket, Timer
from lab.network.link import LinkDirection
from lab.network.transport import Transport

SHORTEST_TIMEOUT = 1.0
"""Seconds before a lost segment is sent again, at least: RFC 793's lower bound."""


def _nowhere(_: Any) -> None:
    """Where what is under way arrives once a channel has been cut."""


class Route:
    """The links from one host to another in one direction, with what is fixed about them.

    ``delay`` is the seconds that every chunk takes, or None where it depends on what else is on
    the links. ``ticket`` gives what leaves the host its place among what happens at one instant.
    """

    __slots__ = ("delay", "links", "ticket", "timeout", "transport")

    def __init__(
        self, links: tuple[LinkDirection, ...], transport: Transport, ticket: Ticket
    ) -> None:
        self.links = links
        self.ticket = ticket
        self.transport = transport
        self.delay: float | None = None
        self.timeout = SHORTEST_TIMEOUT
        self.measure()

    def measure(self) -> None:
        """Find what is fixed, again after a link has changed."""
        plain = all(link.is_plain for link in self.links)
        # a link whose latency changes must keep the order of what is under way
        plain = plain and not any(link.changing for link in self.links)
        latency = sum(link.latency for link in self.links)
        self.delay = latency if plain else None
        self.timeout = max(SHORTEST_TIMEOUT, 4 * latency)


class Stream:
    """One direction of a channel: ``send`` puts bytes on their way, ``deliver`` gets them.

    After ``cut()`` what is under way still comes out of the clock, and is to be passed over:
    ``alive`` tells. ``on_loss`` is told of each loss: direction, times sent again, delay in
    seconds.
    """

    __slots__ = ("_last", "alive", "deliver", "env", "on_loss", "way")

    def __init__(
        self,
        env: Clock,
        way: Route,
        deliver: Deliver,
        on_loss: Callable[[LinkDirection, int, float], None] | None = None,
    ) -> None:
        self.env = env
        self.way = way
        self.deliver = deliver
        self.on_loss = on_loss
        self.alive = True
        self._last = 0.0

    def send(self, octets: bytes, now: float) -> None:
        """Put bytes on their way at the present time."""
        way = self.way
        delay = way.delay
        if delay is not None:
            Delivery(self.env, now + delay, self.deliver, octets, now, way.ticket())
        else:
            size = way.transport.on_the_wire(len(octets))
            self._ride(0, now, now, octets, now, size)

    def control(self, size: int, now: float) -> None:
        """Put a control message of the transport service on its way: so many bytes on the wire."""
        self._ride(0, now, now, b"", now, size)

    def settle_order(self, now: float) -> None:
        """Before the links under the channel change: what is under way is to arrive first."""
        if self.way.delay is not None:
            self._last = max(self._last, now + self.way.delay)

    def cut(self) -> None:
        """Let nothing that is under way arrive."""
        self.alive = False
        self.deliver = _nowhere

    def _ride(
        self, number: int, head: float, tail: float, octets: bytes, sent: float, size: int
    ) -> None:
        """Go over the links from ``number`` on, stopping at each where others may be before us."""
        way, env = self.way, self.env
        transport = way.transport
        while number < len(way.links):
            link = way.links[number]
            if link.rate is not None and head > env.now:
                train = (number, head, tail, octets, sent, size)
                Timer(env, head, self._ride_on, train, way.ticket())
                return
            head, tail = link.pass_on(head, tail, size, transport.piece)
            for again in link.lost(-(-len(octets) // transport.segment) or 1):
                delay = way.timeout * again
                head, tail = head + delay, tail + delay
                if self.on_loss:
                    self.on_loss(link, again, delay)
            number += 1
        # a stream is ordered: nothing overtakes what was sent before
        self._last = tail = max(tail, self._last)
        self._land(max(tail, env.now), octets, sent)

    def _land(self, at: float, octets: bytes, sent: float) -> None:
        """Have bytes arrive at a time."""
        Delivery(self.env, at, self.deliver, octets, sent, self.way.ticket())

    def _ride_on(self, train: Any) -> None:
        if self.alive:
            self._ride(*train)
