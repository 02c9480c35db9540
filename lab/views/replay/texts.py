"""The texts of a page, each once and by its number; what crossed the wire as it is shown."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from lab.analysis.narrative import lines_shown
from lab.runtime.escaping import visible_lines
from lab.trace.rows import KIND, OCTETS_COLUMNS, Row

ROOM: Final = 4_000_000
"""Characters of mail (and as many of commands and replies) in a page, before it is compressed."""

LONGEST: Final = 65_536
"""Characters of one mail that a page holds at most."""

MAIL: Final = frozenset({"data", "deliver", "terminal"})
"""The kinds of event whose octets are mail; those of others are commands and replies."""


class Texts:
    """A table of texts in which each has a number.

    ``cut`` has, for texts that are not whole, how many octets are left out; ``limits`` is how many
    octets are kept of a mail (by True) and of a command or reply (by False).
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self.strings: list[str] = []
        self.cut: dict[int, int] = {}
        self.limits = _limits(rows)
        self._numbers: dict[tuple[str, int], int] = {}
        self._mail: dict[bytes, int] = {}
        self._pieces: dict[bytes, int] = {}
        self._lines: dict[bytes, int] = {}

    def number(self, text: str, missing: int = 0) -> int:
        """Return the number of a text, of which ``missing`` octets are left out."""
        number = self._numbers.setdefault((text, missing), len(self.strings))
        if number == len(self.strings):
            self.strings.append(text)
            if missing:
                self.cut[number] = missing
        return number

    def of_wire(self, kind: str, octets: Iterable[bytes]) -> list[int]:
        """Return the number of each of some octets as they are shown: lines and line feeds.

        A line feed within a line is shown as an escape. A piece of a reply is shown otherwise than
        a reply of the same octets, and is cut by its own rule.
        """
        is_mail, is_piece = kind in MAIL, kind == "piece"
        known = self._mail if is_mail else self._pieces if is_piece else self._lines
        limit = self.limits[is_mail]
        numbers = []
        for text in octets:
            number = known.get(text)
            if number is None:
                kept = text if is_piece else text[:limit]
                number = self.number("\n".join(lines_shown(kind, kept)), len(text) - len(kept))
                known[text] = number
            numbers.append(number)
        return numbers

    def of_json(self, value: Any) -> int:
        """Return the number of a value that JSON can hold."""
        return self.number(json.dumps(shown(value), separators=(",", ":")))


def shown(value: Any) -> Any:
    """Return a value that JSON can hold with each text in it made visible; numbers stay."""
    if isinstance(value, str):
        return visible_lines(value)
    if isinstance(value, dict):
        return {shown(key): shown(inner) for key, inner in value.items()}
    if isinstance(value, list) and not (value and isinstance(value[0], (int, float))):
        return [shown(inner) for inner in value]
    return value


def _limits(rows: Iterable[Row]) -> dict[bool, int]:
    """Return how much of a mail, and of a command or reply, all texts together have room for."""
    seen: dict[bool, set[bytes]] = {True: set(), False: set()}
    columns = OCTETS_COLUMNS
    for row in rows:
        column = columns.get(row[KIND])
        if column is not None:
            seen[row[KIND] in MAIL].add(row[column])
    return {is_mail: _limit(sorted(map(len, texts))) for is_mail, texts in seen.items()}


def _limit(lengths: list[int]) -> int:
    """Return the length at which texts are cut so that all together keep to the room there is."""
    room = ROOM
    for shorter, length in enumerate(lengths):
        left = len(lengths) - shorter
        if length * left > room:
            return max(min(room // left, LONGEST), 16)
        room -= length
    return LONGEST
