"""CSV: a table of links with a header or without, or a matrix of who is joined to whom."""

from __future__ import annotations

import csv
import io
from typing import Any, Final

from lab.topology.maps.map import GraphFault, Map, number_or_text

_SOURCES: Final = frozenset((
    "source", "src", "from", "fromnode", "from_node", "from_id", "u", "node1", "node_1",
    "node_a", "start", "host1", "host_a", "i", "tail", "origin", "sender", "s",
))  # fmt: skip
_TARGETS: Final = frozenset((
    "target", "dst", "to", "tonode", "to_node", "to_id", "dest", "destination", "v", "node2",
    "node_2", "node_b", "end", "host2", "host_b", "j", "head", "receiver", "t",
))  # fmt: skip
"""What columns with the two ends of a link are called."""

_DELIMITERS: Final = (",", ";", "\t", "|")


def read_csv(text: str) -> Map:
    """Return the map of a table whose rows are links."""
    rows = _rows(text)
    if not rows:
        raise GraphFault("it has no rows; write from,to,cost and a link on each line below")
    header = [cell.strip() for cell in rows[0][1]]
    if _is_matrix(header, rows):
        return _matrix(header, rows)
    low = [cell.lower() for cell in header]
    source = next((i for i, cell in enumerate(low) if cell in _SOURCES), None)
    target = next((i for i, cell in enumerate(low) if cell in _TARGETS), None)
    if source is None or target is None or any(map(_is_number, header)):
        return _without_header(rows, header)
    made = Map("CSV")
    for number, row in rows[1:]:
        if max(source, target) >= len(row) or not row[source].strip() or not row[target].strip():
            raise GraphFault(f"line {number}: a link has two ends; write {_example(header)}")
        if len(row) > len(header):
            raise GraphFault(
                f"line {number}: it has {len(row)} cells, and the header has {len(header)}"
            )
        attributes = {
            name: number_or_text(cell.strip())
            for i, (name, cell) in enumerate(zip(header, row, strict=False))
            # the first column of a pandas table has no name, and counts the rows
            if i not in (source, target) and name and cell.strip()
        }
        made.add_edge(row[source].strip(), row[target].strip(), attributes)
    return made


def _example(header: list[str]) -> str:
    return "a row under " + ",".join(header[:4])


def _rows(text: str) -> list[tuple[int, list[str]]]:
    """Return the rows that hold something, with their lines."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    rows = []
    try:
        for row in reader:
            if any(cell.strip() for cell in row) and not row[0].lstrip().startswith("#"):
                rows.append((reader.line_num, row))
    except csv.Error as why:
        raise GraphFault(f"line {reader.line_num}: {why}") from None
    return rows


def _without_header(rows: list[tuple[int, list[str]]], header: list[str]) -> Map:
    """Return the map of rows of two nodes and perhaps a cost."""
    if any(len(row) > 1 for _, row in rows[1:]) and not _may_be_edge(header):
        raise GraphFault(
            f"its first line names no ends of links ({', '.join(header)[:60]}); write a header, "
            "such as from,to,cost"
        )
    made = Map("CSV", lists=True)
    for number, row in rows:
        if len(row) < 2 or not row[0].strip() or not row[1].strip():
            raise GraphFault(f"line {number}: a link has two ends; write from,to,cost")
        attributes: dict[str, Any] = {}
        if len(row) > 2 and row[2].strip():
            cost = number_or_text(row[2].strip())
            attributes = {"cost" if isinstance(cost, (int, float)) else "data": cost}
        made.add_edge(row[0].strip(), row[1].strip(), attributes)
    return made


def _may_be_edge(header: list[str]) -> bool:
    """Whether the first row is a link and not names of columns."""
    return len(header) == 2 or any(map(_is_number, header))


def _is_number(cell: str) -> bool:
    return isinstance(number_or_text(cell), (int, float))


def _is_matrix(header: list[str], rows: list[tuple[int, list[str]]]) -> bool:
    names = [row[0].strip() for _, row in rows[1:] if row]
    return len(header) > 1 and not header[0] and header[1:] == names


def _matrix(header: list[str], rows: list[tuple[int, list[str]]]) -> Map:
    made = Map("CSV matrix")
    names = header[1:]
    order = {name: place for place, name in enumerate(names)}
    cells: dict[tuple[str, str], float] = {}
    for number, row in rows[1:]:
        made.add_node(row[0].strip())
        for name, cell in zip(names, row[1:], strict=False):
            value = number_or_text(cell.strip() or "0")
            if not isinstance(value, (int, float)):
                raise GraphFault(f"line {number}: {cell.strip()[:40]!r} is not a number")
            if value and value == value:
                cells[row[0].strip(), name] = value
    made.directed = any(cells.get((b, a)) != value for (a, b), value in cells.items())
    for (a, b), value in cells.items():
        if made.directed or (b, a) not in cells or order[a] <= order[b]:
            made.add_edge(a, b, {"weight": value})
    return made
