"""The slope chart of two runs: how long each recipient took in one and in the other, with names.

Heights are from 0 to 1, from the shortest time to the longest of both runs. Who has no outcome in a
run is above that. Pictures and the page of a comparison draw what is laid out here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from lab.analysis.differences import Differences, RecipientPair
from lab.analysis.recipients import Recipient
from lab.analysis.shown_names import ShownNames
from lab.quantities import TIME_STEPS, time_taken

NAMED: Final = 8
"""The most recipients that have a name."""

LINES: Final = 600
"""The most lines of others; of more, so many are drawn, evenly chosen."""

NO_OUTCOME: Final = 1.09
"""The height of recipients without an outcome in a run."""

_LOGARITHMIC: Final = 30.0
"""The longest time divided by the shortest, from which on the axis is logarithmic."""

_TICKS: Final = 7


class Slope(NamedTuple):
    """A recipient's line: its heights in A and in B, and its ends there.

    ``rank`` is its place among those with a name, from 0; None for others. ``is_mover``: it fared
    otherwise. An end is "delivered", "twice", "returned", "lost" or "open".
    """

    pair: RecipientPair
    a: float
    b: float
    end_a: str
    end_b: str
    rank: int | None
    is_mover: bool


class SlopeLabel(NamedTuple):
    """A text beside one end of a line at height ``at``, moved to ``height`` where it has room."""

    rank: int
    text: str
    at: float
    height: float


@dataclass(frozen=True)
class Slopes:
    """A slope chart.

    ``left_out`` counts the lines of others for which there are too many, ``alone`` the recipients
    that are in A only, and in B only: they have no line.
    """

    lines: Sequence[Slope]
    left: Sequence[SlopeLabel]
    right: Sequence[SlopeLabel]
    ticks: Sequence[tuple[float, str]]
    is_logarithmic: bool
    left_out: int
    alone: tuple[int, int]

    @property
    def unnamed(self) -> int:
        """How many recipients in both runs have no name."""
        return sum(line.rank is None for line in self.lines) + self.left_out


def slopes(differences: Differences, gap: float = 0.045) -> Slopes:
    """Return the slope chart of a comparison; ``gap`` is the least distance of two labels."""
    both = [pair for pair in differences.pairs if None not in pair]
    movers = [pair for pair in differences.movers() if None not in pair]
    named = {id(pair): rank for rank, pair in enumerate(_named(movers))}
    moved = {id(pair) for pair in movers}
    times = [each.seconds for pair in both for each in pair if each is not None]
    scale = _Scale([time for time in times if time is not None])
    kept = _kept(both, named)
    lines = [
        Slope(
            pair, scale.height(pair.a), scale.height(pair.b), _end(pair.a), _end(pair.b),
            named.get(id(pair)), id(pair) in moved,
        )
        for pair in kept
    ]  # fmt: skip
    named_lines = [line for line in lines if line.rank is not None]
    return Slopes(
        lines,
        _labels([(line, line.a, _who(line.pair, differences.shown)) for line in named_lines], gap),
        _labels([(line, line.b, _how(line.pair)) for line in named_lines], gap),
        scale.ticks(),
        scale.is_logarithmic,
        len(both) - len(kept),
        (
            sum(pair.b is None for pair in differences.pairs),
            sum(pair.a is None for pair in differences.pairs),
        ),
    )


def _named(movers: Sequence[RecipientPair]) -> list[RecipientPair]:
    """Return the movers that have a name, at most half of them with another outcome.

    There are more of these if there are not enough others.
    """
    undelivered = [pair for pair in movers if pair.change is None]
    later = [pair for pair in movers if pair.change is not None]
    half = max(NAMED // 2, NAMED - len(later))
    return [*undelivered[:half], *later[: NAMED - len(undelivered[:half])]]


def _kept(pairs: Sequence[RecipientPair], named: dict[int, int]) -> list[RecipientPair]:
    unnamed = [pair for pair in pairs if id(pair) not in named]
    step = max(1, math.ceil(len(unnamed) / LINES))
    return [*unnamed[::step], *(pair for pair in pairs if id(pair) in named)]


def _end(recipient: Recipient | None) -> str:
    assert recipient is not None, "it is in both runs"
    if recipient.outcome in ("queued", "discarded"):
        return "open"
    if recipient.outcome == "delivered":
        return "twice" if recipient.deliveries > 1 else "delivered"
    return "lost" if recipient.outcome == "lost" else "returned"


def _who(pair: RecipientPair, shown: ShownNames) -> str:
    return f"{pair.recipient.message} {shown.path(pair.recipient.address)}"


def _how(pair: RecipientPair) -> str:
    """Return what became of a recipient in the second run, as a label has room for it."""
    if pair.change:
        word = "later" if pair.change > 0 else "sooner"
        return f"{time_taken(abs(pair.change))} {word}"
    before, after = map(_word, pair)
    return after if before == after else f"{after}, was {before}"


def _word(recipient: Recipient | None) -> str:
    assert recipient is not None, "it is in both runs"
    if recipient.outcome == "undeliverable_notifications":
        return "notification lost"
    return "delivered twice" if recipient.deliveries > 1 else recipient.outcome


class _Scale:
    """Heights of times: linear from 0, or logarithmic where the longest is much longer."""

    def __init__(self, times: Sequence[float]) -> None:
        positive = [time for time in times if time > 0]
        self.most = max(positive, default=1.0)
        self.least = min(positive, default=self.most)
        self.is_logarithmic = self.most > _LOGARITHMIC * self.least

    def height(self, recipient: Recipient | None) -> float:
        seconds = None if recipient is None else recipient.seconds
        return NO_OUTCOME if seconds is None else self.of(seconds)

    def of(self, seconds: float) -> float:
        if not self.is_logarithmic:
            return seconds / self.most
        span = math.log(self.most / self.least)
        return math.log(max(seconds, self.least) / self.least) / span

    def ticks(self) -> list[tuple[float, str]]:
        if self.is_logarithmic:
            round_times = [step for step in TIME_STEPS if self.least <= step <= self.most]
            every = max(1, math.ceil(len(round_times) / _TICKS))
            chosen = round_times[::every]
        else:
            step = next((s for s in TIME_STEPS if self.most / s <= _TICKS), TIME_STEPS[-1])
            chosen = [n * step for n in range(int(self.most / step) + 1)]
        return [(self.of(time), time_taken(time)) for time in chosen]


# -- labels that do not cover one another ----------------------------------------------------------


def _labels(wanted: Sequence[tuple[Slope, float, str]], gap: float) -> list[SlopeLabel]:
    order = sorted(wanted, key=lambda each: each[1])
    heights = spread([at for _, at, _ in order], gap)
    return [
        SlopeLabel(line.rank or 0, text, at, height)
        for (line, at, text), height in zip(order, heights, strict=True)
    ]


HIGHEST: Final = 1.13
"""The height above which no label is."""


def spread(heights: Sequence[float], gap: float, highest: float = HIGHEST) -> list[float]:
    """Return ascending heights at least ``gap`` apart, each as near to its own as can be.

    Those that are too close form a group around the mean of what they want.
    """
    groups: list[tuple[float, int]] = []  # the sum of what its members want at its middle, how many
    for height in heights:
        total, count = height, 1
        while groups and _middle(*groups[-1]) + (groups[-1][1] + count) * gap / 2 > total / count:
            total_below, members = groups.pop()
            total, count = total + total_below, count + members
        groups.append((total, count))
    places = [
        _middle(total, count) + (n - (count - 1) / 2) * gap
        for total, count in groups
        for n in range(count)
    ]
    for n, height in enumerate(reversed(places), 1):
        places[-n] = min(height, highest)
        highest = places[-n] - gap
    return places


def _middle(total: float, count: int) -> float:
    return total / count
