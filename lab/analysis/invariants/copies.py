"""One message while it is on its way: which host has which copy of it, and how it came there."""

from __future__ import annotations

from dataclasses import dataclass, field

Copy = tuple[str, str]
"""A copy of a message for one recipient at a host: (recipient's id, host)."""

Came = tuple[str, int]
"""How a message came to a host: its reverse-path, and its time stamp lines with the host's own."""


@dataclass(slots=True)
class Mail:
    """One message, as long as any host has a copy of it.

    ``origin`` is the host where it was submitted, its reverse-path and its size (-1: unknown).
    ``text`` are its bytes as they were first sent, ``came`` says how it came to each host. ``hand``
    and ``spool`` count the copies, ``shown`` are those that a terminal has shown. ``promised`` are
    the recipients accepted in each session whose 250 the peer has not received, and ``crossing``
    the sessions in which its mail data has arrived and not been answered. ``was_changed``: a fault
    has changed its text on its way, or a mail program outside the lab has sent it back, and may
    have changed how it looks.
    """

    origin: tuple[str, str, int]
    text: bytes | None = None
    came: dict[str, list[Came]] = field(default_factory=dict)
    hand: dict[Copy, int] = field(default_factory=dict)
    spool: dict[Copy, int] = field(default_factory=dict)
    shown: set[Copy] = field(default_factory=set)
    promised: dict[int | None, frozenset[str]] = field(default_factory=dict)
    crossing: set[int | None] = field(default_factory=set)
    was_changed: bool = False

    def take(self, copy: Copy) -> None:
        """Add a copy in hand."""
        self.hand[copy] = self.hand.get(copy, 0) + 1


def take_out(copies: dict[Copy, int], copy: Copy) -> bool:
    """Remove a copy, and return whether there was one."""
    count = copies.get(copy, 0)
    if count > 1:
        copies[copy] = count - 1
    elif count:
        del copies[copy]
    return count > 0
