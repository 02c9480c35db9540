"""What a host was handed over to do, until it is done: its process may end before that."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lab.trace.rows import KIND, MESSAGE, Row


class HandedOver:
    """The messages that give a host something to do and that it has not done yet, in their order.

    Mail is done when the host has stored it. A script or poll is done when the host has handled the
    message, as it has begun then; not so while the host is being shut down, since no channel is
    opened to or from it.
    """

    def __init__(self) -> None:
        self._order = 0
        self._messages: dict[int, tuple[Any, ...]] = {}
        self._sent_as: dict[int, int] = {}

    def __bool__(self) -> bool:
        return bool(self._messages)

    @property
    def are_sent(self) -> bool:
        """Whether its process has got any of them."""
        return bool(self._sent_as)

    def add(self, message: tuple[Any, ...]) -> int:
        """Add a message, and return its place in their order."""
        self._order += 1
        self._messages[self._order] = message
        return self._order

    def note_sent(self, order: int, number: int) -> None:
        """Note the number of a message among all those that the process has got."""
        self._sent_as[order] = number

    def take_all(self) -> list[tuple[Any, ...]]:
        """Remove all messages, and return them for the next process."""
        messages, self._messages, self._sent_as = self._messages, {}, {}
        return list(messages.values())

    def forget_done(self, rows: Sequence[Row], handled: float) -> None:
        """Forget what is done: mail that rows say is stored, and the first ``handled`` messages."""
        stored = {row[MESSAGE] for row in rows if row[KIND] == "submit"}
        for order in [n for n in self._messages if self._is_done(n, stored, handled)]:
            del self._messages[order]
            self._sent_as.pop(order, None)

    def _is_done(self, order: int, stored: set[int], handled: float) -> bool:
        kind, first, *_ = self._messages[order]
        if kind == "submit":
            return first in stored
        return self._sent_as.get(order, math.inf) <= handled
