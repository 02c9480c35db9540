"""Nasty messages through real mail servers, out of the lab and back into it.

``python -m tests.helpers.real_servers`` sends two hundred messages through each server that is
there, twice: over a relay of ours to the server and from there to a host of ours, and from a client
of another kind to the server and from there to a host of ours. It prints a table, and what differs.

Postfix: Debian's package, and root. Exim: that of ``.ci/run``, and root. aiosmtpd: an extra of
the tests. npm's smtp-server with nodemailer: ``NODE_PATH`` names the folder that has them.
OpenSMTPD: ``OPENSMTPD`` names a folder that :mod:`tests.helpers.opensmtpd_root` has made; and root.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import lab
from lab.protocol import dot_unstuff
from tests.helpers.live_hosts import eventually, served
from tests.helpers.nasty_messages import hand_in, message, texts
from tests.helpers.postfix import can_run, running_postfix
from tests.helpers.programs import folder_for_others, free_port, listens

NETWORK: Final = """
title = "Through a real server and back"
[retry]
first = "1 s"
give_up = "20 s"
[[host]]
name = "GATE.LAB.ARPA"
relay = true
users = ["postmaster"]
[[host]]
name = "HOME.LAB.ARPA"
users = ["fred"]
[[host]]
name = "REAL.ARPA"
external = "127.0.0.1:{port}"
[defaults.link]
latency = "1 ms"
[[link]]
between = ["GATE.LAB.ARPA", "REAL.ARPA"]
[[link]]
between = ["GATE.LAB.ARPA", "HOME.LAB.ARPA"]
"""
# -- what came of them


class Result(NamedTuple):
    """What came of a message. ``detail``: the reply, or both texts where they differ."""

    number: int
    verdict: str
    detail: str = ""


class Crossed:
    """A transaction with a server outside, as it crossed: mail data, and the reply to it."""

    def __init__(self) -> None:
        self.number = -1
        self.data = b""
        self.reply = ""

    @property
    def text(self) -> bytes:
        """The mail data without transparency and without its end (4.5.2)."""
        return dot_unstuff(self.data.removesuffix(b".\r\n"))


def transactions(trace: lab.Trace, host: str) -> list[Crossed]:
    """The transactions of a host with others, by what the trace says crossed."""
    found: list[Crossed] = []
    last: dict[int | None, Crossed] = {}
    for event in trace:
        if event.kind not in ("command", "data", "reply") or host not in (event.host, event.peer):
            continue
        if event.kind == "command" and event["verb"] == "MAIL":
            number = re.search(rb"ann(\d+)@", event["octets"])
            last[event.session] = one = Crossed()
            one.number = int(number[1]) if number else -1
            found.append(one)
        one = last.get(event.session, Crossed())
        if event.kind == "data":
            one.data += event["octets"]
        elif event.kind == "reply" and one.data and not one.reply:
            one.reply = event["octets"].decode("latin-1").strip()
    return found


OURS: Final = re.compile(rb"(?:Return-Path: [^\r\n]*\r\n)?(?:Received: [^\r\n]*\r\n)")
"""What a host of ours puts before mail: a line when it relays, two when it delivers (4.1.1)."""

TRACE_FIELDS: Final = re.compile(
    rb"(?:(?:Return-Path|Received|Delivered-To|X-Original-To|X-Peer|Envelope-To):"
    rb"[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)*",
    re.I,
)


def without(pattern: re.Pattern[bytes], mail: bytes) -> bytes:
    match = pattern.match(mail)
    return mail[match.end() :] if match else mail


def difference(sent: bytes, came: bytes) -> str:
    at = next((n for n, (a, b) in enumerate(zip(sent, came, strict=False)) if a != b), None)
    at = min(len(sent), len(came)) if at is None else at
    shown = sent[max(0, at - 10) : at + 25], came[max(0, at - 10) : at + 25]
    return f"octet {at} of {len(sent)}/{len(came)}: {shown[0]!r} came as {shown[1]!r}"


class Run:
    """What the trace of a run says of each message."""

    def __init__(self, trace: lab.Trace) -> None:
        self.out = {one.number: one for one in transactions(trace, "REAL.ARPA") if one.data}
        self.home: dict[int, list[Crossed]] = {}
        for one in transactions(trace, "HOME.LAB.ARPA"):
            self.home.setdefault(one.number, []).append(one)
        self.arrived: dict[int, list[bytes]] = {}
        self.notified: dict[int, str] = {}
        for event in trace:
            if event.kind == "deliver" and event.host == "HOME.LAB.ARPA":
                self._delivered(event["user"], event["octets"])

    def _delivered(self, user: str, mail: bytes) -> None:
        if user != "fred":
            told = re.findall(rb"[^\r\n]*\b[45]\d\d[ -][^\r\n]*", mail)
            told = told or mail.partition(b"failed:")[2].split(b"\r\n")[:4]
            self.notified[int(user[3:])] = b" / ".join(told[:4]).decode("latin-1") or "?"
        elif number := re.match(rb"Return-Path: <[^>]*ann(\d+)@", mail):
            self.arrived.setdefault(int(number[1]), []).append(mail)

    def judge(self, number: int, sent: bytes, reply: str, way: str) -> Result:
        """Where a message ended, and whether our hosts handed it on and took it in as it was."""
        if not reply.startswith("250"):
            return Result(number, f"refused by {'us' if way == 'relay' else 'it'}", reply)
        if way == "relay":
            out = self.out.get(number)
            if out is None:
                return Result(number, "LOST", "it never left GATE")
            if without(OURS, out.text) != sent:
                return Result(number, "CHANGED BY GATE", difference(sent, without(OURS, out.text)))
            if not out.reply.startswith("250"):
                return Result(number, "refused by it", out.reply)
        home = self.home.get(number, [])
        arrived = self.arrived.get(number, [])
        taken = [one for one in home if one.reply.startswith("250")]
        if len(arrived) != len(taken) or len(arrived) > 1:
            return Result(number, "COUNT", f"{len(arrived)} arrived, {len(taken)} taken")
        if not arrived:
            refused = [one.reply for one in home if one.reply]
            if refused:
                return Result(number, "refused by us, at home", refused[-1])
            if number in self.notified:
                return Result(number, "returned by it", self.notified[number])
            return Result(number, "kept by it", reply)
        if without(OURS, arrived[0]) != taken[0].text:
            came = difference(taken[0].text, without(OURS, arrived[0]))
            return Result(number, "CHANGED BY HOME", came)
        came = without(TRACE_FIELDS, arrived[0])
        if came == sent:
            return Result(number, "equal")
        return Result(number, "changed by it", difference(sent, came))


# -- the servers

Server = Callable[[Path, int], AbstractContextManager[int]]
"""Starts a server with its files in a folder; yields its port. What it takes for ``box@REAL.ARPA``,
and its notifications, it hands on to a port of ours."""

SERVERS: Final[dict[str, Server]] = {}


def server(function: Callable[[Path, int], Iterator[int]]) -> Server:
    made = SERVERS[function.__name__] = contextmanager(function)
    return made


class Missing(Exception):
    """A server that is not on this machine."""


POSTFIX: Final = """
virtual_mailbox_domains =
virtual_alias_domains = real.arpa
virtual_alias_maps = inline:{{box@real.arpa=fred@HOME.LAB.ARPA}}
relayhost = [127.0.0.1]:{home}
local_header_rewrite_clients =
smtpd_forbid_bare_newline = no
smtp_host_lookup = native
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
default_process_limit = 20
"""


@server
def postfix(at: Path, home: int) -> Iterator[int]:
    if not can_run():
        raise Missing
    with running_postfix(POSTFIX.format(home=home)) as (port, _):
        yield port


EXIM_CONF: Final = """
primary_hostname = real.arpa
exim_path = {program}
spool_directory = {at}
log_file_path = {at}/log_%s
pid_file_path = {at}/pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
keep_environment = LD_PRELOAD : NSS_WRAPPER_PASSWD : NSS_WRAPPER_GROUP
tls_advertise_hosts =
acl_smtp_rcpt = accept
acl_smtp_data = accept
exim_user = nobody
exim_group = nogroup
never_users =
host_lookup =
queue_only = true
smtp_accept_max = 100
message_size_limit = 0
begin acl
accept:
  accept
begin routers
box:
  driver = redirect
  local_parts = box
  data = fred@HOME.LAB.ARPA
home:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = home
begin transports
home:
  driver = smtp
  port = {home}
  allow_localhost
  message_linelength_limit = 1000000
  hosts_try_chunking =
  hosts_try_prdr =
begin retry
* * F,1h,1s
"""
UNPACKED: Final = Path.home() / ".cache/smtp-lab/exim"


@server
def exim(at: Path, home: int) -> Iterator[int]:
    whole = shutil.which("exim4", path="/usr/sbin:/usr/local/sbin")
    program = Path(whole) if whole else UNPACKED / "usr/sbin/exim4"
    if not program.exists() or os.geteuid() != 0:
        raise Missing
    at.mkdir()
    shutil.chown(at, "nobody", "nogroup")
    port, conf = free_port(), at.parent / "exim.conf"
    environment = dict(os.environ)
    if not whole:
        # its user must be able to run it again, which cannot look into root's folders
        program = Path(shutil.copy(program, at.parent / "exim4"))
        wrapper = shutil.copy(next(UNPACKED.glob("usr/lib/*/libnss_wrapper.so")), at.parent)
        accounts = "Debian-exim:x:101:101::/:/bin/sh\n"
        (at.parent / "passwd").write_text(Path("/etc/passwd").read_text() + accounts)
        (at.parent / "group").write_text(Path("/etc/group").read_text() + "Debian-exim:x:101:\n")
        environment |= {
            "LD_PRELOAD": str(wrapper),
            "NSS_WRAPPER_PASSWD": str(at.parent / "passwd"),
            "NSS_WRAPPER_GROUP": str(at.parent / "group"),
        }
    conf.write_text(EXIM_CONF.format(at=at, port=port, home=home, program=program))
    command = [str(program), "-C", str(conf), "-oX", f"127.0.0.1.{port}"]
    over = threading.Event()

    def run_queue() -> None:  # as root: its own user may not name a configuration
        while not over.wait(1.0):
            subprocess.run([*command[:3], "-q"], env=environment, capture_output=True)

    with subprocess.Popen([*command, "-bdf"], env=environment) as daemon:
        runner = threading.Thread(target=run_queue)
        runner.start()
        try:
            yield port
        finally:
            over.set()
            runner.join()
            daemon.terminate()


OPENSMTPD_CONF: Final = """
listen on 127.0.0.1 port {port} hostname real.arpa
table v {{ "@" = "fred@HOME.LAB.ARPA" }}
action fwd expand-only virtual <v>
action out relay host smtp://127.0.0.1:{home} helo real.arpa
match from any for domain "real.arpa" action fwd
match from any for any action out
"""


@server
def opensmtpd(at: Path, home: int) -> Iterator[int]:
    root = os.environ.get("OPENSMTPD", "")
    if not root or os.geteuid() != 0:
        raise Missing
    port = free_port()
    (Path(root) / "etc/smtpd.conf").write_text(OPENSMTPD_CONF.format(port=port, home=home))
    log = (at.parent / "opensmtpd.log").open("wb")
    with (
        log,
        subprocess.Popen(
            ["chroot", root, "/usr/sbin/smtpd", "-d", "-f", "/etc/smtpd.conf"],
            stderr=log,
            stdout=log,
        ) as daemon,
    ):
        try:
            yield port
        finally:
            daemon.terminate()


@server
def aiosmtpd(at: Path, home: int) -> Iterator[int]:
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import Envelope

    class HandsOn:
        async def handle_DATA(self, server: object, session: object, envelope: Envelope) -> str:
            import asyncio

            assert isinstance(envelope.content, bytes)
            number = re.search(r"ann(\d+)@", envelope.mail_from or "")
            assert number is not None
            reply = await asyncio.to_thread(
                hand_in, home, int(number[1]), "fred@HOME.LAB.ARPA", envelope.content
            )
            return str(reply)

    port = free_port()
    controller = Controller(HandsOn(), "127.0.0.1", port, data_size_limit=None)  # type: ignore[no-untyped-call]
    controller.start()  # type: ignore[no-untyped-call]
    try:
        yield port
    finally:
        controller.stop()  # type: ignore[no-untyped-call]


NODE: Final = """
const {{ SMTPServer }} = require("smtp-server");
const mailer = require("nodemailer");
const out = mailer.createTransport({{
  host: "127.0.0.1", port: {home}, ignoreTLS: true, name: "real.arpa" }});
new SMTPServer({{
  authOptional: true, disabledCommands: ["STARTTLS", "AUTH"], disableReverseLookup: true,
  onData(stream, session, done) {{
    const parts = [];
    stream.on("data", part => parts.push(part));
    stream.on("end", () => {{
      const from = session.envelope.mailFrom.address.replace(/^@.*:/, "");
      const envelope = {{ from, to: ["fred@HOME.LAB.ARPA"] }};
      out.sendMail({{ envelope, raw: Buffer.concat(parts) }}).then(() => done(null, "OK"), done);
    }});
  }} }}).listen({port}, "127.0.0.1");
"""


@server
def smtp_server(at: Path, home: int) -> Iterator[int]:
    """npm's smtp-server, which hands on by nodemailer."""
    program = shutil.which("node")
    where = next((Path(one) for one in os.environ.get("NODE_PATH", "").split(":") if one), None)
    if program is None or where is None or not (where / "smtp-server").is_dir():
        raise Missing
    port = free_port()
    with subprocess.Popen([program, "-e", NODE.format(port=port, home=home)]) as process:
        try:
            yield port
        finally:
            process.terminate()


# -- a run


def settle(trace: Path, quiet: float) -> None:
    """Wait until nothing has been recorded for so many seconds."""
    last, since = -1, time.monotonic()
    while time.monotonic() < since + quiet:
        size = trace.stat().st_size if trace.exists() else 0
        if size != last:
            last, since = size, time.monotonic()
        time.sleep(0.2)


def run(name: str, sent: list[bytes], way: str, quiet: float = 12.0) -> list[Result]:
    """Send messages through a server, over our relay or straight to it ("relay", "straight").

    It is over when nothing has happened for ``quiet`` seconds.
    """
    with folder_for_others() as place:
        home, gate = free_port(), free_port()
        with SERVERS[name](place / name, home) as port:
            if not eventually(lambda: listens(port)):
                raise RuntimeError(f"{name} does not listen")
            path, out = place / "net.toml", place / "out"
            users = ", ".join(f'"ann{n}"' for n in range(len(sent)))
            path.write_text(NETWORK.format(port=port).replace('["fred"]', f'["fred", {users}]'))
            options = ("--port", f"HOME.LAB.ARPA={home}", "--port", f"GATE.LAB.ARPA={gate}")
            with served(path, *options, "--out", str(out)) as (process, _):
                to = gate if way == "relay" else port
                replies = [
                    hand_in(to, number, "box@REAL.ARPA", one) for number, one in enumerate(sent)
                ]
                settle(out / "trace.jsonl", quiet)
                process.send_signal(signal.SIGINT)
                process.wait(600)  # a busy machine takes its time for the pictures
        trace = Run(lab.Trace.read_jsonl(out / "trace.jsonl"))
        return [
            trace.judge(n, one, reply, way)
            for n, (one, reply) in enumerate(zip(sent, replies, strict=True))
        ]


BAD: Final = ("LOST", "COUNT", "CHANGED BY GATE", "CHANGED BY HOME")


def report(found: list[Result]) -> None:
    """Print what became of messages that did not arrive as they were."""
    for one in found:
        if one.verdict != "equal" and not one.verdict.startswith("refused"):
            print(f"  {one.number:4} {one.verdict}: {one.detail}"[:300])
    refused = Counter((o.verdict, o.detail) for o in found if o.verdict.startswith("refused"))
    for (verdict, reply), many in refused.items():
        print(f"       {many} x {verdict}: {reply}"[:200])


def main(names: list[str]) -> int:
    sent = [message(number, text) for number, text in enumerate(texts())]
    bad = 0
    for name in names or SERVERS:
        for way in ("relay", "straight"):
            try:
                found = run(name, sent, way)
            except Missing:
                print(f"{name}: is not here")
                break
            counts = Counter(one.verdict for one in found)
            bad += sum(counts[one] for one in BAD)
            print(f"{name:12} {way:9}", dict(counts))
            report(found)
            sys.stdout.flush()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
