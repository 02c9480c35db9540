"""Why mail that a program had taken did not arrive: not kept in a crash, or not tried again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lab.judging.networks.program_host import ProgramHost
from lab.judging.networks.switch import Sent
from lab.protocol.lines import CRLF
from lab.protocol.names import HostName
from lab.protocol.syntax import parse_command

KEEP: Final = "Write mail to the disk, and fsync it, before you say 250; look for it at the start."
TRY_AGAIN: Final = "A 4yz or a lost channel is not a refusal: keep the mail, and try again."
_ENOUGH: Final = 3.0
"""Seconds after a failure in which a program, told to try again after 0.3, should have."""


def cause_of_loss(
    program: ProgramHost, sessions: Iterable[Sent], word: bytes, recipient: str
) -> tuple[str, str, str] | None:
    """Return the rule, a hint and what happened, if a program has lost mail; None if it has not.

    ``sessions`` are those in which it sent. ``word`` is in the mail.
    """
    took = [
        session for session in program.sessions if any(word in text for text in session.accepted)
    ]
    tries = [session for session in sessions if _is_about(session, word, recipient)]
    if not took or any(_was_sent(session, word) for session in tries):
        return None
    failed_at = max((session.ended_at for session in tries), default=0.0)
    killed_at = max(program.kills, default=0.0)
    if tries and not 0 <= killed_at - failed_at <= _ENOUGH:
        return "E-3", TRY_AGAIN, "it was tried, and given up without a report"
    if killed_at and any(session.kills_before < len(program.kills) for session in took):
        return "4.1.1-12", KEEP, "it was lost in a crash after its 250"
    return None


def _is_about(sent: Sent, word: bytes, recipient: str) -> bool:
    """Return whether a program tried to send mail to a recipient in a session."""
    asked = [line.octets for line in sent.lines if line.who == "S"]
    has_text = any(b"judge-mail-" in octets for octets in asked)
    local, _, domain = recipient.rpartition("@")
    commands = [parse_command(octets.removesuffix(CRLF)) for octets in asked]
    is_asked = any(
        each.verb == "RCPT" and not each.fault and each.path.local == local
        and each.path.host == HostName(domain)
        for each in commands
    )  # fmt: skip
    return is_asked and (any(word in octets for octets in asked) or not has_text)


def _was_sent(sent: Sent, word: bytes) -> bool:
    return any(word in text for text in sent.texts)
