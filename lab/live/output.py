"""What leaves a host's process, in its order: first stored, then reported, then sent.

What the host must not lose goes to stable storage, and what it records to the network's process;
only then do the bytes leave that follow from it. Many sessions share one commit.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterable, Sequence
from pathlib import Path as FilePath
from typing import Any, Final

from lab.live.commits import Acceptance, Commits
from lab.live.control import Control, PeerGone
from lab.live.failures import failure_row, reason_of_failure
from lab.live.host_duties import HostDuties
from lab.live.recorded_rows import RecordedRows
from lab.live.row_ring import HELD, INSTEAD, RowRing, what_happened_anyway
from lab.live.send_queue import SendQueue
from lab.live.storage import Storage
from lab.trace.rows import DELIVER_OCTETS, DELIVER_USER, KIND, MESSAGE, Row

_LATE: Final = 0.05
"""Seconds after which sessions with callers from outside are reported to the network at last."""

_GATHERING: Final = 0.002
"""Seconds for which mail may wait to be stored with other mail, while more comes in."""

_LARGE: Final = 1 << 20
"""Bytes of rows that are not kept in this process longer than they must."""

_MOST_FLUSHES: Final = 5
"""Flushes in a row that may fail; then the process is started again."""

_AGAIN: Final = 1.0
"""Seconds after which storage that failed is tried again."""


class Output(HostDuties):
    """What a host's process stores, reports to the network, and sends.

    ``name`` is the host's. ``commits`` is what is to be stored. ``inputs`` counts what sessions
    have received. ``may_report_late`` is set while a session with a caller from outside is handled.
    """

    def __init__(
        self, name: str, control: Control, storage: FilePath, outbox: RowRing, *, durable: bool
    ) -> None:
        self.name = name
        self.control = control
        self.storage = Storage(storage, durable=durable)
        self.commits = Commits(self.storage)
        self.outbox = outbox
        self._recorded = RecordedRows(outbox, control)
        self.outbox.stored_before = self.outbox.stored = self.storage.batch
        control.count = outbox.count_sent_by_host
        self.inputs = 0
        self.may_report_late = False
        self.is_watched = False
        self._rows: list[Row] = []
        self._mark: int | None = None
        self._flushes_failed = 0
        self._unsure: list[tuple[int, list[Row]]] = []
        self._syncing: asyncio.Future[None] | None = None
        self._batches: list[int] = []
        self._synced_batch = 0
        self._send_queue = SendQueue()
        self._reports: list[tuple[Any, ...]] = []
        self._inputs_before = 0
        self._gathers_until = math.inf
        self._flushing = False
        self._is_closed = False
        self._noting = False
        self._octets_noted = 0
        self._urgent = True
        self._reported: Any = None

    # -- recording ------------------------------------------------------------------------------

    def note(self, rows: Iterable[Row]) -> None:
        """Record what crossed in a session with a caller from outside; it is reported in time."""
        self._rows.extend(rows)
        if not self._noting:
            self._noting = True
            asyncio.get_running_loop().call_later(_LATE, self._noted)

    def note_came(self, octets: int) -> None:
        """Report what is noted, at the end of this turn of the loop, if it takes much memory."""
        self._octets_noted += octets
        if self._octets_noted > _LARGE:
            self._octets_noted = 0
            self.schedule_flush()

    def _noted(self) -> None:
        self._noting = False
        self.schedule_flush()

    def record(self, row: Row) -> None:
        """Record a row of the trace, and store what has to be stored of it."""
        if row[KIND] == "deliver":
            self.commits.deliver(row[DELIVER_USER], row[MESSAGE], row[DELIVER_OCTETS])
        acceptance = self.commits.current
        if acceptance is not None:
            acceptance.rows.append(row)
        elif self.may_report_late and not self.is_watched:
            self.note((row,))
        else:
            self._rows.append(row)
            self.schedule_flush()

    def report_failure(
        self, name: str, reason: str, *, peer: str | None = None, session: int | None = None
    ) -> None:
        """Record that something has failed, while the host goes on."""
        row = failure_row(self.now, self.name, name, reason, peer=peer, session=session)
        self._rows.append(row)
        self.schedule_flush()

    # -- what may fail half way -----------------------------------------------------------------

    def begin(self) -> None:
        """Keep what is recorded and changed from now on apart, until it has happened."""
        self.commits.begin()
        self._mark = len(self._rows)

    def settle(self) -> None:
        """Let what was recorded and changed since :meth:`begin` have happened."""
        self.commits.settle()
        self._mark = None

    def take_back(self) -> None:
        """Undo what was recorded and changed since :meth:`begin`, as it has failed half way."""
        if self._mark is not None:
            crossed, _ = what_happened_anyway(self._rows[self._mark :])
            self._rows[self._mark :] = crossed
            self._mark = None
        self.commits.take_back()

    # -- handing over ---------------------------------------------------------------------------

    def begin_acceptance(self) -> Acceptance:
        """Hold back, from now on, what the host makes of mail that a peer hands over."""
        self.commits.current = acceptance = Acceptance()
        return acceptance

    def end_acceptance(self) -> None:
        """Store what the host has made of the mail; its sender gets a reply when that is done.

        If no reply is waited for, it has happened now.
        """
        acceptance, self.commits.current = self.commits.current, None
        assert acceptance is not None, "no mail is being handed over"
        if acceptance.answer is None:
            self._rows += acceptance.rows
            self.commits.adopt(acceptance)
            self.finish(acceptance)
        else:
            self.commits.staged.append(acceptance)
        if self.may_report_late and not self.is_watched:
            self.note(())
            self._schedule()
        else:
            self.schedule_flush()

    # -- reporting ------------------------------------------------------------------------------

    def send(self, *message: Any) -> None:
        """Send the network a message, after the rows that were recorded before it.

        What those rows need is stored first: or a crash in between would undo what others know.
        """
        if self._is_closed:
            return
        if self._mark is not None:
            self.begin()  # what has happened until here is known to others from now on
        self._store()
        self._report_rows()
        self._put_reports()
        self.control.send(*message)

    def report(self, *message: Any) -> None:
        """Send the network a message with the next flush, before the bytes that follow from it."""
        if self._mark is not None:
            self.begin()  # as above
        self._reports.append(message)
        self.schedule_flush()

    def _put_reports(self) -> None:
        reports, self._reports = self._reports, []
        for message in reports:
            self.control.put(*message)

    def _put_rows(self, batch: int = 0, added: Sequence[Row] = ()) -> None:
        """Put the rows where they outlive this process; too many at once go to the network.

        ``added``: rows about mail that waits to be stored. They are dropped if that fails.
        """
        rows, self._rows = self._rows, []
        if self._mark is not None:
            self._mark = 0
        if batch:
            self._unsure.append((batch, rows))
        elif self.commits.has_failed:
            rows, self._rows = what_happened_anyway(rows)
        if rows or added:
            self._recorded.put([*rows, *added] if added else rows, batch)

    def put_open(self, rows: list[Row]) -> bool:
        """Put rows where they outlive this process, after all that were recorded before.

        Return whether they are open: then the outbox is to confirm them, or to take them back.
        """
        self._put_earlier()
        return self._recorded.put_open(rows)

    def hold_rows(self, rows: list[Row]) -> None:
        """Put rows that count if this process ends before :meth:`release_rows`."""
        self._put_earlier()
        self._recorded.put(rows, HELD)

    def release_rows(self, session: int, rows: list[Row]) -> None:
        """Record rows in place of those of a session that were held."""
        self._put_earlier()
        self._recorded.put([(session,), *rows], INSTEAD)
        self.note(())

    def _put_earlier(self) -> None:
        self._put_rows(self.storage.batch + 1 if self.commits.is_due else 0)

    def _report_rows(self) -> None:
        """Ask the network to fetch the rows, when the next message leaves or all are flushed."""
        self._put_rows()
        self._recorded.announce()

    def _report(self) -> None:
        self._put_rows()
        if self._urgent or self._recorded.is_half_full:
            self._urgent = False
            self._report_rows()
            self._put_reports()
            self._report_state()
            self.control.flush_all()

    def _report_state(self) -> None:
        state = self.state()
        if state != self._reported:
            self._reported = state
            self.control.put("state", *state)

    # -- sending --------------------------------------------------------------------------------

    def write(self, transport: asyncio.Transport, octets: bytes, *, free: bool = False) -> None:
        """Send bytes when all that was recorded before them is stored and reported.

        ``free``: they promise nothing that is not stored, and need not wait.
        """
        if octets:
            self._send_queue.add(transport, octets, free=free)
            self._schedule()

    def reply(self, transport: asyncio.Transport, octets: bytes) -> None:
        """Send a host a reply. If it says that mail is stored, it is: nothing has to be waited for.

        Only where a fault waits for what the host records does that come first.
        """
        self.write(transport, octets, free=not self.is_watched)

    def command(self, transport: asyncio.Transport, octets: bytes) -> None:
        """Send a host a command or mail data, when it is written what became of the mail before.

        It promises nothing, so it need not wait for the disk; unless that has to take mail which
        this host has begun itself, and which may be the mail that is sent.
        """
        commits = self.commits
        early = not (self.is_watched or commits.has_own_mail)
        free = early and not commits.has_own_changes
        self._send_queue.add(transport, octets, free=free, early=early)
        self._schedule()

    def hang_up(self, transport: asyncio.Transport, *, free: bool = False) -> None:
        """Close a connection after what was written to it has left."""
        self._send_queue.add(transport, None, free=free)
        self._schedule()

    def half_close(self, transport: asyncio.Transport) -> None:
        """Close this end's direction of a connection after what was written to it has left."""
        self._send_queue.add(transport, b"", free=False)
        self._schedule()

    def mark_urgent(self) -> None:
        """Report to the network at the next flush."""
        self._urgent = True

    def schedule_flush(self) -> None:
        """Store, report and send at the end of this turn of the loop: all of it together."""
        self._urgent = True
        self._schedule()

    def _schedule(self) -> None:
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self.flush)

    # -- storing --------------------------------------------------------------------------------

    def flush(self) -> None:
        """Store, report and send; if that fails, do so again soon, but not for ever."""
        if self._is_closed:
            return
        try:
            self._flush()
            self._flushes_failed = 0
        except PeerGone:
            raise
        except Exception as error:
            self._flushing = False
            self._flushes_failed += 1
            if self._flushes_failed >= _MOST_FLUSHES:
                self.give_up(error)
                return
            self.report_failure("host", reason_of_failure(error))

    def _flush(self) -> None:
        """Store what has changed, then report what happened, then send the bytes that follow.

        What is stored outlives this process at once, and the machine when the disk has been waited
        for. Meanwhile sessions go on, until they store something themselves: all of that waits for
        the disk together, the next time.
        """
        send_queue = self._send_queue
        if self._waits_for_more():
            self._flushing = False
            self._put_rows(self.storage.batch + 1)
            if self._reports:
                self._report_rows()
                self._put_reports()
                self.control.flush_all()
            send_queue.send_free()
            if self._syncing is None:
                self._schedule()
            return
        self._flushing = True  # what is written from here on leaves below
        self._store()
        self._finish_written()
        self._report()
        if self._syncing is None and self.storage.is_unsynced:
            self._begin_sync()
        if self._syncing is not None:
            send_queue.send_early()
        else:
            send_queue.send()
        self._flushing = False
        if self.commits.is_due:
            self._schedule()

    def _waits_for_more(self) -> bool:
        """Whether what is to be stored waits for more, so that many sessions share one commit.

        It does as long as every turn of the loop brings input; a single session waits for nobody,
        and a sender-SMTP does not wait for mail that comes in.
        """
        before, self._inputs_before = self._inputs_before, self.inputs
        if not self.commits.is_due or self._send_queue.has_early:
            return False
        if self._syncing is not None:
            return True
        now = time.monotonic()
        if self._gathers_until == math.inf:
            self._gathers_until = now + _GATHERING
        if before != self.inputs and now < self._gathers_until:
            return True
        self._gathers_until = math.inf
        return False

    def _store(self) -> None:
        """Write to storage what has changed since the last time."""
        commits = self.commits
        if not commits.is_due:
            return
        batch = self.storage.batch + 1
        self._put_rows(batch, [row for mail in commits.staged for row in mail.rows])
        if not commits.write():
            self._void(batch)
            self.report_failure("storage", f"it cannot be written: {commits.why}")
            asyncio.get_running_loop().call_later(_AGAIN, self._try_again)
        elif self.storage.is_unsynced:
            self._batches.append(batch)
        else:
            self._is_stored(batch)

    def _is_stored(self, batch: int) -> None:
        """Let the network know that the rows of all batches up to this one have come true."""
        self.outbox.stored = batch
        self._unsure = [(number, rows) for number, rows in self._unsure if number > batch]
        self._batches = [number for number in self._batches if number > batch]

    def _void(self, batch: int) -> None:
        """Take back the rows of a batch that was not stored, but for those that are true.

        What crossed the wires has crossed. What the host has done with mail of its own is recorded
        with the next batch, as it is stored with that.
        """
        self._report_rows()
        self.control.send("void", batch)
        self.control.flush_all()
        unsure = [row for number, rows in self._unsure if number == batch for row in rows]
        self._unsure = [(number, rows) for number, rows in self._unsure if number != batch]
        crossed, own = what_happened_anyway(unsure)
        if crossed:
            self._recorded.put(crossed, 0)
        self._rows = own + self._rows

    def _try_again(self) -> None:
        if self.commits.has_failed:
            self.commits.has_failed = False
            self.schedule_flush()

    def _begin_sync(self) -> None:
        self._send_queue.withhold()
        self.commits.begin_sync()
        self._synced_batch = self.storage.begin_sync()
        loop = asyncio.get_running_loop()
        try:
            self._syncing = loop.run_in_executor(None, self.storage.sync, self._synced_batch)
        except RuntimeError as error:  # no thread can be started
            self._syncing = loop.create_future()
            self._syncing.set_exception(error)
        self._syncing.add_done_callback(self._synced)

    def _synced(self, done: asyncio.Future[None]) -> None:
        self._syncing = None
        error = done.exception()
        if error is not None:
            self.report_failure("storage", f"the disk did not confirm: {error}")
        stored = self.commits.end_sync(error)
        if error is not None:
            # what was written may not be on the disk: its mail gets no 250
            self._synced_batch = self.storage.batch
            for batch in [number for number in self._batches if number <= self._synced_batch]:
                self._void(batch)
        self._is_stored(self._synced_batch)
        for acceptance in stored:
            self._finish(acceptance)
        if stored and not self.has_work:
            self._urgent = True  # if its sender is gone, nobody else reports that it is done
        self._send_queue.release()
        self.flush()

    def _finish_written(self) -> None:
        """Finish mail that is stored, if the disk is not waited for; refuse what cannot be."""
        if not self.storage.durable:
            for acceptance in self.commits.take_written():
                self._finish(acceptance)
        for acceptance, verdict in self.commits.take_failed():
            acceptance.verdict, acceptance.admitted = verdict, []
            self._finish(acceptance)

    def _finish(self, acceptance: Acceptance) -> None:
        """Finish mail; if that fails, the others are finished all the same."""
        try:
            self.finish(acceptance)
        except Exception as error:
            self.report_failure("host", reason_of_failure(error))
            self.finish_again(acceptance)

    async def drain(self) -> None:
        """Flush, and wait until everything is stored and sent."""
        for _ in range(_MOST_FLUSHES):
            self.flush()
            if not self._flushes_failed:
                break
        while self._syncing is not None:
            await asyncio.wait([self._syncing])
            await asyncio.sleep(0)

    def close(self) -> None:
        """Let go of the storage; nothing is stored, reported or sent from now on."""
        self._is_closed = True
        self.storage.close()
        self.control.flush_all()
