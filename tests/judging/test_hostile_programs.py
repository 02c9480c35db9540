"""Programs that mean no good are bounded, reported in a sentence, and leave nothing behind."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from helpers.command_line import Command, command_in_this_process, is_one_sentence

from lab.judging import program
from lab.judging.finding import Judgement, by_cause
from lab.judging.receivers.judge import TOO_SLOW, Asked, judge_receiver
from lab.judging.relays.judge import AskedRelay, judge_relay
from lab.judging.report import lines
from lab.judging.senders.judge import AskedSender, judge_sender

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")


@pytest.fixture
def lab(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return command_in_this_process(capsys, monkeypatch)


OURS = "LAB_JUDGE_IN_A_TEST"


@pytest.fixture(autouse=True)
def marked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mark the programs that these tests start, to tell them from those of other tests."""
    monkeypatch.setenv(OURS, str(os.getpid()))


def left_behind() -> list[str]:
    """Processes that the tests of this process have started."""
    mark = f"{OURS}={os.getpid()}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (entry / "environ").read_bytes():
                found.append(entry.name)
        except OSError:
            continue
    return [pid for pid in found if int(pid) != os.getpid()]


def judged(script: str, **how: object) -> Judgement:
    command = ["sh", "-c", script]
    result = judge_receiver(Asked(command=command, timeout=0.2, **how))  # type: ignore[arg-type]
    assert left_behind() == []
    return result


@pytest.mark.parametrize(
    ("script", "got"),
    [
        ("yes 220", "the program was ended: it said more than 512 kB"),
        ("sleep 1000", "nothing"),
        ("sleep 1000 & sleep 1000", "nothing"),
        ("setsid sleep 1000 & echo '220 A'; sleep 1000", "220 A\\n"),
        ("printf '220 A\\033[2J\\r\\n'; exit 3", "220 A\\x1b[2J"),
        ("printf '22'", "22, without its end"),
    ],
)  # fmt: skip
def test_a_hostile_program_is_bounded(script: str, got: str) -> None:
    result = judged(script, stage=1)
    assert got in {each.observed for each in result.breaches} | {
        line.octets.decode("latin-1").replace("\x1b", "\\x1b").rstrip()
        for each in result.findings for line in each.ladder
    }  # fmt: skip


def test_one_that_drips_is_slow_and_no_more_of_it_is_judged() -> None:
    """A byte now and then, for ever: the cases that showed it are one cause, which says so."""
    result = judged(
        "printf '220 A.ARPA x\\r\\n'; read x || exit; while printf ' '; do sleep 0.04; done"
    )
    causes = [group[0] for group in by_cause(result.findings)]
    assert [each.rule for each in causes] == ["4.2-2"]
    assert causes[0].observed.endswith('  ", so slow that it was not whole after 0.2 s')
    assert len(result.cases) < 30
    assert list(result.left_out.values()).count(TOO_SLOW) > 200


@pytest.mark.parametrize(
    ("said", "got"),
    [("\\r\\n", "got:    an empty line"), ("x" * 300 + "\\r\\n", "got:    xxx")],
)
def test_what_was_got_stands_beside_its_word(said: str, got: str) -> None:
    result = judged(f"printf '{said}'", stage=1)
    assert [line for line in lines(result) if line.startswith(f"  {got}")]


def test_a_relay_that_cannot_greet_is_judged_no_further() -> None:
    source = (
        "import socket,sys\n"
        "server = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
        "while True: server.accept()[0].sendall(b'hello\\r\\n')\n"
    )
    command = [sys.executable, "-c", source, "{port}", "{next_port}"]
    result = judge_relay(AskedRelay(command, timeout=0.2))
    assert result.cases == ["greeting"]
    assert result.left_out["relay"] == "it gives no usable greeting"
    assert left_behind() == []


def test_a_sender_that_does_not_end_is_judged_once() -> None:
    result = judge_sender(AskedSender(["sleep", "1000"], timeout=0.2))
    assert result.cases == ["send"]
    assert result.breaches[0].observed == "it opened no channel"
    assert set(result.left_out.values()) == {"it does not end when its mail is sent"}
    assert left_behind() == []


def test_a_process_without_its_environment_is_ended_too() -> None:
    """In a group of its own, and with nothing by which those of before would know it."""
    seconds = str(100_000 + os.getpid())
    sleeps = f"env -i setsid sleep {seconds} >/dev/null 2>&1 & read x"
    judged(f"printf '220 A.ARPA x\\r\\n'; read x && {{ {sleeps}; }}", only=["helo"])
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")]
    assert not [command for command in commands if seconds.encode() in command.split(b"\0")]


def test_forks_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "PROCESSES", 4)
    script = "for n in 1 2 3 4 5 6 7 8; do sleep 1000 & done; wait"
    running = program.Program(["sh", "-c", script], {})
    try:
        assert running.wait(30) == -9
        assert running.stopped_because.startswith("it had started")
    finally:
        running.close()
    assert left_behind() == []


def test_memory_is_bounded() -> None:
    running = program.Program([sys.executable, "-c", "bytearray(10 << 30)"], {})
    try:
        assert running.wait(30) == 1
        assert running.process.stderr is not None
        assert b"MemoryError" in running.process.stderr.read()
    finally:
        running.close()


def test_a_death_is_reported_with_its_status() -> None:
    script = "printf '220 A.ARPA\\r\\n'; read line; echo oh >&2; exit 7"
    result = judged(script, only=["helo"])
    assert result.breaches[0].rule == "4.1.1-18"
    assert result.breaches[0].observed == "it ended with exit status 7 after HELO"
    assert result.breaches[0].errors == "oh\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--receiver", "--", "/nonexistent/mailer"], "could not be started"),
        (["--receiver", "--", "sh", "-c", "echo bad news >&2; exit 3"], "bad news"),
        (["--receiver", "127.0.0.1:1"], "no connection"),
        (["--receiver", "10.0.0.1:25"], "not this machine"),
        (["--receiver", "python3", "mailer.py"], "lab judge --receiver -- python3 mailer.py"),
        (["--receiver"], "name a command after --"),
        ([], "name one of --receiver, --sender, --relay and --network"),
        (["--receiver", "--case", "helo-smal", "--", "true"], "did you mean helo-small?"),
        (["--receiver", "--to", "nobody", "--", "true"], "USER@HOST"),
        (["--receiver", "--stage", "13", "--", "true"], "13"),
    ],
)  # fmt: skip
def test_bad_arguments_are_one_sentence(lab: Command, arguments: list[str], says: str) -> None:
    done = lab("judge", *arguments)
    assert done.status == 2
    assert is_one_sentence(done.err)
    assert says in done.err
