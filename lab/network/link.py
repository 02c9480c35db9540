"""A link: two directions of bytes, with latency, bandwidth that all sessions share, and loss.

A chunk of a stream travels as a *train* of segments: its head reaches the far end first, its tail
when the last bit is there. Trains queue for the link, first come, first served, and are passed on
from link to link without waiting for their tail, as routers pass segments on.
"""

from __future__ import annotations

from random import Random
from typing import Final

MOST_TIMES_SENT: Final = 16
"""How often a lost segment is sent again at the most, however bad the link."""


class LinkDirection:
    """One direction of a link.

    ``latency`` and ``jitter`` in seconds, ``rate`` in bytes a second (None: no limit), ``loss`` the
    chance that a segment is lost and sent again. ``free_at`` is when the last queued bit has left;
    ``changing`` is set when a fault has changed the latency.
    """

    __slots__ = ("a", "b", "changing", "free_at", "jitter", "latency", "loss", "random", "rate")

    def __init__(
        self,
        a: str,
        b: str,
        latency: float,
        jitter: float,
        bandwidth: float | None,
        loss: float,
        random: Random,
    ) -> None:
        self.a = a
        self.b = b
        self.latency = latency
        self.jitter = jitter
        self.rate = bandwidth / 8 if bandwidth else None
        self.loss = loss
        self.random = random
        self.free_at = 0.0
        self.changing = False

    @property
    def is_plain(self) -> bool:
        """Whether crossing it takes the latency and nothing else."""
        return self.rate is None and not self.jitter and not self.loss

    def pass_on(self, head: float, tail: float, octets: int, segment: int) -> tuple[float, float]:
        """When head and tail of a train that enters at those times reach the far end.

        ``octets`` is its whole length with headers, ``segment`` that of its first piece.
        """
        if self.rate is not None:
            start = max(head, self.free_at)
            first = min(segment, octets) / self.rate
            tail = max(start + octets / self.rate, tail + first)
            head = start + first
            self.free_at = tail
        delay = self.latency
        if self.jitter:
            # microseconds: the same on every machine, whatever the last bit of its mathematics
            delay += round(self.random.random() * self.jitter, 6)
        return head + delay, tail + delay

    def lost(self, segments: int) -> list[int]:
        """For each segment that was lost, how often it was sent again until it came through."""
        again = []
        for _ in range(segments if self.loss else 0):
            times = 0
            while times < MOST_TIMES_SENT and self.random.random() < self.loss:
                times += 1
            if times:
                again.append(times)
        return again


class Link:
    """Two hosts (or routers) joined in one environment; ``downs``: how many faults have it down."""

    __slots__ = ("a", "b", "back", "downs", "environment", "forth")

    def __init__(self, forth: LinkDirection, back: LinkDirection, environment: str) -> None:
        self.a = forth.a
        self.b = forth.b
        self.forth = forth
        self.back = back
        self.environment = environment
        self.downs = 0

    @property
    def up(self) -> bool:
        """Whether bytes cross it: no fault has it down."""
        return not self.downs

    def towards(self, node: str) -> LinkDirection:
        """The direction that leads to ``node``."""
        return self.forth if node == self.b else self.back
