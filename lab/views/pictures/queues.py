"""Queues: how many messages lie in each host's spool over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from lab.analysis.faults import FaultInterval
from lab.analysis.spools import Line, mail_time, queue_lengths, sum_of
from lab.trace.rows import T
from lab.trace.trace import Trace, check_trace
from lab.views.pictures import plot_style
from lab.views.pictures.fault_rows import add_faults, fault_rows, room_for, top_of
from lab.views.pictures.fonts import pictured_names
from lab.views.pictures.judged import judged

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST: Final = 6
"""Hosts with a line of their own; the others are summed, so that lines can be told apart."""

_LOOKS: Final[tuple[dict[str, Any], ...]] = tuple(
    {"color": colour, "ls": line}
    for colour, line in zip(
        (
            plot_style.BLUE,
            plot_style.VERMILION,
            plot_style.GREEN,
            plot_style.BLACK,
            plot_style.PURPLE,
            plot_style.ORANGE,
        ),
        ("-", (0, (5, 2)), (0, (1.2, 1.2)), (0, (5, 1.6, 1.2, 1.6)), (0, (9, 3)), "-"),
        strict=True,
    )
)


@judged("queues")
def queues(trace: Trace, ax: Axes | None = None) -> Axes:
    """Draw the messages in each host's spool over time, on ``ax`` or on a figure of its own.

    The hosts with the longest spools (length times time) have a line each; the others are summed.
    Faults are rows above, and shaded. Time is in seconds, minutes, hours or days, as suits the run.
    """
    check_trace(trace)
    lines = queue_lengths(trace)
    last = trace.rows[-1][T] if trace.rows else 0.0
    with plot_style.styled(ax):
        names = pictured_names(trace.meta)
        faults = fault_rows(trace, names)
        ax = ax if ax is not None else _axes(faults)
        ranked = sorted(lines, key=lambda host: (-mail_time(lines[host], last), host))
        own = ranked[:_MOST] if len(ranked) > _MOST + 1 else ranked[: _MOST + 1]
        looks: tuple[dict[str, Any], ...] = (*_LOOKS, {"color": plot_style.SKY, "ls": "-"})
        for host, look in zip(own, looks, strict=False):
            _step(ax, lines[host], last, _named(names[host], max(n for _, n in lines[host])), look)
        left_out = ranked[len(own) :]
        if left_out:
            line = sum_of([lines[host] for host in left_out])
            name = (
                f"the other {len(left_out):,} hosts together, at most {max(n for _, n in line):,}"
            )
            times, lengths = _steps(line, last)
            ax.fill_between(
                times, lengths, color=plot_style.PALE, step="post", label=name, zorder=1
            )
        _finish(ax, last, bool(lines))
        if faults:
            add_faults(ax, faults, last)
        title, top = str(trace.meta.get("title") or ""), top_of(ax)
        top.set_title(
            plot_style.fitted_title(top, f"{title}: the spools" if title else "The spools")
        )
    return ax


def _named(host: str, most: int) -> str:
    """Return a line of the legend, of which two fit side by side."""
    return f"{plot_style.fitted(host, 190, 10)}, at most {most:,}"


def _axes(faults: Mapping[str, Sequence[FaultInterval]]) -> Axes:
    room = room_for(faults)
    ax = plot_style.new_axes(10, 4.6 + room)
    left = 0.21 if faults else 0.075  # the names of the rows stand there
    ax.set_position((left, 1.56 / (4.6 + room), 0.975 - left, (2.53 + room) / (4.6 + room)))
    return ax


def _steps(line: Line, last: float) -> tuple[list[float], list[int]]:
    return [*(t for t, _ in line), last], [*(n for _, n in line), line[-1][1]]


def _step(ax: Axes, line: Line, last: float, name: str, look: dict[str, Any]) -> None:
    times, lengths = _steps(line, last)
    ax.step(times, lengths, where="post", lw=1.6, label=name, zorder=3, **look)


def _finish(ax: Axes, last: float, any_lines: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    plot_style.time_axis(ax, 0.0, last)
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    ax.set_ylabel("messages in the spool")
    ax.grid(axis="y")
    if any_lines:
        ax.legend(
            loc="upper left", bbox_to_anchor=(0, -0.24), ncols=2, borderaxespad=0, handlelength=3
        )
    else:
        ax.text(0.5, 0.5, "no mail ever waited", transform=ax.transAxes, ha="center")
