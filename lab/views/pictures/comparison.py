"""A simulated run beside a live one: how long the same mail took in each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.analysis.account import Account
from lab.analysis.measures import delivery_times, likeness
from lab.views.pictures import plot_style

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

    from lab.trace.trace import Trace


def comparison(simulated: Trace, live: Trace, ax: Axes | None = None) -> Axes:
    """Draw a point for each recipient: its delivery time in the simulation, and live.

    On the line the two are equal. The figures of ``likeness`` stand beside it.
    """
    with plot_style.styled(ax):
        ax = ax if ax is not None else plot_style.new_axes(8, 6.4)
        ours, theirs = (delivery_times(Account(trace.rows)) for trace in (simulated, live))
        both = sorted(ours.keys() & theirs.keys())
        xs, ys = [ours[key] for key in both], [theirs[key] for key in both]
        most = max([*xs, *ys, 1e-3])
        least = min([x for x in (*xs, *ys) if x > 0] or [most / 10])
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
        ax.text(
            0.98, 0.03, "\n".join(sentences(likeness(simulated, live))), transform=ax.transAxes,
            ha="right", va="bottom", fontsize=9,
            bbox={"boxstyle": "round", "fc": "white", "ec": plot_style.GREY, "alpha": 0.9},
        )  # fmt: skip
    return ax


def sentences(found: Mapping[str, Any]) -> list[str]:
    """Return the figures of merit as lines of text."""
    lines = [
        f"{found['recipients']} recipients delivered in both",
        f"the same outcome: {100 * found['same_outcome']:.4g} %",
    ]
    if "median_difference" in found:
        lines.append(f"live takes {found['median_difference']:+.3g} s longer (median)")
        lines.append(f"95 % differ by less than {found['p95_difference']:.3g} s")
    if found["correlation"] is not None:
        lines.append(f"correlation {found['correlation']:.4f}")
    return lines
