"""The trace as DataFrames: columns, types, and figures that agree with the summary."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.places import TOPOLOGIES

import lab
from lab.analysis import tables
from lab.trace.trace import Trace

FILES = [
    "campus.toml", "polling.toml", "two-environments.toml",
    "faults/duplicate-window.toml", "faults/partition.toml", "rfc821/scenario-07.toml",
]  # fmt: skip


@pytest.fixture(scope="module", params=FILES)
def run(request: pytest.FixtureRequest) -> lab.Run:
    return lab.simulate(TOPOLOGIES / request.param)


def test_each_table_has_its_columns_and_their_types(run: lab.Run) -> None:
    """Also where a column is empty throughout."""
    for trace in (run.trace, Trace()):
        for table, columns in (
            (trace.events(), tables.EVENTS),
            (trace.deliveries(), tables.DELIVERIES),
            (trace.sessions(), tables.SESSIONS),
            (trace.links(), tables.LINKS),
            (trace.utilisation(), tables.UTILISATION),
            (trace.queues(), tables.QUEUES),
            (trace.phases(), tables.PHASES),
        ):
            assert {name: str(kind) for name, kind in table.dtypes.items()} == columns


def test_events_are_the_trace_in_its_order(run: lab.Run) -> None:
    """A row an event; what crossed the wire is there with its verb, code and size."""
    table = run.trace.events()
    assert list(table.seq) == list(range(len(run.trace)))
    assert list(table.t) == [event.t for event in run.trace]
    replies = table[table.kind == "reply"]
    assert list(replies.code) == [e["code"] for e in run.trace if e.kind == "reply"]
    commands = table[table.kind == "command"]
    assert list(commands.bytes) == [len(e["octets"]) for e in run.trace if e.kind == "command"]
    assert (commands.t >= commands.sent).all()


def test_deliveries_agree_with_the_summary(run: lab.Run) -> None:
    """A row a recipient, in the summary's order; the way has as many hosts as hops, and one."""
    table = run.trace.deliveries()
    wanted = run.summary["recipients"]
    assert list(table.recipient) == [each["recipient"] for each in wanted]
    assert list(table.outcome) == [item["outcome"] for item in wanted]
    counts = table.outcome.value_counts()
    for outcome in ("delivered", "returned", "rejected", "queued"):
        assert counts.get(outcome, 0) == run.summary[outcome]
    delivered = table[table.outcome == "delivered"]
    assert delivered.hops.sum() == run.summary["hops"]
    assert delivered.copies.sum() - len(delivered) == run.summary["duplicates"]
    once = delivered[delivered.copies == 1]
    assert (once.way.str.split().str.len() == once.hops + 1).all()


def test_sessions_agree_with_the_wire(run: lab.Run) -> None:
    """A row a channel; its bytes are those of the commands, replies and mail data that arrived."""
    table = run.trace.sessions()
    assert len(table) == run.summary["sessions"]
    wire = [e for e in run.trace if e.kind in ("command", "reply", "data")]
    assert table.bytes_sent.sum() + table.bytes_received.sum() == sum(
        len(event["octets"]) for event in wire
    )
    assert table.commands.sum() == sum(event.kind == "command" for event in wire)
    assert (table.closed.fillna(1e9) >= table.opened).all()


def test_a_file_gives_the_same_tables_as_the_run(run: lab.Run, tmp_path: Path) -> None:
    """What was recorded can be read anywhere."""
    with open(tmp_path / "trace.jsonl", "w", encoding="utf-8") as file:
        run.trace.write_jsonl(file)
    read = Trace.read_jsonl(tmp_path / "trace.jsonl")
    assert read.events().equals(run.trace.events())
    assert read.deliveries().equals(run.trace.deliveries())
    assert read.sessions().equals(run.trace.sessions())


def test_what_was_not_recorded_is_missing_and_not_nought() -> None:
    """Columns that want the wire are empty without it; a table that has nothing says so."""
    path = TOPOLOGIES / "campus.toml"
    whole = lab.simulate(path).trace
    part = lab.simulate(path, trace="session").trace
    table = part.sessions()
    wire = ["commands", "replies", "bytes_sent", "bytes_received"]
    assert table[wire].isna().all(axis=None)
    assert table.drop(columns=wire).equals(whole.sessions().drop(columns=wire))
    assert part.deliveries().equals(whole.deliveries())
    least = lab.simulate(path, trace="delivery").trace
    assert least.deliveries().equals(whole.deliveries())
    with pytest.raises(ValueError, match="table of sessions requires --trace session; this"):
        least.sessions()
    with pytest.raises(ValueError, match="table of deliveries requires --trace delivery"):
        lab.simulate(path, trace="none").trace.deliveries()
