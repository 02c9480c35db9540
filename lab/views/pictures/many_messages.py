"""The timeline of many messages: thin lanes for up to a few thousand, and totals for more.

Each thin lane begins at its own submission, so that delays can be compared at a glance. The totals
are how much mail lay in spools and how much was on its way, over time, and how long mail took.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from lab.analysis.account import Account
from lab.analysis.faults import FaultInterval
from lab.analysis.itineraries import Hop, Itinerary
from lab.analysis.measures import delivered_at
from lab.analysis.phases import Phases
from lab.analysis.quantiles import percentile
from lab.analysis.stages import (
    ATTEMPT,
    CROSSING,
    OPENING,
    SPOOL,
    WAIT,
    end_of_hop,
    family,
    kind_of_end,
    stages,
)
from lab.analysis.wrongs import Wrongs, wrongs
from lab.quantities import time_taken
from lab.trace.levels import includes
from lab.trace.trace import Trace
from lab.views import visual_language
from lab.views.pictures import plot_style
from lab.views.pictures.fault_rows import add_faults, top_of
from lab.views.pictures.timeline_looks import ENDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LANES: Final = 2000
"""Messages drawn as thin lanes; with more, a lane would be under a third of a pixel high."""

_MARKED: Final = ("lost", "twice", "return", "refuse", "expired", "reject", "abandon", "queued")


def many_messages(
    trace: Trace,
    itineraries: list[Itinerary],
    ax: Axes | None,
    faults: Mapping[str, Sequence[FaultInterval]],
) -> Axes:
    """Draw the timeline of more messages than can each have a labelled lane; return its Axes.

    ``faults`` are the rows that stand above the messages.
    """
    end, title = trace.last, str(trace.meta.get("title") or "")
    messages = [message for message in itineraries if message.about is None]
    own = ax is None
    ax = plot_style.new_axes(12, 7) if ax is None else ax
    if own:
        left = 0.19 if faults else 0.075
        ax.set_position((left, 0.185, 0.98 - left, 0.745))
    wrong = wrongs(trace)
    if len(messages) <= LANES:
        phases = Phases(trace) if includes(trace.level, "wire") else None
        _thin(ax, messages, end, wrong, bool(faults), phases)
    else:
        _sums(ax, messages, end, delivered_at(Account(trace.rows)), wrong)
    if faults:
        add_faults(ax, faults, end)
    _title(ax, plot_style.shorten(title or "Timeline", 70), len(messages))
    return ax


def _title(ax: Axes, title: str, count: int) -> None:
    words = (
        title if f"{count:,}" in title or str(count) in title else f"{title}: {count:,} messages"
    )
    top = top_of(ax)
    top.set_title(plot_style.fitted_title(top, words))


# -- thin lanes ----------------------------------------------------------------------------------


def _thin(
    ax: Axes,
    messages: list[Itinerary],
    end: float,
    wrong: Wrongs,
    on_one_clock: bool,
    phases: Phases | None,
) -> None:
    """Draw a thin lane for each message, from its submission or, with faults, on one clock."""
    from matplotlib.collections import LineCollection

    keys: dict[str, Any] = {}
    height = 0.72 * float(ax.get_window_extent().height) / max(len(messages), 1)
    width = max(min(height * 72 / ax.figure.dpi, 9.0), 0.9)
    for name, (colour, share, spans) in _pieces(messages, end, on_one_clock, phases).items():
        if spans:
            lines = [[(begin, row), (stop, row)] for row, begin, stop in spans]
            drawn = LineCollection(lines, colors=colour, linewidths=width * share, rasterized=True)
            drawn.set_capstyle("butt")
            ax.add_collection(drawn)
            keys[name] = drawn
    _thin_ends(ax, messages, end, keys, wrong, on_one_clock)
    if on_one_clock:
        plot_style.time_axis(ax, 0.0, max(end, 1e-3))
    else:
        _age_axis(ax, messages)
    ax.set_ylim(len(messages) + 0.5, 0.5)
    ax.set_ylabel("messages, in the order of submission")
    _legend(ax, keys)


_Spans = dict[str, tuple[str, float, list[Any]]]
"""For each entry of the legend its colour, share of the height, and spans: row, begin, end."""


def _pieces(
    messages: list[Itinerary], end: float, on_one_clock: bool, phases: Phases | None
) -> _Spans:
    """Return what thin lanes show: when mail waited, and when it moved.

    Times are since the submission of the message or, on one clock, in the run.
    """
    looks: _Spans = {}
    for name, look in visual_language.PHASES.items():
        colour = plot_style.tint(look.colour) if look.waits else plot_style.colour(look.colour)
        looks[name] = (colour, 0.6 if look.waits else 1.0, [])
    looks[_NOTICE] = (plot_style.colour("returned"), 1.0, [])
    for row, message in enumerate(messages, 1):
        since = 0.0 if on_one_clock else message.t
        for itinerary in family(message):
            for hop in itinerary.hops:
                for name, begin, stop in _parts(hop, end, phases):
                    is_notice = itinerary.about is not None and name in ("sending", "dialogue")
                    looks[_NOTICE if is_notice else name][2].append(
                        (row, begin - since, stop - since)
                    )
    names = {name: look.words for name, look in visual_language.PHASES.items()}
    return {names.get(name, name): spans for name, spans in looks.items()}


_NOTICE: Final = "a notification on its way back"


def _parts(hop: Hop, end: float, phases: Phases | None) -> Iterator[tuple[str, float, float]]:
    """Yield a hop's spans of time, by the names of their phases."""
    if phases is not None:
        yield from ((phase.phase, phase.begin, phase.end) for phase in phases.of_hop(hop))
        return
    for stage in stages(hop, end):
        yield _PHASES[stage.kind], stage.begin, stage.end


_PHASES: Final = {
    SPOOL: "spool", ATTEMPT: "retry", WAIT: "retry", OPENING: "spool", CROSSING: "dialogue",
}  # fmt: skip
"""The phase of each stage where nothing is known of what crossed the wire."""


def _ends(message: Itinerary, until: float) -> Iterator[tuple[str, float]]:
    """Yield what became of a message other than plain delivery, and when."""
    for itinerary in family(message):
        yield from ((kind_of_end(itinerary, end), end.t) for end in itinerary.ends)
        for hop in itinerary.hops:
            if (end := end_of_hop(hop, until)) is not None:
                yield end.kind, end.t


def _all_ends(message: Itinerary, end: float, wrong: Wrongs) -> Iterator[tuple[str, float]]:
    """Yield what became of a message, LOST and TWICE included, and when."""
    lost_at = wrong.lost_at(message.number)
    if lost_at is not None:
        yield "lost", lost_at
    deliveries = [t for kind, t in _ends(message, end) if kind == "deliver"]
    if wrong.came_twice(message.number) and deliveries:
        yield "twice", deliveries[-1]
    yield from (each for each in _ends(message, end) if lost_at is None or each[0] != "queued")


def _thin_ends(
    ax: Axes,
    messages: list[Itinerary],
    end: float,
    keys: dict[str, Any],
    wrong: Wrongs,
    on_one_clock: bool,
) -> None:
    size = 6.0 if len(messages) <= 300 else 4.5
    by_kind: dict[str, list[tuple[float, int]]] = {kind: [] for kind in _MARKED}
    for row, message in enumerate(messages, 1):
        since = 0.0 if on_one_clock else message.t
        for kind, t in _all_ends(message, end, wrong):
            if kind in by_kind and kind != "refuse":
                by_kind[kind].append((t - since, row))
    for kind, points in by_kind.items():
        if points:
            name, look = ENDS[kind]
            xs, ys = zip(*points, strict=True)
            (keys[name],) = ax.plot(xs, ys, ls="", zorder=4, **{**look, "ms": size})


def _age_axis(ax: Axes, messages: list[Itinerary]) -> None:
    """Make x the time since submission: to scale or, if a few took far longer, logarithmic."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    ages = sorted(
        max(itinerary.last for itinerary in family(message)) - message.t for message in messages
    )
    usual, most = max(ages[int(len(ages) * 0.8)], 1e-3), max(ages[-1], 1e-3)
    if most < 6 * usual:
        plot_style.time_axis(ax, 0.0, most, label="time since submission")
        return
    step = plot_style.time_step(usual, 5)
    ax.set_xscale("symlog", linthresh=usual, linscale=2.2)
    ticks = [n * step for n in range(int(usual / step) + 1)]
    ticks += _round_times(usual * 1.4, most * 1.1)
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda t, _: time_taken(t)))
    ax.axvline(usual, color=plot_style.LINE, lw=0.8, ls=(0, (2, 2)), zorder=0)
    ax.set_xlim(-usual * 0.01, most * 1.15)
    ax.set_xlabel("time since submission, in powers of ten to the right of the dotted line")


def _round_times(first: float, last: float) -> list[float]:
    steps = (1e-3, 1e-2, 0.1, 1, 3, 10, 30, 60, 180, 600, 1800, 3600, 7200, 14400, 43200, 86400)
    kept: list[float] = []
    for step in (*steps, 259200, 604800, 2592000, 31536000):
        if first <= step <= last and (not kept or step >= 2.5 * kept[-1]):
            kept.append(step)
    return kept


def _legend(ax: Axes, keys: dict[str, Any]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.transforms import ScaledTranslation

    below = ax.transAxes + ScaledTranslation(0, -44 / 72, ax.figure.dpi_scale_trans)
    handles = [
        key if isinstance(key, Line2D) else Line2D([], [], color=key.get_color()[0], lw=7)
        for key in keys.values()
    ]
    place: dict[str, Any] = {"bbox_to_anchor": (0, 0), "bbox_transform": below, "borderaxespad": 0}
    ax.legend(handles, list(keys), loc="upper left", ncols=4, markerscale=1.4, **place)


# -- sums ----------------------------------------------------------------------------------------


def _sums(
    ax: Axes,
    messages: list[Itinerary],
    end: float,
    delivered: list[tuple[float, float]],
    wrong: Wrongs,
) -> None:
    """Draw how much mail waited and moved; below, how long it took, by submission time."""
    from mpl_toolkits.axes_grid1 import make_axes_locatable  # type: ignore[import-untyped]

    first = min(message.t for message in messages)
    last = max(end, first + 1e-3)
    divider = make_axes_locatable(ax)
    top = divider.append_axes("top", size="62%", pad=0.22, sharex=ax)
    ax.lab_top, ax.lab_divider = top, divider  # type: ignore[attr-defined]
    _states(top, messages, first, last)
    _delays(ax, delivered, _failures(messages, end, wrong), first, last)
    plot_style.time_axis(ax, first, last)
    top.tick_params(labelbottom=False)
    top.set_xlabel("")


def _states(top: Axes, messages: list[Itinerary], first: float, last: float) -> None:
    import numpy as np

    names = ("dialogue", "spool", "retry")
    spans: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for message in messages:
        for itinerary in family(message):
            for hop in itinerary.hops:
                for name, begin, stop in _parts(hop, last, None):
                    spans[name].append((begin, stop))
    edges = np.linspace(first, last, 401)
    levels = [_mean_level(spans[name], edges) for name in names]
    middles = (edges[:-1] + edges[1:]) / 2
    shown = [visual_language.PHASES[name] for name in names]
    labels = ("on the way", *(look.words for look in shown[1:]))
    under = np.zeros(len(middles))
    for level, look, text in zip(levels, shown, labels, strict=True):
        own = plot_style.colour(look.colour)
        drawn = top.fill_between(middles, under, under + level, step="mid", lw=0.0, label=text)
        if look.waits:
            drawn.set(facecolor=plot_style.tint(look.colour, 0.15), edgecolor=own, hatch=look.hatch)
        else:
            drawn.set(facecolor=own)
        under = under + level
    top.set_ylim(0, max(float(under.max()) * 1.28, 1.0))
    top.set_ylabel("messages at once")
    top.legend(loc="upper left", ncols=3, borderaxespad=0.2)


def _mean_level(spans: list[tuple[float, float]], edges: Any) -> Any:
    """Return how many of the spans cover each bin, on average over the bin."""
    import numpy as np

    if not spans:
        return np.zeros(len(edges) - 1)
    times = np.asarray(spans, dtype=float)
    # the integral of "how many have begun" at t is the sum of (t - begin) over those begun
    total = _begun(times[:, 0], edges) - _begun(times[:, 1], edges)
    return np.maximum(np.diff(total) / np.diff(edges), 0)


def _begun(times: Any, edges: Any) -> Any:
    import numpy as np

    times = np.sort(times)
    count = np.searchsorted(times, edges, side="right")
    return count * edges - np.concatenate(([0.0], np.cumsum(times)))[count]


def _delays(
    ax: Axes,
    delivered: list[tuple[float, float]],
    failures: dict[str, list[tuple[float, float]]],
    first: float,
    last: float,
) -> None:
    import numpy as np
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    data = np.asarray(delivered or [(first, 1e-3)], dtype=float)
    data[:, 1] = np.maximum(data[:, 1], 1e-3)
    low, high = float(data[:, 1].min()), float(data[:, 1].max())
    high = max([high, *(age for points in failures.values() for _, age in points)])
    ax.set_yscale("log")
    ax.set_ylim(low / 1.3, high * 1.6)
    _cloud(ax, data, (first, last), (low / 1.3, high * 1.6))
    _quantiles(ax, data, first, last)
    for kind, points in failures.items():
        name, look = ENDS[kind]
        xs, ys = zip(*points[:: max(1, len(points) // 80)], strict=True)
        label = f"{name} ({len(points):,}{', some drawn' if len(xs) < len(points) else ''})"
        ax.plot(
            xs, ys, ls="", zorder=4, label=label, alpha=0.8, rasterized=True, **{**look, "ms": 4}
        )
    ticks = _round_times(low / 1.3, high * 1.6)
    ax.yaxis.set_major_locator(FixedLocator(ticks))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda t, _: time_taken(t)))
    ax.set_ylabel("time to the outcome")
    from matplotlib.transforms import ScaledTranslation

    below = ax.transAxes + ScaledTranslation(0, -44 / 72, ax.figure.dpi_scale_trans)
    place: dict[str, Any] = {"bbox_to_anchor": (0, 0), "bbox_transform": below, "borderaxespad": 0}
    ax.legend(loc="upper left", ncols=4, **place)


def _failures(
    messages: list[Itinerary], end: float, wrong: Wrongs
) -> dict[str, list[tuple[float, float]]]:
    """Return for each end but delivery when the mail was submitted, and how long it took."""
    by_kind: dict[str, list[tuple[float, float]]] = {}
    for message in messages:
        for kind, t in _all_ends(message, end, wrong):
            if kind in _MARKED and kind not in ("refuse", "expired"):
                by_kind.setdefault(kind, []).append((message.t, max(t - message.t, 1e-3)))
    return by_kind


def _cloud(ax: Axes, data: Any, xs: tuple[float, float], ys: tuple[float, float]) -> None:
    """Draw how many deliveries there were, darker for more, on a logarithmic scale."""
    import numpy as np
    from matplotlib.colors import LinearSegmentedColormap, LogNorm

    bins = (np.linspace(*xs, 241), np.geomspace(*ys, 73))
    counts, *_ = np.histogram2d(data[:, 0], data[:, 1], bins=bins)
    shown = np.ma.masked_equal(counts.T, 0)
    greys = LinearSegmentedColormap.from_list(
        "deliveries", [plot_style.tint("command", 0.15), plot_style.tint("command", 0.65)]
    )
    norm = LogNorm(vmin=1, vmax=max(float(counts.max()), 2.0))
    ax.pcolormesh(*bins, shown, cmap=greys, norm=norm, rasterized=True, zorder=1)
    ax.fill_between(
        [],
        [],
        color=plot_style.tint("command", 0.4),
        label="deliveries, darker where there are more",
    )


def _quantiles(ax: Axes, data: Any, first: float, last: float) -> None:
    import numpy as np

    edges = np.linspace(first, last, 61)
    place = np.clip(np.searchsorted(edges, data[:, 0], side="right") - 1, 0, 59)
    order = np.argsort(place, kind="stable")
    groups = np.split(data[order, 1], np.searchsorted(place[order], range(1, 60)))
    middles = (edges[:-1] + edges[1:]) / 2
    filled = [n for n, group in enumerate(groups) if len(group) >= 5]
    lines = ((50, "median", "-", 2.0), (95, "95 % took less", (0, (5, 2)), 1.4))
    for share, text, dashes, width in lines:
        values = [percentile(np.sort(groups[n]).tolist(), share) for n in filled]
        ax.plot(middles[filled], values, color="black", lw=width, ls=dashes, label=text, zorder=3)
