"""What crossed the links of a run, as a table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lab.analysis.link_use import LinkUse
from lab.analysis.shown_names import NAMES, ShownNames
from lab.quantities import count_noun, time_taken

ROWS: Final = 20
"""Rows that are shown; the others are counted."""

_COLUMNS: Final = (
    "bytes", "messages", "busy", "utilisation", "longest queue", "mean wait", "segments lost",
)  # fmt: skip


def links_table(
    uses: Sequence[LinkUse], rows: int = ROWS, shown: ShownNames = NAMES
) -> RenderableType:
    """Return the figures of links, the busiest first, as something that rich prints."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("from", overflow="fold")
    table.add_column("to", overflow="fold")
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    used = sorted(
        (use for use in uses if use["bytes"] or use["segments_lost"]),
        key=lambda use: (-(use["utilisation"] or 0.0), -use["bytes"]),
    )
    for use in used[:rows]:
        host, peer = shown[use["host"]], shown[use["peer"]]
        peer += f" ({use['name']})" if use["name"] else ""
        table.add_row(Text(host), Text(peer), *_cells(use))
    parts: list[RenderableType] = [table] if used else []
    if unlisted := _unlisted(len(used) - rows, len(uses) - len(used)):
        parts.append(Text(unlisted, style="dim"))
    return Group(*parts, "")


def _cells(use: LinkUse) -> list[str]:
    busy, utilisation, wait = use["busy_seconds"], use["utilisation"], use["mean_wait"]
    longest = use["longest_queue"]
    return [
        f"{use['bytes']:,}",
        f"{use['messages']:,}",
        "" if busy is None else time_taken(busy),
        "" if utilisation is None else f"{utilisation:.1%}",
        "" if longest is None else f"{longest:,}",
        "" if wait is None else time_taken(wait),
        f"{use['segments_lost']:,}" if use["segments_lost"] else "",
    ]


def _unlisted(hidden: int, unused: int) -> str:
    """Return how many directions of links are not in the table, in words."""
    parts = [f"{hidden:,} more"] if hidden > 0 else []
    if unused:
        parts.append(f"nothing crossed {count_noun(unused, 'direction')} of links")
    return "; ".join(parts)
