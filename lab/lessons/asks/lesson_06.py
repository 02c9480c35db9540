"""What lesson 6 asks for: messages to terminals."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from lab.lessons import talk
from lab.lessons.answers import Lines, Number, Several, Verdict, Word, hinted

if TYPE_CHECKING:
    from lab.api.run import Run
    from lab.topology.model import Topology

VERBS: Final = ("SEND", "SAML", "MAIL", "SOML")


@hinted("What did Ann ask for?")
def predict(run: Run) -> Word:
    """Return what became of the line."""
    return Word(run.summary["recipients"][0]["outcome"], ("mailbox", "returned", "lost"))


@hinted("Look at the first digit of 502.")
def break_it(outcome: str) -> Word:
    """Return what became of the line after 502."""
    return Word(outcome, ("mailbox", "later", "returned"))


@hinted("Ask of each: mailbox always, never, or only otherwise?")
def exercise_1() -> Several:
    """Return the command that fits each of the four messages."""
    return Several(Word(verb, VERBS) for verb in VERBS)


@hinted("What is said twice in scenario 5?")
def exercise_2(commands: Callable[[str], int]) -> Number:
    """Return how many commands scenario 6 has less than scenario 5."""
    return Number(commands("05") - commands("06"), units=["command"])


@hinted("One of the commands was made for this.")
def exercise_3(office: Topology) -> Lines:
    """Return the exercise for a session that reaches each where they are."""
    return Lines(lambda lines: _reaches_all(lines, office))


def _reaches_all(lines: list[str], office: Topology) -> Verdict:
    session = talk(office, "TWO.ARPA", quiet=True)
    session.say(*lines)
    if bad := [code for code in session.codes if code >= 400]:
        return f"These replies begin with 4 or 5: {bad}."
    trace = session.settle().trace
    print(sum(event.kind == "command" for event in trace), "commands")
    places = sorted(_place(e) for e in trace if e.kind in ("terminal", "deliver"))
    is_right = places == ["bob's terminal", "cat's mailbox", "dan's mailbox"]
    return is_right or f"It came to: {', '.join(places) or 'nobody'}."


def _place(event: Any) -> str:
    remark = "" if b"lunch?" in event["octets"].lower() else " (another line)"
    return f"{event['user']}'s {'mailbox' if event.kind == 'deliver' else event.kind}{remark}"
