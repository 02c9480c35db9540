"""The words of events as patterns, each once: what analysis says, and the page only fills in.

An event's sentence and its row of a ladder differ from those of many others only in the host, the
peer, the session and the message. So the author of the words is given an event with marks in these
places, and what it says around them is a pattern. Which columns of the event it reads is watched:
events that are alike in these have the same pattern.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any, Final

from lab.analysis.ladder_rows import row_of
from lab.analysis.narrative import sentence, unheard
from lab.analysis.shown_names import shown_names
from lab.trace.rows import HOST, KIND, KINDS, MESSAGE, OCTETS, OWN, PEER, SESSION, Event, Row, T
from lab.trace.trace import Trace

Pattern = list[str | int]
"""Texts, and numbers for what is filled in: host 0, peer 1, session 2, message 3, octets 4."""

SHOWN: Final = 4
"""In a pattern: the octets of the event as they are shown."""

_HOST, _PEER = "\u27e60\u27e7", "\u27e61\u27e7"
_SESSION, _MESSAGE = 728_101_964_400_002, 728_101_964_400_003
_SLOTS: Final = {_HOST: 0, _PEER: 1, str(_SESSION): 2, str(_MESSAGE): 3}
_MARKS: Final = re.compile("(" + "|".join(map(re.escape, _SLOTS)) + ")")


class _Watched(dict[str, Any]):
    """The columns of an event, which remember which of them were read."""

    def __init__(self, columns: dict[str, Any]) -> None:
        super().__init__(columns)
        self.read: dict[str, None] = {}

    def __getitem__(self, name: str) -> Any:
        self.read[name] = None
        return super().__getitem__(name)


class Wording:
    """The wording of the events of a trace.

    ``words`` has, for each wording of an event, the numbers of two patterns (the sentence; the
    text of the ladder's row), the kind of that row and its tag; -1 and "" if there is no row.
    """

    def __init__(self, trace: Trace) -> None:
        self._shown = shown_names(trace.meta)
        self._unheard = set(unheard(trace.of(("close", "accept"))))
        self.patterns: list[Pattern] = []
        self.words: list[tuple[int, str, int, str]] = []
        self._patterns: dict[tuple[str | int, ...], int] = {}
        self._words: dict[tuple[int, str, int, str], int] = {}

    def never_heard(self, row: Row) -> None:
        """Take note that the 250 of a row of kind accept comes after the close of its session."""
        self._unheard.add((row[SESSION], row[MESSAGE]))

    def of(self, rows: Iterable[Row], shown: Callable[[Row], str]) -> list[int]:
        """Return the number in ``words`` of the wording of each of some rows, all of one kind.

        ``shown`` gives the octets of a row as the page shows them.
        """
        known: dict[tuple[int, ...], tuple[Callable[[Row], Any], dict[Any, int]]] = {}
        tables: list[tuple[Callable[[Row], Any], dict[Any, int]]] = []
        wordings = []
        for row in rows:
            is_unheard = row[KIND] == "accept" and (row[SESSION], row[MESSAGE]) in self._unheard
            traits = (
                not row[HOST], not row[PEER],
                row[SESSION] is None, row[MESSAGE] is None, is_unheard,
            )  # fmt: skip
            number = None
            for get, numbers in tables:
                number = numbers.get((get(row), traits))
                if number is not None:
                    break
            if number is None:
                number, columns = self._ask(row, traits, shown(row))
                get, numbers = known.setdefault(columns, (_getter(row, columns), {}))
                numbers[get(row), traits] = number
                tables = list(known.values())
            wordings.append(number)
        return wordings

    def _ask(self, row: Row, traits: tuple[bool, ...], shown: str) -> tuple[int, tuple[int, ...]]:
        """Ask the authors to word an event; return the number of the wording, and what they
        read.
        """
        kind = row[KIND]
        extra = _Watched(dict(zip(KINDS[kind], row[OWN:], strict=False)))  # without lines
        no_host, no_peer, no_session, no_message, is_unheard = traits
        event = Event(
            row[T], 0, kind,
            row[HOST] if no_host else _HOST, row[PEER] if no_peer else _PEER,
            None if no_session else _SESSION, None if no_message else _MESSAGE,
            extra,
        )  # fmt: skip
        pattern = self._pattern(sentence(event, is_unheard=is_unheard, shown=self._shown), shown)
        drawn = row_of(event, self._shown)
        words = (pattern, "", -1, "")
        if drawn is not None:
            words = (pattern, drawn.kind, self._pattern(drawn.text, shown), drawn.tag)
        number = self._words.setdefault(words, len(self.words))
        if number == len(self.words):
            self.words.append(words)
        # when something was sent is the time of the ladder's row, and not in its words
        read = [name for name in extra.read if name != "sent"]
        return number, tuple(OWN + KINDS[kind].index(name) for name in read)

    def _pattern(self, text: str, shown: str) -> int:
        """Return the number of the pattern of a text in which there are marks."""
        parts: Sequence[str] = (text,)
        if len(shown) > 1 and "\n" not in shown and text.endswith(shown):
            parts = (text.removesuffix(shown),)
        pattern = [
            _SLOTS.get(piece, piece) for part in parts for piece in _MARKS.split(part) if piece
        ]
        if parts[0] is not text and parts[0] != text:
            pattern.append(SHOWN)
        number = self._patterns.setdefault(tuple(pattern), len(self.patterns))
        if number == len(self.patterns):
            self.patterns.append(pattern)
        return number


def _getter(row: Row, columns: tuple[int, ...]) -> Callable[[Row], Any]:
    """Return a function that gets the values of some columns of a row; ``row`` is an example."""
    if not columns:
        return lambda row: None
    if row[KIND] == "data":
        return _length_and_end
    get = itemgetter(*columns)
    if any(isinstance(row[column], (list, dict)) for column in columns):
        return lambda row: repr(get(row))
    return get


def _length_and_end(row: Row) -> tuple[int, int, bytes]:
    """Return what the wording shows of mail data: bytes, lines, and whether it has an end."""
    octets: bytes = row[OCTETS]
    return len(octets), octets.count(b"\r\n"), octets[-5:]
