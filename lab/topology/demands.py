"""Demand matrices: how much mail each host has for each other.

A CSV file has the columns from, to and value, or a row and a column for each host: then its first
line has the names, after an empty cell or any word, and each other line the name of a sender and
a number for each receiver. An empty cell is 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from lab.quantities import BANDWIDTHS, RATES, SIZES, as_toml
from lab.topology.csv_files import RowFault, table
from lab.topology.suggestions import did_you_mean

FROM: Final = ("from", "source", "src")
TO: Final = ("to", "target", "destination", "dst")
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
    path: Path, host: Callable[[str], str | None]
) -> tuple[list[tuple[str, str, float]], int]:
    """Return the demands of a CSV file, and how many were left out, of a host to itself.

    ``host`` returns the host of a name, or None. Raises :class:`RowFault`.
    """
    lines = table(path)
    first, head = next(lines, (0, [""]))
    columns = [name.lower() for name in head]
    places = [
        next((columns.index(name) for name in names if name in columns), None)
        for names in (FROM, TO, VALUE)
    ]
    if places[0] is not None and places[1] is not None:
        cells = _of_list(path, lines, places)
    else:
        cells = _of_square(path, first, head, lines)
    totals: dict[tuple[str, str], float] = {}
    left_out = 0
    for line, sender, receiver, text in cells:
        a, b = [_host(path, line, name, host) for name in (sender, receiver)]
        value = _value(path, line, text)
        left_out += value > 0 and a == b
        if value and a != b:
            totals[a, b] = totals.get((a, b), 0.0) + value
    if not totals:
        raise RowFault(f"{path.name} has no demands; write the columns from, to and value")
    return [(a, b, value) for (a, b), value in totals.items()], left_out


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
    found = host(name)
    if found is None:
        raise RowFault(
            f"{path.name}, line {line}: there is no host {as_toml(name)}; write the name of one"
        )
    return found


def _value(path: Path, line: int, text: str) -> float:
    try:
        value = float(text or 0)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise RowFault(
            f"{path.name}, line {line}: {as_toml(text)} is not an amount; write 0 or more"
        )
    return value


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
