"""The Received fields of mail: how many hosts it has passed, and which.

A host puts its time stamp line before all others (section 4.1.1). Mail programs of today write the
same field in their own way: folded (RFC 822, 3.1.1), in any case, with comments, and sometimes
below other fields. So the whole header is read, down to the empty line.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from lab.protocol import HostName

_NAME: Final = b"RECEIVED"
_BLANKS: Final = b" \t"

_PIECE: Final = 1 << 16
"""Bytes of a header that are looked through at a time."""

# a comment holds no parentheses here: inner ones are removed first
_COMMENT: Final = re.compile(rb"\([^()]*\)")
_FROM: Final = re.compile(rb"\s*from\s+([^\s;]+)", re.I)
_BY: Final = re.compile(rb"(?:^|\s)by\s+([^\s;]+)", re.I)


def header_of(mail_data: bytes) -> bytes:
    """Return the header of mail: its lines before the first empty one."""
    if mail_data.startswith(b"\r\n"):
        return b""
    end = mail_data.find(b"\r\n\r\n")
    return mail_data if end < 0 else mail_data[: end + 2]


def received_fields(mail_data: bytes) -> list[bytes]:
    """Return the value of each Received field of mail, unfolded, the first field first."""
    return unfolded(header_of(mail_data), _NAME)


def unfolded(header: bytes, wanted: bytes) -> list[bytes]:
    """Return the value of each field of a header with this name, which is given in capitals."""
    fields: list[list[bytes]] = []
    is_inside = False
    for line in header.split(b"\r\n"):
        if line[:1] in (b" ", b"\t"):
            if is_inside:
                fields[-1].append(line)
            continue
        name, colon, value = line.partition(b":")
        is_inside = bool(colon) and _in_capitals(name.rstrip(_BLANKS)) == wanted
        if is_inside:
            fields.append([value])
    return [b"".join(lines) for lines in fields]


def without_received(mail_data: bytes) -> bytes:
    """Return mail without the Received fields with which it begins."""
    while (without_first := without_first_received(mail_data)) is not None:
        mail_data = without_first
    return mail_data


def without_first_received(mail_data: bytes) -> bytes | None:
    """Return mail without the Received field with which it begins; None if there is none."""
    if _in_capitals(mail_data[: len(_NAME)]) != _NAME:
        return None
    _, _, mail_data = mail_data.partition(b"\r\n")
    while mail_data[:1] in (b" ", b"\t"):
        _, _, mail_data = mail_data.partition(b"\r\n")
    return mail_data


def hops_beyond(mail_data: bytes, most: int) -> int:
    """Return how many Received fields mail has, if these are more than ``most``; 0 if not."""
    # counting words is fast, and mail of that many fields is rare
    if _times_named(header_of(mail_data)) <= most:
        return 0
    count = len(received_fields(mail_data))
    return count if count > most else 0


def _times_named(header: bytes) -> int:
    """Return how often a header names the field; it may be all of a large mail."""
    if len(header) <= _PIECE:
        return _in_capitals(header).count(_NAME)
    count = 0
    for begin in range(0, len(header), _PIECE):
        piece = header[begin : begin + _PIECE + len(_NAME) - 1]
        count += _in_capitals(piece).count(_NAME)
    return count


def _in_capitals(octets: bytes) -> bytes:
    """Return names of header fields in capitals: they may be written in any case."""
    return octets.upper()


def visits(mail_data: bytes, names: Collection[HostName]) -> int:
    """Count the Received fields of mail that a host of these names wrote."""
    return sum(by in names for _, by in _ends(mail_data))


def was_sent(mail_data: bytes, names: Collection[HostName]) -> bool:
    """Return whether a Received field of mail names such a host as its sender."""
    return any(sender in names for sender, _ in _ends(mail_data))


def _ends(mail_data: bytes) -> Iterator[tuple[HostName, HostName]]:
    """Yield sender and receiver of each Received field; "" for one that the field does not name."""
    for value in received_fields(mail_data):
        text = _without_comments(value)
        sender, receiver = _FROM.match(text), _BY.search(text)
        yield _host(sender), _host(receiver)


def _host(match: re.Match[bytes] | None) -> HostName:
    return HostName(match[1].decode("latin-1") if match is not None else "")


def _without_comments(value: bytes) -> bytes:
    """Return the value of a field without its comments, which may hold others."""
    while True:
        shorter = _COMMENT.sub(b" ", value)
        if shorter == value:
            return value
        value = shorter
