"""The lines of a message: memo header and text.

Time stamp lines and return path lines are those of :mod:`lab.protocol.time_stamps`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from lab.protocol import Path
from lab.protocol.sizes import MAX_TEXT_LINE

_FILLER: Final = b"The quick brown fox jumps over the lazy dog. 0123456789 .,;:\r\n"


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


def filler_size(size: int) -> int:
    """Return how many bytes of text there are for ``size``."""
    return size if size >= 2 else 0


@lru_cache(maxsize=256)
def filler(size: int) -> bytes:
    """Return ``size`` bytes of text in lines; nothing for less than 2 bytes, an empty line."""
    if not filler_size(size):
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
