"""What an exercise asks for: a number, a code, a host, a list, a network.

Each class reads an answer in any form that says the same, and compares what it says with what is
right. A list may be a tuple, an array or an iterator, a code a number or a text; hosts and verbs
may be in capitals or not. What matters is kept: the part of an address before the ``@`` is compared
with its capitals, and so is an order where one is asked for. :meth:`Answer.judge` returns True or a
sentence, and raises :class:`WrongForm` if the answer is not of the kind that is asked for::

    lessons.check("Exercise 1", code, lessons.answers.Code(550), hint="It begins with a 5.")

A hint of the exercise is shown with a wrong content, not with a wrong form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from lab.lessons.items import (
    Address,
    Answer,
    Code,
    CommandLine,
    Estimate,
    Exactly,
    First,
    Host,
    Number,
    Pair,
    PathText,
    Text,
    Truth,
    Verdict,
    Word,
)  # fmt: skip
from lab.lessons.plain import WrongForm, joined, named, plain, short, text_of

__all__ = [
    "Address",
    "Answer",
    "Code",
    "CommandLine",
    "Commands",
    "Estimate",
    "Exactly",
    "First",
    "Host",
    "Judged",
    "Lines",
    "Number",
    "Pair",
    "PathText",
    "Selection",
    "Several",
    "Table",
    "Text",
    "TextLines",
    "Truth",
    "Verdict",
    "Word",
    "WrongForm",
    "each",
    "form_of",
    "hinted",
    "octets",
    "typed",
]  # fmt: skip

Asked = ParamSpec("Asked")
Wanted = TypeVar("Wanted", bound=Answer)

ORDINALS: Final = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


class Several(Answer):
    """A list of answers in an order, or the values of several names at once.

    ``labels`` are what the answers belong to: an answer may be a dictionary of them. ``is_open``
    says that the exercise does not tell how many there are.
    """

    def __init__(
        self, items: Iterable[Answer], labels: Iterable[Any] = (), *, is_open: bool = False
    ) -> None:
        self.items, self.is_open = list(items), is_open
        self.labels = list(labels)
        many = "" if is_open else f"{len(self.items)} "
        self.wants = f"a list of {many}answers, each {self.items[0].wants}"

    def values(self, value: Any) -> list[Any]:
        """Return the values of a plain answer, in order; raises WrongForm."""
        if (text := text_of(value)) is not None:
            value = _listed(text, self.items[0]) or value
        if _is_paired(value, self.labels):
            value = dict(value)
        if isinstance(value, dict):
            value = self._of_dictionary(value)
        if isinstance(value, (set, frozenset)):
            raise WrongForm("The order matters here, and a set has none: write a list.")
        if not isinstance(value, (list, tuple)):
            raise WrongForm(f"Expected {self.wants}; you have {named(value)}.")
        values = list(value)
        if self.is_open and isinstance(self.items[0], Code):
            values = [each for each in values if each is not None]  # a line without a reply
        while self.is_open and len(values) > 1 and values[-1] is None:
            values.pop()  # "and then nobody"
        if len(values) == 1 and isinstance(values[0], (list, tuple)) and len(self.items) != 1:
            values = list(values[0])  # an array of one row
        if len(values) != len(self.items) and not self.is_open:
            raise WrongForm(f"Expected {len(self.items)} values; you have {len(values)}.")
        return values

    def _of_dictionary(self, value: dict[Any, Any]) -> Any:
        if not self.labels:
            return list(value.values())
        keys = _keys(value, self.labels)
        if keys is None:
            known = {str(key).strip().lower() for key in value}
            missing = [label for label in self.labels if str(label).lower() not in known]
            raise WrongForm(f"There is nothing for {joined(missing or self.labels)}.")
        return [value[key] for key in keys]

    def is_right(self, value: Any) -> bool:
        """Return whether a plain value is right; raises WrongForm."""
        return not self.wrong(value)

    def wrong(self, value: Any) -> list[int]:
        """Return which of the values are wrong, counted from 0."""
        values = self.values(value)
        for item, each in zip(self.items, values, strict=False):
            item.read(each)  # a wrong form is told before a wrong content
        if len(values) != len(self.items):
            return [len(self.items)]
        pairs = zip(self.items, values, strict=True)
        return [n for n, (item, each) in enumerate(pairs) if not item.is_right(each)]

    def judge(self, answer: object) -> Verdict:
        """Return True, or a sentence that says what is wrong; raises WrongForm."""
        value = plain(answer)
        wrong = self.wrong(value)
        if not wrong:
            return True
        if wrong == [len(self.items)]:
            return (
                f"Not right: you have {len(self.values(value))} of them, another number is right."
            )
        if self.labels:
            return f"Not right for {joined(self.labels[n] for n in wrong)}."
        places = joined(ORDINALS[n] if n < len(ORDINALS) else str(n + 1) for n in wrong)
        return f"Not right: look at the {places} again; you have {short(answer)}."


def _listed(text: str, item: Answer) -> list[str]:
    """Return the answers in a text that has several, or none if it has one at most.

    Each is on a line of its own, or there are arrows, semicolons or commas between them.
    """
    between = {Text: "\n", CommandLine: r"\n|;", Address: r"\n|;|,\s+", Pair: r"\n|;|,"}
    kind = next((kind for kind in between if isinstance(item, kind)), Answer)
    parts = re.split(between.get(kind, r"\n|;|,|\s*->\s*"), text)
    stripped = [part.strip() for part in parts if part.strip()]
    return stripped if len(stripped) > 1 else []


def _is_paired(value: Any, labels: Sequence[Any]) -> bool:
    """Return whether an answer is a list of labels, each with what belongs to it."""
    if not labels or not isinstance(value, (list, tuple)) or len(value) != len(labels):
        return False
    if not all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in value):
        return False
    return _keys([pair[0] for pair in value], labels) is not None


_NAMES: Final[tuple[Callable[[str], str], ...]] = (
    str,
    str.lower,
    lambda name: name.lower().removeprefix("the "),
    lambda name: re.split(r"[\s.:]", name.lower())[0],
)
"""What a label and the key of a dictionary have in common, if both mean the same."""


def _keys(values: Iterable[Any], labels: Sequence[Any]) -> list[Any] | None:
    """Return those of the values that mean the labels, in the order of these, or None."""
    keys = list(values)
    for name in _NAMES:
        wanted = [name(str(label).strip()) for label in labels]
        known = {name(str(key).strip()): key for key in keys}
        if len(set(wanted)) == len(wanted) and all(label in known for label in wanted):
            return [known[label] for label in wanted]
    return None


class Table(Several):
    """An answer for each of some labels: a dictionary, pairs, or a list in the same order."""

    def __init__(self, items: Mapping[Any, Answer]) -> None:
        super().__init__(items.values(), items)
        self.wants = "a dictionary with an answer for each"

    def values(self, value: Any) -> list[Any]:
        """Return the values of a plain answer, in order; raises WrongForm."""
        if isinstance(value, list) and value and all(_is_pair(item) for item in value):
            value = dict(value)
        return super().values(value)


def _is_pair(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], (str, int))


class Selection(Answer):
    """Some of several things, in any order; a thing that is named twice counts once."""

    def __init__(self, items: Iterable[Answer]) -> None:
        self.items = list(items)
        self.wants = f"a list, each of it {self.items[0].wants}"

    def read(self, value: Any) -> Hashable:
        """Return what a plain value says; raises WrongForm."""
        text = text_of(value)
        if text is not None:
            value = _listed(text, self.items[0]) or value
        if len(self.items) == 1 and isinstance(value, (str, bytes, int)):
            value = [value]
        if isinstance(value, dict):
            value = list(value)
        if not isinstance(value, (list, tuple, set, frozenset)):
            raise WrongForm(f"Expected {self.wants}; you have {named(value)}.")
        return frozenset(self.items[0].read(each) for each in value)

    def judge(self, answer: object) -> Verdict:
        """Return True, or a sentence that says what is wrong; raises WrongForm."""
        chosen: Any = self.read(plain(answer))
        right = {item.read(item.right) for item in self.items}
        beyond, missing = len(chosen - right), len(right - chosen)
        if beyond:
            return (
                f"Not right: {_count(beyond)} of yours "
                f"{'is' if beyond == 1 else 'are'} not among them."
            )
        return (
            not missing
            or f"Not right: these are among them, but {_count(missing)} more "
            f"{'is' if missing == 1 else 'are'} missing."
        )

    def is_right(self, value: Any) -> bool:
        """Return whether a plain value is right; raises WrongForm."""
        return self.judge(value) is True


def _count(number: int) -> str:
    return ("none", "one", "two", "three", "four", "five")[number] if number < 6 else str(number)


class Lines(Answer):
    """Some lines that are sent, one after another, judged by what they do.

    A list of texts, or one text of several lines; the CRLF at their ends may be there or not, and
    so may the ``S:`` of a transcript, whose replies are left out. The function is given the lines.
    """

    wants = "a list of lines, each a text"

    def __init__(self, does: Callable[[list[str]], Verdict]) -> None:
        self.does = does

    def lines(self, value: Any) -> list[str]:
        """Return the lines of a plain answer; raises WrongForm."""
        if isinstance(value, dict):
            value = list(value.values())
        whole = value.decode("latin-1") if isinstance(value, bytes) else value
        if isinstance(whole, str):
            whole = whole.strip("\r\n").splitlines()
            if len(whole) < 2:
                raise WrongForm(f"Expected {self.wants}; you have one text.")
        if not isinstance(whole, (list, tuple)):
            raise WrongForm(f"Expected {self.wants}; you have {named(whole)}.")
        texts = [each.decode("latin-1") if isinstance(each, bytes) else each for each in whole]
        for each in texts:
            if not isinstance(each, str):
                raise WrongForm(f"Expected {self.wants}; one of yours is {named(each)}.")
        return _as_sent([line for each in texts for line in each.splitlines() or [""]])

    def judge(self, answer: object) -> Verdict:
        """Return True, or a sentence that says what is wrong; raises WrongForm."""
        return self.does(self.lines(plain(answer)))


def _as_sent(lines: list[str]) -> list[str]:
    if any(line.startswith("S: ") for line in lines):
        lines = [line[3:] for line in lines if line.startswith("S: ")]
    return [line if line.strip() == "." else line.strip() for line in lines]


class Commands(Several):
    """Some MAIL and RCPT commands in their order: a list, or a text with a line for each.

    Short names of the hosts in the right ones are read too. In a transcript the lines with ``R:``
    are left out.
    """

    def __init__(self, right: Iterable[str]) -> None:
        lines = list(right)
        known = set(re.findall(r"(?<=@)[^@,:<>]+", " ".join(lines)))
        super().__init__([CommandLine(line, known) for line in lines])
        self.wants = f"a list of {len(self.items)} commands, each a text"
        self.verbs = [line.partition(" ")[0] for line in lines]

    def values(self, value: Any) -> list[Any]:
        """Return the values of a plain answer, in order; raises WrongForm."""
        text = text_of(value)
        if text is not None and len(text.splitlines()) > 1:
            value = [line for line in text.splitlines() if line.strip()]
        if isinstance(value, (list, tuple)) and any(str(line).startswith("S:") for line in value):
            value = [line for line in value if not str(line).startswith("R:")]
        return super().values(value)

    def _of_dictionary(self, value: dict[Any, Any]) -> Any:
        keys = _keys(value, self.verbs)
        return [value[key] for key in keys] if keys else list(value.values())


class TextLines(Several):
    """Lines of a text in their order: a list, or the whole text."""

    def __init__(self, right: Iterable[str]) -> None:
        super().__init__([Text(line) for line in right], is_open=True)

    def values(self, value: Any) -> list[Any]:
        """Return the values of a plain answer, in order; raises WrongForm."""
        text = text_of(value)
        return super().values(text.splitlines() if text and "\n" in text else value)


class Judged(Answer):
    """An answer that a function judges; it is given what ``form`` makes of the answer."""

    def __init__(self, does: Callable[[Any], Verdict], form: Callable[[object], Any]) -> None:
        self.does, self.form = does, form

    def judge(self, answer: object) -> Verdict:
        """Return True, or a sentence that says what is wrong; raises WrongForm."""
        return self.does(self.form(answer))


def each(
    item: Answer, count: int | None = None, *, any_order: bool = False
) -> Callable[[object], list[Any]]:
    """Return a form for :class:`Judged`: a list of answers of a kind, each as it is read.

    ``any_order`` allows a set, and a dictionary: of its keys and values, if it asks for pairs, and
    otherwise as its values, or its keys if they have none.
    """

    def form(answer: object) -> list[Any]:
        value = plain(answer)
        if any_order and isinstance(value, (set, frozenset)):
            value = sorted(value, key=str)
        if any_order and isinstance(value, dict):
            value = _entries(value, item)
        values = Several([item] * (count or 1), is_open=count is None).values(value)
        return [item.read(each) for each in values]

    return form


def _entries(value: dict[Any, Any], item: Answer) -> list[Any]:
    values = list(value.values())
    if isinstance(item, Pair) and not any(isinstance(each, (list, tuple)) for each in values):
        return list(value.items())
    return list(value) if all(each is None for each in values) else values


def form_of(item: Answer) -> Callable[[object], Any]:
    """Return a form for :class:`Judged`: one answer of a kind, as it is read."""

    def form(answer: object) -> Any:
        value = plain(answer)
        is_list = isinstance(value, (list, tuple)) and len(value) == 1
        return item.read(value[0] if is_list and isinstance(item, Pair) else value)

    return form


def typed(right: object) -> Answer:
    """Return what an exercise asks for if only the right value is given, or a function."""
    if isinstance(right, Answer):
        return right
    if callable(right):
        return Judged(lambda answer: _verdict(right(answer), answer), lambda answer: answer)
    value = plain(right)
    if isinstance(value, bool):
        return Truth(value)
    if isinstance(value, (int, float)):
        return Number(value)
    if isinstance(value, str):
        return Text(value)
    if isinstance(value, (list, tuple)) and value:
        return Several([typed(each) for each in value])
    if isinstance(value, dict) and value:
        return Table({key: typed(each) for key, each in value.items()})
    return (
        Selection([typed(each) for each in value])
        if isinstance(value, set) and value
        else Exactly(right)
    )


def hinted(hint: str) -> Callable[[Callable[Asked, Wanted]], Callable[Asked, Wanted]]:
    """Give what a function returns, an answer that is asked for, a hint."""

    def decorate(make: Callable[Asked, Wanted]) -> Callable[Asked, Wanted]:
        @wraps(make)
        def made(*args: Asked.args, **options: Asked.kwargs) -> Wanted:
            wanted = make(*args, **options)
            wanted.hint = hint
            return wanted

        return made

    return decorate


def _verdict(verdict: object, answer: object) -> Verdict:
    if isinstance(verdict, str):
        return verdict
    return True if verdict else f"Not right: you have {short(answer)}."


def octets(answer: object) -> bytes:
    """Read an answer for :class:`Judged` as bytes; a text is one byte for each character."""
    value = plain(answer)
    if isinstance(value, str):
        value = value.encode("latin-1", "replace")
    if not isinstance(value, bytes):
        raise WrongForm(f'Expected bytes, such as b"Hello"; you have {named(value)}.')
    return value
