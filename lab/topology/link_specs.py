"""A link of a topology: what holds from its first end to its second, and what from there back."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import Final

from lab.hosts.checked import checked, of_valid
from lab.hosts.setting import setting
from lab.topology.distributions import BurstLoss, Distribution

LIGHT_IN_FIBRE: Final = 200_000.0
"""Kilometres that a signal goes in a second: the speed of light in fibre, 2/3 of that in vacuum."""

NO_LIMIT: Final = "no limit"
"""What a file says of a bandwidth that is infinite."""


@checked
@dataclass(frozen=True, slots=True)
class LinkBack:
    """What differs from the second end of a link to the first; None is as from first to second.

    An infinite ``bandwidth`` is none, where the link has one from first to second.
    """

    latency: float | None = field(
        default=None,
        metadata=setting("latency", "As of the link.", default_text="as there", example='"200 ms"'),
    )
    jitter: float | Distribution | None = field(
        default=None,
        metadata=setting("jitter", "As of the link.", default_text="as there", example='"5 ms"'),
    )
    bandwidth: float | None = field(
        default=None,
        metadata=setting(
            "bandwidth",
            'Bits per second, or "no limit".',
            default_text="as there",
            example='"1200 bit/s"',
        ),
    )
    loss: float | BurstLoss | None = field(
        default=None,
        metadata=setting("loss", "As of the link.", default_text="as there", example="0.01"),
    )
    cost: float | None = field(
        default=None,
        metadata=setting(
            "number",
            "Cost of the link for mail that goes this way.",
            default_text="the latency, or the cost of the link",
            example="3",
        ),
    )


@checked
@dataclass(frozen=True, slots=True)
class LinkSpec:
    """A link between two hosts or routers in one environment.

    Both directions are the same, except for what ``back`` has. Two hosts may have several links,
    told apart by ``name``: a channel takes the cheapest that is up, and the first of those that
    cost the same.
    """

    a: str = field(
        metadata=setting(
            "pair",
            "The two hosts or routers that the link joins.",
            key="between",
            own=True,
            example='["MIT-AI.ARPA", "USC-ISIE.ARPA"]',
        )
    )
    b: str
    environment: str = field(
        metadata=setting(
            "name",
            "The environment that the link belongs to.",
            "3.6",
            default=None,
            default_text="the first environment",
            example='"arpanet"',
            trace="always",
        )
    )
    latency: float = field(
        default=0.010,
        metadata=setting(
            "latency",
            'Time that a segment takes. "distance": `dist`, or the distance between the positions '
            "of the hosts (longitude and latitude) along a great circle, divided by `speed`.",
            example='"40 ms"',
            trace="always",
        ),
    )
    jitter: float | Distribution = field(
        default=0.0,
        metadata=setting(
            "jitter",
            "The most that is added to the latency, at random; or a distribution of what is added.",
            example='"5 ms"',
            trace="always",
        ),
    )
    bandwidth: float | None = field(
        default=None,
        metadata=setting(
            "bandwidth",
            'Bits per second, or "no limit".',
            default_text="no limit",
            example='"50 kbit/s"',
            trace="always",
        ),
    )
    loss: float | BurstLoss = field(
        default=0.0,
        metadata=setting(
            "loss",
            "Chance that a segment is lost and sent again; or a model of losses in bursts.",
            example="0.01",
            trace="always",
        ),
    )
    cost: float | None = field(
        default=None,
        metadata=setting(
            "number",
            "Cost of the link when the shortest route is computed.",
            default_text="the latency",
            example="3",
            trace="always",
        ),
    )
    name: str = field(
        default="",
        metadata=setting(
            "text",
            "Tells it from other links between the two. Of several, a channel takes the cheapest "
            "that is up; of those that cost the same, the first in the file.",
            own=True,
            example='"satellite"',
            trace="set",
        ),
    )
    dist: float | None = field(
        default=None,
        metadata=setting(
            "length",
            'Its length, for `latency = "distance"`.',
            default_text="the distance between the positions",
            own=True,
            example='"120 km"',
        ),
    )
    speed: float = field(
        default=LIGHT_IN_FIBRE,
        metadata=setting(
            "speed",
            'Speed of its signals, for `latency = "distance"`: by default that of light in fibre.',
            example='"200000 km/s"',
        ),
    )
    back: LinkBack = field(
        default_factory=LinkBack,
        metadata=setting(
            "table",
            "What holds from its second end to its first, if that differs: "
            '`back = { latency = "200 ms", bandwidth = "1200 bit/s" }`.',
            of=LinkBack,
            example='{ latency = "200 ms" }',
            trace="set",
        ),
    )

    @property
    def ends(self) -> tuple[frozenset[str], str, str]:
        """What no two links have in common: both ends, the environment and the name."""
        return frozenset((self.a, self.b)), self.environment, self.name

    @property
    def reverse(self) -> LinkSpec:
        """The link as seen from its second end: what is ``back`` here is forward there."""
        back = self.back
        bandwidth = self.bandwidth if back.bandwidth is None else back.bandwidth
        return of_valid(
            LinkSpec,
            {
                "a": self.b,
                "b": self.a,
                "environment": self.environment,
                "latency": self.latency if back.latency is None else back.latency,
                "jitter": self.jitter if back.jitter is None else back.jitter,
                "bandwidth": None if bandwidth == inf else bandwidth,
                "loss": self.loss if back.loss is None else back.loss,
                "cost": self.costs[1],
                "name": self.name,
            },
        )

    @property
    def costs(self) -> tuple[float, float]:
        """What it costs to send mail over it, there and back."""
        there = self.latency if self.cost is None else self.cost
        back = self.back
        if back.cost is not None:
            return there, back.cost
        if self.cost is None and back.latency is not None:
            return there, back.latency
        return there, there
