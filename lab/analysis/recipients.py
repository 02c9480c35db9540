"""Recipients: what became of each, one by one or, once settled for good, in columns.

A recipient in columns takes a few dozen bytes: an account of a million messages takes no more room
than their addresses.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, overload

from lab.analysis.summary import RecipientSummary

OUTCOMES: Final = (
    "delivered", "returned", "rejected", "queued", "undeliverable_notifications", "discarded",
    "lost",
)  # fmt: skip


@dataclass(slots=True)
class Recipient:
    """One recipient of one message, and what became of it so far; times in seconds.

    ``holders`` are the hosts in whose spool the mail for it lies, ``vanished_at`` is when the last
    of them had it no longer, and ``notification`` the number of the notification about it.
    ``discarded_at`` is when a host was given it last that may not have taken it: a scripted one, or
    one of whose session a fault had changed a command or a reply. ``reason`` is why its host
    rejected it.
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
    discarded_at: float | None = None
    reason: str = ""

    def settle(self, outcome: str, t: float) -> None:
        """Reach an outcome, the first time."""
        if self.settled_at is None:
            self.outcome = outcome
            self.settled_at = t

    @property
    def ended_at(self) -> float | None:
        """The time of its outcome, in seconds; None if it has none yet."""
        is_settled = self.settled_at is not None or self.outcome == "queued"
        return self.settled_at if is_settled else self.discarded_at

    @property
    def seconds(self) -> float | None:
        """The seconds from submission to its outcome; None if it has none yet."""
        return None if self.settled_at is None else self.settled_at - self.submitted_at

    @property
    def delivery_time(self) -> float | None:
        """The seconds from submission to delivery; None if it was not delivered."""
        return self.seconds if self.outcome == "delivered" else None

    @property
    def address(self) -> str:
        """The path without its source route."""
        return self.path.rpartition(":")[2] if self.path.startswith("@") else self.path

    def as_dict(self) -> RecipientSummary:
        """The recipient as the summary shows it."""
        summary: RecipientSummary = {
            "message": self.message,
            "recipient": self.address,
            "outcome": self.outcome,
            "submitted_at": round(self.submitted_at, 6),
            "settled_at": None if self.ended_at is None else round(self.ended_at, 6),
            "hops": self.hops,
        }
        if self.reason:
            summary["reason"] = self.reason
        return summary


Settled = tuple[int, str, str, float, int, float, int, int, str]
"""A recipient who is settled for good: message, id, address, when submitted, the index of the
outcome, when that was reached, hops, deliveries, and why it was rejected.
"""


@dataclass
class Tally:
    """Counts over recipients; ``spans`` are the seconds from submission to delivery."""

    counts: dict[str, int]
    spans: array[float]
    duplicates: int = 0
    hops: int = 0


class SettledColumns:
    """Recipients that are settled for good, in columns; the place of each is its index."""

    def __init__(self) -> None:
        self._messages = array("q")
        self._ids: list[str] = []
        self._addresses: list[str] = []
        self._outcomes = array("B")
        self._submitted = array("d")
        self._settled = array("d")
        self._hops = array("I")
        self._deliveries = array("I")
        self._reasons: dict[int, str] = {}  # by place, of those that were rejected
        self._texts: dict[str, str] = {}
        self.again: Counter[tuple[int, str]] = Counter()

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, recipient: Recipient) -> None:
        """Add a recipient."""
        code, at = OUTCOMES.index(recipient.outcome), recipient.settled_at or 0.0
        identity = (recipient.message, recipient.id, recipient.address, recipient.submitted_at)
        taken = (recipient.hops, recipient.deliveries, recipient.reason)
        self.put(recipient.message, (*identity, code, at, *taken))

    def __getitem__(self, place: int) -> Recipient:
        message, name = self._messages[place], self._ids[place]
        return Recipient(
            message, name, self._addresses[place],
            self._submitted[place], OUTCOMES[self._outcomes[place]], self._settled[place],
            self._hops[place], self._deliveries[place] + self.again[message, name],
            reason=self._reasons.get(place, ""),
        )  # fmt: skip

    def pop_all(self) -> list[Settled]:
        """Remove all recipients, and return them."""
        columns = (
            self._messages, self._ids, self._addresses, self._submitted,
            self._outcomes, self._settled, self._hops, self._deliveries,
        )  # fmt: skip
        reasons = [self._reasons.get(place, "") for place in range(len(self))]
        removed: list[Settled] = list(zip(*columns, reasons, strict=True))
        for column in columns:
            del column[:]
        self._reasons.clear()
        return removed

    def put(self, message: int, settled: Settled) -> None:
        """Add a recipient from another account, where the message may have another number."""
        _, name, address, submitted, outcome, at, hops, deliveries, reason = settled
        shared = self._texts.setdefault
        if reason:
            self._reasons[len(self)] = shared(reason, reason)
        self._messages.append(message)
        self._ids.append(shared(name, name))
        self._addresses.append(shared(address, address))
        self._outcomes.append(outcome)
        self._submitted.append(submitted)
        self._settled.append(at)
        self._hops.append(hops)
        self._deliveries.append(deliveries)

    def tally(self, unsettled: Iterable[Recipient]) -> Tally:
        """The counts of these recipients and of ``unsettled``."""
        tally = Tally(dict.fromkeys(OUTCOMES, 0), array("d"))
        for code, name in enumerate(OUTCOMES):
            tally.counts[name] = self._outcomes.count(code)
        for code, submitted, settled, hops in zip(
            self._outcomes, self._submitted, self._settled, self._hops, strict=True
        ):
            if not code:  # delivered, the first of the outcomes
                tally.spans.append(settled - submitted)
                tally.hops += hops
        tally.duplicates = sum(count - 1 for count in self._deliveries if count > 1)
        for key, count in zip(self.keys(), self._deliveries, strict=True) if self.again else ():
            tally.duplicates += max(0, self.again[key] - (not count))
        for recipient in unsettled:
            tally.counts[recipient.outcome] += 1
            tally.duplicates += max(0, recipient.deliveries - 1)
            if recipient.delivery_time is not None:
                tally.spans.append(recipient.delivery_time)
                tally.hops += recipient.hops
        return tally

    def reasons(self) -> Counter[str]:
        """Why recipients were rejected, and how many for each reason; hosts are not named."""
        reasons: Counter[str] = Counter()
        for place, reason in self._reasons.items():
            host = self._addresses[place].rpartition("@")[2]
            reasons[reason.replace(f" {host}", " ...") if host else reason] += 1
        return reasons

    def keys(self) -> Iterator[tuple[int, str]]:
        """Message and id of each, by place."""
        return zip(self._messages, self._ids, strict=True)


class Recipients(Sequence[RecipientSummary]):
    """The recipients of an account as the summary shows them, in the order of their messages.

    Each is made when it is read, so that a million of them cost nothing until then.
    """

    def __init__(
        self, settled: SettledColumns, unsettled: Mapping[tuple[int, str], Recipient]
    ) -> None:
        self._settled = settled
        self._unsettled = list(unsettled.values())
        keys = [*settled.keys(), *unsettled]
        order = sorted(range(len(keys)), key=lambda place: order_of(*keys[place]))
        self._order = array("q", order)

    def __len__(self) -> int:
        return len(self._order)

    def recipient(self, index: int) -> Recipient:
        """The recipient itself."""
        place = self._order[index] - len(self._settled)
        return self._unsettled[place] if place >= 0 else self._settled[self._order[index]]

    @overload
    def __getitem__(self, index: int) -> RecipientSummary: ...

    @overload
    def __getitem__(self, index: slice) -> list[RecipientSummary]: ...

    def __getitem__(self, index: int | slice) -> RecipientSummary | list[RecipientSummary]:
        if isinstance(index, slice):
            places = range(*index.indices(len(self)))
            return [self.recipient(place).as_dict() for place in places]
        if index >= len(self):
            raise IndexError(index)
        return self.recipient(index).as_dict()

    def __repr__(self) -> str:
        return f"<{len(self)} recipients>"


def order_of(message: int, name: str) -> tuple[int, list[int]]:
    """Return what sorts recipients: their message, and the parts of their id as numbers."""
    return message, [int(part) for part in name.split(".")]
