"""A sender-SMTP that does as its host is set: it learns, or reads no more than the first digit."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.small_topologies import counts, drops, host, mail, paths, relay, run, wire

import lab
from lab.protocol import SenderSMTP
from lab.protocol.syntax import path_in
from lab.testing import FakeAgenda, mail_to

LINKS = [
    {"between": ["ONE.ARPA", "TWO.ARPA"]},
    {"between": ["ONE.ARPA", "ISI.ARPA"]},
    {"between": ["TWO.ARPA", "ISI.ARPA"]},
]
ISI = host("ISI.ARPA", "Jones")
FORWARD = [{"user": "fred", "to": "Jones@ISI.ARPA"}]
TWO = host("TWO.ARPA", "BOB", forward=FORWARD)


def thrice(to: str = "fred@TWO.ARPA", sender: str = "JOE@ONE.ARPA") -> list[dict[str, Any]]:
    return [mail(sender, to, at=at) for at in (0, 60, 120)]


def learns(isi: dict[str, Any] = ISI, **options: Any) -> lab.Run:
    one = host("ONE.ARPA", "JOE", on_251="learn")
    done = run(one, TWO, isi, links=LINKS, **{"mail": thrice(), **options})
    assert done.breaches == []
    return done


# -- learning from 251 (section 3.2)


@pytest.mark.rule("3.2-3", "E-6")
def test_a_path_that_251_told_is_used_in_the_future() -> None:
    """3.2: 251 "indicates the correct forward-path to use in the future": the first mail is left to
    the receiver-SMTP, the next ones go straight.
    """
    done = learns()
    assert [line for line in paths(done, "TWO.ARPA") if line.startswith("RCPT")] == [
        "RCPT TO:<fred@TWO.ARPA>"
    ]
    assert paths(done, "ISI.ARPA") == [
        "MAIL FROM:<@TWO.ARPA:JOE@ONE.ARPA>", "RCPT TO:<Jones@ISI.ARPA>",
        *["MAIL FROM:<JOE@ONE.ARPA>", "RCPT TO:<Jones@ISI.ARPA>"] * 2,
    ]  # fmt: skip
    assert counts(done) == {"delivered": 3}
    modes = [(event["mode"], event["new"]) for event in done.trace if event.kind == "forward"]
    assert modes == [("forward", "Jones@ISI.ARPA"), *[("learned", "Jones@ISI.ARPA")] * 2]


def test_a_refusal_of_somebody_else_leaves_what_was_learned() -> None:
    """3.2: 550 for a mailbox that no 251 was about is a refusal like any other."""
    done = learns(mail=[*thrice()[:2], mail("JOE@ONE.ARPA", "nobody@TWO.ARPA", at=90), thrice()[2]])
    assert counts(done) == {"delivered": 3, "returned": 1}
    modes = [event["mode"] for event in done.trace if event.kind == "forward"]
    assert modes == ["forward", "learned", "learned"]


def test_who_is_not_set_so_does_not_learn() -> None:
    """3.2 leaves it to the sender: by default each mail is left to the receiver-SMTP."""
    done = run(host("ONE.ARPA", "JOE"), TWO, ISI, links=LINKS, mail=thrice())
    assert wire(done, "ONE.ARPA", "reply").count(
        "251 User not local; will forward to <Jones@ISI.ARPA>"
    ) == 3  # fmt: skip


def test_what_was_learned_and_does_not_hold_is_forgotten() -> None:
    """3.2: refused where it was sent to, mail goes as it would have gone, and is not returned for
    what we believed; the next mail asks again.
    """
    gone = host("ISI.ARPA", "Jones", answers={"RCPT": [250, 550]})
    done = learns(gone)
    first_hops = [
        event.peer for event in done.trace if event.kind == "attempt" and event.host == "ONE.ARPA"
    ]
    assert first_hops == ["TWO.ARPA", "ISI.ARPA", "TWO.ARPA", "ISI.ARPA"]
    assert counts(done) == {"delivered": 3}


def test_a_source_route_is_its_writers() -> None:
    """3.6: a route is "information about how to get there", which its writer chose."""
    done = learns(mail=[*thrice(), mail("JOE@ONE.ARPA", "@TWO.ARPA:fred@TWO.ARPA", at=180)])
    assert paths(done, "TWO.ARPA")[-1] == "RCPT TO:<@TWO.ARPA:fred@TWO.ARPA>"


def test_a_relay_learns_as_well() -> None:
    """3.2: any sender-SMTP may; the mail that it moves on for others goes straight too."""
    links = [*LINKS, {"between": ["ZERO.ARPA", "ONE.ARPA"]}]
    done = run(
        host("ZERO.ARPA", "ANN"), relay("ONE.ARPA", on_251="learn"), TWO, ISI, links=links,
        mail=thrice("@ONE.ARPA:fred@TWO.ARPA", "ANN@ZERO.ARPA"),
    )  # fmt: skip
    assert len(paths(done, "TWO.ARPA")) == 2
    assert paths(done, "ISI.ARPA")[2] == "MAIL FROM:<@ONE.ARPA:ANN@ZERO.ARPA>"
    assert counts(done) == {"delivered": 3}


def test_two_hosts_that_point_at_each_other_teach_no_circle() -> None:
    """3.2 and 3.6: what is learned is followed one step; mail for nobody goes back in the end."""
    back = relay("ISI.ARPA", forward=[{"user": "Jones", "to": "fred@TWO.ARPA"}])
    one, two = host("ONE.ARPA", "JOE", on_251="learn"), relay("TWO.ARPA", forward=FORWARD)
    done = run(one, two, back, links=LINKS, mail=thrice())
    assert done.is_settled
    assert counts(done) == {"returned": 3}


@pytest.mark.parametrize("text", ["another path", "<nowhere@at@all>", "<x@NOWHERE.ARPA>"])
def test_a_251_that_tells_no_path_of_use_teaches_nothing(text: str) -> None:
    """3.2: the text is for people; what we cannot send to is left to the receiver-SMTP."""
    path = path_in(f"User not local; will forward to {text}")
    assert path is None or path.domain == "NOWHERE.ARPA"
    done = run(
        host("ONE.ARPA", "JOE", on_251="learn"), host("TWO.ARPA", "fred", answers={"RCPT": 251}),
        mail=thrice(),
    )  # fmt: skip
    assert drops(done) == [("TWO.ARPA", "fred")] * 3


# -- an unsophisticated sender-SMTP (appendix E)


PLAIN = host("ONE.ARPA", "JOE", unsophisticated=True, on_251="redirect", on_551="redirect")


@pytest.mark.parametrize(("mode", "outcome"), [("forward", "delivered"), ("refer", "returned")])
def test_the_first_digit_tells_of_no_other_path(mode: str, outcome: str) -> None:
    """Appendix E: "by simply examining this first digit": 251 is taken, 551 is refused."""
    two = host("TWO.ARPA", forward=[{**FORWARD[0], "mode": mode}])
    done = run(PLAIN, two, ISI, links=LINKS, mail=[mail("JOE@ONE.ARPA", "fred@TWO.ARPA")])
    assert counts(done) == {outcome: 1}
    assert not any(line.endswith("<JOE@ONE.ARPA>") for line in paths(done, "ISI.ARPA"))


def test_the_first_digit_does_not_tell_552_from_550() -> None:
    """Appendix E and F, scenario 10: 552 for a recipient too many is 5yz, and its mail comes back,
    where a sender-SMTP that reads all of it would send the rest in another transaction.
    """
    two = host("TWO.ARPA", "A", "B", limits={"recipients": 1})
    to = ("A@TWO.ARPA", "B@TWO.ARPA")
    plain = run(PLAIN, two, mail=[mail("JOE@ONE.ARPA", *to)])
    assert counts(plain) == {"delivered": 1, "returned": 1}
    clever = run(host("ONE.ARPA", "JOE"), two, mail=[mail("JOE@ONE.ARPA", *to)])
    assert counts(clever) == {"delivered": 2}


@pytest.mark.parametrize(("code", "outcome"), [(450, "queued"), (452, "queued"), (553, "returned")])
def test_the_first_digit_is_enough_to_go_on(code: int, outcome: str) -> None:
    """Appendix E: 4yz, "the action may be requested again"; 5yz, discouraged."""
    two = host("TWO.ARPA", "BOB", answers={"RCPT": code})
    done = run(PLAIN, two, mail=[mail("JOE@ONE.ARPA", "BOB@TWO.ARPA")], until=60)
    assert counts(done) == {outcome: 1}


# -- what every sender-SMTP makes of every reply (4.3), in a network


SENT = ("CONNECT", "HELO", "MAIL", "RCPT", "DATA", "data")


def outcome_of(row: str, codes: list[int] | int, **options: Any) -> dict[str, int]:
    two = host("TWO.ARPA", "BOB", answers={row: codes})
    done = run(
        host("ONE.ARPA", "JOE"), two, mail=[mail("JOE@ONE.ARPA", "BOB@TWO.ARPA")],
        retry={"first": "10 s", "give_up": "1 min"}, **options,
    )  # fmt: skip
    assert (done.breaches, done.is_settled) == ([], True)
    return counts(done)


@pytest.mark.parametrize("row", SENT)
def test_421_anywhere_is_for_later(row: str) -> None:
    """4.3: 421 "may be given to any command"; the mail is kept, and arrives once at a later try."""
    assert outcome_of(row, [421]) == {"delivered": 1}


@pytest.mark.rule("E-1", "E-3")
@pytest.mark.parametrize("row", SENT)
@pytest.mark.parametrize(("code", "outcome"), [(451, "delivered"), (554, "returned")])
def test_a_failure_anywhere_by_its_class(row: str, code: int, outcome: str) -> None:
    """4.3 and appendix E: 4xx means later, 5xx return, permitted to the command or not."""
    assert outcome_of(row, [code]) == {outcome: 1}


@pytest.mark.parametrize("row", SENT)
def test_what_is_never_well_is_given_up(row: str) -> None:
    """3.6: mail that cannot be delivered "for whatever reason" goes back to its originator."""
    assert outcome_of(row, 451) == {"returned": 1}


@pytest.mark.parametrize(("row", "code", "outcome"), [
    ("MAIL", 251, "delivered"), ("HELO", 214, "delivered"), ("RCPT", 220, "delivered"),
    ("data", 220, "delivered"),                              # 2yz: done, whatever was meant
    ("DATA", 250, "delivered"),                              # and so not 3yz: later
    ("MAIL", 354, "delivered"), ("RCPT", 354, "delivered"),  # 3yz where nothing more is asked
    ("RCPT", 500, "returned"), ("data", 550, "returned"), ("MAIL", 550, "returned"),
])  # fmt: skip
def test_a_code_that_4_3_does_not_permit(row: str, code: int, outcome: str) -> None:
    """Appendix E: a code outside the row still tells by its first digit what to do next."""
    assert outcome_of(row, [code]) == {outcome: 1}


@pytest.mark.parametrize("code", [500, 501, 504, 451])
def test_a_host_that_cannot_reset_is_left(code: int) -> None:
    """4.1.1 RSET: "must send an OK reply"; from who does not, mail is kept away until later."""
    two = host("TWO.ARPA", "BOB", answers={"RSET": [code]})
    done = run(
        host("ONE.ARPA", "JOE"), two,
        mail=[mail("JOE@ONE.ARPA", "nobody@TWO.ARPA"), mail("JOE@ONE.ARPA", "BOB@TWO.ARPA")],
    )  # fmt: skip
    assert wire(done, "TWO.ARPA")[3:5] == ["RSET", "QUIT"]
    assert counts(done) == {"delivered": 1, "returned": 1}


def test_a_host_that_refuses_to_end_is_left_all_the_same() -> None:
    """4.1.1 QUIT: the sender closes when it has the reply, "even if there was an error"."""
    assert outcome_of("QUIT", 500) == {"delivered": 1}


def test_a_refused_recipient_does_not_stop_the_others() -> None:
    """3.1: each RCPT has its own reply: 5xx goes back, 4xx waits, 250 is delivered now."""
    two = host("TWO.ARPA", "A", "B", "C", answers={"RCPT": [550, 450, 250]})
    to = [f"{name}@TWO.ARPA" for name in "ABC"]
    done = run(host("ONE.ARPA", "JOE"), two, mail=[mail("JOE@ONE.ARPA", *to)], until=60)
    assert counts(done) == {"delivered": 1, "returned": 1, "queued": 1}
    assert wire(done, "TWO.ARPA")[5:] == ["DATA", "QUIT"]


def test_all_refused_is_a_transaction_aborted() -> None:
    """3.1 and appendix F, scenario 2: nobody to send to: RSET, and no DATA."""
    two = host("TWO.ARPA", "A", "B", answers={"RCPT": 550})
    to = [f"{name}@TWO.ARPA" for name in "AB"]
    done = run(host("ONE.ARPA", "JOE"), two, mail=[mail("JOE@ONE.ARPA", *to)])
    assert wire(done, "TWO.ARPA")[4:] == ["RSET", "QUIT"]
    assert counts(done) == {"returned": 2}


def sends(verb: str, two: dict[str, Any], *to: str, **options: Any) -> lab.Run:
    """A run in which JOE sends to people at TWO.ARPA, and his host mails what it cannot send."""
    one = host("ONE.ARPA", "JOE", **{"on_send_refused": "mail", **options})
    done = run(one, two, mail=[mail("JOE@ONE.ARPA", *to, verb=verb)])
    assert done.breaches == []
    return done


@pytest.mark.rule("3.4-4", "F-5")
@pytest.mark.parametrize("verb", ["SEND", "SOML", "SAML"])
def test_what_a_receiver_cannot_send_is_mailed(verb: str) -> None:
    """4.5.1: SEND, SOML and SAML may be missing: 502, and MAIL in the same session."""
    two = host("TWO.ARPA", "BOB", unimplemented=["SEND", "SOML", "SAML"])
    done = sends(verb, two, "BOB@TWO.ARPA")
    assert counts(done) == {"delivered": 1}
    begun = [line[:4] for line in wire(done, "TWO.ARPA") if "FROM:" in line]
    assert begun == [verb, "MAIL"]
    assert done.summary["sessions"] == 1


@pytest.mark.rule("3.4-4", "F-5")
def test_who_is_not_at_a_terminal_is_mailed() -> None:
    """Scenario 5: 450 to RCPT after SEND, then RSET, and MAIL for those only."""
    two = host("TWO.ARPA", {"name": "BOB", "active": True}, "BEN")
    done = sends("SEND", two, "BOB@TWO.ARPA", "BEN@TWO.ARPA", "NOBODY@TWO.ARPA")
    assert counts(done) == {"delivered": 2, "returned": 1}
    assert paths(done, "TWO.ARPA")[-2:] == ["MAIL FROM:<JOE@ONE.ARPA>", "RCPT TO:<BEN@TWO.ARPA>"]
    alone = sends("SEND", host("TWO.ARPA", "BEN"), "BEN@TWO.ARPA")
    words = [
        line[:4] for line in wire(alone, "TWO.ARPA") if ":" in line or line in ("RSET", "DATA")
    ]
    assert words == ["SEND", "RCPT", "RSET", "MAIL", "RCPT", "DATA"]


@pytest.mark.parametrize(
    ("verb", "two", "outcome"),
    [
        ("SOML", host("TWO.ARPA", {"name": "BOB", "mailbox": "busy"}), {"returned": 1}),
        ("SEND", host("TWO.ARPA", "BEN"), {"returned": 1}),
        ("SEND", host("TWO.ARPA", "BOB", answers={"SEND": 452}), {"returned": 1}),
    ],
)
def test_other_refusals_are_what_they_are_for_any_mail(
    verb: str, two: dict[str, Any], outcome: dict[str, int]
) -> None:
    """A busy mailbox, a user who does not exist, no storage: MAIL would fare no better."""
    done = sends(verb, two, "BOB@TWO.ARPA")
    assert counts(done) == outcome
    assert {line[:4] for line in wire(done, "TWO.ARPA") if "FROM:" in line} == {verb}


@pytest.mark.parametrize("verb", ["SEND", "SOML", "SAML"])
def test_a_host_that_cannot_send_to_terminals(verb: str) -> None:
    """4.5.1 and 4.3: 502 to SEND, SOML, SAML is an answer for good; the mail goes back."""
    two = host("TWO.ARPA", {"name": "BOB", "active": True}, unimplemented=["SEND", "SOML", "SAML"])
    one = mail("JOE@ONE.ARPA", "BOB@TWO.ARPA", verb=verb)
    done = run(host("ONE.ARPA", "JOE"), two, mail=[one])
    assert wire(done, "ONE.ARPA", "reply")[2] == "502 Command not implemented"
    assert counts(done) == {"returned": 1}


# -- terminals (section 3.4)


@pytest.mark.rule("3.4-1", "3.4-2", "3.4-3")
@pytest.mark.parametrize(("verb", "outcome"), [
    ("SEND", {"delivered": 1}),  # "successful if the message is delivered the terminal"
    ("SOML", {"delivered": 1}),  # "either to the terminal or the mailbox"
    ("SAML", {"returned": 1}),   # "if the message is delivered the mailbox"; nothing is kept of it
])  # fmt: skip
def test_the_rules_of_success(verb: str, outcome: dict[str, int]) -> None:
    """3.4: of a user who is active, and whose mailbox turns out to be full."""
    bob = {"name": "BOB", "active": True, "mailbox": "full-after-data"}
    one = mail("JOE@ONE.ARPA", "BOB@TWO.ARPA", verb=verb)
    done = run(host("ONE.ARPA", "JOE"), host("TWO.ARPA", bob), mail=[one])
    assert any(event.kind == "terminal" for event in done.trace) == (verb != "SAML")
    assert counts(done) == outcome
    assert done.breaches == []


@pytest.mark.rule("3.4-1", "3.4-2", "3.4-3", "4.2.1-4")
@pytest.mark.parametrize(("verb", "message"), [
    ("SEND", "250 OK"), ("SOML", "250 OK"),
    ("SAML", "452 Mailbox full"), ("MAIL", "452 Mailbox full"),
])  # fmt: skip
def test_a_full_mailbox_matters_where_mail_goes_into_it(verb: str, message: str) -> None:
    """3.4 and 4.2.1: what is shown on a terminal takes no room in a mailbox."""
    bob = {"name": "BOB", "active": True, "mailbox": "full"}
    one = mail("JOE@ONE.ARPA", "BOB@TWO.ARPA", verb=verb)
    done = run(host("ONE.ARPA", "JOE"), host("TWO.ARPA", bob), mail=[one], until=60)
    assert wire(done, "ONE.ARPA", "reply")[3] == message


@pytest.mark.rule("3.4-4")
def test_the_verb_goes_with_the_mail_across_a_relay() -> None:
    """3.4 and 3.6: a relay that takes a SEND sends it on as one."""
    bob = {"name": "BOB", "active": True}
    one = mail("JOE@ONE.ARPA", "BOB@TWO.ARPA", verb="SEND")
    done = run(host("ONE.ARPA", "JOE"), relay("MID.ARPA"), host("TWO.ARPA", bob), mail=[one])
    assert paths(done, "TWO.ARPA")[0] == "SEND FROM:<@MID.ARPA:JOE@ONE.ARPA>"
    assert counts(done) == {"delivered": 1}


# -- does the host that was called answer? (3.5)


def misnamed(welcome: str, **options: Any) -> tuple[list[str], dict[str, int]]:
    """The names that are recorded, where this is the text of the 250 to HELO; and the counts."""
    change = {"kind": "change-reply", "host": "TWO.ARPA", "session": 1}
    done = run(
        host("ONE.ARPA", "JOE", **options),
        host("TWO.ARPA", "fred", names={"csnet": "SECOND"}),
        mail=[mail("JOE@ONE.ARPA", "fred@TWO.ARPA")], retry={"first": "1 min"},
        fault=[{**change, "number": 2, "line": f"250 {welcome}"}],
        environment=[{"name": "arpanet"}, {"name": "csnet"}],
    )  # fmt: skip
    names = [str(event["name"]) for event in done.trace if event.kind == "misnamed"]
    assert done.summary["sessions"] == (2 if names and options else 1)
    return names, counts(done)


@pytest.mark.parametrize(("welcome", "names"), [
    ("TWO.ARPA", []), ("two.arpa at your service", []), ("SECOND", []), ("OK", []),
    ("Pleased to meet you.", []), ("ONE.ARPA", ["ONE.ARPA"]), ("THREE.ARPA", ["THREE.ARPA"]),
])  # fmt: skip
@pytest.mark.rule("3.5-4")
def test_a_name_of_another_host_is_recorded(welcome: str, names: list[str]) -> None:
    """3.5: "to ensure that the hosts are communicating with the hosts they think they are". A text
    without a name is none of another host, and other names of the host called are its own.
    """
    assert misnamed(welcome) == (names, {"delivered": 1})


@pytest.mark.rule("3.5-4")
def test_a_sender_may_be_set_to_send_nothing_to_another_host() -> None:
    """The mail waits, and goes to the host that it is for at the next try."""
    assert misnamed("ONE.ARPA", wrong_name="refuse") == (
        ["ONE.ARPA"], {"delivered": 1})  # fmt: skip


@pytest.mark.rule("3.5-4")
def test_the_greeting_is_compared_too() -> None:
    """Of an agenda by hand: the driver of a host outside may say anything in its 220."""

    class Careful(FakeAgenda):
        met: tuple[str, str] | None = None

        def meets(self, greeted_as: str, welcomed_as: str) -> bool:
            self.met = greeted_as, welcomed_as
            return greeted_as == "TWO.ARPA"

    for name, goes_on in (("TWO.ARPA", True), ("MALLORY.ARPA", False)):
        sender = SenderSMTP("ONE.ARPA", agenda := Careful(mail_to("fred")))
        sender.receive(f"220-{name} Service\r\n220 ready\r\n".encode())
        sent = sender.respond(b"250 TWO.ARPA hello\r\n")
        assert agenda.met == (name, "TWO.ARPA")
        assert sent[:4] == (b"MAIL" if goes_on else b"QUIT")
        assert agenda.refusals == ([] if goes_on else [(451, f"another host has answered: {name}")])
        assert len(agenda.mail) == (0 if goes_on else 1)


def test_a_251_that_tells_the_path_that_was_asked_is_left_to_the_receiver() -> None:
    """The sender-SMTP follows a 251, but not in a circle."""
    done = run(
        host("ONE.ARPA", "joe", on_251="redirect"),
        host("TWO.ARPA", "bob", answers={"RCPT": 251}),
        mail=[mail("joe@ONE.ARPA", "bob@TWO.ARPA")],
    )
    assert counts(done) == {"delivered": 1}
    assert done.summary["sessions"] == 1
