"""The map as an animation: mail, commands and replies on their way along the links.

It is an SVG of the map that moves (SMIL). It plays wherever an SVG is shown, also in an exported
notebook, without a network and without a script. Long waits pass fast, and
what was one after the other is never seen at once.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import dist
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from lab.analysis.alternatives import alternative
from lab.analysis.channels import channel_paths, latencies, shares, way_of
from lab.analysis.faults import fault_intervals
from lab.analysis.itineraries import itineraries
from lab.analysis.ladder_rows import row_of
from lab.analysis.spools import queue_lengths
from lab.analysis.waits import on_wires
from lab.analysis.wrongs import wrongs
from lab.quantities import clock_time
from lab.runtime import arguments
from lab.runtime.escaping import visible
from lab.trace.rows import KIND, SENT, Row, T, event_of, lines_of
from lab.trace.trace import Trace
from lab.views import visual_language
from lab.views.pictures import LONGEST_FILM, plot_style
from lab.views.pictures.film_clock import film_clock
from lab.views.pictures.judged import mention, problem_lines
from lab.views.pictures.map import map_of
from lab.views.pictures.timescale import Timescale, timescale

SECONDS: Final = 20.0
"""How long an animation lasts by default."""

MOST: Final = 1500
"""Crossings that are shown; if there are more, mail data before commands and replies."""

_SHORTEST: Final = 0.25
"""Seconds that a fault takes at least, so that it can be seen."""

_PAUSE: Final = 1.5
"""Seconds from the end until it begins again."""

_FULL: Final = plot_style.colour("command")
_INK: Final = plot_style.colour("ink")
_DOWN: Final = f'stroke="{plot_style.colour("down")}" stroke-width="4"'
_SENDING: Final = f'stroke="{plot_style.colour("mail")}" stroke-opacity="0.75" stroke-width="7"'
_SPOOL: Final = (
    f'fill="{plot_style.colour("spool")}" fill-opacity="0.35" stroke="{plot_style.colour("spool")}"'
)
_SHAPES: Final = {
    "data": f'<rect x="-8" y="-5.5" width="16" height="11" '
    f'fill="{plot_style.colour("envelope")}" stroke="{_INK}"/>'
    f'<path d="M-8 -5.5L0 1L8 -5.5" fill="none" stroke="{_INK}"/>',
    "command": f'<circle r="4.5" fill="{plot_style.colour("command")}" stroke="white"/>',
    "reply": f'<circle r="4" fill="white" stroke="{plot_style.colour("reply")}" '
    'stroke-width="2.4"/>',
    "refusal": f'<path d="M-4.5 -4.5L4.5 4.5M-4.5 4.5L4.5 -4.5" '
    f'stroke="{plot_style.colour("refusal")}" stroke-width="3.2"/>',
}


_KEY: Final = {
    "mail data": _SHAPES["data"],
    "mail data on a line": f'<path d="M-9 0L9 0" {_SENDING}/>',
    "command": _SHAPES["command"],
    "reply": _SHAPES["reply"],
    "reply that refuses": _SHAPES["refusal"],
    "mail in a spool": f'<circle r="7" {_SPOOL}/>',
    "down": f'<path d="M-10 0L10 0" {_DOWN} stroke-dasharray="3 5"/>',
}
"""What the signs mean, in the order of the legend."""


@dataclass(frozen=True)
class Animation:
    """An animation of a run; ``svg`` is its source. A notebook shows it, :meth:`save` writes it."""

    svg: str
    description: str = "The map of the run, with its mail moving along the links."

    def save(self, path: str | Path) -> None:
        """Write the animation to a file whose name ends with .svg, which a browser plays."""
        arguments.ending("path", path, (".svg",), "the path of a file")
        Path(path).write_text(self.svg, encoding="utf-8")

    def _repr_html_(self) -> str:
        """The animation as an image, apart from the rest of the page."""
        coded = base64.b64encode(self.svg.encode("utf-8")).decode("ascii")
        return (
            f'<img src="data:image/svg+xml;base64,{coded}" style="max-width: 100%" '
            f"alt={quoteattr(visible(self.description))}>"
        )


def animation(trace: Trace, seconds: float = SECONDS) -> Animation:
    """Return the animation of a run, that many seconds long.

    Mail data is an envelope, a command a full dot, a reply a ring, a refusal (4yz, 5yz) a cross. A
    host with mail in its spool has a disc, larger for more mail. What is down is struck out. Raises
    ValueError for a length that is not more than 0, and at most an hour.
    """
    if not 0 < seconds <= LONGEST_FILM:
        raise ValueError(
            f"an animation must be longer than 0 seconds and at most {LONGEST_FILM}, "
            f"not {seconds:g}; for example 20"
        )
    text = alternative(trace, "film")
    svg = _Film(trace, seconds).svg()
    return Animation(plot_style.described_svg(svg, text.partition(".")[0], text), text)


class _Film:
    """One animation: the map, its coordinates, and what moves over it."""

    def __init__(self, trace: Trace, seconds: float) -> None:
        self.trace = trace
        self.seconds = seconds
        with plot_style.off_screen():
            self.map = map_of(trace.meta)
        mention(self.map.ax, problem_lines(trace))
        figure = self.map.ax.get_figure(root=True)
        assert figure is not None
        self.figure = figure
        self.points = 72 / figure.dpi
        self.height = float(figure.get_figheight()) * 72
        self.width = float(figure.get_figwidth()) * 72
        rows = trace.rows
        self.last = max(rows[-1][T] if rows else 0.0, 1e-3)
        self.shown = _shown(rows)
        waits = timescale(on_wires(rows), 0.0, self.last)
        self.scale: Timescale = film_clock(
            waits, [(row[SENT], row[T]) for row in self.shown], seconds
        )
        self.paths = channel_paths(rows)
        self.latencies = latencies(trace.meta)

    def at(self, t: float) -> float:
        """Return when, in the animation, a time of the run is."""
        return float(self.scale.place(t)) * self.seconds

    def place(self, host: str) -> tuple[float, float] | None:
        """Return where a host is, in points of the picture."""
        number = self.map.number.get(host)
        if number is None:
            return None
        x, y = self.map.ax.transData.transform(self.map.places[number])
        return round(float(x) * self.points, 1), round(self.height - float(y) * self.points, 1)

    def svg(self) -> str:
        """Return the whole picture."""
        whole = self._background()
        parts = [
            '<g id="film">',
            f'<rect width="0" height="0"><animate id="t" attributeName="x" from="0" to="1" '
            f'dur="{self.seconds:g}s" begin="0s;t.end+{_PAUSE:g}s"/></rect>',
            *self._faults(), *self._spools(), *self._crossings(), *self._ends(), *self._clock(),
            *self._key(),
            "</g>",
        ]  # fmt: skip
        return whole.replace("</svg>", "\n".join(parts) + "\n</svg>")

    def _background(self) -> str:
        import matplotlib as mpl

        file = io.StringIO()
        with plot_style.styled(), mpl.rc_context({"svg.hashsalt": "lab"}):
            self.figure.savefig(
                file, format="svg", metadata={"Date": None, "Creator": None, "Format": None}
            )
        text = file.getvalue()
        return text[text.index("<svg") :]

    # -- what moves -------------------------------------------------------------------------------

    def _crossings(self) -> Iterator[str]:
        for row in self.shown:
            motion = self._motion(row)
            if motion is None:
                continue
            begin, end = self.at(row[SENT]), self.at(row[T])
            lasts = max(end - begin, 0.001)
            begin = min(begin, self.seconds - lasts)
            shape = _SHAPES[_kind(row)]
            if row[KIND] == "data":
                yield from self._on_lines(row)
            during = f'begin="t.begin+{begin:.3f}s" dur="{lasts:.3f}s"'
            yield (
                f'<g visibility="hidden">{shape}'
                f'<set attributeName="visibility" to="visible" {during}/>'
                f"<animateMotion {motion} {during}/></g>"
            )

    def _motion(self, row: Row) -> str | None:
        """Return how a crossing moves over the picture: on each link as long as that takes."""
        way = way_of(row, self.paths)
        places = [place for place in map(self.place, way) if place is not None]
        if len(places) < len(way):
            return None
        path = "M" + "L".join(f"{x:g} {y:g}" for x, y in places)
        stops = self._stops(row, way)
        if len(way) == 2 and len(stops) == 2:
            return f'path="{path}"'
        lengths = [*accumulate((dist(a, b) for a, b in pairwise(places)), initial=0.0)]
        at = [_along(lengths, place) / max(lengths[-1], 1e-9) for _, place in stops]
        begin, end = self.at(row[SENT]), self.at(row[T])
        whole = max(end - begin, 1e-9)
        times = [min(1.0, max(0.0, (self.at(t) - begin) / whole)) for t, _ in stops]
        times = [0.0, *accumulate(times[1:-1], max), 1.0]
        points = ";".join(f"{point:.4f}" for point in at)
        keys = ";".join(f"{time:.4f}" for time in times)
        return f'path="{path}" calcMode="linear" keyPoints="{points}" keyTimes="{keys}"'

    def _stops(self, row: Row, way: Sequence[str]) -> list[tuple[float, float]]:
        """Return when something is where on its way: at host 1, or at 1.5 between 1 and 2.

        It waits at a host until its line is free. Mail data is drawn in the middle of what is on
        the line, others as a dot that leaves when their last byte has left.
        """
        lines = {line[:2]: line for line in lines_of(row)}
        parts = shares(way, self.latencies)
        took = row[T] - row[SENT]
        stops, at = [(float(row[SENT]), 0.0)], float(row[SENT])
        for n, link in enumerate(pairwise(way)):
            line = lines.get(link)
            latency = self.latencies.get(frozenset(link), 0.0)
            if line is None:
                at += latency if lines else took * (parts[n + 1] - parts[n])
            else:
                begin, end = float(line[3]), float(line[4])
                if row[KIND] == "data":
                    middle = min(begin + latency, end)
                    stops += [(begin, float(n)), (middle, n + 0.5), (end, n + 0.5)]
                else:
                    stops.append((end, float(n)))
                at = end + latency
            stops.append((min(at, row[T]), n + 1.0))
        return stops

    def _on_lines(self, row: Row) -> Iterator[str]:
        """Yield what lies on each line of mail data: a band whose tail leaves as its head comes."""
        for line in lines_of(row):
            a, b = self.place(line[0]), self.place(line[1])
            latency = self.latencies.get(frozenset(line[:2]), 0.0)
            if a is None or b is None:
                continue
            first, filled, left, over = (
                self.at(min(t, self.last))
                for t in (line[3], line[3] + latency, line[4], line[4] + latency)
            )
            whole = over - first
            if whole <= 0.002:
                continue
            keys = [0.0, *sorted(((filled - first) / whole, (left - first) / whole)), 1.0]
            # head and tail are both on their way if the line is longer than what is sent
            bands = "0 0 0 2;0 0 1 2;0 0 1 2;0 1 0 2"
            during = f'begin="t.begin+{first:.3f}s" dur="{whole:.3f}s"'
            yield (
                f'<path class="sending" d="M{a[0]} {a[1]}L{b[0]} {b[1]}" pathLength="1" '
                f'fill="none" {_SENDING} stroke-dasharray="0 0 0 2" visibility="hidden">'
                f'<set attributeName="visibility" to="visible" {during}/>'
                f'<animate attributeName="stroke-dasharray" values="{bands}" '
                f'keyTimes="{";".join(f"{min(key, 1.0):.4f}" for key in keys)}" {during}/></path>'
            )

    def _ends(self) -> Iterator[str]:
        """Yield a sign, with its word, where mail was lost or came twice, from then on."""
        wrong = wrongs(self.trace)
        if not wrong.lost and not wrong.twice:
            return
        for itinerary in itineraries(self.trace):
            lost_at = wrong.lost_at(itinerary.number)
            if lost_at is not None:
                hops = [hop for hop in itinerary.hops if hop.outcome != "queued"]
                yield from self._sign("lost", hops[-1].peer if hops else itinerary.host, lost_at)
            ends = [end for end in itinerary.ends if end.kind == "deliver"]
            if ends and wrong.came_twice(itinerary.number):
                yield from self._sign("twice", ends[-1].host, ends[-1].t)

    def _sign(self, end: str, host: str, t: float) -> Iterator[str]:
        where = self.place(host)
        if where is None:
            return
        sign = visual_language.ENDS[end]
        lasts = max(self.seconds - self.at(t), _SHORTEST)
        yield (
            f'<g class="{end}" visibility="hidden" '
            f'transform="translate({where[0]} {where[1] - 24:.1f})">'
            f'<path d="{visual_language.outline(sign, 9)}" '
            f'fill="{plot_style.colour(sign.colour)}" stroke="{_INK}"/>'
            f'<text x="13" y="4" font-family="DejaVu Sans, sans-serif" font-size="12" '
            f'font-weight="bold" fill="{plot_style.colour(sign.colour)}">{sign.words}</text>'
            f'<set attributeName="visibility" to="visible" '
            f'begin="t.begin+{self.seconds - lasts:.3f}s" dur="{lasts:.3f}s"/></g>'
        )

    def _spools(self) -> Iterator[str]:
        """Yield a disc behind each host with mail in its spool; its area follows the mail."""
        lines = queue_lengths(self.trace)
        most = max((n for line in lines.values() for _, n in line), default=1)
        for host, line in sorted(lines.items()):
            where = self.place(host)
            if where is None:
                continue
            sizes = [0.0 if not n else 7 + 17 * (n / most) ** 0.5 for _, n in line]
            steps = self._steps("r", [t for t, _ in line], [f"{size:.1f}" for size in sizes])
            yield (f'<circle cx="{where[0]}" cy="{where[1]}" r="0" {_SPOOL}>{steps}</circle>')

    def _steps(self, name: str, times: Sequence[float], values: Sequence[str]) -> str:
        """Return an attribute that takes one value after the other."""
        keys, kept = [0.0], [values[0]]
        for t, value in zip(times, values, strict=True):
            key = min(1.0, max(0.0, self.at(t) / self.seconds))
            if key - keys[-1] < 1e-4:
                kept[-1] = value
            else:
                keys.append(key)
                kept.append(value)
        return (
            f'<animate attributeName="{name}" calcMode="discrete" begin="t.begin" '
            f'dur="{self.seconds:g}s" fill="freeze" values="{";".join(kept)}" '
            f'keyTimes="{";".join(f"{key:.4f}" for key in keys)}"/>'
        )

    def _faults(self) -> Iterator[str]:
        """Yield a bar over each link and a cross over each host while it is down."""
        down = [fault for fault in fault_intervals(self.trace) if fault.is_down]
        links = self.trace.meta.get("links", ())
        for fault, (host, peer) in [
            (interval, place) for interval in down for place in interval.places(links)
        ]:
            a, b = self.place(host), self.place(peer or host)
            if a is None or b is None:
                continue
            shape = (
                f'<path d="M{a[0]} {a[1]}L{b[0]} {b[1]}" {_DOWN} stroke-dasharray="3 5"/>'
                if peer
                else f'<path transform="translate({a[0]} {a[1]})" d="M-12 -12L12 12M-12 12L12 -12" '
                f"{_DOWN}/>"
            )
            first = self.at(fault.begin)
            last = max(self.at(min(fault.end, self.last)), first + _SHORTEST)
            yield (
                f'<g visibility="hidden">{shape}<set attributeName="visibility" to="visible" '
                f'begin="t.begin+{first:.3f}s" dur="{last - first:.3f}s"/></g>'
            )

    # -- the clock --------------------------------------------------------------------------------

    def _clock(self) -> Iterator[str]:
        """Yield a bar that fills, and the time of the run beside it."""
        left, wide, y = 20.0, self.width - 150.0, self.height - 9.0
        yield f'<rect x="{left}" y="{y - 4}" width="{wide}" height="4" fill="{plot_style.PALE}"/>'
        yield (
            f'<rect x="{left}" y="{y - 4}" width="0" height="4" fill="{_FULL}"><animate '
            f'attributeName="width" from="0" to="{wide}" begin="t.begin" dur="{self.seconds:g}s" '
            'fill="freeze"/></rect>'
        )
        steps = 60
        each = self.seconds / steps
        for n in range(steps):
            words = escape(clock_time(float(self.scale.time(n / steps)), 1))
            yield (
                f'<text x="{left + wide + 10}" y="{y}" font-family="DejaVu Sans, sans-serif" '
                f'font-size="11" visibility="hidden">{words}<set attributeName="visibility" '
                f'to="visible" begin="t.begin+{n * each:.3f}s" dur="{each:.3f}s"/></text>'
            )

    def _key(self) -> Iterator[str]:
        """Yield what the signs mean, in a line above the bar."""
        x, y = 28.0, self.height - 25.0
        for words, sign in _KEY.items():
            yield (
                f'<g class="key" transform="translate({x:.1f} {y:.1f})">{sign}<text x="14" y="3.5" '
                f'font-family="DejaVu Sans, sans-serif" font-size="9">{words}</text></g>'
            )
            x += 42 + plot_style.text_width(words, 9)


def _along(lengths: Sequence[float], place: float) -> float:
    """Return how far along a way a place is, such as 1.5: between its second and third host."""
    n = min(int(place), len(lengths) - 2)
    return lengths[n] + (lengths[n + 1] - lengths[n]) * (place - n)


def _shown(rows: Sequence[Row]) -> list[Row]:
    """Return the crossings that are shown, at most :data:`MOST`."""
    mail = [row for row in rows if row[KIND] == "data"]
    words = [row for row in rows if row[KIND] in ("command", "reply")]
    if len(mail) + len(words) <= MOST:
        return sorted((*mail, *words), key=lambda row: row[SENT])
    if len(mail) > MOST:
        mail = mail[:: -(-len(mail) // MOST)]
    room = MOST - len(mail)
    words = words[:: -(-len(words) // room)] if room else []
    return sorted((*mail, *words), key=lambda row: row[SENT])


def _kind(row: Row) -> str:
    ladder_row = row_of(event_of(row))
    return "refusal" if ladder_row is not None and ladder_row.kind == "error" else str(row[KIND])


__all__ = ["MOST", "SECONDS", "Animation", "animation"]
