"""Files of numbers and of rows that a topology file names: delays, arrivals, changes, demands.

Each is UTF-8 text with a line for each number or row. Columns are separated by commas, semicolons
or tabs; the first line names them. Where commas do not part cells, a number may have a decimal
comma. Empty lines, and lines that begin with ``#``, are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from lab.quantities import as_toml
from lab.topology.suggestions import did_you_mean, file_near, join_some

LARGEST_FILE: Final = 64 * 2**20
"""Bytes of a file of rows."""

MOST_ROWS: Final = 1_000_000
"""Rows of a file, at most."""

LONGEST_CELL: Final = 1_000
"""Characters of a cell, at most."""


class RowFault(ValueError):
    """Raised for a file that cannot be read; the message says where, and what would be right."""


def text_of(path: Path) -> str:
    """Return the text of a file, which is not too large; raises :class:`RowFault`."""
    try:
        if path.exists() and not path.is_file():
            raise RowFault(f"{path.name} is not a file; write the path of one")
        with open(path, "rb") as file:
            octets = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        close = file_near(path, path.suffix) if path.suffix else ""
        otherwise = "; write a path from the folder of the topology file"
        raise RowFault(f"{path}: there is no such file{close or otherwise}") from None
    except (OSError, ValueError) as why:
        reason = (getattr(why, "strerror", None) or str(why)).lower()
        raise RowFault(f"{path} cannot be read ({reason})") from None
    if len(octets) > LARGEST_FILE:
        raise RowFault(f"{path.name} is larger than {LARGEST_FILE >> 20} MiB; write a smaller one")
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as why:
        line = octets.count(b"\n", 0, why.start) + 1
        raise RowFault(
            f"{path.name}, line {line}: byte {octets[why.start]:#04x} is not UTF-8 text"
        ) from None


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that say something, with their numbers from 1."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line


def numbers(path: Path, parse: Callable[[object], float], most: int) -> tuple[float, ...]:
    """Return the numbers of a file: one on each line, or the first of each row.

    ``parse`` reads one that may have a unit, and raises ValueError in a sentence. A first line that
    is not a number is the name of the column. Raises :class:`RowFault`.
    """
    values: list[float] = []
    begun = False
    for line, text in _lines(text_of(path)):
        cell = _cells(path, line, text, _separator(text))[0]
        try:
            values.append(parse(plain_number(cell)))
        except ValueError as why:
            if begun:
                raise RowFault(f"{path.name}, line {line}: {why}") from None
        begun = True
        if len(values) > most:
            raise RowFault(f"{path.name} has more than {most:,} numbers; write fewer")
    if not values:
        raise RowFault(f"{path.name} has no numbers; write one on each line")
    return tuple(values)


def plain_number(cell: str) -> object:
    """Return a number without a unit as a number, anything else unchanged."""
    try:
        return float(cell)
    except ValueError:
        return cell


def table(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a file, the first line included, with the numbers of their lines.

    Raises :class:`RowFault`.
    """
    separator = ""
    for rows, (line, text) in enumerate(_lines(text_of(path))):
        separator = separator or _separator(text)
        if rows > MOST_ROWS:
            raise RowFault(f"{path.name} has more than {MOST_ROWS:,} rows; write fewer")
        yield line, _cells(path, line, text, separator)


_WITH_COMMA: Final = re.compile(r"([-+]?\d+),(\d+(?:\s*[^\W\d_][\w/]*)?)")


def with_point(cell: str, separator: str) -> str:
    """Return a number that has a decimal comma with a point, where commas do not part cells."""
    match = _WITH_COMMA.fullmatch(cell) if separator != "," and "," in cell else None
    return cell if match is None else f"{match[1]}.{match[2]}"


def _separator(line: str) -> str:
    return max(",;\t", key=line.count)


def _cells(path: Path, line: int, text: str, separator: str) -> list[str]:
    import csv  # few files have rows

    try:
        cells = next(csv.reader([text], delimiter=separator, strict=True))
    except csv.Error as why:
        raise RowFault(f"{path.name}, line {line}: {why}; write a value in one line") from None
    if any(len(cell) > LONGEST_CELL for cell in cells):
        raise RowFault(f"{path.name}, line {line}: a value has more than {LONGEST_CELL} characters")
    return [with_point(cell.strip(), separator) for cell in cells]


def rows(
    path: Path, required: Sequence[str], optional: Sequence[str] = ()
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of a file by column, with the numbers of their lines.

    The first line names the columns, in any order and any case. Cells that a short row does not
    have are empty. Raises :class:`RowFault`.
    """
    lines = table(path)
    known = [*required, *optional]
    example = ",".join(known)
    line, names = next(lines, (0, []))
    if not names:
        raise RowFault(f"{path.name} is empty; write the columns in its first line: {example}")
    columns = [name.lower() for name in names]
    where = f"{path.name}, line {line}"
    for name in columns:
        if name not in known:
            meant = did_you_mean(name, known, f"; there are {join_some(known)}")
            raise RowFault(f"{where}: there is no column {as_toml(name)}{meant}")
        if columns.count(name) > 1:
            raise RowFault(f"{where}: the column {name} is there twice; write it once")
    for name in required:
        if name not in columns:
            raise RowFault(f"{where}: the column {name} is missing; write {example}")
    for line, cells in lines:
        if len(cells) > len(columns):
            counts = f"{len(cells)} values, but {len(columns)} columns"
            raise RowFault(f"{path.name}, line {line}: there are {counts}; write as many")
        cells += [""] * (len(columns) - len(cells))
        yield line, dict(zip(columns, cells, strict=True))


def read_cell(
    path: Path, line: int, row: Mapping[str, str], column: str, parse: Callable[[Any], Any]
) -> Any:
    """Return what a cell holds; ``parse`` raises ValueError in a sentence.

    Raises :class:`RowFault`, with the line and the column.
    """
    try:
        return parse(row[column])
    except ValueError as why:
        raise RowFault(f"{path.name}, line {line}, {column}: {why}") from None
