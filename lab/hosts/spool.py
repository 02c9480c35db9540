"""The spool: mail that waits for its next host, in a queue for each.

A failure of the next host (it cannot be reached, it replies 421, it loses the channel in the middle
of a session) holds back its whole queue. A failure of one message (450) holds back only that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import heappop, heappush
from typing import Final

from lab.hosts.failed import FailedRecipient
from lab.protocol import Path

Addressee = tuple[str, Path]
"""A recipient of queued mail: the id in the trace, and the forward-path from this host."""


Written = tuple[Path, bool]
"""The path of a recipient as the user wrote it, if a list, a forward or a redirect has replaced it,
and whether that was a private list, whose members are not shown to anybody.
"""

_NONE: Final[dict[str, Written]] = {}


class QueuedMail:
    """Mail in the spool: one copy of the data for its recipients at the next host.

    ``reverse_path`` is what MAIL will give; ``return_path`` is where a notification would go. Mail
    that came from another host is ``relaying``; mail of a user of this host, and a notification, is
    not. ``followed`` are the keys of the paths that replies of 251 and 551 gave for it; none is
    followed twice, and ``redirects`` counts them. ``expires`` is when no more tries are made, 0
    until the mail is in the spool; it stays when the mail goes another way. ``written`` is how the
    paths of recipients were written, if otherwise than here, by their ids. ``avoided`` are the next
    hosts at which attempts failed. ``last_chance``: it was too old when the host came up again, and
    is tried once more. Times are seconds.
    """

    __slots__ = (
        "addressees", "avoided", "expires", "failures", "followed", "last_chance", "mail_data",
        "message", "not_before", "place", "redirects", "relaying", "return_path", "reverse_path",
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
        self.place = 0
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

    ``sessions`` counts the sender-SMTPs that send from it, or whose channel is opening; there may
    be as many as ``channels``. ``sending`` counts the mail that they have taken and not settled.
    ``held`` is the place of the last mail that a failure has held back. Before ``not_before``,
    nothing is tried, and before ``alone_until``, only one session at a time;
    ``wake_at`` is the time at which the driver has been asked to try it; ``polled``: the next host
    is to be asked for its mail in the current session. Times are seconds.

    Two heaps, so that a step costs hardly more in a long queue: ``_ready`` has the mail that may be
    tried, by its ``place`` in the queue; ``_later`` the mail that has to wait, by the time until
    which it has to.
    """

    __slots__ = (
        "_first", "_last", "_later", "_ready", "alone_until", "channels", "environment", "failures",
        "held", "host", "not_before", "polled", "sending", "sessions", "wake_at",
    )  # fmt: skip

    def __init__(self, host: str, environment: str, channels: int = 1) -> None:
        self.host = host
        self.environment = environment
        self.channels = channels
        self._ready: list[tuple[int, QueuedMail]] = []
        self._later: list[tuple[float, int, QueuedMail]] = []
        self._first = 0
        self._last = 0
        self.failures = 0
        self.not_before = 0.0
        self.alone_until = 0.0
        self.held = 0
        self.sending = 0
        self.sessions = 0
        self.polled = False
        self.wake_at: float | None = None

    def __len__(self) -> int:
        return len(self._ready) + len(self._later)

    @property
    def entries(self) -> list[QueuedMail]:
        """All mail of the queue, in its order."""
        entries = [*self._ready, *[(place, mail) for _, place, mail in self._later]]
        return [mail for _, mail in sorted(entries, key=_place)]

    def add(self, mail: QueuedMail) -> None:
        """Put mail at the end."""
        self._last += 1
        self.add_at(self._last, mail)

    def add_first(self, mail: QueuedMail) -> None:
        """Put mail before all other."""
        self.add_at(self._first, mail)
        self._first -= 1

    def add_at(self, place: int, mail: QueuedMail) -> None:
        """Put mail at the place of other mail, which is not in the queue any more."""
        mail.place = place
        if mail.not_before > 0.0:
            heappush(self._later, (mail.not_before, place, mail))
        else:
            heappush(self._ready, (place, mail))

    def ready(self, now: float) -> QueuedMail | None:
        """Return the first mail that may be tried now; None if there is none."""
        if now < self.not_before:
            return None
        later, ready = self._later, self._ready
        while later and later[0][0] <= now:
            _, place, mail = heappop(later)
            heappush(ready, (place, mail))
        while ready:
            place, mail = ready[0]
            if mail.not_before <= now:
                return mail
            heappop(ready)
            heappush(later, (mail.not_before, place, mail))
        return None

    def wants_session(self, now: float) -> bool:
        """Return whether one more session has mail to send now, and may be opened.

        Each session that is opening takes one of the messages that are ready.
        """
        if self.sessions >= self.channels or self.ready(now) is None:
            return False
        if self.sessions == 0:
            return True
        return now >= self.alone_until and len(self._ready) > self.sessions - self.sending

    def hold(self) -> None:
        """Note that all mail in the queue is held back."""
        self.held = self._last

    def take(self) -> None:
        """Remove the mail that :meth:`ready` has returned."""
        heappop(self._ready)

    def clear(self) -> list[QueuedMail]:
        """Remove all mail, and return it in its order."""
        entries = self.entries
        self._ready, self._later = [], []
        return entries

    def next_try(self) -> float | None:
        """Return the time of the next try, or an earlier one if that is over; None for an empty
        queue.
        """
        if self._ready:
            return self.not_before
        if not self._later:
            return None
        return max(self.not_before, self._later[0][0])


def _place(entry: tuple[int, QueuedMail]) -> int:
    return entry[0]


class Spool:
    """The queues of one host, by the name of the next host."""

    __slots__ = ("_channels", "queues")

    def __init__(self, channels: int = 1) -> None:
        self._channels = channels
        self.queues: dict[str, Queue] = {}

    def queue(self, host: str, environment: str) -> Queue:
        """Return the queue for a next host; make it if there is none."""
        queue = self.queues.get(host)
        if queue is None:
            queue = self.queues[host] = Queue(host, environment, self._channels)
        return queue

    def __len__(self) -> int:
        return sum([len(queue) for queue in self.queues.values()])
