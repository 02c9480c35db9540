"""The way of recorded rows out of a host's process: the ring that outlives it, or its channel."""

from __future__ import annotations

from lab.live.control import Control
from lab.live.mail_file import is_large, mail_in, pieces_of, with_mail
from lab.live.row_ring import HELD, SIZE, RowRing, packed
from lab.trace.rows import Row


class RecordedRows:
    """Rows that a host's process has recorded, put where the network finds them, in their order.

    Rows for which the ring has no room, and rows with large mail, go to the network as messages.
    """

    def __init__(self, outbox: RowRing, control: Control) -> None:
        self._outbox = outbox
        self._control = control
        self._announced = 0

    @property
    def is_half_full(self) -> bool:
        """Whether the ring is half full of rows that the network was not asked to fetch."""
        return self._outbox.written - self._announced > SIZE // 2

    def announce(self) -> None:
        """Ask the network to fetch the rows, when the next message leaves."""
        if self._announced != self._outbox.written:
            self._announced = self._outbox.written
            self._control.put("look", self._announced)

    def put(self, rows: list[Row], batch: int) -> None:
        """Put rows of a batch (0: of none) where they outlive this process."""
        if batch < HELD and any(map(is_large, rows)):
            self._send_large(rows, batch)
            return
        octets = packed(rows)
        if not self._outbox.put(octets, batch):
            self.announce()
            self._control.send_rows(octets, batch)

    def put_open(self, rows: list[Row]) -> bool:
        """Put rows, and return whether they are open: see :meth:`RowRing.put_open`."""
        octets = packed(rows)
        if self._outbox.put_open(octets):
            return True
        self.announce()
        self._control.send_rows(octets, 0)
        self._control.flush_all()
        return False

    def _send_large(self, rows: list[Row], batch: int) -> None:
        """Send rows of which some are mail of many bytes, without a copy of that."""
        self.announce()
        sent = []
        for row in rows:
            if is_large(row):
                mail = mail_in(row)
                for piece in pieces_of(mail):
                    self._control.send_mail(piece)
                row = with_mail(row, len(mail))
            sent.append(row)
        self._control.send_rows(packed(sent), batch)
