"""Graph files written by hand: types, defaults and lists, which networkx's own seldom have."""

from __future__ import annotations

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
