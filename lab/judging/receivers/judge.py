"""Judges a receiver-SMTP: all cases, several at once, each with a program of its own."""

from __future__ import annotations

import os
import random
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lab.judging.at_once import judge_at_once
from lab.judging.cases import AFTER, Case, Names, case, line, text
from lab.judging.channel import Channel, PipeChannel, SocketChannel
from lab.judging.drop import Drop
from lab.judging.finding import Finding, Judgement
from lab.judging.places import filled
from lab.judging.program import NotStarted, Program
from lab.judging.receivers import commands, mail_text
from lab.judging.receivers.delivered import delivered
from lab.judging.receivers.dialogues import dialogues
from lab.judging.receivers.player import play
from lab.judging.receivers.verdict import finding
from lab.judging.record import Record

TIMEOUT: Final = 8.0
"""Seconds of silence that are taken for the end, unless another number is asked for."""
_LESS: Final = (1, 2, 8)
"""By how much the timeout is divided when a program has been silent: never, once, more often."""
LONGEST: Final = 240.0
"""Seconds after which what is left of the cases is left out."""
TOO_SLOW: Final = "it is too slow; --timeout says how long a reply may take"
_SLOW: Final = 2
"""Cases that must have been too slow before what is left is left out."""


@dataclass
class Asked:
    """What is to be judged, and how.

    ``command`` is the program, or ``address`` where it listens. ``stage``: cases of the first
    stages only. ``only`` has the names of the cases, all if empty. ``to`` are mailboxes that the
    program knows. ``folder``: where it puts its mail, if that is always the same place.
    ``timeout`` is how long it may say nothing, in seconds.
    """

    command: Sequence[str] = ()
    address: tuple[str, int] | None = None
    stage: int = 12
    seed: int = 0
    only: Sequence[str] = ()
    to: Sequence[str] = ()
    folder: Path | None = None
    timeout: float = TIMEOUT
    again: str = "lab judge --receiver"
    progress: Callable[[int], None] | None = None


@dataclass
class _Known:
    """What has been found out about the program before it is judged."""

    names: Names = field(default_factory=Names)
    greeted: str = ""
    is_of_today: bool = False
    shows_mail: bool = False
    silences: int = 0
    slow_cases: int = 0


class CannotJudge(Exception):
    """The program could not be started, or it is not there; the text is a sentence."""


class _Judge:
    """Judges one receiver."""

    def __init__(self, asked: Asked, folder: Path) -> None:
        self.asked = asked
        self.folder = folder
        self.known = _Known()
        self.begun = time.monotonic()
        self.lock = threading.Lock()
        self.numbers = iter(range(1_000_000))
        self.random = random.Random(asked.seed)

    def run(self, asked_case: Case) -> tuple[Record, Names]:
        """Play a case with a program of its own, and look into its mail drop."""
        with self.lock:
            number = next(self.numbers)
        token = f"judge-{os.getpid()}-{number}-x"
        names = self.known.names._replace(token=token)
        place = self.asked.folder or self.folder / str(number)
        place.mkdir(exist_ok=True)
        channel = self._open(place)
        try:
            record = play(asked_case, names, channel, self._timeout())
        finally:
            channel.close()
        self.known.slow_cases += bool(record.slow_for)
        self.known.silences += not record.slow_for and not record.has_ended
        if asked_case.mail is not None or asked_case.is_delivered is not None:
            record.mail = self._mail(place, token, is_wanted=asked_case.mail is not None)
        return record, names

    def _timeout(self) -> float:
        return self.asked.timeout / _LESS[min(self.known.silences, 2)]

    def _mail(self, place: Path, token: str, *, is_wanted: bool) -> list[bytes] | None:
        if not self.known.shows_mail:
            return None
        copies = Drop(place).copies(token)
        for _ in range(20 if is_wanted and self.asked.address else 0):
            if copies:
                break
            time.sleep(0.05)
            copies = Drop(place).copies(token)
        return copies

    def _open(self, place: Path) -> Channel:
        if self.asked.address is not None:
            try:
                return SocketChannel(socket.create_connection(self.asked.address, 5))
            except OSError as error:
                host, port = self.asked.address
                reason = error.strerror or str(error)
                raise CannotJudge(f"{host}:{port}: no connection: {reason}") from None
        places = {"mail": str(place), "host": "BETA.ARPA", "users": "Jones,Brown"}
        try:
            return PipeChannel(Program(*filled(self.asked.command, places)))
        except NotStarted as error:
            raise CannotJudge(str(error)) from None

    # -- what the program is

    def get_to_know(self, result: Judgement) -> bool:
        """Find out whether it speaks at all, and what it knows; return whether it can be judged."""
        record, _ = self.run(commands.GREETING[0])
        if not record.received:
            self._refuse_dead(record)
        replies = record.replies()
        is_greeting = bool(replies) and replies[0].is_whole and replies[0].code > 0
        if not is_greeting or record.is_flooded or record.stopped_because:
            return False
        self.known.greeted = replies[0].text.split(" ")[0]
        if self.asked.stage >= 2:
            ehlo, _ = self.run(_EHLO)
            codes = [reply.code for reply in ehlo.replies()]
            self.known.is_of_today = codes[1:2] == [250]
        if self.known.slow_cases:
            return True  # no more can be found out
        if self.asked.stage >= 3:
            self._find_mailboxes(result)
        if self.asked.stage >= 4:
            self._look_for_mail(result)
        return True

    def _refuse_dead(self, record: Record) -> None:
        if record.has_ended and record.status is not None:
            last = record.errors.strip().splitlines()
            last_words = f"; its last words: {last[-1]}" if last else ""
            raise CannotJudge(
                f"{self.asked.command[0]} ended with status {record.status} before it said "
                f"anything{last_words}"
            )

    def _find_mailboxes(self, result: Judgement) -> None:
        """Choose two mailboxes: those given, or the first that the program takes."""
        named = list(self.asked.to)
        greeted = self.known.greeted
        usual = [f"{user}@{host}" for host in ("BETA.ARPA", greeted, "localhost")
                 for user in ("Jones", "Brown", "postmaster", "root") if host]  # fmt: skip
        tried = named or usual
        says = [line(f"RCPT TO:<{name}>", "250 251 550 551 553 501 554 450 451") for name in tried]
        record, _ = self.run(case("probe", "3.1-10", 3, "", "mail", *says))
        codes = [reply.code for reply in record.replies()[3:]]
        taken = [name for name, code in zip(tried, codes, strict=False) if code in (250, 251)]
        if taken:
            first, second = taken[0], taken[min(1, len(taken) - 1)]
            self.known.names = self.known.names._replace(to=first, to2=second)
        elif named:
            self.known.names = self.known.names._replace(to=named[0], to2=named[-1])
        if taken and not named and taken[0] != "Jones@BETA.ARPA":
            result.notes.append(f"mail was addressed to {taken[0]}; --to names another mailbox")
        elif not taken:
            result.notes.append("no mailbox was accepted; name one that it knows: --to USER@HOST")

    def _look_for_mail(self, result: Judgement) -> None:
        """Find out whether mail that the program takes can be seen."""
        record, _ = self.run(_PLAIN)
        self.known.shows_mail = True
        copies = self._mail(
            self.asked.folder or self.folder / str(self._last()), record.token, is_wanted=True
        )
        is_told = self.asked.folder is not None or "{mail}" in " ".join(self.asked.command)
        self.known.shows_mail = bool(copies) or is_told
        if not self.known.shows_mail and not self.asked.only:
            result.notes.append(
                "no mail was seen; texts are compared if the program puts its mail into the "
                "folder {mail} (or $LAB_MAIL, or --mail DIR)"
            )

    def _last(self) -> int:
        return max(int(path.name) for path in self.folder.iterdir())

    # -- the cases

    def cases(self, result: Judgement) -> list[Case]:
        """Return the cases to judge; those that cannot be judged are left out."""
        chosen = []
        for each in [*commands.CASES, *mail_text.CASES, *dialogues(self.random)]:
            if each.stage > self.asked.stage or (
                self.asked.only and each.name not in self.asked.only
            ):
                continue
            needs_mail = each.rule in ("4.1.1-10", "4.1.1-11") or each.name == "quit-cancels"
            if needs_mail and not self.known.shows_mail:
                result.left_out[each.name] = "its mail cannot be seen"
            else:
                chosen.append(each)
        return chosen

    def judge(self, asked_case: Case) -> Finding | str | None:
        """Judge a case; a sentence if it could not be."""
        if time.monotonic() - self.begun > LONGEST:
            return f"the judging took more than {LONGEST:g} s"
        if self.known.slow_cases >= _SLOW:
            return TOO_SLOW
        record, names = self.run(asked_case)
        return finding(record, self.known.is_of_today) or delivered(record, names)


_EHLO: Final = case("probe", "4.1.2-1", 2, "", "start", line("EHLO ALPHA.ARPA", "250 500 502"))
_PLAIN: Final = case(
    "probe", "4.1.1-8", 4, "", "start", *AFTER["data"],
    text("Subject: {token}\r\n\r\nHello\r\nend {token}\r\n.\r\n"),
)  # fmt: skip


def names_of_cases() -> list[str]:
    """Return the names of all cases of receivers."""
    return [each.name for each in [*commands.CASES, *mail_text.CASES, *dialogues(random.Random(0))]]


def judge_receiver(asked: Asked) -> Judgement:
    """Judge a receiver-SMTP. Raises :class:`CannotJudge` if it could not be started."""
    program = " ".join(asked.command) if asked.command else "{}:{}".format(*asked.address or ())
    result = Judgement("receiver", program, asked.again)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lab-judge-", ignore_cleanup_errors=True) as folder:
        judge = _Judge(asked, Path(folder))
        speaks = judge.get_to_know(result)
        chosen = judge.cases(result) if speaks else [commands.GREETING[0]]
        if not speaks:
            result.gave_up = "it gives no usable greeting"
            result.notes.append(f"{result.gave_up}, so nothing else was judged")
        names = judge.known.names
        result.mailboxes = (names.to, names.to2)
        result.is_of_today = judge.known.is_of_today
        judge_at_once(lambda _, case: judge.judge(case), chosen, result, asked.progress)
        if TOO_SLOW in result.left_out.values():
            result.gave_up = TOO_SLOW
    result.seconds = time.monotonic() - begin
    return result
