"""The rows of a ladder, taken from traces of topologies that ship."""

from __future__ import annotations

import pytest
from helpers.places import TOPOLOGIES

import lab
from lab.analysis.ladder_rows import NothingToShow, ladder_rows, row_of
from lab.analysis.narrative import gist
from lab.trace.trace import Trace


@pytest.fixture(scope="module")
def campus() -> Trace:
    return lab.simulate(TOPOLOGIES / "campus.toml").trace


def test_a_row_says_what_its_event_says_in_the_words_of_the_narrative(campus: Trace) -> None:
    for event in campus:
        if event.kind in ("command", "reply"):
            row = row_of(event)
            assert row is not None
            assert row.text == gist(event.kind, event["octets"])
            assert row.crosses
            assert (row.host, row.peer) == (event.peer, event.host)


def test_an_error_is_a_reply_whose_code_is_400_or_more(campus: Trace) -> None:
    replies = [(event["code"], row_of(event)) for event in campus if event.kind == "reply"]
    assert {row.kind for code, row in replies if row and code >= 400} == {"error"}
    assert {row.kind for code, row in replies if row and code < 400} == {"reply"}


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
