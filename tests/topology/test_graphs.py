"""Topologies from networkx graphs, from graph files and from generators."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import networkx
import pytest
from helpers.places import SHARED, TOPOLOGIES

from lab.api.simulate import simulate
from lab.topology.declarations import Setting, settings_of
from lab.topology.graph_files import ENDINGS, read_graph
from lab.topology.kinds import KINDS
from lab.topology.maps.map import GraphFault
from lab.topology.model import HostSpec, LinkSpec, Topology, TopologyError, from_dict, load
from lab.topology.reference import reference
from lab.topology.write import toml_value

FILES_OF_OURS = sorted(
    path for path in TOPOLOGIES.rglob("*.toml") if path.parent.name != "experiments"
)


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
    assert topology.notes == (
        "networkx graph: 2 hosts, 1 router, 2 links, in one piece",
        "attributes of nodes that were used: users, relay, Longitude and Latitude (position), "
        "kind, pos (position), label",
        "attributes of edges that were used: latency, bandwidth, loss, weight (cost), cost, "
        "LinkSpeedRaw (bandwidth)",
    )


def example(setting: Setting) -> Any:
    """A value other than the default, from the declaration."""
    if setting.words:
        return list(setting.words)[-1]
    if setting.kind == "flag":
        return not setting.default
    return tomllib.loads(f"value = {setting.example or KINDS[setting.kind].example}")["value"]


HOSTS = ["A.ARPA", "DORM.ARPA"]
TABLES: dict[str, Any] = {
    "list": [{"name": "People", "members": ["Fred <Fred@DORM.ARPA>"]}],
    "forward": [{"user": "fred", "to": "bob@DORM.ARPA", "mode": "refer"}],
    "reply": [{"to": "RCPT", "octets": "250 OK\r\n"}],
}
OF_A_HOST = [each for each in settings_of(HostSpec) if each.key not in ("name", "kind")]


@pytest.mark.parametrize("setting", OF_A_HOST, ids=lambda each: each.key)
@pytest.mark.parametrize("spelled", [False, True], ids=["value", "text"])
def test_an_attribute_of_a_node_means_what_its_key_means_in_a_file(
    setting: Setting, spelled: bool
) -> None:
    """Every setting of a host; as a value, and as the text that a graph file would have."""
    value = TABLES.get(setting.key) or example(setting)
    environments = [{"name": "arpanet"}, {"name": "csnet"}]
    tables = [{"name": name, "relay": True, "users": ["user"]} for name in HOSTS]
    tables[0][setting.key] = value
    of_a_file = from_dict({"host": tables, "environment": environments})
    graph = networkx.Graph()
    graph.add_nodes_from(HOSTS)
    graph.nodes["A.ARPA"][setting.key] = (
        toml_value(value) if spelled and not isinstance(value, str) else value
    )
    of_a_graph = Topology.from_graph(graph, environment=environments)
    assert of_a_graph.hosts == of_a_file.hosts
    assert getattr(of_a_graph.hosts["A.ARPA"], setting.field) != setting.default
    again = Topology.from_graph(of_a_graph.graph, environment=environments)
    assert again.hosts == of_a_graph.hosts


@pytest.mark.parametrize("setting", settings_of(LinkSpec)[1:], ids=lambda each: each.key)
def test_an_attribute_of_an_edge_means_what_its_key_means_in_a_file(setting: Setting) -> None:
    value = "csnet" if setting.key == "environment" else example(setting)
    environments = [{"name": "arpanet"}, {"name": "csnet"}]
    link = {"between": HOSTS, setting.key: value}
    hosts = [{"name": name} for name in HOSTS]
    of_a_file = from_dict({"host": hosts, "link": [link], "environment": environments})
    graph = networkx.Graph([(*HOSTS, {setting.key: value})])
    of_a_graph = Topology.from_graph(graph, environment=environments)
    assert of_a_graph.links == of_a_file.links
    assert Topology.from_graph(of_a_graph.graph, environment=environments).links == of_a_file.links


def test_a_former_name_of_a_key_is_read_of_a_node() -> None:
    graph = networkx.Graph()
    graph.add_node("A", patience={"data": 9})
    with pytest.warns(DeprecationWarning, match="timeouts"):
        assert Topology.from_graph(graph).hosts["A"].timeouts.data == 9


def test_numbers_of_numpy_and_tuples_are_taken() -> None:
    numpy = pytest.importorskip("numpy")
    graph = networkx.Graph()
    graph.add_node("A", users=("ann", "bob"), store=numpy.float64(2.5))
    graph.add_edge("A", "B", cost=numpy.int64(3))
    topology = Topology.from_graph(graph)
    assert [user.name for user in topology.hosts["A"].users] == ["ann", "bob"]
    assert (topology.hosts["A"].store, topology.links[0].cost) == (2.5, 3)


def test_a_note_names_the_attributes_that_were_not_used() -> None:
    graph = networkx.Graph()
    graph.add_node("A", Country="US", relay=False, pos="here")
    graph.add_node("B", Country="UK", Internal=1, name="Bee")
    graph.add_edge("A", "B", latency=1, LinkLabel="Ethernet", weight=3)
    assert Topology.from_graph(graph).notes == (
        "networkx graph: 2 hosts, 1 link, in one piece",
        "attributes of nodes that were used: relay, name (label)",
        "attributes of edges that were used: latency, weight (cost)",
        "attributes of nodes that were not used: Country, Internal",
        "attributes of edges that were not used: LinkLabel",
        "1 value of pos was not used, such as 'here'",
    )


def test_what_is_changed_in_a_topologys_graph_is_changed_in_its_topology() -> None:
    graph = load(TOPOLOGIES / "campus.toml").graph
    graph.nodes["HUB.CAMPUS"]["careless"] = True
    graph.nodes["HUB.CAMPUS"]["title"] = "the hub"
    hub = Topology.from_graph(graph).hosts["HUB.CAMPUS"]
    assert (hub.careless, hub.title) == (True, "the hub")


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
    """Two directed edges are one link; a further one between the two has a name."""
    graph = networkx.MultiDiGraph()
    graph.add_edge("A", "B", latency=1, cost=4)
    graph.add_edge("B", "A", latency=2, cost=4)
    graph.add_edge("A", "B", latency=3, environment="csnet")
    graph.add_edge("A", "B", latency=4)
    graph.add_edge("B", "A", latency=5, name="satellite")
    graph.add_edge("A", "A")
    both = [{"name": "arpanet"}, {"name": "csnet"}]
    topology = Topology.from_graph(graph, environment=both)
    assert [
        (link.a, link.latency, link.environment, link.name, link.back.latency, link.back.cost)
        for link in topology.links
    ] == [
        ("A", 1, "arpanet", "", 2, None),
        ("A", 4, "arpanet", "2", None, None),
        ("B", 5, "arpanet", "satellite", None, None),
        ("A", 3, "csnet", "", None, None),
    ]
    assert topology.notes[1:4] == (
        "1 edge was left out, from a node to itself",
        "2 parallel edges became links of their own, told apart by name",
        "1 edge was merged with the one in the other direction",
    )


def test_a_directed_graph_of_both_directions_is_the_graph_without_directions() -> None:
    graph = networkx.path_graph(3)
    both = Topology.from_graph(graph.to_directed())
    assert both.links == Topology.from_graph(graph).links


def test_parallel_links_carry_mail() -> None:
    graph = networkx.MultiGraph([("A", "B", {"cost": 2}), ("A", "B", {"cost": 1, "name": "B"})])
    topology = Topology.from_graph(graph, traffic=[{"count": 5, "rate": "1 /s"}])
    assert simulate(topology).summary["delivered"] == 5


def test_an_edge_that_names_the_first_environment_is_parallel_to_one_that_does_not() -> None:
    graph = networkx.MultiGraph([("A", "B", {}), ("A", "B", {"environment": "arpanet"})])
    topology = Topology.from_graph(graph)
    assert [link.name for link in topology.links] == ["", "2"]
    assert topology.notes[1] == "1 parallel edge became a link of its own, told apart by name"


def test_what_is_wrong_in_a_graph_is_told_of_its_node_or_edge() -> None:
    graph = networkx.Graph()
    graph.add_edge("A", "B", latency="40 parsecs")
    graph.nodes["A"]["kind"] = "rooter"
    with pytest.raises(TopologyError) as caught:
        Topology.from_graph(graph)
    one, two = caught.value.problems
    assert one.startswith("node 'A', kind: 'rooter' is not one of host, router; did you")
    assert two.startswith("edge A - B, latency: '40 parsecs' has no unit")


def joined(link: LinkSpec) -> tuple[object, ...]:
    values = (link.latency, link.jitter, link.bandwidth, link.loss, link.cost)
    return (frozenset((link.a, link.b)), link.environment, *values)


@pytest.mark.parametrize(
    "path",
    FILES_OF_OURS,
    ids=lambda path: path.stem,
)
def test_a_topologys_graph_makes_the_same_topology(path: Path) -> None:
    """Users, lists, forwards, limits, names and positions of hosts, and all of the links."""
    topology = load(path)
    environments = [
        {"name": environment.name, "transport": environment.transport}
        for environment in topology.environments.values()
    ]
    again = Topology.from_graph(topology.graph, environment=environments)
    assert again.hosts == topology.hosts
    ends = {
        (frozenset((link.a, link.b)), link.environment, link.latency) for link in topology.links
    }
    assert {
        (frozenset((link.a, link.b)), link.environment, link.latency) for link in again.links
    } == ends
    assert not [note for note in again.notes if "not used" in note or "merged" in note]


def test_the_graph_of_a_topology_is_networkxs_own() -> None:
    topology = load(TOPOLOGIES / "campus.toml")
    graph = topology.graph
    assert isinstance(graph, networkx.MultiGraph)
    assert graph is topology.graph
    assert list(graph) == list(topology.hosts)
    assert (graph.nodes["HUB.CAMPUS"]["relay"], graph.nodes["HUB.CAMPUS"]["kind"]) == (True, "host")
    edge = graph.edges["HUB.CAMPUS", "DORM.CAMPUS", "arpanet"]
    assert (edge["latency"], edge["bandwidth"]) == (0.06, 1200)
    way = networkx.shortest_path(graph, "DORM.CAMPUS", "MATH.CAMPUS", weight="latency")
    assert way == ["DORM.CAMPUS", "HUB.CAMPUS", "MATH.CAMPUS"]


def with_every_kind_of_setting() -> Topology:
    """A topology whose hosts have lists and tables among their settings."""
    host = {
        "name": "A", "users": ["ann", {"name": "bob", "full_name": "Bob \"B\" Smith"}],
        "position": [1, 2], "limits": {"message": "2 kB"}, "names": {"csnet": "A-GATEWAY"},
        "list": [{"name": "all", "members": ["ann@A", "Bob Smith <bob@A>"]}],
        "reply": [{"to": "RCPT", "octets": "250 OK\r\n"}], "relay_for": ["10.0.0.0/8"],
    }  # fmt: skip
    environments = [{"name": "arpanet"}, {"name": "csnet", "transport": "x25"}]
    links = [{"between": ["A", "B"], "environment": each["name"]} for each in environments]
    router = {"name": "B", "kind": "router"}
    return from_dict({"environment": environments, "host": [host, router], "link": links})


@pytest.mark.parametrize(
    "name",
    [
        "graphml", "graphml_lxml", "graphml_xml", "gml", "gexf", "pajek", "adjlist", "edgelist",
        "multiline_adjlist", "weighted_edgelist", "sparse6", "latex", "network_text",
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")  # Pajek's writer says which attributes are no texts
def test_every_writer_of_networkx_takes_the_graph_of_a_topology(name: str, tmp_path: Path) -> None:
    path = str(tmp_path / "graph")
    for topology in (load(TOPOLOGIES / "campus.toml"), with_every_kind_of_setting()):
        graph = topology.graph
        if name == "weighted_edgelist":
            networkx.set_edge_attributes(graph, 1, "weight")
        if name == "latex":
            graph = networkx.Graph(graph)  # it draws no parallel edges
            networkx.set_node_attributes(graph, "(0,0)", "pos")
        getattr(networkx, f"write_{name}")(graph, path)
        assert Path(path).stat().st_size > 10


@pytest.mark.parametrize(
    ("write", "read", "options"),
    [
        (networkx.write_graphml, networkx.read_graphml, {"force_multigraph": True}),
        (networkx.write_gml, networkx.read_gml, {}),
        (networkx.write_gexf, networkx.read_gexf, {}),
    ],
)
def test_the_graph_of_a_topology_is_the_same_topology_after_a_file(
    tmp_path: Path, write: Any, read: Any, options: dict[str, Any]
) -> None:
    topology = with_every_kind_of_setting()
    write(topology.graph, tmp_path / "graph")
    environments = [{"name": "arpanet"}, {"name": "csnet", "transport": "x25"}]
    again = Topology.from_graph(read(tmp_path / "graph", **options), environment=environments)
    assert again.hosts == topology.hosts
    assert again.links == topology.links


def test_json_takes_the_graph_of_a_topology() -> None:
    graph = with_every_kind_of_setting().graph
    assert json.dumps(networkx.node_link_data(graph, edges="edges"))
    assert json.dumps(networkx.cytoscape_data(graph))


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
    assert topology.hosts["New-York"].label == "New York"
    assert topology.hosts["A"].position == (1.5, 2.5)
    assert not topology.hosts["A"].relay
    assert topology.links[0].latency == 0.04
    assert (
        f"{toml}: 1 name was changed to be valid in RFC 821, such as 'New York', now New-York"
        in topology.notes
    )


def test_each_ending_of_a_graph_file_is_in_the_guide() -> None:
    """In the table of keys."""
    (row,) = [line for line in reference().splitlines() if line.startswith("| `graph` |")]
    assert set(re.findall(r"\.\w+(?=[,)])", row)) == ENDINGS.keys()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.json", "[" * 100_000),
        ("x.json", "[1]"),
        ("x.json", '{"nodes": [{"id": 3}, {"x": 3}], "edges": []}'),
        ("x.json", '{"nodes": [{"id": 3}, {"id": 3}], "edges": []}'),
        ("x.json", '{"nodes": [{"id": {}}], "edges": []}'),
        ("x.json", '{"nodes": [{"id": 3}]}'),
        ("x.json", '{"nodes": [{"id": 3}], "edges": [{"source": 3, "target": 4}]}'),
        ("x.json", '{"nodes": [], "edges": [[]]}'),
        ("x.graphml", "<graphml"),
        ("x.graphml", ""),
        ("x.gml", "graph ["),
        ("x.gml", "\xff\0"),
        ("x.dot", "A -- B"),
        ("x.txt", "A -- B -- C"),
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
    return [(link.a, link.b) for link in topology.links]


@pytest.mark.parametrize("count", ["1e9", "12.5"])
def test_a_count_that_is_not_a_whole_number_is_said_to_be_none(count: str, tmp_path: Path) -> None:
    path = written(tmp_path, f'[generate]\nkind = "gnp_random_graph"\nn = {count}\np = 0.1\n')
    with pytest.raises(TopologyError, match=r"generate: n must be a whole number, not 1[\d.]+; "):
        load(path)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ('kind = "barabasi_albert_graph"\nn = 1000000000\nm = 2',
         "generate: n: 1000000000 is too large; use 100000 or less"),
        ('kind = "grid_graph"\ndim = [3, 1000000000]',
         "generate: dim: its numbers are too large; use 400000 or less"),
        ('kind = "complete_graph"\nn = 5000',
         "generate: networkx's complete_graph makes more than 100000 nodes or 400000 edges "
         "of this; "
         "use smaller numbers"),
        ('kind = "balanced_tree"\nr = 10\nh = 12',
         "generate: networkx's balanced_tree makes more than 100000 nodes or 400000 edges "
         "of this; "
         "use smaller numbers"),
    ],
)  # fmt: skip
def test_a_graph_that_would_be_too_large_is_refused_before_it_fills_the_memory(
    arguments: str, sentence: str, tmp_path: Path
) -> None:
    before = vars(networkx.Graph).copy()
    with pytest.raises(TopologyError) as wrong:
        load(written(tmp_path, f"[generate]\n{arguments}\n"))
    assert str(wrong.value).endswith(sentence)
    assert vars(networkx.Graph) == before


def test_a_seed_may_be_any_whole_number(tmp_path: Path) -> None:
    assert len(load(written(tmp_path, GENERATE + "seed = 5000000000\n")).hosts) == 50


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
    program = f"from lab.topology.model import load; print(load({str(path)!r}, seed=4).links)"
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
        "import sys; from lab.topology.model import load; "
        f"load({str(path)!r}); print('networkx' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=TOPOLOGIES.parent, capture_output=True, check=True
    )
    assert done.stdout.strip() == b"False"


def test_an_edge_list_has_a_cost_a_line_and_the_lower_of_two_stays(tmp_path: Path) -> None:
    (tmp_path / "map.txt").write_text(
        "# node node cost\n\nucbvax decvax 300\ndecvax\tucbvax 95.5 # the other end calls\n"
        "ucbvax ucbvax 4000\ndecvax .edu 1e3\nihnp4 decvax\nihnp4 decvax 200\n"
    )
    (tmp_path / "map.toml").write_text('graph = "map.txt"\n')
    topology = load(tmp_path / "map.toml")
    assert list(topology.hosts) == ["ucbvax", "decvax", "edu", "ihnp4"]
    links = {(link.a, link.b): link.cost for link in topology.links}
    assert links == {("ucbvax", "decvax"): 95.5, ("decvax", "edu"): 1000, ("ihnp4", "decvax"): 200}
    says = " ".join(topology.notes)
    assert "1 edge was left out, from a node to itself" in says
    assert "2 parallel edges were merged with the cheapest between them" in says


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a b 1\na\n", "line 2: 'a' is not an edge; write node node cost"),
        ("# nothing\n", "has no edges; write one a line: node node cost"),
        ("a b 1\n\0 b 2\n", "line 2: there is a NUL byte; write the graph as text"),
        ("a b 1\na b {'cost': }\n", "line 2: \"{'cost': }\" is not a dictionary"),
        ("a b 1\na {}\n", "line 2: 'a {}' is not an edge; write node node cost"),
        ("a b 1\n(0, 1 b 2\n", "line 2: ) is missing in '(0, 1 b 2'"),
    ],
)
def test_a_bad_line_of_an_edge_list_is_told_by_its_number(
    text: str, says: str, tmp_path: Path
) -> None:
    (tmp_path / "map.edges").write_bytes(text.encode("latin-1"))
    with pytest.raises(GraphFault, match=re.escape(says)):
        read_graph(tmp_path / "map.edges")


@pytest.mark.parametrize(
    "write", [networkx.write_edgelist, networkx.write_weighted_edgelist]
)  # fmt: skip
def test_names_with_blanks_and_odd_costs_that_networkx_writes_are_read(
    write: Any, tmp_path: Path
) -> None:
    """Names are parted where both are in most lines; a cost that cannot be one is left out."""
    graph = networkx.Graph()
    for a, b, weight in (
        ("New York", "Boston", 3), ("New York", "San Francisco", -2), ("Oslo", "Boston", 7),
        ("Boston", "San Francisco", math.inf), ("Chicago", "New York", math.nan),
    ):  # fmt: skip
        graph.add_edge(a, b, weight=weight)
    write(graph, tmp_path / "x.edges")
    (tmp_path / "x.toml").write_text('graph = "x.edges"')
    topology = load(tmp_path / "x.toml")
    assert {spec.label or spec.name for spec in topology.hosts.values()} == set(graph)
    costs = {frozenset((link.a, link.b)): link.cost for link in topology.links}
    assert costs.pop(frozenset(("New-York", "Boston"))) == 3
    assert costs.pop(frozenset(("Oslo", "Boston"))) == 7
    assert [*costs.values()] == [None] * 3
    notes = "\n".join(topology.notes)
    assert re.search("[23] values of weight were not used, such as -2", notes)
    told = "4 lines have names with blanks, taken for such as 'New York' and 'Boston'"
    assert told in notes


def test_very_many_links_between_two_hosts_are_links_of_their_own() -> None:
    """Each is compared with none of the others; an edge back is of the first that has none."""
    graph = networkx.MultiDiGraph()
    for number in range(6_000):
        graph.add_edge("A", "B", latency=f"{number + 1} ms")
        graph.add_edge("B", "A", latency=f"{number + 2} ms")
    graph.add_edge("B", "A", name="7", latency="9 s")
    graph.add_edge("B", "A", name="none")
    links = Topology.from_graph(graph).links
    assert len(links) == 6_002
    assert len({link.name for link in links}) == 6_002
    backs = [link.back.latency for link in links if link.back.latency is not None]
    assert backs == [pytest.approx((number + 2) / 1000) for number in range(6_000)]


UUCP = SHARED / "data/uucp-map/uucp-edges-1988-12-31.txt"


@pytest.mark.skipif(not UUCP.exists(), reason="the UUCP map is not beside this checkout")
def test_mail_crosses_the_uucp_map_by_source_routes_of_least_cost(tmp_path: Path) -> None:
    (tmp_path / "uucp.toml").write_text(
        f'graph = "{UUCP}"\n[defaults.host]\nrelay = true\nusers = ["root"]\n'
        '[[traffic]]\ncount = 40\nrate = "1 /s"\nroute = "source"\n'
    )
    topology = load(tmp_path / "uucp.toml")
    assert len(topology.hosts) == 11_148
    run = simulate(topology)
    summary = run.summary
    assert summary["submitted"] == 40
    assert summary["delivered"] + summary["rejected"] == 40  # some are on no piece of the map
    assert run.breaches == []
    graph = networkx.Graph()
    for link in topology.links:
        graph.add_edge(link.a, link.b, cost=link.cost)
    account = {recipient["message"]: recipient for recipient in summary["recipients"]}
    for event in run.trace:
        if event.kind == "submit" and account[event.message]["outcome"] == "delivered":
            *route, last = event["recipients"][0].replace(":", ",").split(",")
            way = [event.host, *(host.lstrip("@") for host in route), last.partition("@")[2]]
            # the last relay sends straight to its neighbour, whatever a way round would cost
            end, least = [
                networkx.dijkstra_path_length(graph, start, way[-1], "cost")
                for start in (way[-2], way[0])
            ]
            assert networkx.path_weight(graph, way[:-1], "cost") + end == pytest.approx(least)
