"""One message while it is on its way: which host has which copy of it, and how it came there."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Final

from lab.protocol.lines import CRLF, END_OF_MAIL_DATA, dot_unstuff, unfinished

Copy = tuple[str, str]
"""A copy of a message for one recipient at a host: (recipient's id, host)."""

Came = tuple[str, int]
"""How a message came to a host: its reverse-path, and its time stamp lines with the host's own."""


_LARGE: Final = 1 << 16
"""Bytes of a text from which on only its hash is kept."""

_PERIOD: Final = b"\r\n."

_END: Final = 3
"""Bytes of the end of mail data, which is not part of the text."""


class KnownBytes:
    """Bytes that others can be compared with; if they are many, only their size and hash."""

    __slots__ = ("_hash", "octets", "size")

    def __init__(self, octets: bytes | bytearray | memoryview) -> None:
        self.size = len(octets)
        is_large = self.size >= _LARGE
        self.octets = b"" if is_large else bytes(octets)
        self._hash = hashlib.blake2b(octets).digest() if is_large else b""

    def ends(self, octets: bytes | bytearray) -> bool:
        """Whether other bytes end with these."""
        if self.size < _LARGE:
            return octets.endswith(self.octets)
        begin = len(octets) - self.size
        return begin >= 0 and hashlib.blake2b(memoryview(octets)[begin:]).digest() == self._hash


class GrowingBytes(KnownBytes):
    """Many bytes that come in pieces; only their size and hash are kept."""

    __slots__ = ("_growing",)

    def __init__(self) -> None:
        super().__init__(b"")
        self._growing = hashlib.blake2b()

    def add(self, octets: bytes) -> None:
        """Take the next bytes."""
        self.size += len(octets)
        self._growing.update(octets)

    def end(self) -> None:
        """Note that these were all."""
        self._hash = self._growing.digest()


class GrowingText:
    """Large mail data from outside, piece by piece: what :class:`MailText` keeps of it.

    A sender outside the lab need not have doubled each period at the beginning of a line (4.5.2):
    it is taken as if it had.
    """

    __slots__ = ("_begun", "_held", "kept", "sent")

    def __init__(self) -> None:
        self.sent = GrowingBytes()
        self.kept = GrowingBytes()
        # as if a CRLF stood before it, so that its first line is like any other
        self._held = CRLF
        self._begun = False

    def feed(self, octets: bytes | bytearray) -> None:
        """Take the next piece."""
        octets = self._held + octets
        is_end = octets.endswith(END_OF_MAIL_DATA)
        keep = len(END_OF_MAIL_DATA) if is_end else unfinished(octets)
        self._held = octets[len(octets) - keep :]
        self._take(octets[: len(octets) - keep].replace(_PERIOD, CRLF))

    def _take(self, kept: bytes) -> None:
        sent = kept.replace(_PERIOD, _PERIOD + b".")
        begin = 0 if self._begun else len(CRLF)
        self.kept.add(kept[begin:])
        self.sent.add(sent[begin:])
        self._begun = self._begun or bool(kept)

    def finish(self) -> MailText:
        """Return the text, now that its end has come."""
        self._take(CRLF)
        self.sent.add(END_OF_MAIL_DATA[len(CRLF) :])
        self.sent.end()
        self.kept.end()
        return MailText(self.sent, self.kept)


class MailText:
    """The text of mail: as it crosses channels, with its end, and as hosts keep it (4.5.2)."""

    __slots__ = ("_kept", "sent")

    def __init__(self, sent: KnownBytes, kept: KnownBytes | None) -> None:
        self.sent = sent
        self._kept = kept

    @property
    def kept(self) -> KnownBytes:
        """The text as hosts keep it."""
        return self._kept if self._kept is not None else _kept(self.sent.octets)


def text_of(sent: bytes | bytearray) -> MailText:
    """Return what is kept of mail data as it crosses a channel."""
    return MailText(KnownBytes(sent), _kept(sent) if len(sent) >= _LARGE else None)


def _kept(sent: bytes | bytearray) -> KnownBytes:
    if has_no_doubled_period(sent):
        return KnownBytes(memoryview(sent)[:-_END])
    return KnownBytes(dot_unstuff(bytes(sent[:-_END])))


_SINGLE: Final = re.compile(rb"(?:\A|\r\n)\.(?!\.)")


def has_single_period(sent: bytes | bytearray) -> bool:
    """Whether a line of mail data, before its end, begins with a period that is not doubled."""
    return _SINGLE.search(sent, 0, len(sent) - _END) is not None


def has_no_doubled_period(sent: bytes | bytearray) -> bool:
    """Whether no line of mail data begins with a period but its end: then nothing is to undo."""
    return not sent.startswith(b".") and sent.find(b"\r\n.") == len(sent) - len(b"\r\n.\r\n")


Arrived = bytes | bytearray | GrowingText
"""Mail data that has arrived in a session."""


@dataclass(slots=True)
class Mail:
    """One message, as long as any host has a copy of it.

    ``origin`` is the host where it was submitted, its reverse-path and its size (-1: unknown).
    ``text`` is that of its first sending, ``arrived`` says how it came to each host. ``hand``
    and ``spool`` count the copies, ``shown`` are those that a terminal has shown. ``promised`` are
    the recipients accepted in each session whose 250 the peer has not received, and ``crossing``
    the sessions in which its mail data has arrived and not been answered. ``was_changed``: a fault
    has changed its text on its way, or a mail program outside the lab has sent it back, and may
    have changed how it looks.
    """

    origin: tuple[str, str, int]
    text: MailText | None = None
    arrived: dict[str, list[Came]] = field(default_factory=dict)
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
