"""What happens in a run, for any number of viewers: each gets all of it, in order."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

from lab.analysis.account import ACCOUNTED, Account
from lab.analysis.narrative import sentence
from lab.analysis.shown_names import shown_names
from lab.analysis.spools import KINDS as SPOOL_KINDS
from lab.analysis.spools import SpoolSpan, spool_changes
from lab.trace.meta import Meta
from lab.trace.rows import (
    FAULT_NAME,
    FAULT_ON,
    HOST,
    KIND,
    MESSAGE,
    PEER,
    SESSION,
    Row,
    T,
    event_of,
)

MOST_AT_ONCE: Final = 2_000
"""Items that a viewer gets in one piece."""

_TALLY_EVERY: Final = 0.25
"""Seconds between two counts of what became of the recipients, at least."""


_COUNTED: Final = ("submitted", "delivered", "returned", "rejected", "queued")


class Feed:
    """The items that viewers get, as JSON, from the first one on; ``rows`` are all events.

    An item is an event (a list), or something about the run (an object). A viewer keeps the number
    of the next item that it wants.
    """

    def __init__(self, meta: Meta, numbers: dict[str, int]) -> None:
        self.rows: list[Row] = []
        self.now = self.due = 0.0
        self._items: list[str] = []
        self._changed = threading.Condition()
        self._numbers = numbers
        self._shown = shown_names(meta)
        self._spools: dict[tuple[str, int], list[SpoolSpan]] = {}
        self._account = Account()
        self._counts_sent: dict[str, int] = {}
        self._tallied_at = 0.0
        self._seq = 0
        self.ended = False

    def __len__(self) -> int:
        return len(self._items)

    def add_rows(self, rows: Sequence[Row], due: float, now: float) -> None:
        """Add events; ``due`` is the time by the wall's clock at which the last of them was due.

        ``now`` is the time of the run in seconds.
        """
        items = [self._item(row) for row in rows]
        for row in rows:
            if row[KIND] in ACCOUNTED:
                self._account.take(row)
        items += self._tally()
        items.append(_json({"now": now, "due": due}))
        self.rows += rows
        self.now, self.due = now, due
        self._put(items)

    def tell(self, **about: Any) -> None:
        """Add something about the run."""
        self._put([_json(about)])

    def end(self, **about: Any) -> None:
        """Add the last item: nothing follows it."""
        self._tallied_at = 0.0
        self._put([*self._tally(), _json(about)])
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    def since(self, number: int, timeout: float) -> list[str]:
        """Return the items from a number on, as soon as there are some; none after ``timeout``."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._items) > number or self.ended, timeout)
            return self._items[number : number + MOST_AT_ONCE]

    def _put(self, items: list[str]) -> None:
        with self._changed:
            self._items += items
            self._changed.notify_all()

    def _item(self, row: Row) -> str:
        seq, kind = self._seq, row[KIND]
        self._seq += 1
        details: list[Any] = []
        if kind in SPOOL_KINDS:
            details = [change.by for change in spool_changes([row], self._spools)]
        elif kind == "fault":
            details = [row[FAULT_NAME], row[FAULT_ON]]
        words = sentence(event_of(row, seq), shown=self._shown)
        host, peer = self._number(row[HOST]), self._number(row[PEER])
        return _json([seq, row[T], kind, host, peer, row[SESSION], row[MESSAGE], words, *details])

    def _number(self, name: str | None) -> int:
        return self._numbers.get(name or "", -1)

    def _tally(self) -> list[str]:
        """Return how many recipients came to what, if that has changed and was not just told."""
        now = time.monotonic()
        if now - self._tallied_at < _TALLY_EVERY:
            return []
        self._tallied_at = now
        every = self._account.counts()
        counts = {name: every[name] for name in _COUNTED}
        if counts == self._counts_sent:
            return []
        self._counts_sent = counts
        return [_json({"tally": counts})]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))
