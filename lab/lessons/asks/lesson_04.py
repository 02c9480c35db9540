"""What lesson 4 asks for: transparency, and the end of a text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from lab.lessons import talk
from lab.lessons.answers import (
    Code,
    Judged,
    Number,
    Several,
    TextLines,
    Verdict,
    hinted,
    octets,
)  # fmt: skip
from lab.protocol import dot_stuff, dot_unstuff

if TYPE_CHECKING:
    from lab.lessons.typed_session import TypedSession

FILE: Final = "rfc821/scenario-03.toml"


def lines_changed(lines: list[str], on_the_wire: list[str]) -> int:
    """Return how many of the lines are different on the wire."""
    return sum(a != b for a, b in zip(lines, on_the_wire[: len(lines)], strict=True))


@hinted("Which lines might be mistaken for the end of the text?")
def predict(changed: int) -> Number:
    """Return how many lines are different on the wire."""
    return Number(changed, units=["line"])


@hinted("When does the host stop reading text?")
def break_it(session: TypedSession) -> Several:
    """Return the codes that came after 354."""
    return Several(map(Code, session.codes[5:]), is_open=True)


def unstuffed(crossed: Iterable[str]) -> list[str]:
    """Return the lines of the text that crossed the channel in these lines."""
    wire = "".join(line + "\r\n" for line in crossed).encode()
    return dot_unstuff(wire.removesuffix(b".\r\n")).decode().split("\r\n")[:-1]


def exercise_1(lines: list[str]) -> TextLines:
    """Return the exercise for a text of these lines."""
    return TextLines(lines)


@hinted("Whose bytes are they, the text's or the channel's?")
def exercise_3(final: int) -> Code:
    """Return the code after the final period."""
    return Code(final)


def exercise_4() -> Judged:
    """Return the exercise for a text that smuggles a second message."""
    return Judged(_smuggled, octets)


def through_both(text: bytes) -> tuple[list[bytes], list[bytes]]:
    """Return the texts that a strict relay sends on, and the messages a lax host then finds."""
    relay = _begun("USC-ISIE.ARPA", "@USC-ISIE.ARPA:Jones@BBN-VAX.ARPA")
    relay.send(dot_stuff(text))
    data = [event for event in relay.settle().trace if event.kind == "data"]
    relayed = [event["octets"] for event in data if event.host == "BBN-VAX.ARPA"]
    lax = _begun("BBN-VAX.ARPA", "Jones@BBN-VAX.ARPA", lf_ends_lines=True)
    lax.send(b"".join(relayed))
    mails = [event["octets"] for event in lax.settle().trace if event.kind == "deliver"]
    print(*(mail.decode("latin-1") for mail in mails), sep="------\n")
    return relayed, mails


def _begun(host: str, to: str, *, lf_ends_lines: bool = False) -> TypedSession:
    session = talk(FILE, host, quiet=True, lf_ends_lines=lf_ends_lines)
    mail = "MAIL FROM:<you@MIT-AI.ARPA>"
    session.say("HELO MIT-AI.ARPA", mail, f"RCPT TO:<{to}>", "DATA")
    return session


def _smuggled(text: bytes) -> Verdict:
    relayed, mails = through_both(text)
    if len(relayed) != 1:
        return f"The relay sent {len(relayed)} messages on. Does your text end with CRLF?"
    if len(mails) != 2:
        return f"Jones finds {len(mails)}. What does the second host treat as the end?"
    is_the_boss = re.match(rb"Return-Path: <boss@MIT-AI\.ARPA>", mails[1], re.IGNORECASE)
    return is_the_boss is not None or "The second is not from the boss."
