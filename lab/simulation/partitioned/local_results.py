"""What a part derives from its own rows: digest, the rule of the replies, and where rows go.

The part that records the rows of a host or a session derives what concerns that alone. A message
may go anywhere, so what concerns it is derived in its home part
(:class:`lab.simulation.partitioned.home_results.HomeResults`): the part of the host where it was
handed in. A notification has the home of the message that it reports on. Only some rows are needed
there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lab.analysis.account import ACCOUNTED
from lab.analysis.invariants import Replies
from lab.analysis.invariants.mail import KINDS
from lab.analysis.invariants.replies import WrongReply
from lab.simulation.numbering import RANK_SHIFT, count_of, home_of
from lab.trace.digests import Digests
from lab.trace.rows import KIND, MESSAGE, OCTETS, PEER, SESSION, START_META, Row

Saying = tuple[int, Row]
"""The row of what was said to a receiver-SMTP of another part, and how many rows came before."""

_OF_ALL: Final = frozenset(("start", "fault", "end"))

_NEEDED: Final = (ACCOUNTED | {*KINDS}) - _OF_ALL - {"open", "reply", "close"}

_SAID: Final = frozenset(("command", "data"))


class LocalResults:
    """What a part makes of its rows.

    ``hosts`` are the names of all hosts by rank, ``here`` those of this ``part`` of so many
    ``parts``; ``start`` is the row with which the run begins.
    """

    def __init__(
        self, hosts: Sequence[str], here: frozenset[str], part: int, parts: int, start: Row
    ) -> None:
        self._hosts = hosts
        self._here = here
        self._digests = Digests(self._name, self._name)
        self._replies = Replies()
        self._handlers = self._replies.handlers()
        self._handlers["start"](start)
        self._part = part
        self._parts = parts
        has_names = any(host.get("names") for host in start[START_META]["hosts"])
        self._of_all = _OF_ALL | {"open", "close"} if has_names else _OF_ALL
        self._answering: dict[int, int] = {}
        self._refused: dict[int, int] = {}

    def _name(self, number: int, _: str) -> tuple[str, int]:
        assert number > 0, "a session without a number has no rows but of losses"
        return self._hosts[number >> RANK_SHIFT], count_of(number)

    def take(self, rows: list[Row], sayings: list[Saying]) -> list[list[int]]:
        """Take the next rows: for each part, the indices of those that its books need."""
        self._digests.take(rows)
        needed: list[list[int]] = [[] for _ in range(self._parts)]
        done = 0
        for upto, saying in sayings:
            self._take(rows, range(done, upto), needed)
            if saying[KIND] == "data":
                self._answering[saying[SESSION]] = self._home(saying[MESSAGE])
            self._handlers[saying[KIND]](saying)
            done = upto
        self._take(rows, range(done, len(rows)), needed)
        return needed

    def _home(self, message: int | None) -> int:
        """The home of a message; what has no number yet will have one of a host of this part."""
        return self._part if message is None else home_of(message)

    def _take(self, rows: list[Row], indices: range, needed: list[list[int]]) -> None:
        handlers, answering, here = self._handlers, self._answering, self._here
        for index in indices:
            row = rows[index]
            kind = row[KIND]
            if kind in _NEEDED:
                needed[self._home(row[MESSAGE])].append(index)
            elif kind in self._of_all:
                for those in needed:
                    those.append(index)
            handler = handlers.get(kind)
            if handler is None or (kind in _SAID and row[PEER] not in here):
                continue  # the part of the sender-SMTP goes by what that has said
            handler(row)
            if kind == "data":
                answering[row[SESSION]] = self._home(row[MESSAGE])
            elif kind == "reply":
                if row[SESSION] in answering:
                    home = answering.pop(row[SESSION])
                    if self._answered(row, home):
                        needed[home].append(index)
            elif kind == "close":
                self._closed(row[SESSION], index, needed)

    def _answered(self, row: Row, home: int) -> bool:
        """The mail data of a session is answered; whether that tells anything.

        Where the host itself has told that it accepted the mail, it does not.
        """
        session = row[SESSION]
        if row[OCTETS][:3] == b"250" and row[PEER] not in self._replies.contrary:
            self._refused.pop(session, None)
            return False
        self._refused[session] = home
        return True

    def _closed(self, session: int, index: int, needed: list[list[int]]) -> None:
        """A session is over: who has something to forget of it needs to know."""
        homes = {self._answering.pop(session, -1), self._refused.pop(session, -1)} - {-1}
        if "close" not in self._of_all:
            for home in homes:
                needed[home].append(index)

    def hashes(self) -> dict[str, bytes]:
        """The hash of the events of each host of this part, for the digest."""
        return self._digests.hashes()

    def wrong_replies(self) -> list[WrongReply]:
        """The replies outside the table of section 4.3 that were given to hosts of this part."""
        return self._replies.wrong
