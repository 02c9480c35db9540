"""The verdict of a run, and what is said of one message."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.places import TOPOLOGIES

import lab
from lab.topology.model import from_dict

LINE = {"between": ["HUB", "DORM"], "latency": "50 ms", "bandwidth": "1200 bit/s"}
MAIL = {"from": "u@HUB", "to": ["v@DORM"], "size": "1 kB"}


def run_of(**changed: Any) -> lab.Run:
    tables = {
        "host": [{"name": "HUB", "users": ["u"]}, {"name": "DORM", "users": ["v"]}],
        "link": [LINE],
        "mail": [MAIL] * 5,
        "retry": {"first": "10 min"},
    }
    return lab.simulate(from_dict(tables | changed))


HOLDING = [{"name": "HUB", "users": ["u"], "holds": ["DORM"], "turn": True},
           {"name": "DORM", "users": ["v"], "holds": ["HUB"]}]  # fmt: skip
DOWN = {"kind": "link-down", "link": ["HUB", "DORM"], "at": "0 s", "for": "20 s"}
CRASH = {"kind": "host-down", "host": "HUB", "at": "1 s", "for": "2 h"}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "of it waiting for the line HUB-DORM"),
        ({"mail": [MAIL]}, "of it sending mail data over the line HUB-DORM"),
        ({"link": [{**LINE, "bandwidth": "1 Mbit/s", "latency": "9 s"}], "mail": [MAIL]},
         "of it in round trips between HUB and DORM"),
        ({"fault": [DOWN]}, "of it waiting for the next try from HUB to DORM"),
        ({"host": HOLDING, "poll": [{"from": "DORM", "to": "HUB", "at": "1 h"}]},
         "of it in the spool of HUB until DORM called"),
        ({"fault": [CRASH]}, "of it at HUB, which was down"),
        ({"link": [{**LINE, "bandwidth": "1 Mbit/s", "latency": "1 s"}]},
         "of it in the spool of HUB behind other mail to DORM"),
    ],
)  # fmt: skip
def test_the_verdict_says_what_most_of_the_time_went_on(changed: Any, words: str) -> None:
    assert words in run_of(**changed).verdict


def test_where_no_place_has_much_of_the_time_all_places_are_taken_together() -> None:
    names = [f"B{n}" for n in range(5)]
    tables = {
        "host": [{"name": "A", "users": ["a"]}, *({"name": n, "users": ["b"]} for n in names)],
        "link": [{"between": ["A", name], "latency": "1 s"} for name in names],
        "mail": [{"from": "a@A", "to": [f"b@{name}"]} for name in names],
    }
    verdict = lab.simulate(from_dict(tables)).verdict
    assert verdict.endswith(" % of it opening channels")


def test_half_took_at_least_as_long_as_the_verdict_says() -> None:
    run = run_of()
    times = sorted(one["settled_at"] or 0 for one in run.summary["recipients"])
    assert run.verdict.startswith(f"half took at least {times[2]:.1f} s, ")
    assert run_of(mail=[MAIL]).verdict.startswith("the only recipient took ")


def test_a_run_in_which_nothing_took_time_has_no_verdict() -> None:
    assert run_of(mail=[{**MAIL, "to": ["u@HUB"]}]).verdict == ""
    assert lab.simulate(TOPOLOGIES / "campus.toml", trace="delivery").verdict == ""


def test_what_is_said_of_a_message_is_a_text_a_table_and_a_page() -> None:
    why = lab.simulate(TOPOLOGIES / "campus.toml").why(7)
    both = str(why).split("\n\n")
    assert [text.partition(" after ")[0] for text in both] == [
        "message 7 to euler@MATH.CAMPUS: delivered", "message 7 to eluer@MATH.CAMPUS: returned",
    ]  # fmt: skip
    table = why.table()
    assert len(table) == sum(len(one.phases) for one in why.recipients)
    took = [(one.settled_at or 0) - one.submitted_at for one in why.recipients]
    assert table.seconds.sum() == pytest.approx(sum(took))
    html = why._repr_html_()
    assert html.count("<tr>") == len(table) + 2
    assert "&lt;" not in html
    assert "-&gt; HUB.CAMPUS" in html


def test_mail_that_took_no_time_says_so() -> None:
    run = run_of(mail=[{**MAIL, "to": ["u@HUB"]}])
    assert str(run.why(1)) == "message 1 to u@HUB: delivered at once, at 0.000 s"


def test_a_message_is_a_number() -> None:
    with pytest.raises(TypeError, match="message must be"):
        run_of(mail=[MAIL]).why("one")  # type: ignore[arg-type]
