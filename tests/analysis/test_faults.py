"""Fault intervals: what failed, where, and from when to when."""

from __future__ import annotations

import math
from typing import Any

import pytest

import lab
from lab.analysis.faults import FaultInterval, fault_intervals, fault_spans, value_in_words
from lab.analysis.index import TraceIndex
from lab.analysis.shown_names import ShownNames
from lab.trace.trace import Trace
from lab.views.pictures.fault_rows import fault_rows
from lab.views.replay.data import replay_data
from tests.helpers.places import TOPOLOGIES

LINKS = [{"a": "A", "b": "B"}, {"a": "B", "b": "C"}, {"a": "C", "b": "D"}]


def fault(t: float, name: str, on: bool, host: str = "A", peer: Any = None, value: str = "") -> Any:
    return (t, "fault", host, peer, None, None, name, on, value)


def close(t: float, reason: str) -> Any:
    return (t, "close", "A", "B", 1, None, reason)


def intervals(*rows: Any) -> list[tuple[str, float, float]]:
    return [(found.kind, found.begin, found.end) for found in fault_intervals(Trace(rows))]


def test_a_fault_lasts_from_its_beginning_to_its_end() -> None:
    assert intervals(fault(1, "busy", True), fault(5, "busy", False)) == [("busy", 1, 5)]


def test_the_end_of_a_fault_whose_beginning_is_not_in_the_trace_is_none() -> None:
    """The first events of a trace may be missing."""
    assert intervals(fault(5, "busy", False)) == []


def test_a_fault_that_nothing_ended_has_no_end() -> None:
    (found,) = fault_intervals(Trace([fault(1, "busy", True), close(9, "quit")]))
    assert (found.end, found.lasts, found.is_down) == (math.inf, True, False)


def test_faults_alike_end_in_the_order_in_which_they_began() -> None:
    rows = [fault(t, "busy", on) for t, on in ((1, True), (2, True), (5, False), (6, False))]
    assert intervals(*rows) == [("busy", 1, 5), ("busy", 2, 6)]


def test_faults_of_other_places_and_values_are_told_apart() -> None:
    rows = [
        fault(1, "latency", True, "A", "B", "2"),
        fault(2, "latency", True, "A", "B", "3"),
        fault(3, "latency", True, "B", "C", "2"),
        fault(4, "latency", False, "A", "B", "3"),
        fault(5, "latency", False, "B", "C", "2"),
    ]
    found = [
        (interval.place, interval.what, interval.begin, interval.end)
        for interval in fault_intervals(Trace(rows))
    ]
    assert found == [
        ("A - B", "2", 1, math.inf),
        ("A - B", "3", 2, 4),
        ("B - C", "2", 3, 5),
    ]


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("jitter", "15", "15 s"), ("latency", "0.54", "540 ms"), ("bandwidth", "300", "300 bit/s"),
        ("loss", "0.35", "0.35"), ("clock-skew", "-1200", "-20 min"), ("bandwidth", "inf", "inf"),
        ("jitter", "from elsewhere", "from elsewhere"), ("busy", "", ""),
    ],
)  # fmt: skip
def test_a_value_is_told_with_its_unit(kind: str, value: str, words: str) -> None:
    assert value_in_words(FaultInterval(kind, "A", "B", value, 1, 2)) == words


@pytest.mark.parametrize("kind", ["crash", "change-reply", "change-command", "hang-up"])
def test_some_kinds_are_over_at_once(kind: str) -> None:
    (found,) = fault_intervals(Trace([fault(1, kind, True)]))
    assert (found.begin, found.end, found.lasts) == (1, 1, False)


def test_a_crash_lasts_until_the_host_is_up_again() -> None:
    assert intervals(fault(1, "crash", True), fault(9, "crash", False)) == [("crash", 1, 9)]


def test_a_hang_up_happens_where_the_channel_is_cut() -> None:
    """Not when it begins to wait for that; and one that never comes so far does not happen."""
    waits = fault(0, "hang-up", True, "B", "A", "after RCPT")
    assert intervals(waits) == []
    assert intervals(waits, close(3, "cut: after RCPT")) == [("hang-up", 3, 3)]
    assert intervals(waits, close(3, "cut: B is down")) == []


def test_a_partition_breaks_the_links_between_its_groups() -> None:
    partition = FaultInterval("partition", "", None, "A B | C", 1.0, 2.0)
    assert partition.places(LINKS) == [("B", "C")]
    assert partition.place == "A B | C"
    assert FaultInterval("crash", "A", None, "", 1.0, 2.0).places(LINKS) == [("A", None)]


def test_spans_name_the_events_that_began_and_ended_a_fault() -> None:
    rows = [close(0, "quit"), fault(1, "busy", True), fault(2, "crash", True),
            fault(3, "refuse", True), fault(4, "busy", False)]  # fmt: skip
    found = [(span.interval.kind, span.first, span.last) for span in fault_spans(rows)]
    assert found == [("busy", 1, 4), ("crash", 2, 2), ("refuse", 3, None)]


def test_timeline_stepper_and_page_agree_on_a_changed_reply() -> None:
    """It is over at once: the timeline has a mark, and no moment of the stepper has the fault."""
    changed = lab.Fault("change-reply", host="USC-ISIE.ARPA", session=1, number=5, line="451 No")
    trace = lab.simulate(TOPOLOGIES / "rfc821/scenario-03.toml", faults=[changed]).trace
    (row,) = fault_rows(trace, ShownNames()).values()
    assert row == fault_intervals(trace)
    assert [found.lasts for found in row] == [False]
    index = TraceIndex(trace)
    assert not any(index.faults(moment) for moment in range(index.count + 1))
    (shown,) = replay_data(trace)["faults"]
    assert (shown["name"], shown["enter"]) == ("change-reply", shown["leave"])


def test_the_page_has_hosts_and_links_of_faults_by_number() -> None:
    trace = lab.simulate(TOPOLOGIES / "faults/partition.toml").trace
    data = replay_data(trace)
    (shown,) = data["faults"]
    names = [host["name"] for host in data["hosts"]]
    (interval,) = fault_intervals(trace)
    places = [(names[a], names[b]) for a, b in shown["places"]]
    assert places == interval.places(trace.meta["links"])
    assert shown["down"]
    assert shown["host"] == -1
    began, ended = trace[shown["enter"]], trace[shown["leave"]]
    assert (began.t, began["on"], ended.t, ended["on"]) == (
        interval.begin,
        True,
        interval.end,
        False,
    )
