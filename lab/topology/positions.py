"""The line of each value in a TOML text, which tomllib does not report.

tomllib has accepted the text before, so this parser follows its shape and checks nothing.
"""

from __future__ import annotations

import contextlib
import re
from typing import Final

Place = tuple[str | int, ...]
"""The keys that lead to a value, as in ``("host", 2, "relay")``."""

_GAP: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY: Final = re.compile(r"""[ \t]*("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+)[ \t]*""")
_STRING: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|' + r"'''.*?'{3,5}" + r"""|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""",
    re.DOTALL,
)
_BARE: Final = re.compile(r"[^,\]}\n#]+")


def lines_of(text: str) -> dict[Place, int]:
    """Return the line of each value of a TOML text, counted from 1."""
    finder = _Finder(text)
    # an error message without a line is better than none
    with contextlib.suppress(IndexError, RecursionError):
        finder.document()
    return finder.lines


class _Finder:
    """Goes through a text once and keeps the line of each value."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.lines: dict[Place, int] = {}
        self._tables: dict[Place, int] = {}
        self._counted = 0
        self._line = 1

    def document(self) -> None:
        """Read all statements: table headers, and keys with their values."""
        base: Place = ()
        while self._gap():
            if self.text.startswith("[[", self.position):
                base = self._header(2)
            elif self.text[self.position] == "[":
                base = self._header(1)
            else:
                self._pair(base)

    def _gap(self) -> bool:
        match = _GAP.match(self.text, self.position)
        assert match is not None
        self.position = match.end()
        return self.position < len(self.text)

    def _note(self, place: Place) -> None:
        # line ends are counted from the last value on, which takes linear time in all
        self._line += self.text.count("\n", self._counted, self.position)
        self._counted = self.position
        self.lines.setdefault(place, self._line)

    def _header(self, brackets: int) -> Place:
        start = self.position
        self.position += brackets
        *outer, last = self._keys()
        self.position += brackets
        place: Place = ()
        for key in outer:
            place = self._inside((*place, key))
        place = (*place, last)
        self.position, end = start, self.position
        self._note(place)
        if brackets == 2:
            self._tables[place] = self._tables.get(place, -1) + 1
            place = (*place, self._tables[place])
            self._note(place)
        self.position = end
        return place

    def _inside(self, place: Place) -> Place:
        return (*place, self._tables[place]) if place in self._tables else place

    def _keys(self) -> list[str]:
        keys = []
        while True:
            match = _KEY.match(self.text, self.position)
            if match is None:
                raise IndexError
            keys.append(match[1].strip("\"'"))
            self.position = match.end()
            if self.text[self.position] != ".":
                return keys
            self.position += 1

    def _pair(self, base: Place) -> None:
        start = self.position
        place = base
        keys = self._keys()
        self.position, end = start, self.position
        for key in keys:
            place = (*place, key)
            self._note(place)
        self.position = end + 1  # over the equals sign
        self._value(place)

    def _value(self, place: Place) -> None:
        self._gap()
        match = _STRING.match(self.text, self.position)
        if match is not None:
            self.position = match.end()
        elif self.text[self.position] == "[":
            self._items(place, "]")
        elif self.text[self.position] == "{":
            self._items(place, "}")
        else:
            match = _BARE.match(self.text, self.position)
            self.position = match.end() if match else self.position + 1

    def _items(self, place: Place, end: str) -> None:
        self.position += 1
        number = 0
        while self._gap() and self.text[self.position] != end:
            if self.text[self.position] == ",":
                self.position += 1
            elif end == "}":
                self._pair(place)
            else:
                self._note((*place, number))
                self._value((*place, number))
                number += 1
        self.position += 1
