"""What a map stands on: hosts by number, their places, and how a length of it looks on paper."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from lab.analysis import map_layout
from lab.analysis.channels import Traffic, traffic
from lab.trace.meta import LinkMeta
from lab.trace.trace import Trace
from lab.views.pictures import plot_style
from lab.views.pictures.fonts import pictured_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BEND: Final = 0.13
"""How far an arrow bends aside, as a share of its length."""


class MapGround:
    """The hosts and links of one map in their places, and what its legend has to explain.

    ``keys`` are the entries of the legend by their words, ``drawn`` the directions that have an
    arrow. ``pixels`` are how many make the width and the height of the area that hosts lie in.
    """

    def __init__(self, source: Trace | Mapping[str, Any], ax: Axes | None) -> None:
        self.meta = source.meta if isinstance(source, Trace) else source
        self.hosts: list[Mapping[str, Any]] = list(self.meta.get("hosts", ()))
        self.links: list[LinkMeta] = list(self.meta.get("links", ()))
        self.shown = pictured_names(self.meta)
        self.number = {str(host["name"]): n for n, host in enumerate(self.hosts)}
        self.environments = [
            str(environment["name"]) for environment in self.meta.get("environments", ())
        ]
        nothing = Traffic(Counter(), is_planned=False)
        self.traffic, self.planned = traffic(source) if isinstance(source, Trace) else nothing
        self.keys: dict[str, Any] = {}
        self.drawn: list[tuple[str, str]] = []
        self.own = ax is None
        self.places = map_layout.places(self.hosts, self.links)
        self.flat = len(self.hosts) < 2 or float(self.places[:, 1].std()) < 0.02
        self.ax = ax if ax is not None else plot_style.new_axes(12, 4.4 if self.flat else 7)
        self.size = 17.0 if len(self.hosts) <= 8 else 12 if len(self.hosts) <= 25 else 8
        if len(self.hosts) > map_layout.LABELLED:
            self.size = 5 if len(self.hosts) <= 300 else 2.5

    def lay_out(self) -> None:
        """Have the Axes span the area in which hosts lie, with a margin for words."""
        ax = self.ax
        ax.set_axis_off()
        if self.own:
            bottom, top = (0.2, 0.9) if self.flat else (0.13, 0.94)
            ax.set_position((0.02, bottom, 0.96, top - bottom))
        ax.set_xlim(-0.09, 1.09)
        ax.set_ylim(-0.12, 1.12)
        box = ax.get_window_extent()
        self.pixels = (float(box.width) / 1.18, float(box.height) / 1.24)
        self.dots = ax.figure.dpi / 72

    def ends(self, link: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return the places of a link's two hosts."""
        return self.places[self.number[str(link["a"])]], self.places[self.number[str(link["b"])]]

    def bend(self, a: Any, b: Any, share: float) -> Any:
        """Return the point beside the middle of a line, ``share`` of its length away on paper."""
        import numpy as np

        along = (b - a) * self.pixels
        return (a + b) / 2 + np.array([-along[1], along[0]]) * share / self.pixels

    def bends(self) -> list[tuple[Mapping[str, Any], float]]:
        """Return each link with how far it bends aside."""
        return list(zip(self.links, map_layout.bends(self.links), strict=True))


def curve(a: Any, through: Any, b: Any) -> list[Any]:
    """Return points of a bend from one place through another to a third."""
    pull = 2 * through - (a + b) / 2
    steps = [n / 16 for n in range(17)]
    return [(1 - t) ** 2 * a + 2 * t * (1 - t) * pull + t * t * b for t in steps]
