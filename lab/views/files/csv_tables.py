"""The tables of a run as CSV files: those of :mod:`lab.analysis.tables`, written row by row."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import IO, Any, Final, NamedTuple

from lab.analysis import table_rows
from lab.runtime.escaping import csv_cell
from lab.trace.trace import Trace


class Table(NamedTuple):
    """A table: its columns, what makes its rows, and how much of a run must have been recorded."""

    columns: Mapping[str, str]
    rows: Callable[[Trace], Iterable[Sequence[Any]]]
    needs: str


TABLES: Final = {
    "events": Table(table_rows.EVENTS, table_rows.event_rows, "none"),
    "deliveries": Table(table_rows.DELIVERIES, table_rows.delivery_rows, "delivery"),
    "sessions": Table(table_rows.SESSIONS, table_rows.session_rows, "session"),
    "links": Table(table_rows.LINKS, table_rows.link_rows, "wire"),
    "utilisation": Table(table_rows.UTILISATION, table_rows.utilisation_rows, "wire"),
    "queues": Table(table_rows.QUEUES, table_rows.queue_rows, "delivery"),
}
"""The tables by the names of their files, without ``.csv``."""


def write_csv(trace: Trace, name: str, file: IO[str]) -> None:
    """Write one of :data:`TABLES` with a line of column names; what does not apply is empty.

    ``file`` is open for text with ``newline=""``. Texts that a spreadsheet would run have an
    apostrophe before them, and control characters are escaped.
    """
    table = TABLES[name]
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(table.columns)
    for row in table.rows(trace):
        writer.writerow([csv_cell(value) for value in row])
