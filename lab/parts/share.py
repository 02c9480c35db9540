"""A part's own share of what is made of the rows: digest, the rule of the replies, what to send.

What concerns one host or one session is found out where its rows are recorded; what concerns a
message, which may go anywhere, is for who gathers the rows of all parts
(:class:`lab.parts.gathered.Gathered`), and needs only some of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lab.account import ACCOUNTED
from lab.digests import Digests
from lab.invariants import Replies
from lab.invariants.mail import KINDS
from lab.invariants.replies import WrongReply
from lab.trace import Row

NUMBERS: Final = 40
"""Bits of the number of a session or message below the rank of the host that gave it out."""

Saying = tuple[int, Row]
"""The row of what was said to a receiver-SMTP of another part, and how many rows came before."""

_NEEDED: Final = (ACCOUNTED | {*KINDS, "end"}) - {"reply", "close"}

_SAID: Final = frozenset(("command", "data"))


class Share:
    """What a part makes of its rows.

    ``hosts`` are the names of all hosts by rank, ``here`` those of this part; ``start`` is
    the row with which the run begins.
    """

    def __init__(self, hosts: Sequence[str], here: frozenset[str], start: Row) -> None:
        self._hosts = hosts
        self._here = here
        self._digests = Digests(self._name, self._name)
        self._replies = Replies()
        self._replies.handlers["start"](start)
        self._all_closes = any(host.get("names") for host in start[6]["hosts"])
        self._answering: set[int] = set()
        self._refused: set[int] = set()

    def _name(self, number: int, _: str) -> tuple[str, int]:
        assert number > 0, "a session without a number has no rows but of losses"
        return self._hosts[number >> NUMBERS], number & ((1 << NUMBERS) - 1)

    def take(self, rows: list[Row], sayings: list[Saying]) -> list[int]:
        """Take the next rows: the indices of those that account and rules of the mail need."""
        self._digests.take(rows)
        needed: list[int] = []
        done = 0
        for upto, saying in sayings:
            self._take(rows, range(done, upto), needed)
            if saying[1] == "data":
                self._answering.add(saying[4])
            self._replies.handlers[saying[1]](saying)
            done = upto
        self._take(rows, range(done, len(rows)), needed)
        return needed

    def _take(self, rows: list[Row], indices: range, needed: list[int]) -> None:
        handlers, answering, here = self._replies.handlers, self._answering, self._here
        for index in indices:
            row = rows[index]
            kind = row[1]
            if kind in _NEEDED:
                needed.append(index)
            handler = handlers.get(kind)
            if handler is None or (kind in _SAID and row[3] not in here):
                continue  # the part of the sender-SMTP goes by what that has said
            handler(row)
            if kind == "data":
                answering.add(row[4])
            elif kind == "reply":
                if row[4] in answering and self._answered(row):
                    needed.append(index)
            elif kind == "close" and self._closed(row[4]):
                needed.append(index)

    def _answered(self, row: Row) -> bool:
        """The mail data of a session is answered; whether that tells anything.

        Where the host itself has told that it accepted the mail, it does not.
        """
        session = row[4]
        self._answering.discard(session)
        if row[7][:3] == b"250" and row[3] not in self._replies.contrary:
            self._refused.discard(session)
            return False
        self._refused.add(session)
        return True

    def _closed(self, session: int) -> bool:
        """A session is over; whether there is anything to forget of it."""
        known = self._all_closes or session in self._answering or session in self._refused
        self._answering.discard(session)
        self._refused.discard(session)
        return known

    def hashes(self) -> dict[str, bytes]:
        """The hash of the events of each host of this part, for the digest."""
        return self._digests.hashes()

    def wrong_replies(self) -> list[WrongReply]:
        """The replies outside the table of section 4.3 that were given to hosts of this part."""
        return self._replies.wrong
