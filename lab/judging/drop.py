"""The mail drop of a program under test: a folder in which its mail may be found.

Any form will do: a file for each message, a Maildir, one long file. Mail is recognised by a word in
its subject, and ends with a line of the same word.
"""

from __future__ import annotations

import re
from binascii import a2b_base64, a2b_qp
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from lab.judging.cases import Names

_LARGEST: Final = 64 * 1024**2
_FILES: Final = 5000
_ENCODING: Final = re.compile(
    rb"^Content-Transfer-Encoding: *(quoted-printable|base64)\r?$", re.I | re.M
)
_ADDED: Final = rb"(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*)*"
"""Header fields that a program has added, as servers of today do where some are missing."""


class Drop:
    """A folder with mail."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def copies(self, token: str) -> list[bytes]:
        """Return every file that has a word in it, as far as files are read."""
        word = token.encode()
        return [octets for octets in self._files() if word in octets]

    def _files(self) -> Iterator[bytes]:
        for number, path in enumerate(sorted(self.folder.rglob("*"))):
            if number > _FILES or "tmp" in path.relative_to(self.folder).parts[:-1]:
                continue
            with suppress(OSError):
                if path.is_file() and not path.is_symlink() and path.stat().st_size < _LARGEST:
                    yield path.read_bytes()


def text_in(octets: bytes, token: str) -> bytes | None:
    """Return the text of a mail between its header and its last line; None if it is not whole."""
    word = re.escape(token.encode())
    match = re.search(
        rb"Subject: " + word + rb"\r?\n" + _ADDED + rb"\r?\n(.*?)end " + word + rb"\r?\n?",
        octets,
        re.S,
    )
    return match[1] if match else None


def decoded(octets: bytes) -> bytes:
    """Return a mail without the MIME encoding that its header names, if it names one."""
    header, blank, text = octets.partition(b"\r\n\r\n")
    encoding = _ENCODING.search(header)
    if encoding is None:
        return octets
    is_base64 = encoding[1].lower() == b"base64"
    try:
        return header + blank + (a2b_base64(text) if is_base64 else a2b_qp(text))
    except ValueError:
        return octets


def difference(copies: list[bytes], wanted: str, names: Names) -> tuple[bytes, bytes, int] | None:
    """Return the text that came, the one that was wanted, and the first offset where they part.

    None if one of the copies has the text. Where a copy has LF for each CRLF, that is allowed.
    """
    expected = names.put_into(wanted)
    worst: tuple[bytes, bytes, int] | None = None
    for octets in copies:
        arrived = text_in(octets, names.token)
        if arrived is None:
            arrived = octets[-200:]
        if arrived == expected:
            return None
        unix = expected.replace(b"\r\n", b"\n")
        if b"\r\n" not in octets and arrived == unix:
            return None
        wanted_text = expected if b"\r\n" in octets else unix
        at = next(
            (n for n, (a, b) in enumerate(zip(arrived, wanted_text, strict=False)) if a != b), -1
        )
        worst = arrived, wanted_text, at if at >= 0 else min(len(arrived), len(wanted_text))
    return worst
