"""What a host will do with one message, decided before it replies to the mail data (4.1.1)."""

from __future__ import annotations

from typing import Any, Final

from lab.hosts.destination import FailedRecipient
from lab.hosts.routing import Neighbour
from lab.hosts.spool import QueuedMail
from lab.hosts.verdicts import OK, failure_of
from lab.protocol import Path, Reply

Step = tuple[Any, ...]
"""A row of the trace to be: its kind, and the columns of that kind."""

_NO_LISTS: Final[frozenset[str]] = frozenset()


class MailPlan:
    """What a host will do with one message for its recipients; making it changes nothing.

    ``steps`` are the rows to record, in order: lists and forwards that are expanded, deliveries.
    ``onward`` is the mail to queue, with its next host; ``failed`` are the recipients who cannot be
    given the mail, ``refusals`` the replies that say why. ``is_handled`` is set if anybody else
    can. ``lists`` are the lists to which the mail will have gone.
    """

    __slots__ = (
        "failed", "is_handled", "lists", "onward", "refusals", "return_path", "steps",
    )  # fmt: skip

    def __init__(self, return_path: Path) -> None:
        self.return_path = return_path
        self.steps: list[Step] = []
        self.onward: list[tuple[Neighbour, QueuedMail]] = []
        self.failed: list[FailedRecipient] = []
        self.refusals: list[Reply] = []
        self.is_handled = False
        self.lists = _NO_LISTS

    def fail(self, recipient: str, path: Path, host: str, refusal: Reply) -> None:
        """Note that a recipient cannot be given the mail."""
        self.failed.append(FailedRecipient(recipient, path, host, str(refusal)))
        self.refusals.append(refusal)

    @property
    def verdict(self) -> Reply:
        """The reply to the mail data: OK, unless processing fails completely (4.1.1)."""
        return failure_of(self.refusals) if self.failed and not self.is_handled else OK
