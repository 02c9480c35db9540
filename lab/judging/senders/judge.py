"""Judges a sender-SMTP: a command that sends one mail, to receivers of ours."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab.judging.at_once import judge_at_once
from lab.judging.cases import Names
from lab.judging.drop import decoded, difference
from lab.judging.finding import Finding, Judgement
from lab.judging.places import filled
from lab.judging.program import NotStarted, Program, run_to_end
from lab.judging.receivers.judge import CannotJudge
from lab.judging.receivers.verdict import shown
from lab.judging.record import Line
from lab.judging.senders.cases import CASES, WORDS, SenderCase
from lab.judging.senders.peer import Peer, Seen
from lab.protocol.syntax import parse_command
from lab.runtime.escaping import visible

TIMEOUT: Final = 20.0
"""Seconds that a sender may take for a mail, unless another number is asked for."""
LONGEST: Final = 240.0


@dataclass
class AskedSender:
    """What is to be judged. ``command`` has places: {host} {port} {from} {to} {file}."""

    command: Sequence[str]
    stage: int = 12
    only: Sequence[str] = ()
    timeout: float = TIMEOUT
    again: str = "lab judge --sender"
    progress: Callable[[int], None] | None = None


@dataclass
class _Done:
    """What came of a case: what was seen, and how the program ended (None: it did not)."""

    case: SenderCase
    sessions: list[Seen]
    status: int | None
    errors: str
    stopped_because: str
    names: Names

    @property
    def is_taken(self) -> bool:
        """Whether a receiver has the mail."""
        return any(seen.is_taken for seen in self.sessions)

    @property
    def last(self) -> Seen:
        """The last session, or an empty one."""
        return self.sessions[-1] if self.sessions else Seen()


def judge_sender(asked: AskedSender) -> Judgement:
    """Judge a sender-SMTP. Raises :class:`CannotJudge` if it could not be started."""
    result = Judgement("sender", " ".join(asked.command), asked.again)
    begin = time.monotonic()
    chosen = [
        case for case in CASES
        if case.stage <= asked.stage and (not asked.only or case.name in asked.only)
    ]  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="lab-judge-", ignore_cleanup_errors=True) as folder:
        first = _play(asked, CASES[0], Path(folder), 0)
        if not first.sessions and first.status not in (0, None):
            last = first.errors.strip().splitlines()
            last_words = f"; its last words: {visible(last[-1])}" if last else ""
            raise CannotJudge(
                f"{asked.command[0]} ended with status {first.status} and opened no channel"
                f"{last_words}"
            )
        if first.status is None:
            ended_by_us = "it does not end when its mail is sent"
            result.left_out |= {case.name: ended_by_us for case in chosen if case != CASES[0]}
            chosen = CASES[:1]
        _judge_all(asked, chosen, Path(folder), result, begin)
    result.seconds = time.monotonic() - begin
    return result


def _judge_all(
    asked: AskedSender, chosen: list[SenderCase], folder: Path, result: Judgement, begin: float
) -> None:
    def judge_one(number: int, case: SenderCase) -> Finding | str | None:
        if time.monotonic() - begin > LONGEST:
            return f"the judging took more than {LONGEST:g} s"
        return verdict(_play(asked, case, folder, number))

    judge_at_once(judge_one, chosen, result, asked.progress)


def _play(asked: AskedSender, case: SenderCase, folder: Path, number: int) -> _Done:
    """Run the program against the receiver of a case."""
    names = Names(token=f"judge-{os.getpid()}-{number}-x")
    file = folder / f"mail-{number}"
    file.write_bytes(names.put_into(f"Subject: {{token}}\r\n\r\n{case.text}end {{token}}\r\n"))
    peer = Peer(case.odd)
    places = {
        "host": "127.0.0.1", "port": str(peer.port), "from": names.sender,
        "to": names.to, "file": str(file),
    }  # fmt: skip
    command, _ = filled(asked.command, places)
    try:
        status, errors, stopped = _run(command, asked.timeout)
    finally:
        peer.close()
    return _Done(case, peer.sessions, status, errors, stopped, names)


def _run(command: list[str], timeout: float) -> tuple[int | None, str, str]:
    """Run a program to its end; return its status (None: it was ended), and what it complained."""
    try:
        program = Program(command, {"LAB_HOST": "ALPHA.ARPA"}, pipes=False)
    except NotStarted as error:
        raise CannotJudge(str(error)) from None
    status, errors = run_to_end(program, timeout)
    return status, errors, program.stopped_because


# -- what it means


@dataclass(frozen=True, slots=True)
class _Wrong:
    rule: str
    fault_name: str
    observed: str
    wanted: str
    kind: str = "breach"
    because: str = ""
    marked: bytes = b""


def verdict(done: _Done) -> Finding | None:
    """Return what a case found: a breach before a choice; None if all is well."""
    wrongs = [wrong for check in _CHECKS if (wrong := check(done)) is not None]
    if not wrongs:
        return None
    wrong = next((each for each in wrongs if each.kind == "breach"), wrongs[0])
    case = done.case
    is_own = wrong.rule == case.rule
    sent = done.last.commands[-1] if done.last.commands else b""
    return Finding(
        case=case.name, rule=wrong.rule, stage=case.stage, kind=wrong.kind, title=case.title,
        signature=_signature(wrong, case),
        sent=shown(wrong.marked or sent),
        observed=visible(wrong.observed), wanted=visible(wrong.wanted),
        because=wrong.because or (case.because if wrong.kind == "choice" else ""),
        hint=case.hint if is_own else "", errors=done.errors,
        ladder=tuple(_ladder(done, wrong.marked)),
    )  # fmt: skip


def _signature(wrong: _Wrong, case: SenderCase) -> tuple[str, ...]:
    """Return what is wrong apart from the case.

    A command that is wrong is wrong in any case. A sender that does not heed the reply at a row
    does not, whichever reply it is.
    """
    if wrong.fault_name == "says sent":
        return wrong.fault_name, case.odd.row
    is_own = wrong.rule == case.rule and not wrong.marked
    return wrong.fault_name, case.hint if is_own else "", wrong.rule


def _ladder(done: _Done, marked: bytes) -> list[Line]:
    lines = [line for seen in done.sessions for line in seen.lines]
    lines += [Line("S", seen.unread) for seen in done.sessions if seen.unread]
    if not marked:
        return lines
    at = next((n for n, line in enumerate(lines) if line.who == "S" and marked in line.octets), -1)
    return [
        Line(line.who, line.octets, line.octets.find(marked)) if n == at else line
        for n, line in enumerate(lines)
    ]


def _ended(done: _Done) -> _Wrong | None:
    if done.stopped_because:
        return _Wrong("4.1.1-27", "stopped", f"the program was ended: {done.stopped_because}",
                      "an end by itself")  # fmt: skip
    if done.status is None:
        kind = "choice" if done.case.because else "breach"
        return _Wrong(done.case.rule, "does not end", "it was still running and was ended",
                      "an end when the mail is sent, or cannot be", kind)  # fmt: skip
    if done.status < 0:
        return _Wrong(done.case.rule, "killed", f"it was ended by signal {-done.status}",
                      "an exit status")  # fmt: skip
    return None


def _unended(done: _Done) -> _Wrong | None:
    """Return why mail data had no end: its lines do not end with CRLF."""
    for seen in done.sessions:
        raw = seen.raw.removesuffix(b"\r")
        if seen.text is None and (at := _bare(raw)) >= 0:
            return _Wrong("4.5.2-3", "bare CR or LF", shown(raw[max(0, at - 10) : at + 2]),
                          "lines that end with CR LF", marked=raw[at : at + 3])  # fmt: skip
    return None


def _opened(done: _Done) -> _Wrong | None:
    if not done.sessions:
        return _Wrong("2-1", "no channel", "it opened no channel", "a connection to {port}")
    return None


def _commands(done: _Done) -> _Wrong | None:
    """Return a command that RFC 821 does not have, or that has a wrong form."""
    for seen in done.sessions:
        for line in seen.commands:
            if line[:4].upper() == b"EHLO":
                continue
            is_helo = line[:4].upper() == b"HELO"  # a host's own name is not the program's doing
            command = parse_command(line.rstrip(b" "), "tolerant" if is_helo else "standard")
            if not command.verb or command.fault:
                why = "not in the form of 4.1.2" if command.verb else "not a command of RFC 821"
                return _Wrong("4.1.2-10", "form of a command", f"{shown(line)}: {why}",
                              "a command of RFC 821", marked=line)  # fmt: skip
            if len(line) > 510:
                return _Wrong("4.5.3-4", "long command", shown(line), "at most 512 characters",
                              marked=line)  # fmt: skip
    return None


_ORDER: Final = ("HELO", "MAIL", "RCPT", "DATA")


def _order(done: _Done) -> _Wrong | None:
    """Return a command out of order (4.1.1), unless replies came out of order."""
    if done.case.rule == "4.2-1" and done.case.mail != "taken":
        return None
    for seen in done.sessions:
        verbs = [line[:4].upper().decode("latin-1") for line in seen.commands]
        have = set()
        for verb, line in zip(verbs, seen.commands, strict=True):
            if verb in _ORDER:
                missing = [each for each in _ORDER[: _ORDER.index(verb)] if each not in have]
                if missing:
                    return _Wrong("4.1.1-22" if "HELO" in missing else "4.1.1-23", "order",
                                  f"{verb} without {missing[0]}", f"{missing[0]} first",
                                  marked=line)  # fmt: skip
            have.add(verb)
    return None


def _ehlo(done: _Done) -> _Wrong | None:
    if done.case.name != "send-helo" or not done.last.commands:
        return None
    first = done.last.commands[0] if len(done.sessions) == 1 else done.sessions[0].commands[0]
    if first[:4].upper() == b"EHLO":
        return _Wrong("4.1.1-22", "EHLO", shown(first), "HELO", "choice", marked=first)
    return None


def _alternates(done: _Done) -> _Wrong | None:
    """Return what was sent before the reply to what went before, unless replies came too early."""
    has_extra = done.case.rule == "4.2-1" and done.case.mail != "taken"
    for seen in done.sessions:
        for row, octets in () if has_extra else seen.early.items():
            rule = "4.3-7" if row == "CONNECT" else "4.2-1"
            wanted = f"nothing before the reply to {WORDS.get(row, row)}"
            return _Wrong(rule, "early", f"{shown(octets)} before the reply",
                          wanted, marked=octets[:8])  # fmt: skip
        if seen.after_421 and not seen.after_421.upper().startswith(b"QUIT"):
            return _Wrong("4.3-4", "after 421", shown(seen.after_421), "nothing after 421")
        if seen.after_421:
            return _Wrong("4.3-4", "QUIT after 421", shown(seen.after_421), "nothing after 421",
                          "choice", "QUIT does no harm")  # fmt: skip
    return None


def _text(done: _Done) -> _Wrong | None:
    """Return what is wrong about the mail data."""
    case = done.case
    for seen in done.sessions:
        if seen.text is None:
            continue
        if (at := _bare(seen.raw)) >= 0:
            around = seen.raw[max(0, at - 10) : at + 2]
            return _Wrong("4.5.2-3", "bare CR or LF", shown(around), "lines that end with CR LF",
                          marked=seen.raw[at : at + 3])  # fmt: skip
        parts = difference([seen.text], case.text, done.names)
        if parts is not None:
            if difference([decoded(seen.text)], case.text, done.names) is None:
                return _Wrong(case.rule, "text encoded", "the text in a MIME encoding, which its "
                              "header names", "the text as it is", "choice",
                              "MIME came with RFC 1341")  # fmt: skip
            came, wanted, at = parts
            where = max(0, at - 20)
            return _Wrong(case.rule if case.rule.startswith("4.5") else "3.1-6", "text changed",
                          f"octet {at} differs: {shown(came[where : at + 20])}",
                          shown(wanted[where : at + 20]))  # fmt: skip
    return None


def _bare(octets: bytes) -> int:
    """Return where a CR or LF stands by itself; -1 if none does."""
    without_line_ends = octets.replace(b"\r\n", b"\0\0")
    return min(
        (at for at in (without_line_ends.find(b"\r"), without_line_ends.find(b"\n")) if at >= 0),
        default=-1,
    )


def _outcome(done: _Done) -> _Wrong | None:
    """Return whether the program is wrong about what became of the mail."""
    case = done.case
    says_sent = done.status == 0
    if says_sent and not done.is_taken:
        kind = "choice" if case.because and case.mail != "taken" else "breach"
        return _Wrong(case.rule, "says sent", "exit status 0: the mail counts as sent",
                      "another exit status: no receiver has it", kind)  # fmt: skip
    if case.mail == "taken" and not done.is_taken:
        kind = "choice" if case.because else "breach"
        return _Wrong(case.rule, "not sent", f"the mail was not sent (exit status {done.status})",
                      "the mail sent", kind)  # fmt: skip
    if done.is_taken and not says_sent and case.mail == "taken":
        return _Wrong("4.1.1-12", "says failed", f"exit status {done.status} after the 250",
                      "exit status 0: the receiver has it", "choice",
                      "it makes much of what follows; the mail may be sent twice")  # fmt: skip
    return None


def _quit(done: _Done) -> _Wrong | None:
    if done.case.name != "send-quit" or done.last.has_replied_to_quit:
        return None
    return _Wrong("4.1.1-27", "no QUIT", "it closed the channel without QUIT", "QUIT", "choice")


_CHECKS: Final = (
    _unended, _opened, _ended, _alternates, _text, _commands, _order, _outcome, _ehlo, _quit,
)  # fmt: skip
