"""What lesson 15 asks for: programs of today at hosts of 1982."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from lab.api.serve import serve
from lab.lessons import from_text, trials
from lab.lessons.answers import Code, First, Host, Several, Verdict, hinted
from lab.lessons.functions import Doing, Function, text_lines

if TYPE_CHECKING:
    from lab.api.run import Run

NETWORK: Final = """
[[host]]
name = "GATE.ARPA"
relay = true
position = [0, 0]
[[host]]
name = "EAST.ARPA"
relay = true
position = [1, -1]
[[host]]
name = "FAR.ARPA"
users = ["bob"]
position = [2, 0]
[defaults.link]
latency = "20 ms"
[[link]]
between = ["GATE.ARPA", "EAST.ARPA"]
[[link]]
between = ["EAST.ARPA", "FAR.ARPA"]
[[link]]
between = ["GATE.ARPA", "FAR.ARPA"]
"""
"""A triangle of three hosts."""

HUB: Final = """
[[host]]
name = "HUB.ARPA"
relay = true
turn = true
holds = ["SMALL.ARPA"]
[[host]]
name = "SMALL.ARPA"
users = ["bob"]
[[link]]
between = ["HUB.ARPA", "SMALL.ARPA"]
"""
"""A host that keeps mail until another fetches it by TURN."""


@hinted("It is not HELO, and GATE does not know it. Lesson 3: what is the reply to such a word?")
def predict(events: Sequence[Any]) -> Several:
    """Return the first command after the greeting, and the code of its reply."""
    code = int(events[2]["octets"][:3])
    return Several([First(events[1]["verb"]), Code(code)], ["the word", "the code"])


@hinted("Who reads the address first, before any host does?")
def break_it(run: Run, hosts: Iterable[str]) -> Several:
    """Return these hosts of a run, in order."""
    return Several([Host(host, run.topology.hosts) for host in hosts], is_open=True)


@hinted("Which of these are commands of 1982? And would you give mail to anyone who says a name?")
def exercise_1(answered: Iterable[int], lines: Iterable[str]) -> Several:
    """Return the codes with which these lines were answered."""
    return Several(map(Code, answered), lines)


@hinted("A route begins with @ and ends at its first colon. Does every path have one?")
def exercise_2() -> Function:
    """Return the exercise for a relay that ignores routes."""
    return trials.relay_of_today()


@hinted("Every line ends with CRLF. Header and text: an empty line between. And lesson 4.")
def exercise_3() -> Doing:
    """Return the exercise for a program that brings Bob a line that is a single period."""
    return Doing(_brings_a_period)


def dropped(program: Callable[[int], object]) -> tuple[list[bytes], list[str]]:
    """Return the messages in Bob's mailbox, and the replies, after a program talked to GATE."""
    socket.setdefaulttimeout(5)
    try:
        with serve(from_text(NETWORK)) as served:
            program(served.ports["GATE.ARPA"])
    finally:
        socket.setdefaulttimeout(None)
    events = list(served.run.trace)
    replies = [e["octets"].decode().strip() for e in events if e.kind == "reply" and e.session == 1]
    return [e["octets"] for e in events if e.kind == "deliver"], replies


def _brings_a_period(program: Callable[[int], object]) -> Verdict:
    messages, replies = dropped(program)
    if not messages:
        return f"Bob has no message. The last reply was: {replies[-1] if replies else 'none'}."
    lines = text_lines(messages[0])
    if "." not in lines:
        count = len(messages)
        return f"Bob has {count} message(s), and in the text no line that is a single period."
    return lines[1:2] == ["."] or f"The period is in another line of the text: {lines}."
