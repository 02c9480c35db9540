"""A scripted receiver-SMTP, simulated: bytes, pieces, early replies, cuts, half-closes, silence."""

from __future__ import annotations

import pytest
from helpers.manners import STAGES, manners_of, reply_table

import lab
from lab.analysis.invariants import breaches
from lab.topology.model import from_dict
from lab.trace.rows import KIND, OCTETS, T
from lab.views.text.transcript import transcript

CELLS = [(stage, manner) for stage in STAGES for manner in manners_of(stage)]


def with_replies(*replies: dict[str, object], **host: object) -> lab.Topology:
    """A sends a message for two users of B and one that is not there, and an hour later another."""
    mail = {"from": "ann@A", "to": ["bob@B", "nobody@B", "bab@B"], "text": "Hi"}
    return from_dict(
        {
            "host": [
                {"name": "A", "users": ["ann"]},
                {"name": "B", "users": ["bob", "bab"], "reply": list(replies), **host},
            ],
            "link": [{"between": ["A", "B"]}],
            "mail": [mail, mail | {"at": "1 h", "to": "bab@B"}],
            "retry": {"first": "30 min", "give_up": "100 min"},
        }
    )


def outcomes(run: lab.Run) -> list[str]:
    return [recipient["outcome"] for recipient in run.summary["recipients"]]


@pytest.mark.parametrize(("stage", "manner"), CELLS)
def test_mail_is_in_one_true_state_whatever_a_host_replies(stage: str, manner: str) -> None:
    run = lab.simulate(with_replies(reply_table(stage, manner, 1)))
    assert breaches(run.trace.rows) == []
    assert run.summary["lost"] == 0
    # the host misbehaves once: it serves what comes later
    assert outcomes(run)[-1] == "delivered"
    assert set(outcomes(run)[:-1]) <= {"delivered", "returned", "discarded"}


def test_pieces_arrive_apart_and_the_reply_counts_when_it_is_whole() -> None:
    run = lab.simulate(with_replies({"to": "RCPT", "nth": 1, "pieces": [1, 3], "pause": "2 s"}))
    pieces = [row for row in run.trace.rows if row[KIND] == "piece"]
    assert [row[OCTETS] for row in pieces] == [b"2", b"50 ", b"OK\r\n"]
    assert [round(row[T] - pieces[0][T], 3) for row in pieces] == [0, 2, 4]
    lines = list(transcript(run.trace))
    place = lines.index("r: 2")
    assert lines[place : place + 4] == ["r: 2", "r: 50 ", r"r: OK\x0d\x0a", "R: 250 OK"]


def test_a_success_that_is_not_true_discards_that_recipient_only() -> None:
    run = lab.simulate(with_replies({"to": "RCPT", "octets": "250 OK\r\n"}))
    assert outcomes(run) == ["delivered", "discarded", "delivered", "delivered"]
    assert run.summary["discarded"] == 1


def test_a_host_that_never_replies_to_mail_data_gets_it_again_and_again() -> None:
    run = lab.simulate(with_replies({"to": "mail data", "octets": ""}))
    assert outcomes(run) == ["delivered", "returned", "delivered", "delivered"]
    assert run.summary["duplicates"] > 0


def test_a_354_to_a_refused_data_takes_mail_data_and_then_refuses_it() -> None:
    lies = {"to": "DATA", "octets": "354 go\r\n"}, {"to": "RCPT", "octets": "250 OK\r\n"}
    run = lab.simulate(with_replies(*lies, users=["else"]))
    assert set(outcomes(run)) == {"returned"}
    assert "R: 554 No recipient was accepted." in list(transcript(run.trace))


def test_a_250_for_mail_that_no_host_keeps_is_called_discarded() -> None:
    lies = [{"to": to, "octets": "250 OK\r\n"} for to in ("RCPT", "mail data")]
    run = lab.simulate(with_replies(*lies, {"to": "DATA", "octets": "354 go\r\n"}, users=["else"]))
    assert set(outcomes(run)) == {"discarded"}
    assert breaches(run.trace.rows) == []


def test_a_reply_that_nobody_asked_for_is_told_of_the_scripted_host() -> None:
    run = lab.simulate(with_replies({"to": "DATA", "nth": 1, "octets": "354 go\r\n", "repeat": 2}))
    assert run.breaches == []
    assert [breach["host"] for breach in run.summary["peer_breaches"]] == ["B"]
    assert "though nothing had been asked" in str(run.peer_breaches[0])


def test_replies_are_counted_over_all_sessions() -> None:
    run = lab.simulate(with_replies({"to": "MAIL", "nth": 2, "octets": "451 later\r\n"}))
    codes = [row[OCTETS][:3] for row in run.trace.rows if row[KIND] == "reply"]
    assert codes.count(b"451") == 1
    assert outcomes(run)[-1] == "delivered"


def test_a_run_is_broken_at_pieces_too_and_duplicates_come_from_the_window_only() -> None:
    pieces = [{"to": to, "pieces": [1, 4], "pause": "1 s"} for to in ("RCPT", "mail data")]
    explored = lab.explore(with_replies(*pieces), processes=1)
    assert any(point.kind == "cut inside a piece" for point in explored.points)
    assert explored.total("lost") == 0
    assert {point.number for point in explored.doubled} <= {
        point.number for point in explored.points if point.in_window
    }


def test_mail_stored_after_an_early_success_had_come() -> None:
    """A host replies to mail data before it has come, ends its replies, and stores the mail while
    the channel is already closed: that was sent, so no rule is broken.
    """
    early = {"to": "mail data", "nth": 1, "octets": "250 OK\r\n250 OK\r\n", "pieces": [3, 1, 1]}
    ends = {"pause": "9 ms", "early": True, "then": "half-close"}
    run = lab.simulate(with_replies(early | ends, store="1 s"))
    accept = next(event for event in run.trace if event.kind == "accept")
    close = next(event for event in run.trace if event.kind == "close")
    assert close["session"] == accept["session"]
    assert close["t"] < accept["t"]
    assert breaches(run.trace.rows) == []
    assert outcomes(run)[:3] == ["delivered", "returned", "delivered"]
