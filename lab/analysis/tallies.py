"""How many recipients have been submitted, delivered, returned and rejected, event by event.

The outcomes are those of :class:`~lab.analysis.account.Account`; here is when each was reached.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from lab.analysis.account import ACCOUNTED, Account
from lab.analysis.recipients import Recipient
from lab.trace.rows import KIND, MESSAGE, OUTSIDE, PEER, RECIPIENT, RECIPIENTS, Row

_BEGIN: Final = ("submit", "expand")
_SETTLE: Final = ("deliver", "terminal", "reject", "abandon")


class TallyChange(NamedTuple):
    """With event number ``n``, ``by`` more recipients reached what ``name`` says.

    ``name`` is "submitted" or an outcome of the account. A list that is expanded stands for its
    members from then on, so that ``by`` may be less than 0.
    """

    n: int
    name: str
    by: int


def tally_changes(
    rows: Iterable[Row], account: Account | None = None, first: int = 0
) -> Iterator[TallyChange]:
    """Yield each change of the tally, in order; ``rows`` are counted from ``first``.

    ``account`` is that of the rows before these, and takes these too.
    """
    account = Account() if account is None else account
    for n, row in enumerate(rows, first):
        kind = row[KIND]
        if kind in _BEGIN:
            before = len(account.recipients)
            account.take(row)
            count = len(account.recipients) - before
            if count:
                yield TallyChange(n, "submitted", count)
        elif kind in _SETTLE:
            unsettled = [
                recipient for recipient in _concerned(account, row) if recipient.settled_at is None
            ]
            account.take(row)
            settled = Counter(
                recipient.outcome for recipient in unsettled if recipient.settled_at is not None
            )
            for name, count in settled.items():
                yield TallyChange(n, name, count)
        elif kind == "accept" and row[PEER] == OUTSIDE:
            ids = [(row[MESSAGE], recipient) for recipient in row[RECIPIENTS]]
            settled = Counter(_outcomes(account, ids))
            account.take(row)
            settled.subtract(_outcomes(account, ids))
            for name, count in settled.items():
                if count:  # mail that an external host had taken has come back
                    yield TallyChange(n, name, -count)
        elif kind in ACCOUNTED:
            account.take(row)


def _outcomes(account: Account, keys: Iterable[tuple[int, str]]) -> Iterator[str]:
    """Yield the outcomes of those recipients that have one and are not in columns."""
    for key in keys:
        recipient = account.recipients.get(key)
        if recipient is not None and recipient.settled_at is not None:
            yield recipient.outcome


def _concerned(account: Account, row: Row) -> list[Recipient]:
    """Return the recipients that an event may settle: its own, or those its notification is about.

    An event that names only a message (abandon) may settle all recipients of that message.
    """
    message = row[MESSAGE]
    if row[KIND] == "abandon":
        own = [each for key, each in account.recipients.items() if key[0] == message]
        return own + account.notifications.get(message, [])
    recipient = account.recipients.get((message, row[RECIPIENT]))
    return [recipient] if recipient else list(account.notifications.get(message, ()))
