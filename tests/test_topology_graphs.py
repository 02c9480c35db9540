"""Topologies from networkx graphs, from graph files and from generators."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.network.graphs import LONGEST_NAME, GraphFault, fit, make_fit, read_graph
from lab.network.topology import LinkSpec, Topology, TopologyError, load
from lab.protocol import parse_domain

TOPOLOGIES = Path(__file__).parent.parent / "topologies"


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("New York", "New-York"),
        ("Zürich", "Zurich"),
        ("3COM", "H3COM"),
        ("7", "H7"),
        ("C&NL  MAN", "C-NL-MAN"),
        ("--x--", "x"),
        ("a..b.", "a.b"),
        ("mit-ai.1.arpa", "mit-ai.H1.arpa"),
        ("東京", "H"),
        ("x" * 100, "x" * 64),
    ],
)
def test_a_label_is_made_fit_by_the_stated_rule(label: str, name: str) -> None:
    assert fit(label) == name


@given(st.lists(st.text(max_size=80), max_size=30))
def test_every_label_gets_a_name_of_its_own_that_the_grammar_takes(labels: list[str]) -> None:
    names = list(make_fit(dict(enumerate(labels))).values())
    assert len({name.upper() for name in names}) == len(labels)
    for name in names:
        assert parse_domain(name) == name
        assert len(name) <= LONGEST_NAME


def test_names_that_are_fit_come_first_and_clashes_are_numbered() -> None:
    labels = ["New York", "New-York", "new york", "New-York-2"]
    names = make_fit(dict(enumerate(labels)))
    assert list(names.values()) == ["New-York-3", "New-York", "new-york-4", "New-York-2"]


def test_attributes_of_nodes_and_edges_are_read() -> None:
    graph = networkx.Graph()
    graph.add_node("A", users="joe, ann", relay="false", Longitude=-71.1, Latitude="42.3")
    graph.add_node("B", kind="router", pos=(1, 2))
    graph.add_node(3, label="C", users=["x"])
    graph.add_edge("A", "B", latency="40 ms", bandwidth="50 kbit/s", loss="0.1", weight=7)
    graph.add_edge("B", 3, latency=0.5, LinkSpeedRaw=9600.0, cost="2")
    topology = Topology.from_graph(graph, title="By hand", mail=[{"from": "joe@A", "to": "x@C"}])
    a, b, c = topology.hosts.values()
    assert [user.name for user in a.users] == ["joe", "ann"]
    assert (a.relay, c.relay) == (False, True)
    assert (a.position, b.position, b.kind) == ((-71.1, 42.3), (1.0, 2.0), "router")
    assert b.users == ()
    one, two = topology.links
    assert (one.latency, one.bandwidth, one.loss, one.cost) == (0.04, 50_000, 0.1, 7)
    assert (two.latency, two.bandwidth, two.loss, two.cost) == (0.5, 9600, 0, 2)
    assert topology.title == "By hand"
    assert len(topology.mail) == 1
    assert topology.notes == ()


def test_hosts_of_a_graph_relay_and_have_a_user_unless_told_otherwise() -> None:
    graph = networkx.path_graph(2)
    (host, _) = Topology.from_graph(graph).hosts.values()
    assert (host.name, host.relay, [user.name for user in host.users]) == ("H0", True, ["user"])
    defaults = {"host": {"relay": False, "users": ["a", "b"]}, "link": {"latency": "1 s"}}
    topology = Topology.from_graph(graph, defaults=defaults)
    assert [user.name for user in topology.hosts["H0"].users] == ["a", "b"]
    assert not topology.hosts["H0"].relay
    assert topology.links[0].latency == 1


def test_directed_parallel_and_looping_edges() -> None:
    graph = networkx.MultiDiGraph()
    graph.add_edge("A", "B", latency=1)
    graph.add_edge("B", "A", latency=2)
    graph.add_edge("A", "B", latency=3, environment="csnet")
    graph.add_edge("A", "A")
    both = [{"name": "arpanet"}, {"name": "csnet"}]
    topology = Topology.from_graph(graph, environment=both)
    assert [(one.latency, one.environment) for one in topology.links] == [
        (1, "arpanet"),
        (3, "csnet"),
    ]
    assert topology.notes == (
        "1 edge was left out, from a node to itself",
        "1 parallel edge was merged with the first between them",
    )


def test_an_edge_that_names_the_first_environment_is_parallel_to_one_that_does_not() -> None:
    graph = networkx.MultiGraph([("A", "B", {}), ("A", "B", {"environment": "arpanet"})])
    topology = Topology.from_graph(graph)
    assert len(topology.links) == 1
    assert len(topology.notes) == 1


def test_what_is_wrong_in_a_graph_is_told_of_its_node_or_edge() -> None:
    graph = networkx.Graph()
    graph.add_edge("A", "B", latency="40 parsecs")
    graph.nodes["A"]["kind"] = "rooter"
    with pytest.raises(TopologyError) as caught:
        Topology.from_graph(graph)
    one, two = caught.value.problems
    assert one.startswith("node 'A', kind: 'rooter' is none of host, router; did you mean router?")
    assert two.startswith("edge A - B, latency: '40 parsecs' has no unit")


def joined(link: LinkSpec) -> tuple[object, ...]:
    values = (link.latency, link.jitter, link.bandwidth, link.loss, link.cost)
    return (frozenset((link.a, link.b)), link.environment, *values)


@pytest.mark.parametrize("path", sorted(TOPOLOGIES.rglob("*.toml")), ids=lambda path: path.stem)
def test_a_topologys_graph_makes_the_same_topology(path: Path) -> None:
    """Users, lists, forwards, limits, names and positions of hosts, and all of the links."""
    topology = load(path)
    environments = [
        {"name": one.name, "transport": one.transport} for one in topology.environments.values()
    ]
    again = Topology.from_graph(topology.graph, environment=environments)
    assert again.hosts == topology.hosts
    ends = {(frozenset((one.a, one.b)), one.environment, one.latency) for one in topology.links}
    assert {
        (frozenset((one.a, one.b)), one.environment, one.latency) for one in again.links
    } == ends
    assert [one for one in again.notes if "4.5.3" not in one] == []


def test_the_graph_of_a_topology_is_networkxs_own() -> None:
    topology = load(TOPOLOGIES / "campus.toml")
    graph = topology.graph
    assert isinstance(graph, networkx.MultiGraph)
    assert graph is topology.graph
    assert list(graph) == list(topology.hosts)
    assert graph.nodes["HUB.CAMPUS"]["spec"] is topology.hosts["HUB.CAMPUS"]
    edge = graph.edges["HUB.CAMPUS", "DORM.CAMPUS", "arpanet"]
    assert (edge["latency"], edge["bandwidth"]) == (0.06, 1200)
    way = networkx.shortest_path(graph, "DORM.CAMPUS", "MATH.CAMPUS", weight="latency")
    assert way == ["DORM.CAMPUS", "HUB.CAMPUS", "MATH.CAMPUS"]


# -- files


def small() -> networkx.Graph:
    graph = networkx.Graph()
    graph.add_node("A", relay=False, Longitude=1.5, Latitude=2.5)
    graph.add_edge("A", "New York", latency="40 ms")
    return graph


@pytest.mark.parametrize("kind", ["graphml", "gml", "json"])
def test_a_graph_file_stands_beside_the_topology_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"map.{kind}"
    if kind == "json":
        edges = [{"source": "A", "target": "New York", "latency": "40 ms"}]
        nodes = [{"id": name, **attributes} for name, attributes in small().nodes(data=True)]
        path.write_text(json.dumps({"nodes": nodes, "links": edges}))
    else:
        getattr(networkx, f"write_{kind}")(small(), path, *([] if kind == "graphml" else [str]))
    toml = tmp_path / "x.toml"
    toml.write_text(f'graph = "{path.name}"\n[[mail]]\nfrom = "user@A"\nto = "user@New-York"\n')
    topology = load(toml)
    assert list(topology.hosts) == ["A", "New-York"]
    assert topology.hosts["New-York"].title == "New York"
    assert topology.hosts["A"].position == (1.5, 2.5)
    assert not topology.hosts["A"].relay
    assert topology.links[0].latency == 0.04
    (note,) = topology.notes
    assert note == f"{toml}: 1 name was made fit for RFC 821, such as 'New York', now New-York"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.json", "[" * 100_000),
        ("x.json", "[1]"),
        ("x.json", '{"nodes": [3], "edges": []}'),
        ("x.json", '{"nodes": [], "edges": [[]]}'),
        ("x.graphml", "<graphml"),
        ("x.graphml", ""),
        ("x.gml", "graph ["),
        ("x.gml", "\xff\0"),
        ("x.txt", "A B"),
    ],
)
def test_a_file_that_is_no_graph_is_one_fault(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="latin-1")
    with pytest.raises(GraphFault) as caught:
        read_graph(tmp_path / name)
    assert "\n" not in str(caught.value)


# -- generators

GENERATE = '[generate]\nkind = "barabasi_albert_graph"\nn = 50\nm = 2\n'


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "x.toml"
    path.write_text(text)
    return path


def ends(topology: Topology) -> list[Any]:
    return [(one.a, one.b) for one in topology.links]


def test_a_generated_graph_is_drawn_from_the_seed(tmp_path: Path) -> None:
    path = written(tmp_path, GENERATE)
    assert len(load(path).hosts) == 50
    assert load(path, seed=1) == load(path, seed=1)
    assert ends(load(path, seed=1)) != ends(load(path, seed=2))
    assert load(path, seed=1).with_seed(2) == load(path, seed=2)
    assert load(path).notes == ()


def test_a_seed_in_the_file_goes_before_the_runs(tmp_path: Path) -> None:
    path = written(tmp_path, GENERATE + "seed = 5\n")
    assert load(path, seed=1) == load(path, seed=2)


def test_overrides_reach_the_generator_and_last_over_another_seed(tmp_path: Path) -> None:
    path = written(tmp_path, GENERATE)
    topology = load(path, sets=["generate.n=7", "defaults.link.latency=1 s"])
    again = topology.with_seed(3)
    assert len(topology.hosts) == len(again.hosts) == 7
    assert again.links[0].latency == 1


def test_a_generator_without_chance_gets_no_seed(tmp_path: Path) -> None:
    topology = load(written(tmp_path, '[generate]\nkind = "grid_2d_graph"\nm = 2\nn = 3\n'))
    assert list(topology.hosts) == ["H0-0", "H0-1", "H0-2", "H1-0", "H1-1", "H1-2"]


def test_a_generated_graph_does_not_depend_on_the_hash_seed(tmp_path: Path) -> None:
    path = written(tmp_path, GENERATE)
    program = f"from lab.network.topology import load; print(load({str(path)!r}, seed=4).links)"
    root = str(TOPOLOGIES.parent)
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": root},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_a_file_without_a_graph_loads_without_networkx() -> None:
    """Start-up is counted in tenths of a second, and networkx takes one."""
    path = TOPOLOGIES / "rfc821" / "scenario-03.toml"
    program = (
        "import sys; from lab.network.topology import load; "
        f"load({str(path)!r}); print('networkx' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=TOPOLOGIES.parent, capture_output=True, check=True
    )
    assert done.stdout.strip() == b"False"
