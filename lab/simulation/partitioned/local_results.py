"""What a partition derives from its own rows: digest, the rule of the replies, where rows go.

The partition that records the rows of a host or a session derives what concerns that alone. A
message may go anywhere, so what concerns it is derived by its owner
(:class:`lab.simulation.partitioned.owned_results.OwnedResults`): the partition of the host where it
was submitted. A notification has the owner of the message that it reports on. Only some rows are
needed there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lab.analysis.account import ACCOUNTED
from lab.analysis.invariants import Replies
from lab.analysis.invariants.breach import Finding
from lab.analysis.invariants.mail import KINDS
from lab.simulation.numbering import RANK_SHIFT, count_of, owner_of
from lab.trace.digests import Digests
from lab.trace.rows import KIND, MESSAGE, OCTETS, PEER, SESSION, START_META, Row

SentRow = tuple[int, Row]
"""The row of what was sent to a receiver-SMTP of another partition, and how many came before."""

_OF_ALL: Final = frozenset(("start", "fault", "end"))

_NEEDED: Final = (ACCOUNTED | {*KINDS}) - _OF_ALL - {"open", "reply", "close"}

_SENT: Final = frozenset(("command", "data"))


class LocalResults:
    """What a partition derives from its rows.

    ``hosts`` are the names of all hosts by rank, ``here`` those of this ``partition``, of
    ``partitions`` in all; ``start`` is the row with which the run begins.
    """

    def __init__(
        self,
        hosts: Sequence[str],
        here: frozenset[str],
        partition: int,
        partitions: int,
        start: Row,
    ) -> None:
        self._hosts = hosts
        self._here = here
        self._digests = Digests(self._name, self._name)
        self._replies = Replies()
        self._handlers = self._replies.handlers()
        self._handlers["start"](start)
        self._partition = partition
        self._partitions = partitions
        has_names = any(host.get("names") for host in start[START_META]["hosts"])
        self._of_all = _OF_ALL | {"open", "close"} if has_names else _OF_ALL
        self._answering: dict[int, int] = {}
        self._refused: dict[int, int] = {}

    def _name(self, number: int, _: str) -> tuple[str, int]:
        assert number > 0, "a session without a number has no rows but of losses"
        return self._hosts[number >> RANK_SHIFT], count_of(number)

    def take(self, rows: list[Row], sent: list[SentRow]) -> list[list[int]]:
        """Take the next rows; return for each partition the indices of those that it needs."""
        self._digests.take(rows)
        needed: list[list[int]] = [[] for _ in range(self._partitions)]
        done = 0
        for upto, row in sent:
            self._take(rows, range(done, upto), needed)
            if row[KIND] == "data":
                self._answering[row[SESSION]] = self._owner(row[MESSAGE])
            self._handlers[row[KIND]](row)
            done = upto
        self._take(rows, range(done, len(rows)), needed)
        return needed

    def _owner(self, message: int | None) -> int:
        """Return the owner of a message; one without a number yet will have this owner."""
        return self._partition if message is None else owner_of(message)

    def _take(self, rows: list[Row], indices: range, needed: list[list[int]]) -> None:
        handlers, answering, here = self._handlers, self._answering, self._here
        for index in indices:
            row = rows[index]
            kind = row[KIND]
            if kind in _NEEDED:
                needed[self._owner(row[MESSAGE])].append(index)
            elif kind in self._of_all:
                for chosen in needed:
                    chosen.append(index)
            handler = handlers.get(kind)
            if handler is None or (kind in _SENT and row[PEER] not in here):
                continue  # the partition of the sender-SMTP derives what concerns that
            handler(row)
            if kind == "data":
                answering[row[SESSION]] = self._owner(row[MESSAGE])
            elif kind == "reply":
                if row[SESSION] in answering:
                    owner = answering.pop(row[SESSION])
                    if self._answered(row, owner):
                        needed[owner].append(index)
            elif kind == "close":
                self._closed(row[SESSION], index, needed)

    def _answered(self, row: Row, owner: int) -> bool:
        """Note that the mail data of a session is answered; return whether its owner needs the row.

        It does not if the host itself has recorded that it accepted the mail.
        """
        session = row[SESSION]
        if row[OCTETS][:3] == b"250" and row[PEER] not in self._replies.contrary:
            self._refused.pop(session, None)
            return False
        self._refused[session] = owner
        return True

    def _closed(self, session: int, index: int, needed: list[list[int]]) -> None:
        """Let the owners know of the end of a session, if they keep something about it."""
        owners = {self._answering.pop(session, -1), self._refused.pop(session, -1)} - {-1}
        if "close" not in self._of_all:
            for owner in owners:
                needed[owner].append(index)

    def hashes(self) -> dict[str, bytes]:
        """Return the hash of the events of each host of this partition, for the digest."""
        return self._digests.hashes()

    def findings(self) -> list[Finding]:
        """Return the replies outside the table of section 4.3 given to hosts of this partition."""
        return self._replies.findings
