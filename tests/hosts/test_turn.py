"""Changing roles on an open channel (RFC 821, section 3.8; 4.1.1, TURN)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from helpers.host_by_hand import by_hand, session
from helpers.places import TOPOLOGIES

import lab
from lab.protocol import Outgoing, ReceiverSMTP, SenderSMTP, reply
from lab.testing import FakeAgenda, FakeInstallation, mail_to
from lab.topology.model import from_dict

POLLING = TOPOLOGIES / "polling.toml"


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


@pytest.mark.rule("3.8-2", "3.8-4")
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
    receiving = session(by_hand("bob", turn=True))
    for name, code in (("C", 502), ("nobody", 502), ("B", 502), ("A", 250), ("a", 250)):
        receiving.hello(name)
        assert receiving.turn().code == code


@pytest.mark.rule("3.8-3")
def test_a_channel_for_both_ways_opens_fewer() -> None:
    """The saving: polled twice, the site takes two channels; called for each message, more."""
    polled = lab.simulate(lab.load(POLLING))
    sets = ["host.HUB.ARPA.holds=[]", "host.SMALL.ARPA.holds=[]", "poll=[]"]
    called = lab.simulate(lab.load(POLLING, sets))

    def channels(run: lab.Run) -> int:
        return sum(
            event.kind == "open" and "SMALL.ARPA" in (event.host, event.peer) for event in run.trace
        )

    assert polled.summary["delivered"] == called.summary["delivered"] == 5
    assert channels(polled) == 2
    assert channels(called) > channels(polled)
    assert (polled.summary["sessions"], called.summary["sessions"]) == (6, 8)


@pytest.mark.rule("3.8-3")
def test_the_saving_is_told_in_the_timeline() -> None:
    """The legend says how many channels were opened, and how long that took in all."""
    sets = ["host.HUB.ARPA.holds=[]", "host.SMALL.ARPA.holds=[]", "poll=[]"]
    took = []
    for changes in ([], sets):
        ax = lab.simulate(lab.load(POLLING, changes)).plot("timeline")
        words = " ".join(text.get_text() for text in ax.get_legend().get_texts())
        found = re.search(r"opens a channel \((\d+) times, ([\d.]+) s\)", words)
        assert found
        took.append((int(found[1]), float(found[2])))
    assert [times for times, _ in took] == [6, 8]
    assert took[0][1] < took[1][1]


# -- both ways, by hand


class TurningBag(FakeAgenda):
    """An agenda that asks to change roles when its mail is sent."""

    def turns(self) -> bool:
        return True


class Party:
    """A program at one end of a channel: the sender-SMTP or the receiver-SMTP, as it stands."""

    def __init__(self, name: str, *mail: Outgoing) -> None:
        self.name = name
        self.bag = TurningBag(*mail)
        self.post = FakeInstallation(TURN=[250], CONNECT=[reply(220, f"{name} ready")])
        self.sender: SenderSMTP | None = None
        self.receiver: ReceiverSMTP | None = None

    def begin(self, *, sends: bool) -> list[bytes]:
        """Take a role, as if the channel had just been opened; what to say first."""
        self.sender = SenderSMTP(self.name, self.bag) if sends else None
        self.receiver = None if sends else ReceiverSMTP(self.post)
        return [octets for _, octets in self.receiver.open()] if self.receiver else []

    def hear(self, octets: bytes) -> list[bytes]:
        if self.receiver is not None:
            return [out for kind, out in self.receiver.receive(octets) if kind == "reply"]
        assert self.sender is not None
        return [out for kind, out in self.sender.receive(octets) if kind != "reply" and out]

    @property
    def turned(self) -> bool:
        return bool((self.sender or self.receiver).turned)  # type: ignore[union-attr]


def test_roles_change_both_ways_and_back() -> None:
    """3.8: whoever is the sender-SMTP may ask; after each 250 both are "in the initial state as if
    the transmission channel just opened": 220, HELO, and the mail of the other side.
    """
    a = Party("A.ARPA", mail_to("Jones"))
    b = Party("B.ARPA", mail_to("Smith"), mail_to("Green"))
    a.begin(sends=True)
    said = [(b, octets) for octets in b.begin(sends=False)]
    log = []
    while said and len(log) < 60:
        who, octets = said.pop(0)
        log.append(f"{who.name[0]} {octets[:4].decode().strip()}")
        other = a if who is b else b
        said += [(other, out) for out in other.hear(octets)]
        if a.turned and b.turned:
            was_sender = a if a.sender else b
            if len(b.post.stored) == 1 and len(a.post.stored) == 2 and was_sender is b:
                break
            now_sender = b if was_sender is a else a
            now_sender.begin(sends=True)
            said = [(was_sender, out) for out in was_sender.begin(sends=False)]
    mailed = "{0} MAIL|{1} 250|{0} RCPT|{1} 250|{0} DATA|{1} 354|{0} Hi|{1} 250"
    there, back = mailed.format("A", "B").split("|"), mailed.format("B", "A").split("|")
    assert log == [
        "B 220", "A HELO", "B 250", *there, "A TURN", "B 250",
        "A 220", "B HELO", "A 250", *back, *back, "B TURN", "A 250",
    ]  # fmt: skip


def test_the_state_after_turn_is_that_after_opening() -> None:
    """4.1.1 TURN: the one who greets knows no name and no transaction of what was before."""
    post = FakeInstallation()
    receiver = ReceiverSMTP(post)
    assert [octets[:3] for _, octets in receiver.open()] == [b"220"]
    for line, code in (("MAIL FROM:<a@B>", b"503"), ("TURN", b"503"), ("HELO B", b"250")):
        assert receiver.command(line.encode() + b"\r\n")[:3] == code
    assert receiver.peer == "B"


def test_a_channel_lost_at_the_turn_loses_nothing() -> None:
    """4.1.1 QUIT and TURN: cut at whichever word of the change, each side keeps its mail, and the
    next call brings it.
    """
    for after in ("TURN", "220", "HELO", "MAIL", "354"):
        tables = site()
        tables["poll"] = [{"from": "S.ARPA", "to": "HUB.ARPA", "every": "1 min", "times": 3}]
        hang_up = {"kind": "hang-up", "link": ["HUB.ARPA", "S.ARPA"], "after": after, "at": 0}
        run = lab.simulate(from_dict({**tables, "fault": [hang_up], "retry": {"first": "1 min"}}))
        assert run.breaches == [], after
        assert (run.summary["delivered"], run.summary["duplicates"]) == (2, 0), after


def test_a_host_calls_and_turns_whichever_it_is() -> None:
    """3.8: the hub may call as well, and the site's mail comes on the hub's channel."""
    tables = site()
    tables["host"][1]["turn"] = True
    tables["poll"] = [{"from": "HUB.ARPA", "to": "S.ARPA", "at": "1 min"}]
    run = lab.simulate(from_dict(tables))
    assert words(run).count("HUB.ARPA TURN") == 1
    assert (run.summary["sessions"], run.summary["delivered"]) == (1, 2)


def test_mail_that_nobody_fetches_stays_and_is_no_loss() -> None:
    """3.8: what a host holds for one that has not called yet is in its spool, and in order."""
    run = lab.simulate(from_dict({**site(), "poll": []}))
    assert (run.summary["queued"], run.summary["lost"], run.breaches) == (2, 0, [])


@pytest.mark.rule("3.8-3")
def test_a_poll_while_mail_is_sent_there_is_of_the_same_channel() -> None:
    """3.8: the caller has a channel open, and asks on that for what is held for it."""
    tables = site()
    tables["host"][1]["holds"] = []
    tables["poll"] = [{"from": "S.ARPA", "to": "HUB.ARPA", "at": "50 ms"}]
    run = lab.simulate(from_dict(tables))
    assert words(run).count("S.ARPA TURN") == 1
    assert (run.summary["sessions"], run.summary["delivered"]) == (1, 2)
