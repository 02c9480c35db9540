"""Waits: what nothing covers, and which waits are long beside the rest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.analysis.waits import MOST, happening, long_waits, on_wires, skips, waits

TIMES = st.integers(0, 100).map(float)
SPANS = st.lists(st.tuples(TIMES, TIMES).map(lambda ends: (min(ends), max(ends))), max_size=12)


@given(SPANS)
def test_a_wait_is_a_time_in_which_nothing_happens(busy: list[tuple[float, float]]) -> None:
    """Each moment is in a wait or in a busy span; waits do not touch each other's middle."""
    found = waits(busy, 0.0, 100.0)
    assert found == sorted(found)
    for moment in range(100):
        middle = moment + 0.5
        is_busy = any(begin <= middle <= end for begin, end in busy)
        assert is_busy != any(begin <= middle <= end for begin, end in found)


def test_there_is_no_wait_where_something_always_happens() -> None:
    assert waits([(0.0, 6.0), (2.0, 3.0), (5.0, 9.0)], 0.0, 9.0) == []
    assert waits([], 0.0, 9.0) == [(0.0, 9.0)]


def test_a_wait_of_an_hour_between_two_sessions_is_long() -> None:
    (wait,) = long_waits([(0.0, 4.0), (3604.0, 3610.0)], 0.0, 3610.0)
    assert wait == pytest.approx((4.8, 3603.2)), "with a margin at both ends"


@pytest.mark.parametrize("busy", [
    [(0.0, 4.0), (6.0, 10.0)],
    [(n * 100.0, n * 100.0 + 1) for n in range(MOST + 2)],
], ids=["no wait is long", "too many are"])  # fmt: skip
def test_no_wait_is_left_out_where_that_hides_more_than_it_shows(
    busy: list[tuple[float, float]],
) -> None:
    assert long_waits(busy, 0.0, busy[-1][1]) == []


def test_playing_skips_waits_and_stays_at_each_a_little() -> None:
    """All of them take less than the rest."""
    found = skips([(0.0, 4.0), (4.05, 6.0), (3600.0, 3604.0)], 3604.0)
    assert found.waits == [(6.0, 3600.0)]
    assert found.lasting == pytest.approx(9.95 * 0.05)
    many = skips([(n * 100.0, n * 100.0 + 1) for n in range(50)], 4901.0)
    assert len(many.waits) == 49
    assert many.lasting * 49 < 50


def test_a_run_in_which_nothing_crosses_is_played_too() -> None:
    assert skips([(0.0, 0.0), (100.0, 100.0)], 100.0) == ([(0.0, 100.0)], 1.0)
    assert skips([], 0.0).waits == []


def test_what_keeps_wires_busy_and_what_happens() -> None:
    rows = [
        (1.0, "attempt", "A", "B", None, None, "", 1),
        (2.0, "open", "A", "B", 1, None, "", "tcp", ("A", "B"), 1.0),
        (3.0, "reply", "A", "B", 1, None, 2.0, b"220 B\r\n"),
    ]
    assert list(happening(rows)) == [(1.0, 1.0), (1.0, 2.0), (2.0, 3.0)]
    assert list(on_wires(rows)) == [(2.0, 3.0)]
