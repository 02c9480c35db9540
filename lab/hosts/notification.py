"""The text of an undeliverable mail notification (section 3.6, example 7).

It names each recipient by the path that the user wrote, and says what the other host replied. It
does not name the members of a private list, nor the hosts where they are, wherever on their way the
mail is lost (:mod:`lab.hosts.private_lists`). Replies may be of any
length, and only their beginning is quoted, so that a notification has an upper bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from lab.hosts.failed import FailedRecipient
from lab.hosts.message import as_mail_data
from lab.hosts.received import without_received
from lab.protocol import Path

MOST_LISTED: Final = 100
"""The most recipients in a notification; there is another one for the rest.

4.1.1 asks for a notification "which lists all of the recipients that failed", or for several.
"""

MOST_QUOTED: Final = 8000
"""The most characters of replies and reasons in a notification."""

_OF_A_LIST: Final = "  A member of that list did not get it:"
_SENT_ON: Final = "  It was sent on from there, and not everybody got it:"

_SHORTEST: Final = 80
"""Characters of a reply that are quoted when there is room for no more."""


def compose_notification(
    daytime: str,
    host: str,
    to: Path,
    failures: Sequence[FailedRecipient],
    mail_data: bytes = b"",
    quote: int = 0,
) -> bytes:
    """Return the mail data of a notification from a host.

    It quotes at most ``quote`` bytes of the mail that is lost: the header, and the text as far as
    it fits.
    """
    lines = [
        f"Date: {daytime}",
        f"From: SMTP@{host}",
        f"To: {to.mailbox}",
        "Subject: Mail System Problem",
        "",
    ]
    begin = f"  Sorry {to.local}, your"
    room = MOST_QUOTED
    reported: set[tuple[str, ...]] = set()
    for failure in failures:
        about, words = _about(failure)
        if (*about, words) in reported:
            continue  # another member of the same private list
        reported.add((*about, words))
        lines.append(f"{begin} {about[0]}")
        lines += about[1:]
        shortened = _shortened(words, max(room, _SHORTEST))
        room -= sum(map(len, shortened))
        lines += _in_quotes(shortened) if failure.host else [f"  {line}" for line in shortened]
        begin = "  Your"
    if any(failure.is_private or failure.is_hidden for failure in failures):
        mail_data = without_received(mail_data)  # a host may have written a member into its line
    return as_mail_data([*lines, *_quoted(mail_data, quote)])


def _about(failure: FailedRecipient) -> tuple[tuple[str, ...], str]:
    """Return the lines about a recipient, and what was said or is the reason."""
    written = failure.written or failure.path
    about = [f"message to {written.mailbox} lost."]
    if failure.is_private or failure.is_hidden:
        about.append(_OF_A_LIST if failure.is_private else _SENT_ON)
        return tuple(about), failure.public_reason
    if written.mailbox_key != failure.path.mailbox_key:
        about.append(f"  It was sent on to {failure.path.mailbox}.")
    if failure.host:
        about.append(f"  {failure.host} said this:")
    return tuple(about), failure.reason


def _shortened(text: str, room: int) -> list[str]:
    """Return the lines of a text, as far as they fit into this many characters."""
    lines = text.splitlines() or [""]
    shown: list[str] = []
    for line in lines:
        if len(line) > room:
            if not shown:
                shown.append(line[:room] + " ...")
            break
        shown.append(line)
        room -= len(line)
    left = len(lines) - len(shown)
    return [*shown, f"(and {left} more lines)"] if left else shown


def _in_quotes(lines: Sequence[str]) -> Iterator[str]:
    last = len(lines) - 1
    for number, line in enumerate(lines):
        yield f"   {chr(34) if number == 0 else ' '}{line}{chr(34) if number == last else ''}"


def _quoted(mail_data: bytes, most: int) -> list[str]:
    """Return the lines that quote the beginning of mail: whole lines, ``most`` bytes of it."""
    quoted: list[bytes] = []
    size = 0
    for line in mail_data[:most].split(b"\r\n"):
        size += len(line) + len(b"\r\n")
        if size > most:
            break
        quoted.append(line)
    while quoted and not quoted[-1]:
        quoted.pop()
    if not quoted:
        return []
    size = sum(len(line) + len(b"\r\n") for line in quoted)
    left = len(mail_data) - size
    lines = ["", "  It began:", *["  > " + line.decode("latin-1") for line in quoted]]
    return [*lines, f"  ({left} more bytes)"] if left > 0 else lines
