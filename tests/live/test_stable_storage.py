"""250 means stored: whatever fails, what a live host said is what its storage holds."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from helpers.live_hosts import eventually, live

import lab
from lab.live.storage import Storage

ONE = '[[host]]\nname = "ONE.ARPA"\nusers = ["ann"]\n'
BODY = ("y" * 70 + "\r\n") * 700


@contextmanager
def serving(folder: Path, **environment: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A host that serves, with its stable storage in ``folder / "spool"``; and its port."""
    path = folder / "one.toml"
    path.write_text(ONE)
    command = [sys.executable, "-m", "lab", "live", str(path), "--serve"]
    command += ["--spool", str(folder / "spool"), "--out", str(folder / "out")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, **environment},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            yield process, int(process.stdout.readline().rpartition(":")[2])
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=120)


def listener(port: int) -> int:
    """The process that listens at a port."""
    found = subprocess.run(["ss", "-ltnpH", f"sport = :{port}"], capture_output=True, text=True)
    pids = re.findall(r"pid=(\d+)", found.stdout)
    return int(pids[0]) if pids else 0


class Sender:
    """Sends numbered mail in one session; ``accepted`` are the numbers that got 250."""

    def __init__(self, port: int) -> None:
        self.program = smtplib.SMTP("127.0.0.1", port, timeout=60)
        self.program.helo("me")
        self.accepted: set[int] = set()

    def send(self, number: int, text: str = BODY) -> int:
        """Return the code of the reply to the mail data."""
        self.program.mail("a@B.ARPA")
        self.program.rcpt("ann@ONE.ARPA")
        code, _ = self.program.data(f"X-Number: {number}=\r\n\r\n{text}")
        if code == 250:
            self.accepted.add(number)
        return code


def stored(folder: Path) -> list[int]:
    """The numbers of the mail in ann's mail drop."""
    storage = Storage(folder / "spool" / "ONE.ARPA.sqlite")
    drops = storage.drops()
    storage.close()
    return [int(re.findall(rb"X-Number: (\d+)=", octets)[0]) for _, octets in drops]


def what_was_said(folder: Path) -> list[int]:
    """The codes of the replies to the mail data, as the trace has them."""
    codes, data = [], False
    for event in lab.Trace.read_jsonl(folder / "out" / "trace.jsonl"):
        if event.kind == "data":
            data = True
        elif event.kind == "reply" and data:
            codes.append(event["code"])
            data = False
    return codes


@pytest.mark.skipif(not Path("/usr/bin/ss").exists(), reason="there is no ss")
def test_a_full_disk_draws_a_refusal_and_the_host_goes_on(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk; it is lifted later."""
    with serving(tmp_path) as (process, port):
        sender, said = Sender(port), []
        assert sender.send(0) == 250
        resource.prlimit(listener(port), resource.RLIMIT_FSIZE, (900_000, resource.RLIM_INFINITY))
        said = [sender.send(number) for number in range(1, 40)]
        assert set(said) == {250, 452}  # insufficient storage, and not 451: a local error
        assert process.poll() is None
        resource.prlimit(listener(port), resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        assert eventually(lambda: sender.send(99) == 250)
        sender.program.close()
    assert sorted(stored(tmp_path)) == sorted(sender.accepted)
    codes = what_was_said(tmp_path)
    assert codes[:40] == [250, *said]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["submitted"] == summary["delivered"] == len(sender.accepted)


DISK_ERROR = """
import os
true = os.fdatasync
def failing(file):
    if os.path.exists(os.environ["DISK_FAILS"]):
        raise OSError(5, "Input/output error")
    return true(file)
os.fdatasync = failing
"""


@pytest.mark.skipif(not hasattr(os, "fdatasync"), reason="there is no fdatasync")
def test_a_disk_that_does_not_confirm_draws_451(tmp_path: Path) -> None:
    """The mail of that commit is taken out again; what came before and after is there."""
    (tmp_path / "sitecustomize.py").write_text(DISK_ERROR)
    fails = tmp_path / "fails"
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    with serving(tmp_path, PYTHONPATH=path, DISK_FAILS=str(fails)) as (process, port):
        sender = Sender(port)
        assert sender.send(1, "before") == 250
        fails.touch()
        assert [sender.send(number, "while") for number in (2, 3)] == [451, 451]
        fails.unlink()
        assert eventually(lambda: sender.send(4, "after") == 250)
        sender.program.close()
        assert process.poll() is None
    assert sorted(stored(tmp_path)) == [1, 4]
    assert [code for code in what_was_said(tmp_path) if code != 250] == [451, 451]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["submitted"], summary["delivered"], summary["lost"]) == (2, 2, 0)


ROUND = """
[retry]
first = "2 s"
factor = 1
[[host]]
name = "A.ARPA"
users = ["ann"]
[[host]]
name = "SHORT.ARPA"
relay = true
[[host]]
name = "LONG.ARPA"
relay = true
[[host]]
name = "B.ARPA"
users = ["bob"]
[[link]]
between = ["A.ARPA", "SHORT.ARPA"]
[[link]]
between = ["A.ARPA", "LONG.ARPA"]
cost = 9
[[link]]
between = ["SHORT.ARPA", "B.ARPA"]
[[link]]
between = ["LONG.ARPA", "B.ARPA"]
[[mail]]
at = "0.5 s"
from = "ann@A.ARPA"
to = ["bob@B.ARPA", "nobody@B.ARPA"]
[[fault]]
kind = "link-down"
link = ["A.ARPA", "SHORT.ARPA"]
[[fault]]
kind = "link-down"
link = ["A.ARPA", "LONG.ARPA"]
for = "1 s"
"""


def test_mail_that_went_another_way_is_not_owed_any_more(tmp_path: Path) -> None:
    """Neither is what was returned; so no storage holds anything when the run has settled."""
    path = tmp_path / "round.toml"
    path.write_text(ROUND)
    done = live(path, 10.0, storage=tmp_path)
    assert (done.summary["delivered"], done.summary["returned"]) == (1, 1)
    for file in sorted(tmp_path.glob("*.sqlite")):
        storage = Storage(file)
        assert list(storage.recover()) == []
        storage.close()
