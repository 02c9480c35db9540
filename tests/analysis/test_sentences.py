"""The story of one message: what is told of it, and what is left out."""

from __future__ import annotations

from helpers.places import TOPOLOGIES
from helpers.synthetic_traces import Scribe

import lab
from lab.analysis.sentences import sentences
from lab.trace.trace import Trace

HOSTS = ("A.ARPA", "B.ARPA")


def trace_of(name: str) -> Trace:
    return lab.simulate(TOPOLOGIES / f"{name}.toml").trace


def test_a_story_begins_with_the_hand_over_and_ends_with_the_delivery() -> None:
    told = sentences(trace_of("rfc821/scenario-03"), 1)
    assert "JQP@MIT-AI.ARPA" in told[0]
    assert any("Jones" in line for line in told[-2:])
    assert [line.partition(" ")[0] for line in told] == sorted(
        (line.partition(" ")[0] for line in told), key=float
    )


def test_a_notification_belongs_to_the_story_of_the_mail_that_it_is_about() -> None:
    trace = trace_of("lessons/returned")
    notices = [event for event in trace if event.kind == "notify"]
    assert notices
    for notice in notices:
        told = sentences(trace, notice["about"])
        assert any(f"notification {notice.message}" in line for line in told)
        assert any(f"message {notice.message} " in line for line in told[-3:])
        assert not any("hands message" in line for line in sentences(trace, notice.message or 0))


def test_mail_that_is_put_off_again_and_again_is_told_once_and_counted() -> None:
    scribe = Scribe("Put off", HOSTS)
    number = scribe.submit(0.0, "joe@A.ARPA", "sam@B.ARPA")
    scribe.queue(0.0, number, *HOSTS)
    for n in range(5):
        scribe.fail(10.0 * n, number, *HOSTS, 2.0, 10.0 * n + 10)
    told = sentences(scribe.end(100.0), number)
    assert len([line for line in told if "no answer" in line]) == 1
    assert len([line for line in told if "5 times" in line]) == 1


def test_a_long_story_lacks_its_middle_and_says_how_much() -> None:
    scribe = Scribe("Many", HOSTS)
    number = scribe.submit(0.0, "joe@A.ARPA", *(f"u{n}@B.ARPA" for n in range(100)))
    for n in range(100):
        scribe.deliver(float(n), number, "B.ARPA", f"user-{n}", str(n + 1))
    told = sentences(scribe.end(100.0), number)
    (gap,) = [line for line in told if line.startswith("...")]
    assert len(told) < 60
    assert f" {101 - (len(told) - 1)} " in gap
    assert "user-0" in told[1]
    assert "user-99" in told[-1]


def test_faults_are_told_where_the_message_has_been() -> None:
    scribe = Scribe("Faults", ("A.ARPA", "B.ARPA", "C.ARPA"))
    number = scribe.submit(1.0, "joe@A.ARPA", "sam@B.ARPA")
    faults = [(0.5, "A.ARPA", None), (2.0, "A.ARPA", None), (3.0, "B.ARPA", "A.ARPA"),
              (4.0, "C.ARPA", None)]  # fmt: skip
    for t, host, peer in faults:
        for on in (True, False):
            row = (t, "fault", host, peer, None, None, "loss", on, "0.2" if on else "")
            scribe.trace.record(row)
    told = [line for line in sentences(scribe.end(9.0), number) if "loss" in line]
    assert [line.partition(" ")[0] for line in told] == ["2", "3"]
    assert "(0.2)" in told[0]


def test_a_list_is_told_with_its_members_or_with_nobody() -> None:
    scribe = Scribe("List", HOSTS)
    number = scribe.submit(0.0, "joe@A.ARPA", "people@A.ARPA")
    members = (("1.1", "<sam@B.ARPA>"), ("1.2", "<ann@B.ARPA>"))
    for t, some in ((1.0, members), (2.0, ())):
        scribe.trace.record((t, "expand", "A.ARPA", None, None, number, "1", "people", some))
    _, first, again = sentences(scribe.end(9.0), number)
    assert "<sam@B.ARPA>, <ann@B.ARPA>" in first
    assert "nobody" in again


def test_mail_of_another_message_is_not_told() -> None:
    trace = trace_of("campus")
    others = {event.message for event in trace if event.kind == "submit"} - {2}
    for line in sentences(trace, 2):
        assert not any(f"message {number} " in line for number in others)
