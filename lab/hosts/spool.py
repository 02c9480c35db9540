"""The spool: mail that waits for its next host, in a queue for each.

A failure of the next host (it cannot be reached, it replies 421, it loses the channel in the middle
of a session) holds back its whole queue. A failure of one message (450) holds back only that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from lab.hosts.failed import FailedRecipient
from lab.protocol import Path

Addressee = tuple[str, Path]
"""A recipient of queued mail: the id in the trace, and the forward-path from this host."""


Written = tuple[Path, bool]
"""The path of a recipient as the user wrote it, if a list, a forward or a redirect has replaced it,
and whether that was a private list, whose members nobody is told.
"""

_NONE: Final[dict[str, Written]] = {}


class QueuedMail:
    """Mail in the spool: one copy of the data for its recipients at the next host.

    ``reverse_path`` is what MAIL will give; ``return_path`` is where a notification would go. Mail
    that came from another host is ``relaying``; mail of a user of this host, and a notification, is
    not. ``followed`` are the keys of the paths that replies of 251 and 551 gave for it; none is
    followed twice, and ``redirects`` counts them. ``expires`` is when no more tries are made, 0
    until the mail is in the spool; it stays when the mail goes another way. ``written`` is how the
    paths of recipients were written, if otherwise than here, by their ids. ``avoided`` are the
    next hosts that were tried in vain. ``last_chance``: it was too old when the host came up again,
    and is tried once more. Times are seconds.
    """

    __slots__ = (
        "addressees", "avoided", "expires", "failures", "followed", "last_chance", "mail_data",
        "message", "not_before", "redirects", "relaying", "return_path", "reverse_path",
        "takes_251", "verb", "written",
    )  # fmt: skip

    def __init__(
        self,
        message: int,
        verb: str,
        reverse_path: Path,
        return_path: Path,
        addressees: list[Addressee],
        mail_data: bytes,
    ) -> None:
        self.message = message
        self.verb = verb
        self.reverse_path = reverse_path
        self.return_path = return_path
        self.addressees = addressees
        self.mail_data = mail_data
        self.failures = 0
        self.not_before = 0.0
        self.expires = 0.0
        self.relaying = False
        self.takes_251 = False
        self.last_chance = False
        self.avoided: frozenset[str] = frozenset()
        self.followed: frozenset[str] = frozenset()
        self.redirects = 0
        self.written: Mapping[str, Written] = _NONE

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the recipients."""
        return tuple([addressee[0] for addressee in self.addressees])

    def part_for(self, addressees: list[Addressee]) -> QueuedMail:
        """Return the same mail for some of its recipients."""
        part = QueuedMail(
            self.message, self.verb, self.reverse_path, self.return_path, addressees, self.mail_data
        )
        part.failures, part.expires, part.relaying = self.failures, self.expires, self.relaying
        part.avoided, part.takes_251 = self.avoided, self.takes_251
        part.followed, part.redirects = self.followed, self.redirects
        part.written = self.written
        return part

    def redirected(self, addressees: list[Addressee], followed: frozenset[str]) -> QueuedMail:
        """Return the same mail for some recipients, as it goes to a path that a reply gave.

        ``followed`` are the keys of that path and of those before it.
        """
        part = self.part_for([])
        part.followed |= followed
        part.redirects += 1
        written = {recipient: (path, False) for recipient, path in addressees}
        part.written = {**written, **self.written}
        return part

    def failed(
        self, addressees: Sequence[Addressee], host: str, reason: str
    ) -> list[FailedRecipient]:
        """Return recipients as failed: a host gave this reply, or ("") no host did."""
        return [
            FailedRecipient(recipient, path, host, reason, *self.written.get(recipient, ()))
            for recipient, path in addressees
        ]

    def continue_from(self, earlier: QueuedMail) -> None:
        """Take age and redirects from the mail that this one continues."""
        self.expires = earlier.expires
        self.followed, self.redirects = earlier.followed, earlier.redirects
        self.written = {**self.written, **earlier.written}


class Queue:
    """The mail for one next host, in the order in which it came.

    ``session`` is set while a sender-SMTP sends from it; before ``not_before``, nothing is tried;
    ``wake_at`` is the time at which the driver has been asked to try it; ``polled``: the next host
    is to be asked for its mail in the current session. ``failures`` counts the failures of the next
    host since a session with it went well. Times are seconds.
    """

    __slots__ = (
        "entries", "environment", "failures", "host", "not_before", "polled", "session", "wake_at",
    )  # fmt: skip

    def __init__(self, host: str, environment: str) -> None:
        self.host = host
        self.environment = environment
        self.entries: list[QueuedMail] = []
        self.failures = 0
        self.not_before = 0.0
        self.session = False
        self.polled = False
        self.wake_at: float | None = None

    def ready(self, now: float) -> QueuedMail | None:
        """Return the first mail that may be tried now; None if there is none."""
        if now < self.not_before:
            return None
        for mail in self.entries:
            if mail.not_before <= now:
                return mail
        return None

    def next_try(self) -> float | None:
        """Return the time of the next try; None for an empty queue."""
        if not self.entries:
            return None
        return max(self.not_before, min([mail.not_before for mail in self.entries]))


class Spool:
    """The queues of one host, by the name of the next host."""

    __slots__ = ("queues",)

    def __init__(self) -> None:
        self.queues: dict[str, Queue] = {}

    def queue(self, host: str, environment: str) -> Queue:
        """Return the queue for a next host; make it if there is none."""
        queue = self.queues.get(host)
        if queue is None:
            queue = self.queues[host] = Queue(host, environment)
        return queue

    def __len__(self) -> int:
        return sum(len(queue.entries) for queue in self.queues.values())
