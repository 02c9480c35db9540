"""What lesson 2 asks for: a session by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lab.lessons import talk
from lab.lessons.answers import Code, Lines, Number, Verdict, hinted

if TYPE_CHECKING:
    from lab.lessons.typed_session import TypedSession

FILE: Final = "rfc821/scenario-03.toml"
HOST: Final = "BBN-VAX.ARPA"


def after(*lines: str) -> TypedSession:
    """Return a session with the host, after some lines."""
    session = talk(FILE, HOST, quiet=True)
    session.say(*lines)
    return session


@hinted("What is it that is wrong: a word, or its place?")
def predict(session: TypedSession) -> Code:
    """Return the code of the last reply."""
    return Code(session.codes[-1])


@hinted("Look at MAIL in the table.")
def break_it(session: TypedSession) -> Number:
    """Return the number of forward-paths."""
    paths = session.buffers["forward-paths"]
    assert isinstance(paths, list)
    return Number(len(paths), units=["path", "recipient"])


@hinted("In which state are you after a refusal?")
def exercise_1(session: TypedSession) -> Code:
    """Return the code of a DATA without a recipient."""
    return Code(session.codes[-1])


@hinted("Which 250 hands the mail over? What comes before it?")
def exercise_2() -> Lines:
    """Return the exercise for the shortest session that delivers."""
    return Lines(_delivers)


def _delivers(lines: list[str]) -> Verdict:
    session = after(*lines)
    if not any(e.kind == "deliver" and e["user"] == "Jones" for e in session.settle().trace):
        return f"Nothing was delivered to Jones. The replies were {session.codes}."
    return len(lines) <= 5 or f"It is delivered. You needed {len(lines)} lines; fewer will do."


@hinted("What empties the buffers without sending a thing?")
def exercise_3() -> Lines:
    """Return the exercise for a session with three MAIL and two messages."""
    return Lines(_two_of_three)


def _two_of_three(lines: list[str]) -> Verdict:
    session = after(*lines)
    if bad := [code for code in session.codes if code >= 400]:
        return f"These replies begin with 4 or 5: {bad}."
    trace = session.settle().trace
    begun = sum(event.kind == "command" and event["verb"] == "MAIL" for event in trace)
    done = len({event.message for event in trace if event.kind == "deliver"})
    counted = f"You said MAIL {begun} times, and {done} messages were delivered."
    return (begun, done) == (3, 2) or counted


def exercise_4() -> Lines:
    """Return the exercise for a session that draws many codes."""
    return Lines(_difficult)


def _difficult(lines: list[str]) -> Verdict:
    codes = sorted(set(after(*lines).codes))
    print(f"{len(codes)} codes: {codes}")
    few = f"You drew {len(codes)}; which command have you not tried, or not misspelled?"
    return len(codes) >= 8 or few
