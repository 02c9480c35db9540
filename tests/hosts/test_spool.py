"""The spool: mail that cannot go now waits, is tried again, and is given up in the end."""

from __future__ import annotations

import pytest
from helpers.small_topologies import counts, delivered, drops, events, host, mail, relay, run, wire
from hypothesis import given
from hypothesis import strategies as st

from lab.hosts.retry import Retry

RETRY = {"first": "10 min", "factor": 2, "max": "1 h", "give_up": "4 h"}
JOE = host("ONE.ARPA", "JOE")


def minutes(done: object, *kinds: str) -> list[int]:
    return [round(t / 60) for _, _, t in events(done, *kinds)]  # type: ignore[arg-type]


@pytest.mark.rule("4.2.1-3")
def test_a_busy_mailbox_is_tried_again_and_the_mail_returned_in_the_end() -> None:
    """4.2.1 and 4.1.1 QUIT: 450 is for now; ours tries again after 10, 20, 40 and then every 60
    minutes, once more at the end of the four hours, and then tells the originator.
    """
    two = host("TWO.ARPA", {"name": "BOB", "mailbox": "busy"})
    done = run(JOE, two, retry=RETRY, mail=[mail("JOE@ONE.ARPA", "BOB@TWO.ARPA")])
    assert minutes(done, "attempt") == [0, 10, 30, 70, 130, 190, 240]
    assert minutes(done, "defer") == [0, 10, 30, 70, 130, 190]
    assert minutes(done, "notify") == [240]
    (text,) = delivered(done, "JOE")
    assert "your message to BOB@TWO.ARPA lost" in text
    assert "TWO.ARPA did not take it, and no more attempts are made: 450 Mailbox busy" in text
    assert counts(done) == {"returned": 1}


@pytest.mark.rule("3.1-3")
def test_one_busy_mailbox_does_not_hold_up_the_others() -> None:
    """3.1: each recipient has a reply of its own; who was taken has the mail at once."""
    two = host("TWO.ARPA", {"name": "BUSY", "mailbox": "busy"}, "ANN")
    done = run(
        JOE, two, retry=RETRY,
        mail=[
            mail("JOE@ONE.ARPA", "BUSY@TWO.ARPA", "ANN@TWO.ARPA"),
            mail("JOE@ONE.ARPA", "ANN@TWO.ARPA", at="15 min"),
        ],
    )  # fmt: skip
    assert [user for _, user in drops(done)] == ["ANN", "ANN", "JOE"]
    assert minutes(done, "deliver") == [0, 15, 240]
    assert counts(done) == {"delivered": 2, "returned": 1}


@pytest.mark.rule("4.2.1-3")
def test_a_mailbox_that_is_free_again_gets_the_mail() -> None:
    """4.2.1: a transient reply means "the sender-SMTP is encouraged to try again"."""
    done = run(
        JOE, host("TWO.ARPA", "BOB"), retry=RETRY,
        fault=[{"kind": "busy", "host": "TWO.ARPA", "at": "0 s", "for": "25 min"}],
        mail=[mail("JOE@ONE.ARPA", "BOB@TWO.ARPA", at="1 s")],
    )  # fmt: skip
    assert minutes(done, "deliver") == [30]
    assert counts(done) == {"delivered": 1}


@pytest.mark.rule("E-3")
def test_a_host_that_cannot_be_reached_holds_its_whole_queue() -> None:
    """Contract of the spool: a failure of the host is one for all mail that waits for it."""
    done = run(
        JOE, host("TWO.ARPA", "BOB", "ANN"), retry=RETRY,
        fault=[{"kind": "host-down", "host": "TWO.ARPA", "at": "0 s", "for": "25 min"}],
        mail=[
            mail("JOE@ONE.ARPA", "BOB@TWO.ARPA", at="1 s"),
            mail("JOE@ONE.ARPA", "ANN@TWO.ARPA", at="5 min"),
        ],
    )  # fmt: skip
    # the second finds the queue held back, and goes in the session of the first
    assert minutes(done, "attempt") == [0, 10, 30]
    assert done.summary["sessions"] == 1
    assert counts(done) == {"delivered": 2}


@pytest.mark.rule("E-3")
def test_a_host_that_stays_out_of_reach_is_given_up() -> None:
    """3.6: mail that was taken and cannot be sent on goes back to its originator, saying why."""
    done = run(
        JOE, relay("TWO.ARPA"), host("Z", "SAM"), retry=RETRY,
        fault=[{"kind": "link-down", "link": ["TWO.ARPA", "Z"], "at": "0 s"}],
        mail=[mail("JOE@ONE.ARPA", "@TWO.ARPA:SAM@Z", at="1 s")],
    )  # fmt: skip
    assert minutes(done, "notify") == [240]
    (text,) = delivered(done, "JOE")
    assert "From: SMTP@TWO.ARPA\n" in text
    assert "your message to SAM@Z lost.\n  Z could not be reached" in text
    assert counts(done) == {"returned": 1}


@pytest.mark.rule("4.3-2")
def test_a_host_with_as_many_sessions_as_it_takes_answers_421() -> None:
    """4.3: 421 in place of the greeting; the sender comes back later, and nothing is lost."""
    senders = [host(f"S{n}.ARPA", "JOE") for n in range(6)]
    two = host("TWO.ARPA", "BOB", limits={"sessions": 2})
    links = [{"between": [sender["name"], "TWO.ARPA"]} for sender in senders]
    done = run(
        *senders, two, links=links, retry={**RETRY, "first": "1 min"},
        mail=[mail(f"JOE@{sender['name']}", "BOB@TWO.ARPA") for sender in senders],
    )  # fmt: skip
    greetings = [line[:3] for sender in senders for line in wire(done, sender["name"], "reply")[:1]]
    assert sorted(greetings) == ["220"] * 2 + ["421"] * 4
    assert counts(done) == {"delivered": 6}
    assert {event["reason"] for event in done.trace if event.kind == "close"} <= {"quit", "closed"}
    assert max(minutes(done, "deliver")) >= 1


@pytest.mark.rule("4.3-4")
def test_421_at_the_greeting_says_nothing_more() -> None:
    """4.3: after 421 the channel closes; the sender says neither HELO nor QUIT."""
    done = run(
        JOE, host("TWO.ARPA", "BOB"), retry=RETRY,
        fault=[{"kind": "refuse", "host": "TWO.ARPA", "at": "0 s", "for": "5 min"}],
        mail=[mail("JOE@ONE.ARPA", "BOB@TWO.ARPA", at="1 s")],
    )  # fmt: skip
    assert wire(done, "TWO.ARPA")[0] == "HELO ONE.ARPA"
    assert wire(done, "ONE.ARPA", "reply")[0].startswith("421 TWO.ARPA ")
    assert minutes(done, "deliver") == [10]


@pytest.mark.rule("4.5.3-9", "4.5.3-10", "F-10")
def test_552_for_recipients_too_many_is_no_refusal() -> None:
    """Appendix F, scenario 10: the rest go in another transaction of the same session, and nobody
    is given back.
    """
    names = [f"u{n}" for n in range(7)]
    two = host("TWO.ARPA", *names, limits={"recipients": 3})
    done = run(JOE, two, mail=[mail("JOE@ONE.ARPA", *[f"{name}@TWO.ARPA" for name in names])])
    assert "".join(line[0] for line in wire(done, "TWO.ARPA")) == "HMRRRRRRRDMRRRRDMRDQ"
    assert counts(done) == {"delivered": 7}


@pytest.mark.rule("4.5.3-10")
def test_552_at_rcpt_is_no_refusal_when_the_data_then_fails() -> None:
    """Scenario 10 again: what comes of the others does not make a refusal of it."""
    names = [f"u{n}" for n in range(3)]
    two = host("TWO.ARPA", *names, limits={"recipients": 2})
    done = run(
        JOE, two, retry=RETRY,
        fault=[{"kind": "hang-up", "link": ["ONE.ARPA", "TWO.ARPA"], "after": "354", "at": "0 s"}],
        mail=[mail("JOE@ONE.ARPA", *[f"{name}@TWO.ARPA" for name in names], at="1 s")],
    )  # fmt: skip
    assert counts(done) == {"delivered": 3}


@pytest.mark.rule("3.1-7")
def test_552_after_the_data_is_a_refusal() -> None:
    """4.2.1 and 4.5.3: too much mail data is as much in another transaction: the mail goes back."""
    two = host("TWO.ARPA", "BOB", "ANN", limits={"message": 500})
    to = ["BOB@TWO.ARPA", "ANN@TWO.ARPA"]
    done = run(JOE, two, mail=[mail("JOE@ONE.ARPA", *to, text="Hi\n" * 500)])
    assert done.summary["sessions"] == 1
    assert counts(done) == {"returned": 2}
    assert "552 Too much mail data." in delivered(done, "JOE")[0]


@given(st.floats(1, 1e4), st.floats(1, 4), st.floats(1, 1e5), st.integers(1, 40))
@pytest.mark.rule("E-3")
def test_the_delays_of_the_spool(first: float, factor: float, most: float, failures: int) -> None:
    """The n-th delay is the first times factor to the n-1, at most `max`, and never shrinks."""
    retry = Retry(first=first, factor=factor, max=most)
    wanted = min(first * factor ** (failures - 1), most)
    assert retry.delay(failures) == pytest.approx(wanted)
    assert retry.delay(failures) <= retry.delay(failures + 1)


# -- a host that fails in the middle of a session

TEN = [mail("JOE@ONE.ARPA", "BOB@TWO.ARPA", at=f"{n} ms") for n in range(10)]


@pytest.mark.parametrize("row", ["HELO", "MAIL", "RCPT", "DATA", "data"])
@pytest.mark.rule("4.3-4")
def test_421_in_a_session_holds_back_the_whole_queue(row: str) -> None:
    """4.3: the service is not available, whatever mail comes next: one try, not one for each."""
    two = host("TWO.ARPA", "BOB", answers={row: [421] * 3})
    done = run(JOE, two, retry=RETRY, mail=TEN)
    assert minutes(done, "attempt") == [0, 10, 30, 70]
    assert minutes(done, "deliver") == [70] * 10
    assert counts(done) == {"delivered": 10}


@pytest.mark.parametrize("after", ["MAIL", "RCPT", "354", "20 B"])
@pytest.mark.rule("4.1.1-20")
def test_a_channel_lost_in_a_session_holds_back_the_whole_queue(after: str) -> None:
    """4.1.1 QUIT: a temporary error for the mail in progress, and a failure of the host."""
    cut = {"kind": "hang-up", "link": ["ONE.ARPA", "TWO.ARPA"], "after": after, "at": "0 s"}
    done = run(JOE, host("TWO.ARPA", "BOB"), retry=RETRY, fault=[cut], mail=TEN)
    assert minutes(done, "attempt") == [0, 10]
    assert counts(done) == {"delivered": 10}


def test_mail_that_the_host_fails_at_does_not_keep_the_other_mail_back() -> None:
    """The mail in progress goes to the end of the queue: it may be what ends each session."""
    two = host("TWO.ARPA", "BOB", "ANN", answers={"RCPT": [421]})
    done = run(
        JOE, two, retry=RETRY,
        mail=[mail("JOE@ONE.ARPA", "BOB@TWO.ARPA"), mail("JOE@ONE.ARPA", "ANN@TWO.ARPA")],
    )  # fmt: skip
    assert [user for _, user in drops(done)] == ["ANN", "BOB"]


def test_a_session_that_goes_well_makes_the_waits_short_again() -> None:
    """The waits grow with the failures in a row, and not with those of long ago."""
    two = host("TWO.ARPA", "BOB", answers={"MAIL": [421, 421, 250, 421, 250]})
    done = run(
        JOE, two, retry=RETRY,
        mail=[mail("JOE@ONE.ARPA", "BOB@TWO.ARPA"), mail("JOE@ONE.ARPA", "BOB@TWO.ARPA", at="2 h")],
    )  # fmt: skip
    assert minutes(done, "attempt") == [0, 10, 30, 120, 130]


@pytest.mark.rule("4.5.3-10")
def test_452_for_recipients_too_many_is_like_552() -> None:
    """Appendix F, scenario 10: those that were taken get the mail, and the others go at once in
    another transaction; so for the code by which later standards say it.
    """
    for code in (452, 552):
        two = host("TWO.ARPA", "BOB", "ANN", "EVE", answers={"RCPT": [250, code, code]})
        done = run(
            JOE, two, retry=RETRY,
            mail=[mail("JOE@ONE.ARPA", "BOB@TWO.ARPA", "ANN@TWO.ARPA", "EVE@TWO.ARPA")],
        )  # fmt: skip
        assert minutes(done, "attempt") == [0]
        assert [user for _, user in drops(done)] == ["BOB", "ANN", "EVE"]


@pytest.mark.rule("4.5.3-10")
def test_450_after_others_were_taken_is_for_later() -> None:
    """Only 552 and 452 say that it is the number of recipients which is too large."""
    two = host("TWO.ARPA", "BOB", "ANN", answers={"RCPT": [250, 450, 250]})
    done = run(JOE, two, retry=RETRY, mail=[mail("JOE@ONE.ARPA", "BOB@TWO.ARPA", "ANN@TWO.ARPA")])
    assert minutes(done, "attempt") == [0, 10]
    assert counts(done) == {"delivered": 2}


@pytest.mark.rule("4.5.3-10")
def test_452_for_all_recipients_is_for_later() -> None:
    two = host("TWO.ARPA", "BOB", "ANN", answers={"RCPT": [452, 452]})
    done = run(JOE, two, retry=RETRY, mail=[mail("JOE@ONE.ARPA", "BOB@TWO.ARPA", "ANN@TWO.ARPA")])
    assert minutes(done, "attempt") == [0, 10]
    assert counts(done) == {"delivered": 2}
