"""Statements of RFC 821 about hosts, one a test, that no larger story of the other files proves."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.host_by_hand import by_hand, letter, session
from helpers.small_topologies import counts, delivered, host, mail, paths, relay, run, wire

import lab

JOE = host("ONE.ARPA", "JOE")


def replies(*lines: str, users: tuple[Any, ...] = (), **about: Any) -> list[str]:
    """The replies of TWO.ARPA to a script, with those to its greeting and its QUIT."""
    script = [{"from": "ONE.ARPA", "to": "TWO.ARPA", "lines": [*lines, "QUIT"]}]
    done = run(JOE, host("TWO.ARPA", *users, **about), mail=[], script=script, until=60)
    return wire(done, "ONE.ARPA", "reply")


BEGIN = ("HELO ONE.ARPA", "MAIL FROM:<JOE@ONE.ARPA>")


@pytest.mark.rule("1-1")
def test_a_router_of_two_environments_joins_them_for_no_mail() -> None:
    """1: "by a host on both transport systems"; a router is not one."""
    links = [
        {"between": ["ONE.ARPA", "R"], "environment": "arpanet"},
        {"between": ["R", "UDEL"], "environment": "csnet"},
    ]
    done = run(
        JOE, host("R", kind="router"), host("UDEL", "DAVE"), links=links,
        environment=[{"name": "arpanet"}, {"name": "csnet"}],
        mail=[mail("JOE@ONE.ARPA", "DAVE@UDEL")],
    )  # fmt: skip
    assert counts(done) == {"rejected": 1}


@pytest.mark.rule("2-1")
def test_commands_go_one_way_and_replies_the_other() -> None:
    """2: "SMTP replies are sent from the receiver-SMTP to the sender-SMTP in response"."""
    done = run(JOE, host("TWO.ARPA", "BOB"), mail=[mail("JOE@ONE.ARPA", "BOB@TWO.ARPA")])
    crossed = [(e.kind, e.host) for e in done.trace if e.kind in ("command", "data", "reply")]
    asked = ["command"] * 4 + ["data"] + ["command"]
    both = [("reply", "ONE.ARPA")]
    for kind in asked:
        both += [(kind, "TWO.ARPA"), ("reply", "ONE.ARPA")]
    assert crossed == both


@pytest.mark.rule("2-6")
def test_neighbours_exchange_mail_directly_and_others_by_relays() -> None:
    """2: directly when "connected to the same transport service, or via one or more relay"."""
    pairs = ["ONE.ARPA MID.ARPA", "MID.ARPA TWO.ARPA", "ONE.ARPA TWO.ARPA", "TWO.ARPA FAR.ARPA"]
    done = run(
        JOE, relay("MID.ARPA"), relay("TWO.ARPA", "BOB"), host("FAR.ARPA", "SAM"),
        links=[{"between": pair.split(), "latency": "1 ms" if "MID" in pair else "9 s"}
               for pair in pairs],
        mail=[mail("JOE@ONE.ARPA", "BOB@TWO.ARPA"), mail("JOE@ONE.ARPA", "SAM@FAR.ARPA")],
    )  # fmt: skip
    assert [text.count("Received: ") for text in delivered(done, "BOB")] == [1]
    assert "Received: from ONE.ARPA by TWO.ARPA ;" in delivered(done, "BOB")[0]
    assert "Received: from TWO.ARPA by FAR.ARPA ;" in delivered(done, "SAM")[0]


@pytest.mark.rule("3.1-4", "4.1.1-7")
def test_the_first_host_of_a_route_gets_the_mail_also_where_another_is_nearer() -> None:
    """3.1: "The first host in the <forward-path> should be the host receiving this command"; 4.1.1:
    the mail "must be relayed to the next host on the list".
    """
    pairs = ["ONE.ARPA NEAR.ARPA", "NEAR.ARPA TWO.ARPA", "ONE.ARPA WAY.ARPA", "WAY.ARPA TWO.ARPA"]
    done = run(
        JOE, relay("NEAR.ARPA"), relay("WAY.ARPA"), host("TWO.ARPA", "BOB"),
        links=[{"between": pair.split(), "latency": "9 s" if "WAY" in pair else "1 ms"}
               for pair in pairs],
        mail=[mail("JOE@ONE.ARPA", "@WAY.ARPA:BOB@TWO.ARPA")],
    )  # fmt: skip
    assert wire(done, "NEAR.ARPA") == []
    assert paths(done, "WAY.ARPA")[1] == "RCPT TO:<@WAY.ARPA:BOB@TWO.ARPA>"
    assert paths(done, "TWO.ARPA") == [
        "MAIL FROM:<@WAY.ARPA:JOE@ONE.ARPA>",
        "RCPT TO:<BOB@TWO.ARPA>",
    ]


@pytest.mark.rule("3.1-6")
def test_nothing_in_the_header_is_read_or_changed() -> None:
    """3.1: "the mail data includes the memo header items"; 3.6: no path of the commands need be in
    it. What is delivered is what was sent, after the trace lines.
    """
    memo = [
        "To: <@NOWHERE.ARPA:nobody@NOWHERE.ARPA>", "from:   Somebody Else <x@Y>", "  and more",
        "SUBJECT : ", "Received: by hand", "Return-Path: <z@Z>", "no field at all", "", "\ttext  ",
    ]  # fmt: skip
    lines = [*BEGIN, "RCPT TO:<BOB@FAR.ARPA>", "DATA", *memo, ".", "QUIT"]
    script = [{"from": "ONE.ARPA", "to": "TWO.ARPA", "lines": lines}]
    hosts = (JOE, relay("TWO.ARPA"), host("FAR.ARPA", "BOB"))
    (text,) = delivered(run(*hosts, mail=[], script=script), "BOB")
    got = text.split("\n")
    assert got[3:] == [*memo, ""]
    assert [line.partition(" ")[0] for line in got[:3]] == ["Return-Path:"] + ["Received:"] * 2


@pytest.mark.rule("3.1-7", "4.2.1-6")
@pytest.mark.parametrize("code", [552, 554, 451, 452])
def test_mail_data_that_is_refused_is_not_kept(code: int) -> None:
    """4.1.1 DATA: "If the processing fails completely the receiver must send a failure reply"; what
    it has refused is for the sender to keep or to return.
    """
    two = host("TWO.ARPA", "BOB", answers={"data": code})
    one = mail("JOE@ONE.ARPA", "BOB@TWO.ARPA")
    done = run(JOE, two, mail=[one], until=60)
    assert [line[:3] for line in wire(done, "ONE.ARPA", "reply")][4:6] == ["354", str(code)]
    assert delivered(done, "BOB") == []
    assert counts(done) == ({"returned": 1} if code >= 500 else {"queued": 1})


@pytest.mark.rule("3.1-8")
def test_a_notification_lists_every_member_that_the_mail_does_not_reach() -> None:
    """4.1.1 DATA: OK after the data, and "a single notification which lists all of the recipients
    that failed to get the message".
    """
    users = [{"name": name, "mailbox": "full-after-data"} for name in ("A", "C")]
    members = [f"{name}@TWO.ARPA" for name in "ABC"]
    two = host("TWO.ARPA", *users, "B", list=[{"name": "all", "members": members}])
    done = run(JOE, two, mail=[mail("JOE@ONE.ARPA", "all@TWO.ARPA")])
    assert wire(done, "ONE.ARPA", "reply")[5] == "250 OK"
    (text,) = delivered(done, "JOE")
    assert "A@TWO.ARPA.\n" in text
    assert "C@TWO.ARPA.\n" in text
    assert "B@TWO.ARPA.\n" not in text
    assert counts(done) == {"delivered": 1, "returned": 2}


@pytest.mark.rule("3.1-10", "4.2.1-5")
def test_a_recipient_is_taken_or_unknown_each_time_that_one_is_named() -> None:
    """3.1: 250 and "stores the forward-path"; "if the recipient is unknown ... a 550 Failure
    reply"; "repeated any number of times".
    """
    users = [f"u{n}" for n in range(30)]
    lines = [f"RCPT TO:<{name}@TWO.ARPA>" for user in users for name in (user, f"no-{user}")]
    codes = [line[:3] for line in replies(*BEGIN, *lines, "DATA", ".", users=(*users,))]
    assert codes == ["220", "250", "250", *["250", "550"] * 30, "354", "250", "221"]


@pytest.mark.rule("3.2-5")
@pytest.mark.parametrize("to", ["fred@FAR.ARPA", "Jones@TWO.ARPA", "Jones@FAR.ARPA"])
@pytest.mark.parametrize(("mode", "code"), [("forward", "251"), ("refer", "551")])
def test_host_or_user_or_both_may_be_different(to: str, mode: str, code: str) -> None:
    """3.2: of a 251 and of a 551."""
    forward = {"user": "fred", "to": to, "mode": mode}
    answer = replies(*BEGIN, "RCPT TO:<fred@TWO.ARPA>", users=("Jones",), forward=[forward])[3]
    assert (answer[:3], answer.rpartition(" ")[2]) == (code, f"<{to}>")


@pytest.mark.rule("3.4-1", "3.4-5", "4.2.1-3")
@pytest.mark.parametrize(
    ("active", "accepts", "answers"),
    [
        (True, True, ["250 OK", "250 OK", "250 OK"]),
        (True, False, ["450", "250 User not active now, so", "250 User not active now, so"]),
        (False, True, ["450", "250 User not active now, so", "250 User not active now, so"]),
    ],
)
def test_a_user_who_accepts_no_messages_is_as_one_who_is_not_there(
    active: bool, accepts: bool, answers: list[str]
) -> None:
    """3.4: users "should have the ability to control the writing of messages"."""
    user = {"name": "BOB", "active": active, "accepts": accepts}
    for verb, answer in zip(("SEND", "SOML", "SAML"), answers, strict=True):
        lines = ("HELO ONE.ARPA", f"{verb} FROM:<JOE@ONE.ARPA>", "RCPT TO:<BOB@TWO.ARPA>")
        assert replies(*lines, users=(user,))[3].startswith(answer)
        one = mail("JOE@ONE.ARPA", "BOB@TWO.ARPA", verb=verb)
        done = run(JOE, host("TWO.ARPA", user), until=60, mail=[one])
        shown = [event.kind for event in done.trace if event.kind == "terminal"]
        assert shown == (["terminal"] if active and accepts else [])


@pytest.mark.rule("4.1.1-28")
@pytest.mark.parametrize("verb", ["SEND", "SOML", "SAML"])
def test_a_notification_is_mailed_whatever_sent_the_mail(verb: str) -> None:
    """4.1.1 DATA: all notifications "are sent using the MAIL command"."""
    done = run(
        JOE, relay("TWO.ARPA"), host("FAR.ARPA", "SAM"),
        mail=[mail("JOE@ONE.ARPA", "nobody@FAR.ARPA", verb=verb)],
    )  # fmt: skip
    assert paths(done, "TWO.ARPA")[0] == f"{verb} FROM:<JOE@ONE.ARPA>"
    assert paths(done, "ONE.ARPA") == ["MAIL FROM:<>", "RCPT TO:<JOE@ONE.ARPA>"]
    assert counts(done) == {"returned": 1}


@pytest.mark.rule("4.5.2-5")
def test_mail_that_is_relayed_arrives_byte_for_byte() -> None:
    """4.5.2: transforms "must be reversible -- especially if such transforms are applied to mail
    being relayed". The lab makes none: a bare CR or LF, NUL, and a period stay as they are.
    """
    text = b"one\ntwo\rthree\0four\r\n\n\n.\x7f\r\n\r\n..two\r\ntab\t \x08\x1b\r\n \r\n"
    relaying = by_hand("bob", relay=True)
    receiving = session(relaying)
    receiving.accept(letter(receiving, "carl@C", text=text))
    (queue,) = relaying.spool.queues.values()
    stamp, crlf, sent = queue.entries[0].mail_data.partition(b"\r\n")
    assert (stamp[:9], crlf, sent) == (b"Received:", b"\r\n", text)


@pytest.mark.rule("4.1.1-4", "4.3-8")
def test_the_official_name_is_the_first_word_of_220_221_and_421() -> None:
    """4.3: "all the greeting type replies have the official name of the server host as the first
    word following the reply code".
    """
    said = replies("HELO ONE.ARPA")
    assert [said[0].split()[:2], said[-1].split()[:2]] == [["220", "TWO.ARPA"], ["221", "TWO.ARPA"]]
    assert said[1] == "250 TWO.ARPA"  # 4.1.1, HELO: "The receiver-SMTP identifies itself"
    refusing = {"fault": [{"kind": "refuse", "host": "TWO.ARPA", "at": 0}]}
    script = [{"at": 1, "from": "ONE.ARPA", "to": "TWO.ARPA", "lines": ["QUIT"]}]
    done: lab.Run = run(JOE, host("TWO.ARPA"), mail=[], script=script, until=60, **refusing)
    (greeting,) = wire(done, "ONE.ARPA", "reply")
    assert greeting.split()[:2] == ["421", "TWO.ARPA"]
