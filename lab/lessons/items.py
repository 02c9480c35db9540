"""Single answers: a number, a code, a word, a host, an address, a command.

Each class reads an answer in any form that says the same, and compares what it says with what is
right.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Literal

from lab.lessons.plain import WrongForm, joined, plain, short, text_of
from lab.protocol import Path, SyntaxFault, parse_path
from lab.quantities import DURATIONS

Verdict = Literal[True] | str


class Answer:
    """What an exercise asks for; ``wants`` says it in words, and ``right`` is the right one.

    ``hint`` is shown if the content of an answer is wrong.
    """

    wants = "an answer"
    right: Any = None
    hint = ""

    def read(self, value: Any) -> Hashable:
        """Return what a plain value says, to be compared; raises WrongForm."""
        return value  # type: ignore[no-any-return]

    def is_right(self, value: Any) -> bool:
        """Return whether a plain value says what is right; raises WrongForm."""
        return self.read(value) == self.read(self.right)

    def judge(self, answer: object) -> Verdict:
        """Return True, or a sentence that says what is wrong; raises WrongForm."""
        return self.is_right(plain(answer)) or f"Not right: you have {short(answer)}."

    def __call__(self, answer: object) -> Verdict:
        """Judge an answer."""
        return self.judge(answer)

    def unlike(self, value: object) -> WrongForm:
        """Return the error that says what is expected, and what there is."""
        return WrongForm(f"Expected {self.wants}; you have {short(value)}.")


class Number(Answer):
    """A number; ``off`` is how far it may be from the right one.

    A number as text is read too, alone or with a word of ``units`` after it, which says what is
    counted: "2 sessions". If the first of them is a unit of time, other units of time are
    converted to it.
    """

    def __init__(self, right: float = 0, off: float = 0.0, units: Iterable[str] = ()) -> None:
        self.right, self.off = right, off
        self.units = {"": 1.0, **_factors(list(units))}
        self.wants = "a number"

    def read(self, value: Any) -> float:
        """Return what a plain value says; raises WrongForm."""
        text = text_of(value)
        if text is not None:
            match = re.fullmatch(r"([+-]?\d+(?:\.\d*)?|\.\d+)\s*([A-Za-z]*)\.?", text)
            if match is None or match[2].lower() not in self.units:
                raise self.unlike(value)
            return float(match[1]) * self.units[match[2].lower()]
        if type(value) not in (int, float):
            raise self.unlike(value)
        return float(value) if abs(value) < 1e300 else float("inf")

    def is_right(self, value: Any) -> bool:
        """Return whether a plain value is right; raises WrongForm."""
        number = self.read(value)
        return bool(abs(number - self.right) <= self.off + 1e-9 * max(1.0, abs(self.right)))


def _factors(units: list[str]) -> dict[str, float]:
    """Return the words that may follow a number, each with what the number is multiplied by."""
    if not units or units[0] not in DURATIONS:
        return {form: 1.0 for unit in units for form in (unit, f"{unit}s")}
    seconds = {
        form: DURATIONS[unit]
        for unit, forms in _TIMES.items()
        for form in (unit, *(f"{each}{s}" for each in forms for s in ("", "s")))
    }
    return {form: value / DURATIONS[units[0]] for form, value in seconds.items()}


_TIMES = {
    "ms": ("millisecond",), "s": ("sec", "second"), "min": ("min", "minute"), "h": ("hour",),
}  # fmt: skip


class Estimate(Number):
    """A number that is predicted; ``within`` is the largest error, as a share of the right one.

    It may be written as "about 60" or "~60" too.
    """

    def __init__(self, right: float, within: float = 0.1, units: Iterable[str] = ()) -> None:
        super().__init__(right, within * abs(right), units)

    def read(self, value: Any) -> float:
        """Return what a plain value says; raises WrongForm."""
        text = text_of(value)
        return super().read(value if text is None else re.sub(r"^(about\b|~|≈)\s*", "", text))

    def judge(self, answer: object) -> Verdict:
        """Return True, or a sentence that says what is wrong; raises WrongForm."""
        value = plain(answer)
        if self.is_right(value):
            return True
        number = self.read(value)
        size = "small" if number < self.right else "large"
        by = "far " if not self.right / 3 <= number <= self.right * 3 else ""
        return f"{short(answer)} is {by}too {size}."


class Truth(Answer):
    """True or False."""

    wants = "True or False"

    def __init__(self, right: bool) -> None:
        self.right = right

    def read(self, value: Any) -> bool:
        """Return what a plain value says; raises WrongForm."""
        text = text_of(value)
        words = {"true": True, "yes": True, "false": False, "no": False}
        if text is not None and text.lower() in words:
            return words[text.lower()]
        if value is True or value is False or (type(value) is int and value in (0, 1)):
            return bool(value)
        raise self.unlike(value)


class Code(Answer):
    """A reply code, such as 250: a number or a text, with the words of the reply or without."""

    wants = "a reply code of three digits"

    def __init__(self, right: int = 250) -> None:
        self.right = right

    def read(self, value: Any) -> int:
        """Return what a plain value says; raises WrongForm."""
        match = re.fullmatch(r"(?:R: *)?(\d{3})\.?(?:[ -](.*))?", text_of(value) or "", re.DOTALL)
        if match and re.search(r"\b[1-5]\d\d\b", match[2] or ""):
            raise WrongForm(f"Expected one reply code; you have {short(value)}.")
        if match:
            return int(match[1])
        if type(value) in (int, float) and value == value // 1 and 100 <= value <= 999:
            return int(value)
        raise self.unlike(value)


class Word(Answer):
    """One of a few words; capitals, hyphens and space around it do not matter."""

    def __init__(self, right: str, words: Iterable[str] = (), same: Mapping[str, str] = {}) -> None:
        self.right = right
        self.words = list(dict.fromkeys(words)) or [right]
        self.same = {_simple(synonym): _simple(word) for synonym, word in same.items()}
        self.wants = f"one of {joined(map(repr, self.words))}" if words else "a word"

    def read(self, value: Any) -> str:
        """Return what a plain value says; raises WrongForm."""
        text = text_of(value)
        if text is None:
            raise self.unlike(value)
        word = _simple(text)
        word = self.same.get(word, word)
        if len(self.words) > 1 and word not in map(_simple, self.words):
            raise self.unlike(value)
        return word


def _simple(text: str) -> str:
    return re.sub(r"[\s_-]+", " ", text.strip(" \t\r\n.!\"'")).lower()


class Host(Answer):
    """A host, by its name in any capitals, or by a short name that only one of ``known`` has.

    Of a network whose hosts are H0, H1 and so on, the number is a name too. ``right`` may be None,
    where no host is an answer.
    """

    wants = "the name of a host"

    def __init__(self, right: str | None = None, known: Iterable[str] = ()) -> None:
        self.right = right
        self.known = {name.upper(): name for name in known}
        self.maybe_none = False

    def read(self, value: Any) -> str | None:
        """Return what a plain value says; raises WrongForm."""
        if value is None or (text := text_of(value)) in ("", "None", "none", "nobody", "no host"):
            if not self.maybe_none:
                raise self.unlike(value)
            return None
        if type(value) is int and f"H{value}" in self.known:
            return f"H{value}"
        if text is None:
            raise self.unlike(value)
        text = re.sub(r"^(S: *)?HELO +", "", text, flags=re.I)
        name = text.strip("<>\"'").removeprefix("@").rstrip(".:,").strip().upper()
        # a line of the network, "A - B", is an answer too, though no right one
        is_known = all(part in self.known for part in name.split(" - "))
        if self.known and re.search(r"\s", name) and not is_known:
            raise self.unlike(value)
        return self.full(name)

    def full(self, name: str) -> str:
        """Return the full name of a host; raises WrongForm if several hosts may be meant."""
        if name in self.known:
            return name
        if name.isdecimal() and f"H{name}" in self.known:
            return f"H{name}"
        if name.removesuffix(".ARPA") in self.known:
            return name.removesuffix(".ARPA")
        meant = [host for host in self.known if host.partition(".")[0] == name]
        if len(meant) > 1:
            raise WrongForm(f"More than one host is called {name}; write the whole name.")
        return meant[0] if meant else name

    def or_none(self) -> Host:
        """Return the same, where None is an answer too."""
        self.maybe_none = True
        return self


class Address(Answer):
    """An address or a path, in angle brackets or without; ``null`` allows the empty one.

    The capitals of hosts do not matter, those before the ``@`` do. Short names of ``known`` hosts
    are read too.
    """

    wants = 'an address such as "joe@HOSTW.ARPA"'

    def __init__(self, right: str = "", known: Iterable[str] = (), *, null: bool = False) -> None:
        self.right, self.null = right, null
        self.host = Host(known=known)
        if null:
            self.wants = "a path, or nothing"

    def read(self, value: Any) -> Hashable:
        """Return what a plain value says; raises WrongForm."""
        text = text_of(value)
        is_empty = text is not None and text.replace(" ", "") in ("", "<>")
        if self.null and (value is None or is_empty):
            return ()
        if text is None or not text:
            raise self.unlike(value)
        match = re.fullmatch(r"[^<>]*<([^<>]*)>", text)
        return self._key((match[1] if match else text).strip())

    def _key(self, text: str) -> Hashable:
        route, _, mailbox = text.rpartition(":") if text[:1] == "@" else ("", "", text)
        local, at, host = mailbox.rpartition("@")
        hops = tuple(self.host.full(hop.strip(" @").upper()) for hop in route.split(",") if hop)
        if not (at and local and host) and not (self.null and "@" not in text):
            raise self.unlike(text)
        return hops, local, self.host.full(host.strip().upper())


class CommandLine(Answer):
    """A MAIL or RCPT command as it is sent; the capitals of its words and hosts do not matter.

    Short names of ``known`` hosts are read too.
    """

    wants = "a command such as 'RCPT TO:<joe@HOSTW.ARPA>'"

    def __init__(self, right: str = "", known: Iterable[str] = ()) -> None:
        self.right = right
        self.host = Host(known=known)

    def read(self, value: Any) -> Hashable:
        """Return what a plain value says; raises WrongForm."""
        text = text_of(value)
        match = re.fullmatch(r"(?:S: *)?(\w{4}) +(FROM|TO)(:\s*)(.*)", text or "", re.I)
        if match is None:
            raise self.unlike(value)
        verb, word, colon, path = match.groups()
        if colon != ":":
            raise WrongForm(f"In {short(text)} there is a space after the colon; RFC 821 has none.")
        if not re.fullmatch(r"<.*>", path):
            raise WrongForm(f"In {short(text)} the path is not in angle brackets.")
        try:
            parsed = parse_path(path, null=True)
        except SyntaxFault:
            raise WrongForm(f"In {short(text)} the path is not written as a path.") from None
        return verb.upper(), word.upper(), self._key_of(parsed)

    def _key_of(self, path: Path) -> Hashable:
        if path.is_null:
            return ()
        return path.user, *(self.host.full(str(host).upper()) for host in path.hosts)


class Text(Answer):
    """A text, compared without the space around it."""

    wants = "a text"

    def __init__(self, right: str) -> None:
        self.right = right

    def read(self, value: Any) -> str:
        """Return what a plain value says; raises WrongForm."""
        text = text_of(value)
        if text is None:
            raise self.unlike(value)
        return text


class Exactly(Answer):
    """A value that has no other form."""

    def __init__(self, right: object) -> None:
        self.right = plain(right)

    def is_right(self, value: Any) -> bool:
        """Return whether a plain value is right; raises WrongForm."""
        return type(value) is type(self.right) and value == self.right


class PathText(Address):
    """A path that a lesson sends to: read as text, without angle brackets.

    Short names of ``known`` hosts are made whole.
    """

    def read(self, value: Any) -> str:
        """Return what a plain value says; raises WrongForm."""
        text = text_of(value)
        if text is None or "@" not in text:
            raise self.unlike(value)
        match = re.fullmatch(r"[^<>]*<([^<>]*)>", text)
        text = re.sub(r"\s*([:,@])\s*", r"\1", (match[1] if match else text).strip(" ."))
        try:
            parse_path(f"<{text}>")
        except SyntaxFault:
            raise self.unlike(value) from None
        return re.sub(r"(?<=@)[^@,:\s]+", self._full, text)

    def _full(self, name: re.Match[str]) -> str:
        """Return the full name of a host that is known by a short one; others stay."""
        full = self.host.full(name[0].upper())
        return full if full in self.host.known else name[0]


class Pair(Answer):
    """Two hosts, as a pair or as a text such as "MILL - LAKE", and a speed after them or none."""

    wants = "a pair of hosts"

    def __init__(self, host: Host) -> None:
        self.host = host

    def read(self, value: Any) -> tuple[str, ...]:
        """Return what a plain value says; raises WrongForm."""
        text = text_of(value)
        both = self._parts(text) if text is not None else value
        if isinstance(both, dict):
            both = list(both.values())
        if isinstance(both, (set, frozenset)):
            both = sorted(both, key=str)
        if not isinstance(both, (list, tuple)) or len(both) not in (2, 3):
            raise self.unlike(value)
        ends = [str(self.host.read(end)) for end in both[:2]]
        unknown = [end for end in ends if end not in self.host.known]
        if unknown:
            raise WrongForm(f"There is no host {joined(unknown)}.")
        return (*ends, *(str(speed).lower() for speed in both[2:]))

    def _parts(self, text: str) -> list[str]:
        """Return what a text names, however it separates the names; their own hyphens stay."""
        for between in (r"\s+-+>?\s+|\s*(?:->|,|/|;)\s*", r"\s+(?:and|to)\s+|\s+", r"-"):
            parts = re.split(between, text)
            if len(parts) > 1:
                return parts
        return parts


class First(Word):
    """A word, the first of a line that is sent: "HELO" or "helo HOME.ARPA"."""

    def read(self, value: Any) -> str:
        """Return what a plain value says; raises WrongForm."""
        words = (text_of(value) or "").removeprefix("S: ").split()
        if not words or {"or", "and"} & {word.lower() for word in words}:
            raise self.unlike(value)
        return _simple(words[0])
