"""Recognises mail that a mail program outside the lab sends back with more in its header.

What survives a real mail program is the text, the subject, and the Received fields that were there,
under those that it adds. Nothing of ours is put into the mail for it. Mail with the same text that
has no such fields above is other mail.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final

from lab.hosts.received import header_of, received_fields, unfolded

MOST_KEPT: Final = 10_000
"""The most messages outside the lab that a host recognises."""


def fingerprint(mail_data: bytes) -> bytes:
    """Return the fingerprint of mail as it leaves the lab."""
    return next(_fingerprints(mail_data))


def _fingerprints(mail_data: bytes) -> Iterator[bytes]:
    """Yield the fingerprint of mail, and those that it had before each of its Received fields."""
    header = header_of(mail_data)
    text = mail_data[len(header) :].strip()
    lines = b"\n".join([line.rstrip() for line in text.split(b"\r\n")])
    subject = b" ".join(b" ".join(unfolded(header, b"SUBJECT")).split())
    content = sha256(subject + b"\n\n" + lines).digest()
    fields = [b" ".join(field.split()) for field in received_fields(header)]
    for first in range(len(fields) + 1):
        yield sha256(b"\n".join([content, *fields[first:]])).digest()


class MailOutside:
    """The mail that has left the lab, by its fingerprint: its number and the ids of its
    recipients.
    """

    __slots__ = ("_mails",)

    def __init__(self) -> None:
        self._mails: dict[bytes, tuple[int, Sequence[str]]] = {}

    def add(self, mark: bytes, message: int, ids: Sequence[str]) -> None:
        """Add mail with this fingerprint."""
        if len(self._mails) >= MOST_KEPT:
            del self._mails[next(iter(self._mails))]
        self._mails.pop(mark, None)
        self._mails[mark] = message, ids

    def find(self, mail_data: bytes) -> tuple[int, Sequence[str]] | None:
        """Return the mail that comes back with further Received fields; None for other mail."""
        if not self._mails:
            return None
        marks = _fingerprints(mail_data)
        next(marks)  # unchanged, it has passed no mail program
        for mark in marks:
            if mark in self._mails:
                return self._mails[mark]
        return None
