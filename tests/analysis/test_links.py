"""Links: what crossed them, how busy they were, what waited; against the simulator and theory."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from helpers.places import TOPOLOGIES
from helpers.queueing import (
    RATE,
    link,
    longest,
    poisson,
    pollaczek_khinchine,
    sent,
    waits,
)
from helpers.small_topologies import ANN_TO_BOB, TWO_HOSTS, host, mail, relay

import lab
from lab.analysis.departures import in_order_of_departure, left_at
from lab.analysis.link_use import link_intervals, link_use
from lab.analysis.links import LinkReplay
from lab.api.simulate import make_run
from lab.experiments.storm.random_networks import random_network
from lab.network.transport import TRANSPORTS
from lab.topology.model import from_dict
from lab.trace.retention import Retention
from lab.trace.rows import CROSSING, KIND, OCTETS, T
from lab.trace.trace import Trace

FRAMED = TRANSPORTS["tcp"].on_the_wire


def of(uses: list[lab.LinkUse], host: str, peer: str) -> lab.LinkUse:
    [found] = [use for use in uses if (use["host"], use["peer"]) == (host, peer)]
    return found


def arrivals(trace: Trace) -> dict[int, float]:
    """When each row's octets arrive, as the links have them, by the identity of the row."""
    crossings = LinkReplay(trace).crossings()
    return {id(crossing.row): crossing.arrives for crossing in crossings if crossing.row}


# -- what the simulator does -----------------------------------------------------------------------

SLOW: dict[str, Any] = {"bandwidth": "2400 bit/s", "latency": "20 ms"}


TEXT = 50 * f"{'x' * 60}\n"


def crowded() -> lab.Run:
    """Three hosts that share a slow link behind a router, and a fast one behind a relay."""
    links = [{"between": [f"H{n}.ARPA", "R"], "bandwidth": f"{n}0 kbit/s"} for n in (1, 2, 3)]
    return lab.simulate(from_dict({
        "host": [
            *(host(f"H{n}.ARPA", "ann") for n in (1, 2, 3)),
            {"name": "R", "kind": "router"}, relay("M.ARPA", "bob"), host("Z.ARPA", "eve"),
        ],
        "link": [
            *links, {"between": ["R", "M.ARPA"], **SLOW},
            {"between": ["M.ARPA", "Z.ARPA"], "bandwidth": "1 Mbit/s"},
        ],
        "mail": [
            mail(f"ann@H{n}.ARPA", "eve@Z.ARPA", at=f"{k * 100} ms", text=TEXT)
            for n in (1, 2, 3) for k in range(3)
        ],
    }))  # fmt: skip


@pytest.mark.parametrize("number", range(6))
def test_octets_arrive_when_the_simulator_had_them_arrive(number: int) -> None:
    """On random networks without jitter and faults, segments that were lost included."""
    topology = random_network(11, number)
    links = tuple(replace(each, jitter=0.0) for each in topology.links)
    trace = lab.simulate(replace(topology, links=links, faults=()), seed=number).trace
    found = arrivals(trace)
    rows = [row for row in trace.rows if id(row) in found]
    assert len(rows) > 10
    for row in rows:
        assert found[id(row)] == pytest.approx(row[T], abs=1e-6)


def test_octets_that_wait_for_others_arrive_when_the_simulator_had_them_arrive() -> None:
    run = crowded()
    found = arrivals(run.trace)
    rows = [row for row in run.trace.rows if row[KIND] in CROSSING]
    assert [found[id(row)] for row in rows] == pytest.approx([row[T] for row in rows], abs=1e-9)
    shared = of(run.links(), "R", "M.ARPA")
    assert shared["longest_queue"] == 2  # of three hosts, two wait
    assert 0.5 < (shared["utilisation"] or 0) < 1


def test_bytes_are_those_of_the_trace_with_headers() -> None:
    run = crowded()
    rows = [row for row in run.trace.rows if row[KIND] in CROSSING]
    uses = run.links()
    outward = [row for row in rows if row[2] == "Z.ARPA"]
    use = of(uses, "M.ARPA", "Z.ARPA")
    assert use["payload"] == sum(len(row[OCTETS]) for row in outward)
    sessions = sum(row[KIND] == "open" and row[3] == "Z.ARPA" for row in run.trace.rows)
    opening = 80 * sessions  # SYN and ACK
    assert use["bytes"] == sum(FRAMED(len(row[OCTETS])) for row in outward) + opening
    assert use["chunks"] == len(outward) + 2 * sessions
    assert use["messages"] == run.summary["delivered"] == 9
    assert use["busy_seconds"] == pytest.approx(use["bytes"] * 8 / 1e6)
    seconds = run.summary["simulated_seconds"]
    assert use["utilisation"] == pytest.approx((use["busy_seconds"] or 0) / seconds)
    assert of(uses, "H1.ARPA", "R")["messages"] == 3


def test_a_link_without_a_bandwidth_has_no_figures_of_waiting() -> None:
    run = lab.simulate(TOPOLOGIES / "rfc821/scenario-03.toml")
    use = of(run.links(), "MIT-AI.ARPA", "USC-ISIE.ARPA")
    assert use["bytes"] > use["payload"] > 0
    names = ("busy_seconds", "utilisation", "longest_queue", "mean_queue", "mean_wait")
    assert [dict(use)[name] for name in names] == [None] * 5


def test_lost_segments_are_counted_where_they_were_lost() -> None:
    text = TWO_HOSTS + "loss = 0.2\n" + ANN_TO_BOB + 'size = "20 kB"\n'
    run = lab.simulate(from_text(text))
    lost = sum(event["again"] for event in run.trace if event.kind == "loss")
    uses = run.links()
    assert sum(use["segments_lost"] for use in uses) == lost > 0
    outward = sum(e["again"] for e in run.trace if e.kind == "loss" and e.host == "ONE.ARPA")
    assert of(uses, "ONE.ARPA", "TWO.ARPA")["segments_lost"] == outward


def from_text(text: str) -> lab.Topology:
    import tomllib

    return from_dict(tomllib.loads(text))


def test_a_turn_changes_the_direction() -> None:
    """Of the session's octets each way, none is counted the wrong way round."""
    trace = lab.simulate(TOPOLOGIES / "polling.toml").trace
    uses = link_use(trace)
    for use in uses:
        payload = sum(
            len(row[OCTETS])
            for row in trace.of(("command", "reply", "data"))
            if (row[3], row[2]) == (use["host"], use["peer"])
        )
        assert use["payload"] == payload


def test_pieces_of_a_reply_are_counted_once() -> None:
    run = lab.simulate(from_dict({
        "host": [
            host("ONE.ARPA", "ann"),
            host("TWO.ARPA", "bob", reply=[{"to": "RCPT", "octets": "250 OK\r\n", "pieces": [3]}]),
        ],
        "link": [{"between": ["ONE.ARPA", "TWO.ARPA"], "bandwidth": "9600 bit/s"}],
        "mail": [mail("ann@ONE.ARPA", "bob@TWO.ARPA")],
    }))  # fmt: skip
    pieces = [row for row in run.trace.rows if row[KIND] == "piece"]
    assert b"".join(row[OCTETS] for row in pieces) == b"250 OK\r\n"
    replies = sum(len(row[OCTETS]) for row in run.trace.of(("reply",)))
    assert of(run.links(), "TWO.ARPA", "ONE.ARPA")["payload"] == replies


def test_a_fault_changes_the_latency_while_it_lasts() -> None:
    text = TWO_HOSTS + 'latency = "100 ms"\nbandwidth = "100 kbit/s"\n' + ANN_TO_BOB
    fault = lab.Fault("latency", link=("ONE.ARPA", "TWO.ARPA"), at=0.55, duration=2.0, value=1.0)
    other = lab.Fault("latency", link=("ONE.ARPA", "TWO.ARPA"), at=1.0, duration=1.0, value=0.5)
    trace = lab.simulate(from_text(text), faults=[fault, other]).trace
    found = arrivals(trace)
    rows = [row for row in trace.rows if row[KIND] in CROSSING]
    assert max(row[T] - row[6] for row in rows) > 1
    assert [found[id(row)] for row in rows] == pytest.approx([row[T] for row in rows], abs=1e-9)


def test_a_fault_of_the_bandwidth_counts_while_it_lasts() -> None:
    trace = sent("AB", [(0.0, 1000), (10.0, 1000), (30.0, 1000)], [link("A", "B")])
    at = [row[T] for row in trace.rows].index(1.0)
    trace.growing.insert(at, (0.5, "fault", "A", "B", None, None, "bandwidth", True, "800"))
    trace.growing.insert(-2, (29.0, "fault", "A", "B", None, None, "bandwidth", False, "800"))
    size = FRAMED(1000)
    use = of(link_use(trace), "A", "B")
    assert use["busy_seconds"] == pytest.approx((2 * size + 80) / 1000 + size / 100)


def test_what_the_trace_does_not_describe_is_left_out() -> None:
    """A mail program that calls a live host comes over no link; a session may lack its opening."""
    trace = sent("AB", [(0.0, 100)], [])
    assert link_use(trace) == []
    trace = sent("AB", [(0.0, 100)], [link("A", "B")])
    trace.growing[1:2] = []
    assert of(link_use(trace), "A", "B")["bytes"] == 0


def test_a_trace_without_the_wire_is_refused_in_a_sentence() -> None:
    run = lab.simulate(TOPOLOGIES / "campus.toml", trace="session")
    with pytest.raises(ValueError, match="require --trace wire; this run was recorded with"):
        run.links()


def test_an_empty_trace_has_no_links() -> None:
    assert link_use(Trace()) == []


# -- the order of departure ------------------------------------------------------------------------


def test_rows_come_in_the_order_in_which_they_left() -> None:
    """Also over the blocks in which a trace is gone through."""
    trace = Trace()
    trace.record((0.0, "start", "", None, None, None, {}))
    for n in range(9000):
        trace.record((n * 1.0, "command", "B", "A", 1, None, n - (n * 7919) % 50, b"NOOP\r\n"))
    found = list(in_order_of_departure(lambda: trace.of(("command",))))
    assert sorted((left_at(row), n) for n, row in enumerate(trace.rows[1:])) == [
        (departure.at, departure.number) for departure in found
    ]


# -- theory ----------------------------------------------------------------------------------------

COUNT = 12_000


def sizes_of(gaps: list[float]) -> list[int]:
    """Sizes in octets that are exponentially distributed: the gaps between Poisson arrivals."""
    return [max(5, round(b - a)) for a, b in pairwise([0.0, *gaps])]


@pytest.mark.parametrize("name", ["M/M/1", "M/D/1"])
def test_waits_for_a_link_are_those_of_theory(name: str) -> None:
    """The formula of Pollaczek and Khinchine; for M/M/1, also load / (rate of service - load)."""
    sizes = sizes_of(poisson(1 / 800, COUNT, 2)) if name == "M/M/1" else [800] * COUNT
    services = [FRAMED(size) * 8 / RATE for size in sizes]
    mean = sum(services) / COUNT
    load = 0.6 / mean
    times = poisson(load, COUNT, 3)
    trace = sent("AB", zip(times, sizes, strict=True), [link("A", "B")])
    theory = pollaczek_khinchine(load, services)
    crossings = [c for c in LinkReplay(trace).crossings() if c.row is not None]
    found = [c.begin - c.since for c in crossings]
    estimate = lab.steady_state(found, confidence=0.99)
    assert estimate.low < theory < estimate.high
    assert estimate.half_width < 0.2 * theory
    if name == "M/M/1":
        assert theory == pytest.approx(0.6 * mean / 0.4, rel=0.05)
    use = of(link_use(trace), "A", "B")
    assert use["utilisation"] == pytest.approx(0.6, rel=0.03)
    # Little's law: the mean queue is the rate of arrivals times the mean wait; here it is also
    # what is seen at random moments
    rate = use["chunks"] / trace.last
    assert use["mean_queue"] == pytest.approx(rate * (use["mean_wait"] or 0), rel=1e-6)
    moments = [t for t in poisson(rate, COUNT, 9) if t < trace.last]
    came, went = sorted(c.since for c in crossings), sorted(c.begin for c in crossings)
    seen = [bisect_right(came, t) - bisect_right(went, t) for t in moments]
    assert sum(seen) / len(seen) == pytest.approx(use["mean_queue"], rel=0.1)


def test_each_wait_and_the_longest_queue_are_those_of_lindley() -> None:
    times, sizes = poisson(0.8, 500, 4), sizes_of(poisson(1 / 900, 500, 5))
    services = [FRAMED(size) * 8 / RATE for size in sizes]
    trace = sent("AB", zip(times, sizes, strict=True), [link("A", "B")])
    wanted = waits(times, services)
    crossings = [c for c in LinkReplay(trace).crossings() if c.row is not None]
    assert [c.begin - c.since for c in crossings] == pytest.approx(wanted, abs=1e-6)
    use = of(link_use(trace), "A", "B")
    begins = [t + wait for t, wait in zip(times, wanted, strict=True)]
    assert use["longest_queue"] == longest(times, begins) > 5


def test_nothing_waits_at_the_second_of_two_equal_links_in_a_row() -> None:
    """Tandem queues with the same fixed service: what leaves the first has enough room between."""
    times = poisson(0.7, 2000, 6)
    links = [link("A", "R"), link("R", "B")]
    uses = link_use(sent("ARB", [(t, 900) for t in times], links))
    first, second = of(uses, "A", "R"), of(uses, "R", "B")
    assert (first["mean_wait"] or 0) > 0.1
    assert second["mean_wait"] == pytest.approx(0, abs=1e-6)
    assert second["utilisation"] == first["utilisation"]


@pytest.mark.parametrize("slow", [0, 1])
def test_all_waits_of_links_in_a_row_are_those_for_the_slowest(slow: int) -> None:
    """Fixed services: the order of the stations does not matter (Friedman, 1965).

    A part of what is sent can be on the next link before the rest: of one piece, none can.
    """
    times = poisson(0.5, 3000, 7)
    rates = [RATE * 4, RATE * 4]
    rates[slow] = RATE
    links = [link("A", "R", bandwidth=rates[0]), link("R", "B", bandwidth=rates[1])]
    trace = sent("ARB", [(t, 500) for t in times], links)
    found = [c for c in LinkReplay(trace).crossings() if c.row is not None]
    total = sum(c.begin - c.since for c in found) / len(times)
    service = FRAMED(500) * 8 / RATE
    assert total == pytest.approx(sum(waits(times, [service] * 3000)) / 3000, rel=1e-3)


# -- time series -----------------------------------------------------------------------------------


def test_the_means_of_intervals_are_those_of_the_run() -> None:
    run = crowded()
    for every in (0.7, 3.0, 1e6):
        found = [each for each in link_intervals(run.trace, every) if each.host == "R"]
        found = [each for each in found if each.peer == "M.ARPA"]
        assert [each.t for each in found] == [n * every for n in range(len(found))]
        lengths = [min(every, run.trace.last - each.t) for each in found]
        use = of(run.links(), "R", "M.ARPA")
        busy = sum(each.utilisation * length for each, length in zip(found, lengths, strict=True))
        assert busy == pytest.approx(use["busy_seconds"])
        queue = sum(each.queue * length for each, length in zip(found, lengths, strict=True))
        assert queue / run.trace.last == pytest.approx(use["mean_queue"], abs=1e-6)
        assert all(0 <= each.utilisation <= 1 for each in found)


def test_links_that_nothing_crossed_have_intervals_too() -> None:
    trace = sent(
        "AB", [(0.0, 1000)], [link("A", "B"), link("B", "C"), link("C", "D", bandwidth=None)]
    )
    found = list(link_intervals(trace, 0.5))
    assert {(each.host, each.peer) for each in found} == {
        ("A", "B"), ("B", "A"), ("B", "C"), ("C", "B"),
    }  # fmt: skip
    assert {each.utilisation for each in found if each.host == "C"} == {0.0}


# -- links that differ by direction, and several between two hosts ---------------------------------


def test_a_link_may_be_slower_the_other_way() -> None:
    slow = {"latency": "200 ms", "bandwidth": "1200 bit/s"}
    run = lab.simulate(from_dict({
        "host": [host("A.ARPA", "ann"), host("B.ARPA", "bob")],
        "link": [{"between": ["A.ARPA", "B.ARPA"], "bandwidth": "9600 bit/s", "back": slow}],
        "mail": [mail("ann@A.ARPA", "bob@B.ARPA"), mail("bob@B.ARPA", "ann@A.ARPA")],
    }))  # fmt: skip
    found = arrivals(run.trace)
    rows = [row for row in run.trace.rows if row[KIND] in CROSSING]
    assert [found[id(row)] for row in rows] == pytest.approx([row[T] for row in rows], abs=1e-9)
    for use, rate in zip(run.links(), (9600, 1200), strict=True):
        assert use["busy_seconds"] == pytest.approx(use["bytes"] * 8 / rate)


def test_of_several_links_each_channel_takes_the_one_that_costs_its_opener_least() -> None:
    """Both ways: what the other end sends in that channel comes back over the same link."""
    both = {"between": ["A.ARPA", "B.ARPA"]}
    run = lab.simulate(from_dict({
        "host": [host("A.ARPA", "ann"), host("B.ARPA", "bob")],
        "link": [
            {**both, "name": "up", "cost": 1, "bandwidth": "2400 bit/s", "back": {"cost": 9}},
            {**both, "name": "down", "cost": 5, "bandwidth": "9600 bit/s", "back": {"cost": 2}},
        ],
        "mail": [mail("ann@A.ARPA", "bob@B.ARPA"), mail("bob@B.ARPA", "ann@A.ARPA")],
    }))  # fmt: skip
    found = arrivals(run.trace)
    rows = [row for row in run.trace.rows if row[KIND] in CROSSING]
    assert [found[id(row)] for row in rows] == pytest.approx([row[T] for row in rows], abs=1e-9)
    uses = {(use["host"], use["name"]): use for use in run.links()}
    assert list(uses) == [
        ("A.ARPA", "up"),
        ("B.ARPA", "up"),
        ("A.ARPA", "down"),
        ("B.ARPA", "down"),
    ]
    assert [use["messages"] for use in uses.values()] == [1, 0, 0, 1]
    assert all(use["bytes"] > 300 for use in uses.values())


@pytest.mark.parametrize(
    "faults",
    [
        [{"kind": "link-down", "name": "cable, on the sea", "at": "5 s", "for": "20 s"}],
        [{"kind": "bandwidth", "value": "1200 bit/s", "direction": "back", "at": "3 s"}],
        [{"kind": "bandwidth", "value": "600 bit/s", "name": "satellite", "at": "0 s"},
         {"kind": "link-down", "name": "cable, on the sea", "at": "5 s", "every": "15 s",
          "for": "5 s"}],
        [{"kind": "latency", "value": "2 s", "name": "cable, on the sea", "direction": "there",
          "at": "4 s", "for": "8 s"},
         {"kind": "jitter", "value": "0 s", "at": "1 s"}],
    ],
)  # fmt: skip
def test_faults_of_one_direction_or_one_of_several_links_are_followed(
    faults: list[dict[str, Any]],
) -> None:
    ends = {"between": ["A.ARPA", "B.ARPA"], "bandwidth": "9600 bit/s"}
    run = lab.simulate(from_dict({
        "host": [host("A.ARPA", "ann"), host("B.ARPA", "bob")],
        "link": [
            {**ends, "name": "cable, on the sea", "cost": 1},
            {**ends, "name": "satellite", "latency": "300 ms", "cost": 2},
        ],
        "mail": [
            mail("ann@A.ARPA", "bob@B.ARPA", at=f"{t} s", text=TEXT) for t in range(0, 40, 4)
        ],
        "fault": [{"link": ["A.ARPA", "B.ARPA"], **fault} for fault in faults],
        "retry": {"first": "2 s", "factor": 1},
    }), until=300)  # fmt: skip
    found = arrivals(run.trace)
    rows = [row for row in run.trace.rows if row[KIND] in CROSSING]
    assert run.trace.count(("fault",))
    late = [row for row in rows if abs(found[id(row)] - row[T]) > 1e-6]
    assert len(rows) > 50
    assert late == []


def test_a_fault_that_says_something_else_changes_nothing() -> None:
    trace = sent("AB", [(0.0, 1000), (10.0, 1000)], [link("A", "B")])
    usual = link_use(trace)
    for value in ("", "slow", "1e3 x", "e", "1.2.3", "on another"):
        at = len(trace) - 1
        trace.growing.insert(at, (1.5, "fault", "A", "B", None, None, "bandwidth", True, value))
    trace.growing.sort(key=lambda row: row[T])
    assert link_use(trace) == usual


def test_a_trace_in_files_has_the_same_figures(tmp_path: Path) -> None:
    topology = lab.load(TOPOLOGIES / "campus.toml")
    stored = make_run(topology, 0, None, Retention("wire", tmp_path / "rows", most=50))
    assert stored.trace.folder is not None
    assert stored.links() == lab.simulate(topology).links()
