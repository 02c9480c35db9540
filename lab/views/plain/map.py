"""The map of a run without matplotlib: hosts, links, how many messages crossed, what failed."""

from __future__ import annotations

from typing import Final

from lab.analysis import map_layout
from lab.analysis.channels import traffic
from lab.analysis.short_names import short_names
from lab.analysis.shown_names import shown_names
from lab.quantities import count_noun
from lab.trace.trace import Trace
from lab.views.plain.drawing import Drawing, fitted, wide
from lab.views.visual_language import HOSTS

_WIDTH: Final = 900.0
_HEIGHT: Final = 520.0
_EDGE: Final = 70.0
_TOP: Final = 50.0


def network_map(trace: Trace) -> Drawing:
    """Draw the map; a link is the thicker the more channels and mail crossed it."""
    meta = trace.meta
    hosts, links = list(meta.get("hosts", ())), list(meta.get("links", ()))
    title = str(meta.get("title", ""))
    drawing = Drawing(_WIDTH, _HEIGHT, title)
    drawing.text(20, 30, fitted(title, _WIDTH - 40, 17), size=17, is_bold=True)
    spots = {
        str(host["name"]): (
            _EDGE + float(x) * (_WIDTH - 2 * _EDGE),
            _TOP + _EDGE / 2 + (1 - float(y)) * (_HEIGHT - _TOP - 2 * _EDGE),
        )
        for host, (x, y) in zip(hosts, map_layout.places(hosts, links), strict=True)
    }
    crossings = traffic(trace).crossings
    most = max(crossings.values(), default=0) or 1
    for link in links:
        ends = str(link["a"]), str(link["b"])
        used = max(crossings.get(ends, 0), crossings.get(ends[::-1], 0))
        ink = "session" if used else "line"
        drawing.line(spots[ends[0]], spots[ends[1]], ink=ink, width=1.0 + 4.0 * used / most)
    named = map_layout.labelled(hosts, links, crossings)
    short = short_names((str(host["name"]) for host in hosts), shown_names(meta))
    size = 8.0 if len(hosts) <= 60 else 4.0
    for number, host in enumerate(hosts):
        x, y = spots[str(host["name"])]
        drawing.sign(HOSTS[map_layout.kind_of(host)], x, y, size)
        if number in named:
            label = short[str(host["name"])]
            drawing.text(x, y + size + 14, fitted(label, 160, 12), anchor="middle")
    _legend(drawing, {map_layout.kind_of(host) for host in hosts})
    words = f"{count_noun(len(hosts), 'host')}, {count_noun(len(links), 'link')}"
    drawing.text(_WIDTH - 20, _HEIGHT - 16, words, ink="quiet", anchor="end")
    return drawing


def _legend(drawing: Drawing, kinds: set[str]) -> None:
    x = 24.0
    for kind, sign in HOSTS.items():
        if kind in kinds:
            drawing.sign(sign, x, _HEIGHT - 20)
            drawing.text(x + 12, _HEIGHT - 16, sign.words)
            x += wide(sign.words, 12) + 40
