"""CSV: a table of links with a header or without, or a matrix of who is joined to whom."""

from __future__ import annotations

import csv
import io
import re
from typing import Any, Final

from lab.topology.csv_files import with_point
from lab.topology.maps import units
from lab.topology.maps.ends import SOURCES, TARGETS, place_of
from lab.topology.maps.map import GraphFault, Map, number_or_text

_DELIMITERS: Final = (",", ";", "\t", "|")

_WITH_UNIT: Final = re.compile(r"(.*?[^\s(\[])\s*(?:[(\[]\s*([^()\[\]]+?)\s*[)\]]|(%))")
"""The name of a column with a unit behind it, as in ``latency (ms)`` or ``loss %``."""


def read_csv(text: str) -> Map:
    """Return the map of a table whose rows are links."""
    records = _records(text)
    if not records:
        raise GraphFault("it has no rows; write from,to,cost and a link on each line below")
    header = [cell.strip() for cell in records[0][1]]
    if _is_matrix(header, records):
        return _matrix(header, records)
    source, target = place_of(header, SOURCES), place_of(header, TARGETS)
    if (
        source is None
        or target is None
        or any(map(_is_number, header))
        or _are_nodes((header[source], header[target]), records[1:], (source, target))
    ):
        return _without_header(records, header)
    made = Map("CSV")
    columns = [_column(cell) for cell in header]
    for number, cells in records[1:]:
        if (
            max(source, target) >= len(cells)
            or not cells[source].strip()
            or not cells[target].strip()
        ):
            raise GraphFault(f"line {number}: a link has two ends; write {_example(header)}")
        if len(cells) > len(header):
            raise GraphFault(
                f"line {number}: it has {len(cells)} cells, and the header has {len(header)}"
            )
        attributes = {
            name: _with_unit(number_or_text(cell.strip()), unit)
            for i, ((name, unit), cell) in enumerate(zip(columns, cells, strict=False))
            # the first column of a pandas table has no name, and counts the rows
            if i not in (source, target) and name and cell.strip()
        }
        made.add_edge(cells[source].strip(), cells[target].strip(), attributes)
    return made


def _are_nodes(
    names: tuple[str, str], records: list[tuple[int, list[str]]], places: tuple[int, int]
) -> bool:
    """Whether what may be names of columns are nodes, such as "a" and "b": rows have them too.

    Letters alone, without a row below, are a link.
    """
    if not records:
        return len(names[0]) == 1
    cells = (cells[place].strip() for _, cells in records for place in places if place < len(cells))
    return not set(names).isdisjoint(cells)


def _column(cell: str) -> tuple[str, str]:
    """Return the name of a column and the unit of its numbers, "" without one that is known."""
    match = _WITH_UNIT.fullmatch(cell)
    unit = "" if match is None else match[2] or match[3]
    known = unit == "%" or unit.lower() in (*units.TIMES, *units.LENGTHS)
    if match is None or not (known or units.bits_per_second(1, unit)):
        return cell, ""
    return match[1], unit


def _with_unit(value: Any, unit: str) -> Any:
    if not unit or not isinstance(value, (int, float)):
        return value
    return value / 100 if unit == "%" else f"{value} {unit}"


def _example(header: list[str]) -> str:
    return "a row under " + ",".join(header[:4])


def _records(text: str) -> list[tuple[int, list[str]]]:
    """Return the rows that hold something, with their lines."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    records = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells) and not cells[0].lstrip().startswith("#"):
                records.append(
                    (reader.line_num, [with_point(each.strip(), delimiter) for each in cells])
                )
    except csv.Error as why:
        raise GraphFault(f"line {reader.line_num}: {why}") from None
    return records


def _without_header(records: list[tuple[int, list[str]]], header: list[str]) -> Map:
    """Return the map of rows of two nodes and perhaps a cost."""
    if any(len(cells) > 1 for _, cells in records[1:]) and not _may_be_edge(header):
        raise GraphFault(
            f"its first line names no ends of links ({', '.join(header)[:60]}); write a header, "
            "such as from,to,cost"
        )
    made = Map("CSV", lists=True)
    for number, cells in records:
        if len(cells) < 2 or not cells[0].strip() or not cells[1].strip():
            raise GraphFault(f"line {number}: a link has two ends; write from,to,cost")
        attributes: dict[str, Any] = {}
        if len(cells) > 2 and cells[2].strip():
            cost = number_or_text(cells[2].strip())
            attributes = {"cost" if isinstance(cost, (int, float)) else "data": cost}
        made.add_edge(cells[0].strip(), cells[1].strip(), attributes)
    return made


def _may_be_edge(header: list[str]) -> bool:
    """Whether the first row is a link and not names of columns."""
    return len(header) == 2 or any(map(_is_number, header))


def _is_number(cell: str) -> bool:
    return isinstance(number_or_text(cell), (int, float))


def _is_matrix(header: list[str], records: list[tuple[int, list[str]]]) -> bool:
    names = [cells[0].strip() for _, cells in records[1:] if cells]
    return len(header) > 1 and not header[0] and header[1:] == names


def _matrix(header: list[str], records: list[tuple[int, list[str]]]) -> Map:
    made = Map("CSV matrix")
    names = header[1:]
    order = {name: place for place, name in enumerate(names)}
    values: dict[tuple[str, str], float] = {}
    for number, cells in records[1:]:
        made.add_node(cells[0].strip())
        for name, cell in zip(names, cells[1:], strict=False):
            value = number_or_text(cell.strip() or "0")
            if not isinstance(value, (int, float)):
                raise GraphFault(f"line {number}: {cell.strip()[:40]!r} is not a number")
            if value and value == value:
                values[cells[0].strip(), name] = value
    made.directed = any(values.get((b, a)) != value for (a, b), value in values.items())
    for (a, b), value in values.items():
        if made.directed or (b, a) not in values or order[a] <= order[b]:
            made.add_edge(a, b, {"weight": value})
    return made
