"""A recipient who does not get a message, and what a notification may say about it."""

from __future__ import annotations

from dataclasses import dataclass

from lab.protocol import Path
from lab.protocol.replies import TEXTS


@dataclass(slots=True)
class FailedRecipient:
    """A recipient who does not get the message.

    ``host`` refused it, with ``reason`` as its reply; "": no host did, and ``reason`` says why.
    ``written`` is the path that the user wrote, if a list, a forward or a redirect has replaced it;
    ``is_private``: that was a list whose members are not shown to anybody. ``is_hidden``: a host
    before this one has replaced what the user wrote, and this one does not say by what.
    """

    recipient: str
    path: Path
    host: str
    reason: str
    written: Path | None = None
    is_private: bool = False
    is_hidden: bool = False

    def hide(self, written: Path | None) -> None:
        """Have a notification name what the user wrote, if an earlier host has replaced that."""
        if written is not None:
            self.written, self.is_hidden = written, True

    @property
    def public_reason(self) -> str:
        """The reason without what names the recipient or the host: a reply's code and meaning."""
        code = self.reason[:3]
        is_reply = code.isdigit() and self.reason[3:4] in ("", " ") and int(code) in TEXTS
        return f"{code} {TEXTS[int(code)]}" if is_reply else "it could not be reached"
