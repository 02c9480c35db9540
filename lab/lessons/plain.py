"""Answers as plain data: numbers, texts, lists and the like, of Python's own types alone.

An answer may be an array, a table of pandas, a generator, or an object that says it equals
everything. Before a check looks at an answer, :func:`plain` makes exact Python values of it; what
cannot be made into such values is a wrong form.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Final

MOST: Final = 100_000
"""The most items of an answer that are looked at."""

DEEPEST: Final = 12
"""How many lists may be within one another."""


class WrongForm(ValueError):
    """Raised when an answer is not of the kind that is asked for; the text says what is wrong."""


def plain(value: object, depth: int = 0) -> Any:
    """Return an answer as exact Python values; raises WrongForm.

    Iterators, arrays and columns become lists; columns with names and tables become dictionaries.
    """
    if depth > DEEPEST:
        raise WrongForm("Your answer has lists within lists without end.")
    kind = type(value)
    if value is None or kind is bool:
        return value
    for base, exact in _SIMPLE:
        if issubclass(kind, base):
            return exact(value)
    made: Any
    for base, made in ((list, list), (tuple, tuple), (set, set), (frozenset, set)):
        if issubclass(kind, base):
            contents: Any = base
            items = [plain(item, depth + 1) for item in contents.__iter__(value)]
            return made(map(_hashable, items)) if made is set else made(items)
    if issubclass(kind, dict):
        entries: Any = dict
        pairs = entries.items(value)
        return {_hashable(plain(k, depth + 1)): plain(v, depth + 1) for k, v in pairs}
    return _of_a_library(value, depth)


def _of_a_library(value: object, depth: int) -> Any:
    """Return what numpy, pandas, the lab or an iterator holds."""
    kind = type(value)
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if numpy is not None and issubclass(kind, numpy.generic):
        return plain(numpy.generic.item(value), depth + 1)
    if numpy is not None and issubclass(kind, numpy.ndarray):
        return plain(numpy.ndarray.tolist(value), depth + 1)
    if pandas is not None and kind is pandas.Series:
        return plain(_column(value), depth + 1)
    if pandas is not None and kind is pandas.DataFrame:
        return plain(_table(value), depth + 1)
    if kind.__module__ in ("fractions", "decimal"):
        return float(value)  # type: ignore[arg-type]
    if kind.__module__ == "lab.protocol.syntax":
        return str(value)
    if hasattr(kind, "__iter__") and not isinstance(value, type):
        items = list(islice(iter(value), MOST + 1))  # type: ignore[call-overload]
        if len(items) > MOST:
            raise WrongForm("Your answer has no end, or is far too long.")
        return [plain(item, depth + 1) for item in items]
    raise WrongForm(f"Expected a value, such as a number or a text; you have {named(value)}.")


def _column(series: Any) -> Any:
    index, values = series.index.tolist(), series.tolist()
    return values if index == list(range(len(index))) else dict(zip(index, values, strict=True))


def _table(frame: Any) -> Any:
    """Return a table of one row or one column by its names, of two columns as pairs."""
    if len(frame.columns) == 1:
        return _column(frame.iloc[:, 0])
    if len(frame) == 1:
        return dict(zip(frame.columns.tolist(), frame.iloc[0].tolist(), strict=True))
    return [tuple(row) for row in frame.itertuples(index=False, name=None)]


def _hashable(value: Any) -> Any:
    if isinstance(value, set):
        return frozenset(value)
    return tuple(map(_hashable, value)) if isinstance(value, (list, tuple)) else value


_SIMPLE: Final[tuple[tuple[type, Callable[[Any], Any]], ...]] = (
    (int, int.__pos__),
    (float, float.__pos__),
    (str, str.__str__),
    (bytes, lambda value: bytes.__getitem__(value, slice(None))),
    (bytearray, lambda value: bytes(bytearray.__getitem__(value, slice(None)))),
)


def named(value: object) -> str:
    """Return what a value is, in a student's words: "a list", "a function"."""
    words = {
        str: "a text", bytes: "bytes", bool: "True or False", int: "a number", float: "a number",
        list: "a list", tuple: "a list", dict: "a dictionary", set: "a set", frozenset: "a set",
        type(None): "None",
    }  # fmt: skip
    kind = type(value)
    if kind in words:
        return words[kind]
    return "a function" if callable(value) else "an object of another kind"


def short(value: object) -> str:
    """Return a value as Python writes it, cut short; never raises."""
    try:
        text = repr(value)
    except Exception:  # an answer may be anything
        return named(value)
    if text.startswith("<"):  # what Python has no way to write
        return named(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def text_of(value: object) -> str | None:
    """Return plain text or bytes as text without space around it, or None."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    return value.strip() if isinstance(value, str) else None


def unusable(problems: Iterable[str]) -> str:
    """Return why a network cannot be used, without the paths of our own files."""
    own = (re.sub(r"^/\S*\.toml, (?:--set )?", "", problem) for problem in problems)
    return f"The network cannot be used: {'; '.join(own)}"


def joined(words: Iterable[object]) -> str:
    """Return words with commas and a last "and"."""
    *most, last = map(str, words)
    return f"{', '.join(most)} and {last}" if most else last
