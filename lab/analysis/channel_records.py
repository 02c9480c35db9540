"""Each transmission channel with all that was recorded of it: what arrived, and what was lost.

A capture is made of them. Channels that never opened are among them, as attempts.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from lab.trace.rows import (
    CLOSE_REASON,
    CROSSING,
    HOST,
    KIND,
    MESSAGE,
    OCTETS,
    OPEN_PATH,
    OPEN_STARTED,
    OPEN_TRANSPORT,
    PEER,
    SENT,
    Row,
    T,
)
from lab.trace.waiting_rows import RowFile, WaitingRows


@dataclass(slots=True)
class ChannelRecord:
    """A transmission channel: its rows, and the losses on its path."""

    number: int
    client: str
    server: str
    started: float
    wire: WaitingRows
    opened: float | None = None
    transport: str = "tcp"
    path: tuple[str, ...] = ()
    losses: list[Row] = field(default_factory=list)
    closed: float | None = None
    reason: str = ""
    pieces: bytes = b""

    def add(self, row: Row) -> None:
        """Add what has arrived; not a reply whose pieces have been added."""
        if row[KIND] == "piece":
            self.pieces += row[OCTETS]
        elif row[KIND] == "reply" and row[OCTETS] in self.pieces:
            self.pieces = self.pieces.partition(row[OCTETS])[2]
            return
        self.wire.append(row)

    def losses_of_chunks(self) -> dict[int, list[Row]]:
        """Return the losses of each chunk: it is the first one on its way in that direction."""
        losses: dict[int, list[Row]] = defaultdict(list)
        path, wire = self.path, self.wire
        arrivals = [row[T] for row in wire] if self.losses else []
        for loss in self.losses:
            if self.opened is None or loss[T] < self.opened:
                continue
            from_client = loss[HOST] in path and path.index(loss[HOST]) < path.index(loss[PEER])
            sender = self.client if from_client else self.server
            for place in range(bisect_right(arrivals, loss[T]), len(wire)):
                if wire[place][PEER] == sender and wire[place][SENT] <= loss[T]:
                    losses[place].append(loss)
                    break
        return losses


def as_they_began(rows: Iterable[Row], file: RowFile | None = None) -> Iterator[ChannelRecord]:
    """Yield the channels in the order in which they began to open.

    Each is yielded once no channel that began before it is still opening or open. Until then its
    rows may be in a file.
    """
    begun: dict[tuple[str, str, float], None] = {}  # in the order of time
    complete: list[tuple[float, int, ChannelRecord]] = []
    now = 0.0
    for item in _channels(rows, file or RowFile()):
        if isinstance(item, ChannelRecord):
            pair = item.client, item.server
            key = (*pair, item.started)
            # an attempt that failed is recorded at the time of its failure
            key = (
                key if key in begun else next((other for other in begun if other[:2] == pair), key)
            )
            begun.pop(key, None)
            heapq.heappush(complete, (item.started, item.number, item))
            first = next(iter(begun), None)
            while complete and complete[0][0] < (now if first is None else first[2]):
                yield heapq.heappop(complete)[2]
        else:
            begun[item[HOST], item[PEER], item[T]] = None
            now = item[T]
    while complete:
        yield heapq.heappop(complete)[2]


def _channels(rows: Iterable[Row], file: RowFile) -> Iterator[ChannelRecord | Row]:
    """Yield the channels that are over and the attempts to open one, in the order of the trace."""
    channels: dict[int, ChannelRecord] = {}
    opening: list[Row] = []
    tries = 0
    for row in rows:
        t, kind, host, peer, session = row[:MESSAGE]
        if kind == "attempt":
            yield row
        elif kind == "open":
            channel = ChannelRecord(
                session,
                host,
                peer,
                row[OPEN_STARTED],
                WaitingRows(file),
                t,
                row[OPEN_TRANSPORT],
                tuple(row[OPEN_PATH]),
            )
            channel.losses = [
                loss
                for loss in opening
                if _is_on(loss, channel.path) and loss[T] >= row[OPEN_STARTED]
            ]
            opening = [loss for loss in opening if loss not in channel.losses]
            channels[session] = channel
        elif kind in CROSSING:
            if session in channels:  # in a trace that lacks lines, the opening may be missing
                channels[session].add(row)
        elif kind == "loss":
            (channels[session].losses if session in channels else opening).append(row)
        elif kind == "close" and session in channels:
            channel = channels.pop(session)
            channel.closed, channel.reason = t, row[CLOSE_REASON]
            channel.wire.finish()
            yield channel
        elif kind == "unreachable":
            tries += 1
            yield ChannelRecord((1 << 30) + tries, host, peer, t, WaitingRows(file))
    yield from channels.values()


def _is_on(loss: Row, path: Sequence[str]) -> bool:
    return loss[HOST] in path and loss[PEER] in path
