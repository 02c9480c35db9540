"""Values as plain data, to be sent through a channel, and plain data as values.

A number, text or None is itself in JSON; everything else is a dictionary ``{"is": what, ...}``.
Functions become stand-ins: what calls one asks the process that has the function. Everything that
is none of these arrives as an :class:`Unknown`, which equals nothing but itself.
"""

from __future__ import annotations

import inspect
import itertools
import math
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Final

MOST: Final = 200_000
"""The most values that are sent, those in lists counted one by one."""

DEEPEST: Final = 40
"""How many lists may be within one another."""

LONGEST: Final = 1_000_000
"""The most characters of a text, and the most bytes."""

Keep = Callable[[Any], int]
"""Keeps a function, and returns its number."""

StandIn = Callable[[int, str, list[str] | None], Any]
"""Makes what calls the function of a number, with its name and its parameters."""

_LAB: Final = re.compile(r"lab\.(topology|protocol)\.[a-z_.]+")


_PARAMETERS: Final = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
    inspect.Parameter.KEYWORD_ONLY,
    inspect.Parameter.VAR_KEYWORD,
)
"""The kinds of parameter, by their numbers."""


class Unknown:
    """What a value was that is not plain data."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __repr__(self) -> str:
        return f"<{self.kind}>"


class NotPlain(ValueError):
    """Raised when a value is too large, or not data."""


class Sending:
    """Makes plain data of values; ``keep`` is asked to keep each function among them."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._left = MOST

    def data(self, value: Any) -> Any:
        """Return a value as plain data; never raises."""
        self._left = MOST
        try:
            return self._of(value, 0)
        except NotPlain as why:
            return {"is": "unknown", "what": str(why)}
        except RecursionError:
            return {"is": "unknown", "what": "lists within lists without end"}
        except Exception as error:  # the methods of a student's own classes may do anything
            return {"is": "unknown", "what": f"{type(error).__name__} when it was read"}

    def _of(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if self._left < 0 or depth > DEEPEST:
            raise NotPlain("an answer that is far too large")
        kind = type(value)
        if value is None or kind is bool:
            return value
        if issubclass(kind, int):
            return self._whole(int.__pos__(value))
        if issubclass(kind, float):
            number = float.__pos__(value)
            return number if math.isfinite(number) else {"is": "float", "of": repr(number)}
        if issubclass(kind, str):
            return self._short(str.__getitem__(value, slice(None)))
        if issubclass(kind, (bytes, bytearray)):
            return {"is": "bytes", "of": self._short(bytes(value).decode("latin-1"))}
        if value is ...:
            return {"is": "dots"}
        return self._compound(value, kind, depth + 1)

    def _whole(self, number: int) -> Any:
        if number.bit_length() > 4000:
            raise NotPlain("a number that is far too large")
        return number if number.bit_length() < 53 else {"is": "int", "of": str(number)}

    def _short(self, text: str) -> str:
        if len(text) > LONGEST:
            raise NotPlain("a text that is far too long")
        self._left -= len(text) // 64
        return text

    def _compound(self, value: Any, kind: type, depth: int) -> Any:
        for base in (list, tuple, set, frozenset):
            if issubclass(kind, base):
                return self._items(base.__name__, base.__iter__(value), depth)
        if issubclass(kind, dict):
            pairs = itertools.chain.from_iterable(dict.items(value))
            return self._items("dict", pairs, depth)
        if issubclass(kind, range):
            return self._items("list", value, depth)
        if (whole := _lab_value(value, kind)) is not None:
            return whole
        if is_dataclass(kind) and _LAB.fullmatch(kind.__module__):
            content = {each.name: self._of(getattr(value, each.name), depth)
                       for each in fields(kind) if each.init}  # fmt: skip
            return {"is": "lab", "module": kind.__module__, "name": kind.__name__, "of": content}
        if issubclass(kind, Path):
            return str(value)
        if kind.__module__.split(".")[0] in ("numpy", "pandas"):
            return self._of(_of_library(value), depth)
        if kind.__module__ in ("fractions", "decimal"):
            return self._of(float(value), depth)
        if callable(value):
            return {"is": "function", "number": self._keep(value), "name": _name(value),
                    "parameters": _parameters(value)}  # fmt: skip
        if hasattr(kind, "__next__"):
            return self._items("iterator", itertools.islice(value, MOST), depth)
        raise NotPlain(f"an object of the class {kind.__name__[:60]}")

    def _items(self, kind: str, values: Iterable[Any], depth: int) -> Any:
        return {"is": kind, "of": [self._of(each, depth) for each in values]}


def _lab_value(value: Any, kind: type) -> Any:
    """Return a topology or a run as the text of the topology's file; None if it is neither."""
    module, name = kind.__module__, kind.__name__
    if (module, name) == ("lab.api.run", "Run"):
        value, module, name = value.topology, "lab.topology.model", "Topology"
    if (module, name) == ("lab.topology.model", "Topology"):
        return {"is": "topology", "of": value.to_toml()}
    return None


def _of_library(value: Any) -> Any:
    """Return an array, a column or a table as lists and dictionaries."""
    name = type(value).__name__
    if name == "DataFrame":
        if len(value.columns) == 1:
            return _of_library(value.iloc[:, 0])
        if len(value) == 1:
            return dict(zip(value.columns.tolist(), value.iloc[0].tolist(), strict=True))
        return [tuple(row) for row in value.itertuples(index=False, name=None)]
    if name == "Series":
        index, values = value.index.tolist(), value.tolist()
        is_list = index == list(range(len(index)))
        return values if is_list else dict(zip(index, values, strict=True))
    if hasattr(value, "tolist"):
        return value.tolist()
    raise NotPlain(f"an object of the class {name[:60]}")


def _name(function: Any) -> str:
    return str(getattr(function, "__name__", "function"))[:60]


def _parameters(function: Any) -> list[str] | None:
    """Return the parameters of a function as ``kind name`` and whether each has a default."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    return [
        f"{int(each.kind)}{int(each.default is not each.empty)}{each.name}" for each in parameters
    ]


def signature(parameters: list[str]) -> inspect.Signature:
    """Return the signature of which the parameters were sent; raises ValueError."""
    made = []
    for each in map(str, parameters[:50]):
        kind = _PARAMETERS[int(each[0])]
        may_have = kind not in (_PARAMETERS[2], _PARAMETERS[4])
        default = None if each[1] == "1" and may_have else inspect.Parameter.empty
        made.append(inspect.Parameter(each[2:], kind, default=default))
    return inspect.Signature(made)


def value(data: Any, stand_in: StandIn) -> Any:
    """Return the value that plain data is; what is not plain data is an :class:`Unknown`."""
    try:
        return _value(data, stand_in)
    except Exception:  # the other side may have sent anything
        return Unknown("something that is not data")


def _value(data: Any, stand_in: StandIn) -> Any:
    if data is None or isinstance(data, (bool, int, float, str)):
        return data
    kind, content = data["is"], data.get("of")
    if kind in _ITEMS:
        return _ITEMS[kind]([_value(each, stand_in) for each in content])
    if kind == "function":
        return stand_in(int(data["number"]), str(data["name"]), data["parameters"])
    if kind == "lab":
        return _of_lab(data, {str(k): _value(v, stand_in) for k, v in content.items()})
    return _SIMPLE[kind](content if kind != "unknown" else str(data["what"])[:200])


def _of_lab(data: Any, content: dict[str, Any]) -> Any:
    """Return an object of a class that only holds data."""
    module, name = str(data["module"]), str(data["name"])
    if not _LAB.fullmatch(module):
        raise NotPlain(module)
    kind = getattr(sys.modules[module], name)  # all of them are loaded with the lab
    if not (isinstance(kind, type) and is_dataclass(kind) and kind.__module__ == module):
        raise NotPlain(name)
    return kind(**content)


def _pairs(flat: list[Any]) -> dict[Any, Any]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _topology(text: str) -> Any:
    from lab.lessons import from_text

    try:
        return from_text(text)
    except ValueError:
        return Unknown("a topology that cannot be read")


_ITEMS: Final[dict[str, Callable[[list[Any]], Any]]] = {
    "list": list, "tuple": tuple, "set": set, "frozenset": frozenset, "iterator": iter,
    "dict": _pairs,
}  # fmt: skip

_SIMPLE: Final[dict[str, Callable[[Any], Any]]] = {
    "int": lambda text: int(str(text)[:1300]),
    "float": float,
    "bytes": lambda text: str(text).encode("latin-1"),
    "dots": lambda _: ...,
    "topology": _topology,
    "unknown": Unknown,
}
