"""What lies in the spools, held against a plain count and against the summary."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from helpers.places import TOPOLOGIES

import lab
from lab.analysis.index import TraceIndex
from lab.analysis.spools import mail_time, queue_lengths, spans_and_changes, spool_changes, sum_of
from lab.trace.trace import Trace

NAMES = ["campus", "faults/crash", "faults/refuse", "lessons/returned", "lessons/moved", "polling"]


def row(t: float, kind: str, message: int, *columns: Any, peer: str | None = "B") -> Any:
    return (t, kind, "A", peer, None, message, *columns)


@pytest.mark.parametrize("name", NAMES)
def test_a_spool_is_as_long_as_the_messages_that_lie_in_it(name: str) -> None:
    """Counted anew after every event, from the spans."""
    trace = lab.simulate(TOPOLOGIES / f"{name}.toml").trace
    index = TraceIndex(trace)
    length: dict[str, int] = defaultdict(int)
    changes = {change.n: change for change in spool_changes(trace.rows)}
    for n in range(len(trace)):
        if n in changes:
            length[changes[n].host] += changes[n].by
        messages = {(mail.host, mail.message) for mail in index.spool(n + 1)}
        there = {host for host, _ in messages}
        counted = {host: sum(first == host for first, _ in messages) for host in there}
        assert counted == {host: number for host, number in length.items() if number}
        assert index.spool_lengths(n + 1) == counted
    lines = queue_lengths(trace)
    assert {host: line[-1][1] for host, line in lines.items() if line[-1][1]} == counted


def test_mail_for_some_recipients_leaves_and_the_rest_stays() -> None:
    rows = [
        row(1.0, "queue", 7, ("1", "2"), 500),
        row(2.0, "transfer", 7, ("1",)),
        row(3.0, "refuse", 7, ("2",), "550 no"),
    ]
    (whole, rest), _ = spans_and_changes(rows)
    assert (whole.first, whole.last, whole.mail.recipients) == (0, 1, ("1", "2"))
    assert (rest.first, rest.last, rest.mail.recipients, rest.queued) == (1, 2, ("2",), 0)
    assert [change.by for change in spool_changes(rows)] == [1, 0, -1]


def test_a_message_for_two_next_hosts_counts_once() -> None:
    rows = [
        row(1.0, "queue", 7, ("1",), 500),
        row(1.0, "queue", 7, ("2",), 500, peer="C"),
        row(2.0, "transfer", 7, ("1",)),
        row(3.0, "transfer", 7, ("2",), peer="C"),
    ]
    index = TraceIndex(Trace(rows))
    assert [len(index.spool(n)) for n in range(5)] == [0, 1, 2, 1, 0]
    assert [index.spool_lengths(n) for n in range(5)] == [{}, {"A": 1}, {"A": 1}, {"A": 1}, {}]


def test_mail_that_is_put_off_knows_when_it_is_tried_again() -> None:
    rows = [
        row(1.0, "queue", 7, ("1",), 500),
        row(2.0, "queue", 7, ("2",), 500, peer="C"),
        row(3.0, "defer", 7, ("1",), "no answer", 60.0),
        row(4.0, "defer", 7, ("1",), "no answer", None),
    ]
    put_off, other = (span.mail for span in spans_and_changes(rows)[0])
    assert put_off.retries == [(2, 60.0), (3, None)]
    assert other.retries == []


def test_a_length_has_one_value_for_each_time() -> None:
    rows = [
        row(1.0, "queue", 7, ("1",), 500),
        row(1.0, "queue", 8, ("1",), 500),
        row(1.0, "transfer", 7, ("1",)),
        row(5.0, "transfer", 8, ("1",)),
    ]
    assert queue_lengths(Trace(rows)) == {"A": [(0.0, 0), (1.0, 1), (5.0, 0)]}


def test_lengths_of_several_spools_are_added_from_each_time_on() -> None:
    one, two = [(0.0, 0), (1.0, 2), (3.0, 1)], [(0.0, 0), (1.0, 1), (2.0, 0)]
    assert sum_of([one, two]) == [(0.0, 0), (1.0, 3), (2.0, 2), (3.0, 1)]
    assert sum_of([]) == []
    assert mail_time(one, 5.0) == 2 * 2.0 + 1 * 2.0
