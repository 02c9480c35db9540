"""Steady states: the mean of a long run, without its beginning, with a confidence interval.

A run begins with empty spools and idle links. Its first values are too low for a question about
the long run, and values that follow one another are alike. :func:`steady_state` leaves out the
beginning by the rule MSER-5 (White, Cobb and Spratt, 2000), and takes the means of batches, which
are nearly independent, for the interval (Student's t).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from lab.quantities import count_noun
from lab.runtime import arguments

_GROUP: Final = 5
"""The 5 of MSER-5: values are averaged by so many before the rule is applied."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its confidence interval, from ``low`` to ``high``.

    ``confidence`` is the chance that such an interval covers the true mean, such as 0.95.
    ``warm_up`` is how many of the first values were left out, and ``count`` how many were used, in
    so many ``batches``. ``correlation`` is that of each batch mean with the next one, from -1 to 1.
    ``note`` is a sentence if the interval should not be relied on, otherwise "".
    """

    mean: float
    low: float
    high: float
    confidence: float
    count: int
    warm_up: int
    batches: int
    correlation: float
    note: str

    @property
    def half_width(self) -> float:
        """Half the length of the interval: what follows a ± sign."""
        return (self.high - self.low) / 2

    def __str__(self) -> str:
        text = f"{self.mean:.6g} ± {self.half_width:.2g} ({100 * self.confidence:.4g} %"
        text += f", {self.batches} batches of {self.count // self.batches:,}; "
        text += f"{count_noun(self.warm_up, 'value')} of warm-up left out)"
        return f"{text}: {self.note}" if self.note else text


def steady_state(
    values: Iterable[float],
    *,
    warm_up: int | None = None,
    batches: int = 20,
    confidence: float = 0.95,
) -> Estimate:
    """Return the mean of values in their order of time, with a confidence interval.

    ``values`` are those of single things (delivery times by submission), or means over equal
    intervals, as ``trace.queues()`` and ``trace.utilisation()`` have them. ``warm_up`` is how many
    of the first to leave out; by default MSER-5 decides. ``batches`` is the number of batch means,
    at least 2. Values that do not fill the last batch are left out with the warm-up.

    Raises ValueError in one sentence for too few values, and for one that is missing or infinite.
    """
    numbers = _checked(values)
    batches = arguments.whole_number("batches", batches, 2, example=20)
    confidence = arguments.real_number("confidence", confidence, example="0.95")
    if not 0 < confidence < 1:
        raise ValueError(
            f"confidence must be between 0 and 1, not {confidence:g}; for example 0.95"
        )
    note = ""
    if warm_up is None:
        left_out, is_over = _mser_5(numbers)
        if not is_over:
            note = "the warm-up may not be over after half of the values; make the run longer"
    else:
        left_out = arguments.whole_number("warm_up", warm_up, 0, example=100)
    size = (len(numbers) - left_out) // batches
    if size < 1:
        raise ValueError(
            f"{batches} batches require at least {batches} values after a warm-up of {left_out:,}, "
            f"and there are {max(0, len(numbers) - left_out):,}; make the run longer"
        )
    used = numbers[len(numbers) - size * batches :]
    means = [math.fsum(used[n : n + size]) / size for n in range(0, len(used), size)]
    mean = math.fsum(means) / batches
    squares = math.fsum((each - mean) ** 2 for each in means)
    half = student_t(confidence, batches - 1) * math.sqrt(squares / (batches - 1) / batches)
    correlation = _correlation(means, mean, squares)
    if not note and correlation > 2 / math.sqrt(batches):
        note = "the batches are not independent; make the run longer, or use fewer batches"
    return Estimate(
        mean, mean - half, mean + half, confidence, len(used), len(numbers) - len(used), batches,
        correlation, note,
    )  # fmt: skip


def _checked(values: Iterable[float]) -> list[float]:
    many: Iterable[Any] = arguments.many("values", values, "numbers in their order of time")
    numbers = [arguments.real_number("each of values", plain) for plain in _plain(many)]
    for number in numbers:
        if math.isinf(number):
            raise ValueError("values must be finite; one of them is infinite")
    return numbers


def _plain(values: Iterable[Any]) -> Iterable[Any]:
    """Yield numbers; of what pandas says is missing, say what to do."""
    for place, value in enumerate(values):
        if value is None or value != value:
            raise ValueError(
                f"value {place:,} is missing (nan); leave those out, for example with .dropna()"
            )
        yield value


def _mser_5(values: Sequence[float]) -> tuple[int, bool]:
    """Return how many of the first values to leave out, and whether the warm-up is over by then.

    It is the number that makes the interval of the rest shortest, if values were independent.
    """
    means = [
        math.fsum(values[n : n + _GROUP]) / _GROUP
        for n in range(0, len(values) - _GROUP + 1, _GROUP)
    ]
    best, least = 0, math.inf
    mean = squares = 0.0
    for count, place in enumerate(range(len(means) - 1, -1, -1), 1):  # Welford, from the end
        change = means[place] - mean
        mean += change / count
        squares += change * (means[place] - mean)
        if place <= len(means) // 2 and squares / count**2 <= least:
            best, least = place, squares / count**2
    return best * _GROUP, best < len(means) // 2 or not means


def _correlation(means: Sequence[float], mean: float, squares: float) -> float:
    """Return the correlation of each batch mean with the next one; 0 if all are the same."""
    if squares <= 0:
        return 0.0
    return math.fsum((a - mean) * (b - mean) for a, b in pairwise(means)) / squares


def student_t(confidence: float, freedom: int) -> float:
    """Return how many standard errors to each side of a mean an interval reaches.

    ``freedom`` are the degrees of freedom, 1 or more. For 0.95 and 19 it is 2.093.
    """
    low, high = 0.0, 1.0
    while _within(high, freedom) < confidence and high < 1e300:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        if _within(middle, freedom) < confidence:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _within(t: float, freedom: int) -> float:
    """Return the chance of a value from -t to t (Abramowitz and Stegun, 26.7.3 and 26.7.4)."""
    angle = math.atan(t / math.sqrt(freedom))
    cosine = math.cos(angle)
    is_odd = freedom % 2
    term = cosine if is_odd else 1.0
    total = term if freedom > 1 else 0.0
    for n in range(2 + is_odd, freedom - 1, 2):
        term *= (n - 1) / n * cosine * cosine
        total += term
    total *= math.sin(angle)
    return (angle + total) * 2 / math.pi if is_odd else total
