"""How text from outside is shown: in a terminal, a picture, a page, a table.

Names, titles, subjects and replies are written by others. A terminal obeys control characters, a
reader is deceived by characters that change the direction of a line, a spreadsheet runs a cell that
begins with "=". So whatever is shown goes through here last; data (JSON, TOML, traces, mail) does
not, and stays exact.
"""

from __future__ import annotations

from typing import Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def visible(text: str, keep: str = "") -> str:
    r"""Return a text with an escape such as \\x1b or \\u202e for each character that is not shown.

    Those are control characters, characters without a shape or that reorder others, and all spaces
    but the plain one. Joiners between letters of other scripts stay. ``keep`` are characters that
    stay as they are.

    >>> print(visible("\x1b[2J a\tb"))
    \x1b[2J a\tb
    """
    if text.isprintable():
        return text
    return "".join([
        char if char.isprintable() or char in keep or _joins(text, n) else _escape(char)
        for n, char in enumerate(text)
    ])  # fmt: skip


def _joins(text: str, n: int) -> bool:
    """Return whether a character only joins or parts the letters beside it, as in Persian."""
    if text[n] not in "\u200c\u200d" or not 0 < n < len(text) - 1:
        return False
    return all(char.isprintable() and not char.isascii() for char in (text[n - 1], text[n + 1]))


def visible_lines(text: str) -> str:
    """Return the same of a text of several lines: line feeds stay."""
    return visible(text, "\n")


def _escape(char: str) -> str:
    return ascii(char)[1:-1]


def csv_cell(value: object) -> object:
    """Return a value as a cell of a CSV file: a text that a spreadsheet would run gets a "'" first.

    That is one that begins with "=", "+", "-" or "@", and is not a number.
    """
    if not isinstance(value, str):
        return value
    text = visible_lines(value)
    if not value.lstrip().startswith(_FORMULA) or _is_number(text):
        return text
    return f"'{text}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text
