"""What a host has to store: mail in its spool, and mail for mail drops, since the last commit."""

from __future__ import annotations

from lab.hosts.spool import Queue, QueuedMail


class Delivery:
    """Mail for a user's mail drop; ``row`` is its number there, 0 while it is not stored."""

    __slots__ = ("message", "octets", "row", "user")

    def __init__(self, user: str, message: int | None, octets: bytes) -> None:
        self.user = user
        self.message = message
        self.octets = octets
        self.row = 0


class Changes:
    """What has changed since the last commit.

    ``mails`` is queued mail that was added or changed, with its queue; with None, mail that is not
    in the spool any more. ``deliveries`` are for mail drops; ``withdrawn`` are taken out of them.
    """

    __slots__ = ("deliveries", "mails", "withdrawn")

    def __init__(self) -> None:
        self.mails: dict[QueuedMail, Queue | None] = {}
        self.deliveries: list[Delivery] = []
        self.withdrawn: list[Delivery] = []

    def __bool__(self) -> bool:
        return bool(self.mails or self.deliveries or self.withdrawn)

    @property
    def octets(self) -> int:
        """How many bytes of mail they add at most; the same mail for several hosts counts once."""
        kept = [mail.mail_data for mail, queue in self.mails.items() if queue is not None]
        mails = {id(octets): len(octets) for octets in kept}
        return sum(mails.values()) + sum(len(each.octets) for each in self.deliveries)

    def add(self, later: Changes) -> None:
        """Add what changed after these changes."""
        self.mails.update(later.mails)
        self.deliveries += later.deliveries
        self.withdrawn += later.withdrawn

    def undone(self) -> Changes:
        """Return the changes that take back what these have added."""
        changes = Changes()
        changes.mails = dict.fromkeys(self.mails)
        changes.withdrawn = list(self.deliveries)
        return changes
