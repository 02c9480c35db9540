"""Limits of a run: where it is looked at, and the reason for which it must end."""

from __future__ import annotations

import time

import pytest

from lab.simulation.limits import LOOK, MAX_EVENTS, MAX_SECONDS, UNLIMITED, Limits


def test_without_a_limit_a_run_goes_on() -> None:
    assert not UNLIMITED.is_set
    assert UNLIMITED.started().reached(10**9) == ""
    assert (UNLIMITED.steps(10**9), UNLIMITED.seconds_left) == (LOOK, None)


@pytest.mark.parametrize(("events", "steps"), [(0, LOOK), (150_000, 500), (199_990, 1), (10**9, 1)])
def test_looks_come_closer_before_the_last_event(events: int, steps: int) -> None:
    assert Limits(max_events=200_000).steps(events) == steps


@pytest.mark.parametrize(("events", "reason"), [(99, ""), (100, MAX_EVENTS), (101, MAX_EVENTS)])
def test_a_run_ends_at_its_last_event(events: int, reason: str) -> None:
    assert Limits(max_events=100).started().reached(events) == reason


def test_a_run_ends_when_its_seconds_are_over() -> None:
    limits = Limits(max_seconds=1000.0).started()
    assert limits.reached(0) == ""
    over = limits._replace(begun=time.monotonic() - 1000)
    assert over.seconds_left is not None
    assert over.seconds_left <= 0
    assert over.reached(0) == MAX_SECONDS
