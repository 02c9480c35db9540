"""Graph files written by hand: types, defaults and lists, which networkx's own seldom have."""

from __future__ import annotations

import json
from pathlib import Path

import networkx
import pytest

from lab.topology.graph_files import read_graph
from lab.topology.maps.map import GraphFault
from lab.topology.model import load


def test_several_values_of_a_key_of_gml_are_a_list(tmp_path: Path) -> None:
    """networkx writes lists so: ``_networkx_list_start`` and then the values, or twice the key."""
    graph = networkx.Graph()
    graph.add_node("a", users=["ann", "bob", "cat"], one=["ann"])
    networkx.write_gml(graph, tmp_path / "x.gml")
    (node,) = read_graph(tmp_path / "x.gml").nodes.values()
    assert (node["users"], node["one"]) == (["ann", "bob", "cat"], ["ann"])


GRAPHML = """<graphml><key id="k" for="node" attr.name="size" attr.type="int"><default>7</default>
</key><key id="t" for="all" attr.name="up" attr.type="boolean"/><graph edgedefault="directed">
<node id="a"><data key="k">many</data><data key="t">TRUE</data></node><node id="b"/>
<edge source="a" target="b"/><hyperedge/><hyperedge/></graph></graphml>"""


def test_types_and_defaults_of_graphml(tmp_path: Path) -> None:
    """A value that is not of its type stays a text; a default is that of nodes without a value."""
    (tmp_path / "x.graphml").write_text(GRAPHML)
    made = read_graph(tmp_path / "x.graphml")
    assert made.nodes == {"a": {"size": "many", "up": True}, "b": {"size": 7}}
    assert (made.directed, made.remarks) == (True, ["2 hyperedges were left out"])


GEXF = """<gexf><graph defaultedgetype="undirected"><attributes class="node">
<attribute id="0" title="size" type="integer"><default>7</default></attribute></attributes>
<nodes><node id="a" label="Ann"><attvalues><attvalue for="0" value="3"/>
<attvalue for="x" value="y"/></attvalues></node><node id="b" label="b"/></nodes>
<edges><edge source="a" target="b" weight="2.5" label="line" type="directed"/></edges>
</graph></gexf>"""


def test_attributes_of_gexf(tmp_path: Path) -> None:
    (tmp_path / "x.gexf").write_text(GEXF)
    made = read_graph(tmp_path / "x.gexf")
    assert made.nodes == {"a": {"size": 3, "x": "y", "label": "Ann"}, "b": {"size": 7}}
    assert made.edges == [("a", "b", {"weight": 2.5, "label": "line"})]
    assert made.directed
    (tmp_path / "x.gexf").write_text(GEXF.replace('target="b"', ""))
    with pytest.raises(GraphFault, match="an <edge> has no source or no target"):
        read_graph(tmp_path / "x.gexf")


def test_columns_of_csv_may_have_units(tmp_path: Path) -> None:
    """In brackets, or a % alone, behind the name; brackets with anything else are of the name."""
    text = (
        "Node1;Node2;Latency (ms);Capacity [Mbps];Distance (km);Loss %;Cost (USD);Owner (s)\n"
        "A;B;7,5;10;120,5;0,5;3;me\nB;C;2 s;;80;1;;\n"
    )
    (tmp_path / "map.csv").write_text(text)
    (tmp_path / "x.toml").write_text('graph = "map.csv"\n')
    made = load(tmp_path / "x.toml")
    first, second = made.links
    assert (first.latency, first.bandwidth, first.dist, first.loss) == (0.0075, 1e7, 120.5, 0.005)
    assert (second.latency, second.bandwidth, second.loss) == (2.0, None, 0.01)
    assert first.cost is None
    assert any("not used: Cost (USD), Owner" in note for note in made.notes)


MINIEDIT = {
    "hosts": [
        {"number": "1", "opts": {"hostname": "h1", "nodeNum": 1}, "x": "100.0", "y": "50"},
        {"number": "2", "opts": {}, "x": "1", "y": "2"},
    ],
    "switches": [{"number": "1", "opts": {"hostname": "s1"}, "x": "3", "y": "4"}],
    "controllers": [{"opts": {"hostname": "c0"}}],
    "links": [
        {"src": "h1", "dest": "s1", "opts": {"bw": 10, "delay": "5ms", "loss": 1}},
        {"src": "s1", "dest": "h2", "opts": {"bw": "0.5", "jitter": "2ms"}},
        {"src": "c0", "dest": "s1", "opts": {}},
    ],
    "version": "2",
}


def test_a_file_of_miniedit_has_hosts_switches_and_the_options_of_links(tmp_path: Path) -> None:
    (tmp_path / "net.mn").write_text(json.dumps(MINIEDIT))
    (tmp_path / "t.toml").write_text('graph = "net.mn"')
    topology = load(tmp_path / "t.toml")
    assert [(host.name, host.kind) for host in topology.hosts.values()] == [
        ("h1", "host"), ("h2", "host"), ("s1", "router"),
    ]  # fmt: skip
    first, second = topology.links
    assert (first.latency, first.bandwidth, first.loss) == (0.005, 10e6, 0.01)
    assert (second.bandwidth, second.jitter) == (0.5e6, 0.002)
    assert topology.notes[0].endswith(": MiniEdit: 2 hosts, 1 router, 2 links, in one piece")
    assert topology.notes[-1].endswith(": links to controllers were left out")


def test_a_matrix_of_pajek_has_the_arcs_of_both_directions(tmp_path: Path) -> None:
    text = '*Vertices 3\n1 "a"\n2 "b"\n3 "c"\n*Matrix\n0 1 0\n4 0 2\n0 2 0\n'
    (tmp_path / "x.net").write_text(text)
    (tmp_path / "t.toml").write_text('graph = "x.net"')
    links = load(tmp_path / "t.toml").links
    assert [(link.a, link.b, link.cost) for link in links] == [("a", "b", 1.0), ("b", "c", 2.0)]
    assert [link.reverse.cost for link in links] == [4.0, 2.0]


def test_what_has_a_time_span_in_gexf_is_there_always_and_a_note_says_so(tmp_path: Path) -> None:
    text = GEXF.replace('id="a"', 'id="a" start="1"').replace(
        'value="3"/>', 'value="9" end="2"/><attvalue for="0" value="3" start="2"/>'
    )
    (tmp_path / "x.gexf").write_text(text)
    made = read_graph(tmp_path / "x.gexf")
    assert made.nodes["a"]["size"] == 3
    assert made.remarks == [
        "3 spans of time not used: what is there at some time is there always, with the last of "
        "its values"
    ]


def test_what_is_not_understood_is_said_first_and_what_is_not_said_is_counted(
    tmp_path: Path,
) -> None:
    """Of many remarks about a map, only some are shown."""
    lines = ["a\tb(DEMAND), c(LOCAL) d(HOURLY)", "a = e", "private {b}", "dead {c}", "delete {z}"]
    lines += ["adjust {a(FAST)}", "gatewayed {n}", "n = {a, b}"]
    (tmp_path / "t.map").write_text("\n".join(["#N a", *lines, ""]))
    (tmp_path / "t.toml").write_text('graph = "t.map"')
    said = load(tmp_path / "t.toml").notes[-1]
    assert ": 1 entry not understood, such as 'c(LOCAL) d(HOURLY)' in line 2; " in said
    assert said.endswith("; and 2 more such")


def test_letters_in_another_order_are_the_likeliest_slip(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"nodes": [{"id": "a", "realy": true}], "links": []}')
    (tmp_path / "t.toml").write_text('graph = "x.json"')
    assert "did you mean relay?" in " ".join(load(tmp_path / "t.toml").notes)
