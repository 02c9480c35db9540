"""The sender-SMTP closes the channel when its QUIT has been answered, and not before (4.1.1)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers.places import TOPOLOGIES

import lab
from lab.protocol import SenderSMTP
from lab.testing import FakeAgenda, mail_to
from lab.topology.model import from_dict

FILES = [
    *sorted((TOPOLOGIES / "rfc821").glob("*.toml")),
    *(TOPOLOGIES / f"{name}.toml" for name in ("campus", "polling", "faults/busy")),
]


@pytest.mark.parametrize("mail", [[], [mail_to("Jones")]])
@pytest.mark.rule("3.5-2")
def test_the_sender_waits_for_the_whole_reply_to_quit(mail: list[lab.protocol.Outgoing]) -> None:
    """4.1.1, QUIT: "The sender-SMTP should not close ... until it ... received the reply"."""
    sender = SenderSMTP("ALPHA.ARPA", FakeAgenda(*mail))
    sent = b""
    for code in (220, 250, 250, 250, 354, 250):
        sent = sender.respond(b"%d ok\r\n" % code)
        if sent == b"QUIT\r\n":
            break
    assert sent == b"QUIT\r\n"
    for part in (b"", b"221-still\r\n", b"221 her", b"e\r"):
        assert not sender.closing
        assert sender.respond(part) == b""
    assert not sender.closing
    sender.respond(b"\n")
    assert sender.closing


@pytest.mark.parametrize("code", [221, 250, 421, 500, 554])
def test_any_reply_to_quit_is_its_reply(code: int) -> None:
    """4.3 has 500 too: a receiver-SMTP that does not have QUIT is not asked again."""
    sender = SenderSMTP("ALPHA.ARPA", FakeAgenda())
    for octets in (b"220 hi\r\n", b"250 hi\r\n", b"%d so\r\n" % code):
        assert not sender.closing
        sender.respond(octets)
    assert sender.closing
    assert sender.has_quit is (code in (221, 250))


@pytest.mark.parametrize(
    ("answers", "reason"),
    [({"QUIT": 250}, "quit"), ({"QUIT": 500}, "closed"), ({"QUIT": 421}, "closed")],
)
def test_a_session_ends_with_quit_if_that_has_succeeded(
    answers: dict[str, int], reason: str
) -> None:
    """Whatever its code; for a script as well."""
    tables: dict[str, Any] = {
        "host": [{"name": "A", "users": ["ann"]}, {"name": "B", "answers": answers}],
        "link": [{"between": ["A", "B"]}],
        "script": [{"from": "A", "to": "B", "lines": ["HELO A", "QUIT"]}],
    }
    script = lab.simulate(from_dict(tables))
    tables["mail"] = [{"from": "ann@A", "to": "bob@B"}]
    made = lab.simulate(from_dict(tables))
    assert [event["reason"] for event in made.trace if event.kind == "close"] == [reason] * 2
    assert [event["reason"] for event in script.trace if event.kind == "close"] == [reason]


def test_a_221_to_another_command_is_no_quit() -> None:
    sender = SenderSMTP("ALPHA.ARPA", FakeAgenda())
    for octets in (b"221 hi\r\n", b"221 hi\r\n"):
        sender.respond(octets)
    assert not sender.has_quit
    sender.respond(b"221 bye\r\n")
    assert sender.has_quit


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_session_of_a_run_is_closed_before(path: Path) -> None:
    """Of all topologies that ship: "quit" is the end after QUIT and its reply, in this order."""
    last: dict[int, tuple[str, str]] = {}
    ended = 0
    for event in lab.simulate(path).trace:
        session = event.session
        if session is None:
            continue
        if event.kind == "command":
            last[session] = (event["octets"][:4].decode("latin-1").upper(), "")
        elif event.kind == "reply":
            last[session] = (last.get(session, ("", ""))[0], event["octets"][:3].decode())
        elif event.kind == "close" and event["reason"] == "quit":
            ended += 1
            assert last[session] == ("QUIT", "221")
    assert ended > 0
