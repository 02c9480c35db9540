"""The lines of a message: memo header, trace lines, and the text of a notification.

Time stamp lines and return path lines are formatted and read only here. The grammar of 4.1.2 has
FROM, BY and OCT, the RFC's examples have "from", "by" and "Oct". Case does not matter there; the
lab uses that of the examples.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from lab.protocol import HostName, Path
from lab.protocol.sizes import MAX_TEXT_LINE

_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip
_ZONES: Final = {0: "UT", -4: "EDT", -5: "EST", -6: "CST", -7: "MST", -8: "PST"}
_FILLER: Final = b"The quick brown fox jumps over the lazy dog. 0123456789 .,;:\r\n"


class Calendar:
    """The dates of a run, which begins at ``start``, as ``<daytime>`` (section 4.1.2).

    The zone is that of ``start``: UT, a zone of RFC 822 by its name, or +hhmm.
    """

    __slots__ = ("_minute", "_offset", "_seconds", "_until_minute", "start", "zone")

    def __init__(self, start: datetime) -> None:
        self.start = start
        self.zone = zone = _zone(start.utcoffset() or timedelta())
        self._seconds = [f"{second:02} {zone}" for second in range(60)]
        midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
        self._offset = (start - midnight).total_seconds()
        self._minute = -1
        self._until_minute = ""

    def daytime(self, now: float) -> str:
        """Return ``<date> <SP> <time>`` after so many seconds, such as "2 Nov 81 22:40:10 UT"."""
        minute, second = divmod(math.floor(now + self._offset), 60)
        if minute != self._minute:
            day, of_day = divmod(minute, 24 * 60)
            at = self.start + timedelta(days=day)
            date = f"{at.day} {_MONTHS[at.month - 1]} {at.year % 100:02}"
            self._minute = minute
            self._until_minute = f"{date} {of_day // 60:02}:{of_day % 60:02}:"
        return self._until_minute + self._seconds[second]


def _zone(offset: timedelta) -> str:
    minutes = int(offset.total_seconds() // 60)
    if minutes % 60 == 0 and minutes // 60 in _ZONES:
        return _ZONES[minutes // 60]
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"


def time_stamp_line(sent_by: str, received_by: str, daytime: str) -> bytes:
    """Return the line that a receiver-SMTP puts before mail that it accepts.

    ``<time-stamp-line> ::= "Received:" <SP> "FROM" <SP> <domain> <SP> "BY" <SP> <domain> <SP> ";"
    <daytime> <CRLF>`` (section 4.1.2).
    """
    # encode() without an errors argument is much faster, and right for nearly all lines
    line = f"Received: from {sent_by} by {received_by} ; {daytime}\r\n"
    return line.encode() if line.isascii() else line.encode("ascii", "replace")


@lru_cache(maxsize=4096)
def return_path_line(reverse_path: Path) -> bytes:
    """Return the line that final delivery puts before all other lines.

    ``<return-path-line> ::= "Return-Path:" <SP> <reverse-path> <CRLF>`` (section 4.1.2).
    """
    return f"Return-Path: {reverse_path}\r\n".encode("ascii", "replace")


def compose(
    daytime: str,
    sender: Path,
    full_name: str,
    to: tuple[Path, ...],
    subject: str = "",
    text: str | None = None,
    size: int | None = None,
) -> bytes:
    """Return mail data with a memo header (RFC 822): Date, From, Subject, To; then ``text``.

    With ``size`` instead of ``text``, filler makes the mail data ``size`` bytes long, or as long as
    the header if that is longer.
    """
    header = f"Date: {daytime}\r\n".encode("ascii") + _header(sender, full_name, to, subject)
    if text is None and size is not None:
        return header + filler(size - len(header))
    return header + (as_mail_data(lines_of(text)) if text else b"")


@lru_cache(maxsize=4096)
def _header(sender: Path, full_name: str, to: tuple[Path, ...], subject: str) -> bytes:
    """The memo header without its date, and the empty line after it."""
    address = str(sender.mailbox)
    return as_mail_data(
        [
            f"From: {full_name} <{address}>" if full_name else f"From: {address}",
            *([f"Subject: {subject}"] if subject else []),
            *_folded("To: ", [str(path.mailbox) for path in to]),
            "",
        ]
    )


def lines_of(text: str) -> list[str]:
    """Return the lines of a text of a topology file: only LF and CRLF end a line."""
    lines = text.replace("\r\n", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def as_mail_data(lines: Iterable[str]) -> bytes:
    """Return lines as mail data: ASCII, with CRLF, none longer than section 4.5.3 allows."""
    room = MAX_TEXT_LINE - len("\r\n")
    out = []
    for line in lines:
        octets = line.encode("ascii", "replace")
        out += [octets[at : at + room] for at in range(0, len(octets), room)] or [b""]
    return b"".join(line + b"\r\n" for line in out)


@lru_cache(maxsize=256)
def filler(size: int) -> bytes:
    """Return ``size`` bytes of text in lines; nothing for less than 2 bytes, an empty line."""
    if size < 2:
        return b""
    text = (_FILLER * (size // len(_FILLER) + 1))[: size - 2]
    # the cut may leave a lone CR at the end
    return text[:-1] + b"!\r\n" if text.endswith(b"\r") else text + b"\r\n"


def _folded(name: str, values: list[str]) -> list[str]:
    """A header field whose values continue on lines that begin with white space (RFC 822)."""
    lines = [name]
    for number, value in enumerate(values, 1):
        comma = "," if number < len(values) else ""
        if len(lines[-1]) + len(value) > 72 and lines[-1] not in (name, "    "):
            lines.append("    ")
        lines[-1] += value + comma + (" " if comma else "")
    return [line.rstrip() for line in lines]


def compose_notification(
    daytime: str, host: str, to: Path, failures: Sequence[tuple[Path, str, str]]
) -> bytes:
    """Return the mail data of an undeliverable mail notification, as in section 3.6's example 7.

    ``failures``: for each recipient the forward-path, the host that refused it ("": none did), and
    the reply or reason.
    """
    lines = [
        f"Date: {daytime}",
        f"From: SMTP@{host}",
        f"To: {to.mailbox}",
        "Subject: Mail System Problem",
        "",
    ]
    for number, (path, who, what) in enumerate(failures):
        begin = f"  Sorry {to.local}, your" if number == 0 else "  Your"
        lines.append(f"{begin} message to {path.mailbox} lost.")
        if who:
            quoted = what.splitlines() or [""]
            lines.append(f"  {who} said this:")
            lines += [
                f"   {chr(34) if n == 0 else ' '}{line}{chr(34) if n == len(quoted) - 1 else ''}"
                for n, line in enumerate(quoted)
            ]
        else:
            lines.append(f"  {what}")
    return as_mail_data(lines)


# -- reading time stamp lines --------------------------------------------------------------------

_STAMP: Final = b"Received: "

MOST_STAMPS: Final = 25
"""With more time stamp lines than this, mail is in a loop. RFC 821 has no such limit."""


def is_looping(mail_data: bytes) -> bool:
    """Return whether mail has passed so many hosts that it must be in a loop."""
    return len(_stamp_lines(mail_data)) > MOST_STAMPS


def visits(mail_data: bytes, names: Collection[HostName]) -> int:
    """Count the time stamp lines at the beginning of mail that a host of these names wrote."""
    return sum(by in names for _, by in _stamps(mail_data))


def was_sent(mail_data: bytes, names: Collection[HostName]) -> bool:
    """Return whether a time stamp line at the beginning of mail names such a host as sender."""
    return any(sender in names for sender, _ in _stamps(mail_data))


def _stamps(mail_data: bytes) -> Iterator[tuple[HostName, HostName]]:
    """Yield sender and receiver of each time stamp line at the beginning of mail."""
    for line in _stamp_lines(mail_data):
        words = line.split(b" ", 6)
        if len(words) > 4:
            sender, receiver = words[2].decode("latin-1"), words[4].decode("latin-1")
            yield HostName(sender), HostName(receiver)


def _stamp_lines(mail_data: bytes) -> list[bytes]:
    """Return the time stamp lines that mail begins with, and no more than show that it loops."""
    lines: list[bytes] = []
    if not mail_data.startswith(_STAMP):
        return lines
    for line in mail_data.split(b"\r\n", MOST_STAMPS + 1):
        if not line.startswith(_STAMP):
            break
        lines.append(line)
    return lines
