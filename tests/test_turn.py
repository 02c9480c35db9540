"""Changing roles on an open channel (RFC 821, section 3.8; 4.1.1, TURN)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import lab
from lab.network.load import from_dict

POLLING = Path(__file__).parent.parent / "topologies" / "polling.toml"


def site(**changes: Any) -> dict[str, Any]:
    hub: dict[str, Any] = {"name": "HUB.ARPA", "users": ["joe"], "turn": True, "holds": ["S.ARPA"]}
    return {
        "host": [{**hub, **changes}, {"name": "S.ARPA", "users": ["sam"], "holds": ["HUB.ARPA"]}],
        "link": [{"between": ["HUB.ARPA", "S.ARPA"]}],
        "mail": [
            {"from": "joe@HUB.ARPA", "to": "sam@S.ARPA", "text": "out"},
            {"from": "sam@S.ARPA", "to": "joe@HUB.ARPA", "text": "in"},
        ],
        "poll": [{"from": "S.ARPA", "to": "HUB.ARPA", "at": "1 min"}],
    }


def words(run: lab.Run) -> list[str]:
    """Commands by the host that got them, and codes of replies by the host that gave them."""
    log = []
    for event in run.trace:
        if event.kind == "command":
            log.append(f"{event.peer} {event['verb']}")
        elif event.kind == "reply":
            log.append(f"{event.peer} {event['code']}")
    return log


@pytest.mark.rule("3.8-1", "4.1.1-21")
def test_roles_change_on_the_open_channel() -> None:
    """After the 250 to TURN the caller greets with 220, and the other says HELO and sends."""
    run = lab.simulate(from_dict(site()))
    log = words(run)
    turn = log.index("S.ARPA TURN")
    assert log[turn : turn + 4] == ["S.ARPA TURN", "HUB.ARPA 250", "S.ARPA 220", "HUB.ARPA HELO"]
    assert log[-2:] == ["HUB.ARPA QUIT", "S.ARPA 221"]
    assert run.summary["sessions"] == 1
    assert run.summary["delivered"] == 2


@pytest.mark.rule("3.8-3")
def test_mail_that_is_held_waits_for_the_call() -> None:
    """Neither side calls for a message; both go when the poll opens the one channel."""
    run = lab.simulate(from_dict(site()))
    assert [event.t for event in run.trace if event.kind == "attempt"] == [60.0]


@pytest.mark.rule("3.8-2")
def test_a_host_that_is_not_set_so_refuses_with_502() -> None:
    """3.8: "To refuse to change roles the receiver sends the 502 reply"; the caller's mail went."""
    run = lab.simulate(from_dict(site(turn=False)))
    log = words(run)
    turn = log.index("S.ARPA TURN")
    assert log[turn:] == ["S.ARPA TURN", "HUB.ARPA 502", "S.ARPA QUIT", "HUB.ARPA 221"]
    assert (run.summary["delivered"], run.summary["queued"], run.summary["lost"]) == (1, 1, 0)


def test_the_letters_swap_with_the_roles_in_the_transcript() -> None:
    """S: is the sender-SMTP and R: the receiver-SMTP, whoever is which."""
    lines = list(lab.simulate(from_dict(site())).transcript_lines())
    turn = lines.index("S: TURN")
    assert lines[turn + 1] == "R: 250 OK"
    assert lines[turn + 2].startswith("R: 220 S.ARPA ")
    assert lines[turn + 3] == "S: HELO HUB.ARPA"


@pytest.mark.rule("3.8-2")
def test_nothing_waits_for_who_only_claims_a_name() -> None:
    """A peer that is not the host whose name it gives gets 502, and no mail of anybody's."""
    from lab.talk import Conversation

    conversation = Conversation(from_dict(site()), "HUB.ARPA")
    conversation.open()
    assert conversation.receive(b"HELO S.ARPA\r\n").startswith(b"250")
    assert conversation.receive(b"TURN\r\n").startswith(b"502")


@pytest.mark.rule("3.8-3")
def test_a_channel_for_both_ways_opens_fewer() -> None:
    """The saving: polled twice, the site takes two channels; called for each message, more."""
    polled = lab.simulate(lab.load(POLLING))
    sets = ["host.HUB.ARPA.holds=[]", "host.SMALL.ARPA.holds=[]", "host.HUB.ARPA.turn=false"]
    called = lab.simulate(lab.load(POLLING, sets))

    def channels(run: lab.Run) -> int:
        return sum(
            event.kind == "open" and "SMALL.ARPA" in (event.host, event.peer) for event in run.trace
        )

    assert polled.summary["delivered"] == called.summary["delivered"] == 5
    assert channels(polled) == 2
    assert channels(called) > channels(polled)
