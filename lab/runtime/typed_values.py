"""Checks of values against the types that a dataclass declares for them.

:func:`fitting` returns a value as its type has it: a list is taken for a tuple, and a number of
numpy's becomes Python's. It raises TypeError in one sentence that says what the value must be.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final, get_args, get_origin

from lab.runtime.arguments import plain, real_number, shown, whole_number

Fitting = Callable[[str, Any], Any]
"""Called with the name of a value, for the message, and the value; returns it as it must be."""

PUBLIC_NAMES: Final[dict[type[Any], str]] = {}
"""What a message calls a class, if that is not its own name."""


@cache
def fitting(hint: Any) -> Fitting:
    """Return the function that checks values of a type, given as an annotation that is resolved."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any or hint is object:
        return lambda name, value: value
    if origin in (types.UnionType, typing.Union):
        return _union(inner)
    if origin is tuple:
        return _tuple(inner)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(*inner)
    if origin is not None and issubclass(origin, Sequence):
        return _tuple((inner[0], ...))
    return _SCALARS.get(hint) or _instance(hint)


def _flag(name: str, value: Any) -> bool:
    made = plain(value)
    if not isinstance(made, bool):
        raise TypeError(f"{name} must be True or False, not {shown(value)}")
    return made


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a text, not {shown(value)}")
    return value


_SCALARS: Final[dict[Any, Fitting]] = {
    bool: _flag,
    int: whole_number,
    float: real_number,
    str: _text,
}


def _union(inner: tuple[Any, ...]) -> Fitting:
    may_be_none = type(None) in inner
    choices = [fitting(each) for each in inner if each is not type(None)]

    def check(name: str, value: Any) -> Any:
        if value is None and may_be_none:
            return None
        for choice in choices[:-1]:
            try:
                return choice(name, value)
            except TypeError:
                continue
        return choices[-1](name, value)

    return check


def _tuple(inner: tuple[Any, ...]) -> Fitting:
    """Check a tuple of one type and any length, or of one type for each place."""
    same = inner[-1] is ...
    items = [fitting(each) for each in inner if each is not ...]
    expected = f"a list of {_called(inner[0])}" if same else f"{len(items)} {_called(inner[0])}"

    def check(name: str, value: Any) -> tuple[Any, ...]:
        sequence = plain(value)
        if not isinstance(sequence, (list, tuple)) or not (same or len(sequence) == len(items)):
            raise TypeError(f"{name} must be {expected}, not {shown(value)}")
        of_each = items * len(sequence) if same else items
        return tuple(
            item(f"{name}[{number}]", each)
            for number, (item, each) in enumerate(zip(of_each, sequence, strict=True))
        )

    return check


def _mapping(key: Any, inner: Any) -> Fitting:
    of_key, of_value = fitting(key), fitting(inner)
    expected = f"a mapping of {_called(key)} to {_called(inner)}"

    def check(name: str, value: Any) -> Mapping[Any, Any]:
        if not isinstance(value, Mapping):
            raise TypeError(f"{name} must be {expected}, not {shown(value)}")
        return {
            of_key(f"a key of {name}", each): of_value(f"{name}[{each!r}]", value[each])
            for each in value
        }

    return check


def _instance(wanted: type[Any]) -> Fitting:
    def check(name: str, value: Any) -> Any:
        if not isinstance(value, wanted):
            raise TypeError(f"{name} must be {_article(_called(wanted))}, not {shown(value)}")
        return value

    return check


def _called(hint: Any) -> str:
    """Return what a message calls the values of a type."""
    if hint is str:
        return "texts"
    if hint in (int, float):
        return "numbers"
    if hint is bytes:
        return "bytes object"
    if isinstance(hint, type):
        return PUBLIC_NAMES.get(hint, hint.__name__)
    return "values"


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'AEIO' else 'a'} {noun}"
