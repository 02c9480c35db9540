"""What exploring and storms came to, as tables to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from lab.experiments.explore import Explored
    from lab.experiments.storm import Storm

_OTHERS: Final = ("returned", "rejected", "queued", "undeliverable_notifications")

SHOWN: Final = 12
"""Points with duplicates that are listed; a line says how many more there are."""


def explored_table(explored: Explored) -> RenderableType:
    """What became of the mail when a run was broken, by the kind of place where that was."""
    counted = [name for name in _OTHERS if explored.total(name)]
    names = ["submitted", "delivered", *counted, "duplicates", "lost"]
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False)
    table.add_column("broken by")
    for name in ("points", *names):
        table.add_column(name.replace("_", " "), justify="right")
    kinds = dict.fromkeys(point.kind for point in explored.points)
    for kind in sorted(kinds):
        points = sum(point.kind == kind for point, _ in explored.tried())
        table.add_row(kind, str(points), *(str(explored.total(name, kind)) for name in names))
    table.add_section()
    totals = (str(explored.total(name)) for name in names)
    table.add_row("all", str(len(explored.outcomes)), *totals)
    return Group(table, *_duplicates(explored))


def _duplicates(explored: Explored) -> list[Text]:
    """Which points made duplicates, and whether they are where RFC 1047 says that they are."""
    lines = []
    if len(explored.outcomes) < explored.possible:
        tried = f"{len(explored.outcomes)} of {explored.possible} points were tried"
        lines.append(Text(f"{tried}, spread over the run", style="dim"))
    doubled = explored.doubled
    window = [point for point, _ in explored.tried() if point.in_window]
    outside = [point for point in doubled if not point.in_window]
    if window or doubled:
        lines.append(
            Text(
                f"in the window between storing and the 250 lie {len(window)} points; "
                f"{len(doubled) - len(outside)} of them made a duplicate, "
                f"and {len(outside) or 'none'} outside it"
            )
        )
    for point in doubled[:SHOWN]:
        lines.append(Text(f"  point {point.number}: {point.where}", style="yellow"))
    if len(doubled) > SHOWN:
        lines.append(Text(f"  ... and {len(doubled) - SHOWN} more"))
    return lines


def storm_table(storm: Storm) -> RenderableType:
    """The figures of a storm."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim")
    table.add_column(justify="right")
    for name in ("submitted", "returned", "duplicates", "lost"):
        table.add_row(name, f"{storm.total(name):,}")
    heading = f"storm of seed {storm.seed}: {len(storm.runs):,} runs"
    if storm.careless:
        heading += ", every host CARELESS"
    broken = len(storm.broken)
    end = f"{broken} of them broke a rule" if broken else "no rule was broken"
    return Group(Text(heading, style="bold"), table, Text(end))
