"""What lesson 7 asks for: source routes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from lab.lessons.answers import (
    Code,
    Commands,
    Host,
    Judged,
    Number,
    PathText,
    Several,
    Verdict,
    each,
    hinted,
)

if TYPE_CHECKING:
    from lab.api.run import Run

Sent = Callable[..., "Run"]
"""A function that sends a message to some recipients."""

HOSTS: Final = ("HOME.ARPA", "EAST.ARPA", "WEST.ARPA", "FAR.ARPA")

CASES: Final = (
    ("@EAST.ARPA:bob@FAR.ARPA", "@EAST.ARPA:cat@FAR.ARPA"),
    ("@EAST.ARPA:bob@FAR.ARPA", "@WEST.ARPA:cat@FAR.ARPA"),
    ("@EAST.ARPA,@WEST.ARPA:bob@FAR.ARPA", "@EAST.ARPA:cat@FAR.ARPA"),
)


@hinted("In lesson 1, what did the relay do with its name?")
def predict(last: Iterable[str]) -> Several:
    """Return how many hosts MAIL and RCPT of the last session name."""
    counted = [Number(text.count("@"), units=["host"]) for text in last]
    return Several(counted, ["MAIL", "RCPT"])


@hinted("Who talks to WEST? That host has replied 250 to Ann's host, so it owes her an answer.")
def break_it(run: Run, refusal: Any) -> Several:
    """Return who is refused, with which code, and the number of sessions."""
    right = [
        Host(refusal.host, run.topology.hosts),
        Code(refusal["code"]),
        Number(run.summary["sessions"], units=["session"]),
    ]
    return Several(right, ["the host", "the code", "the number of sessions"])


@hinted("One name has changed sides. Which host sends these two lines?")
def exercise_1(run: Run) -> Commands:
    """Return MAIL and RCPT of the second session of a run."""
    own = [e for e in run.trace if e.kind == "command" and e.session == 2]
    return Commands(e["text"] for e in own if e["verb"] in ("MAIL", "RCPT"))


@hinted("Draw both routes on the map; where do they part?")
def exercise_2(counted: Iterable[int]) -> Several:
    """Return how often the text crosses a channel, for three pairs of recipients."""
    return Several(map(Number, counted), (1, 2, 3))


def crossings(run: Run) -> int:
    """Return how often mail data crossed a channel and was accepted."""
    return sum(event.kind == "accept" for event in run.trace)


@hinted("Which part of the route can all three share?")
def exercise_4(send: Sent) -> Judged:
    """Return the exercise for three recipients and few crossings."""
    three_paths = each(PathText(known=HOSTS), 3, any_order=True)
    return Judged(lambda recipients: _few(recipients, send), three_paths)


def _few(recipients: list[str], send: Sent) -> Verdict:
    if not all(path.startswith("@") for path in recipients):
        return "Each address begins with @ and a relay."
    run = send(*recipients)
    users_reached = {e["user"] for e in run.trace if e.kind == "deliver" and e.host != "HOME.ARPA"}
    if users_reached != {"bob", "cat", "dan"}:
        return f"It is delivered to {', '.join(sorted(users_reached)) or 'nobody'}."
    print("crossings:", crossings(run))
    return crossings(run) <= 3 or f"The text crosses {crossings(run)} times."
