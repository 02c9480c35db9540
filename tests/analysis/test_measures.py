"""Figures of a run: delivery times, medians and percentiles, queues, relays."""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lab
from lab.analysis.measures import (
    busiest_relay_share,
    delivered_at,
    delivery_times,
    grouped_delivery_times,
    longest_queue,
    wire_bytes,
)
from lab.analysis.quantiles import median, percentile, quantiles
from lab.topology.model import from_dict
from lab.trace.trace import Trace
from tests.helpers.places import TOPOLOGIES

VALUES = st.lists(st.floats(0, 1e6), min_size=1).map(sorted)


@given(VALUES)
def test_the_median_is_that_of_the_standard_library(values: list[float]) -> None:
    assert median(values) == pytest.approx(statistics.median(values))


@given(VALUES, st.integers(1, 100))
def test_a_percentile_is_the_nearest_rank(values: list[float], share: int) -> None:
    assert percentile(values, share) == np.percentile(values, share, method="inverted_cdf")


def test_percentiles_at_the_ends_are_the_least_and_the_most() -> None:
    values = [float(n) for n in range(1, 1001)]
    assert [percentile(values, share) for share in (0, 0.1, 99.9, 100)] == [1, 1, 999, 1000]


def test_quantiles_of_nothing_are_0() -> None:
    assert quantiles([]) == {"min": 0, "median": 0, "p95": 0, "max": 0}
    assert quantiles([1.0, 2.0]) == {"min": 1, "median": 1.5, "p95": 2, "max": 2}


def test_delivery_times_are_those_of_the_summary() -> None:
    """By hops and by route, each recipient once."""
    run = lab.simulate(TOPOLOGIES / "campus.toml")
    wanted = sorted(
        round(recipient["settled_at"] - recipient["submitted_at"], 6)
        for recipient in run.summary["recipients"]
        if recipient["outcome"] == "delivered"
    )
    times = sorted(delivery_times(run.account).values())
    assert [round(t, 6) for t in times] == wanted
    assert run.summary["delivery_seconds"] == quantiles(times)
    for by in ("hops", "route"):
        groups = grouped_delivery_times(run.trace, by)
        assert sorted(t for group in groups.values() for t in group) == times
    with pytest.raises(ValueError, match="by 'size'"):
        grouped_delivery_times(run.trace, "size")


def test_a_route_ends_where_mail_was_delivered() -> None:
    trace = lab.simulate(TOPOLOGIES / "rfc821/scenario-03.toml").trace
    assert set(grouped_delivery_times(trace, "route")) == {"MIT-AI.ARPA → BBN-VAX.ARPA"}
    assert set(grouped_delivery_times(trace, "hops")) == {"2 hops"}


def spooled(t: float, kind: str, message: int, *columns: Any) -> Any:
    return (t, kind, "A", "B", None, message, ("1",), *columns)


def test_the_longest_queue_is_of_one_host_at_one_time() -> None:
    rows = [spooled(1, "queue", 1, 9), spooled(2, "queue", 2, 9), spooled(3, "transfer", 1),
            spooled(4, "queue", 3, 9)]  # fmt: skip
    assert longest_queue(Trace(rows)) == 2
    assert longest_queue(Trace([])) == 0


def test_a_relay_is_a_host_that_passes_on_what_it_accepted() -> None:
    def row(kind: str, host: str, message: int, *more: Any) -> Any:
        return (0.0, kind, host, "X", 1, message, ("1",), *more)

    rows = [row("transfer", "A", 1), row("accept", "R", 1, "", 9), row("transfer", "R", 1),
            row("accept", "S", 2, "", 9), row("transfer", "S", 2),
            row("accept", "R", 3, "", 9), row("transfer", "R", 3)]  # fmt: skip
    assert busiest_relay_share(Trace(rows)) == pytest.approx(2 / 3)
    assert busiest_relay_share(Trace(rows[:1])) is None


def test_wire_bytes_are_those_of_commands_replies_and_mail_data() -> None:
    rows = [(0.0, kind, "A", "B", 1, None, 0.0, b"x" * n)
            for n, kind in enumerate(("command", "reply", "data"), 1)]  # fmt: skip
    assert wire_bytes(Trace(rows)) == 6


def test_each_delivery_time_with_when_its_mail_was_submitted() -> None:
    """Of mail that was delivered; the other outcomes have no delivery time."""
    account = lab.simulate(TOPOLOGIES / "campus.toml").account
    found = delivered_at(account)
    assert sorted(seconds for _, seconds in found) == sorted(delivery_times(account).values())
    assert all(t in {one.submitted_at for one in account.everyone()} for t, _ in found)


def test_numbers_of_hops_stand_in_their_order() -> None:
    """No hop before one: "0 hops" is longer than "1 hop"."""
    tables = {
        "host": [{"name": "A", "users": ["ann"]}, {"name": "B", "users": ["bob"]}],
        "link": [{"between": ["A", "B"]}],
        "mail": [{"from": "ann@A", "to": ["bob@B"]}, {"from": "ann@A", "to": ["ann@A"]}],
    }
    times = grouped_delivery_times(lab.simulate(from_dict(tables)).trace)
    assert list(times) == ["0 hops", "1 hop"]
