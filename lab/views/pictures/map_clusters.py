"""Large maps: hosts that lie near one another are one disc, and links between discs one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from lab.quantities import count_noun
from lab.views.pictures import plot_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CLUSTERED: Final = 800
"""With more hosts than this, hosts that are near one another are drawn together."""

_COLUMNS, _ROWS = 46, 24
"""The cells of the map; the hosts of each are drawn together."""

_LINES: Final = 500
"""The most lines: those that stand for most links."""


def draw_clusters(
    ax: Axes, places: Any, links: Sequence[tuple[int, int]], pixels: tuple[float, float]
) -> dict[str, Any]:
    """Draw hosts at ``places`` and the links between them by number; return what to explain.

    ``pixels`` are those of the unit square of the map. A disc's area stands for its hosts, a line's
    width for its links.
    """
    from matplotlib.collections import LineCollection
    from matplotlib.lines import Line2D

    cells = _cells(places)
    sizes = Counter(cells)
    centres = _centres(cells)
    between = Counter(
        (min(cells[a], cells[b]), max(cells[a], cells[b])) for a, b in links if cells[a] != cells[b]
    )
    strongest = between.most_common(_LINES)
    most = strongest[0][1] if strongest else 1
    lines = LineCollection(
        [(centres[a], centres[b]) for (a, b), _ in strongest],
        linewidths=[0.3 + 3.2 * (count / most) ** 0.5 for _, count in strongest],
        colors=plot_style.LINE, alpha=0.35, zorder=1, gid="links",
    )  # fmt: skip
    ax.add_collection(lines, autolim=False)
    room = min(pixels[0] / _COLUMNS, pixels[1] / _ROWS) * 72 / float(ax.figure.dpi)
    largest = max(sizes.values())
    for cell, count in sorted(sizes.items(), key=lambda cell_size: -cell_size[1]):
        (disc,) = ax.plot(
            *centres[cell], "o", ms=max(2.2, 0.98 * room * (count / largest) ** 0.5),
            mfc=plot_style.tint("session", 0.55), mec=plot_style.colour("ink"), mew=0.5, zorder=3,
        )  # fmt: skip
        disc.set_gid("hosts together")
    left = len(between) - len(strongest)
    words = f"links (broadest: {most:,})" + (f", {left:,} thinner lines left out" if left else "")
    return {
        f"hosts near one another (largest disc: {count_noun(largest, 'host')})": Line2D(
            [], [], ls="", marker="o", ms=11, mfc=plot_style.tint("session", 0.55),
            mec=plot_style.colour("ink"),
        ),
        words: Line2D([], [], color=plot_style.LINE, lw=3, alpha=0.5),
    }  # fmt: skip


def _cells(places: Any) -> list[int]:
    """Return the cell of each host."""
    return [
        min(int(x * _COLUMNS), _COLUMNS - 1) + _COLUMNS * min(int(y * _ROWS), _ROWS - 1)
        for x, y in places.tolist()
    ]


def _centres(cells: Sequence[int]) -> dict[int, tuple[float, float]]:
    """Return the middle of each cell in which there is a host: discs do not overlap there."""
    return {
        cell: ((cell % _COLUMNS + 0.5) / _COLUMNS, (cell // _COLUMNS + 0.5) / _ROWS)
        for cell in set(cells)
    }
