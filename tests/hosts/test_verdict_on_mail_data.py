"""The reply to the mail data: a failure if nobody can be given the mail, or else 250 (4.1.1).

Each test is a story: the replies of TWO.ARPA after the mail data, and what becomes of the mail, as
one log.
"""

from __future__ import annotations

from typing import Any

import pytest
from helpers.small_topologies import counts, host, mail, relay, run

import lab

FULL = {"mailbox": "full-after-data"}

TWO: dict[str, Any] = relay(
    "TWO.ARPA", "well", {"name": "full", **FULL}, {"name": "full2", **FULL},
    list=[
        {"name": "dead", "members": ["gone@TWO.ARPA"]},
        {"name": "all-full", "members": ["full@TWO.ARPA", "full2@TWO.ARPA"]},
        {"name": "mixed", "members": ["full@TWO.ARPA", "gone@TWO.ARPA"]},
        {"name": "outer", "members": ["dead@TWO.ARPA"]},
        {"name": "self", "members": ["self@TWO.ARPA"]},
        {"name": "ring1", "members": ["ring2@TWO.ARPA"]},
        {"name": "ring2", "members": ["ring1@TWO.ARPA"]},
        {"name": "afar", "members": ["x@NOWHERE.ARPA"]},
        {"name": "out", "members": ["SAM@Z.ARPA"]},
    ],
    forward=[
        {"user": "to-gone", "to": "gone@TWO.ARPA"},
        {"user": "to-full", "to": "full@TWO.ARPA"},
        {"user": "to-dead", "to": "dead@TWO.ARPA"},
        {"user": "circle1", "to": "circle2@TWO.ARPA"},
        {"user": "circle2", "to": "circle1@TWO.ARPA"},
        {"user": "to-out", "to": "SAM@Z.ARPA"},
    ],
)  # fmt: skip

NOBODY = "554 Transaction failed: No such user here"
TOO_LONG = "554 A text line is too long to be sent on"
NO_USER = "550 No such user here"
CIRCLE = "The user's mail is forwarded in a circle"
LONG = "x" * 2000

KINDS: list[tuple[str, str, str, str]] = [
    # a recipient who fails; the mail; the reply if all fail; what is said of the others
    ("full", "Hi", "552 Mailbox full", "552 Mailbox full"),
    ("dead", "Hi", NOBODY, NO_USER),
    ("all-full", "Hi", "552 Mailbox full", "552 Mailbox full"),
    ("mixed", "Hi", "554 Transaction failed: Mailbox full; No such user here",
     f"552 Mailbox full; {NO_USER}"),
    ("outer", "Hi", NOBODY, NO_USER),
    ("self", "Hi", NOBODY, NO_USER),
    ("ring1", "Hi", NOBODY, NO_USER),
    ("afar", "Hi", "554 Transaction failed: No host NOWHERE.ARPA is known here",
     "550 No host NOWHERE.ARPA is known here"),
    ("to-gone", "Hi", NOBODY, NO_USER),
    ("to-full", "Hi", "552 Mailbox full", "552 Mailbox full"),
    ("to-dead", "Hi", NOBODY, NO_USER),
    ("circle1", "Hi", f"554 Transaction failed: {CIRCLE}", f"550 {CIRCLE}"),
    ("out", LONG, TOO_LONG, TOO_LONG),
    ("to-out", LONG, TOO_LONG, TOO_LONG),
    ("SAM@Z.ARPA", LONG, TOO_LONG, TOO_LONG),
]  # fmt: skip


def log_of(done: lab.Run) -> list[str]:
    """The reply to the mail data, and what each host then does with the mail, line by line."""
    log: list[str] = []
    asked = False
    for event in done.trace:
        who = event.host.partition(".")[0]
        if event.kind == "data":
            asked = True
        elif event.kind == "reply" and asked:
            asked = False
            log.append(f"{event.peer.partition('.')[0]} says {event['code']} {event['text']}")
        elif event.kind == "deliver":
            log.append(f"{who} delivers to {event['user']}")
        elif event.kind == "notify":
            log.append(f"{who} notifies {event['path']}: {event['reason']}")
        elif event.kind in ("abandon", "defer"):
            log.append(f"{who} {event.kind}s: {event['reason']}")
        elif event.kind in ("accept", "forget"):
            log.append(f"{who} {event.kind}s")
    return log


def address(name: str) -> str:
    return name if "@" in name else f"{name}@TWO.ARPA"


def story(*to: str, text: str = "Hi", null: bool = False) -> lab.Run:
    """Mail from JOE at ONE.ARPA to recipients at TWO.ARPA; ``null``: with a null reverse-path.

    Text that our sender-SMTP would not send, and a null reverse-path, come from a script.
    """
    hosts = (host("ONE.ARPA", "JOE"), TWO, host("Z.ARPA", "SAM"))
    paths = [address(name) for name in to]
    if not null and text != LONG:
        one = {"from": "JOE@ONE.ARPA", "to": paths, "mail_data": f"{text}\n"}
        return run(*hosts, mail=[one])
    begin = "MAIL FROM:<>" if null else "MAIL FROM:<JOE@ONE.ARPA>"
    recipients = [f"RCPT TO:<{path}>" for path in paths]
    lines = ["HELO ONE.ARPA", begin, *recipients, "DATA", text, ".", "QUIT"]
    script = {"from": "ONE.ARPA", "to": "TWO.ARPA", "lines": lines}
    return run(*hosts, mail=[], script=[script])


@pytest.mark.parametrize(("name", "text", "verdict", "reason"), KINDS)
@pytest.mark.rule("3.1-7")
def test_if_all_fail_nothing_is_kept_and_the_sender_side_tells(
    name: str, text: str, verdict: str, reason: str
) -> None:
    """4.1.1: "If the processing fails completely the receiver must send a failure reply"."""
    done = story(name, text=text)
    after = [] if text == LONG else [f"ONE notifies JOE@ONE.ARPA: {verdict}", "ONE delivers to JOE"]
    assert log_of(done) == [f"TWO says {verdict}", *after]
    assert counts(done) == ({} if text == LONG else {"returned": 1})
    done = story(name, text=text, null=True)
    assert log_of(done) == [f"TWO says {verdict}"]
    assert counts(done) == {}
    assert done.breaches == []


@pytest.mark.parametrize(("name", "text", "verdict", "reason"), KINDS)
@pytest.mark.rule("3.1-8")
def test_if_some_fail_it_is_250_and_one_notification(
    name: str, text: str, verdict: str, reason: str
) -> None:
    """4.1.1: "the response to the DATA command must be an OK reply"; none about a null path."""
    done = story(name, "well", text=text)
    assert log_of(done) == [
        "TWO accepts", "TWO delivers to well", f"TWO notifies JOE@ONE.ARPA: {reason}",
        "TWO says 250 OK", "ONE accepts", "ONE delivers to JOE", "ONE says 250 OK",
    ]  # fmt: skip
    members = 2 if name in ("all-full", "mixed") else 1
    assert counts(done) == {"delivered": 1, "returned": members}
    assert done.breaches == []
    done = story(name, "well", text=text, null=True)
    assert log_of(done) == [
        "TWO accepts", "TWO delivers to well", f"TWO abandons: {reason}", "TWO says 250 OK",
    ]  # fmt: skip
    assert done.breaches == []


def test_several_reasons_are_one_reply() -> None:
    """4.3: the codes after the mail data are 552, 554, 451 and 452: one of them for all."""
    done = story("full", "dead", "full2")
    reply = "554 Transaction failed: Mailbox full; No such user here"
    assert log_of(done) == [
        f"TWO says {reply}", f"ONE notifies JOE@ONE.ARPA: {reply}", "ONE delivers to JOE",
    ]  # fmt: skip
    assert counts(done) == {"returned": 3}


def test_a_list_that_mail_comes_back_to_is_no_failure() -> None:
    """3.3: its members have the mail already; so the reply is 250, and nobody is told anything."""
    ring = [{"name": "ring", "members": ["ring@Z.ARPA"]}]
    back = [{"name": "ring", "members": ["ring@TWO.ARPA"]}]
    done = run(
        host("ONE.ARPA", "JOE"), relay("TWO.ARPA", list=ring), relay("Z.ARPA", list=back),
        mail=[mail("JOE@ONE.ARPA", "ring@TWO.ARPA")],
    )  # fmt: skip
    assert log_of(done) == [
        "TWO accepts", "TWO says 250 OK", "Z accepts", "Z says 250 OK", "TWO accepts",
        "TWO says 250 OK",
    ]  # fmt: skip


def test_a_notification_that_nobody_can_be_given_is_abandoned_by_its_sender() -> None:
    """3.6: the mail drop of the originator is full; about a notification there is no other."""
    done = run(
        host("ONE.ARPA", {"name": "JOE", **FULL}), relay("TWO.ARPA"), host("Z.ARPA", "SAM"),
        mail=[mail("JOE@ONE.ARPA", "@TWO.ARPA:gone@Z.ARPA")],
    )  # fmt: skip
    assert log_of(done) == [
        "TWO accepts", "TWO says 250 OK", f"TWO notifies JOE@ONE.ARPA: {NO_USER}",
        "ONE says 552 Mailbox full", "TWO abandons: 552 Mailbox full",
    ]  # fmt: skip
    assert counts(done) == {"undeliverable_notifications": 1}


@pytest.mark.parametrize("verb", ["SEND", "SOML", "SAML"])
def test_a_member_who_is_not_at_the_terminal_now_is_tried_again(verb: str) -> None:
    """3.4: SEND to a list of users who are not active is 451, which passes."""
    two = relay("TWO.ARPA", "BOB", list=[{"name": "all", "members": ["BOB@TWO.ARPA"]}])
    one = mail("JOE@ONE.ARPA", "all@TWO.ARPA", verb=verb)
    done = run(host("ONE.ARPA", "JOE"), two, mail=[one], until=60)
    if verb == "SEND":
        why = "451 Transaction failed: User not active now"
        assert log_of(done) == [f"TWO says {why}", f"ONE defers: {why}"]
        assert counts(done) == {"queued": 1}
    else:
        assert log_of(done) == ["TWO accepts", "TWO delivers to BOB", "TWO says 250 OK"]


@pytest.mark.rule("4.2.1-4")
def test_storage_that_runs_out_is_452_and_the_mail_is_tried_again() -> None:
    """4.2.1: 452 "insufficient system storage" passes; the sender-SMTP keeps the mail."""
    when = {"host": "TWO.ARPA", "event": "reply", "code": 354}
    fault = {"kind": "storage-full", "host": "TWO.ARPA", "when": when, "for": "1 min"}
    done = run(
        host("ONE.ARPA", "JOE"), host("TWO.ARPA", "BOB"),
        mail=[mail("JOE@ONE.ARPA", "BOB@TWO.ARPA")], fault=[fault], retry={"first": "2 min"},
    )  # fmt: skip
    why = "452 Insufficient system storage"
    assert log_of(done) == [
        f"TWO says {why}", f"ONE defers: {why}", "TWO accepts", "TWO delivers to BOB",
        "TWO says 250 OK",
    ]  # fmt: skip


@pytest.mark.parametrize("options", [{"store": "2 s"}, {"careless": True}])
def test_a_failure_after_storing_or_by_a_careless_host_is_the_same(options: Any) -> None:
    """4.1.1: the decision comes before the reply, also where the storing does not."""
    two = {**TWO, **options}
    done = run(
        host("ONE.ARPA", "JOE"), two, mail=[mail("JOE@ONE.ARPA", "full@TWO.ARPA")],
    )  # fmt: skip
    assert log_of(done)[0] == "TWO says 552 Mailbox full"
    assert counts(done) == {"returned": 1}
    done = run(
        host("ONE.ARPA", "JOE"), two,
        mail=[mail("JOE@ONE.ARPA", "full@TWO.ARPA", "well@TWO.ARPA")],
    )  # fmt: skip
    assert "TWO says 250 OK" in log_of(done)
    assert counts(done) == {"delivered": 1, "returned": 1}
    assert done.breaches == []


@pytest.mark.rule("4.1.1-24")
@pytest.mark.parametrize("more", [[], ["RCPT TO:<full@TWO.ARPA>"]])
def test_a_mail_command_that_is_refused_leaves_the_transaction_before_it(more: list[str]) -> None:
    """4.1.1: the buffers are cleared by a MAIL that is accepted, and only then."""
    lines = ["HELO ONE.ARPA", "MAIL FROM:<JOE@ONE.ARPA>", "RCPT TO:<well@TWO.ARPA>",
             "MAIL FROM:<ANN@ONE.ARPA>", *more, "DATA", "Hi", ".", "QUIT"]  # fmt: skip
    fault = {"kind": "change-reply", "host": "TWO.ARPA", "session": 1, "number": 5,
             "line": "452 Insufficient system storage"}  # fmt: skip
    done = run(
        host("ONE.ARPA", "JOE"), TWO, mail=[], fault=[fault],
        script=[{"from": "ONE.ARPA", "to": "TWO.ARPA", "lines": lines}],
    )  # fmt: skip
    assert log_of(done)[:2] == ["TWO accepts", "TWO delivers to well"]
    taken, *_ = [event for event in done.trace if event.kind == "accept"]
    assert taken["reverse_path"] == "JOE@ONE.ARPA"
    assert done.breaches == []
