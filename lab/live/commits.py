"""What a live host has to store, and the mail that gets its reply when that is done.

Mail that a peer hands over is an :class:`Acceptance`: what the host makes of it (copies for next
hosts, deliveries, notifications) is written first, and happens only then. If it cannot be written,
nothing has happened, and the reply says so. Everything else (mail was sent on, is tried later,
takes another route) has happened already; if it cannot be written, it is written later. A crash
before that only means that mail is sent twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lab.hosts.spool import Queue, QueuedMail
from lab.live.changes import Changes, Delivery
from lab.live.storage import Storage, StorageFailed, is_full
from lab.protocol import Reply, reply
from lab.trace.rows import Row

NO_ROOM: Final = reply(452)
NOT_STORED: Final = reply(451)


class Acceptance:
    """Mail that a peer has handed over, until it is stored.

    ``rows`` are what to record of it, ``changes`` what to store, ``admitted`` the mail for queues.
    ``answer`` gives the peer a verdict: ``verdict``, if everything is stored.
    """

    __slots__ = ("admitted", "answer", "changes", "rows", "verdict")

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.changes = Changes()
        self.admitted: list[tuple[Queue, QueuedMail]] = []
        self.answer: Callable[[Reply], None] | None = None
        self.verdict: Reply | None = None


class Commits:
    """What is to be stored, and the mail that waits for it.

    ``current`` is the mail that is being handed over at this moment, if any. ``staged`` waits to be
    written, ``written`` for the disk, ``syncing`` for the disk that is at work; ``failed`` cannot
    be stored. ``has_failed`` is set while the last try to write has failed, and ``why``
    says for which reason.
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.current: Acceptance | None = None
        self.staged: list[Acceptance] = []
        self.written: list[Acceptance] = []
        self.syncing: list[Acceptance] = []
        self.failed: list[tuple[Acceptance, Reply]] = []
        self.has_failed = False
        self.why = ""
        # whether mail of the host's own waits to be written, waits for the disk, is being synced
        self._own_mail = [False, False, False]
        self._changes = Changes()
        self._apart: Changes | None = None

    # -- what is to be stored -------------------------------------------------------------------

    def keep(self, queue: Queue, mail: QueuedMail) -> bool:
        """Store queued mail; return whether it may be tried before that."""
        if self.current is None:
            self._open.mails[mail] = queue
            self._own_mail[0] = True
            return True
        self.current.changes.mails[mail] = queue
        self.current.admitted.append((queue, mail))
        return False

    def forget(self, mail: QueuedMail) -> None:
        """Remove queued mail."""
        self._open.mails[mail] = None

    def deliver(self, user: str, message: int | None, octets: bytes) -> None:
        """Put mail into a mail drop."""
        changes = self._open if self.current is None else self.current.changes
        changes.deliveries.append(Delivery(user, message, octets))

    @property
    def _open(self) -> Changes:
        return self._changes if self._apart is None else self._apart

    def begin(self) -> None:
        """Keep what changes from now on apart, until :meth:`settle` or :meth:`take_back`."""
        self.settle()
        self._apart = Changes()

    def settle(self) -> None:
        """Have what has changed since :meth:`begin` stored with the rest."""
        apart, self._apart = self._apart, None
        if apart:
            self._changes.add(apart)

    def take_back(self) -> None:
        """Forget what has changed since :meth:`begin`: what did it has failed half way."""
        self.current = self._apart = None

    def owed(self) -> dict[QueuedMail, str]:
        """Return the mail that the host has in its spool, and the next host of each, as stored.

        Mail that waits for its first commit is not in it: its sender has not had a reply.
        """
        owed = self.storage.queued()
        for mail, queue in self._changes.mails.items():
            if queue is None:
                owed.pop(mail, None)
            else:
                owed[mail] = queue.host
        for acceptance in (*self.staged, *self.written, *self.syncing):
            for _, mail in acceptance.admitted:
                owed.pop(mail, None)
        return owed

    def adopt(self, acceptance: Acceptance) -> None:
        """Store mail for which no reply is due."""
        self._changes.add(acceptance.changes)

    @property
    def has_own_changes(self) -> bool:
        """Whether something is to be written besides mail that a peer hands over."""
        return bool(self._changes or self._apart)

    @property
    def has_own_mail(self) -> bool:
        """Whether mail that no peer has handed over is not on the disk yet: a user's, say."""
        return any(self._own_mail)

    @property
    def is_due(self) -> bool:
        """Whether there is something to write that has not failed before."""
        return bool(self.staged) or (bool(self._changes) and not self.has_failed)

    @property
    def is_busy(self) -> bool:
        """Whether there is something that is not on the disk yet."""
        waiting = self.staged or self.written or self.syncing or self.failed
        return bool(waiting or self._changes or self._apart)

    # -- storing it -----------------------------------------------------------------------------

    def write(self) -> bool:
        """Write everything as one batch; return whether that succeeded.

        If not, the mail that waited for it is ``failed``.
        """
        changes = Changes()
        changes.add(self._changes)
        for acceptance in self.staged:
            changes.add(acceptance.changes)
        staged, self.staged = self.staged, []
        try:
            self.storage.write(changes)
        except StorageFailed as failure:
            verdict = NO_ROOM if failure.is_full else NOT_STORED
            self.failed += [(acceptance, verdict) for acceptance in staged]
            self.has_failed, self.why = True, str(failure)
            return False
        self.has_failed = False
        self._changes = Changes()
        self.written += staged
        self._own_mail[:2] = False, any(self._own_mail[:2])
        return True

    def begin_sync(self) -> None:
        """Begin to wait for the disk, on behalf of everything that is written."""
        self.syncing, self.written = self.written, []
        self._own_mail[1:] = False, self._own_mail[1]

    def end_sync(self, error: BaseException | None) -> list[Acceptance]:
        """Return the mail that is on the disk now; after an error, none, and that mail has
        failed.
        """
        synced, self.syncing = self.syncing, []
        self._own_mail[2] = False
        if error is None:
            return synced
        # what was written meanwhile is after it in the log, of which a part may be lost
        synced, self.written = synced + self.written, []
        verdict = NO_ROOM if is_full(error) else NOT_STORED
        for acceptance in synced:
            self._changes.add(acceptance.changes.undone())
            self.failed.append((acceptance, verdict))
        return []

    def take_written(self) -> list[Acceptance]:
        """Return the mail that is written, where nobody waits for the disk."""
        written, self.written = self.written, []
        self._own_mail[1] = False
        return written

    def take_failed(self) -> list[tuple[Acceptance, Reply]]:
        """Return the mail that could not be stored, with the reply that says so."""
        failed, self.failed = self.failed, []
        return failed
