"""Where mail for a path goes from a host, and the recipients that it does not get to."""

from __future__ import annotations

from dataclasses import dataclass

from lab.hosts.directory import Entry, Forward, MailingList, User
from lab.hosts.neighbour import Neighbour
from lab.hosts.verdicts import MAILBOXES
from lab.protocol import Path, Reply


class Destination:
    """Where mail for a path goes from here: to an entry of the directory, onward, or nowhere.

    ``path`` is the forward-path after this host has removed itself from its beginning.
    """

    __slots__ = ("entry", "hop", "path", "plain", "refusal", "unfolds")

    def __init__(
        self,
        path: Path,
        entry: Entry | None = None,
        hop: Neighbour | None = None,
        refusal: Reply | None = None,
    ) -> None:
        self.path = path
        self.entry = entry
        self.hop = hop
        self.refusal = refusal
        self.unfolds = isinstance(entry, MailingList | Forward)
        # a user here whose mailbox takes whatever comes: nothing more to ask
        self.plain = isinstance(entry, User) and entry.mailbox not in MAILBOXES


@dataclass(slots=True)
class FailedRecipient:
    """A recipient who will not get the message, and who said what about it."""

    recipient: str
    path: Path
    who: str
    what: str
