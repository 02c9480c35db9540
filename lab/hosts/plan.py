"""What a host will do with one message, decided before it replies to the mail data (4.1.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from lab.hosts.failed import FailedRecipient
from lab.hosts.routing import Neighbour
from lab.hosts.spool import Addressee, QueuedMail, Written
from lab.hosts.verdicts import OK, failure_of
from lab.protocol import Path, Reply, reply

Step = tuple[Any, ...]
"""A row of the trace to be: its kind, and the columns of that kind."""

_AS_IT_IS: Final[tuple[None, bool]] = (None, False)
_NO_LISTS: Final[frozenset[str]] = frozenset()


class MailPlan:
    """What a host will do with one message for its recipients; making it changes nothing.

    ``steps`` are the rows to record, in order: lists and forwards that are expanded, deliveries.
    ``onward`` is the mail to queue, with its next host; ``for_members`` is what of it goes to
    members of a private list, with how that was written. ``failed`` are the recipients who cannot
    be given the mail, ``refusals`` the replies that say why. ``is_handled`` is set if anybody else
    can. ``lists`` are the lists to which the mail will have gone; ``written`` is how the paths of
    recipients were written before lists and forwards replaced them. ``stamp`` is what comes above
    the ``text`` of the mail, which may be large: they are put together where that is needed.
    """

    __slots__ = (
        "failed", "for_members", "is_handled", "lists", "onward", "refusals", "return_path",
        "stamp", "steps", "text", "written",
    )  # fmt: skip

    def __init__(self, return_path: Path, text: bytes = b"", stamp: bytes = b"") -> None:
        self.return_path = return_path
        self.text = text
        self.stamp = stamp
        self.written: dict[str, Written] = {}
        self.steps: list[Step] = []
        self.onward: list[tuple[Neighbour, QueuedMail]] = []
        self.for_members: list[tuple[QueuedMail, Path]] = []
        self.failed: list[FailedRecipient] = []
        self.refusals: list[Reply] = []
        self.is_handled = False
        self.lists = _NO_LISTS

    @property
    def mail_data(self) -> bytes:
        """The mail under the time stamp line of this host."""
        return self.stamp + self.text if self.stamp else self.text

    def fail(self, recipient: str, path: Path, host: str, refusal: Reply) -> None:
        """Note that a recipient cannot be given the mail."""
        written = self.written.get(recipient, ())
        failure = FailedRecipient(recipient, path, host, str(refusal), *written)
        self.failed.append(failure)
        if failure.is_private:
            refusal = reply(refusal.code, failure.public_reason[len("550 ") :])
        self.refusals.append(refusal)

    def private_list(self, recipient: str) -> Path | None:
        """Return the private list through which mail goes to a recipient, as it was written."""
        written, is_private = self.written.get(recipient, _AS_IT_IS)
        return written if is_private else None

    def written_of(self, addressees: Sequence[Addressee]) -> dict[str, Written]:
        """Return how the paths of some recipients were written, if otherwise."""
        written = self.written
        return {
            recipient: written[recipient] for recipient, _ in addressees if recipient in written
        }

    @property
    def verdict(self) -> Reply:
        """The reply to the mail data: OK, unless processing fails completely (4.1.1)."""
        return failure_of(self.refusals) if self.failed and not self.is_handled else OK
