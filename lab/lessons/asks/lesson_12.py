"""What lesson 12 asks for: TURN and polling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lab.api.simulate import simulate
from lab.lessons.answers import (
    Code,
    Judged,
    Number,
    Several,
    Verdict,
    Word,
    WrongForm,
    each,
    hinted,
)
from lab.lessons.functions import Network

if TYPE_CHECKING:
    from lab.api.run import Run
    from lab.topology.model import Topology


def calls(run: Run, first: float = 0, last: float = 1e9) -> list[Any]:
    """Return the channels between HUB and SMALL that opened within a time, in seconds."""
    opened = [e for e in run.trace if e.kind == "open" and "SMALL.ARPA" in (e.host, e.peer)]
    return [e for e in opened if first <= e.t <= last]


@hinted("Must only one side send?")
def predict(run: Run) -> Number:
    """Return the number of calls at one o'clock."""
    return Number(len(calls(run, 3600, 3700)), units=["channel", "call"])


@hinted("What does a host say to a command it does not do? And who fetches the mail then?")
def break_it(reply: Any, fates: set[str]) -> Several:
    """Return the code of the reply to TURN, and what became of SMALL's mail."""
    words = [Word(fate, ("delivered", "returned", "queued")) for fate in sorted(fates)]
    return Several([Code(reply["code"]), *words], ["the code", "the outcome"])


@hinted("How many messages are there between the two? And how often does SMALL call?")
def exercise_1(without: Run, run: Run) -> Several:
    """Return the number of calls without TURN and with it."""
    counted = [Number(len(calls(each)), units=["call", "channel"]) for each in (without, run)]
    return Several(counted, ["without TURN", "with TURN"])


@hinted("By when must the message of minute 5 be fetched? And that of minute 50?")
def exercise_2(polled: Callable[[float, float, int], Run]) -> Judged:
    """Return the exercise for two calls that are quick enough."""
    two_times = each(Number(units=["min"]), 2)

    def does(times: list[float]) -> Verdict:
        if not all(0 <= time <= 1440 for time in times) or not times[1]:
            raise WrongForm("The first call is within a day, and the second some minutes later.")
        return _quick_enough(polled(times[0], times[1], 2))

    return Judged(does, two_times)


def _quick_enough(run: Run) -> Verdict:
    recipients = run.summary["recipients"]
    if any(each["outcome"] != "delivered" for each in recipients):
        return "Not every message is fetched."
    longest = max(_waited(run, each) for each in recipients) / 60
    return longest <= 31 or f"The longest wait is {longest:.1f} minutes."


def _waited(run: Run, recipient: Any) -> float:
    """Return how long a message waited until the call that carried it began."""
    begun = [e["started"] for e in calls(run) if e["started"] <= recipient["settled_at"]]
    return float(max(0.0, max(begun) - recipient["submitted_at"]))


@hinted("Many messages to hold, and one call.")
def exercise_3() -> Network:
    """Return the exercise for a network in which polling saves three channels."""
    return Network(_saves_three)


def _saves_three(polling: Topology) -> Verdict:
    plain = {name: replace(host, turn=False, holds=()) for name, host in polling.hosts.items()}
    without_polling = simulate(replace(polling, hosts=plain, polls=())).summary
    counts = simulate(polling).summary
    if counts["delivered"] < counts["submitted"]:
        return f"{counts['delivered']} of {counts['submitted']} messages are delivered."
    saved = without_polling["sessions"] - counts["sessions"]
    return saved >= 3 or f"{saved} channels saved."
