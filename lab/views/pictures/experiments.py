"""The results of exploring and of storms: tables, and a picture of where a run was broken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from lab.quantities import count_noun
from lab.runtime.extras import is_installed
from lab.views.pictures import plot_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lab.views.pictures.results import Explored, Storm

_OTHERS: Final = ("returned", "rejected", "queued", "undeliverable_notifications", "discarded")

SHOWN: Final = 12
"""Points with duplicates that are listed; the others are counted."""


def as_text(table: RenderableType) -> str:
    """Return a table as plain text, for output that is not a terminal."""
    # in a notebook rich would add an empty output
    console = Console(width=110, color_system=None, force_jupyter=False)
    with console.capture() as captured:
        console.print(table)
    lines = captured.get().splitlines()
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def explored_table(explored: Explored) -> RenderableType:
    """Return a table of what became of the mail, by the kind of break."""
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
    """Return which points made duplicates, and whether RFC 1047 expects them there."""
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
                f"{count_noun(len(window), 'point')} in the window between storing and the 250; "
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
    """Return a table of the figures of a storm."""
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


_RESULTS: Final[dict[str, dict[str, Any]]] = {
    "no harm": {"marker": "o", "ms": 4.5, "mfc": "white", "mec": plot_style.GREY, "mew": 0.9},
    "a duplicate": {"marker": "D", "ms": 7, "mfc": plot_style.ORANGE, "mec": "black", "mew": 0.8},
    "mail lost": {"marker": "X", "ms": 9, "mfc": plot_style.VERMILION, "mec": "black", "mew": 0.7},
}


def breaks(explored: Explored, ax: Axes | None = None) -> Axes:
    """Draw every break at its time, a row for each kind, marked by its result; return the Axes.

    The windows between the arrival of mail data and the arrival of its 250 are shaded. Without
    matplotlib, a table of the results is printed in place of the picture.
    """
    if ax is None and not is_installed("matplotlib"):
        print(as_text(_results_table(explored)))
        nothing: Any = None
        drawn: Axes = nothing
        return drawn
    kinds = sorted({point.kind for point in explored.points}, reverse=True)
    with plot_style.styled(ax):
        height = 1.7 + 0.36 * max(len(kinds), 2)
        if ax is None:
            ax = plot_style.new_axes(11, height)
            ax.set_position((0.19, 0.95 / height, 0.79, 1 - 1.4 / height))
        for number, (begin, end) in enumerate(explored.windows):
            label = "from the mail data to its 250" if number == 0 else None
            ax.axvspan(begin, end, color=plot_style.tint("down", 0.25), lw=0, zorder=0, label=label)
        for result, look in _RESULTS.items():
            tried = [p for p, o in explored.tried() if _result(o.counts) == result]
            ax.plot(
                [p.at for p in tried], [kinds.index(p.kind) for p in tried],
                ls="", label=f"{result} ({len(tried):,})", zorder=3, clip_on=False, **look,
            )  # fmt: skip
        _finish(ax, explored, kinds)
    return ax


def _results_table(explored: Explored) -> Table:
    """Return how many breaks of each kind had each result."""
    table = Table("broken by", *_RESULTS, box=box.SIMPLE_HEAD, pad_edge=False)
    for kind in sorted({point.kind for point in explored.points}):
        results = [_result(o.counts) for p, o in explored.tried() if p.kind == kind]
        table.add_row(kind, *(str(results.count(result)) for result in _RESULTS))
    return table


def _result(counts: dict[str, int]) -> str:
    return "mail lost" if counts["lost"] else "a duplicate" if counts["duplicates"] else "no harm"


def _finish(ax: Axes, explored: Explored, kinds: list[str]) -> None:
    plot_style.time_axis(ax, 0.0, max((point.at for point in explored.points), default=1.0))
    ax.set_yticks(range(len(kinds)), kinds)
    ax.set_ylim(-0.6, len(kinds) - 0.4)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y")
    title = explored.topology.title
    ax.set_title(plot_style.shorten(f"{title}: broken at every step" if title else "Broken", 80))
    inch = ax.figure.dpi / ax.get_window_extent().height
    ax.legend(
        loc="upper left", bbox_to_anchor=(0, -0.55 * inch), ncols=4,
        borderaxespad=0, handletextpad=0.4, columnspacing=1.6,
    )  # fmt: skip
