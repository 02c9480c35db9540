"""What the functions of the lessons are tried on: references, hidden examples and random ones.

The random ones are drawn from a fixed seed, so that an answer is judged the same way each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from math import sqrt
from random import Random
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from lab.lessons.answers import Code, CommandLine, Number, Truth
from lab.lessons.asked_hosts import at_desk, everybody
from lab.lessons.functions import Function, Trial
from lab.lessons.plain import WrongForm, named, text_of
from lab.protocol import SyntaxFault, dot_stuff, parse_path

if TYPE_CHECKING:
    pass

RANDOM = 40
"""How many random examples a function is tried on."""


def _listed(value: Any, item: Callable[[Any], Any] = lambda each: each) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise WrongForm(f"a list is expected, and that is {named(value)}.")
    return [item(each) for each in value]


# -- lesson 3: the codes of replies


def codes() -> Function:
    """Return the exercise for a function of lines that returns the codes of the replies."""

    def trials() -> Iterator[Trial]:
        for lines in (
            ["220 Hello"], ["220 Hello", "250 OK", "550 No"],
            ["214-HELO MAIL", "214-250 is a code", "214 that is all"],
            ["250"], ["250 well-known", "354-go", "354 on"], ["250 OK", "250 OK"], [],
            ["250-one", "250 two", "250 three"], ["250 ", "250-", "250"],
        ):  # fmt: skip
            yield (lines,), _codes(lines)
        dice = Random("codes")
        for _ in range(RANDOM):
            lines = [line for _ in range(dice.randint(1, 5)) for line in _reply(dice)]
            yield (lines,), _codes(lines)

    return Function(trials, lambda value: _listed(value, Code().read))


def _codes(lines: list[str]) -> list[int]:
    return [int(line[:3]) for line in lines if line[3:4] != "-"]


def _reply(dice: Random) -> list[str]:
    code = dice.choice([211, 214, 220, 221, 250, 251, 354, 421, 450, 500, 503, 550])
    texts = ["OK", "well-known", "250 is a code", "354-go on", "", "a  b", "-", "1981"]
    continued = [f"{code}-{dice.choice(texts)}" for _ in range(dice.choice([0, 0, 0, 1, 3]))]
    return [*continued, dice.choice([f"{code} {dice.choice(texts)}", f"{code}"])]


# -- lesson 4: transparency


def to_wire() -> Function:
    """Return the exercise for a function of a text that returns what is sent after 354."""

    def trials() -> Iterator[Trial]:
        for text in (
            b"one\r\n", b".\r\n", b"..\r\nx\r\n", b"", b"a\n.b\r\n", b"a.\r\n.b\r\n",
            b"\r\n.\r\n\r\n", b"a\r.b\r\n", b".\n.\r\n", b"\r\n", b"...\r\n...\r\n",
        ):  # fmt: skip
            yield (text,), dot_stuff(text)
        dice = Random("to_wire")
        for _ in range(RANDOM):
            parts = [b"a", b".", b"..", b"\n", b"\r", b" ", b"\r\n", b"\r\n.", b"x.y", b"\xff"]
            text = b"".join(dice.choices(parts, k=dice.randint(1, 9))) + b"\r\n"
            yield (text,), dot_stuff(text)

    def octets(value: Any) -> bytes:
        if not isinstance(value, bytes):
            raise WrongForm(f"bytes are expected, and that is {named(value)}.")
        return value

    return Function(trials, octets)


# -- lesson 7: a relay


def relay() -> Function:
    """Return the exercise for a function that moves a relay's name from one path to the other."""

    def trials() -> Iterator[Trial]:
        for inputs in (
            ("B", "ann@A", "@B,@C:bob@D"), ("C", "@B:ann@A", "@C:bob@D"),
            ("D", "@C,@B:ann@A", "@D,@E,@F:x@G"), ("EAST.ARPA", "a@B.C", "@EAST.ARPA:d@E.F"),
        ):  # fmt: skip
            yield inputs, _relayed(*inputs)
        dice = Random("relay")
        for _ in range(RANDOM):
            names = dice.sample([f"{a}{b}.{c}" for a in "AB" for b in "CDE" for c in "XY"], 8)
            back, onward = dice.randint(0, 3), dice.randint(1, 4)
            reverse = _path(names[:back], f"{dice.choice('pQr')}@{names[6]}")
            name, *further = names[-onward - 2 : -2]
            yield (
                (inputs := (name, reverse, _path([name, *further], f"X.y@{names[7]}"))),
                _relayed(*inputs),
            )

    return Function(trials, _two_paths, same=_same_paths)


def _path(route: list[str], mailbox: str) -> str:
    return ",".join(f"@{host}" for host in route) + ":" * bool(route) + mailbox


def _relayed(name: str, reverse: str, forward: str) -> tuple[str, str]:
    route, _, mailbox = forward.rpartition(":")
    left = route.split(",")[1:]
    onward = f"{','.join(left)}:{mailbox}" if left else mailbox
    return f"@{name},{reverse}" if ":" in reverse else f"@{name}:{reverse}", onward


def _two_paths(value: Any) -> Any:
    pair = list(value.values()) if isinstance(value, dict) else value
    paths = [text_of(each) for each in _listed(pair)]
    if pair[:1] in ([None], (None,)):
        paths[0] = ""  # no way back
    if len(paths) != 2 or None in paths:
        raise WrongForm("two paths are expected, each a text.")
    return tuple(re_bare(str(path)) for path in paths)


def _same_paths(made: Sequence[str], right: Sequence[str]) -> bool:
    """Compare two paths of which the capitals of hosts do not matter."""
    return [*map(_with_hosts, made)] == [*map(_with_hosts, right)]


def _with_hosts(path: str) -> object:
    try:
        parsed = parse_path(f"<{path}>", null=True)
    except SyntaxFault:
        return path
    return parsed.local, parsed.hosts


def re_bare(path: str) -> str:
    """Return a path without angle brackets."""
    return path[1:-1] if path[:1] == "<" and path[-1:] == ">" else path


# -- lesson 8: a notification


def notification() -> Function:
    """Return the exercise for a function of a reverse-path that begins a notification."""

    def trials() -> Iterator[Trial]:
        paths = ["ann@HOME.ARPA", "@RELAY.ARPA:ann@HOME.ARPA", "", "@B.ARPA,@A.ARPA:joe@HOME.ARPA"]
        dice = Random("notification")
        for _ in range(8):
            hosts = dice.sample(["A.ARPA", "B.ARPA", "C.ARPA", "D.ARPA"], dice.randint(1, 4))
            paths.append(_path(hosts[1:], f"{dice.choice(['joe', 'Ann.B', 'x'])}@{hosts[0]}"))
        for path in [*paths, ""]:
            wanted = ("MAIL FROM:<>", f"RCPT TO:<{path}>") if path else None
            yield (path,), wanted and tuple(map(CommandLine().read, wanted))

    def reads(value: Any) -> Any:
        if value is None:
            return None
        pair = _listed(value, CommandLine().read)
        if len(pair) != 2:
            raise WrongForm("two commands are expected.")
        return tuple(pair)

    return Function(trials, reads, lambda path: f"For <{path}>")


# -- lesson 10: when mail arrives


def arrives(measured: Callable[[int, int, int, int], float]) -> Function:
    """Return the exercise for a function that predicts when a message arrives, in minutes.

    ``measured`` is the time of a run with the same settings; only the first examples are measured.
    """

    def trials() -> Iterator[Trial]:
        for inputs in ((10, 2, 60, 80), (7, 3, 90, 100), (15, 1, 15, 50)):
            yield inputs, float(measured(*inputs))
        yield (10, 2, 60, 5), 10.0
        dice = Random("arrives")
        for _ in range(RANDOM):
            first, factor = dice.randint(1, 30), dice.randint(1, 4)
            inputs = (first, factor, first * dice.randint(1, 9), dice.randint(1, 600))
            now, wait = 0, first
            while now < inputs[3]:
                now, wait = now + wait, min(wait * factor, inputs[2])
            if now != inputs[3]:  # whoever comes at that very minute may be early or late
                yield inputs, float(now)

    def shown(first: int, factor: int, longest: int, down: int) -> str:
        return f"With first {first}, factor {factor}, longest {longest} and down {down}"

    return Function(trials, Number(units=["min"]).read, shown)


# -- lesson 11: the second copy


def unique(boxes: Iterable[list[str]], boxes_without_copies: Iterable[list[str]]) -> Function:
    """Return the exercise for a function that leaves out second copies from a mailbox.

    ``boxes`` are mailboxes of runs, each with copies of one message, and
    ``boxes_without_copies`` are mailboxes without them.
    """

    def trials() -> Iterator[Trial]:
        for box in boxes:
            yield (box,), box[:1]
        for box in (*boxes_without_copies, []):
            yield (box,), box
        dice = Random("unique")
        for _ in range(RANDOM // 2):
            letters = [_letter(n) for n in range(dice.randint(1, 5))]
            order = dice.choices(range(len(letters)), k=dice.randint(1, 9))
            box = [_stamped(dice, letters[n]) for n in order]
            yield (box,), [m for at, m in enumerate(box) if order[at] not in order[:at]]

    class Leaver(Function):
        def judge(self, answer: object) -> Any:
            for inputs, right in self.trials():
                made = self.result(answer, *inputs)
                if made != right:
                    counts = f"Of {len(inputs[0])} messages {len(right)} should be left"
                    if len(made) == len(right):
                        return f"{counts}, and others than yours, or in another order."
                    return f"{counts}; you leave {len(made)}."
            return True

    return Leaver(trials, _listed, lambda box: f"For a mailbox of {len(box)} messages")


def _letter(number: int) -> str:
    subject = ("The cheque", "The answer", "The cheque", "The cheque", "Lunch")[number]
    text = ("I have sent it.", "I have sent it.", "I have sent it.\r\nReally.", "No.", "At one")
    date = "Date: 5 Jul 83 10:00:0" + str((number == 4 and 7) or 0)
    return f"{date}\r\nFrom: ann@HOME.ARPA\r\nSubject: {subject}\r\n\r\n{text[number]}\r\n"


def _stamped(dice: Random, letter: str) -> str:
    seconds = dice.randint(10, 59)
    hosts = ["FAR.ARPA", "RELAY.ARPA", "HOME.ARPA"][: dice.randint(2, 3)]
    lines = [
        f"Received: from {a} by {b} ; 5 Jul 83 10:{seconds}:{dice.randint(10, 59)} UT\r\n"
        for b, a in pairwise(hosts)
    ]
    route = ",".join(f"@{host}" for host in hosts[1:-1])
    back = f"{route}:" * bool(route) + "ann@HOME.ARPA"
    return f"Return-Path: <{back}>\r\n{''.join(lines)}{letter}"


# -- lesson 13: do two measurements differ


def differ() -> Function:
    """Return the exercise for a function that compares the intervals of two lists of five."""

    def trials() -> Iterator[Trial]:
        for first, second in (
            ([1, 2, 3, 2, 1], [9, 8, 9, 8, 9]), ([9, 8, 9, 8, 9], [1, 2, 3, 2, 1]),
            ([1, 2, 3, 2, 1], [2, 3, 2, 1, 2]), ([5, 5.1, 5, 4.9, 5], [0, 10, 5, 2, 8]),
            ([0, 10, 5, 2, 8], [5, 5.1, 5, 4.9, 5]), ([5] * 5, [5] * 5), ([5] * 5, [6] * 5),
        ):  # fmt: skip
            yield (first, second), _gap(first, second) > 0
        dice = Random("differ")
        for _ in range(RANDOM):
            pair = [
                [round(dice.gauss(middle, spread), 1) for _ in range(5)]
                for middle, spread in ((dice.randint(1, 9), 1), (dice.randint(1, 20), 2))
            ]
            if abs(_gap(*pair)) > 0.2:  # not where rounding decides
                yield tuple(dice.sample(pair, 2)), _gap(*pair) > 0

    return Function(trials, Truth(True).read)


def _gap(first: Sequence[float], second: Sequence[float]) -> float:
    """Return how far apart the 95 % intervals of two lists of five are; below 0 they overlap."""
    (low, high), (other_low, other_high) = (
        (mean(values) - off, mean(values) + off)
        for values in (first, second)
        for off in [2.78 * stdev(values) / sqrt(len(values))]
    )
    return max(other_low - high, low - other_high)


# -- lesson 15: a relay of today


def relay_of_today() -> Function:
    """Return the exercise for a function that is a relay as RFC 5321 has it."""

    def trials() -> Iterator[Trial]:
        ann = "ann@laptop.example"
        yield from (
            ((ann, "@EAST.ARPA:bob@FAR.ARPA"), (ann, "bob@FAR.ARPA")),
            ((ann, "@EAST.ARPA,@WEST.ARPA:bob@FAR.ARPA"), (ann, "bob@FAR.ARPA")),
            ((ann, "bob@FAR.ARPA"), (ann, "bob@FAR.ARPA")),
            (
                ("@GATE.ARPA:" + ann, "@EAST.ARPA:bob@FAR.ARPA"),
                ("@GATE.ARPA:" + ann, "bob@FAR.ARPA"),
            ),
            (("", "bob@FAR.ARPA"), ("", "bob@FAR.ARPA")),
            ((ann, '@EAST.ARPA:"bob:home"@FAR.ARPA'), (ann, '"bob:home"@FAR.ARPA')),
            ((ann, '"bob:home"@FAR.ARPA'), (ann, '"bob:home"@FAR.ARPA')),
            (("Ann@B.ARPA", "@EAST.ARPA:Bob@FAR.ARPA"), ("Ann@B.ARPA", "Bob@FAR.ARPA")),
        )
        dice = Random("relay of today")
        for _ in range(RANDOM):
            hosts = dice.sample(["A.ARPA", "B.ARPA", "C.EXAMPLE", "D.ARPA"], 4)
            local = dice.choice(["bob", "B.c", '"b:c"', '"a@b"'])
            mailbox = f"{local}@{hosts[0]}"
            back = dice.choice(["", ann, f"@{hosts[3]}:{ann}"])
            yield (back, _path(hosts[1 : dice.randint(1, 4)], mailbox)), (back, mailbox)

    return Function(trials, _two_paths, same=_same_paths)


__all__ = [
    "arrives", "at_desk", "codes", "differ", "everybody", "notification", "relay",
    "relay_of_today", "to_wire", "unique",
]  # fmt: skip
