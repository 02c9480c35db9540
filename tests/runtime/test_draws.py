"""What is drawn has the mean and the spread that theory gives, and is the same on every Python."""

from __future__ import annotations

import math
from random import Random
from statistics import fmean, pstdev

import pytest

from lab.network.link import MOST_TIMES_SENT, LinkDirection
from lab.runtime.draws import LARGEST, Bursts, Draws, between_0_and_1, inverse
from lab.runtime.streams import Stream

MANY = 20_000


def drawn(
    kind: str, least: float = -math.inf, most: float = math.inf, **parameters: float
) -> list[float]:
    draws, stream = Draws(inverse(kind, parameters), least, most), Stream(0, kind)
    return [draws.draw(stream) for _ in range(MANY)]


@pytest.mark.parametrize(
    ("kind", "parameters", "mean", "sd"),
    [
        ("fixed", {"value": 3.0}, 3.0, 0.0),
        ("uniform", {"min": 1.0, "max": 5.0}, 3.0, 4 / math.sqrt(12)),
        ("normal", {"mean": 3.0, "sd": 2.0}, 3.0, 2.0),
        ("exponential", {"mean": 3.0}, 3.0, 3.0),
        (
            "lognormal", {"median": 2.0, "sigma": 0.5},
            2 * math.exp(0.125), 2 * math.exp(0.125) * math.sqrt(math.exp(0.25) - 1),
        ),
        (
            "weibull", {"shape": 2.0, "scale": 3.0},
            3 * math.gamma(1.5), 3 * math.sqrt(1 - math.pi / 4),
        ),
        ("weibull", {"shape": 2.0, "mean": 3.0}, 3.0, math.nan),
        ("pareto", {"shape": 4.0, "scale": 3.0}, 4.0, math.sqrt(2.0)),
        ("pareto", {"shape": 4.0, "mean": 4.0}, 4.0, math.nan),
    ],
)  # fmt: skip
def test_the_mean_and_the_spread_are_those_of_theory(
    kind: str, parameters: dict[str, float], mean: float, sd: float
) -> None:
    """The mean of 20,000 draws is within four standard errors of it."""
    values = drawn(kind, **parameters)
    assert fmean(values) == pytest.approx(mean, abs=4 * pstdev(values) / math.sqrt(MANY))
    if not math.isnan(sd):
        assert pstdev(values) == pytest.approx(sd, rel=0.1)


def test_numbers_beyond_the_bounds_become_the_bounds() -> None:
    values = drawn("normal", 0.0, 4.0, mean=3.0, sd=2.0)
    assert (min(values), max(values)) == (0.0, 4.0)
    assert 0.05 < values.count(0.0) / MANY < 0.09  # a share of 6.7 % is below 0


def test_the_numbers_of_a_file_are_equally_likely() -> None:
    draws, stream = Draws(inverse("file", {}, (1.0, 2.0, 4.0, 8.0))), Stream(0, "file")
    values = [draws.draw(stream) for _ in range(MANY)]
    assert all(values.count(each) / MANY == pytest.approx(0.25, abs=0.02) for each in (1, 2, 4, 8))


@pytest.mark.parametrize("kind", ["weibull", "pareto"])
def test_the_heaviest_tail_is_still_a_number(kind: str) -> None:
    draws = Draws(inverse(kind, {"shape": 1e-3, "scale": 1.0}))
    assert max(draws.draw(Stream(n, kind)) for n in range(50)) == LARGEST


class Least(Random):
    """Draws 0 only: the least number that a generator gives."""

    def random(self) -> float:
        return 0.0


def test_a_uniform_number_is_never_0() -> None:
    stream = Stream(0, "edge")
    setattr(stream, "_generator", Least())  # noqa: B010  a compiled class has no other class below
    assert stream.random() == 0
    assert 0 < between_0_and_1(stream) < 1e-15


def losses(bursts: Bursts, number: int) -> list[bool]:
    stream = Stream(0, "bursts")
    return [bursts.loses(stream) for _ in range(number)]


def test_a_burst_model_loses_as_much_and_as_long_as_theory_says() -> None:
    """It is bad for p / (p + r) of the time, in bursts of 1 / r segments."""
    lost = losses(Bursts(0.02, 0.25, 0.0, 1.0), 100_000)
    runs = "".join("x" if each else "." for each in lost).replace(".", " ").split()
    assert fmean(lost) == pytest.approx(0.02 / 0.27, rel=0.1)
    assert fmean(map(len, runs)) == pytest.approx(4.0, rel=0.1)


def test_a_burst_model_loses_some_while_it_is_good() -> None:
    assert fmean(losses(Bursts(0.1, 0.1, 0.1, 0.5), 50_000)) == pytest.approx(0.3, rel=0.1)


def test_a_model_that_never_changes_stays_good() -> None:
    assert not any(losses(Bursts(0.0, 0.0, 0.0, 1.0), 100))


def direction(jitter: float | Draws = 0.0, loss: float | Bursts = 0.0) -> LinkDirection:
    return LinkDirection("A", "B", 0.1, jitter, None, loss, Stream(1, "a"), Stream(1, "b"))


def test_a_draw_is_added_to_the_latency_and_never_brings_it_below_0() -> None:
    late = direction(Draws(inverse("fixed", {"value": 0.0300004})))
    assert late.pass_on(1.0, 2.0, 100, 100) == (1.13, 2.13)  # in whole microseconds
    early = direction(Draws(inverse("fixed", {"value": -5.0}), -5.0))
    assert early.pass_on(1.0, 2.0, 100, 100) == (1.0, 2.0)
    assert not late.is_plain


def test_a_segment_in_a_burst_is_sent_again_until_it_arrives() -> None:
    assert direction(loss=Bursts(1.0, 0.0, 0.0, 1.0)).lost(2) == [MOST_TIMES_SENT] * 2
    assert direction(loss=Bursts(0.0, 1.0, 0.0, 1.0)).lost(5) == []
    assert not direction(loss=Bursts(0.0, 1.0, 0.0, 1.0)).is_plain
