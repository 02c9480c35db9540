"""Runs the cases of relays, and says what is wrong.

The program is given a port to listen on, the host and port to which it sends all mail for others,
and folders for its queue and its mail. A crash is a SIGKILL; then the same command runs again.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from lab.judging.at_once import judge_at_once
from lab.judging.cases import Names
from lab.judging.drop import difference
from lab.judging.finding import Finding, Judgement
from lab.judging.handing_in import Client
from lab.judging.program import NotStarted
from lab.judging.receivers.judge import Asked, CannotJudge, judge_receiver
from lab.judging.receivers.verdict import shown
from lab.judging.record import Line
from lab.judging.relays.cases import AGAIN, CASES, RelayCase
from lab.judging.senders.peer import Peer, Seen
from lab.judging.whole_program import WholeProgram, free_port

TIMEOUT: Final = 12.0
"""Seconds in which something must have happened, unless another number is asked for."""
RETRY: Final = "0.3"
_LINGER: Final = 0.6


@dataclass
class AskedRelay:
    """What is to be judged. ``command`` has places: {port} {next_host} {next_port} {queue}."""

    command: Sequence[str]
    stage: int = 12
    seed: int = 0
    only: Sequence[str] = ()
    timeout: float = TIMEOUT
    again: str = "lab judge --relay"
    progress: Callable[[int], None] | None = None


def judge_relay(asked: AskedRelay) -> Judgement:
    """Judge a relay, as a receiver too. Raises :class:`CannotJudge` if it could not be started."""
    result = Judgement("relay", " ".join(asked.command), asked.again)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lab-judge-", ignore_cleanup_errors=True) as folder:
        gave_up, is_of_today = _as_receiver(asked, Path(folder) / "receiver", result)
        chosen = [
            case for case in CASES
            if case.stage <= asked.stage and (not asked.only or case.name in asked.only)
        ]  # fmt: skip
        if gave_up:
            result.left_out |= {case.name: gave_up for case in chosen}
        else:
            _judge_all(asked, chosen, Path(folder), result, is_of_today=is_of_today)
    result.seconds = time.monotonic() - begin
    return result


def _as_receiver(asked: AskedRelay, folder: Path, result: Judgement) -> tuple[str, bool]:
    """Judge what listens as a receiver, by one program for all cases.

    Return why no more can be judged, "" if it can, and whether it takes EHLO.
    """
    names = {case.name for case in CASES}
    only = [name for name in asked.only if name not in names]
    peer = Peer(CASES[0].odds[0])
    running = _prepared(asked.command, folder, peer.port, "3600")
    try:
        _start(running)
        if asked.only and not only:
            return "", _takes_ehlo(running, asked.timeout)
        as_receiver = judge_receiver(
            Asked(address=("127.0.0.1", running.port), stage=min(asked.stage, 9), seed=asked.seed,
                  only=only, folder=folder / "mail", timeout=asked.timeout)
        )  # fmt: skip
    finally:
        running.end()
        peer.close()
    result.cases += as_receiver.cases
    result.findings += as_receiver.findings
    result.left_out |= as_receiver.left_out
    result.notes += [note for note in as_receiver.notes if "no mail was seen" not in note]
    return as_receiver.gave_up, as_receiver.is_of_today


def _takes_ehlo(running: WholeProgram, timeout: float) -> bool:
    channel = running.channel()
    try:
        return Client(channel, timeout).hand_in(["EHLO ALPHA.ARPA"], b"")[1] == 250
    finally:
        channel.close()


def _one_cause(findings: list[Finding]) -> list[Finding]:
    """Return findings where mail that is not tried again is one cause, whatever had refused it.

    Where it is not tried again without a crash, it is not after one either.
    """
    lost = [each for each in findings if each.signature[0] == "lost"]
    first = next((each for each in lost if each.hint == AGAIN), None)
    if first is None:
        return findings
    return [replace(each, signature=first.signature) if each in lost else each
            for each in findings]  # fmt: skip


def _judge_all(
    asked: AskedRelay, chosen: list[RelayCase], folder: Path, result: Judgement, *,
    is_of_today: bool,
) -> None:  # fmt: skip
    def judge_one(number: int, case: RelayCase) -> Finding | None:
        return _Trial(asked, case, folder / str(number), number, is_of_today).run()

    judge_at_once(judge_one, chosen, result, asked.progress)
    result.findings = _one_cause(result.findings)


def _prepared(command: Sequence[str], folder: Path, next_port: int, give_up: str) -> WholeProgram:
    """Return the program with its places filled in; it is not started yet."""
    places = {
        "port": str(free_port()), "next_host": "127.0.0.1", "next_port": str(next_port),
        "queue": str(folder / "queue"), "mail": str(folder / "mail"), "host": "BETA.ARPA",
        "users": "Jones,Brown", "retry": RETRY, "give_up": give_up,
    }  # fmt: skip
    return WholeProgram(command, places, folder)


def _start(running: WholeProgram) -> None:
    """Start the program, and wait until it listens."""
    try:
        running.start()
        running.wait_until_it_listens()
    except NotStarted as error:
        raise CannotJudge(str(error)) from None


@dataclass
class _Trial:
    """One case: the program between a sender and a next host of ours.

    ``is_of_today``: it takes EHLO, so paths that it leaves as they are were left on purpose.
    """

    asked: AskedRelay
    case: RelayCase
    folder: Path
    number: int
    is_of_today: bool
    lines: list[Line] = field(default_factory=list)

    def run(self) -> Finding | None:
        """Run it and return what is wrong."""
        case = self.case
        peer = Peer(*case.odds, is_down=case.is_down)
        running = _prepared(self.asked.command, self.folder, peer.port, case.give_up)
        try:
            _start(running)
            codes = [self._hand_in(running, number) for number in range(case.mails)]
            if case.crash:
                self._crash(running, peer)
            if case.is_down:
                time.sleep(float(RETRY))
                peer.open()
            return self._verdict(peer, codes, running)
        finally:
            running.end()
            peer.close()

    def _crash(self, running: WholeProgram, peer: Peer) -> None:
        if self.case.crash == "at data":
            self._until(lambda: any(seen.text is not None for seen in peer.sessions))
        running.end()
        self.lines.append(Line("S", b"(the program is killed, and started again)\r\n"))
        _start(running)

    def _token(self, number: int) -> str:
        return f"judge-{os.getpid()}-{self.number}-{number}-x"

    def _text(self, number: int) -> bytes:
        received = "Received: from X.ARPA by BETA.ARPA ; 27 NOV 81 15:01:01 UT\r\n"
        before = received * 200 if self.case.mail == "stopped" else ""
        text = f"{before}Subject: {{token}}\r\n\r\n{self.case.text}end {{token}}\r\n"
        return Names(token=self._token(number)).put_into(text)

    def _hand_in(self, running: WholeProgram, number: int) -> int:
        """Give mail to the program; return the last code."""
        channel = running.channel()
        client = Client(channel, self.asked.timeout)
        rcpts = [f"RCPT TO:{to}" for to in self.case.to]
        commands = ["HELO ALPHA.ARPA", f"MAIL FROM:{self.case.sender}", *rcpts, "DATA"]
        try:
            return client.hand_in(commands, self._text(number))[1]
        finally:
            channel.close()
            self.lines += client.lines

    def _until(self, is_enough: Callable[[], bool], seconds: float | None = None) -> bool:
        until = time.monotonic() + (self.asked.timeout if seconds is None else seconds)
        while not is_enough():
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        return True

    # -- what it means

    def _verdict(self, peer: Peer, codes: list[int], running: WholeProgram) -> Finding | None:
        wrong = self._outcome(peer, codes)
        if wrong is None:
            return None
        lines = [*self.lines]
        for seen in peer.sessions[:4]:
            lines.append(Line("R", b"(the next host)\r\n"))
            lines += seen.lines
        errors = running.errors.decode("utf-8", "replace")
        return replace(wrong, ladder=tuple(lines), errors=errors)

    def _outcome(self, peer: Peer, codes: list[int]) -> Finding | None:
        case = self.case
        if case.mail == "stopped" and codes[0] // 100 == 5:
            return None
        if any(code != 250 for code in codes):
            if case.sender.startswith("<@") or len(case.next_to) < len(case.to[0]):
                return self._wrong("refused", f"{codes[0]}", "250", kind="choice")
            return self._wrong("refused", f"{codes[0]}", "250")
        check = {
            "relayed": self._relayed, "notified": self._notified, "nothing": self._nothing,
            "local": self._nothing, "stopped": self._nothing, "gives up": self._notified,
        }  # fmt: skip
        return check[case.mail](peer)

    def _arrived(self, peer: Peer) -> list[Seen]:
        return [seen for seen in peer.sessions if seen.is_taken]

    def _relayed(self, peer: Peer) -> Finding | None:
        """Return what is wrong about mail that must arrive at the next host."""
        tokens = [self._token(number).encode() for number in range(self.case.mails)]

        def missing() -> list[bytes]:
            texts = [seen.text or b"" for seen in self._arrived(peer)]
            return [token for token in tokens if not any(token in text for text in texts)]

        if not self._until(lambda: not missing()):
            lost = f"{len(missing())} of {len(tokens)} mails did not arrive"
            return self._wrong("lost", f"{lost} within {self.asked.timeout:g} s", "each mail once")
        self._until(lambda: len(self._arrived(peer)) > len(tokens), _LINGER)
        arrived = self._arrived(peer)
        if len(arrived) > len(tokens) and not self.case.crash:
            return self._wrong(
                "twice", f"{len(arrived)} mails arrived", f"{len(tokens)}: each once"
            )
        return self._paths(arrived[0]) or self._contents(arrived[0])

    def _paths(self, seen: Seen) -> Finding | None:
        """Return what is wrong about the paths that the next host sees."""
        paths = {line[:4].upper(): line.partition(b":")[2].strip() for line in seen.commands}
        case = self.case
        wanted = {b"RCPT": case.next_to, b"MAIL": case.next_sender}
        for verb, path in wanted.items():
            observed = paths.get(verb, b"").split(b" ")[0].decode("latin-1")
            if observed.upper() != path.upper() and (
                case.because or verb == b"RCPT" or path == "<>"
            ):
                may_choose = self.is_of_today and path != "<>"
                kind = "choice" if may_choose and _is_untouched(observed, case) else "breach"
                fault_name = f"{verb.decode()} path"
                rule = "3.6-4" if verb == b"MAIL" and path != "<>" else ""
                return self._wrong(
                    fault_name, shown(observed.encode("latin-1")), path, kind=kind, rule=rule
                )
        return None

    def _contents(self, seen: Seen) -> Finding | None:
        assert seen.text is not None
        names = Names(token=self._token(0))
        if self.case.mails == 1:
            parts = difference([seen.text], self.case.text, names)
            if parts is not None:
                arrived, wanted, at = parts
                begin = max(0, at - 20)
                observed = f"octet {at} differs: {shown(arrived[begin : at + 20])}"
                return self._wrong("text changed", observed, shown(wanted[begin : at + 20]))
        if self.case.name == "relay-time-stamp" and not seen.text.upper().startswith(b"RECEIVED:"):
            first = shown(seen.text.split(b"\r\n")[0])
            return self._wrong("no time stamp", first, "Received: from ALPHA.ARPA by BETA.ARPA ;")
        return None

    def _notified(self, peer: Peer) -> Finding | None:
        """Return what is wrong about the report to the sender."""

        def reports() -> list[Seen]:
            return [
                seen for seen in peer.sessions
                if any(line.upper().startswith(b"MAIL FROM:<>") for line in seen.commands)
            ]  # fmt: skip

        if not self._until(lambda: bool(reports())):
            to_smith = [seen for seen in peer.sessions if b"Smith" in (seen.raw or b"")]
            observed = "a report with a reverse-path" if to_smith else "no report"
            if to_smith:
                return self._wrong(
                    "report path", observed, "MAIL FROM:<> and a report", rule="3.6-8"
                )
            kind = "choice" if self.case.mail == "gives up" else "breach"
            return self._wrong("no report", observed, "MAIL FROM:<> and a report", kind=kind)
        if self.case.mail == "gives up":
            return None
        self._until(lambda: any(seen.text is not None for seen in reports()), 2)
        seen = reports()[0]
        rcpt = next((line for line in seen.commands if line[:4].upper() == b"RCPT"), b"")
        wanted = self.case.sender
        if wanted.strip("<>").rpartition(":")[2].upper().encode() not in rcpt.upper():
            return self._wrong("report to", shown(rcpt), f"RCPT TO:{wanted}")
        if seen.text is not None and b"Sam" not in seen.text:
            return self._wrong("report says", "it does not name <Sam@GAMMA.ARPA>",
                               "a report that names the recipient", rule="3.6-7")  # fmt: skip
        return None

    def _nothing(self, peer: Peer) -> Finding | None:
        """Return whether something was sent that must not be."""
        if self.case.mail == "nothing":
            self._until(lambda: bool(peer.sessions))
        begun = [seen for seen in peer.sessions if seen.is_taken]
        if (
            not self._until(lambda: len(self._arrived(peer)) > len(begun), 3 * _LINGER)
            and not begun
        ):
            return None
        kind = "choice" if self.case.mail == "stopped" else "breach"
        return self._wrong("sent", "mail at the next host", "none", kind=kind)

    def _wrong(
        self, fault_name: str, observed: str, wanted: str, *, kind: str = "breach", rule: str = ""
    ) -> Finding:
        case = self.case
        return Finding(
            case=case.name, rule=rule or case.rule, stage=case.stage, kind=kind, title=case.title,
            signature=(fault_name, case.hint, rule or case.rule), sent=" ".join(case.to),
            observed=observed, wanted=wanted, hint=case.hint,
            because=case.because if kind == "choice" else "",
        )  # fmt: skip


def _is_untouched(path: str, case: RelayCase) -> bool:
    """Return whether a path is as it was given, or without a route, as today's servers leave it."""
    plain = [f"<{each.strip('<>').rpartition(':')[2]}>" for each in (case.sender, *case.to)]
    return path.upper() in [each.upper() for each in (case.sender, *case.to, *plain)]
