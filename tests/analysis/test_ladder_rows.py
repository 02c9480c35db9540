"""The rows of a ladder, taken from traces of topologies that ship."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.places import TOPOLOGIES

import lab
from lab.analysis.ladder_rows import NothingToShow, first_ladder_rows, ladder_rows, row_of
from lab.analysis.narrative import summary_line
from lab.trace.trace import Trace


@pytest.fixture(scope="module")
def campus() -> Trace:
    return lab.simulate(TOPOLOGIES / "campus.toml").trace


def test_a_row_says_what_its_event_says_in_the_words_of_the_narrative(campus: Trace) -> None:
    for event in campus:
        if event.kind in ("command", "reply"):
            row = row_of(event)
            assert row is not None
            assert row.text == summary_line(event.kind, event["octets"])
            assert row.crosses
            assert (row.host, row.peer) == (event.peer, event.host)


def test_an_error_is_a_reply_whose_code_is_400_or_more(campus: Trace) -> None:
    replies = [(event["code"], row_of(event)) for event in campus if event.kind == "reply"]
    assert {row.kind for code, row in replies if row and code >= 400} == {"error"}
    assert {row.kind for code, row in replies if row and code < 400} == {"reply"}


def test_mail_that_is_given_up_and_mail_that_is_put_off_say_so() -> None:
    rows = [
        (1.0, "abandon", "A", None, None, 3, "550 No."),
        (1.0, "defer", "A", "B", None, 3, ("x@B",), "451 Later.", 90.0),
    ]
    shown = [row_of(event) for event in Trace(rows)]
    assert [row.text for row in shown if row] == ["given up: 550 No.", "tries again at 0:01:30.000"]


def test_tags_are_verbs_codes_and_mail(campus: Trace) -> None:
    tags = {row.tag for row in ladder_rows(campus) if row.crosses}
    assert {"HELO", "MAIL", "RCPT", "DATA", "QUIT", "220", "250", "354", "mail"} <= tags
    assert {row.tag for row in ladder_rows(campus) if not row.crosses} == {""}


def test_what_happens_in_hosts_is_told_where_it_is_asked_for(campus: Trace) -> None:
    inside = {"submit", "accept", "refuse", "forget"}
    plain = [row for row in ladder_rows(campus) if row.kind != "wait"]
    whole = [row for row in ladder_rows(campus, in_hosts=True) if row.kind != "wait"]
    assert {row.kind for row in plain} & inside == set()
    assert {"submit", "accept"} <= {row.kind for row in whole}
    assert [row for row in whole if row.kind not in inside] == plain


def test_the_rows_of_a_host_are_those_that_it_has_a_part_in(campus: Trace) -> None:
    rows = ladder_rows(campus, host="math.campus")
    mine = [row for row in ladder_rows(campus) if "MATH.CAMPUS" in (row.host, row.peer)]
    assert [row for row in rows if row.kind != "wait"] == mine
    with pytest.raises(NothingToShow, match="there is no host 'X'"):
        ladder_rows(campus, host="X")


def test_the_rows_of_a_session_are_those_with_its_number(campus: Trace) -> None:
    rows = [row for row in ladder_rows(campus, session=3) if row.kind != "wait"]
    assert {row.session for row in rows} == {3}
    said = [e.seq for e in campus if e.session == 3 and e.kind in ("command", "reply", "data")]
    assert [row.seq for row in rows if row.crosses] == said


def test_the_rows_of_two_hosts_are_those_of_their_sessions_in_both_directions(
    campus: Trace,
) -> None:
    pair = {"MATH.CAMPUS", "HUB.CAMPUS"}
    rows = ladder_rows(campus, between=("hub.campus", "math.campus"))
    mine = [row for row in ladder_rows(campus) if {row.host, row.peer} == pair]
    assert [row for row in rows if row.kind != "wait"] == mine
    assert {(row.host, row.peer) for row in mine} == {tuple(pair), tuple(reversed([*pair]))}


def test_the_rows_of_a_message_are_those_of_its_sessions_and_notifications() -> None:
    """Not what the same sessions said about other messages."""
    trace = lab.simulate(TOPOLOGIES / "lessons/returned.toml").trace
    notice = next(event for event in trace if event.kind == "notify")
    rows = ladder_rows(trace, message=notice["about"])
    about = {trace[row.seq].message for row in rows if row.seq >= 0 and row.kind != "wait"}
    assert {notice["about"], notice.message} <= about
    assert len(about - {notice["about"], notice.message, None}) == 0
    assert None in about  # HELO and QUIT are about no message


CHOICES = [{}, {"session": 3}, {"message": 4}, {"between": ("HUB.CAMPUS", "MATH.CAMPUS")}]


UNCOUNTED = {"wait", "close"}
"""Kinds of row for which no line is drawn: a gap, and the end of a session by QUIT."""


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: "".join(choice) or "all")
def test_of_many_rows_the_first_are_made_and_the_rest_counted(
    choice: dict[str, Any], campus: Trace
) -> None:
    whole, none_left = first_ladder_rows(campus, None, **choice)
    assert none_left == 0
    assert whole == ladder_rows(campus, **choice)
    few, more = first_ladder_rows(campus, 5, **choice)
    assert len([row for row in few if row.kind not in UNCOUNTED]) == 5
    assert 5 + more == len([row for row in whole if row.kind not in UNCOUNTED])


@pytest.mark.parametrize(
    ("choice", "wrong"),
    [({"session": 99}, "no session 99; they are 1 to 16"), ({"message": 99}, "no message 99")],
)
def test_what_is_not_there_is_refused_in_a_sentence(
    choice: dict[str, int], wrong: str, campus: Trace
) -> None:
    with pytest.raises(NothingToShow, match=wrong):
        ladder_rows(campus, **choice)
    with pytest.raises(NothingToShow, match="there is none"):
        ladder_rows(Trace(campus.rows[:1]), **choice)
