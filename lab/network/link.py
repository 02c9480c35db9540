"""A link: two directions of bytes, with latency, loss, and a bandwidth that all sessions share.

A chunk of a stream travels as a *train* of segments: its head arrives first, its tail when the last
bit is there. Trains queue for the link, first come, first served. A train goes on to the next link
as soon as its head has arrived, as routers pass on each segment by itself.
"""

from __future__ import annotations

from typing import Final

from lab.runtime.draws import Bursts, Draws
from lab.runtime.streams import Stream

MOST_TIMES_SENT: Final = 16
"""How many times a lost segment is sent again at most, however bad the link is."""


Holder = tuple[int | None, int | None]
"""Whose bytes are on a line: the numbers of their session and message, if they have any."""

NOBODY: Final[Holder] = (None, None)


class LinkDirection:
    """One direction of a link, from ``a`` to ``b``.

    ``latency`` is in seconds, ``rate`` in bytes per second (None: no limit). ``jitter`` is the most
    seconds that are added to the latency, or what draws them; together they are never less than 0.
    ``loss`` is the chance that a segment is lost and sent again, or the bursts in which segments
    are. ``free_at`` is the time when the last queued bit has left, and ``holder`` whose that is, as
    those who send say. ``changing`` is set once a fault has changed the latency. ``busy`` is the
    seconds that bits have taken to leave. Jitter and losses are drawn from a stream each, so that
    neither disturbs the other.
    """

    __slots__ = (
        "a", "b", "busy", "changing", "free_at", "holder", "jitter", "jitters", "latency", "loss",
        "losses",
        "rate",
    )  # fmt: skip

    def __init__(
        self,
        a: str,
        b: str,
        latency: float,
        jitter: float | Draws,
        bandwidth: float | None,
        loss: float | Bursts,
        jitters: Stream,
        losses: Stream,
    ) -> None:
        self.a = a
        self.b = b
        self.latency = latency
        self.jitter = jitter
        self.rate = bandwidth / 8 if bandwidth else None
        self.loss = loss
        self.jitters = jitters
        self.losses = losses
        self.free_at = 0.0
        self.busy = 0.0
        self.holder = NOBODY
        self.changing = False

    @property
    def is_plain(self) -> bool:
        """Whether crossing it takes the latency and nothing else."""
        return self.rate is None and not self.jitter and not self.loss

    def pass_on(self, head: float, tail: float, octets: int, segment: int) -> tuple[float, float]:
        """Return when the head and the tail of a train arrive that enter at these times.

        ``octets`` is the length of the train with headers, ``segment`` that of its first piece.
        """
        if self.rate is not None:
            start = max(head, self.free_at)
            first = min(segment, octets) / self.rate
            tail = max(start + octets / self.rate, tail + first)
            head = start + first
            self.free_at = tail
            self.busy += octets / self.rate
        delay, jitter = self.latency, self.jitter
        # whole microseconds: the same on every machine, however it rounds the last bit
        if isinstance(jitter, Draws):
            delay = max(delay + round(jitter.draw(self.jitters), 6), 0.0)
        elif jitter:
            delay += round(self.jitters.random() * jitter, 6)
        return head + delay, tail + delay

    def lost(self, segments: int) -> list[int]:
        """Return, for each segment that was lost, how many times it was sent again until it
        arrived.

        Each segment draws one number, whatever the loss: with the same seed, a link that loses more
        loses all that it would lose otherwise.
        """
        again = []
        loss = self.loss
        for _ in range(segments if loss else 0):
            if isinstance(loss, Bursts):
                times = loss.times(self.losses, MOST_TIMES_SENT)
            else:
                drawn, times, chance = self.losses.random(), 0, loss
                while times < MOST_TIMES_SENT and drawn < chance:
                    chance *= loss
                    times += 1
            if times:
                again.append(times)
        return again


class Link:
    """A link that joins two hosts or routers, ``a`` and ``b``, in one environment.

    ``to_b`` and ``to_a`` are its two directions; ``downs`` counts the faults that have it down.
    ``name`` tells it from other links between the two; most links have none.
    """

    __slots__ = ("a", "b", "downs", "environment", "name", "to_a", "to_b")

    def __init__(
        self, to_b: LinkDirection, to_a: LinkDirection, environment: str, name: str = ""
    ) -> None:
        self.a = to_b.a
        self.b = to_b.b
        self.to_b = to_b
        self.to_a = to_a
        self.environment = environment
        self.name = name
        self.downs = 0

    @property
    def up(self) -> bool:
        """Whether bytes can cross it, as no fault has it down."""
        return not self.downs

    def towards(self, node: str) -> LinkDirection:
        """The direction that leads to ``node``."""
        return self.to_b if node == self.b else self.to_a
