"""The sizes of section 4.5.3: the limits that a host may set, and the least that they may be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final


def _limit(unit: str, help: str) -> dict[str, Any]:
    """The declaration of a limit: its kind, its unit, what it limits, and the section."""
    return {"kind": "limit", "help": help, "section": "4.5.3", "unit": unit}


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest sizes that a receiver-SMTP accepts (section 4.5.3); None sets no limit.

    ``line``: bytes of a command line with its CRLF. ``text_line``: bytes of a line of mail data
    with its CRLF, not counting the dot of transparency. ``message``: bytes of mail data.
    ``recipients``: forward-paths in a transaction. ``sessions``: channels open at once. ``path``,
    ``user``, ``domain``: characters.
    """

    line: int | None = field(
        default=None,
        metadata=_limit("bytes", "A command line with its CRLF; longer ones draw 500."),
    )
    text_line: int | None = field(
        default=None,
        metadata=_limit("bytes", "A line of mail data with its CRLF; longer ones draw 552."),
    )
    message: int | None = field(
        default=None, metadata=_limit("bytes", "The mail data; more draws 552.")
    )
    recipients: int | None = field(
        default=None,
        metadata=_limit("recipients", "Forward-paths in a transaction; more draw 552."),
    )
    sessions: int | None = field(
        default=None,
        metadata=_limit("sessions", "Channels open at once; to more the host says 421."),
    )
    path: int | None = field(
        default=None,
        metadata=_limit("characters", "A reverse-path or forward-path; longer ones draw 501."),
    )
    user: int | None = field(
        default=None, metadata=_limit("characters", "A user name; longer ones draw 501.")
    )
    domain: int | None = field(
        default=None, metadata=_limit("characters", "A domain; longer ones draw 501.")
    )


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
