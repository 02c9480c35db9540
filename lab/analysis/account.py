"""The account: what became of each recipient of each message, read from the trace alone.

Every recipient of every submitted message ends in exactly one outcome: ``delivered``, ``returned``
(a notification about it reached the originator), ``rejected`` (refused by the user's own host),
``queued`` (the run stopped first), ``undeliverable_notifications`` (its notification could not be
delivered), ``discarded`` (a scripted or external host accepted it and did not keep it, or seemed to
because a fault had changed what crossed), or ``lost``, which is a fault of the lab.

A settled recipient whose mail is in no host's spool any more is moved to columns of a few dozen
bytes: an account of a million messages takes no more room than their addresses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple
from typing import Any, Final

from lab.analysis.quantiles import quantiles
from lab.analysis.recipients import (
    Recipient,
    Recipients,
    Settled,
    SettledColumns,
    order_of,
)
from lab.analysis.summary import (
    Counts,
    FailureSummary,
    Outcomes,
)
from lab.runtime.arguments import many
from lab.trace.rows import (
    CHANGING,
    END_REASON,
    EXPAND_MEMBERS,
    FAILURE_NAME,
    FAILURE_REASON,
    FAULT_NAME,
    FORWARD_NEW,
    HOST,
    KIND,
    LATE_ON,
    LATE_RECIPIENTS,
    MESSAGE,
    NOTIFY_ABOUT,
    NOTIFY_PATH,
    NOTIFY_RECIPIENTS,
    OUTSIDE,
    PEER,
    RECIPIENT,
    RECIPIENTS,
    REJECT_REASON,
    SESSION,
    START_META,
    SUBMIT_RECIPIENTS,
    SUBMIT_VERB,
    Row,
    T,
)

MOST_OUTSIDE: Final = 10_000
"""Recipients at external hosts whose account is opened again if the mail comes back."""

MOST_REASONS: Final = 20
"""Reasons of rejections that a summary has."""

LAZY: Final = 100_000
"""With more recipients than this, a summary makes each only when it is read."""

Unsettled = tuple[list[tuple[Any, ...]], list[tuple[int, set[str]]], list[tuple[int, str, int]]]
"""What an account knows of the recipients that are not in columns, as plain data: recipients, as
:class:`Recipient` takes them; of notifications on their way, the number and the holders; and how
often mail was delivered again, by message and id.
"""


class Account:
    """The recipients of a run and their outcomes, from the trace's rows one by one.

    ``recipients`` are those that are not settled, or whose mail still lies in a spool, by message
    and id; ``settled`` are the others. ``failures`` are what failed, by host and name.
    """

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.recipients: dict[tuple[int, str], Recipient] = {}
        self.settled = SettledColumns()
        self.notifications: dict[int, list[Recipient]] = {}
        self.notifications_by_number: dict[int, Recipient] = {}
        self.saml_messages: set[int] = set()
        self.scripted: set[str] = set()
        self._altered: set[int | None] = set()
        self._external: set[str] = set()
        self._outside: dict[tuple[int, str], None] = {}
        self._back_early: Counter[tuple[int, str]] = Counter()
        self.failures: dict[tuple[str, str], FailureSummary] = {}
        self.sessions = 0
        self.not_handed_in = 0
        self.last = 0.0
        self.ended = False
        self._in_the_middle = False
        many("rows", rows, "rows of a trace, such as run.trace.rows")
        for row in rows:
            self.take(row)

    @property
    def restarts(self) -> dict[str, int]:
        """How often the process of a host was started again, of those that ended by themselves."""
        known = self.failures.values()
        return {
            failure["host"]: failure["count"] for failure in known if failure["name"] == "process"
        }

    def take(self, row: Row) -> None:
        """Take one more row of the trace."""
        handler = _HANDLERS.get(row[KIND])
        if handler is not None:
            handler(self, row)
        elif row[KIND] == "end":
            self._end(row)
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
            if row[KIND] == "end":
                self._end(row)

    def _end(self, row: Row) -> None:
        self.ended = True
        self._in_the_middle = row[END_REASON] == "failed"

    # -- one handler a kind of event ------------------------------------------------------------

    def _submit(self, row: Row) -> None:
        t, message = row[T], row[MESSAGE]
        if row[SUBMIT_VERB] == "SAML":
            self.saml_messages.add(message)
        for number, path in enumerate(row[SUBMIT_RECIPIENTS], 1):
            self.recipients[message, str(number)] = Recipient(message, str(number), path, t)

    def _late(self, row: Row) -> None:
        """Mail waits for its host, or is handed in after all: then it is submitted next."""
        number = len(row[LATE_RECIPIENTS])
        self.not_handed_in += number if row[LATE_ON] else -number

    def _reject(self, row: Row) -> None:
        recipient = self.recipients[row[MESSAGE], row[RECIPIENT]]
        recipient.settle("rejected", row[T])
        recipient.reason = row[REJECT_REASON]
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
        elif recipient.holders or recipient.hops:  # not where it first comes from
            self._back_early[key] += 1  # its 250 is still on its way to the host that sent the mail

    def _failure(self, row: Row) -> None:
        host, name = row[HOST], row[FAILURE_NAME]
        known = self.failures.get((host, name))
        if known is None:
            reason = row[FAILURE_REASON]
            self.failures[host, name] = FailureSummary(
                host=host, name=name, count=1, reason=reason, first=row[T], last=row[T]
            )
        else:
            known["count"] += 1
            known["last"] = row[T]

    def _left_spool(self, row: Row) -> None:
        """A transfer to the next host, a refusal, a crash: this host no longer has the mail."""
        for recipient in self._recipients_of(row[MESSAGE], row[RECIPIENTS]):
            recipient.holders.discard(row[HOST])
            recipient.vanished_at = row[T]
            if recipient.settled_at is not None:
                self._move_to_columns(recipient)

    def _transfer(self, row: Row) -> None:
        self._left_spool(row)
        if row[PEER] in self.scripted or row[SESSION] in self._altered:
            for recipient in self._recipients_of(row[MESSAGE], row[RECIPIENTS]):
                recipient.discarded_at = row[T]

    def _start(self, row: Row) -> None:
        hosts = row[START_META].get("hosts", ())
        self._external = {host["name"] for host in hosts if host.get("external")}
        self.scripted = {host["name"] for host in hosts if host.get("reply")} | self._external

    def _fault(self, row: Row) -> None:
        if row[FAULT_NAME] in CHANGING:
            self._altered.add(row[SESSION])

    def _deliver(self, row: Row) -> None:
        t, message = row[T], row[MESSAGE]
        key = message, row[RECIPIENT]
        recipient = self.recipients.get(key)
        if recipient is not None and row[HOST] in self._external and self._back_early[key]:
            self._back_early[key] -= 1
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
            return [
                recipient for (number, _), recipient in self.recipients.items() if number == message
            ]
        recipients = [self.recipients.get((message, name)) for name in ids]
        recipients.append(self.notifications_by_number.get(message))
        return [recipient for recipient in recipients if recipient is not None]

    # -- from one account to another ------------------------------------------------------------

    def unsettled(self) -> Unsettled:
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

    def join(self, unsettled: Unsettled, numbered: Callable[[int], int]) -> None:
        """Add the :meth:`unsettled` of another account of the same run, numbered as above."""
        recipients, notifications, again = unsettled
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
        recipients = Recipients(self.settled, self.recipients)
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
            key=lambda recipient: (
                recipient.vanished_at,
                order_of(recipient.message, recipient.id),
            ),
        )

    def _end_without_mail(self, recipient: Recipient) -> str:
        """Return the outcome of a recipient if no host has the mail, nor a notification about it;
        otherwise "". Where code of a user failed in the middle of an event, mail may be in hand.
        """
        if recipient.settled_at is not None or recipient.holders or self._in_the_middle:
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
        all_of_them = Recipients(self.settled, self.recipients)
        few = len(all_of_them) <= LAZY
        return {
            **counts,
            "rejections": dict(self.settled.reasons().most_common(MOST_REASONS)),
            "recipients": list(all_of_them) if few else all_of_them,
        }

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
            "not_handed_in": self.not_handed_in,
            "duplicates": tally.duplicates,
            "sessions": self.sessions,
            "hops": tally.hops,
            "delivery_seconds": quantiles(sorted(tally.spans)),
        }


_HANDLERS: Final = {
    "late": Account._late,
    "submit": Account._submit,
    "reject": Account._reject,
    "expand": Account._expand,
    "forward": Account._forward,
    "queue": Account._queue,
    "accept": Account._accept,
    "start": Account._start,
    "fault": Account._fault,
    "transfer": Account._transfer,
    "refuse": Account._left_spool,
    "forget": Account._left_spool,
    "deliver": Account._deliver,
    "terminal": Account._terminal,
    "notify": Account._notify,
    "abandon": Account._abandon,
    "open": Account._open,
    "failure": Account._failure,
}

ACCOUNTED: Final = frozenset(_HANDLERS)
"""The kinds of event that an account reads."""
