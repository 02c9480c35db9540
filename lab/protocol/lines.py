"""Bytes to lines and back: framing, transparency (section 4.5.2) and sizes (section 4.5.3).

CRLF, and nothing else, ends a line. A bare CR, a bare LF and NUL are characters like any other:
they end no command, no line of mail data, and no mail. Each byte is read once, however the bytes
were cut on their way.
"""

from __future__ import annotations

import re
from io import BytesIO
from typing import Final

from lab.protocol.sizes import MAX_TEXT_LINE, NO_LIMITS, Limits

CRLF: Final = b"\r\n"
_PERIOD: Final = b"\r\n."
END_OF_MAIL_DATA: Final = b"\r\n.\r\n"
"""The end of mail data indication, with the CRLF that ends the last line of text (4.1.1)."""

_ALONE: Final = b".\r\n"
"""The end of mail data indication where no line of text comes before it."""

LONGEST_LINE: Final = 1 << 16
"""Bytes of an unfinished command line that are held if a host sets no limit.

4.5.3 asks for techniques "which impose no limits", but memory is finite, and no sender needs a
command of 64 kB. A longer line is read to its CRLF, thrown away, and answered with 500.
"""

PIECE: Final = 1 << 13
"""Bytes of mail data that are read at a time if commands came before them in one chunk."""


_PERIOD_ALONE: Final = re.compile(rb"(?:(?<!\r)\n|\r(?!\n))\.(?:[\r\n]|\Z)")


def seems_to_end(mail_data: bytes) -> bool:
    """Return whether mail data has a period alone between bare CRs or LFs.

    By RFC 821 that is text, as only CRLF ends a line (4.5.2). To a receiver-SMTP that ends lines at
    LF or CR too, the mail ends there, and it reads the rest as commands.
    """
    return _PERIOD_ALONE.search(mail_data) is not None


def fits_the_wire(mail_data: bytes) -> bool:
    """Return whether no line of mail data is longer than a sender-SMTP may send (section 4.5.3)."""
    begin, size = 0, len(mail_data)
    while size - begin > MAX_TEXT_LINE - len(CRLF):
        end = mail_data.rfind(CRLF, begin, begin + MAX_TEXT_LINE)
        if end < 0:
            return False
        begin = end + len(CRLF)
    return True


def dot_stuff(mail_data: bytes) -> bytes:
    """Return mail data as it is sent: with leading periods doubled and the end added (4.5.2).

    Data that does not end with CRLF gets one, because the end needs a line of its own.
    """
    if b"\r\n." in mail_data:
        mail_data = mail_data.replace(b"\r\n.", b"\r\n..")
    if mail_data.startswith(b"."):
        mail_data = b"." + mail_data
    if mail_data.endswith(CRLF):
        return mail_data + _ALONE
    return mail_data + END_OF_MAIL_DATA if mail_data else _ALONE


def dot_unstuff(octets: bytes) -> bytes:
    """Return the mail data of lines as they were sent, without the end of mail data (4.5.2)."""
    if octets.startswith(b"."):
        octets = octets[1:]
    return octets.replace(b"\r\n.", CRLF) if b"\r\n." in octets else octets


def end_of_mail_data(octets: bytes | bytearray, begin: int = 0) -> int:
    """Return where mail data as it is sent ends, its end included; -1 if that is not there yet.

    The end is looked for from ``begin`` on: what was looked through before, less its last 4 bytes.
    """
    if begin < len(_ALONE) and octets.startswith(_ALONE):
        return len(_ALONE)
    end = octets.find(END_OF_MAIL_DATA, begin)
    return end + len(END_OF_MAIL_DATA) if end >= 0 else -1


_ENDS: Final = tuple(END_OF_MAIL_DATA[n:] for n in range(1, len(END_OF_MAIL_DATA)))


def may_complete_end(octets: bytes | bytearray) -> bool:
    """Whether bytes begin with an end of mail data whose first bytes may have come before."""
    return octets.startswith(_ENDS)


def ends_mail_data(octets: bytes) -> bool:
    """Whether mail data as it is sent is complete, its end included."""
    return octets.endswith(END_OF_MAIL_DATA) or octets == _ALONE


class LineBuffer:
    """A buffer that cuts bytes into command lines at CRLF.

    It holds at most ``limit`` bytes and the chunk that is fed.
    """

    __slots__ = ("_buffer", "_dropping", "_scanned", "limit")

    def __init__(self, limit: int | None = None) -> None:
        self.limit = LONGEST_LINE if limit is None else limit
        self._buffer = bytearray()
        self._scanned = 0
        self._dropping = False

    def feed(self, octets: bytes) -> None:
        """Append bytes as they arrived."""
        self._buffer += octets

    def take(self) -> bytes | None:
        """Return the next line without its CRLF; None if no whole line is there.

        For a line longer than ``limit`` it returns :data:`TOO_LONG`, when its CRLF has arrived.
        """
        buffer = self._buffer
        end = buffer.find(CRLF, self._scanned)
        if end < 0:
            if len(buffer) > self.limit:
                # keep the last byte: it may be the first half of a CRLF
                del buffer[: len(buffer) - 1]
                self._dropping = True
            self._scanned = max(0, len(buffer) - 1)
            return None
        line = TOO_LONG if self._dropping or end + 2 > self.limit else bytes(buffer[:end])
        del buffer[: end + 2]
        self._scanned = 0
        self._dropping = False
        return line

    def peek(self, size: int) -> bytes:
        """Return the first bytes that are held, such as mail data that came with its DATA."""
        return bytes(self._buffer[:size])

    def drop(self, size: int) -> None:
        """Drop the first bytes."""
        del self._buffer[:size]
        self._scanned = 0

    @property
    def is_fresh(self) -> bool:
        """Whether nothing is held, and the last line is not an overlong one still to end."""
        return not self._buffer and not self._dropping

    def __len__(self) -> int:
        return len(self._buffer)


TOO_LONG: Final = bytes(bytearray(b"\r\n"))
"""Stands for a line over its limit. It is known by identity, so no line that is sent is it."""


class MailData:
    """The mail data buffer of section 4.1.1, which undoes transparency as bytes arrive.

    If the data is longer than the limit ``message``, ``too_large`` is set and the data is not kept;
    if a line is longer than the limit ``text_line``, ``line_too_long`` is set.
    """

    __slots__ = (
        "_data", "_fresh", "_held", "_line", "_size", "_whole", "limits", "line_too_long",
        "too_large",
    )  # fmt: skip

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = NO_LIMITS if limits is None else limits
        # the data is read as if a CRLF stood before it, so that its first line is like any other
        self._held = CRLF
        # a buffer whose bytes are handed out without a copy: mail may be large
        self._data = BytesIO()
        self._size = 0
        self._line = 0
        self._fresh = True
        self._whole: bytes | None = None
        self.too_large = False
        self.line_too_long = False

    def feed(self, octets: bytes) -> bytes | None:
        """Take bytes; return those after the end of mail data, or None if it has not come."""
        if self._fresh:
            self._fresh = False
            if self._takes_whole(octets):
                return b""
        octets = self._held + octets
        # most mail has no line that begins with a period: then one search is enough
        end = octets.find(_PERIOD)
        is_plain = end < 0 or octets.startswith(END_OF_MAIL_DATA, end)
        if not is_plain:
            end = octets.find(END_OF_MAIL_DATA, end + 1)
        if end >= 0:
            self._store(octets[: end + 2], is_plain=is_plain)
            self._held = b""
            return octets[end + 5 :]
        keep = unfinished(octets)
        self._store(octets[: len(octets) - keep], is_plain=is_plain)
        self._held = octets[len(octets) - keep :]
        return None

    def _takes_whole(self, octets: bytes) -> bool:
        """Take all of the data from one chunk, if the chunk is that and nothing else."""
        size = len(octets)
        if self.limits is not NO_LIMITS or octets[-5:] != END_OF_MAIL_DATA:
            return False
        if octets[:3] == _ALONE:
            return False
        if octets.find(b"\r\n.") != size - 5:
            if octets.find(END_OF_MAIL_DATA) != size - 5:
                return False
            self._whole = dot_unstuff(octets[:-3])
            return True
        # the usual mail: no line but the last begins with a period
        self._whole = octets[1:-3] if octets[:1] == b"." else octets[:-3]
        return True

    def _store(self, octets: bytes, *, is_plain: bool) -> None:
        limit = self.limits.message
        if self.limits.text_line is not None:
            self._measure(octets, self.limits.text_line)
        if not self.too_large:
            kept = octets if is_plain else octets.replace(_PERIOD, CRLF)
            # without the CRLF before the first line, which the first bytes have whole
            self._data.write(kept if self._size else kept[2:])
            self._size += len(kept)
        if limit is not None and self._size - 2 > limit:
            self.too_large = True
            self.clear()

    def _measure(self, octets: bytes, longest: int) -> None:
        first, *further = octets.replace(b"\r\n.", CRLF).split(CRLF)
        self._line += len(first)
        lengths = [self._line, *map(len, further)]
        self.line_too_long = self.line_too_long or max(lengths) + len(CRLF) > longest
        self._line = lengths[-1]

    def __len__(self) -> int:
        return self._size + len(self._held)

    def clear(self) -> None:
        """Forget the data, once it has been taken elsewhere."""
        self._data = BytesIO()
        self._size = 0

    @property
    def octets(self) -> bytes:
        """The mail data so far, every byte as it is to be delivered."""
        if self._whole is not None:
            return self._whole
        return self._data.getvalue()


def unfinished(octets: bytes | bytearray) -> int:
    """Return how many of the last bytes may be the beginning of CRLF, period, CRLF."""
    for length in (4, 3, 2, 1):
        if END_OF_MAIL_DATA.startswith(octets[-length:]) and len(octets) >= length:
            return length
    return 0
