"""A route between two hosts, and what uses a connection over it: to test a connection alone."""

from __future__ import annotations

from typing import Any

from lab.network.channel import ChannelRoute
from lab.network.clock import Clock
from lab.network.connection import Connection, ConnectionUser
from lab.network.events import HOSTS, Delivery, sequencer
from lab.network.link import Link, LinkDirection
from lab.network.paths import PathFinder
from lab.network.transport import TRANSPORTS
from lab.runtime.streams import Stream

A, B = "A.ARPA", "B.ARPA"


def route(
    latency: float = 0.1, *, bandwidth: float | None = None, loss: float = 0.0, service: str = "tcp"
) -> ChannelRoute:
    """Return how a channel from A to B goes: over one link."""
    ends = [
        LinkDirection(a, b, latency, 0.0, bandwidth, loss, Stream(0, "jitter", a), Stream(0, a))
        for a, b in ((A, B), (B, A))
    ]
    paths = PathFinder([(Link(ends[0], ends[1], "net"), 1.0, 1.0)], set(), {"net": 0})
    orders = {A: sequencer(HOSTS), B: sequencer(HOSTS + 1)}
    return ChannelRoute(paths, A, B, "net", TRANSPORTS[service], orders)


class Token:
    """Something that lives as long as its owner. Compiled classes have no weak references."""


class Log(ConnectionUser):
    """Writes down what a connection calls: when, and with which bytes."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.token = Token()
        self.lines: list[str] = []

    def _write(self, text: str) -> None:
        self.lines.append(f"{self.clock.now:.1f} {text}")

    def opened(self, _: Any) -> None:
        self._write("opened")

    def at_receiver(self, delivery: Delivery) -> None:
        self._write(f"> {delivery.octets.decode()}")

    def part_at_receiver(self, delivery: Delivery) -> None:
        self._write(f"> {delivery.octets.decode()}...")

    def at_sender(self, delivery: Delivery) -> None:
        self._write(f"< {delivery.octets.decode()}")

    def receiver_sees_close(self, _: Any) -> None:
        self._write("receiver sees close")

    def segment_lost(self, link: LinkDirection, times: int, delay: float) -> None:
        self._write(f"lost {times} times on {link.a} - {link.b}: {delay:.1f} s")


def connected(clock: Clock, over: ChannelRoute, *interceptions: Any) -> tuple[Connection, Log]:
    """Return a connection that is open, and the log of it."""
    connection, log = Connection(clock, over), Log(clock)
    connection.attach(log, interceptions)
    connection.open()
    clock.run_out()
    return connection, log
