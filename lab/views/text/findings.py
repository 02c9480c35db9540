"""What the probes of users have found, as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lab.runtime.escaping import visible

ROWS: Final = 20
"""Rows that are shown; the others are counted."""


def findings_tables(findings: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield what each probe has found, under its name: rows as a table, else in one line."""
    for name, value in findings.items():
        title = Text(f"probe {visible(name)}", style="bold")
        if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
            yield Group(title, *_table(value), "")
        else:
            yield Group(title, Text(visible(str(value))), "")


def _table(rows: list[dict[str, Any]]) -> Iterator[RenderableType]:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(visible(column), overflow="fold")
    for row in rows[:ROWS]:
        table.add_row(*(_cell(row.get(column, "")) for column in columns))
    yield table
    if len(rows) > ROWS:
        yield Text(f"... and {len(rows) - ROWS} more; --out DIR leaves all", style="dim")


def _cell(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else visible(str(value))
