"""The message that tells most about a run: what a view shows first if it cannot show everything."""

from __future__ import annotations

from typing import Final

from lab.analysis.account import Account
from lab.analysis.recipients import Recipient
from lab.analysis.wrongs import wrongs
from lab.quantities import time_taken
from lab.trace.rows import MESSAGE
from lab.trace.trace import Trace


def most_telling(trace: Trace) -> tuple[int | None, str]:
    """Return the number of a message and why it: failures come first, then what took longest.

    None, and "", if there is no message.
    """
    wrong = wrongs(trace)
    if wrong.lost:
        return wrong.lost[0][0], "which was LOST"
    if wrong.twice:
        return wrong.twice[0][0], "which was delivered TWICE"
    everyone = list(Account(trace.rows).everyone())
    for outcome, words in _FAILED.items():
        for recipient in everyone:
            if recipient.outcome == outcome:
                return recipient.message, words
    return _cut(trace) or _slowest(everyone, trace.last)


_FAILED: Final = {
    "undeliverable_notifications": "whose notification could not be delivered",
    "returned": "which was returned", "queued": "which is still on its way",
    "rejected": "which was rejected",
}  # fmt: skip
"""Outcomes in the order in which they matter, and what is said of a message with one."""


def _cut(trace: Trace) -> tuple[int, str] | None:
    """Return the first message that was put off, or that a channel was cut for."""
    for row in trace.of(("defer",)):
        if row[MESSAGE] is not None:
            return row[MESSAGE], "which was put off"
    return None


def _slowest(everyone: list[Recipient], last: float) -> tuple[int | None, str]:
    def took(recipient: Recipient) -> float:
        return last - recipient.submitted_at if recipient.seconds is None else recipient.seconds

    if not everyone:
        return None, ""
    slowest = max(everyone, key=took)
    return slowest.message, f"which took longest, {time_taken(took(slowest))}"
