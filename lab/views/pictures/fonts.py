"""Fonts for letters of any script: those of this system that have what a text needs.

Every picture is set in DejaVu Sans, which comes with matplotlib, so that pictures are the same
everywhere. Letters that it lacks are looked for in all fonts of the system, also those that were
installed after matplotlib last listed them. What no font has is said once, and drawn as a box.
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from lab.analysis.shown_names import ShownNames, shown_names
from lab.runtime.escaping import visible

if TYPE_CHECKING:
    from matplotlib.ft2font import FT2Font

BASE: Final = "DejaVu Sans"

_LAST: Final = "Last Resort High-Efficiency"
"""Comes with matplotlib from 3.11 on, and has a box with the name of its script for any letter."""

_FIRST: Final = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans", "WenQuanYi Zen Hei", "Droid Sans Fallback",
    "Hiragino Sans", "Yu Gothic", "Microsoft YaHei", "Arial Unicode MS",
)  # fmt: skip
"""Fonts with many scripts, which are asked before others."""

_MOST_NAMED: Final = 8
"""Letters that the sentence about missing fonts names."""

_scripts_named: set[str] = set()


def fonts_for(text: str) -> list[str]:
    """Return the names of fonts that together have all letters of a text, the usual one first."""
    if text.isascii():
        return [BASE]
    fonts = dict.fromkeys([BASE, *filter(None, map(_font_of, _drawn(text)))])
    return [*fonts, _LAST] if missing(text) and _LAST in _files() else [*fonts]


def missing(text: str) -> list[str]:
    """Return the letters of a text that no font of this system has, each once."""
    return [] if text.isascii() else [char for char in _drawn(text) if _font_of(char) is None]


def pictured_names(meta: Mapping[str, Any]) -> ShownNames:
    """Return the names of hosts for a picture.

    If no font has the letters of a label, the name of its host is written beside it.
    """
    names = shown_names(meta)
    for name, shown in list(names.items()):
        if missing(shown):
            names.beside(name, shown if shown.endswith(f"({name})") else f"{shown} ({name})")
    return names


def tell_missing(texts: Iterable[str]) -> None:
    """Say once of each script that no font of this system has it."""
    chars = [char for char in missing("".join(texts)) if _script(char) not in _scripts_named]
    if not chars:
        return
    _scripts_named.update(map(_script, chars))
    named = ", ".join(f"{visible(char)} (U+{ord(char):04X})" for char in chars[:_MOST_NAMED])
    unlisted = f" and {len(chars) - _MOST_NAMED} more" if len(chars) > _MOST_NAMED else ""
    logging.getLogger("lab").warning(
        "no font of this system has %s%s: pictures show a box for each; "
        "install a font with these letters, such as Noto Sans",
        named, unlisted,
    )  # fmt: skip


def _drawn(text: str) -> list[str]:
    """Return the characters of a text that need a glyph, each once."""
    return [
        char
        for char in dict.fromkeys(text)
        if char.isprintable() and not char.isspace() and not "\ufe00" <= char <= "\ufe0f"
    ]


def _script(char: str) -> str:
    """Return the first word of a letter's name, such as "CJK"; symbols are of one script."""
    if not unicodedata.category(char).startswith("L"):
        return "symbols"
    return unicodedata.name(char, "?").partition(" ")[0]


@cache
def _font_of(char: str) -> str | None:
    """Return the first font that has a letter; None if none has it."""
    for name in _files():
        font = _font(name) if name != _LAST else None
        if font is not None and font.get_char_index(ord(char)):
            return name
    return None


@cache
def _font(name: str) -> FT2Font | None:
    from matplotlib.ft2font import FT2Font

    try:
        return FT2Font(_files()[name])
    except (OSError, RuntimeError):
        return None


@cache
def _files() -> dict[str, str]:
    """Return the file of each font that can be drawn, in the order in which they are asked."""
    import matplotlib
    from matplotlib.font_manager import findSystemFonts, fontManager

    known = {entry.fname for entry in fontManager.ttflist}
    for path in sorted(set(findSystemFonts()) - known):
        try:
            fontManager.addfont(path)
        except Exception:
            continue
    files: dict[str, tuple[Any, ...]] = {}
    own = matplotlib.get_data_path()
    for entry in fontManager.ttflist:
        # the fonts that come with matplotlib for formulas have letters in the places of others
        if not entry.fname.startswith(own) or entry.name in (BASE, _LAST):
            place = (entry.style != "normal", abs(_weight(entry.weight) - 400), entry.fname)
            files[entry.name] = min(place, files.get(entry.name, place))
    return {name: files[name][-1] for name in sorted(files, key=_order)}


def _weight(weight: Any) -> int:
    return weight if isinstance(weight, int) else 700 if weight in ("bold", "heavy") else 400


def _order(name: str) -> tuple[int, str]:
    """Return what fonts are sorted by: the usual one, those of many scripts, plain ones, others."""
    if name == BASE:
        return 0, ""
    if name in _FIRST:
        return 1, f"{_FIRST.index(name):02d}"
    return (2 if name.startswith("Noto Sans") else 3 if "Serif" not in name else 4), name
