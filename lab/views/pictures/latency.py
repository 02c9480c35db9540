"""Latency: how long mail takes from hand-over to mailbox, as a distribution."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from lab.analysis.measures import grouped_delivery_times, outcome_counts
from lab.analysis.quantiles import median
from lab.analysis.shown_names import ShownNames
from lab.quantities import count_noun, time_taken
from lab.trace.trace import Trace, check_trace
from lab.views.pictures import plot_style
from lab.views.pictures.fonts import pictured_names
from lab.views.pictures.judged import judged

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


@judged("latency")
def latency(trace: Trace, ax: Axes | None = None, *, by: str = "hops") -> Axes:
    """Draw the distribution of delivery times, on ``ax`` or on a figure of its own.

    By "hops": the share of all recipients who had their mail within a time, in all and for each
    number of hops. 100 % is everybody: the share of those who never got it is hatched. By "route":
    for the routes with the most mail, a box from the lower to the upper quartile with the median in
    it, and whiskers from the least to the most. If times span more than two powers of ten, the axis
    is logarithmic.
    """
    check_trace(trace)
    times = grouped_delivery_times(trace, by)
    outcomes = outcome_counts(trace)
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
            _shares(ax, times, outcomes)
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
    return (
        arrow.join(map(lambda host, host_room: plot_style.fitted(host, host_room, 9), hosts, rooms))
        + count
    )


def _axes(routes: int, lines: int) -> Axes:
    rows = min(routes, _MOST_ROUTES)
    legend = 0.9 + 0.21 * math.ceil((lines + 1) / 2)
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
        ax.xaxis.set_major_formatter(FuncFormatter(lambda t, _: time_taken(t)))
        ax.set_xlabel("from hand-over to delivery (logarithmic)")
    else:
        plot_style.time_axis(ax, 0.0, most, label="from hand-over to delivery")
    ax.grid(axis="x")


def _shares(ax: Axes, times: dict[str, list[float]], outcomes: Counter[str]) -> None:
    """Draw which share of all recipients had their mail within a time, in all and by hops."""
    everybody = outcomes.total()
    every = sorted(time for group in times.values() for time in group)
    delivered = (
        f"{len(every):,} of {everybody:,}" if len(every) < everybody else f"all {len(every):,}"
    )
    if len(times) > 1:
        name = f"delivered ({delivered}; median {time_taken(median(every))})"
        _steps(
            ax, every, everybody, name, {"color": plot_style.colour("ink"), "lw": 2.4, "ls": "-"}
        )
    for number, (name, group) in enumerate(times.items()):
        look = {"color": _COLOURS[number % len(_COLOURS)], "ls": _LINES[number % len(_LINES)]}
        name = f"{name} ({len(group):,}; median {time_taken(median(group))})"
        _steps(ax, group, everybody, name, {"lw": 1.8, **look})
    ax.set_ylim(0, 1.02)
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
    ax.set_ylabel(
        f"share of {'all' if everybody > 1 else 'the'} {count_noun(everybody, 'recipient')}"
    )
    _without_mail(ax, len(every) / everybody, outcomes)
    _legend(ax)


def _steps(ax: Axes, seconds: list[float], everybody: int, name: str, look: dict[str, Any]) -> None:
    left, right = ax.get_xlim()
    share = [(n + 1) / everybody for n in range(len(seconds))]
    last = share[-1]
    ax.step([left, *seconds, right], [0.0, *share, last], where="post", label=name, **look)


def _without_mail(ax: Axes, delivered: float, outcomes: Counter[str]) -> None:
    """Shade the share of those who did not get their mail, and say what became of them."""
    undelivered = [(n, name) for name, n in outcomes.most_common() if name != "delivered" and n]
    if not undelivered:
        return
    ax.axhspan(delivered, 1.0, facecolor="white", edgecolor=plot_style.colour("returned"),
               hatch="\\\\", lw=0, alpha=0.45, zorder=0)  # fmt: skip
    words = ", ".join(f"{n:,} {_OUTCOMES.get(name, name)}" for n, name in undelivered)
    ax.annotate(
        f"not delivered: {words}", (0.0, min(1.0, max((1 + delivered) / 2, 0.06))),
        xycoords=("axes fraction", "data"), xytext=(8, -1), textcoords="offset points", va="center",
        fontsize=9, color=plot_style.colour("text-bad"), gid="not delivered", zorder=5,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
    )  # fmt: skip


_OUTCOMES: Final = {
    "queued": "still on the way", "lost": "LOST", "discarded": "discarded by others",
    "undeliverable_notifications": "nor told so",
}  # fmt: skip
"""What is said of recipients who did not get their mail."""


def _legend(ax: Axes) -> None:
    from matplotlib.transforms import ScaledTranslation

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
