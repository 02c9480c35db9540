"""Checks of what users give to public calls: numbers, paths, functions, names.

Each returns the value as plain Python has it, so that a number of numpy's is a number. It raises
TypeError or ValueError in one sentence that says what the argument must be.
"""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lab.quantities import parse_duration


def whole_number(name: str, value: Any, least: int | None = None, *, example: int = 3) -> int:
    """Return a whole number, at least ``least``."""
    must_be = f"{name} must be a whole number, not {shown(value)}; for example {name}={example}"
    if isinstance(value, bool):
        raise TypeError(must_be)
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(must_be) from None
    _check_least(name, number, least)
    return number


def real_number(
    name: str, value: Any, least: float | None = None, *, unit: str = "", example: str = "9.5"
) -> float:
    """Return a number, at least ``least``; infinity is allowed, nan is not."""
    if type(value) is float and (value >= least if least is not None else value == value):
        return value
    of_unit = f" of {unit}" if unit else ""
    must_be = f"{name} must be a number{of_unit}, not {shown(value)}; for example {name}={example}"
    if isinstance(value, (bool, str, bytes, bytearray)):
        raise TypeError(must_be)
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(must_be) from None
    except OverflowError:
        raise ValueError(must_be) from None
    if math.isnan(number):
        raise ValueError(must_be)
    _check_least(name, number, least)
    return number


def seconds(name: str, value: Any) -> float | None:
    """Return seconds, 0 or more, or None; a text such as "2 h" is read as in a file."""
    if isinstance(value, str):
        value = duration(name, value)
    return None if value is None else real_number(name, value, 0, unit="seconds", example="90.0")


def duration(name: str, value: str) -> float:
    """Return the seconds of a text such as "90 s" or "2 h"."""
    try:
        parsed = parse_duration(value)
    except ValueError as why:
        raise ValueError(f"{name}: {why}") from None
    if parsed < 0:
        raise ValueError(f"{name}: {shown(value)} is negative; use 0 or more")
    return parsed


def plain(value: Any) -> Any:
    """Return numbers and arrays of numpy, in lists and mappings too, as plain Python has them."""
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    return type(value)(map(plain, value)) if type(value) in (list, tuple) else value


def path(name: str, value: Any, expected: str = "a path") -> str | os.PathLike[str]:
    """Return a path: a text or a :class:`pathlib.Path`."""
    if isinstance(value, (str, os.PathLike)):
        return value
    raise TypeError(f"{name} must be {expected}, not {shown(value)}")


def ending(name: str, value: Any, endings: Iterable[str], expected: str = "a path") -> str:
    """Return the ending of a path in small letters, which is one of ``endings``."""
    suffix = os.path.splitext(os.fspath(path(name, value, expected)))[1]
    known = list(endings)
    small = str(suffix).lower()
    if small in known:
        return small
    listed = " or ".join([", ".join(known[:-1]), known[-1]] if len(known) > 1 else known)
    raise ValueError(f"{name} must end with {listed}, not {shown(os.fspath(value))}")


def function(name: str, value: Any, gets: str) -> Callable[..., Any] | None:
    """Return a function, or None; ``gets`` is what it is called with."""
    if value is None or callable(value):
        checked: Callable[..., Any] | None = value
        return checked
    raise TypeError(f"{name} must be a function that is called with {gets}, not {shown(value)}")


def instance(name: str, value: Any, cls: type[Any], expected: str) -> Any:
    """Return an object of a class; ``expected`` says in words what it must be."""
    if isinstance(value, cls):
        return value
    raise TypeError(f"{name} must be {expected}, not {shown(value)}")


def text(name: str, value: Any, expected: str = "a text") -> str:
    """Return a text."""
    made: str = instance(name, value, str, expected)
    return made


def many(name: str, value: Any, expected: str) -> Iterable[Any]:
    """Return a value that holds several and is not a text; ``expected`` says what they must be."""
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes, bytearray)):
        return value
    raise TypeError(f"{name} must be {expected}, not {shown(value)}")


def one_of(name: str, value: Any, known: Iterable[str]) -> str:
    """Return a text that is one of those known."""
    names = list(known)
    if isinstance(value, str) and value in names:
        return value
    quoted = [f'"{each}"' for each in names]
    listed = " or ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)
    raise (ValueError if isinstance(value, str) else TypeError)(
        f"{name} must be {listed}, not {shown(value)}"
    )


def shown(value: Any) -> str:
    """Return a value as an error message shows it: short, and on one line."""
    try:
        text = repr(value) if isinstance(value, (str, bytes, int, float)) else _of_other_kind(value)
    except ValueError:  # Python writes no number that is as long
        text = "a number of thousands of digits"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _of_other_kind(value: Any) -> str:
    if value is None:
        return "None"
    text = " ".join(repr(value).split())
    return text if len(text) <= 30 else f"an object of type {type(value).__name__}"


def _check_least(name: str, number: float, least: float | None) -> None:
    if least is not None and number < least:
        raise ValueError(f"{name} must be {least} or more, not {shown(number)}")
