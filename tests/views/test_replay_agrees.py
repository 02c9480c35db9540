"""The page says what Python says: about every event and moment of every topology that ships."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import lab
from lab.analysis.channels import link_at
from lab.analysis.faults import value_in_words
from lab.analysis.index import TraceIndex
from lab.analysis.ladder_rows import CROSSED, FAILURES, ladder_rows, row_of
from lab.analysis.map_layout import kind_of
from lab.analysis.narrative import LETTERS, lines_shown
from lab.analysis.spools import queue_lengths
from lab.analysis.tallies import tally_changes
from lab.quantities import clock_time, count_noun, duration
from lab.stepping.char_map import make_grid
from lab.stepping.moments import Moment
from lab.trace.trace import Trace
from lab.views.pictures.map import map_of
from lab.views.pictures.plot_style import off_screen
from lab.views.replay import replay_data
from lab.views.text.transcript import transcript
from tests.helpers.page_in_node import computed, needs_node
from tests.helpers.places import TOPOLOGIES

RUNS: list[tuple[str, float | None]] = [
    *sorted(
        (path.relative_to(TOPOLOGIES).as_posix(), None)
        for path in TOPOLOGIES.rglob("*.toml")
        if "experiments" not in path.parts
    ),
    # stopped while mail waits, sessions are open and faults last
    *(("campus.toml", 30.0), ("faults/partition.toml", 900.0), ("faults/host-down.toml", 700.0)),
]
"""Topologies, and when their runs are stopped."""

MOMENTS = 150
"""Moments that are compared in a run; of a longer one, these are evenly apart."""

pytestmark = needs_node

EVENTS = """
const run = new Run(given);
return Array.from({ length: run.count }, (_, i) => ({
  words: [run.sentence(i), run.rowKind(i), run.rowKind(i) ? run.rowText(i) : "", run.tag(i),
    run.fails(i), run.isCrossed(i)],
  lines: run.get(i, "octets") === null ? null : run.lines(i), missing: run.missing(i),
}));
"""


@pytest.fixture(scope="module", params=RUNS, ids=lambda run: "-".join(map(str, run)))
def trace(request: pytest.FixtureRequest) -> Trace:
    name, until = request.param
    return lab.simulate(TOPOLOGIES / name, until=until).trace


def test_each_event_is_told_in_the_words_of_analysis(trace: Trace, tmp_path: Path) -> None:
    """Its sentence, its row of the ladder, whether it failed, and the lines that crossed."""
    page = computed(tmp_path, EVENTS, replay_data(trace))
    index = TraceIndex(trace)
    assert len(page) == len(trace)
    for event, shown in zip(trace, page, strict=True):
        row = row_of(event)
        of_row = (row.kind, row.text, row.tag) if row else ("", "", "")
        told = [of_row[0] in kinds for kinds in (FAILURES, CROSSED)]
        assert shown["words"] == [index.sentence(event), *of_row, *told]
        if shown["lines"] is not None and not shown["missing"]:
            assert shown["lines"] == lines_shown(event["kind"], event["octets"])


def test_what_lies_open_waits_and_fails_is_that_of_the_stepper(
    trace: Trace, tmp_path: Path
) -> None:
    """At every moment: spools, their lengths and next tries, open sessions, faults, outcomes, and
    what is on its way.
    """
    moments = sorted({*range(0, len(trace) + 1, max(1, len(trace) // MOMENTS)), len(trace)})
    body = """
        const run = new Run(given.data);
        return given.moments.map((n) => ({
          spool: run.spoolOf(n).map((one) => [run.hostName(one.host), run.hostName(one.peer),
            one.message, one.recipients, one.size, run.retryAt(n, one)]),
          lengths: Object.fromEntries(run.hosts.map((host, k) => [host.name, run.spoolLength(n, k)])
            .filter(([, length]) => length)),
          sessions: run.sessionsAt(n).map((one) => one.number),
          faults: run.faultsAt(n).map((one) => [one.name, run.hostName(one.host), one.what]),
          at_hosts: run.hosts.map((host, k) => run.faultsOf(n, k).map((one) => one.name)),
          tally: run.tally(n), total: run.spooled(n), flying: run.flightAt(n, n ? run.t[n - 1] : 0)
            .filter((i) => run.rowCrosses(i)).map((i) => [i, run.shareOf(i, run.t[n - 1]),
              run.wayOf(i).hosts.map((host) => run.hostName(host)), run.wayOf(i).reached]),
        }));
    """
    page = computed(tmp_path, body, {"data": replay_data(trace), "moments": moments})
    index = TraceIndex(trace)
    tally = Counter[str]()
    changes = list(tally_changes(trace.rows))
    for n, shown in zip(moments, page, strict=True):
        spool = index.spool(n)
        assert sorted(shown["spool"], key=repr) == sorted(
            (
                [mail.host, mail.peer, mail.message, list(mail.recipients), mail.size, retry]
                for mail in spool
                for retry in [_micro(index.retry_at(n, mail))]
            ),
            key=repr,
        )
        assert shown["lengths"] == index.spool_lengths(n)
        assert shown["total"] == sum(index.spool_lengths(n).values())
        _what_flies(Moment(index, n), shown["flying"])
        assert sorted(shown["sessions"]) == sorted(index.sessions(n))
        faults = [[fault.kind, fault.host, value_in_words(fault)] for fault in index.faults(n)]
        assert sorted(shown["faults"]) == sorted(faults)
        places = [(fault.kind, fault.places(trace.meta["links"])) for fault in index.faults(n)]
        for host, names in zip(trace.meta["hosts"], shown["at_hosts"], strict=True):
            touched = [kind for kind, at in places if any(host["name"] in ends for ends in at)]
            assert sorted(names) == sorted(touched)
        while changes and changes[0].n < n:
            tally[changes[0].name] += changes.pop(0).by
        assert shown["tally"] == {name: tally[name] for name in shown["tally"]}
    last = {host: line[-1][1] for host, line in queue_lengths(trace).items() if line[-1][1]}
    assert page[-1]["lengths"] == last


def _what_flies(moment: Moment, shown: list[Any]) -> None:
    """What is on its way, how far it has come, and on which link: as in the stepper."""
    places = {one.crossing.seq: (one.link, one.share, one.crossing) for one in moment.links}
    assert {seq for seq, *_ in shown} == set(places)
    for seq, share, way, reached in shown:
        link, passed, crossing = places[seq]
        assert tuple(way) == moment.index.way(crossing)
        lasting = crossing.due - crossing.sent
        if lasting > 1e-3:  # the page counts whole microseconds
            assert share == pytest.approx((moment.t - crossing.sent) / lasting, abs=0.002)
        place, part = link_at(tuple(way), reached, share)
        whole = dict(zip(pairwise(way), pairwise(reached), strict=True))
        (begin, end), (first, last) = whole[place], whole[link]
        assert begin + part * (end - begin) == pytest.approx(
            first + passed * (last - first), abs=0.01 if lasting > 1e-3 else 1.0
        )


def _micro(t: float | None) -> float | None:
    return None if t is None else round(t * 1e6) / 1e6


def test_a_ladder_of_anything_has_the_rows_that_python_gives_it(
    trace: Trace, tmp_path: Path
) -> None:
    """Of the whole run, of each host, message and session: at most fifty of each."""
    hosts = [host["name"] for host in trace.meta["hosts"]]
    messages = [row[5] for row in trace.of(("submit", "notify"))]
    sessions = [row[4] for row in trace.of(("open",))]
    asked: dict[str, dict[str, Any]] = {"all": {}}
    asked |= {f"host:{k}": {"host": name} for k, name in enumerate(hosts[:50])}
    asked |= {f"message:{number}": {"message": number} for number in messages[:50]}
    asked |= {f"session:{number}": {"session": number} for number in sessions[:50]}
    if len(trace) > 20_000:
        asked = {scope: asked[scope] for scope in list(asked)[:: max(1, len(asked) // 6)]}
    body = """
        const run = new Run(given.data);
        return Object.fromEntries(given.scopes.map((scope) => [scope, run.rowsOf(scope)]));
    """
    page = computed(tmp_path, body, {"data": replay_data(trace), "scopes": list(asked)})
    for scope, options in asked.items():
        rows = ladder_rows(trace, in_hosts=True, **options)
        beside = ("wait", "close", "stopped")  # the page draws what is stopped over its rows
        wanted = [row.seq for row in rows if row.kind not in beside and row.host]
        assert page[scope] == wanted, scope


def test_a_session_is_shown_line_by_line_as_in_the_transcript(trace: Trace, tmp_path: Path) -> None:
    """Also after a TURN, when the roles have changed, and the pieces of replies."""
    if len(trace) > 5000:
        pytest.skip("the shorter runs show the same")
    body = """
        const run = new Run(given);
        return [...run.sessions.values()].map(({ events }) => events
          .filter((i) => run.name(i) in run.data.letters)
          .flatMap((i) => run.lines(i).map((line) => `${run.data.letters[run.name(i)]}: ${line}`)));
    """
    page = computed(tmp_path, body, replay_data(trace))
    prefixes = {f"{letter}:" for letter in LETTERS.values()}
    lines = [line for line in transcript(trace) if line[:2] in prefixes]
    assert [line for session in page for line in session] == lines


def test_times_and_numbers_are_written_as_python_writes_them(tmp_path: Path) -> None:
    """Thousands of values, among them exact halves, which both round to the even digit."""
    chance = random.Random(821)
    times = [n / 16 for n in range(2000)] + [
        60 - 1e-4,
        59.9996,
        86399.9996,
        86400.0,
        0.0005,
        0.0625,
    ]
    times += [round(10 ** chance.uniform(-6, 6.5), 6) for _ in range(6000)]
    body = """
        return given.times.map((t) => [clock(t, 0), clock(t, 1), clock(t), clock(t, 6),
          duration(t, given.units), counted(Math.floor(t), "host"),
          counted(Math.floor(t), "copy", "copies")]);
    """
    units = replay_data(Trace())["units"]
    page = computed(tmp_path, body, {"times": times, "units": units})
    for t, shown in zip(times, page, strict=True):
        assert shown == [
            clock_time(t, 0), clock_time(t, 1), clock_time(t), clock_time(t, 6), duration(t),
            count_noun(int(t), "host"), count_noun(int(t), "copy", "copies"),
        ]  # fmt: skip


@pytest.mark.parametrize("name", ["campus", "internet", "two-environments", "faults/partition"])
def test_hosts_and_links_lie_where_the_map_puts_them(name: str) -> None:
    """The page, the picture and the stepper's map take one layout."""
    trace = lab.simulate(TOPOLOGIES / f"{name}.toml").trace
    data: Any = replay_data(trace)
    with off_screen():
        picture = map_of(trace.meta)
    for host, described, (x, y) in zip(
        data["hosts"], trace.meta["hosts"], picture.places, strict=True
    ):
        assert (host["x"], host["y"]) == (round(float(x), 5), round(float(y), 5))
        assert host["kind"] == kind_of(described)
    assert [link["bend"] for link in data["links"]] == [bend for _, bend in picture.bends()]
    cells = make_grid(trace.meta, 101, 43).cells
    for host in data["hosts"]:
        assert cells[host["name"]] == (
            9 + round(host["x"] * 82), 1 + round((1 - host["y"]) * 40),
        )  # fmt: skip
