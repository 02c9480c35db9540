"""What the programs of a network have said, and what lies in their mail drops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from lab.judging.drop import Drop
from lab.judging.finding import Finding
from lab.judging.networks.program_host import ProgramHost, ProgramSession
from lab.judging.receivers.verdict import finding, shown
from lab.judging.record import ladder

_KNOWN_BY: Final = 200
"""Bytes at the beginning of a mail by which it is known."""


def found_in(host: ProgramHost, drop: Drop | None, is_of_today: bool = False) -> Iterator[Finding]:
    """Yield what is wrong about the sessions of a program, then about its mail drop."""
    for session in host.sessions:
        wrong = finding(session.record, is_of_today)
        if wrong is not None:
            yield wrong
    if drop is not None:
        copies = [_unix(octets) for octets in drop.copies("")]
        yield from _lost(host.sessions, copies)
        yield from _aborted(host.sessions, copies)


def _lost(sessions: Sequence[ProgramSession], copies: list[bytes]) -> Iterator[Finding]:
    """Yield mail that was answered 250 and is not in the mail drop as it was sent."""
    for session in sessions:
        for text in map(_unix, session.accepted):
            if any(text in each for each in copies):
                continue
            copy = _like(text, copies)
            if copy is not None:
                yield _changed(session, text, copy)
            else:
                yield _finding(session, "4.1.1-12", "not stored", "no mail in the mail drop",
                               "the mail that was answered 250")  # fmt: skip


def _like(text: bytes, copies: list[bytes]) -> bytes | None:
    """Return what has the header of a text, without what comes before it; None if nothing has."""
    known = text.strip().partition(b"\n\n")[0][:_KNOWN_BY]
    if not known:
        return None
    return next((each[each.index(known) :] for each in copies if known in each), None)


def _changed(session: ProgramSession, text: bytes, copy: bytes) -> Finding:
    wanted = text.lstrip()
    at = next((n for n, (a, b) in enumerate(zip(copy, wanted, strict=False)) if a != b), -1)
    at = at if at >= 0 else min(len(copy), len(wanted))
    has_period = b"." in (copy[at : at + 1], wanted[at : at + 1])
    observed = f"octet {at} differs: {shown(copy[max(0, at - 20) : at + 20])}"
    return _finding(session, "4.5.2-2" if has_period else "3.1-6", "text changed", observed,
                    shown(wanted[max(0, at - 20) : at + 20]))  # fmt: skip


def _aborted(sessions: Sequence[ProgramSession], copies: list[bytes]) -> Iterator[Finding]:
    """Yield mail that was not answered 250 and is in the mail drop, and nothing else that was."""
    accepted = [text for each in sessions for text in map(_unix, each.accepted) if text.strip()]
    not_accepted = [each for each in copies if not any(text in each for text in accepted)]
    for session in sessions:
        for text in map(_unix, session.begun):
            begin = text.strip()[:_KNOWN_BY]
            if len(begin) > 10 and any(begin in each for each in not_accepted):
                yield _finding(session, "4.1.1-19", "delivered", "mail in the mail drop",
                               "none: the channel was lost before its end")  # fmt: skip


def _unix(octets: bytes) -> bytes:
    return octets.replace(b"\r\n", b"\n")


def _finding(
    session: ProgramSession, rule: str, fault_name: str, observed: str, wanted: str
) -> Finding:
    record = session.record
    case = record.case
    return Finding(
        case=case.name, rule=rule, stage=case.stage, kind="breach", title=case.title,
        signature=(fault_name, "mail", rule),
        sent=shown(record.asked[-1].octets) if record.asked else "",
        observed=observed, wanted=wanted,
        hint="Deliver mail before you say 250, and never before its end has come.",
        ladder=tuple(ladder(record)), errors=record.errors,
    )  # fmt: skip
