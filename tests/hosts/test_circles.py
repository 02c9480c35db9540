"""Mail in a circle ends: by its Received fields, by its redirects, by its age (3.2, 3.6)."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.host_by_hand import by_hand, letter, session
from helpers.small_topologies import counts, host, mail, relay, run
from hypothesis import given
from hypothesis import strategies as st

import lab
from lab.hosts.received import hops_beyond, received_fields, visits, was_sent
from lab.protocol import HostName

OURS = "Received: from A.ARPA by B.ARPA ; 24 Nov 81 10:00:00 UT\r\n"
POSTFIX = (
    "Received: from b.arpa (localhost [127.0.0.1])\r\n"
    "\tby mail.example.org (Postfix) with ESMTP id 4XyzAb0Qk2z9s\r\n"
    "\tfor <loop@A.ARPA>; Tue, 24 Nov 2026 10:00:00 +0000 (UTC)\r\n"
)
EXIM = (
    "Received: from [127.0.0.1] (helo=b.arpa)\r\n"
    "\tby mail.example.org with smtp (Exim 4.96)\r\n"
    "\t(envelope-from <joe@A.ARPA>)\r\n"
    "\tid 1tFabc-0001Xy-2Z\r\n"
    "\tfor loop@A.ARPA;\r\n"
    "\tTue, 24 Nov 2026 10:00:00 +0000\r\n"
)
SENDMAIL = (
    "Received: from b.arpa (localhost [127.0.0.1])\r\n"
    "\tby mail.example.org (8.17.1/8.17.1) with SMTP id 4AO3ab12\r\n"
    "\tfor <loop@A.ARPA>; Tue, 24 Nov 2026 10:00:00 GMT\r\n"
)
QMAIL = (
    "Received: (qmail 1234 invoked from network); 24 Nov 2026 10:00:00 -0000\r\n"
    "Received: from localhost (HELO b.arpa) (127.0.0.1)\r\n"
    "  by mail.example.org with SMTP; 24 Nov 2026 10:00:00 -0000\r\n"
)
LOUD = "RECEIVED : FROM b.arpa\r\n BY mail.example.org ; 24 Nov 81 10:00:00 UT\r\n"
OTHER = "Delivered-To: loop@A.ARPA\r\nDKIM-Signature: v=1; a=x;\r\n\tb=received: no\r\n"


def names(*texts: str) -> set[HostName]:
    return set(map(HostName, texts))


@pytest.mark.parametrize(("field", "count"), [
    (OURS, 1), (POSTFIX, 1), (EXIM, 1), (SENDMAIL, 1), (QMAIL, 2), (LOUD, 1), (OTHER, 0),
])  # fmt: skip
@pytest.mark.rule("3.6-11")
def test_received_fields_count_as_mail_programs_write_them(field: str, count: int) -> None:
    """RFC 822, 3.1: folded, in any case, below other fields; down to the empty line."""
    body = f"\r\nHi\r\n\r\n{OURS}Received: no field, but text\r\n"
    for above in ("", OTHER, "X-Spam: received received\r\n"):
        octets = (above + field * 3 + "Subject: received\r\n" + field + body).encode()
        assert len(received_fields(octets)) == 4 * count
        assert hops_beyond(octets, 4 * count) == 0
        assert hops_beyond(octets, 4 * count - 1) == (4 * count if count else 0)
    assert received_fields(f"\r\n{field}".encode()) == []
    assert len(received_fields(field.encode())) == count


@pytest.mark.parametrize("field", [POSTFIX, EXIM, SENDMAIL, QMAIL, LOUD])
def test_a_host_is_known_in_the_fields_of_others(field: str) -> None:
    """By whom mail was received; comments are passed over, and whoever is named in them."""
    octets = f"{OTHER}{field}{OURS}\r\nHi\r\n".encode()
    assert visits(octets, names("MAIL.example.ORG")) == 1
    assert visits(octets, names("B.ARPA")) == 1
    assert visits(octets, names("Postfix", "localhost", "Exim")) == 0
    assert was_sent(octets, names("A.ARPA"))
    assert was_sent(octets, names("b.arpa")) == (field not in (EXIM, QMAIL))


@given(st.text("Rr:ecivd \t(f)rom byBY;\r\n", max_size=80))
def test_any_octets_can_be_read(text: str) -> None:
    octets = text.encode()
    fields = received_fields(octets)
    assert hops_beyond(octets, 0) == len(fields)
    assert visits(octets, names("B")) <= len(fields)


@pytest.mark.rule("3.6-11", "4.2.1-6")
def test_the_limit_is_a_setting_and_the_refusal_says_what_was_counted() -> None:
    """3.6: 100 unless set, as RFC 1123 and its successors ask at least."""
    for most, host_by_hand in ((100, by_hand("bob")), (3, by_hand("bob", hop_limit=3))):
        receiving = session(host_by_hand)
        text = (OTHER + POSTFIX * most + "\r\nHi\r\n").encode()
        assert str(receiving.accept(letter(receiving, "bob@B", text=text))) == "250 OK"
        refusal = receiving.accept(letter(receiving, "bob@B", text=OURS.encode() + text))
        assert str(refusal) == (
            f"554 Transaction failed: the mail has {most + 1} Received fields, and more than "
            f"{most} mean a loop"
        )


@pytest.mark.rule("3.6-11")
def test_a_circle_of_forwards_ends_at_the_limit() -> None:
    """3.6: the host before the one that refuses notifies the originator."""
    two = relay("TWO.ARPA", hop_limit=5, forward=[{"user": "bob", "to": "bob@Z.ARPA"}])
    z = relay("Z.ARPA", forward=[{"user": "bob", "to": "bob@TWO.ARPA"}])
    done = run(host("ONE.ARPA", "JOE"), two, z, mail=[mail("JOE@ONE.ARPA", "bob@TWO.ARPA")])
    (notice,) = [event for event in done.trace if event.kind == "notify"]
    assert (notice.host, notice["reason"]) == (
        "Z.ARPA",
        "554 Transaction failed: the mail has 6 Received fields, and more than 5 mean a loop",
    )
    assert counts(done) == {"returned": 1}
    assert done.breaches == []


# -- redirects (section 3.2)


def moved(number: int, to: str) -> dict[str, Any]:
    forwards = [{"user": "bob", "to": to, "mode": "refer"}]
    return host(f"H{number}.ARPA", forward=forwards)


def star(*hosts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"between": ["ONE.ARPA", other["name"]]} for other in hosts]


def reason(done: lab.Run) -> str:
    (notice,) = [event for event in done.trace if event.kind == "notify"]
    return str(notice["reason"])


@pytest.mark.parametrize(("moves", "outcome"), [(10, "delivered"), (11, "returned")])
@pytest.mark.rule("3.2-2", "3.2-4")
def test_mail_follows_ten_redirects_and_no_more(moves: int, outcome: str) -> None:
    """3.2: each host refers to another, so no path comes twice; all the same there is an end."""
    hosts = [moved(n, f"bob@H{n + 1}.ARPA") for n in range(moves)]
    hosts.append(host(f"H{moves}.ARPA", "bob"))
    to = [mail("JOE@ONE.ARPA", "bob@H0.ARPA")]
    done = run(host("ONE.ARPA", "JOE"), *hosts, links=star(*hosts), mail=to)
    assert counts(done) == {outcome: 1}
    assert done.breaches == []
    if outcome == "returned":
        assert reason(done) == (
            "H10.ARPA said 551 User not local; please try <bob@H11.ARPA>, but the mail has been "
            "redirected 10 times, which is the limit"
        )


@pytest.mark.rule("3.2-4")
def test_a_circle_of_redirects_ends_and_the_notification_says_so() -> None:
    hosts = [moved(0, "bob@H1.ARPA"), moved(1, "bob@h0.arpa")]
    to = [mail("JOE@ONE.ARPA", "bob@H0.ARPA")]
    done = run(host("ONE.ARPA", "JOE"), *hosts, links=star(*hosts), mail=to)
    assert reason(done) == (
        "H1.ARPA said 551 User not local; please try <bob@h0.arpa>, but the mail has been sent "
        "there before: it is in a loop"
    )
    assert counts(done) == {"returned": 1}


@pytest.mark.parametrize("mode", ["refer", "forward"])
def test_mail_is_as_old_after_a_redirect_as_before(mode: str) -> None:
    """3.2 and 3.6: no redirect makes mail young again, so it is given up at its time."""
    forwards = [{"user": "bob", "to": "bob@Z.ARPA", "mode": mode}]
    hosts = [host("TWO.ARPA", forward=forwards), host("Z.ARPA", "bob")]
    down = [
        {"kind": "host-down", "host": "TWO.ARPA", "at": 0, "for": "50 min"},
        {"kind": "host-down", "host": "Z.ARPA", "at": 0},
    ]
    done = run(
        host("ONE.ARPA", "JOE", on_251="redirect"), *hosts, links=star(*hosts), fault=down,
        mail=[mail("JOE@ONE.ARPA", "bob@TWO.ARPA")],
        retry={"first": "10 min", "factor": 1, "give_up": "1 h"},
    )  # fmt: skip
    assert any(event.kind == "forward" for event in done.trace)
    assert counts(done) == {"returned": 1}
    (recipient,) = done.summary["recipients"]
    assert recipient["settled_at"] is not None
    assert 3600 <= recipient["settled_at"] < 3601


@pytest.mark.parametrize("before", [0, 1, 5, 57, 58, 65_530, 65_536])
def test_fields_of_a_header_that_is_very_long_are_counted_once(before: int) -> None:
    """It is looked through in pieces: a name may lie across two of them."""
    octets = b"X: " + b"x" * before + b"\r\n" + OURS.encode() * 4000
    assert hops_beyond(octets, 3999) == 4000
    assert hops_beyond(octets, 4000) == 0
