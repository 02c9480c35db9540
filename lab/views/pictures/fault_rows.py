"""Faults over time: a row for those of each kind at each place, in timelines of any size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from lab.analysis.faults import FaultInterval, fault_intervals, place_shown
from lab.analysis.shown_names import ShownNames
from lab.trace.trace import Trace
from lab.views.pictures import plot_style
from lab.views.pictures.timeline_looks import A_FAULT, BARS, ENDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FAULT_ROWS: Final = 6
"""Rows for faults; the last holds the rest, if there are more."""

ROW: Final = 0.24
"""The height of a row in inches, in a strip above other Axes."""

_LEAST: Final = 0.003
"""The narrowest bar, as a share of the width."""


def fault_rows(trace: Trace, shown: ShownNames) -> dict[str, list[FaultInterval]]:
    """Return the faults of each row, by its name: those of one kind at one place.

    Rows are in the order in which they first began; the last has the rest, if there are too many.
    """
    rows: dict[str, list[FaultInterval]] = {}
    for fault in fault_intervals(trace):
        by_kind = "partition: {place}" if fault.kind == "partition" else "{place}: {kind}"
        name = by_kind.format(place=place_shown(fault, shown), kind=fault.kind)
        rows.setdefault(name, []).append(fault)
    if len(rows) > _FAULT_ROWS:
        names = list(rows)
        faults_left = [fault for name in names[_FAULT_ROWS - 1 :] for fault in rows.pop(name)]
        rows[f"{len(names) - _FAULT_ROWS + 1} other faults"] = faults_left
    return rows


def add_faults(ax: Axes, faults: Mapping[str, Sequence[FaultInterval]], end: float) -> None:
    """Draw the rows of faults above Axes whose x is simulated time, and shade their times."""
    from mpl_toolkits.axes_grid1 import make_axes_locatable  # type: ignore[import-untyped]

    divider = getattr(ax, "lab_divider", None) or make_axes_locatable(ax)
    strip = divider.append_axes("top", size=ROW * len(faults), pad=0.1, sharex=ax)
    below = getattr(ax, "lab_top", None)
    for each in (ax, below):
        if each is not None:
            shade(each, faults, end)
    fault_strip(strip, faults, end)
    ax.lab_top = strip  # type: ignore[attr-defined]


def top_of(ax: Axes) -> Axes:
    """Return the Axes that bear the title: the rows of faults above, if there are some."""
    top: Axes = getattr(ax, "lab_top", ax)
    return top


def room_for(faults: Mapping[str, Sequence[FaultInterval]]) -> float:
    """Return the inches that the rows of faults take from the height of a figure."""
    return ROW * len(faults) + 0.1 if faults else 0.0


def fault_strip(ax: Axes, rows: Mapping[str, Sequence[FaultInterval]], last: float) -> None:
    """Draw the rows on Axes of their own whose x is simulated time, as in those below."""
    from matplotlib.patches import Rectangle

    ax.set_ylim(len(rows) - 0.5, -0.5)
    for row, faults in enumerate(rows.values()):
        for fault in faults:
            if fault.begin > last:
                continue
            if fault.lasts:
                wide = max(min(fault.end, last) - fault.begin, last * _LEAST)
                ax.add_patch(Rectangle((fault.begin, row - 0.32), wide, 0.64, **BARS[A_FAULT]))
            else:
                look = {**ENDS["fault"][1], "ms": 6}
                ax.plot([fault.begin], [row], ls="", clip_on=False, **look)
    room = float(ax.get_window_extent().x0) * 72 / float(ax.figure.dpi) - 12
    names = [plot_style.fitted(name, max(room, 30), 9) for name in rows]
    ax.set_yticks(range(len(rows)), names)
    ax.tick_params(axis="both", length=0, labelbottom=False, labelcolor=plot_style.GREY)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.set_gid("faults")


def shade(ax: Axes, rows: Mapping[str, Sequence[FaultInterval]], last: float) -> None:
    """Shade the times of faults behind everything else on Axes whose x is simulated time."""
    look: dict[str, Any] = {"color": plot_style.colour("fault-shade"), "lw": 0, "zorder": -1}
    for fault in (fault for faults in rows.values() for fault in faults):
        if fault.begin > last:
            continue
        if fault.lasts:
            ax.axvspan(fault.begin, min(fault.end, last), **look)
        else:
            ax.axvline(fault.begin, color=plot_style.tint("fault", 0.5), lw=0.8, zorder=-1)
