"""Judges real mail programs and writes the table in lab/help/judging.md.

``python -m tests.judging.real_programs`` judges those that are there: Postfix (Debian's package,
and root), Exim (unpacked, see ``tests/helpers/exim.py``), OpenSMTPD (``OPENSMTPD`` names a folder
of ``tests/helpers/opensmtpd_root.py``; and root), aiosmtpd, a live host of ours, the examples,
Perl's Net::SMTP, Python's smtplib, curl, swaks, msmtp and s-nail, and npm's smtp-server and
nodemailer (``NODE_PATH`` names the folder that has them). It takes some minutes. With names of
programs, it judges these, and keeps the other rows.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import lab
from lab.judging.finding import Judgement, by_cause
from lab.judging.receivers.judge import Asked, judge_receiver
from lab.judging.relays.judge import AskedRelay, judge_relay
from lab.judging.senders.judge import AskedSender, judge_sender
from tests.helpers import exim
from tests.helpers.live_hosts import eventually
from tests.helpers.places import ROOT
from tests.helpers.postfix import can_run, running_postfix
from tests.helpers.programs import found, free_port, listens

GUIDE: Final = ROOT / "lab" / "help" / "judging.md"
REGION: Final = re.compile(r"(?<=<!-- programs -->\n).*?(?=<!-- /programs -->)", re.S)
EXAMPLES: Final = ROOT / "lab" / "judging" / "examples"
OWN: Final = """
[[host]]
name = "BETA.ARPA"
relay = true
users = ["Jones", "Brown"]
[[host]]
name = "ALPHA.ARPA"
users = ["Smith"]
[[link]]
between = ["BETA.ARPA", "ALPHA.ARPA"]
"""
SMTPLIB: Final = (
    "import smtplib,sys; h,p,f,t,n=sys.argv[1:]; "
    "s=smtplib.SMTP(h,int(p)); s.sendmail(f,[t],open(n,'rb').read()); s.quit()"
)
NET_SMTP: Final = (
    "use Net::SMTP; my ($h,$p,$f,$t,$n)=@ARGV; my $s=Net::SMTP->new($h,Port=>$p) or exit 1;"
    "local $/; open my $d,'<:raw',$n; my $x=<$d>; $x =~ s/\\r\\n/\\n/g;"
    "$s->mail($f) && $s->to($t) && $s->data($x) or exit 1; $s->quit"
)
MAIL: Final = (
    "subject=$(sed -n '1s/^Subject: //p' \"$4\" | tr -d '\\r'); sed 1,2d \"$4\" | tr -d '\\r' | "
    "s-nail -:/ -Sv15-compat -Ssendwait -Shostname=ALPHA.ARPA -Smta=smtp://$0:$1 -Ssmtp-auth=none "
    '-r "$2" -s "$subject" "$3"'
)
SMTP_SERVER: Final = """
const { SMTPServer } = require("smtp-server");
new SMTPServer({
  authOptional: true, disabledCommands: ["STARTTLS", "AUTH"], disableReverseLookup: true,
  onData(stream, session, done) { stream.resume(); stream.on("end", () => done(null, "OK")); },
}).listen(Number(process.argv[1]), "127.0.0.1");
"""
OPENSMTPD: Final = """
listen on 127.0.0.1 port {port} hostname beta.arpa
table known {{ "jones@beta.arpa", "brown@beta.arpa" }}
action later relay host smtp://127.0.0.1:1
match from any for rcpt-to <known> action later
"""
"""It keeps what it takes: nobody listens where it would send it."""
NODEMAILER: Final = """
const [host, port, from, to, file] = process.argv.slice(1);
const out = require("nodemailer").createTransport({
  host, port: Number(port), ignoreTLS: true, name: "ALPHA.ARPA",
  greetingTimeout: 15000, socketTimeout: 15000,
});
const raw = require("fs").readFileSync(file);
out.sendMail({ envelope: { from, to: [to] }, raw })
  .then(() => process.exit(0), () => process.exit(1));
"""
SENDERS: Final = {
    "Python smtplib": (
        f"Python {platform.python_version()}",
        [sys.executable, "-c", SMTPLIB, "{host}", "{port}", "{from}", "{to}", "{file}"],
    ),
    "Perl Net::SMTP": (
        "perl", ["perl", "-e", NET_SMTP, "{host}", "{port}", "{from}", "{to}", "{file}"]),
    "curl": ("curl", ["curl", "-s", "--max-time", "15", "smtp://{host}:{port}", "--mail-from",
                      "{from}", "--mail-rcpt", "{to}", "--upload-file", "{file}"]),
    "swaks": ("swaks", ["swaks", "-n", "--timeout", "15", "-s", "{host}", "-p", "{port}", "-f",
                        "{from}", "-t", "{to}", "--data", "@{file}"]),
    "msmtp": ("msmtp", ["sh", "-c", "msmtp --host={host} --port={port} --timeout=15 -f {from} {to} "
                                    "< {file}"]),
    "mail (s-nail)": ("s-nail", ["sh", "-c", MAIL, "{host}", "{port}", "{from}", "{to}", "{file}"]),
    "nodemailer": ("npm nodemailer", ["node", "-e", NODEMAILER, "{host}", "{port}", "{from}",
                                      "{to}", "{file}"]),
}  # fmt: skip


def version(program: str, *arguments: str) -> str:
    """The first number that a program says of itself, or nothing if it is not there."""
    if found(program) is None:
        return ""
    command = [program, *(arguments or ["--version"])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    number = re.search(r"v?(\d+\.\d[\w.]*)", done.stdout + done.stderr)
    return number[1] if number else "?"


def receivers() -> Iterator[tuple[str, str, Callable[[], Judgement]]]:
    """The receivers that are there: name, version, and what judges each."""
    yield "a live host of ours", lab.__version__, _own
    yield ("examples/mailer.py", lab.__version__,
           lambda: judge_receiver(
               Asked([sys.executable, str(EXAMPLES / "mailer.py")])))  # fmt: skip
    if found("node"):
        yield ("examples/mailer.mjs", f"Node {version('node')}",
               lambda: judge_receiver(Asked(["node", str(EXAMPLES / "mailer.mjs")])))  # fmt: skip
    yield "aiosmtpd", _version_of("aiosmtpd"), _aiosmtpd
    if can_run():
        done = subprocess.run(["postconf", "-dh", "mail_version"], capture_output=True, text=True)
        yield "Postfix", done.stdout.strip(), _postfix
    if root := exim.unpacked():
        yield "Exim", _exim_version(root), lambda: _exim(root)
    if os.environ.get("OPENSMTPD") and os.geteuid() == 0:
        program = ["chroot", os.environ["OPENSMTPD"], "/usr/sbin/smtpd"]
        yield "OpenSMTPD", version(*program, "-h"), lambda: _opensmtpd(program)
    if number := npm_version("smtp-server"):
        yield "smtp-server", number, _smtp_server


def npm_version(package: str) -> str:
    """The version of a package in ``NODE_PATH``, or nothing if it is not there."""
    path = Path(os.environ.get("NODE_PATH", "/nonexistent")) / package / "package.json"
    if found("node") is None or not path.exists():
        return ""
    return str(json.loads(path.read_text(encoding="utf-8"))["version"])


def _smtp_server() -> Judgement:
    port = free_port()
    with subprocess.Popen(["node", "-e", SMTP_SERVER, str(port)]) as process:
        try:
            assert eventually(lambda: listens(port))
            return judge_receiver(Asked(address=("127.0.0.1", port)))
        finally:
            process.terminate()


def _version_of(package: str) -> str:
    from importlib.metadata import version as of

    return of(package)


def _own() -> Judgement:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "own.toml"
        path.write_text(OWN, encoding="utf-8")
        with lab.serve(path) as network:
            return judge_receiver(Asked(address=("127.0.0.1", network.ports["BETA.ARPA"])))


def _aiosmtpd() -> Judgement:
    from aiosmtpd.controller import Controller
    from aiosmtpd.handlers import Sink

    controller = Controller(Sink(), hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        return judge_receiver(Asked(address=("127.0.0.1", controller.port)))
    finally:
        controller.stop()


def _postfix() -> Judgement:
    with running_postfix() as (port, at):
        to = ["fred@real.arpa", "anna@real.arpa"]
        return judge_receiver(Asked(address=("127.0.0.1", port), to=to, folder=at / "mail"))


def _exim(root: Path) -> Judgement:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = exim.prepared(root, folder)
        return judge_receiver(Asked(command, to=exim.TO, folder=folder / "mail"))


def _exim_version(root: Path) -> str:
    with tempfile.TemporaryDirectory() as name:
        return version(*exim.prepared(root, Path(name))[:-1], "-bV")


def _opensmtpd(program: Sequence[str]) -> Judgement:
    port = free_port()
    Path(program[1], "etc/smtpd.conf").write_text(OPENSMTPD.format(port=port), encoding="utf-8")
    command = [*program, "-d", "-f", "/etc/smtpd.conf"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            assert eventually(lambda: listens(port))
            return judge_receiver(Asked(address=("127.0.0.1", port), to=exim.TO))
        finally:
            process.terminate()


def _version_of_sender(program: str) -> str:
    if program.startswith("npm "):
        return npm_version(program.removeprefix("npm "))
    return program if " " in program else version(program)


def rows(only: Sequence[str]) -> Iterator[str]:
    """A row of the table for each program that is there; without names, for all."""
    for name, number, judge in receivers():
        if not only or name in only:
            yield row(name, number, judge())
    for name, (program, command) in SENDERS.items():
        if (not only or name in only) and (number := _version_of_sender(program)):
            yield row(name, number, judge_sender(AskedSender(command)))
    if only:
        return
    mailer = [sys.executable, str(EXAMPLES / "mailer.py"), "relay"]
    places = ["{port}", "{next_host}", "{next_port}", "{queue}"]
    yield row("examples/mailer.py", lab.__version__, judge_relay(AskedRelay([*mailer, *places])))


def row(name: str, number: str, result: Judgement) -> str:
    """A row of the table."""
    groups = by_cause(result.findings)
    broken = [f"{each[0].rule} ({each[0].case})" for each in groups if each[0].kind == "breach"]
    chosen = list(dict.fromkeys(each[0].rule for each in groups if each[0].kind == "choice"))
    cells = [
        name, number, result.role, f"{result.passed} of {len(result.cases)}",
        ", ".join(broken) or "none", ", ".join(chosen) or "none",
    ]  # fmt: skip
    print(*cells, sep=" | ", flush=True)
    return f"| {' | '.join(cells)} |"


def table(only: Sequence[str]) -> str:
    """The table, with its date. With names, the rows of others stay as they are in the guide."""
    day = datetime.now(UTC).strftime("%-d %B %Y")
    head = "| program | version | as a | passed | breaches | choices |\n"
    head += "| --- | --- | --- | --- | --- | --- |\n"
    made = list(rows(only))
    before = REGION.search(GUIDE.read_text(encoding="utf-8"))
    old = re.findall(r"^\| .*\|$", before[0], re.M)[2:] if only and before else []
    kept = [each for each in old if each.split(" | ")[0].removeprefix("| ") not in only]
    return f"Judged on {day}:\n\n{head}" + "\n".join([*kept, *made]) + "\n\n"


if __name__ == "__main__":
    text = table(sys.argv[1:])
    GUIDE.write_text(
        REGION.sub(lambda _: text, GUIDE.read_text(encoding="utf-8")), encoding="utf-8"
    )
