"""The drawings on the page of two runs compared, as SVG: slopes, lanes on one clock, and the map.

Each has a text alternative. Colours are those of the page's style sheet, light or dark.
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import pstdev
from typing import Any, Final

from lab.analysis import map_layout
from lab.analysis import slopes as layout
from lab.analysis.difference_sentences import fate
from lab.analysis.differences import Differences, LinkChange, RecipientPair
from lab.analysis.phases import PHASES, Phase
from lab.analysis.recipients import Recipient
from lab.analysis.slopes import NO_OUTCOME, Slope, SlopeLabel
from lab.quantities import TIME_STEPS, clock_time, count_noun
from lab.runtime.escaping import visible
from lab.trace.meta import Meta
from lab.views import visual_language

_WIDTH: Final = 960


def escaped(text: str) -> str:
    """Return a text as it stands in HTML, control characters escaped."""
    return html.escape(visible(text))


def _svg(height: float, title: str, about: str, parts: Iterable[str]) -> str:
    """Return a drawing with its text alternative."""
    label = escaped(f"{title}. {about}")
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height:.0f}" role="img" aria-label="{label}">'
        f"{''.join(parts)}</svg>"
    )


def _text(x: float, y: float, text: str, anchor: str = "start", kind: str = "") -> str:
    looks = f' class="{kind}"' if kind else ""
    at = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {at} dominant-baseline="middle"{looks}>{escaped(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str, width: float = 1.0) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}" '
        f'stroke-width="{width:.1f}"/>'
    )


def cut(text: str, most: int) -> str:
    """Return a text of at most that many characters, without its middle if it is longer."""
    if len(text) <= most:
        return text
    head = most // 2
    return f"{text[:head]}…{text[len(text) - (most - head - 1) :]}"


# -- slopes ----------------------------------------------------------------------------------------

_TOP, _HIGH, _A, _B = 70.0, 400.0, 370.0, 640.0
"""Where the heights 1 and 0 are, and the columns of the two runs."""


def slope_drawing(differences: Differences, names: tuple[str, str]) -> str:
    """Return the slope chart of two runs."""
    chart = layout.slopes(differences, gap=17 / _HIGH)
    parts = [
        _text(_A + 12, 16, f"A: {cut(names[0], 44)}", "end", "bold"),
        _text(_B - 12, 16, f"B: {cut(names[1], 38)}", "start", "bold"),
    ]
    for height, text in chart.ticks:
        parts.append(_line(76, _y(height), _B, _y(height), "grid"))
        parts.append(_text(70, _y(height), text, "end", "small"))
    if any(NO_OUTCOME in (line.a, line.b) for line in chart.lines):
        parts.append(_text(70, _y(NO_OUTCOME), "no outcome", "end", "small"))
    parts += [_line(x, _y(1.03), x, _y(-0.03), "axis") for x in (_A, _B)]
    parts += [_slope(line) for line in chart.lines if line.rank is None]
    parts += [_slope(line) for line in chart.lines if line.rank is not None]
    for labels, x, anchor in ((chart.left, _A, "end"), (chart.right, _B, "start")):
        parts += [_slope_label(label, x, anchor) for label in labels]
    scale = "logarithmic" if chart.is_logarithmic else "linear"
    below = [f"time from submission to outcome ({scale})"]
    if chart.unnamed:
        below.append(count_noun(chart.unnamed, "other recipient") + " in grey")
    below += [
        f"{count:,} in {side} only" for side, count in zip("AB", chart.alone, strict=True) if count
    ]
    parts.append(_text(_WIDTH / 2, _y(0) + 42, "; ".join(below), "middle", "small"))
    moves = "; ".join(
        _fates(line.pair, differences) for line in chart.lines if line.rank is not None
    )
    about = f"Those that moved most: {moves}" if moves else "No recipient moved"
    return _svg(_y(0) + 60, "How long each recipient took in A and in B", about, parts)


def _fates(pair: RecipientPair, differences: Differences) -> str:
    recipient = differences.shown.path(pair.recipient.address)
    return (
        f"message {pair.recipient.message} to {recipient}: {fate(pair.a)} in A, {fate(pair.b)} in B"
    )


def _y(height: float) -> float:
    return _TOP + (1 - height) * _HIGH


def _slope(line: Slope) -> str:
    if line.rank is None:
        return _line(_A, _y(line.a), _B, _y(line.b), "other", 1.0 if line.is_mover else 0.6)
    kind = f"c{line.rank % 8}"
    return (
        _line(_A, _y(line.a), _B, _y(line.b), kind, 2.4)
        + _end(_A, _y(line.a), line.end_a, kind)
        + _end(_B, _y(line.b), line.end_b, kind)
    )


def _end(x: float, y: float, end: str, kind: str) -> str:
    """Return the mark of an end: each has a shape of its own."""
    sign = visual_language.ENDS[end]
    looks = f'class="{kind} full"' if sign.is_full else f'class="{kind} hollow" stroke-width="2"'
    path = visual_language.outline(sign, 5 if end in ("delivered", "returned") else 6.5)
    return f'<path d="{path}" {looks} transform="translate({x:.1f} {y:.1f})"/>'


def _slope_label(label: SlopeLabel, x: float, anchor: str) -> str:
    out = -1 if anchor == "end" else 1
    begin, end = _y(label.at), _y(label.height)
    line = _line(x + out * 7, begin, x + out * 20, end, f"c{label.rank % 8}")
    return line + _text(x + out * 24, end, cut(label.text, 36), anchor, "name")


# -- lanes on one clock ----------------------------------------------------------------------------

_LANE, _FIRST, _LAST = 40.0, 290.0, 720.0


def lane_drawing(differences: Differences, pairs: Sequence[RecipientPair]) -> str:
    """Return the time of recipients in both runs on one clock, two bars each."""
    ends = [
        each.settled_at if each.settled_at is not None else each.submitted_at
        for pair in pairs
        for each in pair
        if each is not None
    ]
    part = differences.first.t if differences.first is not None else None
    last = max([*ends, part or 0.0, 1e-6])
    bottom = 30 + _LANE * len(pairs)
    parts = []
    step = next((step for step in TIME_STEPS if last / step <= 6), TIME_STEPS[-1])
    for n in range(int(last / step) + 1):
        x = _x(n * step, last)
        parts.append(_line(x, 24, x, bottom, "grid"))
        parts.append(_text(x, bottom + 12, clock_time(n * step, 0 if step >= 1 else 3), "middle",
                           "small"))  # fmt: skip
    for n, pair in enumerate(pairs):
        parts.append(_lane(differences, pair, 30 + _LANE * n, last))
    if part is not None:
        parts.append(_line(_x(part, last), 20, _x(part, last), bottom, "part"))
        anchor = "end" if _x(part, last) > _WIDTH - 220 else "start"
        parts.append(_text(_x(part, last), 11, f"they part at {clock_time(part)}", anchor, "small"))
    if differences.phases is not None:
        parts = [_PATTERNS, *parts, *_phase_legend(bottom + 40)]
    moves = "; ".join(_fates(pair, differences) for pair in pairs)
    return _svg(
        bottom + (56 if differences.phases is not None else 26),
        "From submission to outcome on one clock",
        moves,
        parts,
    )


def _x(t: float, last: float) -> float:
    return _FIRST + (_LAST - _FIRST) * t / last


def _lane(differences: Differences, pair: RecipientPair, y: float, last: float) -> str:
    lane_name = f"{pair.recipient.message} {differences.shown.path(pair.recipient.address)}"
    parts = [_text(_FIRST - 28, y + 14, cut(lane_name, 38), "end")]
    runs = (("A", "a", pair.a, y + 1), ("B", "b", pair.b, y + 15))
    for run, (side, kind, recipient, top) in enumerate(runs):
        parts.append(_text(_FIRST - 8, top + 6, side, "end", "small"))
        if recipient is not None:
            phases = () if differences.phases is None else differences.phases.phases(run, recipient)
            parts.append(_bar(recipient, kind, phases, top, last))
    return "".join(parts)


def _bar(recipient: Recipient, side: str, phases: Sequence[Phase], top: float, last: float) -> str:
    """Return the bar of a recipient in one run, its phases; open if it has no outcome."""
    begin = _x(recipient.submitted_at, last)
    if recipient.settled_at is None:
        text = _text(begin + 6, top + 6, fate(recipient), "start", "small name")
        return _line(begin, top, begin, top + 11, f"bar-{side} axis", 2) + text
    wide = max(_x(recipient.settled_at, last) - begin, 1.5)
    bar = f'<rect x="{begin:.1f}" y="{top:.1f}" width="{wide:.1f}" height="11" class="bar-{side}"/>'
    if phases:
        bar = "".join(_segment(phase, top, last) for phase in phases)
    return bar + _text(begin + wide + 4, top + 6, fate(recipient), "start", "small name")


def _segment(phase: Phase, top: float, last: float) -> str:
    begin, end = _x(phase.begin, last), _x(phase.end, last)
    return (
        f'<rect x="{begin:.1f}" y="{top:.1f}" width="{max(end - begin, 0.6):.1f}" height="11" '
        f'class="{phase.phase}"><title>{escaped(f"{phase.phase}: {phase.because}")}</title></rect>'
    )


def _phase_legend(y: float) -> list[str]:
    parts = []
    for n, phase in enumerate(PHASES):
        x = 60 + n * 145
        parts.append(f'<rect x="{x}" y="{y - 6:.0f}" width="22" height="12" class="{phase}"/>')
        parts.append(_text(x + 28, y, phase))
    return parts


_PATTERNS: Final = "<defs>" + "".join(
    f'<pattern id="wait-{phase}" width="6" height="6" patternUnits="userSpaceOnUse" '
    f'patternTransform="rotate({turn})"><rect width="6" height="6" class="{phase}-paper"/>'
    f'<path d="M0 3H6" class="{phase}-ink"/></pattern>'
    for phase, turn in (("spool", 45), ("retry", -45), ("line", 90))
) + "</defs>"  # fmt: skip
"""The hatches of the phases in which mail waits; those in which it moves are solid."""


# -- the map ---------------------------------------------------------------------------------------

_MAP_WIDTH, _MAP_HEIGHT, _MARGIN = 840.0, 420.0, 60.0
_FLAT, _FLAT_HEIGHT = 0.02, 120.0
"""A map whose places differ less in height is a row, and gets so much room."""

_MOST_ARROWS: Final = 200


def map_drawing(differences: Differences, meta: Meta) -> str:
    """Return the map with an arrow for each direction of a link whose load changed."""
    hosts, links = list(meta.get("hosts", ())), list(meta.get("links", ()))
    found_places = map_layout.places(hosts, links)
    is_flat = len(hosts) < 2 or pstdev(float(y) for _, y in found_places) < _FLAT
    tall = _FLAT_HEIGHT if is_flat else _MAP_HEIGHT
    places = {
        str(host["name"]): (_MARGIN + x * _MAP_WIDTH, 40 + (1 - y) * tall)
        for host, (x, y) in zip(hosts, found_places, strict=True)
    }
    changed = [
        each for each in differences.loads.changed() if each.host in places and each.peer in places
    ]
    parts = [_MARKERS]
    parts += [_line(*places[link["a"]], *places[link["b"]], "link") for link in links]
    most = max((abs(each.change) for each in changed), default=1.0)
    parts += [_arrow(each, places, most) for each in reversed(changed[:_MOST_ARROWS])]
    size = 7 if len(hosts) <= 60 else 4 if len(hosts) <= 400 else 1.6
    parts += [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}" class="{map_layout.kind_of(host)}"/>'
        for host, (x, y) in zip(hosts, places.values(), strict=True)
    ]
    parts += _names(differences, hosts, links, places, changed, size)
    parts += _map_legend(changed, tall + 90)
    unit = differences.loads.unit
    words = "; ".join(
        f"{link_name(each, differences)}: {change_text(each, unit)}" for each in changed[:8]
    )
    return _svg(tall + 105, f"Load of the links in B compared with A, {unit}", words, parts)


_MARKERS: Final = "<defs>" + "".join(
    f'<marker id="{kind}" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="11" markerHeight="9" '
    f'markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0 10 5 0 10Z" class="{kind}"/>'
    "</marker>"
    for kind in ("more", "less")
) + "</defs>"  # fmt: skip


def _arrow(each: LinkChange, places: Mapping[str, tuple[float, float]], most: float) -> str:
    (ax, ay), (bx, by) = places[each.host], places[each.peer]
    dx, dy = bx - ax, by - ay
    length = max((dx * dx + dy * dy) ** 0.5, 1.0)
    ux, uy = dx / length, dy / length
    gap = min(11.0, length / 4)
    bend = 0.11 * length
    mx, my = (ax + bx) / 2 + uy * bend, (ay + by) / 2 - ux * bend
    kind = "more" if each.change > 0 else "less"
    width = 1.4 + 5 * (abs(each.change) / most) ** 0.5
    return (
        f'<path d="M{ax + ux * gap:.1f} {ay + uy * gap:.1f}Q{mx:.1f} {my:.1f} '
        f'{bx - ux * gap:.1f} {by - uy * gap:.1f}" class="{kind}" stroke-width="{width:.1f}" '
        f'stroke-opacity="0.8" marker-end="url(#{kind})"/>'
    )


def _names(
    differences: Differences,
    hosts: Sequence[Mapping[str, Any]],
    links: Sequence[Mapping[str, Any]],
    places: Mapping[str, tuple[float, float]],
    changed: Sequence[LinkChange],
    size: float,
) -> list[str]:
    """Return the names of hosts where they cover no other, those at large changes first."""
    ends = Counter({(each.host, each.peer): rank for rank, each in enumerate(reversed(changed), 1)})
    parts = []
    taken: list[tuple[float, float, float]] = []
    for n in map_layout.labelled(hosts, links, ends):
        name = str(hosts[n]["name"])
        x, y = places[name]
        text = cut(differences.shown[name], 24)
        half = 3.7 * len(text) + 3
        x = min(max(x, half), _WIDTH - half)
        for at in (y + size + 10, y - size - 10):
            if all(abs(at - b) > 15 or abs(x - a) > half + h for a, b, h in taken):
                taken.append((x, at, half))
                parts.append(_text(x, at, text, "middle", "name"))
                break
    return parts


def _map_legend(changed: Sequence[LinkChange], y: float) -> list[str]:
    parts = []
    for x, kind, words in ((60, "more", "more in B"), (300, "less", "less in B")):
        parts.append(f'<path d="M{x} {y}h44" class="{kind}" stroke-width="4" '
                     f'marker-end="url(#{kind})"/>')  # fmt: skip
        parts.append(_text(x + 54, y, words))
    if len(changed) > _MOST_ARROWS:
        parts.append(_text(540, y, f"the {_MOST_ARROWS} largest of {len(changed):,} changes"))
    elif not changed:
        parts.append(_text(540, y, "no link carried more or less"))
    return parts


def link_name(each: LinkChange, differences: Differences) -> str:
    """Return a direction of a link by its ends as people see them."""
    name = f" ({each.name})" if each.name else ""
    return f"{differences.shown[each.host]} → {differences.shown[each.peer]}{name}"


def change_text(each: LinkChange, unit: str) -> str:
    """Return how the load of a link changed: "12.5 busy seconds in A, 14 in B"."""
    a, b = ("none" if load is None else f"{load:,.6g}" for load in (each.a, each.b))
    return f"{a} {unit} in A, {b} in B"
