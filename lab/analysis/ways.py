"""The hosts by which the mail of each recipient went, in their order."""

from __future__ import annotations

from collections.abc import Iterable

from lab.trace.rows import (
    EXPAND_MEMBERS,
    HOST,
    KIND,
    MESSAGE,
    RECIPIENT,
    RECIPIENTS,
    SUBMIT_RECIPIENTS,
    Row,
)


class Ways:
    """Follows the mail of each recipient through the rows of a trace, one by one.

    A host that accepts the same mail twice, as its 250 was lost, is on the way twice. A member of a
    list has gone by the way of the list until then.
    """

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._ways: dict[tuple[int, str], list[str]] = {}
        for row in rows:
            self.take(row)

    def take(self, row: Row) -> None:
        """Take the next row."""
        kind, host, message = row[KIND], row[HOST], row[MESSAGE]
        if kind == "submit":
            for number in range(1, len(row[SUBMIT_RECIPIENTS]) + 1):
                self._ways[message, str(number)] = [host]
        elif kind == "accept":
            for recipient in row[RECIPIENTS]:
                if (message, recipient) in self._ways:
                    self._ways[message, recipient].append(host)
        elif kind == "expand":
            for member, _ in row[EXPAND_MEMBERS]:
                self._ways[message, member] = list(self._ways.get((message, row[RECIPIENT]), ()))

    def of(self, message: int, recipient: str) -> list[str]:
        """Return the hosts on the way of a recipient's mail: the first is where it was handed in.

        It is empty for mail that no user of the lab handed in.
        """
        return self._ways.get((message, recipient), [])
