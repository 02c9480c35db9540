"""The account: what became of each recipient of each message, read from the trace alone.

Every recipient of every submitted message ends in exactly one outcome: ``delivered``, ``returned``
(a notification about it reached the originator), ``rejected`` (refused by the user's own host),
``queued`` (the run stopped first), ``undeliverable_notifications`` (its notification could not be
delivered), or ``lost``, which is an error of ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from lab.trace import Row, Trace

OUTCOMES: Final = (
    "delivered", "returned", "rejected", "queued", "undeliverable_notifications", "lost",
)  # fmt: skip


@dataclass(slots=True)
class Recipient:
    """One recipient of one message: who, since when, and what became of it so far.

    ``holders`` are the hosts in whose spool the mail for it lies, ``vanished_at`` when the last of
    them let go of it; ``notification`` the number of the message that tells the originator of its
    loss.
    """

    message: int
    id: str
    path: str
    submitted_at: float
    outcome: str = "queued"
    settled_at: float | None = None
    hops: int = 0
    deliveries: int = 0
    holders: set[str] = field(default_factory=set)
    notification: int | None = None
    vanished_at: float = 0.0

    def settle(self, outcome: str, t: float) -> None:
        """Reach an outcome, the first time."""
        if self.settled_at is None:
            self.outcome = outcome
            self.settled_at = t

    def as_dict(self) -> dict[str, Any]:
        """The recipient as the summary shows it."""
        return {
            "message": self.message,
            "recipient": self.path.rpartition(":")[2] if self.path.startswith("@") else self.path,
            "outcome": self.outcome,
            "submitted_at": round(self.submitted_at, 6),
            "settled_at": None if self.settled_at is None else round(self.settled_at, 6),
            "hops": self.hops,
        }


class Account:
    """The recipients of a run and their outcomes, taken from the trace's rows one by one."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.recipients: dict[tuple[int, str], Recipient] = {}
        self.notifications: dict[int, list[Recipient]] = {}
        self.tellers: dict[int, Recipient] = {}
        self.mailed: set[int] = set()
        self.sessions = 0
        self.last = 0.0
        self.ended = False
        for row in rows:
            self.take(row)

    def take(self, row: Row) -> None:
        """Take one more row of the trace."""
        handler = _HANDLERS.get(row[1])
        if handler is not None:
            handler(self, row)
        elif row[1] == "end":
            self.ended = True
        self.last = row[0]

    # -- one handler a kind of event ------------------------------------------------------------

    def _submit(self, row: Row) -> None:
        t, message = row[0], row[5]
        if row[8] == "SAML":
            self.mailed.add(message)
        for number, path in enumerate(row[7], 1):
            self.recipients[message, str(number)] = Recipient(message, str(number), path, t)

    def _reject(self, row: Row) -> None:
        self.recipients[row[5], row[6]].settle("rejected", row[0])

    def _expand(self, row: Row) -> None:
        parent = self.recipients.pop((row[5], row[6]), None)
        if parent is None:
            return
        for one, path in row[8]:
            child = Recipient(row[5], one, path, parent.submitted_at, hops=parent.hops)
            child.holders = set(parent.holders)
            self.recipients.setdefault((row[5], one), child)

    def _forward(self, row: Row) -> None:
        recipient = self.recipients.get((row[5], row[6]))
        if recipient is not None:
            recipient.path = row[8]

    def _queue(self, row: Row) -> None:
        for recipient in self._those(row[5], row[6]):
            recipient.holders.add(row[2])

    def _accept(self, row: Row) -> None:
        for recipient in self._those(row[5], row[6]):
            recipient.holders.add(row[2])
            if recipient.settled_at is None:
                recipient.hops += 1

    def _gone(self, row: Row) -> None:
        """A transfer to the next host, a refusal, a crash: this host no longer has the mail."""
        for recipient in self._those(row[5], row[6]):
            recipient.holders.discard(row[2])
            recipient.vanished_at = row[0]

    def _deliver(self, row: Row) -> None:
        t, message = row[0], row[5]
        recipient = self.recipients.get((message, row[6]))
        if recipient is not None:
            recipient.deliveries += 1
            recipient.settle("delivered", t)
        for about in self.notifications.get(message, ()):
            about.settle("returned", t)

    def _terminal(self, row: Row) -> None:
        if row[5] in self.mailed:
            return  # 3.4: SAML "is successful if the message is delivered the mailbox"
        recipient = self.recipients.get((row[5], row[6]))
        if recipient is not None:
            recipient.settle("delivered", row[0])

    def _notify(self, row: Row) -> None:
        told = self._those(row[6], row[7])
        self.tellers[row[5]] = Recipient(row[5], "1", row[8], row[0])
        self.notifications[row[5]] = told
        for recipient in told:
            recipient.notification = row[5]
            recipient.holders.discard(row[2])

    def _abandon(self, row: Row) -> None:
        for recipient in self.notifications.get(row[5], ()):
            recipient.settle("undeliverable_notifications", row[0])
        # mail that came with a null reverse-path and is no notification of a host of ours
        if row[5] not in self.notifications:
            for recipient in self._those(row[5], None):
                if not recipient.holders:
                    recipient.settle("undeliverable_notifications", row[0])

    def _open(self, row: Row) -> None:
        self.sessions += 1

    def _those(self, message: int, ids: Iterable[str] | None) -> list[Recipient]:
        if ids is None:
            return [one for (number, _), one in self.recipients.items() if number == message]
        found = [self.recipients.get((message, one)) for one in ids]
        if message in self.tellers:
            found.append(self.tellers[message])
        return [one for one in found if one is not None]

    @property
    def lost(self) -> list[Recipient]:
        """The recipients whose mail nobody has any more, and of which nobody has been told."""
        return [one for one in self.recipients.values() if self._is_lost(one)]

    def _is_lost(self, recipient: Recipient) -> bool:
        """Whether no host holds the mail, and none holds word of its loss."""
        if recipient.settled_at is not None or recipient.holders:
            return False
        teller = self.tellers.get(recipient.notification or 0)
        return teller is None or not teller.holders

    # -- the summary ----------------------------------------------------------------------------

    def summary(self) -> dict[str, Any]:
        """The counts of the contract's section 3, without title, seed and digest."""
        recipients = sorted(self.recipients.values(), key=_order)
        counts = dict.fromkeys(OUTCOMES, 0)
        for recipient in recipients:
            if self._is_lost(recipient):
                recipient.outcome = "lost"
            counts[recipient.outcome] += 1
        delivered = [one for one in recipients if one.outcome == "delivered"]
        spans = sorted(one.settled_at - one.submitted_at for one in delivered if one.settled_at)
        return {
            "simulated_seconds": round(self.last, 6),
            "submitted": len(recipients),
            **counts,
            "duplicates": sum(max(0, one.deliveries - 1) for one in recipients),
            "sessions": self.sessions,
            "hops": sum(one.hops for one in delivered),
            "delivery_seconds": _quantiles(spans),
            "recipients": [one.as_dict() for one in recipients],
        }


def _order(recipient: Recipient) -> tuple[int, list[int]]:
    return recipient.message, [int(part) for part in recipient.id.split(".")]


def _quantiles(spans: list[float]) -> dict[str, float]:
    """Minimum, median, 95th percentile (nearest rank) and maximum, in seconds."""
    if not spans:
        return {"min": 0, "median": 0, "p95": 0, "max": 0}
    middle = (spans[(len(spans) - 1) // 2] + spans[len(spans) // 2]) / 2
    p95 = spans[-(-95 * len(spans) // 100) - 1]
    return {
        "min": round(spans[0], 6),
        "median": round(middle, 6),
        "p95": round(p95, 6),
        "max": round(spans[-1], 6),
    }


_HANDLERS: Final = {
    "submit": Account._submit,
    "reject": Account._reject,
    "expand": Account._expand,
    "forward": Account._forward,
    "queue": Account._queue,
    "accept": Account._accept,
    "transfer": Account._gone,
    "refuse": Account._gone,
    "forget": Account._gone,
    "deliver": Account._deliver,
    "terminal": Account._terminal,
    "notify": Account._notify,
    "abandon": Account._abandon,
    "open": Account._open,
}


def summarise(trace: Trace, account: Account | None = None) -> dict[str, Any]:
    """The summary of a trace: title, seed, digest, counts, delivery times, recipients.

    ``account`` is that of the same trace, where it has been taken already.
    """
    meta = trace.meta
    account = account if account is not None else Account(trace.rows)
    return {
        "title": meta.get("title", ""),
        "seed": meta.get("seed", 0),
        "digest": trace.digest(),
        **account.summary(),
        # hosts that say 250 before they store: what they lose is no error of the lab's
        "careless": [host["name"] for host in meta.get("hosts", ()) if host.get("careless")],
    }
