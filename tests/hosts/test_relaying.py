"""Relaying: paths moved from host to host, trace lines, and one copy for each next host."""

from __future__ import annotations

import re
from typing import Any

import pytest
from helpers.host_by_hand import by_hand, letter, session
from helpers.small_topologies import (
    chain,
    counts,
    delivered,
    drops,
    host,
    mail,
    paths,
    relay,
    run,
    wire,
)

import lab

JOE = host("ONE.ARPA", "JOE")
SAM = host("FOUR.ARPA", "SAM", "ANN")
MIDDLE = (relay("TWO.ARPA"), relay("THREE.ARPA"))


@pytest.mark.rule("3.1-4", "3.6-2", "3.6-13", "3.6-15", "4.1.1-7")
def test_the_paths_move_as_the_mail_is_relayed() -> None:
    """3.6: each relay takes its name from the forward-path and puts it before the reverse-path."""
    done = run(
        JOE, *MIDDLE, SAM, mail=[mail("JOE@ONE.ARPA", "@TWO.ARPA,@THREE.ARPA:SAM@FOUR.ARPA")]
    )
    assert paths(done, "TWO.ARPA") == [
        "MAIL FROM:<JOE@ONE.ARPA>",
        "RCPT TO:<@TWO.ARPA,@THREE.ARPA:SAM@FOUR.ARPA>",
    ]
    assert paths(done, "THREE.ARPA") == [
        "MAIL FROM:<@TWO.ARPA:JOE@ONE.ARPA>",
        "RCPT TO:<@THREE.ARPA:SAM@FOUR.ARPA>",
    ]
    assert paths(done, "FOUR.ARPA") == [
        "MAIL FROM:<@THREE.ARPA,@TWO.ARPA:JOE@ONE.ARPA>",
        "RCPT TO:<SAM@FOUR.ARPA>",
    ]
    assert counts(done) == {"delivered": 1}


@pytest.mark.rule("3.6-4")
def test_a_host_that_the_route_does_not_name_adds_itself_and_deletes_nothing() -> None:
    """3.6: "the element is not deleted from the forward-path ... In any case, the SMTP adds its own
    identifier to the reverse-path".
    """
    done = run(JOE, *MIDDLE, SAM, mail=[mail("JOE@ONE.ARPA", "@THREE.ARPA:SAM@FOUR.ARPA")])
    assert paths(done, "TWO.ARPA")[1] == "RCPT TO:<@THREE.ARPA:SAM@FOUR.ARPA>"
    assert paths(done, "THREE.ARPA") == [
        "MAIL FROM:<@TWO.ARPA:JOE@ONE.ARPA>",
        "RCPT TO:<@THREE.ARPA:SAM@FOUR.ARPA>",
    ]


@pytest.mark.rule("3.6-4")
def test_without_a_route_the_reverse_path_grows_all_the_same() -> None:
    """3.6: relayed by host tables, the forward-path is a mailbox and stays one."""
    done = run(JOE, *MIDDLE, SAM, mail=[mail("JOE@ONE.ARPA", "SAM@FOUR.ARPA")])
    assert paths(done, "FOUR.ARPA") == [
        "MAIL FROM:<@THREE.ARPA,@TWO.ARPA:JOE@ONE.ARPA>",
        "RCPT TO:<SAM@FOUR.ARPA>",
    ]


@pytest.mark.rule("4.1.1-10", "4.1.1-11", "4.1.1-26", "4.1.2-11", "4.1.2-13")
def test_the_trace_lines_of_a_relayed_message() -> None:
    """4.1.1 DATA and example 8: a time stamp line a host, the newest first, and the return path
    line before them at final delivery.
    """
    done = run(JOE, *MIDDLE, SAM, mail=[mail("JOE@ONE.ARPA", "SAM@FOUR.ARPA")])
    (text,) = delivered(done, "SAM")
    lines = text.split("\n")
    assert lines[0] == "Return-Path: <@THREE.ARPA,@TWO.ARPA:JOE@ONE.ARPA>"
    stamps = [re.sub(r"; .*", ";", line) for line in lines[1:4]]
    assert stamps == [
        "Received: from THREE.ARPA by FOUR.ARPA ;",
        "Received: from TWO.ARPA by THREE.ARPA ;",
        "Received: from ONE.ARPA by TWO.ARPA ;",
    ]
    daytime = r".* ; \d{1,2} Aug 82 00:00:\d\d UT"
    assert all(re.fullmatch(daytime, line) for line in lines[1:4])
    assert lines[4].startswith("Date: ")
    assert text.count("Return-Path:") == 1


@pytest.mark.rule("4.1.1-10")
def test_mail_that_no_network_carries_has_no_time_stamp() -> None:
    """4.1.1 DATA: the receiver-SMTP stamps; between two users of one host there is none."""
    done = run(
        host("ONE.ARPA", "JOE", "ANN"), host("B"), mail=[mail("JOE@ONE.ARPA", "ANN@ONE.ARPA")]
    )
    (text,) = delivered(done, "ANN")
    assert text.startswith("Return-Path: <JOE@ONE.ARPA>\nDate: ")
    assert done.summary["sessions"] == 0


@pytest.mark.rule("2-2")
def test_one_copy_for_all_recipients_at_the_same_next_host() -> None:
    """2: to several recipients "the SMTP encourages the transmission of only one copy of the data
    for all the recipients at the same destination host".
    """
    done = run(
        host("ONE.ARPA", "JOE"), relay("TWO.ARPA", "BOB"), SAM,
        mail=[mail("JOE@ONE.ARPA", "SAM@FOUR.ARPA", "BOB@TWO.ARPA", "ANN@FOUR.ARPA")],
    )  # fmt: skip
    assert sum(line.startswith("MAIL") for line in wire(done, "TWO.ARPA")) == 1
    assert len(wire(done, "TWO.ARPA", "data")) == 1
    assert paths(done, "FOUR.ARPA")[1:] == ["RCPT TO:<SAM@FOUR.ARPA>", "RCPT TO:<ANN@FOUR.ARPA>"]
    assert len(wire(done, "FOUR.ARPA", "data")) == 1
    assert sorted(user for _, user in drops(done)) == ["ANN", "BOB", "SAM"]


@pytest.mark.rule("2-2")
def test_a_copy_for_each_next_host() -> None:
    """2: recipients at different hosts are two transmissions."""
    hosts = (host("ONE.ARPA", "JOE"), host("B.ARPA", "BOB"), host("C.ARPA", "CAT"))
    links = [{"between": ["ONE.ARPA", "B.ARPA"]}, {"between": ["ONE.ARPA", "C.ARPA"]}]
    done = run(*hosts, links=links, mail=[mail("JOE@ONE.ARPA", "BOB@B.ARPA", "CAT@C.ARPA")])
    assert [len(wire(done, name, "data")) for name in ("B.ARPA", "C.ARPA")] == [1, 1]
    assert counts(done) == {"delivered": 2}


@pytest.mark.rule("4.5.3-7")
def test_more_than_a_hundred_recipients_go_in_several_transactions() -> None:
    """4.5.3: a sender-SMTP does not exceed 100 recipients, which every receiver must buffer."""
    names = [f"u{n}" for n in range(250)]
    done = run(
        host("ONE.ARPA", "JOE"), host("B.ARPA", *names),
        mail=[mail("JOE@ONE.ARPA", *[f"{name}@B.ARPA" for name in names])],
    )  # fmt: skip
    words = "".join(line[0] for line in wire(done, "B.ARPA")).lstrip("H")
    assert words == "M" + "R" * 100 + "DM" + "R" * 100 + "DM" + "R" * 50 + "DQ"
    assert counts(done) == {"delivered": 250}


# -- environments

ENVIRONMENTS = [{"name": "arpanet"}, {"name": "csnet", "transport": "x25"}]
GATEWAY = relay("ISIE.ARPA", names={"csnet": "ISIE-GATEWAY"})
BETWEEN = [
    {"between": ["ONE.ARPA", "ISIE.ARPA"], "environment": "arpanet"},
    {"between": ["ISIE.ARPA", "UDEL"], "environment": "csnet"},
]


@pytest.mark.rule("3.5-1", "3.6-3")
def test_a_gateway_uses_the_name_of_the_environment_it_sends_into() -> None:
    """3.6: "it must use the name it is known by in the environment it is sending into"; so in HELO,
    the 220, the reverse-path and the time stamp line.
    """
    done = run(
        JOE, GATEWAY, host("UDEL", "DAVE"), links=BETWEEN, environment=ENVIRONMENTS,
        mail=[mail("JOE@ONE.ARPA", "@ISIE.ARPA:DAVE@UDEL")],
    )  # fmt: skip
    ready = "Simple Mail Transfer Service Ready"
    assert wire(done, "ONE.ARPA", "reply")[0] == f"220 ISIE.ARPA {ready}"
    assert wire(done, "UDEL")[:3] == [
        "HELO ISIE-GATEWAY",
        "MAIL FROM:<@ISIE-GATEWAY:JOE@ONE.ARPA>",
        "RCPT TO:<DAVE@UDEL>",
    ]
    (text,) = delivered(done, "DAVE")
    assert "Received: from ISIE-GATEWAY by UDEL ;" in text
    assert "Received: from ONE.ARPA by ISIE.ARPA ;" in text


@pytest.mark.rule("3.6-12")
def test_a_gateway_uses_that_name_for_its_own_users_too() -> None:
    """3.6 and 3.7: in HELO, 220 and 250, in the paths of its users, in time stamps, in VRFY and in
    the notifications that it sends, whichever of its names they were given by.
    """
    gate = relay("GATE.ARPA", "gus", names={"csnet": "CSGATE"})
    environments = [{"name": "arpanet"}, {"name": "csnet", "transport": "x25"}]
    links = [
        {"between": ["ONE.ARPA", "GATE.ARPA"]},
        {"between": ["GATE.ARPA", "UDEL"], "environment": "csnet"},
    ]
    letters = [
        mail("gus@GATE.ARPA", "dave@UDEL"),
        mail("gus@CSGATE", "JOE@ONE.ARPA"),
        mail("dave@UDEL", "gus@GATE.ARPA", "nobody@ONE.ARPA"),
    ]
    script = [{"at": 60, "from": "UDEL", "to": "GATE.ARPA", "lines": ["VRFY gus", "QUIT"]}]
    done = run(
        host("ONE.ARPA", "JOE"), gate, host("UDEL", "dave"),
        links=links, environment=environments, mail=letters, script=script,
    )  # fmt: skip
    assert {"HELO CSGATE", "MAIL FROM:<gus@CSGATE>"} <= set(wire(done, "UDEL"))
    assert {"HELO GATE.ARPA", "MAIL FROM:<gus@GATE.ARPA>"} <= set(wire(done, "ONE.ARPA"))
    replies = wire(done, "UDEL", "reply")
    assert replies[0].startswith("220 CSGATE ")
    assert {"250 CSGATE", "250 <gus@CSGATE>"} <= set(replies)
    assert "by CSGATE ;" in delivered(done, "gus")[0]
    assert delivered(done, "dave")[0].startswith("Return-Path: <gus@CSGATE>\n")
    assert "From: SMTP@CSGATE\n" in delivered(done, "dave")[1]
    assert counts(done) == {"delivered": 3, "returned": 1}
    assert done.breaches == []


@pytest.mark.rule("3.5-1", "3.6-3")
def test_a_gateway_knows_itself_by_each_of_its_names() -> None:
    """3.6: the way back names it as the other environment knows it, and it takes that name off."""
    done = run(
        JOE, GATEWAY, host("UDEL", "DAVE"), links=BETWEEN, environment=ENVIRONMENTS,
        mail=[mail("DAVE@UDEL", "@ISIE-GATEWAY:JOE@ONE.ARPA")],
    )  # fmt: skip
    ready = "Simple Mail Transfer Service Ready"
    assert wire(done, "UDEL", "reply")[0] == f"220 ISIE-GATEWAY {ready}"
    assert paths(done, "ONE.ARPA") == ["MAIL FROM:<@ISIE.ARPA:DAVE@UDEL>", "RCPT TO:<JOE@ONE.ARPA>"]


@pytest.mark.rule("1-1")
def test_no_mail_between_environments_without_a_relay() -> None:
    """1: mail crosses from one environment into another by a host that relays, or not at all."""
    gateway = host("ISIE.ARPA", names={"csnet": "ISIE-GATEWAY"})
    done = run(
        JOE, gateway, host("UDEL", "DAVE"), links=BETWEEN, environment=ENVIRONMENTS,
        mail=[mail("JOE@ONE.ARPA", "DAVE@UDEL", "@ISIE.ARPA:DAVE@UDEL")],
    )  # fmt: skip
    assert counts(done) == {"rejected": 1, "returned": 1}
    assert "550 This host does not relay" in wire(done, "ONE.ARPA", "reply")


# -- sizes

LONG = "H" + "x" * 50 + ".ARPA"


def hops(count: int) -> list[str]:
    return [f"H{n}{'x' * 40}.ARPA" for n in range(count)]


@pytest.mark.rule("4.5.3-3")
def test_a_reverse_path_that_would_grow_too_long_is_refused() -> None:
    """4.5.3: no path over 256 characters is sent; the relay that cannot add its name says 550."""
    names = hops(7)
    hosts = [JOE, *map(relay, names), host("FOUR.ARPA", "SAM")]
    done = run(*hosts, mail=[mail("JOE@ONE.ARPA", "SAM@FOUR.ARPA")])
    lines = [line for name in [*names, "FOUR.ARPA"] for line in wire(done, name)]
    assert max(len(line) for line in lines if line.startswith("MAIL")) <= len("MAIL FROM:") + 256
    replies = [line for host in hosts for line in wire(done, host["name"], "reply")]
    assert "550 The reverse-path would grow too long" in replies
    assert counts(done) == {"returned": 1}


@pytest.mark.parametrize("local", ["x" * 65, '"' + "y " * 33 + '"'])
@pytest.mark.rule("4.5.3-1", "4.5.3-2")
def test_a_path_too_large_to_be_sent_is_not_relayed(local: str) -> None:
    """4.5.3: a user name of 64, a domain of 64, a path of 256 characters is the most that a
    sender-SMTP sends; a relay that is handed more refuses it, whoever sent it.
    """
    lines = ["HELO ONE.ARPA", "MAIL FROM:<JOE@ONE.ARPA>", f"RCPT TO:<{local}@FOUR.ARPA>", "QUIT"]
    script = [{"at": 0, "from": "ONE.ARPA", "to": "TWO.ARPA", "lines": lines}]
    done = run(JOE, relay("TWO.ARPA"), SAM, mail=[], script=script)
    assert [line[:3] for line in wire(done, "ONE.ARPA", "reply")] == [
        "220",
        "250",
        "250",
        "550",
        "221",
    ]
    assert wire(done, "FOUR.ARPA") == []


@pytest.mark.rule("4.5.3-3")
def test_a_list_whose_member_cannot_be_sent_to_gives_it_back() -> None:
    """4.5.3 and 3.6: what was taken for a list before the way was known comes back."""
    names = hops(4)
    lists = [{"name": "all", "members": ["SAM@FOUR.ARPA", f"BOB@{LONG}"]}]
    hosts = [JOE, *map(relay, names), host(LONG, "BOB", list=lists), host("FOUR.ARPA", "SAM")]
    done = run(*hosts, mail=[mail("JOE@ONE.ARPA", f"all@{LONG}")])
    assert counts(done) == {"delivered": 1, "returned": 1}
    assert wire(done, "FOUR.ARPA") == []
    (text,) = delivered(done, "JOE")
    assert "The reverse-path would grow too long" in text


@pytest.mark.rule("3.6-5", "4.2.1-5")
def test_a_host_that_does_not_relay_says_so() -> None:
    """3.6: "The receiver-SMTP may accept or reject the task of relaying the mail"; 550."""
    done = run(
        JOE, host("TWO.ARPA"), SAM, links=chain(JOE, host("TWO.ARPA"), SAM),
        mail=[mail("JOE@ONE.ARPA", "@TWO.ARPA:SAM@FOUR.ARPA")],
    )  # fmt: skip
    assert wire(done, "ONE.ARPA", "reply")[3] == "550 This host does not relay"
    assert counts(done) == {"returned": 1}


def listed(**options: Any) -> lab.Run:
    """BOB's mail to a list at a host that is no relay, with a member behind a relay
    whom there is not.

    A list's name goes into the reverse-path, and what cannot be delivered comes back by it.
    """
    member = {"name": "all", "members": ["<@TWO.ARPA:nobody@FOUR.ARPA>"]}
    hosts = [
        host("BOB.ARPA", "BOB"), host("LIST.ARPA", list=[member]), relay("TWO.ARPA"),
        host("FOUR.ARPA", "SAM"),
    ]  # fmt: skip
    return run(*hosts, links=chain(*hosts), **options)


@pytest.mark.rule("3.6-5", "3.6-6")
def test_a_notification_comes_back_through_a_list_at_a_host_that_does_not_relay() -> None:
    done = listed(mail=[mail("BOB@BOB.ARPA", "all@LIST.ARPA")])
    assert counts(done) == {"returned": 1}
    (text,) = delivered(done, "BOB")
    assert "nobody@FOUR.ARPA" in text


@pytest.mark.rule("3.6-5")
@pytest.mark.parametrize(
    ("sender", "path"),
    [
        ("<BOB@BOB.ARPA>", "<@LIST.ARPA:SAM@FOUR.ARPA>"),  # no notification
        ("<>", "<SAM@FOUR.ARPA>"),  # no way that this host could be in
        ("<>", "<@TWO.ARPA:SAM@FOUR.ARPA>"),  # another's
    ],
)
def test_a_host_with_a_list_relays_nothing_else(sender: str, path: str) -> None:
    lines = ["HELO BOB.ARPA", f"MAIL FROM:{sender}", f"RCPT TO:{path}", "QUIT"]
    script = {"from": "BOB.ARPA", "to": "LIST.ARPA", "lines": lines}
    done = listed(mail=[], script=[script])
    assert wire(done, "BOB.ARPA", "reply")[3] == "550 This host does not relay"


@pytest.mark.rule("3.6-2")
def test_mail_in_a_circle_by_a_route_through_the_same_host_twice() -> None:
    """3.6: a route may pass a host twice; each time it moves its own name."""
    done = run(
        JOE, *MIDDLE, SAM,
        mail=[mail("JOE@ONE.ARPA", "@TWO.ARPA,@THREE.ARPA,@TWO.ARPA,@THREE.ARPA:SAM@FOUR.ARPA")],
    )  # fmt: skip
    assert counts(done) == {"delivered": 1}
    (text,) = delivered(done, "SAM")
    assert text.startswith(
        "Return-Path: <@THREE.ARPA,@TWO.ARPA,@THREE.ARPA,@TWO.ARPA:JOE@ONE.ARPA>\n"
    )
    assert text.count("Received: ") == 5


def test_only_mail_that_would_go_straight_back_goes_another_way() -> None:
    """3.6: what is far on the way is for the hosts there to see; the next hop is the shortest."""
    names = ("R", "Q", "B", "C", "E", "F", "G")
    pairs = ["A R", "R Q", "Q B", "B C", "C R", "R D", "B E", "E F", "F G", "G D"]
    done = run(
        host("A", "joe"), *map(relay, names), host("D", "sam"),
        links=[{"between": pair.split()} for pair in pairs],
        mail=[mail("joe@A", "@R,@Q,@B:sam@D")],
    )  # fmt: skip
    assert paths(done, "C") == ["MAIL FROM:<@B,@Q,@R:joe@A>", "RCPT TO:<sam@D>"]
    assert counts(done) == {"delivered": 1}


def test_mail_that_another_program_could_take_to_end_early_is_not_sent_to_it() -> None:
    """A period alone between bare LFs does not end mail data for us; for some programs it does."""
    made = by_hand("bob", relay=True)
    made.routes.external = frozenset({"C"})
    receiving = session(made)
    assert receiving.accept(letter(receiving, "carl@C", text=b"a\n.\nb\r\n")).code == 554
    assert receiving.accept(letter(receiving, "carl@C", text=b"a\n.b\r\n")).code == 250
    assert receiving.accept(letter(receiving, "eve@A", text=b"a\n.\nb\r\n")).code == 250
