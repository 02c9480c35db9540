"""Any moment of a trace, held against a plain count of the events before it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from helpers.places import TOPOLOGIES

import lab
from lab.analysis.faults import fault_intervals
from lab.analysis.index import TraceIndex
from lab.trace.trace import Trace

NAMES = ["campus", "faults/crash", "faults/link-down", "faults/busy"]


@pytest.fixture(scope="module", params=NAMES)
def trace(request: pytest.FixtureRequest) -> Trace:
    return lab.simulate(TOPOLOGIES / f"{request.param}.toml").trace


def test_a_time_has_the_moment_at_which_all_of_it_has_happened(trace: Trace) -> None:
    index = TraceIndex(trace)
    for event in trace:
        moment = index.moment_at(event.t)
        assert event.seq < moment
        assert all(later.t > event.t for later in list(trace)[moment : moment + 3])
    assert index.moment_at(-1.0) == 0


def test_the_sessions_of_a_moment_have_opened_and_not_closed(trace: Trace) -> None:
    index = TraceIndex(trace)
    going_on: set[int | None] = set()
    for event in trace:
        if event.kind == "open":
            going_on.add(event.session)
        elif event.kind == "close":
            going_on.discard(event.session)
        assert set(index.sessions(event.seq + 1)) == going_on


def test_the_faults_of_a_moment_have_begun_and_not_ended(trace: Trace) -> None:
    index = TraceIndex(trace)
    intervals = fault_intervals(trace)
    edges = {t for interval in intervals for t in (interval.begin, interval.end)}
    for moment in range(1, len(trace) + 1):
        t = trace[moment - 1].t
        if t not in edges:
            lasting = [each for each in intervals if each.begin < t < each.end]
            assert sorted(index.faults(moment), key=str) == sorted(lasting, key=str)
    assert index.faults(0) == []


def test_what_is_on_its_way_has_been_sent_and_has_not_arrived(trace: Trace) -> None:
    index = TraceIndex(trace)
    for moment in range(len(trace)):
        for crossing in index.in_flight(moment):
            arrives = trace[crossing.seq]
            assert crossing.seq >= moment
            assert crossing.sent <= index.times[moment] <= crossing.due
            assert (crossing.receiver, crossing.sender) == (arrives.host, arrives.peer)
            assert crossing.octets == arrives["octets"]


def test_everything_that_crosses_a_session_is_on_its_way_at_some_moment(trace: Trace) -> None:
    index = TraceIndex(trace)
    seen = {crossing.seq for moment in range(len(trace)) for crossing in index.in_flight(moment)}
    assert seen == {e.seq for e in trace if e.kind in ("command", "reply", "data")}


def test_mail_that_is_put_off_says_when_it_is_tried_again() -> None:
    trace = lab.simulate(TOPOLOGIES / "faults/busy.toml").trace
    index = TraceIndex(trace)
    put_off = [event for event in trace if event.kind == "defer"]
    assert put_off
    for event in put_off:
        (before,) = [each for each in index.spool(event.seq) if each.message == event.message]
        (after,) = [item for item in index.spool(event.seq + 1) if item.message == event.message]
        assert index.retry_at(event.seq + 1, after) == event["retry_at"]
        mine = [e for e in put_off if e.message == event.message]
        earlier = [e["retry_at"] for e in mine if e.seq < event.seq]
        assert index.retry_at(event.seq, before) == (earlier[-1] if earlier else None)


def test_the_digest_of_a_moment_is_that_of_the_events_before_it(trace: Trace) -> None:
    index = TraceIndex(trace)
    for moment in (0, 7, len(trace) // 2):
        assert index.digest(moment) == Trace(trace.rows[:moment]).digest()
    assert index.digest(len(trace)) == trace.digest()


def test_the_way_of_a_session_goes_by_links_that_have_a_latency() -> None:
    trace = lab.simulate(TOPOLOGIES / "two-environments.toml").trace
    index = TraceIndex(trace)
    links = {frozenset((each["a"], each["b"])): each["latency"] for each in trace.meta["links"]}
    assert index.latencies == links
    for event in trace:
        if event.kind == "open":
            way = index.paths[event.session or 0]
            assert (way[0], way[-1]) == (event.host, event.peer)
            assert all(frozenset(pair) in links for pair in pairwise(way))


def test_what_has_happened_in_a_session_and_what_comes_next() -> None:
    """Counted by hand, at every moment."""
    trace = lab.simulate(TOPOLOGIES / "campus.toml").trace
    index = TraceIndex(trace)
    for moment in range(0, len(trace) + 1, 7):
        before, after = trace.rows[:moment], trace.rows[moment:]
        sessions = [row[4] for row in before if row[4] is not None]
        assert index.session_at(moment) == (sessions[-1] if sessions else None)
        said = [row for row in before if row[1] == "reply" and row[4] == 3]
        assert index.count_in(3, moment, ("reply",)) == len(said)
        to_come = [moment + n for n, row in enumerate(after) if row[1] == "reply" and row[4] == 3]
        assert index.next_in(3, moment, ("reply",)) == next(iter(to_come), None)
