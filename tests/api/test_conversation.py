"""Talking by hand to a host: the driver without time holds its own against whatever is said."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.places import ROOT

import lab
from lab import lessons
from lab.api.conversation import Conversation, Finished
from lab.lessons.typed_session import TypedSession

RELAYED = "topologies/rfc821/scenario-03.toml"

NETWORK = """
[[host]]
name = "ONE.ARPA"
users = ["ann"]
[[host]]
name = "MID.ARPA"
relay = true
users = ["mel"]
limits = { line = 512 }
[[host.list]]
name = "all"
members = ["ann@ONE.ARPA", "bob@TWO.ARPA", "mel@MID.ARPA"]
[[host]]
name = "TWO.ARPA"
users = ["bob"]
[[host]]
name = "ALONE.ARPA"
kind = "router"
[[link]]
between = ["ONE.ARPA", "MID.ARPA"]
[[link]]
between = ["MID.ARPA", "TWO.ARPA"]
[[mail]]
from = "ann@ONE.ARPA"
to = "bob@TWO.ARPA"
"""

DIALOGUE = (
    b"HELO YOU.ARPA\r\nMAIL FROM:<you@ONE.ARPA>\r\nRCPT TO:<bob@TWO.ARPA>\r\n"
    b"RCPT TO:<mel@MID.ARPA>\r\nDATA\r\nSubject: x\r\n\r\n..dot\r\n.\r\n"
    b"RSET\r\nMAIL FROM:<>\r\nRCPT TO:<all@MID.ARPA>\r\nDATA\r\n\r\n.\r\nQUIT\r\n"
)


@pytest.fixture(scope="module")
def network() -> lab.Topology:
    return lessons.from_text(NETWORK)


def said(topology: lab.Topology, octets: bytes, host: str = "MID.ARPA") -> tuple[bytes, Finished]:
    """What a host answers to all that is said to it, and what became of the mail."""
    conversation = Conversation(topology, host)
    answers = conversation.open() + conversation.receive(octets)
    conversation.close()
    return answers, conversation.finish()


def codes(answers: bytes) -> list[int]:
    return [int(line[:3]) for line in answers.splitlines() if line[3:4] == b" "]


# -- what is accepted goes on


@pytest.mark.rule("3.3-1")
def test_the_host_is_its_whole_self(network: lab.Topology) -> None:
    """Its users, its lists and its neighbours; but the file's own mail is not sent."""
    answers, done = said(
        network, b"HELO X\r\nVRFY mel\r\nVRFY bob\r\nEXPN all\r\nHELP\r\nEHLO X\r\nQUIT\r\n"
    )
    assert codes(answers) == [220, 250, 250, 550, 250, 214, 500, 221]
    assert b"250-<ann@ONE.ARPA>\r\n" in answers
    assert done.run.summary["submitted"] == 0
    assert done.run.summary["sessions"] == 1


def test_mail_goes_on_through_the_network_afterwards(network: lab.Topology) -> None:
    answers, done = said(network, DIALOGUE)
    assert codes(answers) == [
        *[220, 250, 250, 250, 250, 354, 250],
        *[250, 250, 250, 354, 250, 221],
    ]
    summary = done.run.summary
    found = [
        (recipient["recipient"], recipient["outcome"], recipient["hops"])
        for recipient in summary["recipients"]
    ]
    assert found == [
        ("bob@TWO.ARPA", "delivered", 2),
        ("mel@MID.ARPA", "delivered", 1),
        ("ann@ONE.ARPA", "delivered", 2),
        ("bob@TWO.ARPA", "delivered", 2),
        ("mel@MID.ARPA", "delivered", 1),
    ]
    bob = next(
        event for event in done.run.trace if event.kind == "deliver" and event["user"] == "bob"
    )
    assert bob["octets"] == (
        b"Return-Path: <@MID.ARPA:you@ONE.ARPA>\r\n"
        b"Received: from MID.ARPA by TWO.ARPA ; 1 Aug 82 00:00:00 UT\r\n"
        b"Received: from YOU.ARPA by MID.ARPA ; 1 Aug 82 00:00:00 UT\r\n"
        b"Subject: x\r\n\r\n.dot\r\n"
    )


def test_what_became_of_the_mail_is_told_a_line_a_recipient(network: lab.Topology) -> None:
    _, done = said(network, DIALOGUE[: DIALOGUE.index(b"RSET")])
    first, second = done.sentences()
    assert re.fullmatch(r"lab: message 1 to bob@TWO\.ARPA: delivered at 0\.\d+ s", first)
    assert second == "lab: message 1 to mel@MID.ARPA: delivered at 0.000 s"


def test_a_notification_goes_back_by_the_reverse_path(network: lab.Topology) -> None:
    """3.6: mail that was taken and cannot be delivered further on comes back to its originator."""
    _, done = said(
        network,
        b"HELO YOU.ARPA\r\nMAIL FROM:<ann@ONE.ARPA>\r\nRCPT TO:<nobody@TWO.ARPA>\r\n"
        b"DATA\r\nx\r\n.\r\nQUIT\r\n",
    )
    assert done.run.summary["returned"] == 1
    assert [event["user"] for event in done.run.trace if event.kind == "deliver"] == ["ann"]


def test_a_host_that_does_not_relay_says_so(network: lab.Topology) -> None:
    answers, _ = said(
        network, b"HELO X\r\nMAIL FROM:<a@B>\r\nRCPT TO:<bob@TWO.ARPA>\r\n", "one.arpa"
    )
    assert codes(answers) == [220, 250, 250, 550]


# -- bad input


@pytest.mark.rule("4.1.1-4", "4.1.1-18")
def test_any_bytes_are_answered_and_none_raises(network: lab.Topology) -> None:
    garbage = bytes(range(256)) * 40 + b"\r\n" + b"\0" * 5000 + b"\r\n\r\n\r\r\n\n\r\n"
    answers, done = said(network, garbage + b"NOOP\r\n")
    assert codes(answers)[0] == 220
    assert set(codes(answers)[1:-1]) == {500}
    assert codes(answers)[-1] == 250
    assert done.run.summary["submitted"] == 0


@pytest.mark.rule("4.5.2-3", "4.5.2-4")
def test_bare_cr_lf_and_nul_are_mail_data_like_any_other(network: lab.Topology) -> None:
    """4.5.2: only CRLF ends a line, so that a period between others ends no mail."""
    data = b"a\n.\nb\r.\rc\0\r\n..\r\n"
    begin = b"HELO X\r\nMAIL FROM:<a@ONE.ARPA>\r\nRCPT TO:<mel@MID.ARPA>\r\nDATA\r\n"
    _, done = said(network, begin + data + b".\r\n")
    (event,) = [each for each in done.run.trace if each.kind == "deliver"]
    assert event["octets"].endswith(b"UT\r\na\n.\nb\r.\rc\0\r\n.\r\n")


@pytest.mark.rule("2-5")
def test_bytes_that_are_not_ascii_are_refused_as_mail_data(network: lab.Topology) -> None:
    begin = b"HELO X\r\nMAIL FROM:<a@ONE.ARPA>\r\nRCPT TO:<mel@MID.ARPA>\r\nDATA\r\n"
    answers, done = said(network, begin + b"caf\xe9\r\n.\r\n")
    assert codes(answers)[-1] == 554
    assert done.run.summary["submitted"] == 0


@pytest.mark.rule("4.1.1-19")
def test_the_end_of_input_anywhere_loses_no_mail_and_makes_none(network: lab.Topology) -> None:
    """A dialogue cut at every byte: what the final period was answered 250 for, and no more."""
    ends = [DIALOGUE.index(b"RSET"), DIALOGUE.index(b"QUIT")]
    for cut in range(len(DIALOGUE)):
        answers, done = said(network, DIALOGUE[:cut])
        accepted = sum(cut >= end for end in ends)
        assert len(re.findall(rb"354 [^\r]*\r\n250 ", answers)) == accepted
        summary = done.run.summary
        assert summary["submitted"] == summary["delivered"] == (0, 2, 5)[accepted]
        warned = any("middle of a line" in line for line in done.sentences())
        assert warned == (
            (DIALOGUE[cut - 1] != ord("\n") and cut > 0) or answers.endswith(b"<CRLF>.<CRLF>\r\n")
        )


def test_what_comes_after_quit_is_not_missed(network: lab.Topology) -> None:
    """4.1.1: after QUIT nothing is read; whoever said more is not told that a line was cut off."""
    for tail in (b"", b"NOOP\r\n", b"NO"):
        answers, done = said(network, b"HELO X.ARPA\r\nQUIT\r\n" + tail)
        assert codes(answers) == [220, 250, 221]
        assert list(done.sentences()) == []


def test_however_the_bytes_are_cut_the_answers_are_the_same(network: lab.Topology) -> None:
    whole, _ = said(network, DIALOGUE)
    for size in (1, 2, 3, 7):
        conversation = Conversation(network, "MID.ARPA")
        answers = conversation.open()
        for at in range(0, len(DIALOGUE), size):
            answers += conversation.receive(DIALOGUE[at : at + size])
        assert answers == whole


@pytest.mark.rule("4.1.1-17")
def test_what_follows_quit_is_passed_over(network: lab.Topology) -> None:
    answers, _ = said(network, b"QUIT\r\nHELO X\r\nNOOP\r\n")
    assert codes(answers) == [220, 221]


@pytest.mark.parametrize(
    ("host", "environment", "says"),
    [
        ("NONE.ARPA", None, "there is no host NONE.ARPA; did you mean ONE.ARPA?"),
        ("xyzzy", None, "there is no host xyzzy; there are ONE.ARPA, MID.ARPA, TWO.ARPA"),
        ("ALONE.ARPA", None, "there is no host ALONE.ARPA"),
        ("ONE.ARPA", "nits", "there is no environment nits; there are arpanet"),
    ],
)
def test_a_host_that_there_is_not_is_an_error_that_helps(
    network: lab.Topology, host: str, environment: str | None, says: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        Conversation(network, host, environment=environment)


# -- a terminal


class Terminal(io.BytesIO):
    """What is typed at a terminal: lines that end as Enter ends them there."""

    def __init__(self, typed: bytes) -> None:
        super().__init__()
        reader, writer = os.pipe()
        os.write(writer, typed)
        os.close(writer)
        self.reader = reader

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.reader


def test_on_a_terminal_enter_gives_crlf(network: lab.Topology) -> None:
    conversation, shown = Conversation(network, "MID.ARPA"), io.BytesIO()
    terminal = Terminal(b"HELO X\nNOOP\r\nQUIT\n")
    conversation.talk(terminal, shown)
    os.close(terminal.reader)
    assert codes(shown.getvalue()) == [220, 250, 250, 221]
    assert list(conversation.finish().sentences()) == []


# -- the real program


def talk(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "lab", "talk", RELAYED, *arguments]
    return subprocess.run(command, capture_output=True, cwd=ROOT, timeout=60, **options)


def test_a_pipe_carries_the_receivers_bytes_and_nothing_else(tmp_path: Path) -> None:
    said = (
        b"HELO MIT-AI.ARPA\r\nMAIL FROM:<JQP@MIT-AI.ARPA>\r\n"
        b"RCPT TO:<@USC-ISIE.ARPA:Jones@BBN-VAX.ARPA>\r\nDATA\r\nHi.\r\n.\r\nQUIT\r\n"
    )
    done = talk("USC-ISIE.ARPA", "--out", str(tmp_path), input=said)
    assert done.returncode == 0
    assert done.stdout == (
        b"220 USC-ISIE.ARPA Simple Mail Transfer Service Ready\r\n250 USC-ISIE.ARPA\r\n"
        b"250 OK\r\n250 OK\r\n354 Start mail input; end with <CRLF>.<CRLF>\r\n250 OK\r\n"
        b"221 USC-ISIE.ARPA Service closing transmission channel\r\n"
    )
    assert done.stderr == b"lab: message 1 to Jones@BBN-VAX.ARPA: delivered at 1.300 s\n"
    (drop,) = (tmp_path / "mail" / "BBN-VAX.ARPA" / "Jones").rglob("new/*")
    assert drop.read_bytes().endswith(b"\r\nHi.\r\n")


def test_lines_that_end_with_lf_alone_are_told_of() -> None:
    done = talk("USC-ISIE.ARPA", input=b"HELO X\nQUIT\n")
    assert done.returncode == 0
    assert codes(done.stdout) == [220]
    assert b"a line ends with CRLF" in done.stderr


def test_an_unknown_host_is_a_sentence_and_status_2() -> None:
    done = talk("USC-ISIF.ARPA", input=b"")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == (
        f"lab: {RELAYED}: there is no host USC-ISIF.ARPA; did you mean USC-ISIE.ARPA?\n"
    )


PIECE = b"A" * (1 << 20)
BOUND = 64 << 20
"""Bytes of memory that a line of 100 MB may cost, beyond what a talk costs."""


def most_memory(feed: Callable[[Any], None]) -> tuple[bytes, int]:
    """What was answered to what ``feed`` writes, and the most memory that the program held."""
    command = [sys.executable, "-m", "lab", "talk", RELAYED, "USC-ISIE.ARPA"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe) as program:
        assert program.stdin
        assert program.stdout
        assert program.stderr
        answers: list[bytes] = []
        reading = threading.Thread(target=lambda: answers.append(program.stdout.read()))
        reading.start()
        feed(program.stdin)
        program.stdin.close()
        reading.join()
        assert b"Traceback" not in program.stderr.read()
        _, status, usage = os.wait4(program.pid, 0)
        program.returncode = os.waitstatus_to_exitcode(status)
        assert program.returncode == 0
    unit = 1 if sys.platform == "darwin" else 1024
    return answers[0], usage.ru_maxrss * unit


@pytest.mark.rule("4.2.1-1")
def test_a_line_of_100_mb_is_answered_500_in_bounded_memory() -> None:
    def enormous(sink: Any) -> None:
        sink.write(b"NOOP ")
        for _ in range(100):
            sink.write(PIECE)
        sink.write(b"\r\nNOOP\r\nQUIT\r\n")

    def without_end(sink: Any) -> None:
        for _ in range(100):
            sink.write(PIECE)

    _, least = most_memory(lambda sink: sink.write(b"NOOP\r\nQUIT\r\n"))
    answers, most = most_memory(enormous)
    assert codes(answers) == [220, 500, 250, 221]
    assert most < least + BOUND
    answers, most = most_memory(without_end)
    assert codes(answers) == [220]
    assert most < least + BOUND


def test_a_command_of_another_protocol_is_in_every_artefact(tmp_path: Path) -> None:
    """EHLO, and what is no word at all: 500, and the views show them like any other."""
    told = b"EHLO me\r\n\r\n\x00\xff\r\nHELO me\r\nQUIT\r\n"
    command = [sys.executable, "-m", "lab", "talk", str(ROOT / RELAYED), "BBN-VAX.ARPA"]
    done = subprocess.run([*command, "--out", str(tmp_path)], input=told, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(b"\r\n500 ") == 3
    assert (tmp_path / "summary.json").exists()


# -- the roles change

TURNING = """
[[host]]
name = "HUB.ARPA"
relay = true
turn = true
holds = ["SMALL.ARPA"]
users = ["hal"]
[[host]]
name = "SMALL.ARPA"
relay = true
users = ["Smith", "Green"]
[[host]]
name = "FAR.ARPA"
users = ["fay"]
[[link]]
between = ["HUB.ARPA", "SMALL.ARPA"]
[[link]]
between = ["SMALL.ARPA", "FAR.ARPA"]
"""

TO_SMALL = (
    b"HELO SMALL.ARPA\r\nMAIL FROM:<hal@HUB.ARPA>\r\nRCPT TO:<Smith@SMALL.ARPA>\r\n"
    b"RCPT TO:<Green@SMALL.ARPA>\r\nDATA\r\n.hi\r\n.\r\n"
).replace(b".hi", b"..hi")


@pytest.mark.rule("3.8-1", "4.1.1-21")
def test_after_turn_the_host_sends_and_you_reply() -> None:
    """3.8: HUB's mail for SMALL waits until SMALL asks for it; you are SMALL."""
    conversation = Conversation(lessons.from_text(TURNING), "HUB.ARPA")
    conversation.open()
    assert codes(conversation.receive(TO_SMALL + b"TURN\r\n"))[-1] == 250
    assert conversation.has_turned
    exchanges = [
        (b"220-SMALL.ARPA\r\n", b""),
        (b"220 ready\r\n", b"HELO HUB.ARPA\r\n"),
        (b"250 SMALL.ARPA\r\n", b"MAIL FROM:<@HUB.ARPA:hal@HUB.ARPA>\r\n"),
        (b"250 OK\r\n", b"RCPT TO:<Smith@SMALL.ARPA>\r\n"),
        (b"250 OK\r\n", b"RCPT TO:<Green@SMALL.ARPA>\r\n"),
        (b"550 Green is gone\r\n", b"DATA\r\n"),
    ]
    for reply, expected in exchanges:
        assert conversation.receive(reply) == expected
    data = conversation.receive(b"354 go on\r\n")
    assert re.fullmatch(rb"Received: from SMALL\.ARPA by HUB\.ARPA ; .*\r\n\.\.hi\r\n\.\r\n", data)
    assert conversation.receive(b"250 taken\r\n") == b"QUIT\r\n"
    assert not conversation.is_over
    assert conversation.receive(b"221 bye\r\n") == b""
    assert conversation.is_over
    conversation.close()
    done = conversation.finish()
    outcomes = [
        (recipient["recipient"], recipient["outcome"])
        for recipient in done.run.summary["recipients"]
    ]
    assert outcomes == [("Smith@SMALL.ARPA", "delivered"), ("Green@SMALL.ARPA", "returned")]
    assert done.run.breaches == []
    assert done.run.summary["recipients"][0]["hops"] == 2


def test_a_piped_dialogue_may_have_the_replies_after_turn() -> None:
    """Each line is taken as if it were typed after what the host sent."""
    replies = b"220 S\r\n250 S\r\n250 OK\r\n250 OK\r\n250 OK\r\n354 go\r\n250 OK\r\n221 bye\r\n"
    answers, done = said(lessons.from_text(TURNING), TO_SMALL + b"TURN\r\n" + replies, "HUB.ARPA")
    assert answers.endswith(b"QUIT\r\n")
    assert done.run.summary["delivered"] == 2
    assert list(done.sentences()) != []
    assert not done.ended_within_line


@pytest.mark.parametrize(
    "end", [b"", b"220 S\r\n250 S\r\n250 OK\r\n", b"421 S no\r\n", b"hello\r\n", b"220 S"]
)
def test_mail_that_you_do_not_take_after_turn_stays(end: bytes) -> None:
    """4.1.1, QUIT: a lost channel is a temporary error; the mail is kept for the next TURN."""
    _, done = said(lessons.from_text(TURNING), TO_SMALL + b"TURN\r\n" + end, "HUB.ARPA")
    assert done.run.summary["queued"] == 2
    assert done.run.breaches == [] or end == b"hello\r\n"
    assert done.ended_within_line == (end == b"220 S")


@pytest.mark.parametrize(
    "lines", [b"HELO NOBODY.ARPA\r\n", b"HELO HUB.ARPA\r\n", b""], ids=["unknown", "itself", "none"]
)
def test_nobody_who_is_no_other_host_is_given_mail(lines: bytes) -> None:
    answers, _ = said(lessons.from_text(TURNING), lines + b"TURN\r\n", "HUB.ARPA")
    assert codes(answers)[-1] == (502 if lines else 503)
    without = lessons.from_text(TURNING.replace("turn = true\n", ""))
    answers, _ = said(without, b"HELO SMALL.ARPA\r\nTURN\r\nNOOP\r\n", "HUB.ARPA")
    assert codes(answers)[-2:] == [502, 250]


def test_what_you_take_for_a_relay_goes_on() -> None:
    """SMALL sends it on to FAR, after you have taken it on SMALL's behalf."""
    mail = TO_SMALL.replace(b"Green@SMALL.ARPA", b"@SMALL.ARPA:fay@FAR.ARPA")
    replies = b"220 S\r\n250 S\r\n250 OK\r\n250 OK\r\n250 OK\r\n354 go\r\n250 OK\r\n221 bye\r\n"
    _, done = said(lessons.from_text(TURNING), mail + b"TURN\r\n" + replies, "HUB.ARPA")
    assert done.run.summary["delivered"] == 2
    (fay,) = [
        event for event in done.run.trace if event.kind == "deliver" and event["user"] == "fay"
    ]
    assert fay["octets"].startswith(b"Return-Path: <@SMALL.ARPA,@HUB.ARPA:hal@HUB.ARPA>\r\n")
    assert done.run.breaches == []


def test_a_typed_session_prints_who_is_who_after_turn(capsys: pytest.CaptureFixture[str]) -> None:
    """The letters swap with the roles."""
    session = TypedSession(lessons.from_text(TURNING), "HUB.ARPA")
    session.say("HELO SMALL.ARPA", "TURN", "220 SMALL.ARPA", "250 SMALL.ARPA", "221 bye")
    assert capsys.readouterr().out.splitlines()[-7:] == [
        "S: TURN", "R: 250 OK", "R: 220 SMALL.ARPA", "S: HELO HUB.ARPA", "R: 250 SMALL.ARPA",
        "S: QUIT", "R: 221 bye",
    ]  # fmt: skip
    assert session.codes == [220, 250, 250]
    assert session.state == "closed"
