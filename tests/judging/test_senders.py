"""``lab judge --sender``: what a sender does with receivers that are odd."""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from helpers.programs import found
from judging.mailers import NODE, PYTHON, edited

from lab.judging.finding import Finding, by_cause
from lab.judging.senders.cases import CASES, Odd
from lab.judging.senders.judge import AskedSender, judge_sender
from lab.judging.senders.peer import Peer
from lab.rfc import rules

PLACES = ["send", "{host}", "{port}", "{from}", "{to}", "{file}"]
SOME = [
    "send", "send-helo", "text-dot-line", "rcpt-550", "data-cut", "rcpt-several-lines",
    "opening-in-pieces", "data-359", "quit-cut", "send-waits-for-greeting",
]  # fmt: skip


def judged(command: Sequence[str], only: Sequence[str]) -> list[Finding]:
    result = judge_sender(AskedSender([*command, *PLACES], only=only))
    assert sorted(result.cases) == sorted(only)
    return [group[0] for group in by_cause(result.findings)]


def test_every_case_is_about_a_rule() -> None:
    assert {case.rule for case in CASES} <= {rule.number for rule in rules()}
    assert len({case.name for case in CASES}) == len(CASES) > 100


def test_right_senders_have_no_breach() -> None:
    assert judged([sys.executable, str(PYTHON)], SOME) == []
    if found("node") is not None:
        assert judged(["node", str(NODE)], SOME[:4]) == []


def test_after_a_refusal_the_receiver_of_a_case_takes_nothing() -> None:
    """When a sender goes on after a 550, the replies that follow refuse what it sends."""
    peer = Peer(Odd("RCPT", "550 no\r\n"))
    try:
        with socket.create_connection(("127.0.0.1", peer.port), 60) as client:
            client.sendall(b"HELO A\r\nMAIL FROM:<>\r\nRCPT TO:<a@B>\r\nDATA\r\nQUIT\r\n")
            said = b"".join(iter(lambda: client.recv(4096), b""))
    finally:
        peer.close()
    assert [line[:3] for line in said.splitlines()] == [
        b"220",
        *[b"250"] * 2,
        b"550",
        b"503",
        b"221",
    ]


def test_a_text_that_says_how_it_is_encoded_is_a_choice(tmp_path: Path) -> None:
    """As mail programs do with long lines since there is MIME."""
    mailer = tmp_path / "mailer.py"
    source = edited(PYTHON, "text = Path(file).read_bytes()", (
        "import quopri; head, _, text = Path(file).read_bytes().partition(b'\\r\\n\\r\\n')\n"
        "        text = quopri.encodestring(text.replace(b'\\r\\n', b'\\n'))\n"
        "        text = head + b'\\r\\nContent-Transfer-Encoding: quoted-printable\\r\\n\\r\\n' "
        "+ text.replace(b'\\n', b'\\r\\n')"
    ))  # fmt: skip
    mailer.write_text(source, encoding="utf-8")
    found = judged([sys.executable, str(mailer)], ["text-long-line", "send"])
    assert [(each.case, each.kind) for each in found] == [("text-long-line", "choice")]


@pytest.mark.parametrize(
    ("case", "rule", "old", "new"),
    [
        ("text-dot-line", "4.5.2-1", 'b"." + each if', "each if"),
        ("send-waits-for-greeting", "4.3-7", "code, line = self.answer()\n",
         'self.socket.sendall(b"NOOP\\r\\n")\n        code, line = self.answer()\n'),
        ("rcpt-550", "E-3", "return 0 if code // 100 == 2", "return 0 if code"),
        ("data-cut", "4.1.1-20", 'return 451, "the channel was lost"', 'return 250, "sent"'),
        ("rcpt-several-lines", "E-2", 'if line[3:4] != "-":', "if True:"),
        ("mail-259", "4.3-6", "if code // 100 == 2:\n", "if code in (220, 250):\n"),
        ("send", "4.1.2-10", "f\"RCPT TO:{to}\"", "f\"RCPT TO {to}\""),
        ("send", "4.1.2-10", "f\"MAIL FROM:{sender}\"", "f\"MAIL FROM: {sender}\""),
        ("send-quit", "4.2-1", 'f"HELO {HOST}"', 'f"HELO {HOST}\\r\\nNOOP"'),
        ("send", "4.5.2-3", "b\"\\r\\n\".join(stuffed)", "b\"\\n\".join(stuffed)"),
        ("mail-421", "4.3-4", "if code != 421:", "if code:"),
    ],
)  # fmt: skip
def test_a_fault_of_a_sender_is_found(
    case: str, rule: str, old: str, new: str, tmp_path: Path
) -> None:
    mailer = tmp_path / "mailer.py"
    mailer.write_text(edited(PYTHON, old, new), encoding="utf-8")
    assert judged([sys.executable, str(mailer)], [case])[0].rule == rule
