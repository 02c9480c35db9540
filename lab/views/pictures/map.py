"""The map: hosts, relays and routers, their links by environment, and the routes that mail took.

Hosts lie where the topology or :mod:`lab.analysis.map_layout` puts them, the same in every run.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from lab.analysis import map_layout
from lab.analysis.channels import Traffic, traffic
from lab.analysis.faults import fault_intervals
from lab.quantities import bandwidth, count_noun, duration
from lab.trace.meta import LinkMeta, Meta
from lab.trace.trace import Trace, check_trace
from lab.views import visual_language
from lab.views.pictures import plot_style
from lab.views.pictures.fonts import pictured_names
from lab.views.pictures.judged import judged
from lab.views.pictures.map_clusters import CLUSTERED, draw_clusters

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lab.topology.model import Topology

LARGE: Final = 120
"""With more hosts than this, only the busiest routes of the mail are drawn."""

ARROWS: Final = 80
"""The most arrows on such a map."""

_BEND: Final = 0.13
"""How far an arrow bends aside, as a share of its length."""
_ON_LINE: Final = 0.9
"""What it costs words to lie on a sample of a line: two rings further out, words cost 3."""

_HEAD: Final = 12
"""The head of an arrow counts as much as this many points of a line when words are placed."""
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


class Map:
    """One map: hosts by number, their places, and what the legend has to explain."""

    def __init__(self, source: Trace | Mapping[str, Any], ax: Axes | None) -> None:
        self.meta = source.meta if isinstance(source, Trace) else source
        self.hosts: list[Mapping[str, Any]] = list(self.meta.get("hosts", ()))
        self.links: list[LinkMeta] = list(self.meta.get("links", ()))
        self.shown = pictured_names(self.meta)
        self.number = {str(host["name"]): n for n, host in enumerate(self.hosts)}
        self.environments = [
            str(environment["name"]) for environment in self.meta.get("environments", ())
        ]
        self.faults = fault_intervals(source) if isinstance(source, Trace) else []
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

    def draw(self) -> None:
        """Draw links, then hosts over them, then words in the places that are left."""
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
        if len(self.hosts) > CLUSTERED:
            ends = [(self.number[str(one["a"])], self.number[str(one["b"])]) for one in self.links]
            self.keys.update(draw_clusters(ax, self.places, ends, self.pixels))
            self._arrows()
        else:
            self._links()
            self._arrows()
            self._hosts()
        self._faults()
        words = _Words(self)
        words.names()
        words.links()
        ax.set_title(plot_style.shorten(str(self.meta.get("title") or "Map"), 90))
        self._legend()

    def ends(self, link: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return the places of a link's two hosts."""
        return self.places[self.number[str(link["a"])]], self.places[self.number[str(link["b"])]]

    def bend(self, a: Any, b: Any, share: float) -> Any:
        """Return the point beside the middle of a line, ``share`` of its length away on paper."""
        import numpy as np

        along = (b - a) * self.pixels
        return (a + b) / 2 + np.array([-along[1], along[0]]) * share / self.pixels

    # -- links -----------------------------------------------------------------------------------

    def _links(self) -> None:
        from matplotlib.collections import LineCollection

        groups: dict[str, list[Any]] = defaultdict(list)
        for link, share in self.bends():
            a, b = self.ends(link)
            groups[str(link.get("environment", ""))].append(_curve(a, self.bend(a, b, share), b))
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

    def bends(self) -> list[tuple[Mapping[str, Any], float]]:
        """Return each link with how far it bends aside."""
        return list(zip(self.links, map_layout.bends(self.links), strict=True))

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
            connectionstyle=f"arc3,rad={_BEND}",
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
            these = [n for n, host in enumerate(self.hosts) if map_layout.kind_of(host) == kind]
            if not these:
                continue
            size = self.size * (1.0 if kind != "router" else 0.62)
            look = look if self.size > 6 else {**look, "mew": 0.4 if self.size > 3 else 0.2}
            at = self.places[these]
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
            these = {
                place
                for fault in self.faults
                if fault.is_down is is_down
                for place in fault.places(self.links)
                if place[0] in self.number
            }
            links = {(a, b) for a, b in these if b is not None and b in self.number}
            hosts = {a for a, b in these if b is None}
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


class _Words:
    """Puts names and numbers where they cover least; what finds no free place is left out."""

    def __init__(self, of: Map) -> None:
        import numpy as np

        self.of = of
        self.points = of.places * of.pixels
        lines = [of.ends(link) for link in of.links[:600]]
        along = np.linspace(0.0, 1.0, 25)[:, None]
        samples = [(a + (b - a) * along) * of.pixels for a, b in lines]
        # and the routes of the mail, which bend as their arrows do
        for a, b in list(of.drawn)[:600]:
            ends = of.places[of.number[a]], of.places[of.number[b]]
            bent = of.bend(*ends, -_BEND / 2)
            curve = np.array(_curve(ends[0], bent, ends[1])) * of.pixels
            samples += [curve, (curve[1:] + curve[:-1]) / 2]
            # a word may lie on a line, but hardly on its head
            direction = curve[-2] - curve[-1]
            reach = (of.size / 2 + 9) * of.dots / max(float(np.hypot(*direction)), 1e-9)
            samples.append(np.repeat([curve[-1] + direction * reach], _HEAD, axis=0))
        self.crossed = np.concatenate(samples) if samples else np.zeros((0, 2))
        self.boxes: list[tuple[float, float, float, float]] = []
        self.unnamed = 0

    def names(self) -> None:
        """Write a name at each host, or at the busiest of very many."""
        of = self.of
        for n in map_layout.labelled(of.hosts, of.links, of.traffic):
            self._name(n)
        if self.unnamed:
            from matplotlib.lines import Line2D

            words = f"no room for {count_noun(self.unnamed, 'name')}"
            of.keys[words] = Line2D([], [], ls="")

    def _name(self, n: int) -> None:
        """Write the name with users and a warning, or as much of it as covers no other."""
        of = self.of
        host = of.hosts[n]
        few = len(of.hosts) <= 15
        size = 10 if few else 8 if len(of.hosts) <= 30 else 7
        longest = 30 if few else 22
        name = of.shown[str(host["name"])]
        more = []
        many = map_layout.users_of(host)
        if few and many:
            more.append(count_noun(many, "user"))
        if few and host.get("careless"):
            more.append("careless")
        whole = "\n".join((plot_style.shorten(name, longest), *more))
        texts = (whole, *(plot_style.shorten(name, most) for most in (longest, 16, 10, 6)))
        if not any(self._put(text, n, size) for text in dict.fromkeys(texts)):
            self.unnamed += 1

    def _put(self, text: str, n: int, size: float) -> bool:
        """Write a text at the best of many places around a host; return False if none is free."""
        of = self.of
        width, height = self._extent(text, size)
        best = min(self._around(n, width, height), key=lambda place: (round(place[0], 3), place[1]))
        _, _, box = best
        if any(_overlap(box, other) for other in self.boxes):
            return False
        self.boxes.append(box)
        x, y = (box[0] + box[2]) / 2 / of.pixels[0], (box[1] + box[3]) / 2 / of.pixels[1]
        look = {"facecolor": "white", "alpha": 0.75, "lw": 0, "pad": 0.6}
        drawn = of.ax.text(x, y, text, ha="center", va="center", fontsize=size, bbox=look, zorder=4)
        drawn.set_gid("name")
        return True

    def _extent(self, text: str, size: float) -> tuple[float, float]:
        lines = text.split("\n")
        width = max(plot_style.text_width(line, size) for line in lines)
        return width * self.of.dots + 3, len(lines) * size * 1.25 * self.of.dots

    def _around(self, n: int, width: float, height: float) -> list[Any]:
        """Return candidates (cost, order, box), with boxes in pixels of the Axes."""
        import math

        places = []
        x, y = self.points[n]
        near = self.of.size / 2 * self.of.dots + 4
        wide = self.of.pixels[0]
        for ring in (0, 1, 2):
            for step, turn in enumerate((-90, 90, 0, 180, -45, -135, 45, 135)):
                dx, dy = math.cos(math.radians(turn)), math.sin(math.radians(turn))
                reach = near + ring * 12
                cx = x + dx * (reach + width / 2)
                cy = y + dy * (reach + height / 2)
                if turn % 90:  # a corner of the words towards the host
                    cx = x + math.copysign(reach * 0.55 + width / 2, dx)
                    cy = y + math.copysign(reach * 0.75 + height / 2, dy)
                elif turn % 180:  # above or below, and moved aside to stay within the figure
                    cx = min(max(cx, width / 2 - 0.085 * wide), 1.085 * wide - width / 2)
                box = (cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)
                places.append((self._cost(box, n) + ring * 1.5, ring * 8 + step, box))
        return places

    def _cost(self, box: tuple[float, float, float, float], n: int | None) -> float:
        left, bottom, right, top = box
        cost = 12.0 * sum(_overlap(box, other) for other in self.boxes)
        reach = self.of.size / 2 * self.of.dots
        apart = (self.points > (left - reach, bottom - reach)) & (
            self.points < (right + reach, top + reach)
        )
        inside = apart.all(1)
        cost += 8.0 * (int(inside.sum()) - (1 if n is not None and inside[n] else 0))
        if len(self.crossed):
            under = (self.crossed > (left, bottom)) & (self.crossed < (right, top))
            cost += _ON_LINE * int(under.all(1).sum())
        width, height = self.of.pixels
        out = max(-0.085 * width - left, right - 1.085 * width, 0.0)
        out += max(-0.115 * height - bottom, top - 1.115 * height, 0.0)
        return cost + out

    def links(self) -> None:
        """Write latency and bandwidth on each link, if they are few and there is room."""
        of = self.of
        if len(of.links) > 16:
            return
        for link, share in of.bends():
            text = _link_text(link)
            if text:
                self._on_link(link, share, text)

    def _on_link(self, link: Mapping[str, Any], share: float, text: str) -> None:
        of = self.of
        a, b = of.ends(link)
        width, height = self._extent(text, 8)
        for place in (0.5, 0.4, 0.6, 0.3, 0.7):
            middle = of.bend(a, b, share) if place == 0.5 else a + (b - a) * place
            x, y = middle * of.pixels
            box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
            if all(_overlap(box, other) == 0 for other in self.boxes) and not self._on_host(box):
                self.boxes.append(box)
                look = {"facecolor": "white", "alpha": 0.85, "lw": 0, "pad": 1.2}
                at = (float(middle[0]), float(middle[1]))
                drawn = of.ax.text(*at, text, ha="center", va="center", fontsize=8, bbox=look)
                drawn.set(zorder=4, color=plot_style.GREY, gid="link")
                return

    def _on_host(self, box: tuple[float, float, float, float]) -> bool:
        reach = self.of.size / 2 * self.of.dots
        low, high = (box[0] - reach, box[1] - reach), (box[2] + reach, box[3] + reach)
        return bool(((self.points > low) & (self.points < high)).all(1).any())


def map_trace(topology: Topology, seed: int = 0) -> Trace:
    """Return a trace in which nothing happens, to draw the map of a topology that was not run."""
    from lab.topology.describe import describe

    return Trace([(0.0, "start", "", None, None, None, describe(topology, seed))])


def _link_text(link: Mapping[str, Any]) -> str:
    """Return what is written at a link; "there / back" where its directions differ."""
    back = link.get("back") or {}
    parts = [link["name"]] if link.get("name") else []
    for key, words in _OF_LINKS.items():
        there = words(link[key]) if link.get(key) is not None else ""
        other = there if key not in back else "" if back[key] is None else words(back[key])
        parts.append(there if there == other else f"{there or '-'} / {other or '-'}")
    return "\n".join(part for part in parts if part)


def _loss(value: Any) -> str:
    if isinstance(value, Mapping):
        return "loss in bursts"
    return f"loss {float(value):.2g}" if value else ""


_OF_LINKS: Final[Mapping[str, Callable[[Any], str]]] = {
    "latency": lambda value: duration(float(value)),
    "bandwidth": lambda value: bandwidth(float(value)),
    "loss": _loss,
}
"""What is written of a link, and in which words."""


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """Return the area that two boxes share, roughly in characters."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return width * height / 60 if width > 0 and height > 0 else 0.0


def _curve(a: Any, through: Any, b: Any) -> list[Any]:
    """Return points of a bend from one place through another to a third."""
    pull = 2 * through - (a + b) / 2
    steps = [n / 16 for n in range(17)]
    return [(1 - t) ** 2 * a + 2 * t * (1 - t) * pull + t * t * b for t in steps]
