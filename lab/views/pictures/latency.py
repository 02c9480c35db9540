"""Latency: how long mail takes from hand-over to mailbox, as a distribution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from lab.analysis.measures import grouped_delivery_times
from lab.analysis.quantiles import median
from lab.analysis.shown_names import ShownNames
from lab.quantities import duration
from lab.trace.trace import Trace, check_trace
from lab.views.pictures import plot_style
from lab.views.pictures.fonts import pictured_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_ROUTES: Final = 12
_ROUND: Final = (
    *(10.0**power for power in range(-6, 2)), 60, 600, 3600, 36_000,
    *(86_400 * 10.0**power for power in range(5)),
)  # fmt: skip
"""Times that a logarithmic axis names, in seconds."""

_LINES: Final = ("-", (0, (5, 2)), (0, (1.2, 1.2)), (0, (5, 1.6, 1.2, 1.6)), (0, (9, 3)))
_COLOURS: Final = (
    plot_style.BLUE, plot_style.VERMILION, plot_style.GREEN, plot_style.BLACK, plot_style.PURPLE,
    plot_style.ORANGE,
)  # fmt: skip


def latency(trace: Trace, ax: Axes | None = None, *, by: str = "hops") -> Axes:
    """Draw the distribution of delivery times, on ``ax`` or on a figure of its own.

    By "hops": the share of recipients who had their mail within a time, a line for each number of
    hops. By "route": for the routes with the most mail, a box from the lower to the upper quartile
    with the median in it, and whiskers from the least to the most. If times span more than two
    powers of ten, the axis is logarithmic.
    """
    check_trace(trace)
    times = grouped_delivery_times(trace, by)
    with plot_style.styled(ax):
        ax = ax if ax is not None else _axes(len(times) if by == "route" else 0, len(times))
        title = str(trace.meta.get("title") or "")
        subject = f"delivery time by {by}"
        ax.set_title(
            plot_style.fitted_title(ax, f"{title}: {subject}" if title else subject.capitalize())
        )
        if not times:
            ax.text(0.5, 0.5, "nothing was delivered", transform=ax.transAxes, ha="center")
            ax.set_axis_off()
            return ax
        _scale(ax, [seconds for group in times.values() for seconds in group])
        if by == "hops":
            _shares(ax, times)
        else:
            _boxes(ax, times, pictured_names(trace.meta))
    return ax


def _fitted(route: str, count: str, room: float, names: ShownNames) -> str:
    """Return the name of a route and how much mail took it, both hosts cut alike if need be."""
    arrow = " → "
    hosts = [names[host] for host in route.split(arrow)]
    room -= plot_style.text_width(arrow + count, 9)
    shares = [plot_style.text_width(host, 9) for host in hosts]
    rooms = [room - min(shares[1], room / 2), room - min(shares[0], room / 2)]
    return arrow.join(map(lambda host, its: plot_style.fitted(host, its, 9), hosts, rooms)) + count


def _axes(routes: int, lines: int) -> Axes:
    rows = min(routes, _MOST_ROUTES)
    legend = 0.9 + 0.21 * math.ceil(lines / 3)
    height = 3.7 + legend if not routes else 1.5 + 0.36 * max(rows, 3)
    ax = plot_style.new_axes(10, height)
    if routes:
        ax.set_position((0.33, 0.75 / height, 0.64, 1 - 1.35 / height))
    else:
        ax.set_position((0.085, legend / height, 0.885, 1 - (legend + 0.55) / height))
    return ax


def _scale(ax: Axes, seconds: list[float]) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

    least, most = min(seconds), max(max(seconds), 1e-3)
    if least > 0 and most / least > 100:
        ax.set_xscale("log")
        ax.set_xlim(10 ** (math.log10(least) - 0.05), 10 ** (math.log10(most) + 0.08))
        ax.xaxis.set_major_locator(
            FixedLocator([t for t in _ROUND if least / 1.1 < t < most * 1.2])
        )
        ax.xaxis.set_minor_locator(FixedLocator([]))
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda t, _: duration(t)))
        ax.set_xlabel("from hand-over to delivery (logarithmic)")
    else:
        plot_style.time_axis(ax, 0.0, most, label="from hand-over to delivery")
    ax.grid(axis="x")


def _shares(ax: Axes, times: dict[str, list[float]]) -> None:
    from matplotlib.transforms import ScaledTranslation

    left = ax.get_xlim()[0]
    for number, (name, some) in enumerate(times.items()):
        share = [(n + 1) / len(some) for n in range(len(some))]
        ax.step(
            [left, *some, ax.get_xlim()[1]], [0.0, *share, 1.0], where="post", lw=1.8,
            color=_COLOURS[number % len(_COLOURS)], ls=_LINES[number % len(_LINES)],
            label=f"{name} ({len(some):,}; median {duration(median(some))})",
        )  # fmt: skip
    ax.set_ylim(0, 1.02)
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
    ax.set_ylabel("share of recipients")
    handles, names = ax.get_legend_handles_labels()
    box = ax.get_window_extent()
    columns = plot_style.legend_columns(names, float(box.width) * 72 / float(ax.figure.dpi), 4)
    ax.legend(
        handles, names, loc="upper left", bbox_to_anchor=(0, 0), borderaxespad=0, handlelength=3,
        bbox_transform=ax.transAxes + ScaledTranslation(0, -42 / 72, ax.figure.dpi_scale_trans),
        ncols=columns,
    )  # fmt: skip


def _boxes(ax: Axes, times: dict[str, list[float]], names: ShownNames) -> None:
    ranked = sorted(times, key=lambda name: (-len(times[name]), name))[:_MOST_ROUTES]
    shown = sorted(ranked, key=lambda name: median(times[name]))
    ax.boxplot(
        [times[name] for name in shown], orientation="horizontal", whis=(0, 100), widths=0.55,
        patch_artist=True, manage_ticks=False,
        boxprops={"facecolor": plot_style.PALE}, medianprops={"color": plot_style.BLACK, "lw": 2},
    )  # fmt: skip
    room = float(ax.get_window_extent().x0) * 72 / float(ax.figure.dpi) - 20
    labels = [_fitted(name, f" ({len(times[name]):,})", room, names) for name in shown]
    ax.set_yticks(range(1, len(shown) + 1), labels)
    ax.set_ylim(0.4, len(shown) + 0.6)
    hidden = len(times) - len(shown)
    if hidden:
        ax.set_xlabel(f"{ax.get_xlabel()}; {hidden:,} routes with less mail are left out")
