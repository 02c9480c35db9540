"""Attributes of graphs of other programs: which are used, in which units, and what is said."""

from __future__ import annotations

from typing import Any

import networkx
import pytest

import lab
from lab.topology.maps import units
from lab.topology.maps.attributes import folded
from lab.topology.model import Topology


def link_of(of_graph: dict[str, Any] | None = None, **attributes: Any) -> lab.Link:
    graph = networkx.Graph(**of_graph or {})
    graph.add_edge("A", "B", **attributes)
    return Topology.from_graph(graph).links[0]


def notes_of(**attributes: Any) -> str:
    graph = networkx.Graph()
    graph.add_edge("A", "B", **attributes)
    return "\n".join(Topology.from_graph(graph).notes)


@pytest.mark.parametrize(
    ("attributes", "key", "value"),
    [
        ({"Latency": "2 s"}, "latency", 2), ({"latency": "5ms"}, "latency", 0.005),
        ({"delay": "5ms"}, "latency", 0.005), ({"delay": 3, "delay_unit": "us"}, "latency", 3e-6),
        ({"delay": 3}, "latency", 3), ({"latency_ms": 3}, "latency", 0.003),
        ({"rtt": "10 ms"}, "latency", 0.005),
        ({"bandwidth": "10Mbps"}, "bandwidth", 10e6), ({"bw": 10}, "bandwidth", 10e6),
        ({"bw": "1200 bit/s"}, "bandwidth", 1200), ({"capacity": 2.5}, "bandwidth", 2.5e6),
        ({"capacity": 2, "capacity_unit": "MB/s"}, "bandwidth", 16e6),
        ({"capacity": 0}, "bandwidth", None), ({"LinkSpeedRaw": 45e6}, "bandwidth", 45e6),
        ({"LinkSpeed": "45", "LinkSpeedUnits": "M"}, "bandwidth", 45e6),
        ({"LinkLabel": "T3"}, "bandwidth", 44.736e6), ({"label": "2 x 45 Mbps"}, "bandwidth", 45e6),
        ({"LinkLabel": "OC-48"}, "bandwidth", 48 * 51.84e6),
        ({"label": "STM-1"}, "bandwidth", 155.52e6),
        ({"label": "10 Gbps or 20 Gbps"}, "bandwidth", None), ({"label": "E7"}, "bandwidth", None),
        ({"packet_loss": 0.5}, "loss", 0.5), ({"loss": 5}, "loss", 0.05),
        ({"loss": 1}, "loss", 1), ({"loss": 1, "bw": 3}, "loss", 0.01),
        ({"loss": "2%", "max_queue_size": 9}, "loss", 0.02), ({"loss_percent": 1}, "loss", 0.01),
        ({"jitter": "1ms"}, "jitter", 0.001), ({"weight": 7}, "cost", 7),
        ({"weight": 7, "cost": 3}, "cost", 3), ({"metric": "7"}, "cost", 7),
        ({"weight": -1}, "cost", None), ({"weight": float("nan")}, "cost", None),
        ({"weight": True}, "cost", None), ({"weight": 10**400}, "cost", None),
    ],
)  # fmt: skip
def test_what_an_attribute_of_an_edge_means(
    attributes: dict[str, Any], key: str, value: float | None
) -> None:
    assert getattr(link_of(**attributes), key) == (None if value is None else pytest.approx(value))


def test_units_may_be_those_of_the_graph() -> None:
    """As fnss keeps them; an edge's own come first."""
    of_graph = {"capacity_unit": "Kbps", "delay_unit": "ms"}
    link = link_of(of_graph, capacity=64, delay=20)
    assert (link.bandwidth, link.latency) == (64_000, 0.02)
    assert link_of(of_graph, capacity=64, capacity_unit="Gbps").bandwidth == 64e9


def test_a_misspelt_attribute_draws_the_right_one() -> None:
    says = notes_of(latncy="2 s", bandwith=3, wieght=1)
    assert "latncy is not known; did you mean latency?" in says
    assert "bandwith is not known; did you mean bandwidth?" in says
    assert "wieght is not known; did you mean weight?" in says
    assert "did you mean" not in notes_of(Country="NO", ecmp_fwd=3, Internal=1, asn=7, label="x")


def test_of_several_attributes_for_a_key_one_is_used_and_the_others_are_told() -> None:
    link = link_of(latency="1 s", delay="2 s", Latency="3 s")
    assert link.latency == 1
    says = notes_of(latency="1 s", delay="2 s", Latency="3 s")
    assert "used: latency\n" in says
    assert "not used: Latency, delay" in says


def test_values_that_cannot_be_used_are_counted() -> None:
    graph = networkx.path_graph(4)
    networkx.set_edge_attributes(graph, -1, "weight")
    networkx.set_node_attributes(graph, "nowhere", "pos")
    notes = Topology.from_graph(graph).notes
    assert notes[-1] == (
        "4 values of pos were not used, such as 'nowhere'; "
        "3 values of weight were not used, such as -1"
    )


@pytest.mark.parametrize(
    "attributes",
    [
        {"pos": (1, 2)}, {"pos": "[1, 2]"}, {"position": [1, 2, 3]}, {"lon": "1", "lat": 2},
        {"LONGITUDE": 1.0, "latitude": 2.0}, {"x": 1, "y": 2},
        {"viz": {"position": {"x": 1, "y": 2}}},
        {"coordinates": {"x": 1, "y": 2}},
    ],
)  # fmt: skip
def test_where_a_node_may_say_that_it_is(attributes: dict[str, Any]) -> None:
    graph = networkx.Graph()
    graph.add_node("A", **attributes)
    assert Topology.from_graph(graph).hosts["A"].position == (1, 2)


def test_an_array_is_a_place() -> None:
    numpy = pytest.importorskip("numpy")
    graph = networkx.Graph()
    graph.add_node("A", pos=numpy.array([1, 2]), store=numpy.float32(2))
    assert Topology.from_graph(graph).hosts["A"].position == (1, 2)


def test_the_note_of_a_large_graph_has_ten_lines_at_most() -> None:
    graph = networkx.MultiDiGraph()
    for number in range(300):
        node = f"node {number}"
        graph.add_node(node, **{f"a{number}": 1, "pos": "x", "Country": "NO"})
        graph.add_edge(node, f"node {number // 7}", weight=-1, **{f"b{number}": 1})
        graph.add_edge(node, f"node {number // 7}", latncy=3, bw=1)
        graph.add_edge(f"node {number // 7}", node)
        graph.add_edge(node, node)
    graph.graph["demands"] = {"node 1": {"node 2": 4}}
    notes = Topology.from_graph(graph).notes
    assert len(notes) <= 10
    assert max(map(len, notes)) < 500


def test_pieces_are_counted() -> None:
    graph = networkx.disjoint_union_all([networkx.path_graph(n) for n in (5, 4, 3, 2, 1)])
    assert Topology.from_graph(graph).notes[0] == (
        "networkx graph: 15 hosts, 10 links, in 5 pieces, of 5, 4, 3, 2 and 1 more hosts"
    )


def test_names_are_the_same_however_they_are_spelled() -> None:
    assert {folded(name) for name in ("Link_Speed-raw", "link speed.Raw")} == {"linkspeedraw"}


@pytest.mark.parametrize(
    ("value", "unit", "bits"),
    [
        ("1,000 Mbit/s", "", 1e9), ("<10 Gbps>", "", 1e10), (1, "MBITPERSEC", 1e6), (1, "B", 8),
        (1, "T", 1e12), ("fast", "", None), (1, "furlongs", None), (None, "bit/s", None),
        ([1], "bit/s", None), ("1e999", "bit/s", None),
    ],
)  # fmt: skip
def test_units_of_bandwidth(value: Any, unit: str, bits: float | None) -> None:
    assert units.bits_per_second(value, unit) == bits


def test_units_of_length_and_time() -> None:
    assert units.kilometres("1500 m") == 1.5
    assert units.kilometres(3) == 3
    assert units.kilometres("3 leagues") is None
    assert units.seconds("3 min") == 180
    assert units.seconds("-3 min") is None
    assert units.share("150%") is None
    assert units.bandwidth_in(3) is None
