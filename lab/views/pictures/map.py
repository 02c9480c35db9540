"""The map: hosts, relays and routers, their links by environment, and the routes that mail took.

Hosts lie where the topology or :mod:`lab.analysis.map_layout` puts them, the same in every run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from lab.analysis import map_layout
from lab.analysis.faults import fault_intervals
from lab.quantities import count_noun
from lab.trace.meta import Meta
from lab.trace.trace import Trace, check_trace
from lab.views import visual_language
from lab.views.pictures import plot_style
from lab.views.pictures.judged import judged
from lab.views.pictures.map_clusters import CLUSTERED, draw_clusters
from lab.views.pictures.map_ground import BEND, MapGround, curve
from lab.views.pictures.map_words import MapWords

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lab.topology.model import Topology

LARGE: Final = 120
"""With more hosts than this, only the busiest routes of the mail are drawn."""

ARROWS: Final = 80
"""The most arrows on such a map."""

_KINDS: Final[dict[str, dict[str, Any]]] = {
    kind: {"marker": sign.marker, "mfc": plot_style.colour(sign.colour),
           "mec": plot_style.colour("ink"), "mew": 1.4 if kind != "router" else 1.0}
    for kind, sign in visual_language.HOSTS.items()
}  # fmt: skip
_FAULT_LOOKS: Final[dict[bool, dict[str, Any]]] = {
    is_down: {"says": sign.words, "marker": sign.marker, "mfc": plot_style.colour(sign.colour),
              "mec": "white", "mew": 0.9} if sign.is_full
    else {"says": sign.words, "marker": sign.marker, "mfc": "white",
          "mec": plot_style.colour(sign.colour), "mew": 2.0}
    for is_down, sign in ((True, visual_language.FAULTS["down"]),
                          (False, visual_language.FAULTS["disturbed"]))
}  # fmt: skip


@judged("map")
def network_map(source: Trace | Meta, ax: Axes | None = None) -> Axes:
    """Draw the map of a trace, or of a topology as ``trace.meta`` describes it; return its Axes.

    Of a trace, the sessions are drawn too, as arrows along the links that they crossed.
    """
    if not isinstance(source, Mapping):
        check_trace(source)
    return map_of(source, ax).ax


def map_of(source: Trace | Meta, ax: Axes | None = None) -> Map:
    """Draw the map and return it with the places of its hosts, to draw more over it."""
    with plot_style.styled(ax):
        picture = Map(source, ax)
        picture.draw()
    return picture


class Map(MapGround):
    """One map as it is drawn: links, arrows, hosts, marks of what failed, and the legend."""

    def __init__(self, source: Trace | Mapping[str, Any], ax: Axes | None) -> None:
        super().__init__(source, ax)
        self.faults = fault_intervals(source) if isinstance(source, Trace) else []

    def draw(self) -> None:
        """Draw links, then hosts over them, then words in the places that are left."""
        self.lay_out()
        ax = self.ax
        if len(self.hosts) > CLUSTERED:
            ends = [
                (self.number[str(link["a"])], self.number[str(link["b"])]) for link in self.links
            ]
            self.keys.update(draw_clusters(ax, self.places, ends, self.pixels))
            self._arrows()
        else:
            self._links()
            self._arrows()
            self._hosts()
        self._faults()
        words = MapWords(self)
        words.names()
        words.links()
        ax.set_title(plot_style.shorten(str(self.meta.get("title") or "Map"), 90))
        self._legend()

    # -- links -----------------------------------------------------------------------------------

    def _links(self) -> None:
        from matplotlib.collections import LineCollection

        groups: dict[str, list[Any]] = defaultdict(list)
        for link, share in self.bends():
            a, b = self.ends(link)
            groups[str(link.get("environment", ""))].append(curve(a, self.bend(a, b, share), b))
        width = 1.8 if len(self.links) <= 80 else 1.0 if len(self.links) <= 400 else 0.35
        order = [*self.environments, *sorted(set(groups) - set(self.environments))]
        for number, name in enumerate(order):
            if groups[name]:
                place = number % len(plot_style.LINES)
                drawn = LineCollection(groups[name], colors=plot_style.LINE_COLOURS[place])
                drawn.set(linewidth=width, linestyle=plot_style.LINES[place], zorder=1)
                drawn.set_alpha(1.0 if len(self.links) <= 400 else 0.4)
                drawn.set_gid(f"links {name}")
                self.ax.add_collection(drawn, autolim=False)
                self._key_line(name, plot_style.LINE_COLOURS[place], plot_style.LINES[place])

    def _key_line(self, name: str, colour: str, dashes: Any) -> None:
        from matplotlib.lines import Line2D

        self.keys[f"link of {name}"] = Line2D([], [], color=colour, ls=dashes, lw=1.8)

    # -- the routes that mail took ----------------------------------------------------------------

    def _arrows(self) -> None:
        """Draw an arrow for each direction in which sessions were opened, broader for more."""
        if not self.traffic:
            return
        most = max(self.traffic.values())
        for (a, b), count in sorted(self._drawn().items()):
            if a in self.number and b in self.number:
                self.drawn.append((a, b))
                self._arrow(a, b, 1.2 + 3.4 * (count / most) ** 0.5 if most > 1 else 2.2)
        self._key_arrows()

    def _drawn(self) -> dict[tuple[str, str], int]:
        """Return the directions that get an arrow: all, or on a large map the busiest."""
        if len(self.hosts) <= LARGE:
            return dict(self.traffic)
        busiest = sorted(self.traffic, key=lambda pair: (-self.traffic[pair], pair))
        return {pair: self.traffic[pair] for pair in busiest[:ARROWS]}

    def _arrow(
        self, a: str, b: str, width: float, colour: str = plot_style.BLUE, dashes: Any = "-"
    ) -> None:
        from matplotlib.patches import FancyArrowPatch

        gap = self.size / 2 + 4
        width = width if len(self.hosts) <= 25 else width * 0.6
        arrow = FancyArrowPatch(
            tuple(self.places[self.number[a]]),
            tuple(self.places[self.number[b]]),
            connectionstyle=f"arc3,rad={BEND}",
            arrowstyle=f"-|>,head_length={2.5 + width:.2f},head_width={1.2 + width / 2:.2f}",
            shrinkA=gap,
            shrinkB=gap,
            lw=width,
            color=colour,
            ls=dashes,
            alpha=0.6,
            zorder=2,
        )
        arrow.set_gid(f"route {a} {b}")
        self.ax.add_patch(arrow)

    def _key_arrows(self) -> None:
        from matplotlib.lines import Line2D

        most = max(self.traffic.values())
        several, single = (
            ("recipients' mail", "mail") if self.planned else ("sessions", "a session")
        )
        name = f"{several} (broadest: {most:,})" if most > 1 else single
        if len(self.hosts) > LARGE and len(self.traffic) > ARROWS:
            name = (
                f"{several}, the {ARROWS} busiest of {len(self.traffic):,} routes (most: {most:,})"
            )
        self.keys[name] = Line2D([], [], color=plot_style.BLUE, alpha=0.6, lw=3.5, marker=5, ms=8)

    # -- hosts -----------------------------------------------------------------------------------

    def _hosts(self) -> None:
        for kind, look in _KINDS.items():
            numbers = [n for n, host in enumerate(self.hosts) if map_layout.kind_of(host) == kind]
            if not numbers:
                continue
            size = self.size * (1.0 if kind != "router" else 0.62)
            look = look if self.size > 6 else {**look, "mew": 0.4 if self.size > 3 else 0.2}
            at = self.places[numbers]
            (drawn,) = self.ax.plot(at[:, 0], at[:, 1], ls="", ms=size, zorder=3, **look)
            drawn.set_gid(f"hosts {kind}")
            self._key_host(kind, look)

    def _key_host(self, kind: str, look: dict[str, Any]) -> None:
        from matplotlib.lines import Line2D

        words = visual_language.HOSTS[kind].words
        self.keys[words] = Line2D([], [], ls="", ms=9, **{**look, "mew": 1.2})

    # -- what failed -----------------------------------------------------------------------------

    def _faults(self) -> None:
        """Draw a cross where nothing got through for a time, a diamond for any other fault.

        The mark of a link is a quarter of its length from one end, where no word stands.
        """
        for is_down, look in _FAULT_LOOKS.items():
            places = {
                place
                for fault in self.faults
                if fault.is_down is is_down
                for place in fault.places(self.links)
                if place[0] in self.number
            }
            links = {(a, b) for a, b in places if b is not None and b in self.number}
            hosts = {a for a, b in places if b is None}
            at = [self._of_link(a, b) for a, b in sorted(links)]
            self._mark(at, f"link that was {look['says']}", look, 9)
            at = [self.places[self.number[a]] for a in sorted(hosts)]
            self._mark(at, f"host that was {look['says']}", look, self.size * 0.8)

    def _of_link(self, a: str, b: str) -> Any:
        """Return where the mark of the link of two hosts is."""
        for link, share in self.bends():
            if {str(link["a"]), str(link["b"])} == {a, b}:
                start, end = self.ends(link)
                # a curve is there, a quarter of its length on, three eighths of its bend aside
                bent = self.bend(start, end, share) - (start + end) / 2
                return start * 0.75 + end * 0.25 + bent * 0.375
        near, far = self.places[self.number[a]], self.places[self.number[b]]
        return near * 0.75 + far * 0.25

    def _mark(self, at: list[Any], name: str, look: Mapping[str, Any], size: float) -> None:
        if not at:
            return
        from matplotlib.lines import Line2D

        own = {key: value for key, value in look.items() if key != "says"}
        size = min(size, 11) if len(self.hosts) <= 60 else 5
        xs, ys = [float(x) for x, _ in at], [float(y) for _, y in at]
        (drawn,) = self.ax.plot(xs, ys, ls="", ms=size, zorder=5, **own)
        drawn.set_gid(f"faults {name}")
        self.keys[name] = Line2D([], [], ls="", ms=9, **own)

    def _legend(self) -> None:
        self._mention_unplaced()
        if not self.keys:
            self.ax.text(0.5, 0.5, "no hosts", ha="center")
            return
        self.ax.legend(
            list(self.keys.values()),
            list(self.keys),
            loc="upper left",
            bbox_to_anchor=(0.0, 0.0),
            ncols=plot_style.legend_columns(list(self.keys), self.pixels[0] * 1.18 / self.dots, 4),
            borderaxespad=0.2,
            handlelength=3,
        )

    def _mention_unplaced(self) -> None:
        """Say in the legend how many hosts have no position of their own."""
        from matplotlib.lines import Line2D

        count = map_layout.without_place(self.hosts)
        if count:
            unplaced = count_noun(count, "host") + " without a position, between neighbours"
            self.keys[unplaced] = Line2D([], [], ls="")


def map_trace(topology: Topology, seed: int = 0) -> Trace:
    """Return a trace in which nothing happens, to draw the map of a topology that was not run."""
    from lab.topology.describe import describe

    return Trace([(0.0, "start", "", None, None, None, describe(topology, seed))])
