"""Words on a map: names at hosts, figures on links, each where it covers least."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from lab.analysis import map_layout
from lab.quantities import bandwidth, count_noun, duration
from lab.views.pictures import plot_style
from lab.views.pictures.map_ground import BEND, MapGround, curve

_ON_LINE: Final = 0.9
"""What it costs words to lie on a sample of a line: two rings further out, words cost 3."""

_HEAD: Final = 12
"""The head of an arrow counts as much as this many points of a line when words are placed."""


class MapWords:
    """Puts names and numbers where they cover least; what finds no free place is left out."""

    def __init__(self, of: MapGround) -> None:
        import numpy as np

        self.of = of
        self.points = of.places * of.pixels
        lines = [of.ends(link) for link in of.links[:600]]
        along = np.linspace(0.0, 1.0, 25)[:, None]
        samples = [(a + (b - a) * along) * of.pixels for a, b in lines]
        # and the routes of the mail, which bend as their arrows do
        for a, b in list(of.drawn)[:600]:
            ends = of.places[of.number[a]], of.places[of.number[b]]
            bent = of.bend(*ends, -BEND / 2)
            route = np.array(curve(ends[0], bent, ends[1])) * of.pixels
            samples += [route, (route[1:] + route[:-1]) / 2]
            # a word may lie on a line, but hardly on its head
            direction = route[-2] - route[-1]
            reach = (of.size / 2 + 9) * of.dots / max(float(np.hypot(*direction)), 1e-9)
            samples.append(np.repeat([route[-1] + direction * reach], _HEAD, axis=0))
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
        below = []
        many = map_layout.users_of(host)
        if few and many:
            below.append(count_noun(many, "user"))
        if few and host.get("careless"):
            below.append("careless")
        whole = "\n".join((plot_style.shorten(name, longest), *below))
        texts = (whole, *(plot_style.shorten(name, most) for most in (longest, 16, 10, 6)))
        if not any(self._put(text, n, size) for text in dict.fromkeys(texts)):
            self.unnamed += 1

    def _put(self, text: str, n: int, size: float) -> bool:
        """Write a text at the best of many places around a host; return False if none is free."""
        of = self.of
        width, height = self._extent(text, size)
        best = min(self._around(n, width, height), key=lambda place: (round(place[0], 3), place[1]))
        _, _, box = best
        if any(_overlap(box, placed_box) for placed_box in self.boxes):
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
        cost = 12.0 * sum(_overlap(box, placed_box) for placed_box in self.boxes)
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
            if all(
                _overlap(box, placed_box) == 0 for placed_box in self.boxes
            ) and not self._on_host(box):
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


def _link_text(link: Mapping[str, Any]) -> str:
    """Return what is written at a link; "there / back" where its directions differ."""
    back = link.get("back") or {}
    parts = [link["name"]] if link.get("name") else []
    for key, words in _OF_LINKS.items():
        there = words(link[key]) if link.get(key) is not None else ""
        on_way_back = there if key not in back else "" if back[key] is None else words(back[key])
        parts.append(there if there == on_way_back else f"{there or '-'} / {on_way_back or '-'}")
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
