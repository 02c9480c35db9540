"""Demand matrices: how much mail each host has for each other.

A CSV file has the columns from, to and value, or a row and a column for each host: then its first
line has the names, after an empty cell or any word, and each other line the name of a sender and
a number for each receiver. An empty cell, or a dash, is 0. Digits may be in groups, as in 1 200 or
1,200; a unit may stand behind a number, or in brackets behind the name of the column.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from lab.quantities import BANDWIDTHS, RATES, SIZES, as_toml
from lab.topology.csv_files import RowFault, table
from lab.topology.maps.ends import WORDS, place_of
from lab.topology.suggestions import did_you_mean

VALUE: Final = ("value", "demand", "rate", "weight", "messages", "bytes")
MOST_DEMANDS: Final = 1_000_000

MESSAGES: Final = {unit: 1 / seconds for unit, seconds in RATES.items()}
"""Units of messages: messages per second."""

BYTES: Final = {
    **{unit: factor / 8 for unit, factor in BANDWIDTHS.items()},
    **{f"{unit}/s": float(factor) for unit, factor in SIZES.items()},
}
"""Units of bytes: bytes per second."""

UNITS: Final = (*MESSAGES, *BYTES)


def read_matrix(
    path: Path, host: Callable[[str], str | None], unit: str = ""
) -> tuple[list[tuple[str, str, float]], int, list[str]]:
    """Return the demands of a CSV file, how many were left out, of a host to itself, and the
    columns that were not used.

    ``host`` returns the host of a name, or None. ``unit`` is that of the demands: amounts in others
    are converted. Raises :class:`RowFault`.
    """
    lines = table(path)
    first, head = next(lines, (0, [""]))
    columns = [_OF_COLUMN.sub("", name) for name in head]
    places = [place_of(columns, names) for names in (*WORDS, VALUE)]
    unused: list[str] = []
    if places[0] is not None and places[1] is not None:
        cells = _of_list(path, lines, places)
        unused = [name for place, name in enumerate(columns) if name and place not in places]
    else:
        cells = _of_square(path, first, head, lines)
    amount = _Amounts(path, unit, "" if places[2] is None else head[places[2]])
    totals: dict[tuple[str, str], float] = {}
    left_out = 0
    for line, sender, receiver, text in cells:
        a, b = [_host(path, line, name, host) for name in (sender, receiver)]
        value = amount.read(line, text)
        left_out += value > 0 and a == b
        if value and a != b:
            totals[a, b] = totals.get((a, b), 0.0) + value
    if not totals:
        raise RowFault(f"{path.name} has no demands; write the columns from, to and value")
    return [(a, b, value) for (a, b), value in totals.items()], left_out, unused


_Cells = Iterator[tuple[int, str, str, str]]


def _of_list(
    path: Path, lines: Iterator[tuple[int, list[str]]], places: list[int | None]
) -> _Cells:
    sender, receiver, value = places
    assert sender is not None
    assert receiver is not None
    if value is None:
        raise RowFault(f"{path.name}, line 1: the column value is missing; write from,to,value")
    for line, cells in lines:
        if len(cells) <= max(sender, receiver, value):
            raise RowFault(f"{path.name}, line {line}: a value is missing; write from,to,value")
        yield line, cells[sender], cells[receiver], cells[value]


def _of_square(
    path: Path, first: int, head: list[str], lines: Iterator[tuple[int, list[str]]]
) -> _Cells:
    receivers = head[1:]
    if not receivers:
        raise RowFault(
            f"{path.name}, line {first or 1}: not a matrix; write the columns from, to and value, "
            "or the names of hosts in the first line"
        )
    for line, cells in lines:
        if len(cells) != len(head):
            raise RowFault(
                f"{path.name}, line {line}: {len(cells)} values, but {len(head)} columns; write as "
                "many"
            )
        for receiver, text in zip(receivers, cells[1:], strict=True):
            yield line, cells[0], receiver, text


def _host(path: Path, line: int, name: str, host: Callable[[str], str | None]) -> str:
    known = host(name)
    if known is None:
        raise RowFault(
            f"{path.name}, line {line}: there is no host {as_toml(name)}; write the name of one"
        )
    return known


_OF_COLUMN: Final = re.compile(r"\s*[(\[](?P<unit>[^()\[\]]*)[)\]]$")
"""The unit in brackets behind the name of a column."""

_AMOUNT: Final = re.compile(r"(?P<number>[-+.\d][-+.\deE]*)\s*(?P<unit>[^\W\d_][\w/]*|/\w+)?")
_GROUPS: Final = re.compile(
    r"(?<=\d)[ \u00a0\u2009\u202f'’](?=\d{3}(?!\d))|(?<=\d),(?=\d{3}(?!\d))"
)
_COMMA: Final = re.compile(r"(\d),(\d+)(?=$|\s)")
_NOTHING: Final = ("", "-", "\u2013", "\u2014")


class _Amounts:
    """Reads the amounts of a file, in the unit that its demands have.

    ``head`` names their column, perhaps with their unit.
    """

    def __init__(self, path: Path, unit: str, head: str) -> None:
        self._path = path
        self._unit = unit
        in_brackets = _OF_COLUMN.search(head)
        self._usual = in_brackets["unit"].strip() if in_brackets else ""
        self._factors: dict[str, float] = {unit: 1.0, "": 1.0}
        if self._usual:
            self._factors[""] = self._factor(1, self._usual)

    def read(self, line: int, text: str) -> float:
        """Return the amount of a cell; raises :class:`RowFault`."""
        if text in _NOTHING:
            return 0.0
        plain = _COMMA.sub(r"\1.\2", _GROUPS.sub("", text))
        match = _AMOUNT.fullmatch(plain)
        try:
            value = float(plain if match is None else match["number"])
        except ValueError:
            value = math.nan
        if not 0 <= value < math.inf:
            raise RowFault(
                f"{self._path.name}, line {line}: {as_toml(text)} is not an amount; write 0 or more"
            )
        return value * self._factor(line, (match and match["unit"]) or "")

    def _factor(self, line: int, unit: str) -> float:
        """Return what an amount in a unit is multiplied with."""
        factor = self._factors.get(unit)
        if factor is None:
            kind = next((each for each in (MESSAGES, BYTES) if self._unit in each), {})
            if unit not in kind:
                raise RowFault(
                    f"{self._path.name}, line {line}: {as_toml(unit)} cannot be converted to "
                    f"{as_toml(self._unit)}; write unit = {as_toml(unit)} beside matrix"
                    if unit in UNITS
                    else f"{self._path.name}, line {line}: {as_toml(unit)} is not a unit of "
                    f"messages or bytes{did_you_mean(unit, UNITS, '; write none, or /h or kbit/s')}"
                )
            factor = self._factors[unit] = kind[unit] / kind[self._unit]
        return factor


def per_second(unit: str, total: float, bytes_each: float) -> float:
    """Return the messages per second of an amount in a unit; a message has so many bytes."""
    if unit in MESSAGES:
        return total * MESSAGES[unit]
    return total * BYTES[unit] / max(bytes_each, 1.0)


def unit(text: str) -> str:
    """Return a unit of a matrix, if it is one; raises ValueError in a sentence."""
    if text not in UNITS:
        meant = did_you_mean(text, UNITS, '; write one such as "/h" or "kbit/s"')
        raise ValueError(f"{as_toml(text)} is not a unit of messages or bytes{meant}")
    return text
