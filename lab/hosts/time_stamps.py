"""The time stamp lines before mail, read: how often it has been where (section 4.1.2)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
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
    return sum(by in names for _, by in _stamps(mail_data))


def was_sent(mail_data: bytes, names: Collection[str]) -> bool:
    """Whether a time stamp line that mail begins with tells that a host has sent it."""
    return any(sender in names for sender, _ in _stamps(mail_data))


def _stamps(mail_data: bytes) -> Iterator[tuple[str, str]]:
    """From whom and by whom, of each time stamp line that mail begins with."""
    for line in mail_data.split(b"\r\n", MOST_STAMPS + 1):
        if not line.startswith(b"Received: "):
            return
        words = line.split(b" ", 6)
        if len(words) > 4:
            yield folded(words[2].decode("latin-1")), folded(words[4].decode("latin-1"))
