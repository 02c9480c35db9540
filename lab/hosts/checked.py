"""Dataclasses of settings that check what Python gives them.

:func:`checked` has a dataclass check its values by the types of its fields, and by the kinds of its
settings (:mod:`lab.hosts.setting`). Files are checked by :mod:`lab.topology.schema`, which also
reads texts such as "2 s"; a test holds the two against each other.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import wraps
from types import GenericAlias
from typing import Any, Final, TypeVar, cast, get_type_hints

from lab.protocol.replies import TEXTS
from lab.runtime.arguments import one_of, shown
from lab.runtime.typed_values import Fitting, fitting

LARGEST_MAIL: Final = 10**9
"""Bytes. Mail data is held in memory, and a wrong unit should not fill it."""

LONGEST: Final = 36525 * 86400
"""Seconds: a hundred years. The length of any time in a file is at most that, so that microseconds
still count and every date can be written.
"""

LEAST: Final = {
    "duration": 0, "latency": 0, "length": 0, "size": 0, "count": 0, "number": 0, "ordinal": 1,
    "factor": 1,
}  # fmt: skip
"""The kinds of setting that are numbers with a least value."""

POSITIVE: Final = ("span", "limit", "bandwidth", "rate", "speed")
"""The kinds of setting that are numbers greater than 0."""


_CONTAINERS: Final[dict[str, Any]] = {
    "aliases": Mapping[str, str],
    "callers": tuple[str, ...],
    "codes": Mapping[str, int | Sequence[int]],
    "commands": tuple[str, ...],
    "hosts": tuple[str, ...],
    "position": tuple[float, float],
    "sizes": tuple[int, ...],
}
"""The types of settings that hold several values."""

Cls = TypeVar("Cls", bound=type[Any])
Made = TypeVar("Made")


def checked(cls: Cls) -> Cls:
    """Have a dataclass check the values of its fields, and return it.

    What it is made with must have the types that its fields declare, and fit the kinds of its
    settings; otherwise it raises TypeError or ValueError, with a sentence. Lists become tuples and
    numbers of numpy's Python's. The former name of a setting may be given, and read as an
    attribute, with a DeprecationWarning.

    Apply it to a compiled class after its definition: a decorator besides ``dataclass`` would make
    a class of plain Python of it.
    """
    made = cls.__init__
    names = tuple(field.name for field in fields(cls) if field.init)
    former = {field.metadata["old"]: field.name for field in fields(cls) if "old" in field.metadata}
    checks: dict[str, Fitting] = {}
    simple = _simple(cls)
    defaults = {field.name: field.default for field in fields(cls) if field.init}

    @wraps(made)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        if not checks:
            checks.update(_checks(cls))
        for old in sorted(former.keys() & kwargs.keys()):
            text = f"{old} is the former name of {former[old]}; use that"
            warnings.warn(text, DeprecationWarning, stacklevel=2)
            kwargs.setdefault(former[old], kwargs.pop(old))
        for name, value in kwargs.items():
            is_right = value is defaults.get(name, MISSING) or type(value) is simple.get(name)
            if not is_right and name in checks:
                kwargs[name] = checks[name](name, value)
        positional = [checks[name](name, value) for name, value in zip(names, args, strict=False)]
        made(self, *positional, *args[len(names) :], **kwargs)

    cls.__init__ = init
    for old, new in former.items():
        setattr(cls, old, _former(old, new))
    return cls


def _former(old: str, new: str) -> property:
    """Return a property for the former name of a setting: it reads the setting, with a warning."""

    def read(self: object) -> Any:
        text = f"{old} is the former name of {new}; use that"
        warnings.warn(text, DeprecationWarning, stacklevel=2)
        return getattr(self, new)

    return property(read)


def of_valid(cls: type[Made], values: Mapping[str, Any]) -> Made:
    """Return a dataclass of values that have been checked already, as those of a file have."""
    made = cls.__new__(cls)
    getattr(cls.__init__, "__wrapped__", cls.__init__)(made, **values)
    return made


def with_valid(made: Made, changes: Mapping[str, Any]) -> Made:
    """Return a dataclass with other values, which have been checked already as its own have."""
    if not changes:
        return made
    cls = type(made)
    names = _NAMES.get(cls)
    if names is None:
        names = _NAMES[cls] = [field.name for field in fields(cast(Any, cls)) if field.init]
    return of_valid(cls, {name: getattr(made, name) for name in names} | {**changes})


_NAMES: Final[dict[type[Any], list[str]]] = {}
"""The names of the fields that classes are made with, once they are worked out."""


def check_fields(name: str, value: Any) -> None:
    """Check the fields of a dataclass that does not check them itself; ``name`` is its own."""
    for field, check in _checks(type(value)).items():
        check(f"{name}.{field}", getattr(value, field))


def _checks(cls: type[Any]) -> dict[str, Fitting]:
    """Return the check of each field that a dataclass is made with."""
    if cls not in _CHECKS:
        hints = get_type_hints(cls)
        _CHECKS[cls] = {
            field.name: _check(fitting(_hint(field, hints[field.name])), field)
            for field in fields(cls)
            if field.init
        }
    return _CHECKS[cls]


_CHECKS: Final[dict[type[Any], dict[str, Fitting]]] = {}
"""The checks of classes, once they are worked out."""


def _simple(cls: type[Any]) -> dict[str, type[Any]]:
    """Return the types of the fields that accept any value of exactly their type."""
    types = {"text": str, "host": str, "flag": bool}
    kinds = {field.name: field.metadata.get("kind", "") for field in fields(cls)}
    return {name: types[kind] for name, kind in kinds.items() if kind in types}


def _hint(field: Field[Any], annotated: Any) -> Any:
    """Return the type of a field; a compiled class does not know what its tuples hold."""
    kind, of = field.metadata.get("kind", ""), field.metadata.get("of")
    of_tables = kind in ("users", "tables")
    hint = GenericAlias(tuple, (of, ...)) if of_tables else _CONTAINERS.get(kind, annotated)
    return hint | None if field.default is None and hint is not annotated else hint


def _check(of_type: Fitting, field: Field[Any]) -> Fitting:
    default, in_range = field.default, _range(field.metadata)

    def check(name: str, value: Any) -> Any:
        if value is default:
            return value
        fits = of_type(name, value)
        if in_range is not None and fits is not None:
            in_range(name, fits)
        return fits

    return check


def range_of(kind: str) -> Callable[[str, Any], None] | None:
    """Return the check of the range of settings of a kind; None if they have none."""
    if kind in LEAST or kind in POSITIVE:
        least = 1 / LONGEST if kind == "rate" else LEAST.get(kind, 0)
        return _number(least, kind in POSITIVE, _MOST.get(kind))
    return _RANGES.get(kind)


def _range(metadata: Mapping[str, Any]) -> Callable[[str, Any], None] | None:
    """Return the check of a value's range, given the declaration of its setting."""
    kind, words = metadata.get("kind", ""), metadata.get("words")
    return _choice(words) if kind == "choice" and words is not None else range_of(kind)


def _choice(words: Mapping[str, str]) -> Callable[[str, Any], None]:
    def check(name: str, value: str) -> None:
        one_of(name, value, words)

    return check


def _number(least: float, positive: bool, most: float | None) -> Callable[[str, Any], None]:
    def check(name: str, value: float) -> None:
        if positive and value <= 0:
            raise ValueError(f"{name} must be more than 0, not {shown(value)}")
        if value < least:
            raise ValueError(f"{name} must be {least} or more, not {shown(value)}")
        if most is not None and value > most:
            raise ValueError(f"{name} must be {most} or less, not {shown(value)}")

    return check


def _chance(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be a number from 0 to 1, not {shown(value)}")


def _jitter(name: str, value: Any) -> None:
    if not is_dataclass(value) and value < 0:
        raise ValueError(f"{name} must be 0 or more, not {shown(value)}")


def _loss(name: str, value: Any) -> None:
    if not is_dataclass(value):
        _chance(name, value)


def _size(name: str, value: Any) -> None:
    if not is_dataclass(value):
        _number(0, positive=False, most=LARGEST_MAIL)(name, value)


def _arrivals(name: str, value: Any) -> None:
    if not is_dataclass(value):
        one_of(name, value, ("poisson", "fixed"))


def _not_empty(name: str, value: str) -> None:
    if not value:
        raise ValueError(f"{name} must not be empty")


def _codes(name: str, value: Mapping[str, Any]) -> None:
    for row, choice in value.items():
        codes = choice if isinstance(choice, (list, tuple)) else (choice,)
        wrong = [code for code in codes if code not in TEXTS]
        if wrong or not codes:
            raise ValueError(
                f"{name}[{row!r}] must be a reply code of RFC 821, such as 451, or a list of such, "
                f"not {shown(wrong[0] if wrong else choice)}"
            )


def _table(name: str, value: Any) -> None:
    """Check the fields of a table whose dataclass does not check them itself."""
    if is_dataclass(value):
        check_fields(name, value)


_MOST: Final = {
    "size": LARGEST_MAIL, "duration": LONGEST, "span": LONGEST, "latency": LONGEST
}  # fmt: skip
"""The kinds of setting that are numbers with a greatest value."""

_RANGES: Final[dict[str, Callable[[str, Any], None]]] = {
    "chance": _chance, "codes": _codes, "arrivals": _arrivals, "size or distribution": _size,
    "jitter": _jitter, "loss": _loss, "name": _not_empty,
    "table": _table,
}  # fmt: skip
