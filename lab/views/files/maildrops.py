"""Mail drops on disk: a Maildir for each user, written from the deliveries in a trace.

``mail/HOST/USER/`` holds what was delivered, ``mail/HOST/USER@terminal/`` what was shown on the
user's terminal (SEND, SOML, SAML); both open in any mail reader. Names that are not safe file names
are percent-escaped, so that no name of a user or host can reach outside the directory.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from pathlib import Path
from typing import Final

from lab.trace.rows import DELIVER_OCTETS, DELIVER_USER, HOST, KIND, Row, T
from lab.trace.trace import Trace

_SAFE: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+.")
_OURS: Final = re.compile(r"-?\d+\.M\d{6}Q\d+\.")
_LONGEST: Final = 120
"""Characters of a file name; file systems allow 255 bytes, and mail readers add to a name."""


def write_maildrops(trace: Trace, directory: str | Path) -> int:
    """Write each delivery as a file of its user's Maildir beneath a directory; return how many.

    Every byte is kept: line ends stay CRLF, nothing is added. File names depend on the trace only,
    so that the same run gives the same files. What an earlier run wrote to the same Maildirs is
    removed; other files stay.
    """
    root = Path(directory)
    _clear(root)
    start = _start(trace)
    count = 0
    for seq, row in enumerate(trace.rows):
        if row[KIND] in ("deliver", "terminal"):
            name = f"{_stamp(start + row[T])}Q{seq}.{file_name(row[HOST])}"
            maildir = _maildir(root, row)
            # as Maildir requires: written in tmp, then moved to new
            (maildir / "tmp" / name).write_bytes(row[DELIVER_OCTETS])
            (maildir / "tmp" / name).replace(maildir / "new" / name)
            count += 1
    return count


def file_name(name: str) -> str:
    """Return a name as one part of a path; bytes that are not safe are escaped, as in ``%2F``.

    It is never empty, ``.`` or ``..``, and has no leading dot. A long name keeps its beginning and
    ends with a digest of the whole.
    """
    octets = name.encode("utf-8", "surrogateescape")
    safe = "".join(
        chr(octet) if octet in _SAFE and not (octet == 0x2E and place == 0) else f"%{octet:02X}"
        for place, octet in enumerate(octets)
    )
    if len(safe) > _LONGEST:
        safe = f"{safe[: _LONGEST - 17]}~{hashlib.sha256(octets).hexdigest()[:16]}"
    return safe or "%"


def _maildir(root: Path, row: Row) -> Path:
    # "@" is never in an escaped name, so that no mail drop can be taken for a terminal
    suffix = "@terminal" if row[KIND] == "terminal" else ""
    maildir = root / file_name(row[HOST]) / (file_name(str(row[DELIVER_USER])) + suffix)
    for part in ("tmp", "new", "cur"):
        (maildir / part).mkdir(parents=True, exist_ok=True)
    return maildir


def _clear(root: Path) -> None:
    for old in root.glob("*/*/new/*"):
        if _OURS.match(old.name) and not old.is_symlink():
            old.unlink()


def _start(trace: Trace) -> float:
    text = trace.meta.get("start")
    return datetime.fromisoformat(str(text)).timestamp() if text else 0.0


def _stamp(seconds: float) -> str:
    whole, micro = divmod(round(seconds * 1_000_000), 1_000_000)
    return f"{whole}.M{micro:06d}"
