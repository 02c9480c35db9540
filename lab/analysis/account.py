"""The account: what became of each recipient of each message, read from the trace alone.

Every recipient of every submitted message ends in exactly one outcome: ``delivered``, ``returned``
(a notification about it reached the originator), ``rejected`` (refused by the user's own host),
``queued`` (the run stopped first), ``undeliverable_notifications`` (its notification could not be
delivered), ``discarded`` (a scripted or external host accepted it and did not keep it), or
``lost``, which is a fault of the lab.

A settled recipient whose mail is in no host's spool any more is moved to columns of a few dozen
bytes: an account of a million messages takes no more room than their addresses.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, field
from typing import IO, Any, Final, overload

from lab.analysis.quantiles import quantiles
from lab.analysis.summary import Counts, Outcomes, PeerBreachSummary, RecipientSummary, Summary
from lab.runtime.arguments import many
from lab.trace.rows import (
    EXPAND_MEMBERS,
    FORWARD_NEW,
    HOST,
    KIND,
    MESSAGE,
    NOTIFY_ABOUT,
    NOTIFY_PATH,
    NOTIFY_RECIPIENTS,
    OUTSIDE,
    PEER,
    RECIPIENT,
    RECIPIENTS,
    START_META,
    SUBMIT_RECIPIENTS,
    SUBMIT_VERB,
    Row,
    T,
)
from lab.trace.trace import Trace

OUTCOMES: Final = (
    "delivered", "returned", "rejected", "queued", "undeliverable_notifications", "discarded",
    "lost",
)  # fmt: skip

MOST_OUTSIDE: Final = 10_000
"""Recipients at external hosts whose account is opened again if the mail comes back."""

LAZY: Final = 100_000
"""With more recipients than this, a summary makes each only when it is read."""


@dataclass(slots=True)
class Recipient:
    """One recipient of one message, and what became of it so far; times in seconds.

    ``holders`` are the hosts in whose spool the mail for it lies, ``vanished_at`` is when the last
    of them had it no longer, and ``notification`` the number of the notification about it.
    ``discarded_at`` is when a scripted host was given it last, which may not have taken it.
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
        return {
            "message": self.message,
            "recipient": self.address,
            "outcome": self.outcome,
            "submitted_at": round(self.submitted_at, 6),
            "settled_at": None if self.ended_at is None else round(self.ended_at, 6),
            "hops": self.hops,
        }


Settled = tuple[int, str, str, float, int, float, int, int]
"""A recipient who is settled for good: message, id, address, when submitted, the index of the
outcome, when that was reached, hops, and deliveries.
"""


Rest = tuple[list[tuple[Any, ...]], list[tuple[int, set[str]]], list[tuple[int, str, int]]]
"""What an account knows of the recipients that are not in columns, as plain data: recipients, as
:class:`Recipient` takes them; of notifications on their way, the number and the holders; and how
often mail was delivered again, by message and id.
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
        self._texts: dict[str, str] = {}
        self.again: Counter[tuple[int, str]] = Counter()

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, recipient: Recipient) -> None:
        """Add a recipient."""
        code, at = OUTCOMES.index(recipient.outcome), recipient.settled_at or 0.0
        who = (recipient.message, recipient.id, recipient.address, recipient.submitted_at)
        self.put(recipient.message, (*who, code, at, recipient.hops, recipient.deliveries))

    def __getitem__(self, place: int) -> Recipient:
        message, name = self._messages[place], self._ids[place]
        return Recipient(
            message, name, self._addresses[place],
            self._submitted[place], OUTCOMES[self._outcomes[place]], self._settled[place],
            self._hops[place], self._deliveries[place] + self.again[message, name],
        )  # fmt: skip

    def pop_all(self) -> list[Settled]:
        """Remove all recipients, and return them."""
        columns = (
            self._messages, self._ids, self._addresses, self._submitted,
            self._outcomes, self._settled, self._hops, self._deliveries,
        )  # fmt: skip
        removed: list[Settled] = list(zip(*columns, strict=True))
        for column in columns:
            del column[:]
        return removed

    def put(self, message: int, settled: Settled) -> None:
        """Add a recipient from another account, where the message may have another number."""
        _, name, address, submitted, outcome, at, hops, deliveries = settled
        shared = self._texts.setdefault
        self._messages.append(message)
        self._ids.append(shared(name, name))
        self._addresses.append(shared(address, address))
        self._outcomes.append(outcome)
        self._submitted.append(submitted)
        self._settled.append(at)
        self._hops.append(hops)
        self._deliveries.append(deliveries)

    def tally(self, others: Iterable[Recipient]) -> Tally:
        """The counts of these recipients and of ``others``."""
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
        for recipient in others:
            tally.counts[recipient.outcome] += 1
            tally.duplicates += max(0, recipient.deliveries - 1)
            if recipient.delivery_time is not None:
                tally.spans.append(recipient.delivery_time)
                tally.hops += recipient.hops
        return tally

    def keys(self) -> Iterator[tuple[int, str]]:
        """Message and id of each, by place."""
        return zip(self._messages, self._ids, strict=True)


class Recipients(Sequence[RecipientSummary]):
    """The recipients of an account as the summary shows them, in the order of their messages.

    Each is made when it is read, so that a million of them cost nothing until then.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._open = list(account.recipients.values())
        keys = [*account.settled.keys(), *account.recipients]
        order = sorted(range(len(keys)), key=lambda place: _order(*keys[place]))
        self._order = array("q", order)

    def __len__(self) -> int:
        return len(self._order)

    def recipient(self, index: int) -> Recipient:
        """The recipient itself."""
        place = self._order[index] - len(self._account.settled)
        return self._open[place] if place >= 0 else self._account.settled[self._order[index]]

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


class Account:
    """The recipients of a run and their outcomes, from the trace's rows one by one.

    ``recipients`` are those that are not settled, or whose mail still lies in a spool, by message
    and id; ``settled`` are the others.
    """

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.recipients: dict[tuple[int, str], Recipient] = {}
        self.settled = SettledColumns()
        self.notifications: dict[int, list[Recipient]] = {}
        self.notifications_by_number: dict[int, Recipient] = {}
        self.saml_messages: set[int] = set()
        self.scripted: set[str] = set()
        self._external: set[str] = set()
        self._outside: dict[tuple[int, str], None] = {}
        self._back_early: set[tuple[int, str]] = set()
        self.sessions = 0
        self.last = 0.0
        self.ended = False
        many("rows", rows, "rows of a trace, such as run.trace.rows")
        for row in rows:
            self.take(row)

    def take(self, row: Row) -> None:
        """Take one more row of the trace."""
        handler = _HANDLERS.get(row[KIND])
        if handler is not None:
            handler(self, row)
        elif row[KIND] == "end":
            self.ended = True
        self.last = row[T]

    def take_all(self, rows: Sequence[Row]) -> None:
        """Take the next rows of the trace."""
        handlers = _HANDLERS
        for row in rows:
            handler = handlers.get(row[KIND])
            if handler is not None:
                handler(self, row)
        for row in rows[-1:]:
            self.last = row[T]
            self.ended = self.ended or row[KIND] == "end"

    # -- one handler a kind of event ------------------------------------------------------------

    def _submit(self, row: Row) -> None:
        t, message = row[T], row[MESSAGE]
        if row[SUBMIT_VERB] == "SAML":
            self.saml_messages.add(message)
        for number, path in enumerate(row[SUBMIT_RECIPIENTS], 1):
            self.recipients[message, str(number)] = Recipient(message, str(number), path, t)

    def _reject(self, row: Row) -> None:
        recipient = self.recipients[row[MESSAGE], row[RECIPIENT]]
        recipient.settle("rejected", row[T])
        self._move_to_columns(recipient)

    def _expand(self, row: Row) -> None:
        parent = self.recipients.pop((row[MESSAGE], row[RECIPIENT]), None)
        if parent is None:
            return
        for member, path in row[EXPAND_MEMBERS]:
            child = Recipient(row[MESSAGE], member, path, parent.submitted_at, hops=parent.hops)
            child.holders = set(parent.holders)
            self.recipients.setdefault((row[MESSAGE], member), child)

    def _forward(self, row: Row) -> None:
        recipient = self.recipients.get((row[MESSAGE], row[RECIPIENT]))
        if recipient is not None:
            recipient.path = row[FORWARD_NEW]

    def _queue(self, row: Row) -> None:
        for recipient in self._recipients_of(row[MESSAGE], row[RECIPIENTS]):
            recipient.holders.add(row[HOST])

    def _accept(self, row: Row) -> None:
        for recipient in self._recipients_of(row[MESSAGE], row[RECIPIENTS]):
            if row[PEER] == OUTSIDE and self._external:
                self._come_back(recipient)
            recipient.holders.add(row[HOST])
            if recipient.settled_at is None:
                recipient.hops += 1

    def _come_back(self, recipient: Recipient) -> None:
        """Open the account of mail again that an external host had taken, and has sent back."""
        key = recipient.message, recipient.id
        if self._outside.pop(key, self) is None:
            recipient.outcome, recipient.settled_at = "queued", None
            recipient.deliveries -= 1
        elif recipient.holders:
            self._back_early.add(key)  # its 250 is still on its way to the host that sent the mail

    def _left_spool(self, row: Row) -> None:
        """A transfer to the next host, a refusal, a crash: this host no longer has the mail."""
        for recipient in self._recipients_of(row[MESSAGE], row[RECIPIENTS]):
            recipient.holders.discard(row[HOST])
            recipient.vanished_at = row[T]
            if recipient.settled_at is not None:
                self._move_to_columns(recipient)

    def _transfer(self, row: Row) -> None:
        self._left_spool(row)
        if row[PEER] in self.scripted:
            for recipient in self._recipients_of(row[MESSAGE], row[RECIPIENTS]):
                recipient.discarded_at = row[T]

    def _start(self, row: Row) -> None:
        hosts = row[START_META].get("hosts", ())
        self._external = {host["name"] for host in hosts if host.get("external")}
        self.scripted = {host["name"] for host in hosts if host.get("reply")} | self._external

    def _deliver(self, row: Row) -> None:
        t, message = row[T], row[MESSAGE]
        key = message, row[RECIPIENT]
        recipient = self.recipients.get(key)
        if recipient is not None and key in self._back_early and row[HOST] in self._external:
            self._back_early.discard(key)
            recipient.holders.discard(row[HOST])
        elif recipient is not None:
            recipient.deliveries += 1
            recipient.settle("delivered", t)
            recipient.holders.discard(row[HOST])
            if row[HOST] in self._external:
                self._keep_outside(recipient)
            self._move_to_columns(recipient)
        elif message in self.notifications:
            for about in self.notifications.pop(message):
                about.settle("returned", t)
                self._move_to_columns(about)
            self.notifications_by_number.pop(message)
        else:
            self.settled.again[message, row[RECIPIENT]] += 1

    def _move_to_columns(self, recipient: Recipient) -> None:
        """Move a settled recipient to the columns, once no host has its mail."""
        key = recipient.message, recipient.id
        if recipient.holders or key in self._outside:
            return
        if self.recipients.get(key) is recipient:
            del self.recipients[key]
            self.settled.add(recipient)

    def _keep_outside(self, recipient: Recipient) -> None:
        """Keep the account of mail that an external host has taken, because it may come back."""
        if len(self._outside) >= MOST_OUTSIDE:
            first = next(iter(self._outside))
            del self._outside[first]
            if first in self.recipients:
                self._move_to_columns(self.recipients[first])
        self._outside[recipient.message, recipient.id] = None

    def _terminal(self, row: Row) -> None:
        if row[MESSAGE] in self.saml_messages:
            return  # 3.4: SAML "is successful if the message is delivered the mailbox"
        recipient = self.recipients.get((row[MESSAGE], row[RECIPIENT]))
        if recipient is not None:
            recipient.settle("delivered", row[T])
            # in the hands of its user's terminal, unless SOML's or SAML's mail lies elsewhere yet
            recipient.holders.discard(row[HOST])
            self._move_to_columns(recipient)

    def _notify(self, row: Row) -> None:
        about = self._recipients_of(row[NOTIFY_ABOUT], row[NOTIFY_RECIPIENTS])
        self.notifications_by_number[row[MESSAGE]] = Recipient(
            row[MESSAGE], "1", row[NOTIFY_PATH], row[T]
        )
        self.notifications[row[MESSAGE]] = about
        for recipient in about:
            recipient.notification = row[MESSAGE]
            recipient.holders.discard(row[HOST])

    def _abandon(self, row: Row) -> None:
        for recipient in self.notifications.get(row[MESSAGE], ()):
            recipient.settle("undeliverable_notifications", row[T])
            self._move_to_columns(recipient)
        # mail that came with a null reverse-path and is not a notification of one of our hosts
        if row[MESSAGE] not in self.notifications:
            for recipient in self._recipients_of(row[MESSAGE], None):
                if not recipient.holders:
                    recipient.settle("undeliverable_notifications", row[T])
                    self._move_to_columns(recipient)

    def _open(self, row: Row) -> None:
        self.sessions += 1

    def _recipients_of(self, message: int, ids: Iterable[str] | None) -> list[Recipient]:
        if ids is None:
            return [it for (number, _), it in self.recipients.items() if number == message]
        recipients = [self.recipients.get((message, name)) for name in ids]
        recipients.append(self.notifications_by_number.get(message))
        return [recipient for recipient in recipients if recipient is not None]

    # -- from one account to another ------------------------------------------------------------

    def rest(self) -> Rest:
        """Return what is known of the recipients that are not in the columns."""
        recipients = [astuple(recipient) for recipient in self.recipients.values()]
        numbers = self.notifications_by_number.items()
        holders = [(number, originator.holders) for number, originator in numbers]
        again = [(*key, count) for key, count in self.settled.again.items()]
        return recipients, holders, again

    def take_settled(self, settled: Iterable[Settled], numbered: Callable[[int], int]) -> None:
        """Add the settled recipients of another account of the same run.

        ``numbered`` gives the number here of a message that the other account numbers otherwise.
        """
        recipients, put = self.recipients, self.settled.put
        for columns in settled:
            message = numbered(columns[0])
            recipients.pop((message, columns[1]), None)
            put(message, columns)

    def join(self, rest: Rest, numbered: Callable[[int], int]) -> None:
        """Add the :meth:`rest` of another account of the same run, numbered as above."""
        recipients, notifications, again = rest
        for message, *columns in recipients:
            recipient = Recipient(numbered(message), *columns)
            if recipient.notification is not None:
                recipient.notification = numbered(recipient.notification)
            self.recipients[recipient.message, recipient.id] = recipient
        for message, holders in notifications:
            number = numbered(message)
            originator = Recipient(number, "1", "", 0.0, holders=holders)
            self.notifications_by_number[number] = originator
        for message, name, count in again:
            self.settled.again[numbered(message), name] += count

    def everyone(self) -> Iterator[Recipient]:
        """All recipients, in the order of their messages."""
        recipients = Recipients(self)
        return map(recipients.recipient, range(len(recipients)))

    @property
    def lost(self) -> list[Recipient]:
        """The recipients whose mail, and whose notification, no host has: in order of loss."""
        lost = [
            recipient
            for recipient in self.recipients.values()
            if self._end_without_mail(recipient) == "lost"
        ]
        return sorted(
            lost,
            key=lambda recipient: (recipient.vanished_at, _order(recipient.message, recipient.id)),
        )

    def _end_without_mail(self, recipient: Recipient) -> str:
        """Return the outcome of a recipient if no host has the mail, nor a notification about it;
        otherwise "".
        """
        if recipient.settled_at is not None or recipient.holders:
            return ""
        notification = self.notifications_by_number.get(recipient.notification or 0)
        if notification is None:
            return "lost" if recipient.discarded_at is None else "discarded"
        if notification.holders:
            return ""
        recipient.discarded_at = notification.discarded_at
        return "lost" if notification.discarded_at is None else "undeliverable_notifications"

    # -- the summary ----------------------------------------------------------------------------

    def summary(self) -> Outcomes:
        """The counts of the contract's section 3, without title, seed and digest."""
        counts = self.counts()
        all_of_them = Recipients(self)
        few = len(all_of_them) <= LAZY
        return {**counts, "recipients": list(all_of_them) if few else all_of_them}

    def counts(self) -> Counts:
        """Return the counts of the summary, without the recipients."""
        for recipient in self.recipients.values():
            if recipient.settled_at is None:
                recipient.outcome = self._end_without_mail(recipient) or "queued"
        tally = self.settled.tally(self.recipients.values())
        return {
            "simulated_seconds": round(self.last, 6),
            "submitted": sum(tally.counts.values()),
            "delivered": tally.counts["delivered"],
            "returned": tally.counts["returned"],
            "rejected": tally.counts["rejected"],
            "queued": tally.counts["queued"],
            "undeliverable_notifications": tally.counts["undeliverable_notifications"],
            "discarded": tally.counts["discarded"],
            "lost": tally.counts["lost"],
            "duplicates": tally.duplicates,
            "sessions": self.sessions,
            "hops": tally.hops,
            "delivery_seconds": quantiles(sorted(tally.spans)),
        }


def _order(message: int, name: str) -> tuple[int, list[int]]:
    return message, [int(part) for part in name.split(".")]


_HANDLERS: Final = {
    "submit": Account._submit,
    "reject": Account._reject,
    "expand": Account._expand,
    "forward": Account._forward,
    "queue": Account._queue,
    "accept": Account._accept,
    "start": Account._start,
    "transfer": Account._transfer,
    "refuse": Account._left_spool,
    "forget": Account._left_spool,
    "deliver": Account._deliver,
    "terminal": Account._terminal,
    "notify": Account._notify,
    "abandon": Account._abandon,
    "open": Account._open,
}

ACCOUNTED: Final = frozenset(_HANDLERS)
"""The kinds of event that an account reads."""


def write_summary(summary: Summary, file: IO[str], indent: int | None = None) -> None:
    """Write a summary as one JSON object, its recipients one by one."""
    recipients = summary["recipients"]
    if isinstance(recipients, list):
        json.dump(summary, file, indent=indent)
        return
    head, tail = json.dumps(summary | {"recipients": []}, indent=indent).split('"recipients": []')
    file.write(f'{head}"recipients": [')
    for number, recipient in enumerate(recipients):
        file.write(f"{',' * (number > 0)}\n {json.dumps(recipient)}")
    file.write(f"]{tail}")


def summarise(
    trace: Trace,
    account: Account | None = None,
    peer_breaches: Sequence[PeerBreachSummary] = (),
    peer_breach_count: int = 0,
) -> Summary:
    """The summary of a trace: title, seed, digest, counts, delivery times, recipients.

    ``account`` is that of the same trace, where it has been taken already; ``peer_breaches`` are
    the first of the rules that others broke.
    """
    meta = trace.meta
    account = account if account is not None else Account(trace.rows)
    return {
        "title": meta.get("title", ""),
        "seed": meta.get("seed", 0),
        "digest": trace.digest(),
        **account.summary(),
        # hosts that reply 250 before they store mail: what they lose is not an error of the lab
        "careless": [host["name"] for host in meta.get("hosts", ()) if host.get("careless")],
        "peer_breaches": list(peer_breaches),
        "peer_breach_count": peer_breach_count,
    }
