"""Random mail of a topology: how often, how large, from whom to whom, and until when."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from lab.hosts.checked import checked
from lab.hosts.setting import setting
from lab.topology.distributions import Distribution

DAY: Final = 86400.0
ARRIVALS: Final = {
    "poisson": "at random, independently of each other",
    "fixed": "all the same time apart",
}
"""The words for arrivals; any other is a distribution of the gaps between them."""

_CLOCK: Final = re.compile(r"(\d\d?):(\d\d)(?::(\d\d))?")


def time_of_day(text: str) -> float:
    """Return the seconds after midnight of a time such as "09:00"; raises ValueError."""
    match = _CLOCK.fullmatch(text)
    hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (24, 0, 0)
    if hours > 23 or minutes > 59 or seconds > 59:
        raise ValueError(f'{text[:40]!r} is not a time of day; write one such as "09:00"')
    return hours * 3600.0 + minutes * 60.0 + seconds


Demand = tuple[str, str, float]
"""From a host to another: how much mail, in proportion to the others."""


@checked
@dataclass(frozen=True, slots=True)
class TrafficSpec:
    """Random messages between users, with Poisson arrivals unless ``arrivals`` says otherwise.

    They end after ``count`` messages or at ``until``, whichever comes first.
    """

    count: int | None = field(
        default=None,
        metadata=setting(
            "count",
            "How many messages. Without it, `until` ends them.",
            default_text="as many as there are demands, with a matrix and no `until`",
            example="100",
        ),
    )
    rate: float | None = field(
        default=None,
        metadata=setting(
            "rate",
            "Messages per second, in the whole topology, on average.",
            default_text="that of the demands or of the gaps",
            example='"2 /min"',
        ),
    )
    sender: str = field(
        default="*",
        metadata=setting("text", "Who sends: a glob over user@host.", key="from", example='"*"'),
    )
    to: str = field(
        default="*",
        metadata=setting("text", "Who receives: a glob over user@host.", example='"*@BBN-*"'),
    )
    size: int | Distribution = field(
        default=700,
        metadata=setting(
            "size or distribution",
            "Bytes of text of each message, or their distribution.",
            example='"2 kB"',
        ),
    )
    route: str = field(
        default="direct",
        metadata=setting(
            "choice",
            "Who chooses the route.",
            "3.6",
            words={
                "direct": "the tables of each host pick the next",
                "source": "the sender writes a source route",
            },
        ),
    )
    start: float = field(
        default=0.0, metadata=setting("duration", "When it begins.", example='"1 min"')
    )
    name: str = field(
        default="",
        metadata=setting(
            "text",
            "A name by which its random numbers are drawn; they stay the same if other keys or "
            "other entries change.",
            default_text="`from` and `to`, counted where they are the same",
            example='"lunch"',
        ),
    )
    until: float | None = field(
        default=None,
        metadata=setting("duration", "When it ends.", default_text="never", example='"8 h"'),
    )
    arrivals: str | Distribution = field(
        default="poisson",
        metadata=setting(
            "arrivals",
            '"poisson", "fixed", or a distribution of the gaps between messages, which is '
            "stretched so that their mean fits the rate.",
            example='{ distribution = "weibull", shape = 0.7 }',
        ),
    )
    profile: Mapping[str, float] = field(
        default_factory=dict,
        metadata=setting(
            "profile",
            "By time of day, how many times the rate; each holds until the next, and the last over "
            "midnight. The time at t=0 is that of `start` of the file.",
            default_text="once the rate, always",
            example='{ "00:00" = 0.2, "09:00" = 3, "18:00" = 1 }',
        ),
    )
    matrix: str = field(
        default="",
        metadata=setting(
            "text",
            'Who writes to whom how much: "graph" (the demands that the graph has), or a file: CSV '
            "with the columns from, to, value, or with a row and a column for each host.",
            example='"graph"',
        ),
    )
    unit: str = field(
        default="/h",
        metadata=setting(
            "unit",
            "What the numbers of a matrix count, if no rate says how much it is in all: messages "
            "(`/s`, `/min`, `/h`, `/d`) or bytes (`B/s`, `kB/s`, `bit/s`, `kbit/s`, ...).",
            example='"kbit/s"',
        ),
    )
    demands: tuple[Demand, ...] = field(
        default=(),
        metadata=setting(
            "demands",
            "The matrix itself, in place of a file: from a host to a host, and how much.",
            example='[["MIT-AI.ARPA", "USC-ISIE.ARPA", 3]]',
        ),
    )
    file: str = field(
        default="",
        metadata=setting(
            "text",
            "Instead of all that is random: a CSV file of messages, with the columns at, from, to "
            "and size.",
            example='"arrivals.csv"',
        ),
    )

    def __post_init__(self) -> None:
        """Check what several values say together."""
        factors = [(time_of_day(text), factor) for text, factor in self.profile.items()]
        if any(factor < 0 for _, factor in factors):
            raise ValueError("profile has a negative factor; use 0 or more")
        if factors and not any(factor for _, factor in factors):
            raise ValueError("profile is 0 at all times; use more than 0 for one")
        if any(value <= 0 for *_, value in self.demands):
            raise ValueError("demands must be more than 0; leave the others out")

    @property
    def steps(self) -> list[tuple[float, float]]:
        """The profile: the seconds after midnight from which on each factor holds, in order."""
        return sorted((time_of_day(text), factor) for text, factor in self.profile.items())

    @property
    def average_factor(self) -> float:
        """How many times the rate it is on average of a day."""
        steps = self.steps
        if not steps:
            return 1.0
        ends = [*(begin for begin, _ in steps[1:]), steps[0][0] + DAY]
        areas = ((end - begin) * factor for (begin, factor), end in zip(steps, ends, strict=True))
        return sum(areas) / DAY

    @property
    def expected(self) -> int:
        """About how many messages it makes; exactly, if nothing but ``count`` ends it."""
        if self.until is None:
            return self.count or 0
        span = max(self.until - self.start, 0.0)
        likely = round(span * (self.rate or 0.0) * self.average_factor)
        return likely if self.count is None else min(likely, self.count)
