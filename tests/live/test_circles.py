"""Mail that a mail program outside the lab sends back ends, as among hosts of the lab (3.6)."""

from __future__ import annotations

import re
import signal
import smtplib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiosmtpd.controller import Controller
from helpers.live_hosts import eventually, served
from helpers.postfix import running_postfix
from helpers.programs import free_port

import lab

BOUNCE_SENT = re.compile(r"to=<fred@GATE.LAB.ARPA>.*status=sent", re.I)
GATE, LOOP = "GATE.LAB.ARPA", "loop@GATE.LAB.ARPA"
NETWORK = """
[[host]]
name = "GATE.LAB.ARPA"
users = ["fred"]
[[host.forward]]
user = "loop"
to = "loop@REAL.ARPA"
[[host]]
name = "REAL.ARPA"
external = "127.0.0.1:{port}"
[[link]]
between = ["GATE.LAB.ARPA", "REAL.ARPA"]
latency = "1 ms"
"""
FIELD = (
    b"Received: from gate.lab.arpa (localhost [127.0.0.1])\r\n"
    b"\tby real.arpa (Postfix) with SMTP id 4XyzAb0Qk2z9s\r\n"
    b"\tfor <loop@real.arpa>; Tue, 24 Nov 2026 10:00:00 +0000 (UTC)\r\n"
)


class SendsBack:
    """A mail server that puts a folded field and others on top of mail, and sends it back."""

    def __init__(self, port: int, to: str = LOOP) -> None:
        self.port = port
        self.to = to
        self.passes = 0
        self.sent = 0
        self.end = ""

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
        self.passes += 1
        sender, content = envelope.mail_from, envelope.content  # type: ignore[attr-defined]
        threading.Thread(target=self._send_back, args=(sender, content), daemon=True).start()
        return "250 2.0.0 Ok: queued"

    def _send_back(self, sender: str, content: bytes) -> None:
        with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as client:
            try:
                mail = b"Delivered-To: loop@real.arpa\r\n" + FIELD + content
                client.sendmail(sender, [self.to], mail)
                self.sent += 1
            except smtplib.SMTPDataError as refused:
                self.end = f"{refused.smtp_code} {refused.smtp_error.decode()}"  # type: ignore[union-attr]


@contextmanager
def answering(handler: SendsBack, port: int) -> Iterator[None]:
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield
    finally:
        controller.stop()


def test_a_circle_through_a_real_mail_program_ends(tmp_path: Path) -> None:
    """Each pass adds a field of the mail program and one of ours: at more than 100 we say 554."""
    real, ours = free_port(), free_port()
    path, out = tmp_path / "circle.toml", tmp_path / "out"
    path.write_text(NETWORK.format(port=real))
    server = SendsBack(ours)
    options = ("--port", f"{GATE}={ours}", "--speed", "20", "--out", str(out))
    with answering(server, real), served(path, *options) as (process, _):
        with smtplib.SMTP("127.0.0.1", ours, timeout=60) as client:
            client.sendmail("fred@GATE.LAB.ARPA", [LOOP], "Subject: round\r\n\r\nHi\r\n")
        assert eventually(lambda: server.end, 300)
        process.send_signal(signal.SIGINT)
        process.wait(120)
        assert process.returncode == 0
    assert server.end.startswith("554 Transaction failed: the mail has 102 Received fields")
    assert server.passes == 51
    run = lab.Run(lab.load(path), lab.Trace.read_jsonl(out / "trace.jsonl"))
    assert run.breaches == []
    summary = run.summary
    assert (summary["submitted"], summary["delivered"], summary["duplicates"]) == (1, 1, 0)
    assert summary["recipients"][0]["hops"] == 102


BACK = """
relay_domains = real.arpa
relay_transport = smtp
relayhost = [127.0.0.1]:{port}
smtp_dns_support_level = disabled
hopcount_limit = 500
"""
RELAY = """
relay = true
hop_limit = 20
[[mail]]
from = "fred@GATE.LAB.ARPA"
to = ["ann@REAL.ARPA"]
text = "Hi"
"""


def test_a_circle_through_a_real_postfix_ends(tmp_path: Path) -> None:
    """It sends all mail back to us, with fields as it writes them, until our limit of 20."""
    ours = free_port()
    path, out = tmp_path / "circle.toml", tmp_path / "out"
    with running_postfix(BACK.format(port=ours), domains="") as (real, at):
        first, _, rest = NETWORK.format(port=real).partition("[[host.forward]]")
        settings, _, mail = RELAY.partition("[[mail]]")
        path.write_text(f"{first}{settings}[[host.forward]]{rest}[[mail]]{mail}")
        options = ("--port", f"{GATE}={ours}", "--speed", "20", "--out", str(out))
        with served(path, *options) as (process, _):
            assert eventually(lambda: BOUNCE_SENT.search((at / "log").read_text()), 300)
            process.send_signal(signal.SIGINT)
            process.wait(120)
            assert process.returncode == 0
        log = (at / "log").read_text()
    assert "554 Transaction failed: the mail has 21 Received fields" in log
    run = lab.Run(lab.load(path), lab.Trace.read_jsonl(out / "trace.jsonl"))
    passes = [event for event in run.trace if event.kind == "data" and event.host == "REAL.ARPA"]
    assert len(passes) == 11
    assert [event.t for event in run.trace if event.kind == "deliver" and event["user"] == "fred"]
    assert run.breaches == []
    summary = run.summary  # the second is Postfix's own notification
    assert (summary["submitted"], summary["delivered"], summary["duplicates"]) == (2, 2, 0)


def test_mail_that_comes_back_is_the_same_mail(tmp_path: Path) -> None:
    """It leaves by one host and comes back to a user of it: one recipient, delivered once.

    The same text that somebody sends anew is other mail.
    """
    real, ours = free_port(), free_port()
    path, out = tmp_path / "back.toml", tmp_path / "out"
    path.write_text(
        NETWORK.format(port=real)
        + '[[mail]]\nfrom = "fred@GATE.LAB.ARPA"\nto = ["ann@REAL.ARPA"]\n'
        + 'mail_data = "Subject: x\\n\\nHi\\n"\n'
    )
    server = SendsBack(ours, "fred@GATE.LAB.ARPA")
    options = ("--port", f"{GATE}={ours}", "--speed", "20", "--out", str(out))
    with answering(server, real), served(path, *options) as (process, _):
        assert eventually(lambda: server.passes == 1)
        assert eventually(lambda: server.sent == 1)
        with smtplib.SMTP("127.0.0.1", ours, timeout=60) as client:
            client.sendmail("z@b", ["fred@GATE.LAB.ARPA"], b"Subject: x\r\n\r\nHi\r\n")
        process.send_signal(signal.SIGINT)
        process.wait(120)
        assert process.returncode == 0
    run = lab.Run(lab.load(path), lab.Trace.read_jsonl(out / "trace.jsonl"))
    assert run.breaches == []
    summary = run.summary
    assert (summary["submitted"], summary["delivered"], summary["duplicates"]) == (2, 2, 0)
    assert [recipient["hops"] for recipient in summary["recipients"]] == [2, 1]
    delivered = [(event.host, event.message) for event in run.trace if event.kind == "deliver"]
    assert sorted(delivered) == [(GATE, 1), (GATE, 2), ("REAL.ARPA", 1)]
