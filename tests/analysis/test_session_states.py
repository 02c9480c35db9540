"""The states of both sides of a session after each event."""

from __future__ import annotations

from collections import Counter

import pytest
from helpers.places import TOPOLOGIES

import lab
from lab.analysis.session_states import kinds_of_session, session_histories, transitions_taken
from lab.protocol import State
from lab.trace.trace import Trace


def run(name: str) -> Trace:
    return lab.simulate(TOPOLOGIES / f"{name}.toml").trace


@pytest.mark.rule("4.1.1-2")
def test_the_buffers_are_full_until_the_mail_is_stored() -> None:
    trace = run("rfc821/scenario-03")
    history = session_histories(trace)[1]
    (data,) = [e.seq for e in trace if e.kind == "data" and e.session == 1]
    (stored,) = [e.seq for e in trace if e.kind == "accept" and e.session == 1]
    during, after = history.at(data), history.at(stored)
    assert during is not None
    assert after is not None
    assert during.receiver.forward_paths == ("<@USC-ISIE.ARPA:Jones@BBN-VAX.ARPA>",)
    assert during.receiver.mail_data.endswith(b"\r\n")
    assert after.receiver.forward_paths == ()
    assert after.receiver.mail_data == b""
    assert after.sender.forward_paths == during.sender.forward_paths
    replied = history.at(next(seq for seq in history.seqs if seq > stored))
    assert replied is not None
    assert [each.has_stored for each in (during, after, replied)] == [False, True, False]


def test_a_session_is_nothing_before_it_opened_and_closed_after_its_end() -> None:
    trace = run("rfc821/scenario-03")
    history = session_histories(trace)[2]
    (opened,) = [e.seq for e in trace if e.kind == "open" and e.session == 2]
    (closed,) = [e.seq for e in trace if e.kind == "close" and e.session == 2]
    assert history.at(opened - 1) is None
    first, last = history.at(opened), history.at(closed)
    assert first is not None
    assert last is not None
    assert (first.open, last.open) == (True, False)
    assert last.sender.state is last.receiver.state is State.CLOSED
    assert history.reason == "quit"
    assert history.closed == trace[closed].t


def test_one_session_alone_has_the_states_that_it_has_among_all() -> None:
    trace = run("campus")
    for number, history in session_histories(trace).items():
        assert session_histories(trace, number) == {number: history}


def test_a_turn_changes_the_roles_of_the_hosts() -> None:
    """3.8: both sides are then as after opening."""
    trace = run("polling")
    turned = [
        (before, after)
        for history in session_histories(trace).values()
        for before, after in zip(history.snapshots, history.snapshots[1:], strict=False)
        if before.sender_host != after.sender_host
    ]
    assert turned
    for before, after in turned:
        assert (after.sender_host, after.receiver_host) == (
            before.receiver_host, before.sender_host,
        )  # fmt: skip
        assert after.sender.reverse_path is None
        assert after.receiver.forward_paths == ()


def wire(trace: Trace, session: int) -> tuple[str, ...]:
    """What was said in a session: verbs, codes and mail data."""
    said = []
    for event in trace:
        if event.session == session and event.kind in ("command", "reply", "data"):
            column = {"command": "verb", "reply": "code"}.get(event.kind)
            said.append(str(event[column]) if column else "data")
    return tuple(said)


@pytest.mark.parametrize("name", ["campus", "faults/crash", "polling"])
def test_sessions_that_went_alike_are_counted_together(name: str) -> None:
    trace = run(name)
    sessions = {event.session for event in trace if event.kind == "open"}
    alike = Counter(wire(trace, number) for number in sessions if number)
    found = {
        wire(trace, history.number): count for history, _, count in kinds_of_session(trace.rows)
    }
    assert found == alike
    assert max(alike.values()) > 1


def test_the_first_of_its_kind_is_shown_with_its_own_rows() -> None:
    trace = run("campus")
    for history, rows, _ in kinds_of_session(trace.rows):
        assert all(row[4] == history.number for row in rows)
        assert history.seqs == [*range(len(rows))]
        whole = session_histories(trace)[history.number]
        assert history.snapshots == whole.snapshots
        earlier = [number for number in session_histories(trace) if number < history.number]
        assert wire(trace, history.number) not in [wire(trace, number) for number in earlier]


def test_a_session_that_is_still_open_is_of_a_kind_too() -> None:
    trace = lab.simulate(TOPOLOGIES / "rfc821/scenario-03.toml", until=0.5).trace
    assert [event for event in trace if event.kind == "close"] == []
    ((history, _, count),) = kinds_of_session(trace.rows)
    assert (history.closed, count) == (None, 1)


def test_a_session_whose_beginning_is_not_in_the_trace_is_left_out() -> None:
    trace = run("rfc821/scenario-03")
    (opened,) = [e.seq for e in trace if e.kind == "open" and e.session == 1]
    rest = Trace(trace.rows[opened + 1 :])
    assert list(session_histories(rest)) == [2]
    assert [history.number for history, _, _ in kinds_of_session(rest.rows)] == [2]


def test_the_arrows_of_the_table_that_a_run_took_are_counted() -> None:
    """One for each command that succeeded, and one for the mail data."""
    trace = run("rfc821/scenario-03")
    taken = transitions_taken(trace)
    assert taken[State.OPENED, "HELO"] == 2
    assert sum(taken.values()) == 2 * 6
    assert {command for _, command in taken} == {
        "HELO", "MAIL", "RCPT", "DATA", "data", "QUIT",
    }  # fmt: skip
    (second,) = [event.seq for event in trace if event.kind == "open" and event.session == 2]
    assert sum(transitions_taken(trace, until=second).values()) == 5  # all but QUIT
