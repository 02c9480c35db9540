"""A picture of a design: fast and slow lines, relays, and single points of failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lab.lessons.design.task import SITES, cost, lines_of, needed
from lab.runtime.extras import is_installed
from lab.views.pictures import plot_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lab.topology.model import Topology

_LINES: Final[dict[str, dict[str, Any]]] = {
    "slow": {"color": plot_style.GREY, "lw": 1.2, "ls": (0, (5, 2))},
    "fast": {"color": plot_style.BLUE, "lw": 3.0},
}
_HOSTS: Final[dict[bool, dict[str, Any]]] = {
    False: {"marker": "o", "mfc": "white"},
    True: {"marker": "s", "mfc": plot_style.YELLOW},
}
_NEEDED: Final[dict[str, Any]] = {
    "marker": "X",
    "ms": 9,
    "mfc": plot_style.VERMILION,
    "mec": "white",
}


def sketch(topology: Topology, ax: Axes | None = None, *, failures: bool = False) -> Axes:
    """Draw the sites and lines of a design; fast lines are thick, hosts that relay are squares.

    ``failures``: put a cross on each site and line whose failure the design does not survive.
    Raises TopologyError if ``topology`` is not a design.
    """
    if ax is None and not is_installed("matplotlib"):
        from lab.lessons.design.plain_sketch import plain_sketch

        instead: Any = plain_sketch(topology, failures)
        drawn: Axes = instead
        return drawn
    lines = lines_of(topology)
    with plot_style.styled(ax):
        if ax is None:
            ax = plot_style.new_axes(10, 5.4)
        for a, b, speed in lines:
            ax.plot(*zip(SITES[a][:2], SITES[b][:2], strict=True), **_LINES[speed], zorder=1)
        for name, host in topology.hosts.items():
            _site(ax, name, host.relay)
        if failures:
            for part in needed(topology):
                ax.plot(*_middle(part), ls="", **_NEEDED, zorder=4)
        ax.set_title(f"{topology.title}: {cost(topology):,} a month")
        ax.set(aspect="equal", xlim=(-60, 1480), ylim=(40, 920))
        ax.axis("off")
        _legend(ax, {speed for *_, speed in lines}, topology, failures)
    return ax


def _site(ax: Axes, name: str, relay: bool) -> None:
    x, y, users = SITES[name]
    size = 11 + 2.5 * (len(users) - 1)
    ax.plot(x, y, ls="", ms=size, mec="black", mew=1.4, **_HOSTS[relay], zorder=3)
    text = name if len(users) == 1 else f"{name} ({len(users)} users)"
    box = {"facecolor": "white", "alpha": 0.8, "lw": 0, "pad": 1}
    ax.annotate(
        text, (x, y), (0, 9 + size / 2), textcoords="offset points",
        ha="center", va="center", fontsize=9, bbox=box, zorder=5,
    )  # fmt: skip


def _middle(part: str) -> tuple[float, float]:
    """Return the position of a site ("DALE"), or the middle of a line ("DALE - MILL")."""
    ends = [SITES[name] for name in part.split(" - ")]
    return sum(end.x for end in ends) / len(ends), sum(end.y for end in ends) / len(ends)


def _legend(ax: Axes, speeds: set[str], topology: Topology, failures: bool) -> None:
    from matplotlib.lines import Line2D

    rows = [
        Line2D([], [], label=f"{speed} line", **style)
        for speed, style in _LINES.items()
        if speed in speeds
    ]
    labels = {True: "host that relays", False: "host"}
    for relay in sorted({host.relay for host in topology.hosts.values()}):
        style = {"ls": "", "ms": 9, "mec": "black", "mew": 1.4, **_HOSTS[relay]}
        rows.append(Line2D([], [], label=labels[relay], **style))
    if failures:
        rows.append(Line2D([], [], ls="", label="the others cannot do without it", **_NEEDED))
    ax.legend(handles=rows, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=len(rows))
