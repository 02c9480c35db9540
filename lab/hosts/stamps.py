"""The time stamp lines before mail, read: how often it has been where (section 4.1.2)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from lab.protocol import folded

MOST_STAMPS: Final = 25
"""Time stamp lines beyond which mail is taken to go in a circle. RFC 821 has no such limit."""


def is_looping(mail_data: bytes) -> bool:
    """Whether mail has passed so many hosts that it must be going in a circle."""
    if not mail_data.startswith(b"Received: "):
        return False
    stamps = 0
    for line in mail_data.split(b"\r\n", MOST_STAMPS + 1):
        if not line.startswith(b"Received: "):
            break
        stamps += 1
    return stamps > MOST_STAMPS


def visits(mail_data: bytes, names: Collection[str]) -> int:
    """How many of the time stamp lines that mail begins with are a host's own."""
    own = 0
    for line in mail_data.split(b"\r\n", MOST_STAMPS + 1):
        if not line.startswith(b"Received: "):
            break
        words = line.split(b" ", 6)
        own += len(words) > 4 and folded(words[4].decode("latin-1")) in names
    return own
