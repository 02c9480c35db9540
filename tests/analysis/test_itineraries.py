"""The hops, failed attempts and end of each message, as a trace has them."""

from __future__ import annotations

import pytest
from helpers.places import TOPOLOGIES
from helpers.small_topologies import host, mail, run
from helpers.synthetic_traces import Scribe

import lab
from lab.analysis.itineraries import Itinerary, itineraries
from lab.topology.model import from_dict
from lab.trace.trace import Trace


def stories(name: str) -> dict[int, Itinerary]:
    return {story.number: story for story in itineraries(trace_of(name))}


def trace_of(name: str) -> Trace:
    return lab.simulate(TOPOLOGIES / f"{name}.toml").trace


def test_relayed_mail_has_a_hop_for_each_session_that_it_crossed() -> None:
    (story,) = stories("rfc821/scenario-03").values()
    first, second = story.hops
    assert (first.host, first.peer) == ("MIT-AI.ARPA", "USC-ISIE.ARPA")
    assert (second.host, second.peer) == ("USC-ISIE.ARPA", "BBN-VAX.ARPA")
    assert (first.ordinal, second.ordinal) == (1, 2)
    assert (first.parent, second.parent) == (None, first)
    assert [mark.kind for mark in story.ends] == ["deliver"]
    assert story.ends[0].hop is second


NAMES = [
    "campus",
    "polling",
    "faults/busy",
    "faults/crash",
    "faults/relay-dies",
    "rfc821/scenario-03",
]


@pytest.mark.parametrize("name", NAMES)
def test_the_times_of_a_hop_are_in_their_order(name: str) -> None:
    for story in stories(name).values():
        for hop in story.hops:
            times = [hop.queued, hop.opening, hop.opened, hop.sending, hop.ended]
            reached = [t for t in times if t is not None]
            assert reached == sorted(reached)
            for attempt in hop.attempts:
                assert hop.queued <= attempt.began <= attempt.ended
            assert story.t <= hop.queued
            assert story.last >= reached[-1]


@pytest.mark.parametrize("name", NAMES)
def test_the_hops_that_moved_mail_are_the_transfers_of_the_trace(name: str) -> None:
    trace = trace_of(name)
    found = sorted(
        (hop.message, hop.host, hop.peer, tuple(sorted(hop.recipients)))
        for story in itineraries(trace)
        for hop in story.hops
        if hop.outcome == "transfer"
    )
    expected = sorted(
        (e.message or 0, e.host, e.peer or "", tuple(sorted(e["recipients"])))
        for e in trace
        if e.kind == "transfer"
    )
    assert found == expected


def test_mail_that_is_put_off_has_an_attempt_for_each_time() -> None:
    trace = trace_of("faults/busy")
    attempts = [
        (attempt.ended, attempt.retry_at, attempt.reason)
        for story in itineraries(trace)
        for hop in story.hops
        for attempt in hop.attempts
    ]
    assert sorted(attempts) == [
        (e.t, e["retry_at"], e["reason"]) for e in trace if e.kind == "defer"
    ]
    assert attempts


def test_a_notification_follows_from_the_hop_that_was_refused() -> None:
    found = stories("lessons/returned")
    notices = [story for story in found.values() if story.about is not None]
    assert notices
    for notice in notices:
        assert notice.about is not None
        assert notice in notice.about.notifications
        assert notice.sender == "<>"
        assert notice.cause is not None
        assert notice.cause.message == notice.about.number


def test_mail_that_is_given_up_is_expired_when_its_notification_is_written() -> None:
    scribe = Scribe("Given up", ("A.ARPA", "B.ARPA"))
    number = scribe.submit(0.0, "joe@A.ARPA", "sam@B.ARPA")
    scribe.queue(0.0, number, "A.ARPA", "B.ARPA")
    scribe.fail(1.0, number, "A.ARPA", "B.ARPA", 2.0, 60.0)
    scribe.notify(90.0, "A.ARPA", number, "<joe@A.ARPA>")
    story, notice = itineraries(scribe.end(91.0))
    (hop,) = story.hops
    assert (hop.outcome, hop.ended, notice.cause) == ("expired", 90.0, hop)


def test_mail_that_waits_for_one_host_and_goes_by_another_has_two_hops() -> None:
    """The first is given up, and the second begins where it was."""
    scribe = Scribe("Round", ("A.ARPA", "R.ARPA", "B.ARPA"))
    number = scribe.submit(0.0, "joe@A.ARPA", "sam@B.ARPA")
    scribe.queue(0.0, number, "A.ARPA", "B.ARPA")
    scribe.fail(1.0, number, "A.ARPA", "B.ARPA", 2.0, 60.0)
    scribe.hop(3.0, number, "A.ARPA", "R.ARPA")
    (story,) = itineraries(scribe.end(91.0))
    waited, went = story.hops
    assert (waited.outcome, waited.ended) == ("round", 3.0)
    assert (went.outcome, went.ordinal, went.parent) == ("transfer", 1, waited)


def test_recipients_that_part_at_a_host_have_a_hop_each() -> None:
    scribe = Scribe("Parted", ("A.ARPA", "B.ARPA"))
    number = scribe.submit(0.0, "joe@A.ARPA", "sam@B.ARPA", "ann@B.ARPA")
    scribe.queue(0.0, number, "A.ARPA", "B.ARPA", "1", "2")
    scribe.open(1.0, "A.ARPA", "B.ARPA")
    scribe.send(2.0, number, "A.ARPA", "B.ARPA", "1", last=1.0)
    (story,) = itineraries(scribe.end(9.0))
    moved, stays = story.hops
    assert (moved.recipients, moved.outcome) == (("1",), "transfer")
    assert (stays.recipients, stays.outcome, stays.ended) == (("2",), "queued", None)


def test_mail_that_a_host_says_it_took_and_did_not_is_discarded() -> None:
    """For the recipient alone that no host accepted it for."""
    first, second = stories("faults/false-promise")[1].hops
    assert (first.recipients, first.outcome) == (("1",), "transfer")
    assert (second.recipients, second.outcome) == (("2",), "discarded")


def test_mail_that_a_host_takes_after_its_250_is_not_discarded() -> None:
    """A hop ends when the mail was accepted; for other recipients it is discarded still."""
    scribe = Scribe("Late", ("A.ARPA", "B.ARPA"))
    number = scribe.submit(0.0, "joe@A.ARPA", "sam@B.ARPA", "ann@B.ARPA")
    scribe.queue(0.0, number, "A.ARPA", "B.ARPA", "1", "2")
    session = scribe.open(1.0, "A.ARPA", "B.ARPA")
    record = scribe.trace.record
    record((2.0, "transfer", "A.ARPA", "B.ARPA", session, number, ("1", "2")))
    record((3.0, "accept", "B.ARPA", "A.ARPA", session, number, ("1",), "<joe@A.ARPA>", 700))
    scribe.queue(3.0, number, "B.ARPA", "C.ARPA", "1")
    (story,) = itineraries(scribe.end(9.0))
    late, never, onward = story.hops
    assert (late.recipients, late.outcome, late.ended) == (("1",), "transfer", 3.0)
    assert (never.recipients, never.outcome, never.ended) == (("2",), "discarded", 2.0)
    assert onward.parent is late


def test_mail_of_a_script_begins_where_it_is_stored() -> None:
    """Nobody handed it over, and it has the path that MAIL named."""
    lines = ["HELO A.ARPA", "MAIL FROM:<x@Y.ARPA>", "RCPT TO:<sam@B.ARPA>", "DATA", "hi", ".",
             "QUIT"]  # fmt: skip
    hosts = [{"name": "A.ARPA"}, {"name": "B.ARPA", "users": ["sam"]}]
    tables = {
        "host": hosts,
        "link": [{"between": ["A.ARPA", "B.ARPA"]}],
        "script": [{"from": "A.ARPA", "to": "B.ARPA", "lines": lines}],
    }
    trace = lab.simulate(from_dict(tables)).trace
    (story,) = itineraries(trace)
    (stored,) = [event for event in trace if event.kind == "accept"]
    assert (story.host, story.t, story.hops) == ("B.ARPA", stored.t, [])
    assert "x@Y.ARPA" in story.sender
    assert [mark.kind for mark in story.ends] == ["deliver"]


def test_a_trace_that_begins_in_the_midst_still_has_its_hops() -> None:
    trace = trace_of("rfc821/scenario-03")
    rest = Trace([row for row in trace.rows if row[1] not in ("start", "submit")])
    (story,) = itineraries(rest)
    assert [(hop.host, hop.outcome) for hop in story.hops] == [
        ("MIT-AI.ARPA", "transfer"), ("USC-ISIE.ARPA", "transfer"),
    ]  # fmt: skip
    assert story.recipients == ()


def test_a_forward_that_the_sender_follows_ends_the_hop() -> None:
    """After a 551, the mail goes to another host, and the first hop moved nothing."""
    trace = trace_of("lessons/moved")
    redirected = [e for e in trace if e.kind == "forward" and e["mode"] == "redirect"]
    hops = [hop for story in itineraries(trace) for hop in story.hops]
    assert redirected
    assert len([hop for hop in hops if hop.outcome == "redirect"]) == len(redirected)


def test_a_channel_is_opened_for_the_first_of_several_messages() -> None:
    """The greeting and HELO belong to the opening, for the message that waited for them."""
    mails = [mail("joe@A.ARPA", "sam@B.ARPA"), mail("joe@A.ARPA", "sam@B.ARPA")]
    trace = run(host("A.ARPA", "joe"), host("B.ARPA", "sam"), mail=mails).trace
    (opened,) = [event.t for event in trace if event.kind == "open"]
    first, second = (story.hops[0] for story in itineraries(trace))
    assert first.opening == second.opening
    assert first.sending is not None
    assert second.sending is not None
    assert second.opened == opened < first.sending < second.sending
    assert first.opened == first.sending
