"""What was on its way when a channel was lost: what it was, and where its head and tail were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers.small_topologies import host

import lab
from lab.analysis.cuts import CutOff, OnLine, cut_off, stretch
from lab.analysis.ladder_rows import ladder_rows
from lab.topology.model import from_dict
from lab.trace.trace import Trace
from lab.views.replay import replay_data
from tests.helpers.page_in_node import computed, needs_node

DOWN = {"kind": "link-down", "link": ["A", "B"], "for": "1 min"}
CRASH = {"kind": "crash", "host": "B", "for": "1 min"}


def run_with(fault: dict[str, Any], **link: Any) -> lab.Run:
    """A mail of 3,000 bytes over a line of 1200 bit/s and 2 s, and a fault."""
    return lab.simulate(from_dict({
        "title": "cut", "host": [host("A", "ann"), host("B", "bob")],
        "link": [{"between": ["A", "B"], "latency": "2 s", "bandwidth": "1200 bit/s", **link}],
        "mail": [{"from": "ann@A", "to": ["bob@B"], "size": "3000 B"}], "fault": [fault],
    }))  # fmt: skip


def cuts_of(run: lab.Run) -> list[CutOff]:
    return cut_off(run.trace)


def test_mail_data_is_cut_where_it_was() -> None:
    """It left with the 354; its head was under way for two seconds, its tail was still at A."""
    run = run_with({**DOWN, "at": "40 s"})
    (cut,) = cuts_of(run)
    rows = list(run.trace)
    (line,) = cut.lines
    assert (cut.kind, cut.message, cut.path, cut.at) == ("data", 1, ("A", "B"), 40.0)
    assert rows[cut.closed]["kind"] == "close"
    reply = rows[cut.after - 1]
    assert (reply["kind"], reply["octets"][:3], reply.t) == ("reply", b"354", cut.left)
    # 3,000 bytes are six segments with headers of 40 bytes: 3,240 bytes, at 150 a second
    assert line == OnLine(0.0, pytest.approx(21.6), 2.0)
    assert cut.needed == pytest.approx(23.6)


@pytest.mark.parametrize(("at", "kind"), [("8 s", "reply"), ("10 s", "command")])
def test_commands_and_replies_are_cut_too(at: str, kind: str) -> None:
    (cut,) = cuts_of(run_with({**CRASH, "at": at}))
    assert (cut.kind, cut.path[0]) == (kind, "B" if kind == "reply" else "A")


def test_nothing_is_cut_where_nothing_was_under_way() -> None:
    """Not of a channel that was closed in order, nor one that a hang-up ends at a place."""
    assert cuts_of(run_with({**DOWN, "at": "10 min"})) == []
    hang_up = {"kind": "hang-up", "link": ["A", "B"], "after": "DATA"}
    assert cuts_of(run_with(hang_up)) == []
    run = run_with({**DOWN, "at": "40 s"})
    idle = [row for row in run.trace.rows if row[1] not in ("reply", "command", "data")]
    assert cut_off(Trace(idle, run.trace.level)) == []  # the greeting would have come long ago
    assert cut_off(Trace(run.trace.rows, "delivery")) == []


def test_a_ladder_has_a_row_for_it_with_the_places_of_tail_and_head() -> None:
    """The tail was still at A, the head a quarter of the way to B; the row is before the cut."""
    run = run_with({**DOWN, "at": "28.773 s"})
    (cut,) = cuts_of(run)
    tail, head = stretch(cut)
    assert (tail, head) == (0.0, pytest.approx(0.25, abs=0.001))
    rows = ladder_rows(run.trace)
    (place,) = [n for n, row in enumerate(rows) if row.kind == "stopped"]
    row = rows[place]
    assert (row.host, row.peer, row.stops, row.sent) == ("A", "B", "data", cut.left)
    assert (row.stretch, row.text) == ((tail, head), "mail data, cut off on its way")
    assert (rows[place + 1].kind, rows[place + 1].seq) == ("cut", row.seq)


def test_over_several_links_tail_and_head_are_shares_of_the_whole_way() -> None:
    """The head is halfway over the second of two links, the tail at the end of the first."""
    lines = (OnLine(0.0, 1.0, 2.0), OnLine(2.0, 3.0, 2.0))
    cut = CutOff(9, 13.0, 10.0, 5, "command", 1, ("A", "R", "B"), lines, 5.0)
    assert stretch(cut) == (0.5, 0.75)
    assert stretch(cut._replace(at=10.0)) == (0.0, 0.0)
    at_once = (OnLine(0.0, 0.0, 0.0),)
    assert stretch(cut._replace(lines=at_once)) == (1.0, 1.0)


PLACES = """
const map = { _route: (hosts) => hosts };
const run = { data: given };
const [cut] = given.cuts;
const partsAt = (t) => cutParts(map, cut, t).map(([, tail, head]) => [tail, head]);
const places = [0, 1, 22, 30].map(partsAt);
const moments = [[given.after - 1, 28.44], [given.after, 30], [99, 41], [99, 70]];
const counts = moments.map(([n, t]) => cutsAt(run, n, t).length);
return [...places, ...counts, cutStretch(cut, cut.left + 1)];
"""


@needs_node
def test_the_page_has_them_move_and_stop(tmp_path: Path) -> None:
    """The head goes first, the tail follows when all is sent; then nothing is there."""
    run = run_with({**DOWN, "at": "40 s"})
    data = replay_data(run.trace)
    (cut,) = cuts_of(run)
    values = {"cuts": data["cuts"], "after": cut.after}
    after_0, after_1, after_22, after_30, *shown, part = computed(tmp_path, PLACES, values)
    assert part == [0, 0.5]  # where the page's ladder draws it
    assert after_0 == [[0, 0]]
    assert after_1 == [[0, 0.5]]
    assert after_22 == [[pytest.approx(0.2), 1]]
    assert after_30 == []
    # before it left; under way; just after its channel was lost; long after
    assert shown == [0, 1, 1, 0]
