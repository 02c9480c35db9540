"""The topology that users hold: what it checks, and what it gives back."""

from __future__ import annotations

from typing import Any

import networkx
import pytest

import lab
from lab.topology.model import from_dict

HOSTS = [{"name": "A", "users": ["ann"]}, {"name": "B", "users": ["bob"]}]
LINK = {"between": ["A", "B"]}


def made(**tables: Any) -> lab.Topology:
    return from_dict({"host": HOSTS, "link": [LINK], **tables})


def test_a_topology_without_a_recipe_is_the_same_for_every_seed() -> None:
    topology = made()
    assert topology.with_seed(7) is topology


def test_a_generated_graph_is_drawn_anew_for_another_seed_until_it_is_changed() -> None:
    generate = {"kind": "gnm_random_graph", "n": 12, "m": 16}
    drawn = from_dict({"generate": generate}, seed=1)
    assert drawn.with_seed(2).links != drawn.links
    assert drawn.with_seed(2).with_seed(1).links == drawn.links
    changed = drawn.change(["title=Mine"])
    assert changed.with_seed(2).links == drawn.links


def test_the_graph_is_made_once_and_has_a_key_for_each_link() -> None:
    second = {**LINK, "name": "satellite", "latency": "250 ms"}
    topology = made(link=[LINK, second])
    graph = topology.graph
    assert topology.graph is graph
    assert sorted(graph.edges(keys=True)) == [
        ("A", "B", "arpanet"), ("A", "B", "arpanet/satellite"),
    ]  # fmt: skip
    assert lab.Topology.from_graph(graph).links == topology.links


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda t: t.with_faults("crash"), "faults must be a list of lab.Fault, not 'crash'"),
        (lambda t: t.with_faults(["crash"]),
         "faults must be a list of lab.Fault, but has 'crash' in it"),
        (lambda t: t.to_toml(3), "comment must be a text, not 3"),
        (lambda _: lab.Topology.from_graph([("A", "B")]),  # type: ignore[arg-type]
         "graph must be a networkx graph, not [('A', 'B')]"),
        (lambda t: t.change("title=Mine"), "sets must be a list of texts such as"),
        (lambda t: t.change([1]), "sets must be a list of texts such as"),
        (lambda t: t.change(5), "sets must be a list of texts such as"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_a_type_error_in_a_sentence(call: Any, sentence: str) -> None:
    with pytest.raises(TypeError) as wrong:
        call(made())
    assert str(wrong.value).startswith(sentence)


def test_faults_from_python_are_checked_as_those_of_a_file() -> None:
    topology = made()
    assert topology.with_faults([]) is topology
    fault = lab.Fault("crash", host="a", at="10 s")  # type: ignore[arg-type]
    (found,) = topology.with_faults([fault]).faults
    assert (found.host, found.at) == ("A", 10.0)
    with pytest.raises(lab.TopologyError, match=r"^faults\[0\]\.host: there is no host 'Q'"):
        topology.with_faults([lab.Fault("crash", host="Q")])


def test_a_mapping_of_changes_does_what_texts_do() -> None:
    topology = made()
    by_text = topology.change(["link.*.latency=1 s", "host.A.relay=true"])
    by_key = topology.change({"link.*.latency": "1 s", "host.A.relay": True})
    assert (by_text.links[0].latency, by_text.hosts["A"].relay) == (1.0, True)
    assert (by_key.links, by_key.hosts) == (by_text.links, by_text.hosts)


def test_a_way_back_that_a_directed_graph_draws_differs_where_it_says_so() -> None:
    """The two edges of a pair are one link, and what the second says otherwise is its back."""
    graph = networkx.MultiDiGraph()
    graph.add_edge("A", "B", latency="10 ms", cost=3)
    graph.add_edge("B", "A", latency="30 ms", cost=3)
    (link,) = lab.Topology.from_graph(graph).links
    assert (link.latency, link.back.latency, link.back.cost) == (0.01, 0.03, None)


@pytest.mark.parametrize(
    ("link", "costs"),
    [
        ({"latency": "10 ms"}, (0.01, 0.01)),
        ({"latency": "10 ms", "back": {"latency": "30 ms"}}, (0.01, 0.03)),
        ({"latency": "10 ms", "cost": 5}, (5.0, 5.0)),
        ({"latency": "10 ms", "cost": 5, "back": {"latency": "30 ms"}}, (5.0, 5.0)),
        ({"latency": "10 ms", "cost": 5, "back": {"cost": 7}}, (5.0, 7.0)),
        ({"latency": "10 ms", "back": {"cost": 7}}, (0.01, 7.0)),
    ],
    ids=str,
)
def test_mail_costs_the_latency_of_a_direction_unless_a_cost_is_given(
    link: dict[str, Any], costs: tuple[float, float]
) -> None:
    """A cost holds for both directions, unless the way back has its own."""
    assert made(link=[{**LINK, **link}]).links[0].costs == costs


def test_the_spec_of_a_node_is_that_host_and_its_attributes_go_before() -> None:
    """Of a router only what routers have is used."""
    graph = networkx.Graph()
    graph.add_node("A", spec=lab.HostSettings("X", users=(lab.User("ann"),), hop_limit=9))
    graph.add_node("R", spec=lab.HostSettings("Y", kind="router"))
    graph.add_node("B", spec=lab.HostSettings("Z", relay=False), relay=True)
    graph.add_edges_from([("A", "R"), ("R", "B")])
    hosts = lab.Topology.from_graph(graph).hosts
    assert ([user.name for user in hosts["A"].users], hosts["A"].hop_limit) == (["ann"], 9)
    assert (hosts["R"].kind, hosts["R"].users) == ("router", ())
    assert (hosts["B"].relay, hosts["B"].users) == (True, ())
