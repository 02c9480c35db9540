"""``lab judge --network``: programs of several people in the network of a topology."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from helpers.command_line import Command, command_in_this_process, is_one_sentence
from judging.mailers import PYTHON, edited
from judging.test_hostile_programs import left_behind

NETWORK = """
[[host]]
name = "A.ARPA"
users = ["ann"]
[[host]]
name = "R.ARPA"
relay = true
users = ["rob"]
[[host]]
name = "B.ARPA"
users = ["bob", "bill"]
[[link]]
between = ["A.ARPA", "R.ARPA"]
[[link]]
between = ["R.ARPA", "B.ARPA"]
[[mail]]
from = "ann@A.ARPA"
to = ["bob@B.ARPA", "bill@B.ARPA", "rob@R.ARPA"]
text = ".dots\\n..\\nend"
[[mail]]
from = "bob@B.ARPA"
to = ["ann@A.ARPA"]
text = "an answer"
[[mail]]
from = "rob@R.ARPA"
to = ["nobody@B.ARPA"]
text = "to nobody"
"""
PLACES = "relay {port} {next_host} {next_port} {queue}"


@pytest.fixture
def lab(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return command_in_this_process(capsys, monkeypatch)


@pytest.fixture
def network(tmp_path: Path) -> str:
    path = tmp_path / "network.toml"
    path.write_text(NETWORK, encoding="utf-8")
    return str(path)


def program(mailer: Path = PYTHON, places: str = "") -> str:
    return f"{sys.executable} {mailer} {places}"


def failed(text: str) -> set[tuple[str, str]]:
    return {(each["case"], each["rule"]) for each in json.loads(text)["failed"]}


def test_receivers_of_two_people_are_hosts_in_simulated_time(lab: Command, network: str) -> None:
    hosts = [f"--host=A.ARPA={program()}", f"--host=B.ARPA={program()}"]
    done = lab("judge", "--network", network, *hosts, "--json")
    result = json.loads(done.out)
    assert (done.status, result["role"], result["failed"]) == (0, "network", [])
    assert (result["cases"], result["passed"]) == (5, 5)


def test_a_fault_of_a_receiver_in_a_network_is_named(
    lab: Command, network: str, tmp_path: Path
) -> None:
    mailer = tmp_path / "mailer.py"
    source = edited(PYTHON, 'line[1:] if line.startswith(b".") else line', "line")
    mailer.write_text(source, encoding="utf-8")
    done = lab("judge", "--network", network, "--host", f"B.ARPA={program(mailer)}", "--json")
    assert done.status == 1
    assert failed(done.out) == {("dialogues-B.ARPA", "4.5.2-2")}


def test_whole_mailers_of_two_people_send_one_another_mail(lab: Command, network: str) -> None:
    """On real TCP: over a relay of ours, with a report about mail for nobody."""
    hosts = [f"--host={name}={program(places=PLACES)}" for name in ("A.ARPA", "B.ARPA")]
    done = lab("judge", "--network", network, *hosts)
    assert done.out.splitlines()[-1] == "No breach of RFC 821.", done.out
    assert "5 cases" in done.out


def test_three_programs_of_every_kind_need_no_host_of_ours(lab: Command, network: str) -> None:
    sender = "send {host} {port} {from} {to} {file}"
    hosts = [f"A.ARPA={program(places=sender)}", f"R.ARPA={program(places=PLACES)}",
             f"B.ARPA={program()}"]  # fmt: skip
    options = [word for host in hosts for word in ("--host", host)]
    done = lab("judge", "--network", network, *options, "--case", "mail-1", "--json")
    assert failed(done.out) == set()
    assert json.loads(done.out)["cases"] == 1


def test_a_relay_that_loses_mail_is_found(lab: Command, network: str, tmp_path: Path) -> None:
    mailer = tmp_path / "mailer.py"
    mailer.write_text(edited(PYTHON, "        self.work.set()\n", ""), encoding="utf-8")
    source = mailer.read_text(encoding="utf-8")
    mailer.write_text(source.replace("write(self.folder / name", "0 and write(name"), "utf-8")
    done = lab(
        "judge", "--network", network, "--host", f"R.ARPA={program(mailer, PLACES)}",
        "--case", "mail-1", "--timeout", "1 s",
    )  # fmt: skip
    assert done.status == 1
    assert "BREACH 4.1.1-12" in done.out
    assert "got:    it did not arrive" in done.out
    assert "lab judge --network" in done.out


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("sh -c 'yes 220'", "the program was ended: it said more than 512 kB"),
        ("sh -c 'sleep 1000'", "got:    nothing"),
        ("sh -c 'setsid sleep 1000 >/dev/null 2>&1 & exit 3'", "ended with exit status 3"),
        ("sh -c 'exit 3; {port}'", "ended with status 3, and nothing listens on port"),
    ],
)
def test_a_hostile_program_in_a_network_is_bounded(
    lab: Command, network: str, command: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_JUDGE_IN_A_TEST", str(os.getpid()))
    done = lab(
        "judge", "--network", network, "--host", f"B.ARPA={command}", "--patience", "0.2 s",
        "--case", "mail-1", "--case", "dialogues-B.ARPA",
    )  # fmt: skip
    assert says in done.out + done.err
    assert done.err.count("--patience is the former name of --timeout") == 1
    assert done.status in (1, 2)
    assert left_behind() == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--host", "C.ARPA=true"], "there is no such host; the hosts are A.ARPA, R.ARPA, B.ARPA"),
        (["--host", "A.ARPA"], "is not NAME=COMMAND"),
        (["--host", "A.ARPA='true"], "No closing quotation"),
        (["--host", "A.ARPA=/nonexistent/mailer"], "is not a program that can be run"),
        (["--host", "A.ARPA=true", "--host", "a.arpa=true"], "two commands that are a receiver"),
        (["--host", "A.ARPA=true {port}", "--host", "A.ARPA=true"], "sends and receives already"),
        (["--host", "A.ARPA=true", "--case", "mail-9"], "there is no case 'mail-9'"),
        ([], "--host NAME=COMMAND"),
    ],
)
def test_bad_arguments_of_a_network_are_one_sentence(
    lab: Command, network: str, arguments: list[str], says: str
) -> None:
    done = lab("judge", "--network", network, *arguments)
    assert done.status == 2
    assert is_one_sentence(done.err)
    assert says in done.err


def test_a_host_belongs_to_a_network(lab: Command) -> None:
    done = lab("judge", "--receiver", "--host", "A.ARPA=true", "--", "true")
    assert done.status == 2
    assert "--host is for --network" in done.err
