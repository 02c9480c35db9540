"""Channels: their ways over the links, what was on its way on them, how long they took to open."""

from __future__ import annotations

import lab
from lab.analysis.channels import (
    Flight,
    channel_paths,
    flights,
    link_at,
    opening_times,
    session_spans,
    shares,
    traffic,
    way_of,
)
from lab.topology.model import from_dict
from lab.views.pictures.map import map_trace
from tests.helpers.places import TOPOLOGIES
from tests.helpers.synthetic_traces import Scribe

ROUTED = from_dict({
    "host": [
        {"name": "A", "users": ["ann"]},
        {"name": "R", "kind": "router"},
        {"name": "B", "users": ["bob"]},
    ],
    "link": [
        {"between": ["A", "R"], "latency": "100 ms"},
        {"between": ["R", "B"], "latency": "300 ms"},
    ],
    "mail": [{"from": "ann@A", "to": ["bob@B"]}],
})  # fmt: skip


def test_a_way_begins_where_something_left() -> None:
    """Commands and mail data go from the host that opened the channel, replies come back."""
    rows = lab.simulate(ROUTED).trace.rows
    paths = channel_paths(rows)
    ways = {row[1]: way_of(row, paths) for row in rows if row[1] in ("open", "command", "reply")}
    assert ways == {"open": ("A", "R", "B"), "command": ("A", "R", "B"), "reply": ("B", "R", "A")}


def test_the_way_of_a_session_that_no_row_opened_is_from_end_to_end() -> None:
    row = (1.0, "reply", "A", "B", 7, None, 0.5, b"250 OK\r\n")
    assert way_of(row, {}) == ("B", "A")
    assert way_of((1.0, "open", "A", "B", 7, None, "", "tcp", ("A",), 0.0), {7: ("A",)}) == (
        "A", "B",
    )  # fmt: skip


def test_time_on_a_way_is_shared_out_by_latency() -> None:
    latency = {frozenset("AR"): 0.1, frozenset("RB"): 0.3}
    assert shares("ARB", latency) == [0.0, 0.25, 1.0]
    assert shares("ARB", {}) == [0.0, 0.5, 1.0], "links without latency take the same time each"
    way = ("A", "R", "B")
    assert link_at(way, [0.0, 0.25, 1.0], 0.125) == (("A", "R"), 0.5)
    assert link_at(way, [0.0, 0.25, 1.0], 0.625) == (("R", "B"), 0.5)
    assert link_at(way, [0.0, 0.0, 1.0], 0.5) == (("R", "B"), 0.5), "no time on the first link"
    assert link_at(way, [0.0, 1.0, 1.0], 1.5) == (("R", "B"), 1.0)


def test_something_leaves_with_the_event_that_made_it_leave() -> None:
    """An attempt opens the channel, and each reply answers a command of the same instant."""
    rows = lab.simulate(ROUTED).trace.rows
    times = [row[0] for row in rows]
    found = list(flights(rows))
    assert found, "mail was sent"
    for seq, left, after in found:
        cause = rows[after - 1]
        assert after <= seq
        assert cause[0] <= left <= times[seq]
        if rows[seq][1] == "open":
            assert (cause[1], cause[2:4]) == ("attempt", rows[seq][2:4])
        elif left == cause[0]:
            assert cause[4] == rows[seq][4]


def test_a_late_reply_is_on_its_way_from_when_it_was_given() -> None:
    rows = [
        (0.0, "open", "A", "B", 1, None, "", "tcp", ("A", "B"), 0.0),
        (1.0, "command", "B", "A", 1, None, 0.5, b"NOOP\r\n"),
        (1.5, "loss", "C", "D", None, None, 0.1, 1),
        (3.0, "reply", "A", "B", 1, None, 2.0, b"250 OK\r\n"),
    ]
    assert list(flights(rows)) == [Flight(0, 0.0, 0), Flight(1, 0.5, 1), Flight(3, 2.0, 3)]


def test_openings_take_greeting_and_helo() -> None:
    trace = Scribe("", ("A", "B"))
    session = trace.open(1.0, "A", "B", opening=0.5)
    for t, octets in ((2.0, b"220 B\r\n"), (3.0, b"250 B\r\n"), (4.0, b"250 OK\r\n")):
        trace.trace.record((t, "reply", "A", "B", session, None, t - 0.1, octets))
    trace.open(5.0, "A", "B", opening=0.25)
    assert opening_times(trace.trace) == [2.0, 0.25]


def test_sessions_and_what_crosses_links_are_counted() -> None:
    trace = lab.simulate(ROUTED).trace
    assert traffic(trace) == ({("A", "R"): 1, ("R", "B"): 1}, False)
    (span,) = session_spans(trace.rows)
    assert trace.rows[span.first][1] == "open"
    assert trace.rows[span.last or 0][1] == "close"


def test_of_a_run_that_was_not_made_the_planned_mail_is_counted() -> None:
    trace = map_trace(ROUTED)
    trace.record((0.0, "plan", "A", "B", None, None, ("A", "R", "B")))
    assert traffic(trace) == ({("A", "R"): 1, ("R", "B"): 1}, True)


def test_a_session_that_is_not_over_has_no_last_event() -> None:
    trace = lab.simulate(TOPOLOGIES / "campus.toml", until=30.0).trace
    spans = session_spans(trace.rows)
    closed = [row[4] for row in trace.of(("close",))]
    assert [span.session for span in spans if span.last is None] == [
        span.session for span in spans if span.session not in closed
    ]
