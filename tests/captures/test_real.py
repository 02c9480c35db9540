"""Captures of ten mail programs that we did not write, made while they talk to each other."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from helpers.live_hosts import eventually
from helpers.programs import free_port, listens

import lab

PROGRAMS = {
    "swaks": "swaks --server 127.0.0.1:PORT --from swaks@x.example --to b@y.example",
    "curl": "curl -s smtp://127.0.0.1:PORT --mail-from curl@x.example --mail-rcpt b@y.example "
    "--upload-file FILE",
    "msmtp": "msmtp --host=127.0.0.1 --port=PORT --from=msmtp@x.example b@y.example",
    "smtp-source": "smtp-source -m 3 -l 30000 -f smtp-source@x.example -t b@y.example "
    "inet:127.0.0.1:PORT",
    "s-nail": "s-nail -n -S v15-compat -S mta=smtp://127.0.0.1:PORT -S smtp-auth=none "
    "-r s-nail@x.example -s subject b@y.example",
}
NET_SMTP = (
    "use Net::SMTP; my $s = Net::SMTP->new('127.0.0.1', Port => PORT, Hello => 'x.example') or die;"
    "$s->mail('perl@x.example') && $s->to('b@y.example') && $s->data(\"x\\n.\\n\") or die; $s->quit"
)
NODEMAILER = """
const out = require("nodemailer").createTransport(
  {host: "127.0.0.1", port: PORT, ignoreTLS: true, name: "x.example"});
out.sendMail({from: "node@x.example", to: "b@y.example", subject: "s", text: "x\\n.\\n"})
  .then(() => process.exit(0), () => process.exit(1));
"""
NODE_PATH = "/usr/share/nodejs"
"""Where Debian's node-nodemailer is."""


def scripts() -> dict[str, list[str]]:
    """The languages that are there with their own senders."""
    found = {"perl": ["perl", "-e", NET_SMTP], "node": ["node", "-e", NODEMAILER]}
    if not Path(NODE_PATH, "nodemailer").exists():
        del found["node"]
    return {name: words for name, words in found.items() if shutil.which(name)}


@contextmanager
def sink() -> Iterator[int]:
    """Run smtp-sink, a receiver of Postfix; yield its port."""
    port = free_port()
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    with subprocess.Popen(["smtp-sink", *user, f"127.0.0.1:{port}", "10"]) as process:
        try:
            assert eventually(lambda: listens(port))
            yield port
        finally:
            process.terminate()


class Taking:
    """A handler that takes everything."""

    async def handle_DATA(self, *_: object) -> str:
        return "250 taken"


@contextmanager
def capturing(path: Path, *ports: int) -> Iterator[None]:
    """Capture what crosses some ports of loopback; skip the test where that is not permitted."""
    if shutil.which("dumpcap") is None:
        pytest.skip("dumpcap is not installed (Debian: apt-get install tshark)")
    crosses = " or ".join(f"tcp port {port}" for port in ports)
    command = ["dumpcap", "-q", "-i", "lo", "-f", crosses, "-w", str(path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        said = ""
        while "File:" not in said and (line := process.stderr.readline()):
            said += line
        if "File:" not in said:
            pytest.skip(f"packets cannot be captured here: {said.strip()[-200:]}")
        yield
        size, since = -1, time.monotonic()
        while time.monotonic() - since < 30:  # until no packet has come for a second
            time.sleep(1.0)
            now = path.stat().st_size
            if now == size and now > 1000:
                break
            size = now
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_captures_of_real_programs(tmp_path: Path) -> None:
    """Each is read whole: its mail is delivered, nothing is missing, nobody breaks a rule."""
    there = {name: words for name, words in PROGRAMS.items() if shutil.which(name)}
    missing = {*PROGRAMS, "smtp-sink"} - {*there, *filter(shutil.which, ["smtp-sink"])}
    own = scripts()
    if missing:
        pytest.skip(f"not installed: {', '.join(sorted(missing))}")
    mail = tmp_path / "mail"
    mail.write_bytes(b"Subject: hello\r\n\r\ntext\r\n..dots\r\n")
    port = free_port()
    server = Controller(Taking(), hostname="127.0.0.1", port=port)  # type: ignore[no-untyped-call]
    server.start()
    try:
        with sink() as other, capturing(tmp_path / "real.pcapng", port, other):
            for words in there.values():
                line = words.replace("PORT", str(port)).replace("FILE", str(mail)).split()
                with mail.open("rb") as text:
                    subprocess.run(line, stdin=text, capture_output=True, timeout=60, check=True)
            script = (
                f"import smtplib\nwith smtplib.SMTP('127.0.0.1', {port}) as s:\n"
                "  s.sendmail('python@x.example', ['b@y.example', 'c@y.example'], b'x\\n.\\n')"
            )
            subprocess.run([sys.executable, "-c", script], timeout=60, check=True)
            for words in own.values():
                line = [word.replace("PORT", str(port)) for word in words]
                environment = {**os.environ, "NODE_PATH": NODE_PATH}
                subprocess.run(line, timeout=60, check=True, env=environment)
            words = PROGRAMS["curl"].replace("curl@", "sink@").replace("PORT", str(other))
            subprocess.run(words.replace("FILE", str(mail)).split(), timeout=60, check=True)
    finally:
        server.stop()
    captured = lab.read_capture(tmp_path / "real.pcapng")
    assert captured.notes == ()
    summary, count = captured.summary, len(there) + len(own) + 2 + 2 + 1
    assert (summary["submitted"], summary["delivered"]) == (count, count)
    assert captured.peer_breaches == []
    senders = {
        event["reverse_path"].partition("@")[0]
        for event in captured.trace
        if event.kind == "submit"
    }
    assert senders == {*there, *own, "python", "sink"}
    ends = {event["reason"] for event in captured.trace if event.kind == "close"}
    reset = "cut: the client reset the connection"  # smtp-source closes before it has read all
    assert ends <= {"quit", "closed", reset}
