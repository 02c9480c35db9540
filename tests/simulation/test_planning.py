"""How the hosts of a run are shared out over processes: by work, with little between the parts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from itertools import islice, pairwise
from typing import Any

import pytest
from helpers.places import ROOT, TOPOLOGIES
from helpers.small_topologies import chain, host, mail, relay
from hypothesis import given, settings
from hypothesis import strategies as st

import lab
from lab.simulation.agenda import submissions
from lab.simulation.partitioned.bisection import parted
from lab.simulation.partitioned.planning import PartitionPlan, partitioned
from lab.simulation.partitioned.workload import estimated_work
from lab.simulation.simulation import Simulation
from lab.topology.model import Topology, from_dict

UUCP = ROOT.parent / "shared" / "data" / "uucp-map" / "uucp-edges-1988-12-31.txt"

Graph = tuple[list[float], list[dict[int, float]]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Any graph: weights of nodes, and of what is between them."""
    size = draw(st.integers(1, 24))
    weights = draw(st.lists(st.floats(0.001, 50), min_size=size, max_size=size))
    joined: list[dict[int, float]] = [{} for _ in range(size)]
    node = st.integers(0, size - 1)
    for a, b, between in draw(st.lists(st.tuples(node, node, st.floats(0, 9)), max_size=60)):
        if a != b:
            joined[a][b] = joined[b][a] = between
    return weights, joined


@given(graphs(), st.integers(1, 6))
@settings(max_examples=300, deadline=None)
def test_every_node_is_in_a_part_and_no_part_is_empty(graph: Graph, count: int) -> None:
    weights, joined = graph
    parts = parted(weights, joined, count)
    assert len(parts) == len(weights)
    assert set(parts) == set(range(min(count, len(weights))))


@given(graphs())
@settings(max_examples=300, deadline=None)
def test_no_node_moved_to_the_lighter_half_would_make_them_more_even(graph: Graph) -> None:
    weights, joined = graph
    parts = parted(weights, joined, 2)
    halves = [sum(w for w, part in zip(weights, parts, strict=True) if part == p) for p in (0, 1)]
    if len(weights) > 1:
        assert abs(halves[0] - halves[1]) <= max(2 * max(weights), 0.1 * sum(weights))


def test_two_clusters_are_cut_where_they_are_joined() -> None:
    clusters = [range(10), range(10, 20)]
    joined: list[dict[int, float]] = [{} for _ in range(20)]
    for cluster in clusters:
        for a in cluster:
            joined[a] |= dict.fromkeys(set(cluster) - {a}, 1.0)
    joined[3][14] = joined[14][3] = 1.0
    parts = parted([1.0] * 20, joined, 2)
    assert len(set(parts[:10])) == len(set(parts[10:])) == 1
    assert parts[0] != parts[10]


# -- topologies -----------------------------------------------------------------------------------

HUBS: dict[str, Any] = {
    "generate": {"kind": "barabasi_albert_graph", "n": 60, "m": 2},
    "defaults": {"host": {"relay": True, "users": ["ann"]}},
    "traffic": [{"count": 1500, "rate": "100 /s"}],
}


@pytest.mark.parametrize("count", [2, 3, 4])
def test_parts_have_about_as_many_events_each(count: int) -> None:
    """Not as many hosts each: a hub relays the mail of many."""
    topology = from_dict(HUBS)
    partition = partitioned(topology, count)
    events = Counter(
        partition.partitions[row[2]] for row in lab.simulate(topology).trace.rows if row[2]
    )
    assert partition.count == len(events) == count
    assert max(events.values()) < 1.12 * events.total() / count
    assert sum(partition.loads) == pytest.approx(1)


def test_the_estimate_of_work_is_what_the_run_then_is() -> None:
    topology = from_dict(HUBS)
    hosts, calls, _ = estimated_work(topology)
    rows = lab.simulate(topology).trace.rows
    transfers = Counter((row[2], row[3]) for row in rows if row[1] == "transfer")
    assert calls == transfers
    assert hosts.total() == 2 * transfers.total()


def test_of_too_many_destinations_some_stand_for_all() -> None:
    names = [f"H{number}.ARPA" for number in range(700)]
    tables = {
        "host": [relay("HUB.ARPA"), *(host(name, "ann") for name in names)],
        "link": [{"between": ["HUB.ARPA", name]} for name in names],
        "traffic": [{"count": 4000, "rate": "9 /s"}],
    }
    hosts, _, _ = estimated_work(from_dict(tables))
    assert hosts["HUB.ARPA"] / hosts.total() == pytest.approx(0.5, abs=0.02)


def test_mail_that_is_handed_in_late_counts_as_well() -> None:
    names = [f"{letter}{number}.ARPA" for letter in "EL" for number in range(40)]
    early, late = ({"rate": "9 /s", "from": f"*@{x}*", "to": f"*@{x}*"} for x in "EL")
    tables = {
        "host": [relay("HUB.ARPA"), *(host(name, "ann") for name in names)],
        "link": [{"between": ["HUB.ARPA", name]} for name in names],
        "traffic": [early | {"count": 30_000}, late | {"count": 10_000, "start": "1 h"}],
    }
    hosts, calls, _ = estimated_work(from_dict(tables))
    assert hosts["HUB.ARPA"] * 2 == hosts.total()
    sent = Counter({b: count for (_, b), count in calls.items() if b != "HUB.ARPA"})
    by_late = sum(count for name, count in sent.items() if name.startswith("L"))
    assert by_late / sent.total() == pytest.approx(0.25, abs=0.01)


@pytest.mark.skipif(not UUCP.exists(), reason="the UUCP map of 1988 is not in ../shared/data")
def test_on_the_uucp_map_parts_have_as_much_work_of_mail_that_was_not_looked_at() -> None:
    traffic = {"count": 100_000, "rate": "100 /s", "size": "700 B", "route": "source"}
    topology = from_dict(
        {
            "graph": str(UUCP),
            "defaults": {"host": {"relay": True, "users": ["root"]}},
            "traffic": [traffic],
        }
    )
    partition = partitioned(topology, 2)
    routes = Simulation(topology).world.routes
    other = islice(submissions(topology, 1, routes, lambda _: False), 600)
    work = [0, 0]
    for each in other:
        way = [each.host, *(routes.route(each.host, routes.resolve(each.to[0].host)) or [])]
        for a, b in pairwise(way):
            work[partition.partitions[a]] += 1
            work[partition.partitions[b]] += 1
    assert max(work) < 0.54 * sum(work)


def crossing(topology: Topology, partition: PartitionPlan) -> list[float]:
    """The latencies of the links between parts."""
    parts = partition.partitions
    return [link.latency for link in topology.links if parts[link.a] != parts[link.b]]


def test_parts_are_joined_by_the_links_of_most_latency() -> None:
    """Two campuses: fast links in each, two slow ones between them."""
    hosts = [relay(f"{site}{n}.ARPA", "ann") for site in "AB" for n in range(8)]
    links = [
        {"between": [f"{site}{n}.ARPA", f"{site}{(n + step) % 8}.ARPA"], "latency": "1 ms"}
        for site in "AB"
        for step in (1, 3)
        for n in range(8)
    ]
    links += [{"between": [f"A{n}.ARPA", f"B{n}.ARPA"], "latency": f"{n}00 ms"} for n in (2, 5)]
    tables = {"host": hosts, "link": links, "traffic": [{"count": 200, "rate": "9 /s"}]}
    topology = from_dict(tables)
    partition = partitioned(topology, 2)
    assert partition.lookahead == 0.2
    assert sorted(crossing(topology, partition)) == [0.2, 0.5]


def test_a_latency_that_a_fault_brings_counts_and_none_is_never_cut() -> None:
    hosts = [relay(f"{letter}.ARPA", "ann") for letter in "ABCDEF"]
    names = [host["name"] for host in hosts]
    fault = {"kind": "latency", "link": ["C.ARPA", "D.ARPA"], "at": "9 s"}
    tables = {"host": hosts, "traffic": [{"count": 200, "rate": "9 /s"}]}
    links = [{**link, "latency": "50 ms"} for link in chain(*hosts)]
    shorter = from_dict(tables | {"link": links, "fault": [{**fault, "value": "2 ms"}]})
    partition = partitioned(shorter, 2)
    assert partition.partitions["C.ARPA"] == partition.partitions["D.ARPA"]
    assert partition.lookahead == 0.05
    gone = from_dict(tables | {"link": links[2:3], "fault": [{**fault, "value": "0 s"}]})
    partition = partitioned(gone, 2)
    assert partition.partitions["C.ARPA"] == partition.partitions["D.ARPA"]
    assert partition.count == 2
    assert partition.lookahead == float("inf")
    assert set(partition.partitions) == set(names)


def test_hosts_of_a_script_of_a_poll_and_round_a_router_are_in_one_part() -> None:
    hosts = [relay(f"{letter}.ARPA", "ann") for letter in "ABCDEFGH"]
    tables = {
        "host": [*hosts, {"name": "R", "kind": "router"}],
        "link": [*chain(*hosts), *({"between": ["R", f"{each}.ARPA"]} for each in "AHC")],
        "script": [{"at": "1 s", "from": "D.ARPA", "to": "E.ARPA", "lines": ["QUIT"]}],
        "poll": [{"at": "1 s", "from": "F.ARPA", "to": "G.ARPA"}],
        "traffic": [{"count": 200, "rate": "9 /s"}],
    }
    parts = partitioned(from_dict(tables), 3).partitions
    assert len({parts[name] for name in ("R", "A.ARPA", "H.ARPA", "C.ARPA")}) == 1
    assert parts["D.ARPA"] == parts["E.ARPA"]
    assert parts["F.ARPA"] == parts["G.ARPA"]
    assert len(set(parts.values())) > 1


@pytest.mark.parametrize(
    ("tables", "count"),
    [
        ({"host": [host("A.ARPA", "ann")], "mail": [mail("ann@A.ARPA", "ann@A.ARPA")]}, 1),
        ({"host": [host("A.ARPA"), host("B.ARPA")]}, 2),
        ({"host": [relay(f"{item}.ARPA") for item in "ABC"]}, 3),
    ],
)
def test_there_are_no_more_parts_than_hosts(tables: dict[str, Any], count: int) -> None:
    topology = from_dict(tables | {"link": chain(*tables["host"])})
    assert partitioned(topology, 5).count == count


def test_the_parts_are_the_same_in_every_process() -> None:
    code = (
        "import sys; sys.path[:0] = ['tests', 'tests/simulation']\n"
        "from test_planning import HUBS\n"
        "from lab.topology.model import from_dict\n"
        "from lab.simulation.partitioned.planning import partitioned\n"
        "print(partitioned(from_dict(HUBS), 3))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT, env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(found) == 1


def test_unequal_parts_with_a_long_way_between_them_are_better_than_a_short_way() -> None:
    """Three sites for two processes: a site of two hosts is not cut in two."""
    hosts = [relay(f"{site}{n}.ARPA", "ann") for site in "ABC" for n in (1, 2)]
    near = [{"between": [f"{site}1.ARPA", f"{site}2.ARPA"], "latency": "1 ms"} for site in "ABC"]
    far = [
        {"between": [f"{a}1.ARPA", f"{b}1.ARPA"], "latency": "250 ms"}
        for a, b in ("AB", "BC", "CA")
    ]
    tables = {"host": hosts, "link": near + far, "traffic": [{"count": 800, "rate": "200 /s"}]}
    partition = partitioned(from_dict(tables), 2)
    assert partition.lookahead == 0.25
    assert max(partition.loads) == pytest.approx(2 / 3, abs=0.05)


def test_a_run_that_is_not_shared_out_over_processes_says_so() -> None:
    name = str(TOPOLOGIES / "campus.toml")
    command = [sys.executable, "-m", "lab", "run", name, "--processes", "2", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "one process makes this run" in done.stderr
    assert json.loads(done.stdout)["digest"] == lab.simulate(name).digest
