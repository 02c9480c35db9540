"""The spool: mail that waits for its next host, a queue for each.

Mail that cannot go now is tried again: after ``first`` seconds, then ``factor`` times as long each
time, at most ``max``; after ``give_up`` it is returned. A failure of the host (it cannot be
reached, it answers 421) holds back the whole queue; a failure of one piece of mail (450) only that.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.protocol import Path

Addressee = tuple[str, Path]
"""A recipient of a message on its way: its id in the trace, and its forward-path from here."""


class Entry:
    """A piece of mail in the spool: one copy of the data for its recipients at the next host.

    ``reverse_path`` is what MAIL will say; ``return_path`` where a notification would go. Mail that
    came from another host is ``relaying``; mail of a user of this host, and notifications, not.
    ``told``: the paths that 251 and 551 have led it along; none is followed twice.
    ``last_chance``: it was too old already when the host came up, and is tried once more.
    """

    __slots__ = (
        "addressees", "avoided", "expires", "failures", "last_chance", "mail_data", "message",
        "not_before", "relaying", "return_path", "reverse_path", "takes_251", "told", "verb",
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
        self.told: frozenset[str] = frozenset()

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the recipients."""
        return tuple([one[0] for one in self.addressees])


class Queue:
    """The mail for one next host, in the order in which it came.

    ``session`` is set while a sender-SMTP is at work on it; ``not_before`` holds the whole queue
    back; ``wake_at`` is when the driver has been asked to look again; ``polled``: the next host is
    to be asked for its mail in the session that is at work.
    """

    __slots__ = (
        "entries", "environment", "failures", "host", "not_before", "polled", "session", "wake_at",
    )  # fmt: skip

    def __init__(self, host: str, environment: str) -> None:
        self.host = host
        self.environment = environment
        self.entries: list[Entry] = []
        self.failures = 0
        self.not_before = 0.0
        self.session = False
        self.polled = False
        self.wake_at: float | None = None

    def ready(self, now: float) -> Entry | None:
        """The first piece of mail that may be tried now."""
        if now < self.not_before:
            return None
        for entry in self.entries:
            if entry.not_before <= now:
                return entry
        return None

    def next_try(self) -> float | None:
        """The time of the next try; None for an empty queue."""
        if not self.entries:
            return None
        return max(self.not_before, min([entry.not_before for entry in self.entries]))


class Spool:
    """The queues of one host."""

    __slots__ = ("queues",)

    def __init__(self) -> None:
        self.queues: dict[str, Queue] = {}

    def queue(self, host: str, environment: str) -> Queue:
        """The queue for a next host, made where there is none."""
        queue = self.queues.get(host)
        if queue is None:
            queue = self.queues[host] = Queue(host, environment)
        return queue

    def __len__(self) -> int:
        return sum(len(queue.entries) for queue in self.queues.values())

    def __iter__(self) -> Iterator[Entry]:
        for queue in self.queues.values():
            yield from queue.entries
