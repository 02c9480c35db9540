"""Random numbers with a distribution, and bursts of losses, for links and for traffic.

A number is made of one uniform random number, by inverting the distribution function. So what is
drawn is the same on every Python, and each draw takes one number from its generator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist
from typing import Final

from lab.runtime.streams import Stream

Inverse = Callable[[float], float]
"""Returns the value below which a share ``u`` of the draws lies; ``u`` is between 0 and 1."""

_STEPS: Final = 2.0**53
_NORMAL: Final = NormalDist()


def between_0_and_1(stream: Stream) -> float:
    """Return a uniform random number that is neither 0 nor 1."""
    return (math.floor(stream.random() * _STEPS) + 0.5) / _STEPS


def inverse(kind: str, parameters: Mapping[str, float], values: Sequence[float] = ()) -> Inverse:
    """Return the inverse distribution function of a kind of distribution.

    ``parameters`` are by name; those of a pareto or weibull distribution have a ``scale``, or a
    ``mean`` in its place. ``values`` are those of an empirical distribution, all equally likely.
    """
    return _KINDS[kind](parameters, values)


def _fixed(parameters: Mapping[str, float], _: Sequence[float]) -> Inverse:
    value = parameters["value"]
    return lambda u: value


def _uniform(parameters: Mapping[str, float], _: Sequence[float]) -> Inverse:
    least, most = parameters.get("min", 0.0), parameters["max"]
    return lambda u: least + u * (most - least)


def _normal(parameters: Mapping[str, float], _: Sequence[float]) -> Inverse:
    mean, sd = parameters["mean"], parameters["sd"]
    return lambda u: mean + sd * _NORMAL.inv_cdf(u)


def _exponential(parameters: Mapping[str, float], _: Sequence[float]) -> Inverse:
    mean = parameters["mean"]
    return lambda u: -mean * math.log1p(-u)


def _lognormal(parameters: Mapping[str, float], _: Sequence[float]) -> Inverse:
    median, sigma = parameters["median"], parameters["sigma"]
    return lambda u: median * _exp(sigma * _NORMAL.inv_cdf(u))


def _weibull(parameters: Mapping[str, float], _: Sequence[float]) -> Inverse:
    shape = parameters["shape"]
    scale = (
        parameters["scale"]
        if "scale" in parameters
        else parameters["mean"] / math.gamma(1 + 1 / shape)
    )
    return lambda u: scale * _exp(math.log(-math.log1p(-u)) / shape)


def _pareto(parameters: Mapping[str, float], _: Sequence[float]) -> Inverse:
    shape = parameters["shape"]
    scale = (
        parameters["scale"] if "scale" in parameters else parameters["mean"] * (shape - 1) / shape
    )
    return lambda u: scale * _exp(-math.log1p(-u) / shape)


def _exp(exponent: float) -> float:
    """Return e to the power of a number, or a number beyond all bounds where that overflows."""
    return math.exp(min(exponent, 600.0))


def _empirical(_: Mapping[str, float], values: Sequence[float]) -> Inverse:
    return lambda u: values[int(u * len(values))]


_KINDS: Final[Mapping[str, Callable[[Mapping[str, float], Sequence[float]], Inverse]]] = {
    "fixed": _fixed,
    "uniform": _uniform,
    "normal": _normal,
    "exponential": _exponential,
    "lognormal": _lognormal,
    "weibull": _weibull,
    "pareto": _pareto,
    "file": _empirical,
}


def mean(kind: str, parameters: Mapping[str, float], values: Sequence[float] = ()) -> float:
    """Return the mean of a distribution; infinite if it has none. See :func:`inverse`."""
    if kind == "fixed":
        return parameters["value"]
    if kind == "uniform":
        return (parameters.get("min", 0.0) + parameters["max"]) / 2
    if kind == "file":
        return math.fsum(values) / len(values)
    if kind == "lognormal":
        return parameters["median"] * _exp(parameters["sigma"] ** 2 / 2)
    if "mean" in parameters:
        return parameters["mean"]
    shape, scale = parameters["shape"], parameters["scale"]
    if kind == "weibull":
        return scale * math.gamma(1 + 1 / shape)
    return scale * shape / (shape - 1) if shape > 1 else math.inf


LARGEST: Final = 1e9
"""The largest number that is drawn: 30 years, or 1 GB."""


class Draws:
    """Draws numbers with a distribution, from ``least`` to ``most``: one beyond becomes the end."""

    __slots__ = ("inverse", "least", "most")

    def __init__(self, inverse: Inverse, least: float = 0.0, most: float = LARGEST) -> None:
        self.inverse = inverse
        self.least = least
        self.most = most

    def draw(self, stream: Stream) -> float:
        """Return the next number."""
        return self.at(between_0_and_1(stream))

    def at(self, u: float) -> float:
        """Return the number below which a share ``u`` of the others lies."""
        return min(max(self.inverse(u), self.least), self.most)


class Bursts:
    """The Gilbert-Elliott model: a direction of a link loses many segments while its state is bad.

    ``p`` is the chance that a good state turns bad with a segment, ``r`` the chance that a bad one
    turns good; ``good`` and ``bad`` are the chances that a segment is lost in each. The first state
    is drawn: it is bad with the share of time that the model is bad in the long run.
    """

    __slots__ = ("bad", "good", "is_bad", "p", "r")

    def __init__(self, p: float, r: float, good: float, bad: float) -> None:
        self.p = p
        self.r = r
        self.good = good
        self.bad = bad
        self.is_bad: bool | None = None

    def loses(self, stream: Stream) -> bool:
        """Whether the next segment is lost; then the state may change."""
        if self.is_bad is None:
            self.is_bad = stream.random() * (self.p + self.r) < self.p
        is_lost = stream.random() < (self.bad if self.is_bad else self.good)
        if stream.random() < (self.r if self.is_bad else self.p):
            self.is_bad = not self.is_bad
        return is_lost

    def times(self, stream: Stream, most: int) -> int:
        """Return how many times the next segment is sent again until it arrives, at most ``most``.

        The state may change each time.
        """
        times = 0
        while times < most and self.loses(stream):
            times += 1
        return times
