"""The wall clock of a live run, and the timers that go by it."""

from __future__ import annotations

import asyncio
import math
import time
from typing import Any

import pytest

from lab.live.wallclock import WallClock


class Loop:
    """An event loop that is not asyncio's own, as uvloop: it counts in whole milliseconds."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    def call_later(self, seconds: float, *_: Any) -> None:
        self.asked.append(seconds)


def asked_for(monkeypatch: Any, wait: float, now: float, speed: float = 1.0) -> float:
    """The seconds that a loop is asked to wait for what is ``wait`` seconds of the run away."""
    loop = Loop()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    monkeypatch.setattr(time, "monotonic", lambda: now)
    WallClock(0.0, speed).call_at(now * speed + wait, lambda: None)
    return loop.asked[0]


@pytest.mark.parametrize("wait", [0.0003, 0.0007, 0.001, 0.0104, 12.34567])
@pytest.mark.parametrize("now", [5.0, 5.0004, 5.0009])
def test_a_timer_in_milliseconds_is_never_early_and_at_most_one_late(
    monkeypatch: Any, wait: float, now: float
) -> None:
    """Such a loop takes the time that it is to be the last whole millisecond."""
    due = math.floor(now * 1000) / 1000 + asked_for(monkeypatch, wait, now)
    assert -1e-9 <= due - (now + wait) < 0.001


def test_what_is_due_or_very_soon_is_not_put_off(monkeypatch: Any) -> None:
    assert asked_for(monkeypatch, -1.0, 5.0004) == 0.0
    assert asked_for(monkeypatch, 0.01, 5.0004, speed=240.0) == pytest.approx(0.01 / 240)


def test_nothing_is_waited_for_longer_than_a_loop_can(monkeypatch: Any) -> None:
    assert asked_for(monkeypatch, math.inf, 5.0) <= 604_801.0


def test_asyncio_waits_for_the_time_itself() -> None:
    async def run() -> float:
        clock, done = WallClock(time.monotonic()), asyncio.Event()
        clock.call_at(0.01, done.set)
        await done.wait()
        return clock.now

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        assert runner.run(run()) >= 0.01
