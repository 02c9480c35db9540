"""What workbenches are told of a run that goes on: made once, for any number of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

from lab.trace.rows import Row
from lab.trace.trace import Trace
from lab.views.replay import GrowingPage, growing_page

MOST_ROWS: Final = 2_000
"""Events of a piece at most."""

MOST_PIECES: Final = 20
"""Pieces that a workbench gets at a time."""


class Growth:
    """The page of the workbench, and the pieces by which it grows; ``start`` is the first row.

    The first viewer who asks has them made. A viewer keeps the number of the next piece.
    """

    def __init__(self, start: Trace) -> None:
        self._data = GrowingPage(start)
        self._page = growing_page(self._data.beginning())
        self._pieces: list[str] = []
        self._reached = 1  # the page begins with the first row
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._looked = (0, b"")

    @property
    def page(self) -> str:
        """The page before anything has happened, as HTML."""
        return self._page

    def since(self, number: int, rows: Sequence[Row]) -> list[str]:
        """Return the pieces from a number on, as JSON; ``rows`` are all events so far."""
        with self._lock:
            while len(rows) > self._reached and len(self._pieces) < number + MOST_PIECES:
                new = list(islice(rows, self._reached, self._reached + MOST_ROWS))
                self._pieces.append(_json(self._data.additions(new)))
                self._reached += len(new)
            return self._pieces[number : number + MOST_PIECES]

    def hindsight(self, trace: Trace) -> bytes:
        """Return what all of a run so far makes of it, as JSON."""
        with self._looking:
            count, text = self._looked
            if count != len(trace.rows):
                text = _json(self._data.hindsight(trace)).encode()
                self._looked = (len(trace.rows), text)
            return text


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))
