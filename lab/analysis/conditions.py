"""Conditions on an event, as a learner writes them: "reply code 550", "host B stores".

A condition is words, each of which narrows it:

=============================  ===================================================================
``command MAIL``, ``RCPT``     a command of that name arrives
``reply 550``, ``reply 5yz``   a reply with that code (``reply code 550`` is the same)
``host B``, ``peer A``         at that host; with that peer; case does not matter
``message 3``, ``session 2``   of that number
``kind deliver``, ``deliver``  of that kind; the kinds are those of the trace
``stores``, ``delivers`` ...   what hosts do, in words: see :data:`VERBS`
``at 12.5 s``, ``after 2 min`` at that time or later
``text "Jones"``               what was said, or the reason, holds these letters
=============================  ===================================================================
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

from lab.protocol.names import HostName, host_name
from lab.protocol.states import COMMANDS
from lab.protocol.syntax import in_capitals
from lab.quantities import parse_duration
from lab.trace.rows import KINDS, Event
from lab.trace.trace import Trace

Predicate = Callable[[Event], bool]
Condition = str | Predicate

VERBS: Final = {
    "stores": "accept", "accepts": "accept", "delivers": "deliver", "relays": "transfer",
    "transfers": "transfer", "refuses": "refuse", "returns": "notify", "notifies": "notify",
    "defers": "defer", "queues": "queue", "opens": "open", "closes": "close",
    "fails": "unreachable", "loses": "loss", "expands": "expand", "forwards": "forward",
    "rejects": "reject", "submits": "submit",
}  # fmt: skip
"""What hosts do, and the kind of event that it is; ``crashes`` is a fault of that name."""

_CODE: Final = re.compile(r"[1-5](\d\d|\dz|yz)")

EXAMPLES: Final = '"reply 550", "host B stores", "command DATA", "message 2", "at 12.5 s"'


class NoCondition(ValueError):
    """A text that is not a condition; the message says what is wrong, and what is allowed."""


def condition(text: Condition) -> Predicate:
    """Return the predicate that a condition stands for. Raises :class:`NoCondition`."""
    if callable(text):
        return text
    if not isinstance(text, str):
        raise NoCondition(f"{text!r} is not a condition; write one such as {EXAMPLES}")
    try:
        words = shlex.split(text)
    except ValueError:
        raise NoCondition(f"{text!r} has an open quotation mark; close it") from None
    if len(words) == 1:
        words = words[0].split()  # all of it in quotation marks, as the examples have it
    tests: list[Predicate] = []
    if not words:
        raise NoCondition(f"an empty condition; write one such as {EXAMPLES}")
    while words:
        tests.append(_next(words, text))
    return lambda event: all(test(event) for test in tests)


def _next(words: list[str], text: str) -> Predicate:
    """Return the test that the next words stand for, and remove them."""
    word = words.pop(0)
    low = word.lower()
    if low in ("and", "is", "says", "code"):
        return lambda event: True
    if low in _WITH_ARGUMENT:
        while words and words[0].lower() in ("code", "is"):
            words.pop(0)
        if not words and low in KINDS:
            return _of_kind(low)
        if not words:
            raise NoCondition(
                f"{text!r}: {word} requires a value; write a condition such as {EXAMPLES}"
            )
        return _WITH_ARGUMENT[low](words, text)
    if in_capitals(word) in COMMANDS:
        return _command([word], text)
    if low == "crashes":
        return _crashes
    if low in VERBS:
        return _of_kind(VERBS[low])
    if low in KINDS:
        return _of_kind(low)
    if _CODE.fullmatch(low):
        return _reply([word], text)
    raise NoCondition(
        f"{text!r}: {word!r} is not a word of a condition; write one such as {EXAMPLES}"
    )


def _crashes(event: Event) -> bool:
    return event.kind == "fault" and event["name"] == "crash" and bool(event["on"])


def _of_kind(kind: str) -> Predicate:
    return lambda event: event.kind == kind


def _command(words: list[str], text: str) -> Predicate:
    verb = in_capitals(words.pop(0))
    return lambda event: event.kind == "command" and event["verb"] == verb


def _reply(words: list[str], text: str) -> Predicate:
    code = words.pop(0).lower()
    digits = code.rstrip("yz")
    if not _CODE.fullmatch(code):
        raise NoCondition(
            f"{text!r}: {code!r} is not a reply code; write 550, or 5yz for any of them"
        )
    return lambda event: event.kind == "reply" and str(event["code"]).startswith(digits)


def _name(of: str) -> Callable[[list[str], str], Predicate]:
    def test(words: list[str], text: str) -> Predicate:
        names = _names(words.pop(0))
        return lambda event: host_name(getattr(event, of) or "") in names

    return test


def _names(word: str) -> set[HostName]:
    """Return the names of hosts that a word may mean: as it is, and with ".ARPA"."""
    return {HostName(word), HostName(f"{word}.ARPA")}


def _number(of: str) -> Callable[[list[str], str], Predicate]:
    def test(words: list[str], text: str) -> Predicate:
        word = words.pop(0)
        if not word.isdigit():
            raise NoCondition(f"{text!r}: {word!r} is not a number; write {of} 1, {of} 2 ...")
        number = int(word)
        return lambda event: getattr(event, of) == number

    return test


def _kind(words: list[str], text: str) -> Predicate:
    word = words.pop(0).lower()
    if word not in KINDS:
        raise NoCondition(f"{text!r}: there is no kind {word!r}; there are {', '.join(KINDS)}")
    return _of_kind(word)


def _since(words: list[str], text: str) -> Predicate:
    quantity = words.pop(0)
    if words and words[0] in ("ms", "s", "min", "h", "d"):
        quantity = f"{quantity} {words.pop(0)}"
    try:
        t = parse_duration(float(quantity) if quantity.replace(".", "", 1).isdigit() else quantity)
    except ValueError as why:
        raise NoCondition(f"{text!r}: {why}") from None
    return lambda event: event.t >= t


def _text(words: list[str], text: str) -> Predicate:
    letters = words.pop(0).lower()

    def test(event: Event) -> bool:
        return letters in _text_of(event).lower()

    return test


def _text_of(event: Event) -> str:
    """Return all texts of an event."""
    if event.kind in ("command", "reply"):
        return str(event["text"]) + (f" {event['code']}" if event.kind == "reply" else "")
    values = [value for value in event.extra.values() if isinstance(value, (str, bytes, tuple))]
    return " ".join(
        value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in values
    )


_WITH_ARGUMENT: Final[dict[str, Callable[[list[str], str], Predicate]]] = {
    "command": _command,
    "reply": _reply,
    "host": _name("host"),
    "peer": _name("peer"),
    "message": _number("message"),
    "session": _number("session"),
    "kind": _kind,
    "at": _since,
    "after": _since,
    "text": _text,
}


def matching(trace: Trace, text: Condition) -> list[int]:
    """Return the numbers of the events for which a condition is true."""
    holds = condition(text)
    return [event.seq for event in trace if holds(event)]


def unknown_hosts(text: Any, names: list[str]) -> None:
    """Raise :class:`NoCondition` if a condition names a host that does not exist."""
    if not isinstance(text, str):
        return
    known = set(map(HostName, names))
    words = shlex.split(text)
    for word, name in pairwise(words):
        if word.lower() in ("host", "peer") and not _names(name) & known:
            examples = ", ".join(names[:6]) + (" ..." if len(names) > 6 else "")
            raise NoCondition(f"{text!r}: there is no host {name!r}; there are {examples}")
