"""Real mail software that nobody here wrote: into a live host of ours, and out of it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.live_hosts import eventually, live, served, wait_for_mail
from helpers.postfix import running_postfix
from helpers.programs import folder_for_others, found, free_port, listens
from helpers.small_topologies import GATE_TO_INSIDE

import lab

NODE_MODULES = Path("/usr/share/nodejs")


def needs(program: str, package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        found(program) is None, reason=f"{program} is not installed (Debian: {package})"
    )


GATE = "GATE.LAB.ARPA"
JOE = "joe@INSIDE.LAB.ARPA"
MAIL = "From: ann@client.example\nTo: joe\nSubject: {subject}\n\nfirst\n.\n..two\nlast\n"

Send = Callable[[str, int, Path], list[str]]
CLIENTS: dict[str, tuple[str, str, Send]] = {
    "swaks": ("swaks", "swaks", lambda subject, port, file: [
        "--server", "127.0.0.1", "--port", str(port), "--from", "ann@client.example",
        "--to", JOE, "--data", f"@{file}",
    ]),
    "curl": ("curl", "curl", lambda subject, port, file: [
        "--silent", "--show-error", "--crlf", f"smtp://127.0.0.1:{port}/client.example",
        "--mail-from", "ann@client.example", "--mail-rcpt", JOE, "--upload-file", str(file),
    ]),
    "msmtp": ("msmtp", "msmtp", lambda subject, port, file: [
        "--host=127.0.0.1", f"--port={port}", "--from=ann@client.example", "--auth=off",
        "--tls=off", "--domain=client.example", JOE,
    ]),
    "s-nail": ("s-nail", "s-nail", lambda subject, port, file: [
        "-:/", "-Sv15-compat", f"-Smta=smtp://127.0.0.1:{port}", "-Ssmtp-auth=none",
        "-Shostname=client.example", "-Sfrom=ann@client.example", "-s", subject, JOE,
    ]),
    "nodemailer": ("node", "nodejs node-nodemailer", lambda subject, port, file: [
        "-e", f"""
const mailer = require("nodemailer");
const transport = mailer.createTransport(
  {{ host: "127.0.0.1", port: {port}, secure: false, ignoreTLS: true, name: "client.example" }});
transport.sendMail({{ envelope: {{ from: "ann@client.example", to: ["{JOE}"] }},
  raw: require("fs").readFileSync("{file}") }}).then(() => transport.close());
""",
    ]),
}  # fmt: skip


@pytest.mark.parametrize("client", CLIENTS)
def test_a_real_client_sends_through_the_lab(client: str, tmp_path: Path) -> None:
    """The mail goes through two hosts, dots and all; EHLO draws 500, and HELO follows."""
    program, package, arguments = CLIENTS[client]
    if found(program) is None or (client == "nodemailer" and not has_nodemailer()):
        pytest.skip(f"{client} is not installed (Debian: {package})")
    path, file, out = tmp_path / "in.toml", tmp_path / "mail", tmp_path / "out"
    spool = tmp_path / "spool"
    path.write_text(GATE_TO_INSIDE)
    file.write_text(MAIL.format(subject=client))
    body = file.read_text().partition("\n\n")[2] if client == "s-nail" else file.read_text()
    with served(path, "--out", str(out), "--spool", str(spool)) as (process, ports):
        done = subprocess.run(
            [found(program) or program, *arguments(client, ports[GATE], file)],
            input=body, capture_output=True, text=True, timeout=120,
            env=os.environ | {"NODE_PATH": str(NODE_MODULES), "HOME": str(tmp_path)},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        wait_for_mail(spool, "INSIDE.LAB.ARPA")
        process.send_signal(signal.SIGINT)
        process.wait(120)
    run = lab.Run(lab.load(path), lab.Trace.read_jsonl(out / "trace.jsonl"))
    assert run.breaches == []
    [mail] = [e["octets"] for e in run.trace if e.kind == "deliver"]
    header, _, text = mail.partition(b"\r\n\r\n")
    assert text.rstrip() == b"first\r\n.\r\n..two\r\nlast"
    assert f"Subject: {client}".encode() in header
    verbs = [e["verb"] for e in run.trace if e.kind == "command" and e.peer == "outside"]
    assert verbs[0] in ("EHLO", "HELO")
    assert "HELO" in verbs


def has_nodemailer() -> bool:
    return (NODE_MODULES / "nodemailer").is_dir()


@needs("smtp-source", "postfix")
def test_a_load_of_many_sessions_at_once(tmp_path: Path) -> None:
    """Postfix's smtp-source: 200 messages over 10 connections, every one delivered."""
    path, out, spool = tmp_path / "in.toml", tmp_path / "out", tmp_path / "spool"
    path.write_text(GATE_TO_INSIDE)
    with served(path, "--out", str(out), "--spool", str(spool)) as (process, ports):
        subprocess.run(
            [found("smtp-source") or "", "-s", "10", "-m", "200", "-l", "2048",
             "-f", "ann@client.example", "-t", JOE, f"127.0.0.1:{ports[GATE]}"],
            check=True, timeout=120,
        )  # fmt: skip
        wait_for_mail(spool, "INSIDE.LAB.ARPA", 200)
        process.send_signal(signal.SIGINT)
        process.wait(120)
    run = lab.Run(lab.load(path), lab.Trace.read_jsonl(out / "trace.jsonl"))
    assert run.breaches == []
    assert run.summary["submitted"] == run.summary["delivered"] == 200


# -- out of us


OUT = """
title = "Out of the lab"
[retry]
first = "2 s"
[[host]]
name = "HOME.LAB.ARPA"
users = ["fred"]
[[host]]
name = "GATE.LAB.ARPA"
relay = true
[[host]]
name = "REAL.ARPA"
external = "127.0.0.1:{port}"
[defaults.link]
latency = "1 ms"
[[link]]
between = ["HOME.LAB.ARPA", "GATE.LAB.ARPA"]
[[link]]
between = ["GATE.LAB.ARPA", "REAL.ARPA"]
"""
ONE = '[[mail]]\nfrom = "fred@HOME.LAB.ARPA"\nto = "ann@REAL.ARPA"\nmail_data = {data}\n'


def quoted(text: bytes) -> str:
    """Bytes as a TOML string."""
    return '"' + "".join(f"\\u{octet:04x}" for octet in text) + '"'


@needs("smtp-sink", "postfix")
@pytest.mark.parametrize("option", [[], ["-e"], ["-r", "data"]], ids=["EHLO", "HELO", "450 once"])
def test_postfixs_sink_takes_our_mail(option: list[str], tmp_path: Path) -> None:
    """Straight, where only HELO is known, and where DATA draws a temporary error for good."""
    port = free_port()
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = [found("smtp-sink") or "", *user, *option, f"127.0.0.1:{port}", "10"]
    path = tmp_path / "out.toml"
    late = '[retry]\nfirst = "2 s"\ngive_up = "5 s"' if option == ["-r", "data"] else "[retry]"
    path.write_text(
        OUT.format(port=port).replace('[retry]\nfirst = "2 s"', late)
        + ONE.format(data=quoted(b"Hi\r\n"))
    )
    with subprocess.Popen(command) as sink:
        try:
            assert eventually(lambda: listens(port))
            done = live(path, speed=5)
        finally:
            sink.terminate()
    outcome = "returned" if option == ["-r", "data"] else "delivered"
    assert done.summary[outcome] == 1
    assert done.breaches == []


EXIM = """
primary_hostname = real.arpa
spool_directory = {at}
log_file_path = {at}/log_%s
pid_file_path = {at}/pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
keep_environment =
tls_advertise_hosts =
queue_only = true
acl_smtp_rcpt = accept
acl_smtp_data = accept
exim_user = nobody
exim_group = nogroup
never_users =
begin acl
accept:
  accept
begin routers
all:
  driver = accept
  transport = drop
begin transports
drop:
  driver = appendfile
  file = {at}/drop
"""
UNPACKED = Path.home() / ".cache/smtp-lab/exim"


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that Exim's user can enter."""
    with folder_for_others() as folder:
        yield folder


@pytest.fixture
def exim(place: Path) -> Iterator[tuple[int, Path]]:
    """A real Exim on a port of its own: the port, and the directory of its spool.

    It cannot be installed beside Postfix, so it may be unpacked only, as .ci/run does; its user is
    then one that libnss-wrapper tells it of.
    """
    whole = shutil.which("exim4", path="/usr/sbin:/usr/local/sbin")
    program = Path(whole) if whole else UNPACKED / "usr/sbin/exim4"
    if not program.exists() or os.geteuid() != 0:
        pytest.skip(
            "Exim is not there (Debian: exim4-daemon-light), or we are not root to start it"
        )
    at, port = place / "exim", free_port()
    at.mkdir()
    shutil.chown(at, "nobody", "nogroup")
    (place / "exim.conf").write_text(EXIM.format(at=at, port=port))
    environment = dict(os.environ)
    if not whole:
        accounts = "Debian-exim:x:101:101::/:/bin/sh\n"
        (place / "passwd").write_text(Path("/etc/passwd").read_text() + accounts)
        (place / "group").write_text(Path("/etc/group").read_text() + "Debian-exim:x:101:\n")
        environment |= {
            "LD_PRELOAD": str(next(UNPACKED.glob("usr/lib/*/libnss_wrapper.so"))),
            "NSS_WRAPPER_PASSWD": str(place / "passwd"),
            "NSS_WRAPPER_GROUP": str(place / "group"),
        }
    command = [str(program), "-C", str(place / "exim.conf"), "-bdf"]
    with subprocess.Popen([*command, "-oX", f"127.0.0.1.{port}"], env=environment) as daemon:
        try:
            assert eventually(lambda: listens(port))
            yield port, at
        finally:
            daemon.terminate()


def test_exim_takes_our_mail(exim: tuple[int, Path], tmp_path: Path) -> None:
    """Out through a relay of ours, byte for byte but for line ends, which Exim keeps as LF."""
    port, at = exim
    path = tmp_path / "out.toml"
    text = b"Subject: out\r\n\r\nfirst\r\n.\r\n..two\r\nlast\r\n"
    path.write_text(OUT.format(port=port) + ONE.format(data=quoted(text)))
    done = live(path, speed=5)
    assert (done.summary["delivered"], done.breaches) == (1, [])
    [body] = eventually(lambda: sorted((at / "input").rglob("*-D")))
    [header] = sorted((at / "input").rglob("*-H"))
    assert body.read_bytes().partition(b"\n")[2] == b"first\n.\n..two\nlast\n"
    assert b"Subject: out" in header.read_bytes()
    assert b"<fred@HOME.LAB.ARPA>" in header.read_bytes().replace(b"@GATE.LAB.ARPA:", b"")


@pytest.fixture
def postfix() -> Iterator[tuple[int, Path]]:
    """A real Postfix on a port of its own, with a mail drop: the port, and the drop's directory."""
    with running_postfix() as (port, at):
        yield port, at / "mail/inbox/new"


SMUGGLED = b"MAIL FROM:<liar@REAL.ARPA>\r\nRCPT TO:<ann@REAL.ARPA>\r\nDATA\r\nsmuggled\r\n"
ENDS = [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r.\r\n", b"\n\n.\n", b"\0\n.\n"]


KEPT = [b"\r\n.\n", b"\r\n.\r", b"\n", b"\r", b"\n..\n", b"\0"]
"""On their way, the period after a CRLF is one of transparency (4.5.2)."""


def test_postfix_behind_our_relay_gets_the_messages_that_were_sent(
    postfix: tuple[int, Path], tmp_path: Path
) -> None:
    """Messages out are messages in, whatever line ends the mail holds: no text becomes commands.

    What Postfix would take for the end of the mail is refused before it is accepted.
    """
    port, drop = postfix
    path = tmp_path / "out.toml"
    path.write_text(OUT.format(port=port))
    with served(path) as (_, ports):
        for number, end in enumerate([*KEPT, *ENDS]):
            mail = b"Subject: %d\r\n\r\nbefore" % number + end + SMUGGLED
            reply = b"250" if end in KEPT else b"554"
            codes = b"220 250 250 250 354 %b 221" % reply
            assert spoken(ports["GATE.LAB.ARPA"], mail) == codes.split(), end
        assert eventually(lambda: len(files(drop)) >= len(KEPT))
        time.sleep(1.0)  # for what should not come
    arrived = files(drop)
    subjects = sorted(re.findall(rb"^Subject: (\d+)", text, re.M)[0] for text in arrived)
    assert subjects == sorted(b"%d" % number for number in range(len(KEPT)))
    assert all(b"smuggled" in text for text in arrived)


def spoken(port: int, mail_data: bytes) -> list[bytes]:
    """Send mail data as it is, octet for octet; the codes that were answered."""
    said = [b"HELO me", b"MAIL FROM:<me@ME>", b"RCPT TO:<ann@REAL.ARPA>", b"DATA"]
    said += [mail_data + b".", b"QUIT"]
    with socket.create_connection(("127.0.0.1", port), 10) as sock, sock.makefile("rb") as heard:
        codes = [heard.readline()[:3]]
        for line in said:
            sock.sendall(line + b"\r\n")
            codes.append(heard.readline()[:3])
        return codes


def files(drop: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(drop.glob("*"))]
