"""What lesson 10 asks for: retries."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lab.lessons import trials
from lab.lessons.answers import Number, Several, Verdict, Word, hinted
from lab.lessons.functions import Function, Settings

if TYPE_CHECKING:
    from lab.api.run import Run

Waiting = Callable[..., "Run"]
"""A function of settings that returns a run in which FAR is ``down`` for a number of minutes."""


def _minutes(right: float) -> Number:
    return Number(right, units=["min"])


def arrival(run: Run) -> int | None:
    """Return when the first message was delivered, in minutes."""
    times = [e.t for e in run.trace if e.kind == "deliver" and e["user"] == "bob"]
    return round(times[0] / 60) if times else None


def _attempts(run: Run) -> list[int]:
    tries = [e.t for e in run.trace if e.kind == "attempt" and e.peer == "FAR.ARPA"]
    return [round(t / 60) for t in tries]


@hinted("Does RELAY learn that FAR is up? Add up the waits: 10, 20, ...")
def predict(run: Run) -> Number:
    """Return the minute at which Bob has the message."""
    return _minutes(arrival(run) or 0)


@hinted("When do the attempts come? Which is the last within the hour?")
def break_it(run: Run, attempts: list[int]) -> Several:
    """Return the outcome, and the number of attempts."""
    outcome = Word(run.summary["recipients"][0]["outcome"], ("delivered", "returned"))
    return Several(
        [outcome, Number(len(attempts), units=["attempt"])],
        ["the outcome", "the number of attempts"],
    )


@hinted("Add up the waits, and mind the longest.")
def exercise_1(attempts: list[int]) -> Several:
    """Return the first five of these attempts, in minutes."""
    return Several(map(_minutes, attempts[:5]))


@hinted("The first attempt after FAR is up again.")
def exercise_2(waiting: Waiting, outages: tuple[int, ...]) -> Several:
    """Return when Bob has the message, for each of these outages in minutes."""
    return Several([_minutes(arrival(waiting(down=down)) or 0) for down in outages], outages)


@hinted("A loop: as long as FAR is down, wait, and wait longer.")
def exercise_3(waiting: Waiting) -> Function:
    """Return the exercise for a function that predicts when the message arrives."""

    def measured(first: int, factor: int, longest: int, down: int) -> float:
        sets = (f"retry.first={first} min", f"retry.factor={factor}", f"retry.max={longest} min")
        return arrival(waiting(*sets, down=down)) or 0

    return trials.arrives(measured)


@hinted("Which setting bounds the wait after the outage?")
def exercise_4(waiting: Waiting) -> Settings:
    """Return the exercise for settings that are quick and cheap in four outages."""
    return Settings(lambda settings: _good_enough(settings, waiting), ("first", "factor", "max"))


def _good_enough(settings: dict[str, Any], waiting: Waiting) -> Verdict:
    sets = [f"retry.{name}={value}" for name, value in settings.items()]
    runs = {down: waiting(*sets, down=down) for down in (5, 40, 100, 300)}
    late = [down for down, run in runs.items() if (arrival(run) or 9999) - down > 30]
    made = sum(len(_attempts(run)) for run in runs.values())
    if late:
        return f"Bob waits too long after {', '.join(map(str, late))} minutes."
    return made <= 30 or f"RELAY makes {made} attempts."
