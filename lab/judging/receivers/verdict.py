"""What a record of a case says: nothing wrong, a choice, or a breach of which rule."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from lab.judging.cases import Say
from lab.judging.finding import Finding
from lab.judging.record import Asked, Record, ladder
from lab.judging.replies import ProgramReply
from lab.protocol.names import HostName
from lab.protocol.replies import COMMAND_REPLIES, MAX_REPLY_LINE, TEXTS
from lab.protocol.syntax import SyntaxFault, parse_domain
from lab.runtime.escaping import visible

SHOWN: Final = 160
OF_TODAY: Final = frozenset({252, 422, 454, 455, 459, 521, 530, 534, 535, 538, 555, 556})
"""Codes of later standards, which servers of today give on purpose."""


ON_PURPOSE: Final = {
    ("HELO", 503): "servers of today may take one HELO in a session",
    ("data", 550): "servers of today refuse texts whose header or content they do not like",
}
"""Codes that servers of today give on purpose, by what was said, with the reason."""
_ONE_AT_A_TIME: Final = "after HELO it takes one command at a time"

HINTS: Final = {
    "3.1-5": "Answer DATA with 354, then read lines up to a period alone.",
    "3.1-10": "Answer RCPT TO:<user@host> with 250 if the user is yours. --to names another.",
    "3.1-11": "Answer MAIL FROM:<path> with 250.",
    "4.1.1-4": "Answer HELO with '250 YOUR.HOST'.",
    "4.1.1-17": "Write '221 YOUR.HOST closing', flush it, and end.",
    "4.1.1-18": "Only QUIT ends a session, and 421 if the service must stop.",
    "4.2-1": "One reply to each command, neither more nor less. Is the output flushed?",
    "4.2-2": "A reply is three digits, a space, text, CR and LF.",
    "4.2.2-1": "Section 4.2.2 lists all codes: lab rfc 4.2.2",
    "4.3-2": "Write '220 YOUR.HOST Service ready' and CRLF as soon as the program starts.",
    "4.5.3-5": "Cut the texts of replies.",
    "E-2": "A hyphen after the code of each line but the last; the same code in all.",
}
"""What helps where a case is not about the rule that it found broken."""


class Wrong(NamedTuple):
    """Something wrong: ``number`` is the reply that is, ``at`` its first wrong byte."""

    rule: str
    kind: str
    fault_name: str
    observed: str
    wanted: str
    number: int = -1
    at: int = 0
    row: str = ""
    because: str = ""


def shown(octets: bytes) -> str:
    """Return octets as a line that is safe to show, not too long."""
    text = octets.decode("latin-1").removesuffix("\r\n")
    text = text.replace("\r", "\\r").replace("\n", "\\n")
    cut = visible(text[:SHOWN])
    if octets and not cut.strip():
        cut = f'"{cut}"' if cut else "an empty line"
    return cut + (f" ... ({len(octets)} bytes)" if len(text) > SHOWN else "")


def codes_in_words(codes: tuple[int, ...]) -> str:
    """Return codes as a list of alternatives."""
    names = [str(code) for code in codes]
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def finding(record: Record, is_of_today: bool) -> Finding | None:
    """Return what a case found, or None if all is as RFC 821 wants it.

    ``is_of_today``: the program takes EHLO, so what servers of today do is on purpose.
    """
    wrong = first_wrong(record, is_of_today)
    if wrong is None:
        return None
    case = record.case
    is_own = wrong.rule == case.rule
    asked = _asked_at(record, wrong.number)
    return Finding(
        case=case.name, rule=wrong.rule, stage=case.stage, kind=wrong.kind,
        title=case.title,
        signature=(wrong.fault_name, wrong.row, case.hint if is_own else "", wrong.rule),
        sent=shown(asked), observed=wrong.observed, wanted=wrong.wanted,
        because=wrong.because or (case.because if wrong.kind == "choice" else ""),
        hint=(case.hint if is_own else "") or HINTS.get(wrong.rule, ""), errors=record.errors,
        ladder=tuple(ladder(record, wrong.number, wrong.at)),
        has_extra=len(record.replies()) > len(record.expecting()),
    )  # fmt: skip


def _asked_at(record: Record, number: int) -> bytes:
    expecting = record.expecting()
    if 0 <= number < len(expecting):
        return expecting[number].octets
    return record.asked[-1].octets if record.asked else b""


def first_wrong(record: Record, is_of_today: bool) -> Wrong | None:
    """Return the first thing that is wrong, a breach before a choice."""
    if record.is_flooded or record.stopped_because:
        why = record.stopped_because or "it said more than 512 kB"
        return Wrong("4.2-1", "breach", "stopped", f"the program was ended: {why}",
                     "one reply to each command")  # fmt: skip
    expecting, replies = record.expecting(), record.replies()
    choice: Wrong | None = None
    for number, asked in enumerate(expecting):
        if number >= len(replies) or not replies[number].is_whole:
            return _missing(record, expecting, number, is_of_today) or choice
        reply = replies[number]
        wrong = _form(reply, number, asked) or _code(record, asked, reply, number, is_of_today)
        is_late = len(replies) > len(expecting) and reply.code and number
        if wrong is not None and wrong.kind == "breach" and is_late:
            wrong = _extra(record, expecting, replies, number, is_of_today) or wrong
        if wrong is not None and wrong.kind == "breach":
            return wrong
        choice = choice or wrong
        has_closed = reply.code == 221 and asked.say.row != "QUIT"
        reasons = (_ONE_AT_A_TIME, *ON_PURPOSE.values())
        is_on_purpose = wrong is not None and wrong.because in reasons
        if reply.code == 421 or has_closed or record.skips or is_on_purpose:
            return choice  # what follows, follows from it
    if len(replies) > len(expecting):
        wrong = _too_many(record, expecting, replies, len(expecting), is_of_today)
        if wrong is not None and wrong.kind == "breach":
            return wrong
        choice = choice or wrong
    return _end(record, len(expecting)) or _tagged(record, expecting, replies) or choice


def _form(reply: ProgramReply, number: int, asked: Asked) -> Wrong | None:
    """Return what is wrong about the form of a reply."""
    say = asked.say
    for fault in reply.faults[:1]:
        repeats = fault.rule == "4.5.3-5" and len(asked.octets) > MAX_REPLY_LINE
        kind = "choice" if repeats else "breach"
        because = "it repeats a line that was as long" if repeats else ""
        return Wrong(fault.rule, kind, "form", shown(reply.octets), fault.wanted, number,
                     fault.at, fault.rule, because)  # fmt: skip
    if reply.code not in TEXTS:
        kind = "choice" if reply.code in OF_TODAY else "breach"
        wanted = codes_in_words(say.wanted)
        return Wrong("4.2.2-1", kind, "unknown code", shown(reply.octets), wanted, number, 0,
                     str(reply.code), "a code of later standards")  # fmt: skip
    return None


def _code(
    record: Record, asked: Asked, reply: ProgramReply, number: int, today: bool
) -> Wrong | None:
    """Return whether the code of a reply differs from what was wanted."""
    say, code = asked.say, reply.code
    if code in say.wanted:
        return None
    kind, because = "breach", ""
    if today and code == 500 and re.search("(?i)pipelining", reply.text):
        kind, because = "choice", _ONE_AT_A_TIME
    elif (
        code in say.choices
        or (today and code in say.strict)
        or (today and code == 221 and "may-close" in record.case.tags)
    ):
        kind = "choice"
    elif today and (say.row, code) in ON_PURPOSE:
        kind, because = "choice", ON_PURPOSE[say.row, code]
    elif code == 421:
        kind, because = "choice", "421 may answer any command"
    elif say.is_setup and code in (450, 451, 452) and code in COMMAND_REPLIES.get(say.row, {}):
        kind, because = "choice", "it may refuse for now; then nothing more can be judged"
    elif code >= 400 and "may-close" in record.case.tags and not say.is_setup:
        kind = "choice" if code // 100 == 5 and say.wanted[0] // 100 == 5 else kind
    at = _first_difference(code, say.wanted)
    fault_name = f"{_row(say)} {code}"
    return Wrong(say.rule, kind, fault_name, shown(reply.octets), codes_in_words(say.wanted),
                 number, at, say.row, because)  # fmt: skip


def _row(say: Say) -> str:
    return {"CONNECT": "greeting", "data": "mail data"}.get(say.row, say.row)


def _first_difference(code: int, wanted: tuple[int, ...]) -> int:
    digits = str(code).zfill(3)
    return max(next((n for n in range(3) if digits[n] != str(each)[n]), 0) for each in wanted)


def _extra(
    record: Record, expecting: list[Asked], replies: list[ProgramReply], number: int, today: bool
) -> Wrong | None:
    """Return a reply too many before this one, if without it the next ones fit."""
    codes = [reply.code for reply in replies[number + 1 :]]
    fits = all(
        code in (*asked.say.wanted, *asked.say.choices, *asked.say.strict)
        for asked, code in zip(expecting[number:], codes, strict=False)
    )
    before = expecting[number - 1]
    if not before.say.is_setup and (record.case.owns_extra or not fits):
        return _too_many(record, expecting, replies, number, today)
    if not fits:
        return None
    return Wrong("4.2-1", "breach", "two replies", shown(replies[number].octets),
                 f"one reply to {_row(before.say)}", number, 0, before.say.row)  # fmt: skip


def _too_many(
    record: Record, expecting: list[Asked], replies: list[ProgramReply], number: int, today: bool
) -> Wrong | None:
    """Return what replies too many break: what was mail data has been taken for commands, say."""
    case = record.case
    reply = replies[number]
    if not reply.is_whole:
        return Wrong("4.2-2", "breach", "cut off", shown(reply.octets), "a whole reply", number,
                     row="cut off")  # fmt: skip
    if "cut" in case.tags and reply.code != 250:
        return None
    is_last = number == len(replies) - 1
    if reply.code == 421 and is_last and record.is_going_away and record.has_ended:
        return None  # it shuts down, and says so: we have closed our side
    if "cut" in case.tags and not any(each.say.row == "data" for each in record.asked[-1:]):
        return Wrong(case.rule, "choice", "answers half a command", shown(reply.octets),
                     "no reply", number)  # fmt: skip
    rule = case.rule if case.owns_extra else "4.2-1"
    of_today = today and "smuggling" in case.tags
    kind = "choice" if "lf" in case.tags or of_today else "breach"
    because = "it takes other line ends than CRLF, as many servers did until 2023"
    return Wrong(rule, kind, "too many replies", shown(reply.octets),
                 f"{len(expecting)} replies in all, and not {len(replies)}", number, 0,
                 "", case.because or because)  # fmt: skip


def _missing(record: Record, expecting: list[Asked], number: int, today: bool) -> Wrong | None:
    """Return why a reply is missing: the channel was closed, or nothing came."""
    say = expecting[number].say
    replies = record.replies()
    reply = replies[number] if number < len(replies) else None
    if record.slow_for:
        observed = f"{shown(reply.octets)}, so slow" if reply is not None else "nothing, so slow"
        observed += f" that it was not whole after {record.slow_for:g} s"
        rule = "4.2-2" if reply is not None else "4.2-1"
        return Wrong(rule, "breach", "cut off", observed, "a whole reply", number, row="cut off")
    if reply is not None:
        observed = f"{shown(reply.octets)}, without its end"
        return Wrong("4.2-2", "breach", "cut off", observed, "CRLF at the end of a reply", number,
                     len(reply.octets), "cut off")  # fmt: skip
    wanted = codes_in_words(say.wanted)
    before = expecting[number - 1].say.row if number else ""
    if record.is_silent and before == "DATA" and replies[number - 1].code >= 400:
        return Wrong("3.1-5", "breach", "silence after DATA", f"nothing, after DATA was answered "
                     f"{replies[number - 1].code}", wanted, number, 0, "DATA")  # fmt: skip
    if record.is_silent:
        rule = say.rule if not say.is_setup or say.row == "CONNECT" else "4.2-1"
        return Wrong(rule, "breach", f"{_row(say)} silence", "nothing", wanted, number, 0, say.row)
    is_quit = say.row == "QUIT"
    if "may-close" in record.case.tags and (is_quit or not say.is_setup) and today:
        return Wrong(record.case.rule, "choice", "closes", "it closed the channel", wanted, number)
    if is_quit:
        refused = number and replies[number - 1].code >= 400
        after = f"after {replies[number - 1].code}, and " if refused else ""
        rule = "4.1.1-18" if refused else say.rule
        return Wrong(rule, "breach", "QUIT closes", f"it {_ending(record)} {after}without 221",
                     wanted, number, 0, "QUIT")  # fmt: skip
    observed = f"it {_ending(record)} after {_row(say)}"
    row = say.row if say.is_setup else "a command"
    return Wrong("4.1.1-18", "breach", f"{row} closes", observed, wanted, number, 0, row)


def _ending(record: Record) -> str:
    if record.status is None:
        return "closed the channel"
    if record.status < 0:
        return f"was ended by signal {-record.status}"
    return f"ended with exit status {record.status}" if record.status else "ended"


def _end(record: Record, number: int) -> Wrong | None:
    """Return whether the program did not close the channel when it had to."""
    if record.has_ended:
        return None
    if not record.is_going_away:
        return Wrong("4.1.1-17", "breach", "stays open", "the channel stays open",
                     "the channel closed after 221", number, 0, "QUIT")  # fmt: skip
    return Wrong("4.1.1-19", "breach", "does not end", "it goes on when its input has ended",
                 "an end when the channel is lost", number, 0, "close")  # fmt: skip


def _tagged(record: Record, expecting: list[Asked], replies: list[ProgramReply]) -> Wrong | None:
    """Return what is wrong about texts of replies, for the cases that are about these."""
    tags, rule = record.case.tags, record.case.rule
    greeted = replies[0].text.split(" ")[0]
    if "greeting-name" in tags and not _is_domain(greeted):
        return Wrong(rule, "breach", "no name in 220", shown(replies[0].octets),
                     "220, a space, and the name of the host", 0, 4)  # fmt: skip
    number = 1 if "helo-name" in tags else len(expecting) - 1
    named = replies[number].text.split(" ")[0]
    if {"helo-name", "quit-name"} & set(tags) and HostName(named) != HostName(greeted):
        return Wrong(rule, "choice", f"no name in {replies[number].code}",
                     shown(replies[number].octets), f"the name {visible(greeted)} first", number,
                     4)  # fmt: skip
    if "vrfy-mailbox" in tags and len(replies) > 2 and _names_nobody(replies[2]):
        return Wrong(rule, "breach", "no mailbox", shown(replies[2].octets),
                     "a mailbox in angle brackets", 2, 4)  # fmt: skip
    return None


def _names_nobody(reply: ProgramReply) -> bool:
    """Return whether a success of VRFY lacks the mailbox of the user."""
    return reply.code == 250 and not re.search(rb"<[^<>@]+@[^<>]+>", reply.octets)


def _is_domain(word: str) -> bool:
    try:
        parse_domain(word)
    except SyntaxFault:
        return False
    return True
