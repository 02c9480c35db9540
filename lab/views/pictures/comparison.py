"""A simulated run beside a live one: how long the same mail took in each."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Final

from lab.analysis.account import Account
from lab.analysis.likeness import likeness, sentence
from lab.analysis.measures import delivery_times
from lab.analysis.pairing import match_messages
from lab.quantities import count_noun
from lab.views.pictures import plot_style

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from lab.trace.trace import Trace


MOST_DRAWN: Final = 12
"""The most differences that stand below the picture."""


def comparison(simulated: Trace, live: Trace, ax: Axes | None = None) -> Axes:
    """Draw a point for each recipient: its delivery time in the simulation, and live.

    On the line the two are equal. Mail that was delivered in one run only is at the edge. The
    figures of ``likeness`` stand below, and the differences.
    """
    alike = likeness(simulated, live)
    with plot_style.styled(ax):
        ax = ax if ax is not None else plot_style.new_axes(8, 6.4)
        ours, theirs = _times(simulated, live)
        both = sorted(ours.keys() & theirs.keys())
        xs, ys = [ours[key] for key in both], [theirs[key] for key in both]
        most = max([*ours.values(), *theirs.values(), 1e-3])
        least = min([x for x in (*ours.values(), *theirs.values()) if x > 0] or [most / 10])
        logarithmic = most > 30 * least
        low, high = (least / 1.5, most * 1.5) if logarithmic else (0.0, most * 1.08)
        if logarithmic:
            ax.set_xscale("log")
            ax.set_yscale("log")
        ax.plot([low, high], [low, high], color=plot_style.GREY, lw=1.2, ls="--", label="the same")
        ax.plot(
            xs, ys, ls="", marker="o", ms=6, mfc=plot_style.SKY, mec=plot_style.BLUE, alpha=0.8,
            label="a recipient",
        )  # fmt: skip
        alone = [ours[key] for key in ours.keys() - theirs.keys()]
        alone_live = [theirs[key] for key in theirs.keys() - ours.keys()]
        if alone or alone_live:
            ax.plot(
                [*alone, *[low] * len(alone_live)], [*[low] * len(alone), *alone_live], ls="",
                marker="X", ms=9, color=plot_style.VERMILION, clip_on=False,
                label="delivered in one only",
            )  # fmt: skip
        ax.set_xlim(low, high)
        ax.set_ylim(low, high)
        ax.set_aspect("equal")
        ax.set_xlabel("simulated: time until delivery (s)")
        ax.set_ylabel("live: time until delivery (s)")
        ax.set_title(
            plot_style.shorten(str(simulated.meta.get("title") or "Simulated and live"), 60)
        )
        ax.grid(visible=True)
        ax.legend(loc="upper left")
        write_figures(ax, alike, 44)
    return ax


def write_figures(ax: Axes, alike: Mapping[str, Any], points: float) -> None:
    """Write the figures of ``likeness`` and the first differences below a picture."""
    lines = sentences(alike)
    _write_below(ax, points, lines, plot_style.colour("ink"))
    _write_below(
        ax, points + 4 + 12 * len(lines), _shown_differences(alike["differences"]),
        plot_style.colour("text-bad"),
    )  # fmt: skip


def _write_below(ax: Axes, points: float, lines: Sequence[str], colour: str) -> None:
    """Write lines below the axes, at a distance in points."""
    ax.annotate(
        "\n".join(lines), (0.0, 0.0), xycoords="axes fraction", xytext=(0, -points),
        textcoords="offset points", ha="left", va="top", fontsize=8.5, color=colour,
        parse_math=False,
    )  # fmt: skip


def _times(
    simulated: Trace, live: Trace
) -> tuple[dict[tuple[int, str], float], dict[tuple[int, str], float]]:
    """Return the delivery times of both runs, by the numbers of messages in the simulated one."""
    matched = match_messages(simulated.rows, live.rows)
    times = delivery_times(Account(live.rows))
    theirs = {(matched.get(n, -n), id_): time for (n, id_), time in times.items()}
    return delivery_times(Account(simulated.rows)), theirs


def _shown_differences(differences: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the first differences in lines that fit below the picture."""
    lines = []
    for difference in differences[:MOST_DRAWN]:
        lines += textwrap.wrap(sentence(dict(difference)), 110, subsequent_indent="    ")
    if (undrawn := len(differences) - MOST_DRAWN) > 0:
        lines.append(f"and {count_noun(undrawn, 'more difference')}: lab compare --json has all")
    return lines


def sentences(alike: Mapping[str, Any]) -> list[str]:
    """Return the figures of merit as lines of text."""
    submitted, sessions, octets = alike["submitted"], alike["sessions"], alike["octets"]
    lines = [
        f"recipients: {_both(submitted)} submitted, {alike['recipients']} delivered in both",
        f"the same outcome: {100 * alike['same_outcome']:.4g} %",
        f"the same bytes: {100 * alike['same_octets']:.4g} % "
        f"({_both(sessions, 'session')}, {_both(octets, 'byte')})",
    ]
    if "median_difference" in alike:
        lines.append(f"live takes {alike['median_difference']:+.3g} s longer (median)")
        lines.append(f"95 % differ by less than {alike['p95_difference']:.3g} s")
    if alike["correlation"] is not None:
        lines.append(f"correlation {alike['correlation']:.4f}")
    return lines


def _both(counts: Mapping[str, int], noun: str = "") -> str:
    """Return the two counts of a figure with its noun, or one if they are the same."""
    ours, theirs = counts["simulated"], counts["live"]
    if ours == theirs:
        return count_noun(ours, noun) if noun else f"{ours:,}"
    return f"{ours:,} simulated and {theirs:,} live {noun}{'s' if noun else ''}".rstrip()
