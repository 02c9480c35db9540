"""Readers of graph files: every format that networkx writes, and those of other programs."""

from __future__ import annotations

import bz2
import gzip
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx
import pytest
from helpers.places import SHARED
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lab
from lab.topology.graph_files import read_graph
from lab.topology.graphs import tables_of_graph
from lab.topology.maps.map import GraphFault, Map, of_networkx


def dumps(data: Any) -> Callable[[networkx.Graph, Path], None]:
    return lambda graph, path: path.write_text(json.dumps(data(graph))) and None


def write_dot(graph: networkx.Graph, path: Path) -> None:
    """As pydot does, which networkx asks for."""
    mark = "->" if graph.is_directed() else "--"
    lines = [f'"{node}";' for node in graph]
    lines += [
        f'"{a}" {mark} "{b}" [weight={d.get("weight", 1)}];' for a, b, d in graph.edges(data=True)
    ]
    kind = "digraph" if graph.is_directed() else "graph"
    path.write_text(f"strict {kind}  {{\n" + "\n".join(lines) + "\n}\n")


WRITERS: dict[str, Callable[[networkx.Graph, Path], None]] = {
    "x.graphml": networkx.write_graphml_xml,
    "x.gml": networkx.write_gml,
    "x.gexf": networkx.write_gexf,
    "x.net": networkx.write_pajek,
    "x.edgelist": networkx.write_edgelist,
    "x.txt": networkx.write_weighted_edgelist,
    "x.adjlist": networkx.write_adjlist,
    "multiline.adjlist": networkx.write_multiline_adjlist,
    "x.gv": write_dot,
    "x.json": dumps(networkx.node_link_data),
    "links.json": dumps(lambda graph: networkx.node_link_data(graph, edges="links")),
    "adjacency.json": dumps(networkx.adjacency_data),
    "cytoscape.json": dumps(networkx.cytoscape_data),
    "matrix.csv": lambda graph, path: networkx.to_pandas_adjacency(graph).to_csv(path),
    "edges.csv": lambda graph, path: networkx.to_pandas_edgelist(graph).to_csv(path),
    "gz.graphml.gz": networkx.write_graphml_xml,
    "bz2.edgelist.bz2": networkx.write_edgelist,
}
MANY = ("x.graphml", "x.gml", "x.gexf", "x.net", "x.edgelist", "x.adjlist", "x.json", "links.json",
        "adjacency.json", "x.gv")  # fmt: skip
"""Formats that keep parallel edges."""


def pairs(made: Map) -> Counter[frozenset[str]]:
    """Return the edges by the texts of their ends."""

    def text(node: Any) -> str:
        label = str(made.nodes[node].get("label", node))
        return label.replace("'", "").replace(" ", "")

    return Counter(frozenset((text(a), text(b))) for a, b, _ in made.edges)


def written(graph: networkx.Graph, name: str, folder: Path) -> Map:
    WRITERS[name](graph, folder / name)
    return read_graph(folder / name)


GRAPHS = {
    "numbers": networkx.path_graph(4),
    "letters": networkx.Graph([("a", "b"), ("b", "c")]),
    "weights": networkx.Graph([("a", "b", {"weight": 2.5}), ("b", "c", {"weight": 7})]),
    "directed": networkx.DiGraph([("a", "b"), ("b", "a"), ("c", "b")]),
    "a loop": networkx.Graph([("a", "b"), ("b", "b")]),
    "tuples": networkx.grid_2d_graph(2, 3),
    "other scripts": networkx.Graph([("Zürich", "東京"), ("東京", "Москва")]),
}


@pytest.mark.parametrize("kind", GRAPHS)
@pytest.mark.parametrize("name", WRITERS)
def test_what_networkx_writes_is_read_again(name: str, kind: str, tmp_path: Path) -> None:
    graph = GRAPHS[kind]
    if kind == "weights" or name != "x.txt":
        made = written(graph, name, tmp_path)
        assert set(pairs(made)) == set(pairs(of_networkx(graph)))
        assert len(made.nodes) == len(graph)
        tables_of_graph(made)


@pytest.mark.parametrize("cls", [networkx.MultiGraph, networkx.MultiDiGraph])
@pytest.mark.parametrize("name", MANY)
def test_parallel_edges_are_kept_by_a_reader(name: str, cls: Any, tmp_path: Path) -> None:
    graph = cls([("a", "b"), ("a", "b"), ("b", "c")])
    made = written(graph, name, tmp_path)
    assert pairs(made) == pairs(of_networkx(graph))
    assert made.directed == graph.is_directed() or name in ("x.edgelist", "x.adjlist")
    assert len(tables_of_graph(made).links) == (2 if made.lists else 3)


@pytest.mark.parametrize("name", ["x.g6", "x.s6"])
def test_graph6_and_sparse6_are_read_by_networkx_in_bounds(name: str, tmp_path: Path) -> None:
    write = networkx.write_graph6 if name == "x.g6" else networkx.write_sparse6
    write(networkx.cycle_graph(70), tmp_path / name)
    assert len(read_graph(tmp_path / name).edges) == 70
    (tmp_path / name).write_bytes(b":~~" + b"~" * 6)
    with pytest.raises(GraphFault, match="more than 100,000 nodes"):
        read_graph(tmp_path / name)


NODES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=6)
EDGES = st.lists(st.tuples(NODES, NODES), min_size=1, max_size=8)


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(edges=EDGES, name=st.sampled_from(["x.graphml", "x.gml", "x.gexf", "x.json"]))
def test_any_names_survive_a_file(edges: list[tuple[str, str]], name: str, tmp_path: Path) -> None:
    graph = networkx.Graph(edges)
    assert set(pairs(written(graph, name, tmp_path))) == set(pairs(of_networkx(graph)))


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    start=st.sampled_from([
        "graph [ node [ id 0 ] ", "<graphml><graph>", '{"nodes": [', "*Vertices 2\n1 a\n", "a b {",
        "digraph { a -> ", "from,to\n", "#N\tx\nx\ty(DEMAND", "?SNDlib\nNODES (\n", "a b 3\n", "",
    ]),
    rest=st.text(max_size=40),
    name=st.sampled_from(["x.txt", "x.gml", "x.json", "x.net", "x.csv", "x.gv", "x.adjlist", "x"]),
)  # fmt: skip
def test_any_text_is_a_map_or_a_sentence(start: str, rest: str, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(start + rest, encoding="utf-8", errors="replace")
    found: Map | None = None
    sentence = ""
    try:
        found = read_graph(tmp_path / name)
    except GraphFault as why:
        sentence = str(why)
    if found is None:
        assert name in sentence
        assert "\n" not in sentence
    else:
        assert len(tables_of_graph(found).notes) <= 10


def read(tmp_path: Path, name: str, text: str | bytes) -> Map:
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_graph(tmp_path / name)


def edges(made: Map) -> list[tuple[Any, Any]]:
    return [(a, b) for a, b, _ in made.edges]


# -- JSON ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        '{"nodes": [{"id": "a"}, {"id": "b"}], "links": [{"source": 0, "target": 1}]}',
        '{"nodes": [{"id": "a"}, {"id": "b"}], "edges": [{"source": "a", "target": "b"}]}',
        '{"nodes": [{"name": "a"}, {"name": "b"}], "links": [{"from": "a", "to": "b"}]}',
        '{"nodes": ["a", "b"], "links": [["a", "b"]]}',
        '{"nodes": {"a": {}, "b": {}}, "links": [["a", "b", {"cost": 1}]]}',
        '{"links": [{"source": {"id": "a"}, "target": {"id": "b"}}]}',
        '[["a", "b"]]',
        '{"a": ["b"], "b": ["a"]}',
        '{"a": {"b": {"weight": 1}}, "b": {}}',
        '{"name": "a", "children": [{"name": "b"}]}',
        '{"elements": [{"data": {"id": "a"}}, {"data": {"id": "b"}}, '
        '{"data": {"source": "a", "target": "b"}}]}',
        '\ufeff{"graph": [["name", "x"]], "nodes": ["a", "b"], "edges": [["a", "b"]]}',
    ],
)  # fmt: skip
def test_the_forms_of_json_graphs(text: str, tmp_path: Path) -> None:
    """Old ones, whose edges count the nodes, d3's, and plain lists and tables."""
    made = read(tmp_path, "x.json", text)
    assert edges(made) == [("a", "b")]
    assert list(made.nodes) == ["a", "b"]


def test_ids_and_numbers_of_nodes_that_differ_are_told_apart(tmp_path: Path) -> None:
    """Ends that are all ids are ids, even if they might be numbers of nodes."""
    text = '{"nodes": [{"id": %s}, {"id": %s}], "links": [{"source": 1, "target": 0}]}'
    assert edges(read(tmp_path, "x.json", text % (1, 0))) == [(1, 0)]
    assert edges(read(tmp_path, "x.json", text % (7, 9))) == [(9, 7)]
    assert edges(read(tmp_path, "x.json", text % ('"0"', '"1"'))) == [("1", "0")]


def test_utf_16_and_latin_1_are_read(tmp_path: Path) -> None:
    assert edges(read(tmp_path, "x.txt", "é b".encode("utf-16"))) == [("é", "b")]
    made = read(tmp_path, "x.txt", "a b\né b".encode("latin-1"))
    assert edges(made) == [("a", "b"), ("é", "b")]
    assert made.remarks == ["line 2 is not UTF-8, so the file is read as Latin-1"]


# -- lists and tables ---------------------------------------------------------------------------


def test_words_of_an_edge_list(tmp_path: Path) -> None:
    text = (
        "% KONECT\n\"New York\" O'Hare {'weight': 3, 'note': '#1'} # a comment\n"
        '(0, 1),(0, 2) 7\na -- b\nx y {"lat": true, "w": NaN}\na,b,2 red\n'
    )
    text = text.replace("NaN", "nan")
    made = read(tmp_path, "x.edges", text)
    assert made.edges == [
        ("New York", "O'Hare", {"weight": 3, "note": "#1"}),
        ((0, 1), (0, 2), {"cost": 7}),
        ("a", "b", {}),
        ("x", "y", {"lat": True, "w": None}),
        ("a", "b", {"cost": 2}),
    ]
    assert made.remarks == ["further words of 1 line were not used"]


def test_texts_after_the_nodes_are_data(tmp_path: Path) -> None:
    """networkx writes them for data=["color"]; beside costs, one is a mistake."""
    assert read(tmp_path, "x.txt", "a b red\n").edges == [("a", "b", {"data": "red"})]
    with pytest.raises(GraphFault, match="line 2: the cost 'red' is not a number"):
        read(tmp_path, "x.txt", "a b 1\na c red\n")


def test_csv_with_and_without_a_header(tmp_path: Path) -> None:
    made = read(tmp_path, "x.csv", ',Source,Target,"Link Speed"\n0,a,"b, c",10 Mbps\n1,b,d,\n')
    assert made.edges == [("a", "b, c", {"Link Speed": "10 Mbps"}), ("b", "d", {})]
    assert read(tmp_path, "x.csv", "a;b;3\nb;c;4\n").edges[1] == ("b", "c", {"cost": 4})
    made = read(tmp_path, "x.csv", "a,b,cost\nHAM,BER,3\nBER,KIEL,\n")
    assert made.edges == [("HAM", "BER", {"cost": 3}), ("BER", "KIEL", {})]
    assert edges(read(tmp_path, "x.csv", "a,b\nb,c\n")) == [("a", "b"), ("b", "c")]
    made = read(tmp_path, "x.tsv", "a\tb\n")
    assert edges(made) == [("a", "b")]
    assert read(tmp_path, "x.csv", ",a,b\na,0,2\nb,2,0\n").edges == [("a", "b", {"weight": 2})]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("from,to\na\n", "line 2: a link has two ends"),
        ("from,to\na,b,c\n", "line 2: it has 3 cells, and the header has 2"),
        ("one,two,three\na,b,c\n", "names no ends of links (one, two, three)"),
        ("a,b,3\n,b,3\n", "line 2: a link has two ends; write from,to,cost"),
        ("\n", "it has no rows"),
        (",a,b\na,0,x\nb,0,0\n", "line 2: 'x' is not a number"),
        ('from,to\n"' + "a" * 200_000 + ",b\n", "field larger than field limit"),
    ],
)
def test_a_mistake_of_a_table_is_told_with_its_line(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(GraphFault) as caught:
        read(tmp_path, "x.csv", text)
    assert says in str(caught.value)


def test_pajek(tmp_path: Path) -> None:
    text = (
        '*Network x\n% a comment\n*Vertices 3\n1 "New York" 0.5 0.25 0.0 box ic Red\n2 b\n3 b\n'
        "*Arcs\n1 2 7 c Blue\n*Edgeslist\n2 3 1\n*Matrix\n0 0 1\n0 0 0\n0 0 0\n"
    )
    made = read(tmp_path, "x.net", text)
    assert made.nodes["New York"] == {"pos": [0.5, 0.25], "ic": "Red"}
    assert made.edges == [
        ("New York", "b", {"weight": 7, "c": "Blue"}), ("b", "b (3)", {}), ("b", "New York", {}),
        ("New York", "b (3)", {"weight": 1}),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("*Vertices x\n", "line 1: 'x' is not a number of vertices"),
        ("*Vertices 1\n1 a\n*Edges\n1 9\n", "line 4: there is no vertex '9'"),
        ("*Vertices 1\n1 a\n*Edges\n1\n", "line 4: an edge has two vertices"),
        ("*Vertices 1\n1 a\n*Matrix\n1 1\n", "line 4: the matrix has more rows or columns"),
        ("*Edges\n", "it has no *Vertices"),
        ('*Vertices 1\n1 "a\n', "line 2: "),
    ],
)
def test_a_mistake_of_a_pajek_file(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(GraphFault) as caught:
        read(tmp_path, "x.net", text)
    assert says in str(caught.value)


# -- other programs -----------------------------------------------------------------------------


def test_dot(tmp_path: Path) -> None:
    text = (
        '// a comment\nstrict graph "x" { /* another */ node [shape=box]; rankdir=LR\n'
        'a [label="\\N" pos="1,2"]; b:port [label="Zürich\\nHB"]; subgraph s { c; d }\n'
        "a -- b -- {c d} [weight=3, label=<<b>T3</b>>];\n}"
    )
    made = read(tmp_path, "x.dot", text)
    assert edges(made) == [("a", "b"), ("b", "c"), ("b", "d")]
    assert made.nodes["a"] == {"pos": "1,2"}
    assert made.nodes["b"] == {"label": "Zürich HB"}
    assert made.edges[0][2] == {"weight": 3, "label": "T3"}


@pytest.mark.parametrize(
    "text",
    ["graph {", "graph { a -- }", "graph { a [b }", "graph { " + "{" * 200, "graph { = }",
     "digraph { a b=3 ]", "graph " + "{ a -> b [x=]}"],
)  # fmt: skip
def test_a_mistake_of_a_dot_file(text: str, tmp_path: Path) -> None:
    with pytest.raises(GraphFault, match=r"x\.dot is not a DOT file"):
        read(tmp_path, "x.dot", text)


POSTING = """\
Path: a!b!c
From: pleasant@rutgers.edu
Subject: UUCP map

: This is a shell archive.
sed 's/^X//' << 'SHAR_EOF' > u.usa.nj.1
X#N\trutgers
X#W\trutgers!pleasant
Xrutgers\t.rutgers.edu, =rutgers.rutgers.edu
Xrutgers\tames(DEDICATED+LOW), <topaz>(LOCAL*2), "cbosgd"!(POLLED/(1+1)),
X\tboth, uunet(nosuchword), @harvard(-HIGH)
Xrutgers = ru-rutgers, topaz
Xdead {csdev!ihnp4}
Xprivate {aquila}
XLAB-NET\t= @{ames,
X\taries, basil}(LOCAL)
X}nonsense
SHAR_EOF
exit 0
"""


def test_a_posting_to_comp_mail_maps(tmp_path: Path) -> None:
    made = read(tmp_path, "u.usa.nj.1", POSTING)
    assert made.kind == "pathalias map"
    assert [(a, b, attributes["cost"]) for a, b, attributes in made.edges] == [
        ("rutgers", ".rutgers.edu", 4000), ("rutgers", "ames", 100),
        ("rutgers", "cbosgd", 2500), ("rutgers", "both", 4000), ("rutgers", "harvard", 5),
        ("ames", "LAB-NET", 12.5), ("aries", "LAB-NET", 12.5), ("basil", "LAB-NET", 12.5),
    ]  # fmt: skip
    assert made.nodes["LAB-NET"] == {"kind": "router"}
    assert made.remarks == [
        "2 entries not understood, such as 'uunet(nosuchword)' in line 10",
        "3 further names of hosts were joined with them",
        "dead: 0 hosts and 0 links are a last resort: no mail goes on through such a host; "
        "1 that it names are not in the map",
        "private: 1 name is a host like any other",
    ]


ORDERS = """\
a	b(LOCAL), c(DEMAND)
b	c(LOCAL), d(DAILY)
c	d(HOURLY), e(DEMAND)
c	= charlie
d	e(LOCAL)
dead	{b, a!b,
	nosuch}
delete {charlie!d, e}
adjust {a(-HIGH), charlie(FAST), b}
private {d, x}
gatewayed {NET}
"""


def test_orders_of_a_pathalias_map_are_carried_out(tmp_path: Path) -> None:
    """Dead hosts do not relay, dead links cost most, what is deleted is not there."""
    made = read(tmp_path, "u.usa.nj.1", ORDERS)
    assert [(a, b, attributes["cost"]) for a, b, attributes in made.edges] == [
        ("a", "b", 100_000_005), ("a", "c", 305), ("b", "c", 4025), ("b", "d", 9000),
    ]  # fmt: skip
    assert [*made.nodes] == ["a", "b", "c", "d"]
    assert [name for name, each in made.nodes.items() if each.get("relay") is False] == ["b"]
    assert made.remarks[1:] == [
        "dead: 1 host and 1 link are a last resort: no mail goes on through such a host; "
        "1 that it names are not in the map",
        "delete: 1 host and 1 link are left out",
        "adjust: other costs for links from 3 hosts",
        "private: 2 names are hosts like any other",
        "gatewayed: not used; 1 network let all in",
    ]
    (tmp_path / "x.toml").write_text('graph = "u.usa.nj.1"')
    topology = lab.load(tmp_path / "x.toml")
    assert [spec.name for spec in topology.hosts.values() if not spec.relay] == ["b"]
    assert [note.partition(": ")[2] for note in topology.notes if "dead: " in note]


def test_numbers_with_a_decimal_comma_are_read_where_commas_do_not_part_cells(
    tmp_path: Path,
) -> None:
    """As pandas writes with ``sep=";"`` and ``decimal=","``; a table, and a demand matrix."""
    (tmp_path / "x.csv").write_text("from;to;capacity;latency\nA;B;2,5;1,5 ms\nB;C;10;3 ms\n")
    (tmp_path / "m.csv").write_text(";A;B\nA;0;1,5\nB;2;0\n")
    (tmp_path / "x.toml").write_text('graph = "x.csv"\n[[traffic]]\nmatrix = "m.csv"\n')
    topology = lab.load(tmp_path / "x.toml")
    assert [(link.bandwidth, link.latency) for link in topology.links] == [
        (2_500_000, 0.0015), (10_000_000, 0.003),
    ]  # fmt: skip
    assert [value for *_, value in topology.traffic[0].demands] == [1.5, 2]
    made = read(tmp_path, "y.csv", 'from,to,note\na,b,"1,500"\n')
    assert made.edges[0][2] == {"note": "1,500"}


YED = """\
<graphml xmlns="http://graphml.graphdrawing.org/xmlns" xmlns:y="http://www.yworks.com/xml/graphml">
<key for="node" id="d6" yfiles.type="nodegraphics"/>
<graph edgedefault="directed" id="G">
<node id="n0"><data key="d6"><y:ShapeNode><y:NodeLabel>Core</y:NodeLabel></y:ShapeNode></data>
</node>
<node id="n1" yfiles.foldertype="group">
<data key="d6"><y:GroupNode><y:NodeLabel>Campus</y:NodeLabel></y:GroupNode></data>
<graph edgedefault="directed" id="n1:"><node id="n1::n0"/><node id="n1::n1"/></graph></node>
<node id="n2" yfiles.foldertype="group"><graph id="n2:"><node id="n2::n0"/></graph></node>
<edge source="n0" target="n1::n0"/><edge source="n1::n0" target="n1::n1"/>
<edge source="n2" target="n2::n0"/></graph></graphml>
"""


def test_groups_that_yed_draws_around_nodes_are_no_hosts(tmp_path: Path) -> None:
    """Their nodes are; a group at which an edge ends stays."""
    made = read(tmp_path, "x.graphml", YED)
    assert [*made.nodes] == ["n0", "n1::n0", "n1::n1", "n2::n0", "n2"]
    assert made.remarks == ["1 group of nodes, without edges, left out"]


NATIVE = """\
?SNDlib native format; type: network; version: 1.0
# network norway
META (
  unit = KBITPERSEC
)
NODES (
  N1 ( 10.70 59.90 )
  N2 ( 5.30 60.40 )
  N3
)
LINKS (
  L1 ( N1 N2 ) 0.00 0.00 3.00 0.00 ( 622.00 10.00 )
  L2 ( N2 N3 ) 155.00 0.00 0.00 0.00 ( )
)
DEMANDS (
  D1 ( N1 N2 ) 1 170.00 UNLIMITED
  D2 ( N1 N2 ) 1 30.00 UNLIMITED
)
"""
XML = """\
<?xml version="1.0" encoding="ISO-8859-1"?>
<network xmlns="http://sndlib.zib.de/network" version="1.0">
 <meta><unit>KBITPERSEC</unit></meta>
 <networkStructure><nodes coordinatesType="geographical">
  <node id="N1"><coordinates><x>10.70</x><y>59.90</y></coordinates></node>
  <node id="N2"><coordinates><x>5.30</x><y>60.40</y></coordinates></node><node id="N3"/></nodes>
 <links><link id="L1"><source>N1</source><target>N2</target><routingCost>3.0</routingCost>
  <preInstalledModule><capacity>0.0</capacity></preInstalledModule>
  <additionalModules><addModule><capacity>622.0</capacity></addModule></additionalModules></link>
 <link id="L2"><source>N2</source><target>N3</target>
  <preInstalledModule><capacity>155.0</capacity></preInstalledModule></link></links>
 </networkStructure><demands>
 <demand id="D1"><source>N1</source><target>N2</target><demandValue>170.0</demandValue></demand>
 <demand id="D2"><source>N1</source><target>N2</target><demandValue>30.0</demandValue></demand>
</demands></network>
"""


@pytest.mark.parametrize(("name", "text"), [("x.txt", NATIVE), ("x.xml", XML)])
def test_both_formats_of_sndlib_say_the_same(name: str, text: str, tmp_path: Path) -> None:
    tables = tables_of_graph(read(tmp_path, name, text))
    assert [host["name"] for host in tables.hosts] == ["N1", "N2", "N3"]
    assert tables.hosts[0]["position"] == [10.7, 59.9]
    one, two = tables.links
    assert (one["bandwidth"], one["cost"]) == (622_000, 3)
    assert (two["bandwidth"], "cost" in two) == (155_000, False)
    assert tables.demands == {("N1", "N2"): 200.0}
    assert any(note.startswith("1 demand from host to host") for note in tables.notes)


@pytest.mark.parametrize(
    "text",
    ["NODES (\n", "NODES (\n A (\n)\nLINKS (\n L1 ( A ) 1\n)\n", "?SNDlib\nLINKS (\n)\n",
     "NODES (\n A ( x y )\n)\n", "NODES (\n A\n)\nDEMANDS (\n D1 ( A A ) 1 many\n)\n"],
)  # fmt: skip
def test_a_mistake_of_a_native_file_of_sndlib(text: str, tmp_path: Path) -> None:
    with pytest.raises(GraphFault, match=r"x\.sndlib is not a SNDlib"):
        read(tmp_path, "x.sndlib", text)


def test_the_xml_of_fnss(tmp_path: Path) -> None:
    text = (
        '<topology linkdefault="directed">'
        '<property name="capacity_unit" type="string">Mbps</property>'
        '<property name="delay_unit" type="string">ms</property>'
        '<node id="1" id.type="int"><property name="type" type="string">switch</property></node>'
        '<node id="2" id.type="int"><property name="type" type="string">host</property></node>'
        '<link><from type="int">1</from><to type="int">2</to>'
        '<property name="capacity" type="int">10</property>'
        '<property name="delay" type="float">2.5</property>'
        '<property name="weight" type="int">4</property>'
        '<property name="buffer" type="int">50</property></link></topology>'
    )
    tables = tables_of_graph(read(tmp_path, "x.xml", text))
    assert [host.get("kind", "host") for host in tables.hosts] == ["router", "host"]
    (link,) = tables.links
    assert (link["bandwidth"], link["latency"], link["cost"]) == (10e6, 0.0025, 4)
    assert "attributes of edges that were not used: buffer" in tables.notes


def test_yed_draws_labels_and_places(tmp_path: Path) -> None:
    text = (
        '<graphml xmlns:y="http://www.yworks.com/xml/graphml"><key for="node" id="d1" '
        'yfiles.type="nodegraphics"/><key for="edge" id="d2" yfiles.type="edgegraphics"/>'
        '<graph edgedefault="undirected"><node id="n0"><data key="d1"><y:ShapeNode>'
        '<y:Geometry x="3.5" y="2"/><y:NodeLabel>New\nYork</y:NodeLabel></y:ShapeNode></data>'
        "</node>"
        '<node id="n1"/><hyperedge/><edge source="n0" target="n1"><data key="d2"><y:PolyLineEdge>'
        "<y:EdgeLabel>T1</y:EdgeLabel></y:PolyLineEdge></data></edge></graph></graphml>"
    )
    made = read(tmp_path, "x.graphml", text)
    tables = tables_of_graph(made)
    assert tables.hosts[0]["position"] == [3.5, -2]
    assert made.nodes["n0"]["label"] == "New York"
    assert tables.links[0]["bandwidth"] == 1.544e6
    assert made.remarks == ["1 hyperedges were left out"]


# -- bounds -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "octets", "says"),
    [
        ("x.graphml.gz", gzip.compress(b" " * (2**26 + 1)), "larger than 64 MiB once unpacked"),
        ("x.gml.bz2", bz2.compress(b"graph [ ]")[:-5], "cannot be unpacked"),
        ("x.gml.gz", b"graph [ ]", "cannot be unpacked"),
        ("x.xml", b"<html/>", "<html> is not a graph"),
        ("x.graphml", b"<graphml>" + b"<a>" * 300, "nested more than 200 deep"),
        ("x.graphml", b"<graphml>" + b"a" * 1_100_000, "more than 1,000,000 letters"),
        ("x.graphml", b"<graphml><graph><node/></graph></graphml>", "a <node> has no id"),
        ("x.graphml", b"<graphml><graph><edge source='a'/></graph></graphml>", "no target"),
        ("x.gexf", b"<gexf><edge source='a'/></gexf>", "no target"),
        ("x.xml", b"<network><link id='L'/></network>", "has no source or no target"),
        ("x.xml", b"<topology><link/></topology>", "no <from> or no <to>"),
        ("x.gml", b"graph [ node [ label 3 ] ]", "node number 1 has no id"),
        ("x.json", b'{"nodes": [{"id": [1, 2]}, {"id": null}], "links": []}',
         "nodes[1] has no id that is a text or a number"),
        ("x.gml", b"graph [ edge [ source 3 ] ]", "edge number 1 has no source or no target"),
        ("x.gml", b"graph [ [ ] ]", "line 1: there is no key before this ["),
        ("x.gml", b'graph [ "a" ]', "there is no key before this text"),
        ("x.gml", b'graph [ label "a ]', "the quotation mark has no second one"),
        ("x.gml", b"graph 3", "it has no graph"),
        ("x.adjlist", b"# nothing\n", "it has no nodes"),
        ("x.adjlist", b"(a b", "is missing in"),
        ("x.g6", b"\n", "it has no graph"),
        ("x.g6", b"\x01\n", "letters that graph6 does not have"),
        ("x.map", b"rutgers\n", "it has no links"),
    ],
)  # fmt: skip
def test_a_file_beyond_bounds_or_with_a_mistake_draws_a_sentence(
    name: str, octets: bytes, says: str, tmp_path: Path
) -> None:
    with pytest.raises(GraphFault) as caught:
        read(tmp_path, name, octets)
    assert says in str(caught.value)
    assert str(caught.value).startswith(name)


def test_more_elements_than_half_a_million_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elements of a graph are not counted, since they are not kept."""
    monkeypatch.setattr("lab.topology.maps.xml_elements.MOST_KEPT", 30)
    node = b"<node id='a'><data key='k'>1</data></node>"
    graph = b"<graphml><graph>" + node * 40 + b"%s</graph></graphml>"
    assert len(read(tmp_path, "x.graphml", graph % b"").nodes) == 1
    with pytest.raises(GraphFault, match="more than 30 elements"):
        read(tmp_path, "x.graphml", graph % (b"<a/>" * 40))


def test_too_many_nodes_or_edges_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.topology.maps.map.LARGEST_GRAPH", 3)
    monkeypatch.setattr("lab.topology.maps.map.MOST_EDGES", 3)
    made = Map("")
    for number in range(3):
        made.add_edge("a", f"b{number % 2}")
    with pytest.raises(GraphFault, match="more than 3 edges"):
        made.add_edge("a", "b0")
    with pytest.raises(GraphFault, match="more than 3 nodes"):
        made.add_node("c")
    with pytest.raises(GraphFault, match="20,000 letters"):
        made.add_node("d" * 20_000)


@pytest.mark.skipif(not SHARED.exists(), reason="the shared maps are not beside this checkout")
def test_maps_that_were_refused_or_misread_once() -> None:
    maps = SHARED / "cases/maps"
    assert len(lab.load(maps / "graph-bom-node-link.json.toml").hosts) == 2
    assert len(lab.load(maps / "graph-tuple-nodes-node-link.json.toml").links) == 12
    assert len(lab.load(maps / "parallel-edges-gml.toml").hosts) == 3
    zoo = list((SHARED / "data/topologyzoo").iterdir())
    for path in zoo:
        made = read_graph(path)
        tables = tables_of_graph(made)
        assert any("position" in host for host in tables.hosts), path
        assert len(tables.hosts) == len(made.nodes)
