"""The page of two runs compared: one file of HTML without scripts, light or dark, with no network.

It has the verdict, where the runs part, the slope chart, the recipients that moved most on one
clock, and the map coloured by the change in load. Each drawing stands beside a table that says the
same.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from lab.analysis.difference_sentences import (
    change,
    fate,
    message_numbers,
    mostly,
    phase_sentence,
    verdict,
)
from lab.analysis.differences import Differences
from lab.analysis.phases import PHASES
from lab.quantities import clock_time
from lab.runtime.whole_files import whole_file
from lab.trace.meta import Meta
from lab.views import visual_language
from lab.views.diff_drawings import (
    escaped,
    lane_drawing,
    link_name,
    map_drawing,
    slope_drawing,
)

_ROWS: Final = 200
"""Recipients and links that a table has at most."""

_PHASE_ROWS: Final = 20
"""Recipients whose seconds in each phase are listed."""

_LANES: Final = 12

_MOST_NOTES: Final = 20


def diff_page(differences: Differences, names: tuple[str, str], meta: Meta) -> str:
    """Return the page; ``names`` say what A and B are, and ``meta`` describes the topology."""
    title = verdict(differences)
    own = (Path(__file__).parent / "diff_page.css").read_text(encoding="utf-8")
    style = visual_language.style_sheet(":root") + own
    sections = [_first(differences), *_recipients(differences, names), _links(differences, meta)]
    about = [f"A: {names[0]}", f"B: {names[1]}", phase_sentence(differences)]
    notes = [*differences.notes, *differences.made_from, *differences.unlike]
    left = len(notes) - _MOST_NOTES
    if left > 0:
        notes = [*notes[:_MOST_NOTES], f"and {left:,} more"]
    listed = "".join(f"<li>{escaped(note)}</li>" for note in notes)
    head = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">\n"
        f"<title>Two runs compared: {escaped(title)}</title>\n<style>{style}</style>\n</head>\n"
    )
    return (
        f"{head}<body>\n<main>\n<h1>{escaped(title)}</h1>\n"
        + "".join(f'<p class="quiet">{escaped(line)}</p>\n' for line in about if line)
        + (f"<ul>{listed}</ul>\n" if notes else "")
        + "\n".join(section for section in sections if section)
        + "\n</main>\n</body>\n</html>\n"
    )


def write_diff_page(
    differences: Differences, names: tuple[str, str], meta: Meta, path: str | os.PathLike[str]
) -> None:
    """Write the page to a file, which is replaced when the page is complete."""
    with whole_file(Path(path)) as unfinished:
        unfinished.write_text(diff_page(differences, names, meta), encoding="utf-8")


def _section(number: int, heading: str, *parts: str) -> str:
    return (
        f'<section aria-labelledby="s{number}"><h2 id="s{number}">{escaped(heading)}</h2>'
        f"{''.join(parts)}</section>"
    )


def _wide(label: str, content: str) -> str:
    """Return what may be wider than the window, in a part that scrolls, by keyboard too."""
    looks = f'class="wide" role="region" tabindex="0" aria-label="{escaped(label)}"'
    return f"<div {looks}>{content}</div>"


def _table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()
) -> str:
    def cells(tag: str, texts: Sequence[str]) -> str:
        scope = ' scope="col"' if tag == "th" else ""
        return "".join(
            f"<{tag}{scope}{' class=number' if n in numbers else ''}>{escaped(text)}</{tag}>"
            for n, text in enumerate(texts)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<table><thead><tr>{cells('th', columns)}</tr></thead><tbody>{body}</tbody></table>"


def _first(differences: Differences) -> str:
    first = differences.first
    if first is None:
        return ""
    rows = [("both", clock_time(each.t, 6), each.sentence) for each in first.before]
    for side, of in (("A", first.a), ("B", first.b)):
        rows.append((side, clock_time(of.t, 6) if of is not None else "", first.text(of)))
    where = f"Where they part, at {first.host}" if first.host else "Where they part"
    return _section(
        1,
        where,
        _wide("The first events that differ", _table(("run", "time", "event"), rows, (1,))),
    )


def _recipients(differences: Differences, names: tuple[str, str]) -> list[str]:
    movers = differences.movers()
    if not differences.pairs:
        return []
    slopes = "How long each recipient took"
    parts = [_wide(f"{slopes}: drawing", slope_drawing(differences, names))]
    if movers:
        rows = [
            (message_numbers(pair), differences.shown.path(pair.recipient.address), fate(pair.a),
             fate(pair.b),
             change(pair), mostly(differences, pair))
            for pair in movers[:_ROWS]
        ]  # fmt: skip
        table = _table(("message", "recipient", "in A", "in B", "B is", "mostly"), rows, (0,))
        parts.append(_wide("Recipients that fared otherwise", table))
        if (left := len(movers) - _ROWS) > 0:
            parts.append(f'<p class="quiet">and {left:,} more; lab diff --json has all</p>')
    sections = [_section(2, slopes, *parts)]
    if movers:
        clock = "On one clock: those that fared otherwise"
        lanes = lane_drawing(differences, movers[:_LANES])
        sections.append(
            _section(3, clock, _wide(f"{clock}: drawing", lanes), *_phases(differences))
        )
    return sections


def _phases(differences: Differences) -> list[str]:
    """Return the gained and lost seconds of each phase, in all and of those that moved."""
    totals = differences.phase_totals()
    if not totals:
        return []

    def row(name: str, seconds: Mapping[str, float], all_of_them: float) -> Sequence[str]:
        return (name, *(_gained(seconds.get(phase, 0.0)) for phase in PHASES), _gained(all_of_them))

    rows = [row("all that changed", totals, sum(totals.values()))]
    movers = [pair for pair in differences.movers() if pair.change]
    for pair in movers[:_PHASE_ROWS]:
        who = f"{message_numbers(pair)} {differences.shown.path(pair.recipient.address)}"
        spent = {part.phase: part.change for part in differences.phase_changes(pair)}
        rows.append(row(who, spent, pair.change or 0.0))
    heading = "Seconds that B took more (+) or less (-), by phase"
    columns = ("recipient", *PHASES, "in all")
    table = _table(columns, rows, range(1, len(columns)))
    return [f"<h3>{heading}</h3>", _wide(heading, table)]


def _gained(seconds: float) -> str:
    return f"{seconds:+,.3f}" if round(seconds, 3) else "0"


def _links(differences: Differences, meta: Meta) -> str:
    if not differences.loads.unit or not meta.get("hosts"):
        return ""
    heading = f"Load of the links, in {differences.loads.unit}"
    changed = differences.loads.changed()
    parts = [_wide(f"{heading}: map", map_drawing(differences, meta))]
    if changed:
        rows = [
            (link_name(each, differences),
             *("none" if load is None else f"{load:,.6g}" for load in (each.a, each.b)),
             f"{each.change:+,.6g}")
            for each in changed[:_ROWS]
        ]  # fmt: skip
        table = _table(("link", "in A", "in B", "change"), rows, (1, 2, 3))
        parts.append(_wide("Links whose load changed", table))
    return _section(4, heading, *parts)
