"""Steady states: warm-up, batch means, intervals; mail in spools against queueing theory."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import numpy as np
import pytest
from helpers.queueing import poisson, waits
from helpers.small_topologies import host, mail, relay

import lab
from lab.analysis.steady_state import student_t
from lab.topology.model import from_dict

# confidence, degrees of freedom, and the quantile of the tables
QUANTILES = [
    (0.95, 1, 12.7062), (0.95, 2, 4.30265), (0.95, 3, 3.18245), (0.95, 19, 2.09302),
    (0.99, 4, 4.60409), (0.90, 10, 1.81246), (0.95, 120, 1.97993), (0.5, 5, 0.726687),
    (0.999, 9, 4.78091),
]  # fmt: skip


@pytest.mark.parametrize(("confidence", "freedom", "wanted"), QUANTILES)
def test_quantiles_of_student_are_those_of_the_tables(
    confidence: float, freedom: int, wanted: float
) -> None:
    assert student_t(confidence, freedom) == pytest.approx(wanted, rel=2e-6)


def test_quantiles_of_extreme_confidences_are_finite() -> None:
    assert 1e10 < student_t(1 - 1e-12, 1) < math.inf
    assert student_t(1e-9, 7) < 1e-8


def correlated(count: int, seed: int, mean: float = 10.0, start: float = 0.0) -> list[float]:
    """A series that begins at ``start`` and tends to its mean, each value like the one before."""
    random, value = Random(seed), start
    values = []
    for _ in range(count):
        value = mean + 0.9 * (value - mean) + random.gauss(0, 1)
        values.append(value)
    return values


def test_nine_in_ten_intervals_cover_the_mean() -> None:
    """As they should at 90 %, though the series begins far from its mean."""
    covered = 0
    for seed in range(150):
        estimate = lab.steady_state(correlated(2000, seed), confidence=0.9)
        covered += estimate.low <= 10 <= estimate.high
    assert 0.8 < covered / 150 < 0.97


def test_the_warm_up_is_left_out() -> None:
    """With it, the mean would be too low: the series begins at -90."""
    values = correlated(2000, 3, start=-90.0)
    found = lab.steady_state(values)
    whole = lab.steady_state(values, warm_up=0)
    assert 20 <= found.warm_up <= 200
    assert whole.warm_up == 0
    assert abs(found.mean - 10) < 0.6 < abs(whole.mean - 10) + 0.2
    assert found.note == ""
    assert found.count + found.warm_up == 2000


def test_figures_are_those_of_the_batches() -> None:
    values = [1.0, 3.0, 2.0, 6.0, 5.0, 1.0, 9.0]
    found = lab.steady_state(values, warm_up=0, batches=3, confidence=0.95)
    means = [2.5, 5.5, 5.0]  # of 3 and 2, of 6 and 5, of 1 and 9: the first value is left over
    assert found.mean == pytest.approx(np.mean(means))
    half = 4.30265 * np.std(means, ddof=1) / math.sqrt(3)
    assert found.half_width == pytest.approx(half, rel=1e-5)
    assert (found.low, found.high) == pytest.approx(
        (found.mean - half, found.mean + half), rel=1e-5
    )
    assert (found.count, found.warm_up, found.batches) == (6, 1, 3)
    away = np.array(means) - np.mean(means)
    assert found.correlation == pytest.approx((away[:-1] @ away[1:]) / (away @ away))
    assert str(found).startswith("4.33333 ± 4 (95 %, 3 batches of 2; 1 value of warm-up left out)")


def test_values_that_are_all_the_same_have_an_interval_without_length() -> None:
    found = lab.steady_state([2.5] * 100)
    assert (found.mean, found.half_width, found.correlation, found.warm_up) == (2.5, 0, 0, 0)


def test_numbers_of_numpy_and_pandas_are_numbers() -> None:
    import pandas

    values = correlated(300, 1)
    plain = lab.steady_state(values)
    assert lab.steady_state(np.array(values)) == plain
    assert lab.steady_state(pandas.Series(values)) == plain


def test_a_run_that_is_too_short_says_so() -> None:
    """A series that still rises; batches that are alike."""
    assert "make the run longer" in lab.steady_state(range(1000)).note
    estimate = lab.steady_state([math.sin(n / 200) for n in range(2000)], warm_up=0)
    assert "not independent" in estimate.note
    assert str(estimate).endswith(estimate.note)


@pytest.mark.parametrize(
    ("values", "options", "sentence"),
    [
        ([1.0, float("nan")], {}, "value 1 is missing (nan); leave those out, for example with"),
        ([1.0, None], {}, "value 1 is missing"),
        ([1.0, math.inf], {}, "values must be finite"),
        ([1.0] * 19, {}, "20 batches require at least 20 values after a warm-up of 0, and there"),
        ([1.0] * 50, {"warm_up": 60}, "after a warm-up of 60, and there are 0"),
        ([], {}, "and there are 0; make the run longer"),
        ([1.0] * 50, {"batches": 1}, "batches"),
        ([1.0] * 50, {"confidence": 1.0}, "confidence must be between 0 and 1, not 1"),
        ([1.0] * 50, {"warm_up": -1}, "warm_up"),
    ],
)
def test_what_gives_no_estimate_is_refused_in_a_sentence(
    values: list[Any], options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the sentence is compared
        lab.steady_state(values, **options)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


# -- mail that waits for a line, as theory has it --------------------------------------------------

LINE = {"bandwidth": "9600 bit/s", "latency": "0 s"}


def loaded(times: list[float], texts: list[str], second: str | None = None) -> lab.Run:
    """Mail from ONE to TWO, and on to SIX over a line of ``second`` bit/s."""
    to = "eve@SIX.ARPA" if second else "bob@TWO.ARPA"
    hosts = [host("ONE.ARPA", "ann"), relay("TWO.ARPA", "bob")]
    links: list[dict[str, Any]] = [{"between": ["ONE.ARPA", "TWO.ARPA"], **LINE}]
    if second:
        hosts.append(host("SIX.ARPA", "eve"))
        links.append({"between": ["TWO.ARPA", "SIX.ARPA"], **LINE, "bandwidth": second})
    return lab.simulate(from_dict({
        "host": hosts, "link": links,
        "mail": [
            mail("ann@ONE.ARPA", to, at=t, text=text) for t, text in zip(times, texts, strict=True)
        ],
    }))  # fmt: skip


def in_spool(run: lab.Run, name: str) -> list[float]:
    """How long each message was in a host's spool, until the next host had accepted it."""
    since, found = {}, []
    for event in run.trace:
        if event.host == name and event.kind == "queue":
            since[event.message] = event.t
        elif event.host == name and event.kind == "transfer":
            found.append(event.t - since[event.message])
    return found


def text_of(size: int) -> str:
    return f"{'x' * 62}\n" * max(1, size // 64)


def welch(rate: float, usual: list[float], first: float) -> float:
    """The mean time in an M/G/1 queue whose server has to be set up after each idle time.

    ``usual`` are the service times, ``first`` is what the set-up adds to one (Welch, 1964).
    """
    mean = sum(usual) / len(usual)
    second = sum(each**2 for each in usual) / len(usual)
    after_idle = sum((each + first) ** 2 for each in usual) / len(usual)
    wait = rate * second / (2 * (1 - rate * mean))
    wait += rate * (after_idle - second) / (2 * (1 + rate * first))
    return wait + (mean + rate * mean * first) / (1 + rate * first)


def services(run: lab.Run, name: str) -> list[float]:
    """How long each message took from its MAIL to the 250 for its mail data, by its host."""
    begun, found = {}, []
    for event in run.trace:
        if event.kind == "command" and event.peer == name and event["verb"] == "MAIL":
            begun[event.message] = event["sent"]
        elif event.kind == "transfer" and event.host == name:
            found.append(event.t - begun[event.message])
    return found


SET_UP = 0.265
"""Seconds from an idle line to the first MAIL: opening, greeting and HELO."""


@pytest.mark.parametrize("name", ["M/M/1", "M/D/1"])
def test_mail_waits_for_a_line_as_long_as_theory_says(name: str) -> None:
    """A host and a slow line are a queue with one server, which is set up after an idle time."""
    count = 1500
    gaps = Random(1)
    sizes = [gaps.expovariate(1 / 4000) if name == "M/M/1" else 4000 for _ in range(count)]
    times = poisson(0.15, count, 2)
    run = loaded(times, [text_of(round(size)) for size in sizes])
    estimate = lab.steady_state(in_spool(run, "ONE.ARPA"), confidence=0.99)
    theory = welch(0.15, services(run, "ONE.ARPA"), SET_UP)
    assert estimate.low < theory < estimate.high
    assert estimate.half_width < 0.3 * theory
    # Little's law, with the length of the spool, which is found from other events
    lengths = run.trace.queues(every=run.trace.last / 200).messages
    assert lengths.mean() == pytest.approx(
        sum(in_spool(run, "ONE.ARPA")) / run.trace.last, rel=1e-6
    )


def test_mail_over_two_lines_waits_for_the_slower_one() -> None:
    """Tandem queues with fixed services; what waits does so as at the slower line alone."""
    times = poisson(0.1, 400, 5)
    texts = [text_of(4000)] * len(times)
    run = loaded(times, texts, second="4800 bit/s")
    slow = services(run, "TWO.ARPA")
    first = services(run, "ONE.ARPA")
    assert min(slow) > 1.9 * max(first)
    spent = sum(event.t for event in run.trace if event.kind == "deliver") - sum(times)
    alone = sum(waits(times, slow)) / len(times)
    mean = spent / len(times)
    usual = slow[0] + first[0]
    assert mean - usual == pytest.approx(alone, rel=0.1)
