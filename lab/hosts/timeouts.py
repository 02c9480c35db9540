"""How long a sender-SMTP waits for a reply before it considers the channel lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from lab.hosts.checked import checked
from lab.hosts.setting import setting
from lab.protocol.replies import CONNECTION, MAIL_DATA

_MISSING: Final = {CONNECTION: "no greeting", MAIL_DATA: "no reply to the mail data"}

BLOCK: Final = 4096
"""Bytes of mail data that are given to the transmission channel at a time."""


@checked
@dataclass(frozen=True, slots=True)
class Timeouts:
    """The seconds that a sender-SMTP waits for each reply.

    RFC 821 has no such limits; the defaults are those of RFC 1123, section 5.3.2.
    """

    opening: float = field(
        default=300.0,
        metadata=setting("duration", "For the channel to open and for its 220.", "RFC 1123, 5.3.2"),
    )
    command: float = field(
        default=300.0,
        metadata=setting(
            "duration", "For the reply to HELO, MAIL, RCPT and the rest.", "RFC 1123, 5.3.2"
        ),
    )
    data: float = field(
        default=120.0, metadata=setting("duration", "For the 354 to DATA.", "RFC 1123, 5.3.2")
    )
    block: float = field(
        default=180.0,
        metadata=setting(
            "duration", "More for each 4096 bytes of mail data that cross.", "RFC 1123, 5.3.2"
        ),
    )
    mail_data: float = field(
        default=600.0,
        metadata=setting("duration", "For the reply to the final dot.", "RFC 1123, 5.3.2"),
    )

    @property
    def least(self) -> float:
        """The shortest timeout."""
        return min(self.opening, self.command, self.data, self.mail_data)

    def limit(self, awaiting: str, size: int) -> float:
        """Return the seconds to wait for a reply; ``size`` is the mail data's, in bytes."""
        if awaiting == MAIL_DATA:
            return self.mail_data + self.block * -(-size // BLOCK)
        if awaiting == CONNECTION:
            return self.opening
        return self.data if awaiting == "DATA" else self.command

    def missing(self, awaiting: str, size: int) -> str:
        """Return what is wrong when a reply has not come in time; the arguments are as above."""
        subject = _MISSING.get(awaiting, f"no reply to {awaiting}")
        return f"{subject} came within {self.limit(awaiting, size):g} s"

    @property
    def not_opened(self) -> str:
        """What is wrong when a channel has not opened in time."""
        return f"no channel was open within {self.opening:g} s"


TIMEOUTS: Final = Timeouts()
"""The limits of RFC 1123."""
