"""Utilisation: how busy each direction of each link was over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from lab.analysis.busy_lines import busy_shares
from lab.analysis.time_series import interval
from lab.trace.trace import Trace, check_trace
from lab.views.pictures import plot_style
from lab.views.pictures.fault_rows import add_faults, fault_rows, room_for, top_of
from lab.views.pictures.fonts import pictured_names
from lab.views.pictures.judged import judged

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST: Final = 40
"""Directions of links that have a row; the others are counted."""

_INTERVALS: Final = 240
_ROW: Final = 0.23
"""The height of a row in inches."""

_LEFT, _RIGHT, _WIDTH = 2.6, 1.15, 10.0
"""Inches to the left and right of the rows, and of the whole figure."""


class _Line(NamedTuple):
    """A direction of a link: its ends, its utilisation in each interval, and over the run.

    ``peer`` has the name of the link beside it, if there is one.
    """

    host: str
    peer: str
    shares: list[float]
    mean: float


@judged("utilisation")
def utilisation(trace: Trace, ax: Axes | None = None) -> Axes:
    """Draw how busy links were, on ``ax`` or on a figure of its own.

    A row is one direction of a link: the darker, the larger the share of the time in which bits
    were being sent. The busiest 40 that have a bandwidth are drawn, with their share of the whole
    run at the end of the row; the others are counted. Faults are rows above. Time is in seconds,
    minutes, hours or days.
    """
    check_trace(trace)
    lines = _lines(trace)
    shown = lines[:_MOST]
    with plot_style.styled(ax):
        faults = fault_rows(trace, pictured_names(trace.meta)) if shown else {}
        ax = ax if ax is not None else _axes(len(shown), room_for(faults))
        if not shown:
            _add_title(ax, trace)
            ax.text(0.5, 0.5, _why_none(trace), transform=ax.transAxes, ha="center", va="center")
            ax.set_axis_off()
            return ax
        _draw(ax, shown, trace.last)
        if faults:
            add_faults(ax, faults, trace.last)
        _add_title(ax, trace)
        if hidden := lines[_MOST:]:
            busiest = _percent(max(line.mean for line in hidden))
            ax.set_xlabel(
                f"{ax.get_xlabel()}; {len(hidden):,} more, each busy at most {busiest} of the time"
            )
    return ax


def _add_title(ax: Axes, trace: Trace) -> None:
    title, subject = str(trace.meta.get("title") or ""), "how busy the links were"
    words = f"{title}: {subject}" if title else subject.capitalize()
    top = top_of(ax)
    top.set_title(plot_style.fitted_title(top, words))


def _lines(trace: Trace) -> list[_Line]:
    """Return the directions of links that have a bandwidth, the busiest first."""
    shares = busy_shares(trace, interval(trace) * 100 / _INTERVALS)
    shown = pictured_names(trace.meta)
    lines = [
        _Line(
            shown[host],
            f"{shown[peer]} ({name})" if name else shown[peer],
            values,
            sum(values) / len(values),
        )
        for (host, peer, _, name), values in shares.items()
    ]
    return sorted(lines, key=lambda line: -line.mean)


def _why_none(trace: Trace) -> str:
    if not trace.meta.get("links"):
        return "there are no links"
    return "no link has a bandwidth, so none is ever busy"


def _axes(rows: int, room: float) -> Axes:
    height = 1.35 + _ROW * max(rows, 4) + room
    ax = plot_style.new_axes(_WIDTH, height)
    width = 1 - (_LEFT + _RIGHT) / _WIDTH
    ax.set_position((_LEFT / _WIDTH, 0.6 / height, width, 1 - 1.15 / height))
    return ax


def _draw(ax: Axes, lines: Sequence[_Line], last: float) -> None:
    image = ax.imshow(
        [line.shares for line in lines], cmap="Blues", vmin=0, vmax=1, aspect="auto",
        interpolation="nearest", extent=(0.0, max(last, 1e-6), len(lines) - 0.5, -0.5),
    )  # fmt: skip
    plot_style.time_axis(ax, 0.0, last)
    room = float(ax.get_window_extent().x0) * 72 / float(ax.figure.dpi) - 16
    ax.set_yticks(range(len(lines)), [_named(line, room) for line in lines])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(lines) - 0.5, -0.5)
    for row, line in enumerate(lines):
        ax.text(
            1.005, row, _percent(line.mean), transform=ax.get_yaxis_transform(), va="center",
            fontsize=9,
        )  # fmt: skip
    inches = float(ax.get_window_extent().height) / float(ax.figure.dpi)
    high = min(1.0, 1.3 / max(inches, 0.1))
    scale = ax.inset_axes((1.085, 1 - high, 0.018, high))
    bar = ax.figure.colorbar(image, cax=scale, ticks=[0, 0.5, 1])
    bar.ax.set_yticklabels(["idle", "50 %", "busy"], fontsize=9)
    bar.outline.set_visible(False)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"


def _named(line: _Line, room: float) -> str:
    """Return the two ends of a link, both cut alike if there is no room for them."""
    arrow = " → "
    room -= plot_style.text_width(arrow, 9)
    ends = (line.host, line.peer)
    widths = [plot_style.text_width(name, 9) for name in ends]
    rooms = (room - min(widths[1], room / 2), room - min(widths[0], room / 2))
    fitted = [
        plot_style.fitted(name, end_room, 9) for name, end_room in zip(ends, rooms, strict=True)
    ]
    return arrow.join(fitted)
