"""What lies in the mail drop after a case, held against what was sent."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from lab.judging.cases import Names
from lab.judging.drop import difference
from lab.judging.finding import Finding
from lab.judging.receivers.verdict import shown
from lab.judging.record import Record, ladder
from lab.runtime.escaping import visible

_RETURN_PATH: Final = re.compile(rb"^Return-Path: ?<[^<>\r\n]*>\r?\n", re.I | re.M)
_TIME_STAMP: Final = re.compile(rb"^Received:[^\r\n]*\r?\n", re.I | re.M)
_DATE: Final = re.compile(rb"\bfrom\s+\S+.*\bby\s+\S+.*;.*\d", re.I | re.S)


def delivered(record: Record, names: Names) -> Finding | None:
    """Return what is wrong about the mail that a case has left; None if nothing is."""
    case, copies = record.case, record.mail
    if copies is None:
        return None
    if case.is_delivered is False:
        whole = [octets for octets in copies if b"Subject: " in octets]
        if not whole:
            return None
        rule = "4.1.1-19" if "cut" in case.tags else case.rule
        return _finding(record, rule, "delivered", "mail in the mail drop", "none: it was aborted")
    if case.mail is None or not _was_taken(record):
        return None
    if not copies:
        return _finding(record, "4.1.1-12", "not stored", "no mail in the mail drop",
                        "the mail that was answered 250")  # fmt: skip
    return _text(record, names, copies) or _trace(record, copies)


def _was_taken(record: Record) -> bool:
    replies = record.replies()
    asked = record.expecting()
    return any(
        reply.code == 250
        for each, reply in zip(asked, replies, strict=False)
        if each.say.row == "data"
    )


def _text(record: Record, names: Names, copies: list[bytes]) -> Finding | None:
    assert record.case.mail is not None
    parts = difference(copies, record.case.mail, names)
    if parts is None:
        return None
    arrived, wanted, at = parts
    begin = max(0, at - 20)
    observed = f"octet {at} of the text differs: {_around(arrived, begin, at)}"
    rule = record.case.rule if record.case.stage != 4 else "3.1-6"
    return _finding(record, rule, "text changed", observed, _around(wanted, begin, at))


def _around(octets: bytes, begin: int, at: int) -> str:
    before, after = shown(octets[begin:at] + b"|"), shown(octets[at : at + 20] + b"|")
    return f"{before[:-1]}»{after[:-1]}"


def _trace(record: Record, copies: list[bytes]) -> Finding | None:
    """Return what is wrong about the lines before the mail (4.1.1)."""
    tags = record.case.tags
    head = copies[0].split(b"Subject: ")[0]
    if "return-path" in tags and not _RETURN_PATH.search(head):
        finding = _finding(record, "4.1.1-11", "no return path", shown(head[:80]) or "none",
                         "Return-Path: <Smith@ALPHA.ARPA>")  # fmt: skip
        return replace(finding, kind="choice", because=record.case.because)
    if "time-stamp" in tags:
        line = _TIME_STAMP.search(head + b"\n")
        if line is None:
            return _finding(record, "4.1.1-10", "no time stamp", shown(head[:80]) or "none",
                            "Received: from ALPHA.ARPA by BETA.ARPA ; DATE")  # fmt: skip
        if not _DATE.search(head):
            finding = _finding(record, "4.1.2-11", "time stamp", shown(line[0]),
                             "Received: from ALPHA.ARPA by BETA.ARPA ; DATE")  # fmt: skip
            return replace(finding, kind="choice", because="another form of the same line")
    return None


def _finding(record: Record, rule: str, fault_name: str, observed: str, wanted: str) -> Finding:
    case = record.case
    return Finding(
        case=case.name, rule=rule, stage=case.stage, kind="breach", title=case.title,
        signature=(fault_name, "mail", rule),
        sent=shown(record.asked[-1].octets) if record.asked else "",
        observed=visible(observed), wanted=visible(wanted), hint=case.hint, errors=record.errors,
        ladder=tuple(ladder(record)),
    )  # fmt: skip
