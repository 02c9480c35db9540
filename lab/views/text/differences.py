"""The comparison of two runs in words: what `lab diff` prints and a notebook shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich import box
from rich.color import blend_rgb
from rich.console import Group, RenderableType
from rich.table import Table
from rich.terminal_theme import DEFAULT_TERMINAL_THEME as THEME
from rich.text import Text

from lab.analysis.difference_sentences import (
    change,
    fate,
    message_numbers,
    mostly,
    phase_sentence,
    verdict,
)
from lab.analysis.differences import Differences, LinkChange, RecipientPair
from lab.analysis.shown_names import ShownNames
from lab.quantities import clock_time, count_noun
from lab.views.text.shown import Shown

ROWS: Final = 10
"""Recipients that are shown; the others are counted."""

LINKS: Final = 5
"""Links that are shown; the others are counted."""

_WIDEST: Final = 1000

_LINES: Final = 8
"""Sentences about what two runs were made from that are shown."""


def difference_table(
    differences: Differences, names: tuple[str, str], *, rows: int = ROWS
) -> RenderableType:
    """Return the comparison of two runs as something that rich prints.

    ``names`` say what the runs A and B are.
    """
    parts: list[RenderableType] = [Text(verdict(differences), style="bold")]
    parts += [Text(f"{side}: {name}", style="dim") for side, name in zip("AB", names, strict=True)]
    parts += [Text(f"note: {note}", style="dim") for note in differences.notes]
    parts += [Text(line) for line in _cut([*differences.made_from], " between their files")]
    if spent := phase_sentence(differences):
        parts.append(Text(spent))
    if differences.first is not None:
        parts.append(_first(differences))
    parts += [Text(line) for line in _cut([*differences.unlike])]
    if movers := differences.movers():
        parts.append(_movers(differences, movers, rows))
    if changed := differences.loads.changed():
        parts.append(_links(changed, differences.loads.unit, differences.shown))
    return Group(*parts)


def _cut(lines: Sequence[str], where: str = "") -> list[str]:
    left = len(lines) - _LINES
    unlisted = f"and {count_noun(left, 'more difference')}{where}"
    return [*lines[:_LINES], *([unlisted] if left > 0 else [])]


def difference_lines(
    differences: Differences, names: tuple[str, str], rows: int = ROWS
) -> list[str]:
    """Return the same as lines of text, each as long as it has to be."""
    from io import StringIO

    from rich.console import Console

    console = Console(file=StringIO(), width=_WIDEST, markup=False, highlight=False, emoji=False)
    with console.capture() as captured:
        console.print(Shown(difference_table(differences, names, rows=rows)))
    return [line.rstrip() for line in captured.get().rstrip("\n").split("\n")]


def difference_html(differences: Differences, names: tuple[str, str]) -> str:
    """Return the same as HTML, for the output of a notebook's cell."""
    from io import StringIO

    from rich.console import Console

    console = Console(file=StringIO(), record=True, width=110, force_terminal=False)
    console.print(Shown(difference_table(differences, names)))
    text = console.export_html(inline_styles=True, code_format="<pre>{code}</pre>")
    # quiet text takes the colour of its notebook: the grey is hard to read, in light and in dark
    grey = blend_rgb(THEME.foreground_color, THEME.background_color).hex  # how rich writes dim text
    return text.replace(f"color: {grey}; text-decoration-color: {grey}", "opacity: 0.8")


# -- tables ----------------------------------------------------------------------------------------


def _first(differences: Differences) -> Table:
    first = differences.first
    assert first is not None
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), title_justify="left")
    table.title = f"Where they part{f', at {first.host}' if first.host else ''}"
    for each in first.before:
        table.add_row("both", clock_time(each.t), each.sentence, style="dim")
    for side, of in (("A", first.a), ("B", first.b)):
        table.add_row(side, clock_time(of.t) if of is not None else "", first.text(of))
    return table


def _movers(differences: Differences, movers: Sequence[RecipientPair], rows: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left", caption_justify="left")
    table.title = "Recipients that fared otherwise"
    why = ("mostly",) if differences.phases is not None else ()
    for name in ("message", "recipient", "in A", "in B", "B is", *why):
        table.add_column(name, justify="right" if name == "message" else "left")
    for pair in movers[:rows]:
        who = differences.shown.path(pair.recipient.address)
        cells = [message_numbers(pair), who, fate(pair.a), fate(pair.b), change(pair)]
        table.add_row(*cells, *([mostly(differences, pair)] if why else []))
    if (left := len(movers) - rows) > 0:
        table.caption = f"and {left:,} more; --json has all"
    return table


def _links(changed: Sequence[LinkChange], unit: str, shown: ShownNames) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left", caption_justify="left")
    table.title = f"Links whose load changed ({unit})"
    for name in ("link", "in A", "in B", "change"):
        table.add_column(name, justify="left" if name == "link" else "right")
    for each in changed[:LINKS]:
        loads = ("-" if load is None else _amount(load) for load in (each.a, each.b))
        name = f" ({each.name})" if each.name else ""
        link = f"{shown[each.host]} -> {shown[each.peer]}{name}"
        table.add_row(link, *loads, _amount(each.change, "+"))
    if (left := len(changed) - LINKS) > 0:
        table.caption = f"and {left:,} more"
    return table


def _amount(load: float, sign: str = "") -> str:
    return format(load, f"{sign},.0f" if load == int(load) else f"{sign},.3f")
