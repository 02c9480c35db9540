"""Time series: means over equal intervals."""

from __future__ import annotations

import math
from typing import Any

import pytest
from helpers.places import TOPOLOGIES

import lab
from lab.analysis.spools import mail_time, queue_lengths
from lab.analysis.time_series import Intervals, interval
from lab.trace.trace import Trace


def test_what_is_added_is_shared_out_among_the_intervals() -> None:
    intervals = Intervals(2.0, 5.0)
    intervals.add(1.5, 4.5)
    intervals.add(0.0, 1.0, 3)
    intervals.add(9.0, 9.0)
    assert list(intervals.means()) == [(0.0, 1.75), (2.0, 1.0), (4.0, 0.5)]


def test_what_is_added_after_the_end_counts_for_nothing() -> None:
    intervals = Intervals(2.0, 4.0)
    intervals.add(3.0, 100.0)
    assert list(intervals.means()) == [(0.0, 0.0), (2.0, 0.5)]


def test_a_run_without_length_has_one_interval_without_means() -> None:
    assert list(Intervals(1.0, 0.0).means()) == [(0.0, 0.0)]


@pytest.mark.parametrize("every", [None, 0.7, 13, 1e9])
def test_the_means_of_queues_are_those_of_the_run(every: float | None) -> None:
    trace = lab.simulate(TOPOLOGIES / "campus.toml").trace
    length = interval(trace, every)
    table = trace.queues(every)
    for host, line in queue_lengths(trace).items():
        own = table[table.host == host]
        spans = [min(length, trace.last - t) for t in own.t]
        total = sum(mean * span for mean, span in zip(own.messages, spans, strict=True))
        assert total == pytest.approx(mail_time(line, trace.last))


def test_a_run_has_a_hundred_intervals_unless_a_length_is_given() -> None:
    trace = lab.simulate(TOPOLOGIES / "campus.toml").trace
    assert len(set(trace.utilisation().t)) == 100
    assert len(set(trace.utilisation(trace.last / 7).t)) == 7
    assert interval(Trace()) == 1.0


@pytest.mark.parametrize(
    ("every", "error", "sentence"),
    [
        (0, ValueError, "every must be greater than 0, not 0; for example every=60.0"),
        (-1.0, ValueError, "every must be greater than 0"),
        (math.inf, ValueError, "every must be greater than 0, not inf"),
        (math.nan, ValueError, "every must be a number"),
        ("1 min", TypeError, "every must be a number of seconds"),
        (1e-9, ValueError, "into more than 100,000 intervals; use 0.000"),
    ],
)
def test_a_length_that_is_none_is_refused_in_a_sentence(
    every: Any, error: type[Exception], sentence: str
) -> None:
    trace = lab.simulate(TOPOLOGIES / "campus.toml").trace
    for table in (trace.queues, trace.utilisation):
        with pytest.raises(error) as caught:
            table(every)
        assert sentence in str(caught.value)


def test_queues_need_what_happened_to_mail() -> None:
    trace = lab.simulate(TOPOLOGIES / "campus.toml", trace="none").trace
    with pytest.raises(ValueError, match="requires --trace delivery"):
        trace.queues()
