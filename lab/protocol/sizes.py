"""The sizes of section 4.5.3: the limits that a host may set, and the least that they may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest sizes that a receiver-SMTP takes (section 4.5.3); None sets no limit.

    ``line``: bytes of a command line with its CRLF. ``text_line``: bytes of a line of mail data
    with its CRLF, not counting the dot of transparency. ``message``: bytes of mail data.
    ``recipients``: forward-paths in a transaction. ``sessions``: channels open at once. ``path``,
    ``user``, ``domain``: characters.
    """

    line: int | None = None
    text_line: int | None = None
    message: int | None = None
    recipients: int | None = None
    sessions: int | None = None
    path: int | None = None
    user: int | None = None
    domain: int | None = None


NO_LIMITS: Final = Limits()

# What every implementation must be able to receive, and must not exceed when it sends (4.5.3).
MAX_USER: Final = 64
MAX_DOMAIN: Final = 64
MAX_PATH: Final = 256
MAX_COMMAND_LINE: Final = 512
MAX_TEXT_LINE: Final = 1000
MIN_RECIPIENTS: Final = 100
MINIMA: Final = {
    "user": MAX_USER,
    "domain": MAX_DOMAIN,
    "path": MAX_PATH,
    "line": MAX_COMMAND_LINE,
    "text_line": MAX_TEXT_LINE,
    "recipients": MIN_RECIPIENTS,
}
"""The least that a host's :class:`Limits` may be, by their names, and keep to section 4.5.3."""
