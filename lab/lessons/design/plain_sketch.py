"""The picture of a design where matplotlib is not installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lab.lessons.design.task import SITES, cost, lines_of, needed
from lab.quantities import count_noun
from lab.views.plain.drawing import Drawing
from lab.views.plain.shown import Shown, show
from lab.views.visual_language import BROKEN, HOSTS

if TYPE_CHECKING:
    from lab.topology.model import Topology

_SHARE: Final = 0.6
"""Units of the drawing for each of the task's."""

_WIDE: Final = {"slow": (1.2, (5.0, 2.0)), "fast": (3.0, ())}


def plain_sketch(topology: Topology, failures: bool) -> Shown:
    """Draw sites and lines, and put a sign on each that the design cannot do without."""
    drawing = Drawing(920, 610, topology.title)
    title = f"{topology.title}: {cost(topology):,} a month"
    drawing.text(20, 28, title, size=17, is_bold=True)
    places = {name: (40 + _SHARE * site.x, 560 - _SHARE * site.y) for name, site in SITES.items()}
    lines = lines_of(topology)
    for a, b, speed in lines:
        width, dashes = _WIDE[speed]
        drawing.line(places[a], places[b], ink="session", width=width, dashes=dashes)
    for name, host in topology.hosts.items():
        x, y = places[name]
        drawing.sign(HOSTS["relay" if host.relay else "host"], x, y, 8)
        users = len(SITES[name].users)
        drawing.text(x, y - 14, name if users == 1 else f"{name} ({users} users)", anchor="middle")
    lacking = list(needed(topology)) if failures else []
    for part in lacking:
        ends = [places[name] for name in part.split(" - ")]
        x, y = (sum(end[axis] for end in ends) / len(ends) for axis in (0, 1))
        drawing.sign(BROKEN, x, y)
    words = f"{count_noun(len(topology.hosts), 'site')}, {count_noun(len(lines), 'line')}"
    needs = f"; it cannot do without {', '.join(lacking)}" if lacking else ""
    drawing.text(20, 596, f"{words}; fast lines are thick, relays are squares", ink="quiet")
    return show(drawing, f"{title}. {words}{needs}.")
