"""The map of two runs: links coloured by how much more, or less, they carried in the second."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from lab.analysis.differences import Differences, LinkChange
from lab.quantities import count_noun, time_taken
from lab.trace.meta import Meta
from lab.views.pictures import plot_style
from lab.views.pictures.map import Map

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST: Final = 120
"""Directions of links that have an arrow; of more, those that changed most."""

MORE, LESS = plot_style.VERMILION, plot_style.BLUE


def load_changes(differences: Differences, meta: Meta, ax: Axes | None = None) -> Axes:
    """Draw the map with an arrow for each direction of a link whose load changed.

    Those that carried more in run B are solid, those that carried less are dashed; the broader, the
    larger the change. ``meta`` describes the topology. On ``ax``, or on a figure of its own.
    """
    with plot_style.styled(ax):
        picture = _ChangeMap(differences, meta, ax)
        picture.draw()
        picture.ax.set_title(
            plot_style.fitted_title(picture.ax, "Load of the links in B, compared with A")
        )
    return picture.ax


class _ChangeMap(Map):
    """The map whose arrows are changes of load."""

    def __init__(self, differences: Differences, meta: Meta, ax: Axes | None) -> None:
        super().__init__(meta, ax)
        self.unit = differences.loads.unit
        self.changed = [
            each
            for each in differences.loads.changed()
            if each.host in self.number and each.peer in self.number
        ]
        # of many hosts, those at the largest changes have names
        most = max((abs(each.change) for each in self.changed), default=1.0)
        for each in self.changed:
            share = abs(each.change) / most
            self.traffic[each.host, each.peer] += math.ceil(1000 * share)

    def _arrows(self) -> None:
        most = max((abs(each.change) for each in self.changed), default=0.0)
        for each in self.changed[:MOST]:
            self.drawn.append((each.host, each.peer))
            width = 1.2 + 3.8 * (abs(each.change) / most) ** 0.5
            colour, dashes = (MORE, "-") if each.change > 0 else (LESS, _DASHES)
            self._arrow(each.host, each.peer, width, colour, dashes)
        self._key_arrows()

    def _key_arrows(self) -> None:
        from matplotlib.lines import Line2D

        for word, links, look in (
            ("more", [each for each in self.changed if each.change > 0], (MORE, "-")),
            ("less", [each for each in self.changed if each.change < 0], (LESS, _DASHES)),
        ):
            if links:
                largest = max(links, key=lambda each: abs(each.change))
                name = f"{word} (most: {amount(largest, self.unit)})"
                self.keys[name] = Line2D([], [], color=look[0], ls=look[1], lw=2.6, alpha=0.7)
        if (left := len(self.changed) - MOST) > 0:
            self.keys[f"and {left:,} smaller changes"] = Line2D([], [], ls="")
        if not self.changed:
            why = "no link carried more or less" if self.unit else "links were not recorded"
            self.keys[why] = Line2D([], [], ls="")


_DASHES: Final = (0, (4, 1.5))


def amount(change: LinkChange, unit: str) -> str:
    """Return by how much the load of a link changed, with its unit."""
    value = abs(change.change)
    if unit == "busy seconds":
        return f"busy {time_taken(value)} {'longer' if change.change > 0 else 'less'}"
    return count_noun(round(value), unit.removesuffix("s"))
