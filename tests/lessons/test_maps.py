"""Real maps: the ARPANET of 1972 as it was, loads as predicted, a UUCP map that may be there."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import networkx as nx
import pytest
from helpers.places import ROOT

import lab
from lab.lessons import maps

ARPANET = ROOT / "topologies" / "arpanet-1972.toml"
ZOO = ROOT.parent / "shared" / "data" / "topologyzoo" / "Arpanet19728.gml"
RING = ("ILLINOIS", "MIT", "LINCOLN", "RADC", "CASE", "GWC", "NOAA", "USC", "SDC", "UCLA")
"""Of the maps that were drawn then: one side and two thirds of another, and the corners."""


@pytest.fixture(scope="module")
def arpanet() -> nx.Graph:
    return maps.graph(lab.load(ARPANET))


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory in which there are no lessons; nor does the repository's count."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(maps.course, "folder", lambda: tmp_path)
    return tmp_path


def test_the_arpanet_of_1972_has_its_sites_and_lines(arpanet: nx.Graph) -> None:
    """29 sites, 32 lines, in rings: two ways between any two sites, three lines across."""
    assert (len(arpanet), arpanet.number_of_edges()) == (29, 32)
    assert nx.is_biconnected(arpanet)
    assert nx.edge_connectivity(arpanet, "UCLA", "MIT") == 3
    assert all(arpanet.has_edge(*pair) for pair in pairwise(RING))


@pytest.mark.skipif(not ZOO.is_file(), reason="no copy of the Internet Topology Zoo lies beside")
def test_the_arpanet_of_1972_is_that_of_the_topology_zoo(arpanet: nx.Graph) -> None:
    """Name by name; the Zoo calls both sites at Ames, and both at BBN, by one name."""
    zoo = nx.read_gml(ZOO, label="id")
    known = {"NOAA {[Boulder, Colorado}}": "NOAA", "AFGWC": "GWC"}
    names = {node: known.get(name, name.upper()) for node, name in zoo.nodes(data="label")}
    theirs = sorted(tuple(sorted((names[a], names[b]))) for a, b in zoo.edges)
    ours = sorted(
        tuple(sorted((a.removesuffix("-TIP"), b.removesuffix("-TIP")))) for a, b in arpanet.edges
    )
    assert ours == theirs


def test_a_load_is_the_share_of_the_pairs_whose_way_leads_over_a_host() -> None:
    """Of a chain of three the middle one has the pair of the others: a third of the letters."""
    chain = nx.path_graph(["A", "B", "C"])
    assert maps.expected(chain, 300) == pytest.approx({"B": 100.0, "A": 0.0, "C": 0.0})


def test_the_graph_of_a_topology_takes_cost_before_latency() -> None:
    net = nx.Graph()
    net.add_edge("A", "B", cost=300)
    net.add_edge("B", "C", latency="40 ms")
    found = maps.graph(lab.Topology.from_graph(net))
    assert found.edges["A", "B"]["cost"] == 300_000_000
    assert found.edges["B", "C"]["cost"] == 40_000


def test_relayed_letters_are_those_of_others() -> None:
    """What a host wrote itself it sends; what is for it, it delivers: neither is relayed."""
    options = {"defaults": {"host": {"relay": True, "users": ["u"]}}}
    mail = [{"from": "u@A", "to": ["u@C"]}, {"from": "u@B", "to": ["u@C"]}]
    chain = lab.Topology.from_graph(nx.path_graph(["A", "B", "C"]), mail=mail, **options)
    assert maps.relayed(lab.simulate(chain)) == {"B": 1}


def test_without_a_host_all_others_get_their_mail() -> None:
    """The tables know: nothing is sent over the dead, and what comes back was for the dead."""
    run = lab.simulate(maps.without(lab.load(ARPANET), "UCLA"))
    returned = [
        recipient for recipient in run.summary["recipients"] if recipient["outcome"] != "delivered"
    ]
    assert returned
    assert {recipient["recipient"] for recipient in returned} == {"u@UCLA"}
    with pytest.raises(ValueError, match="there is no host NOWHERE"):
        maps.without(lab.load(ARPANET), "NOWHERE")


def test_who_is_cut_off_is_not_in_the_largest_piece() -> None:
    tree = nx.Graph([("HUB", "A"), ("HUB", "B"), ("B", "C"), ("C", "D")])
    assert maps.cut_off(tree, []) == 0
    assert maps.cut_off(tree, ["HUB"]) == 1
    assert maps.cut_off(tree, ["C"]) == 1
    assert maps.cut_off(tree, set(tree)) == 0
    with pytest.raises(ValueError, match="there is no host NOWHERE"):
        maps.cut_off(tree, ["NOWHERE"])


@pytest.mark.usefixtures("elsewhere")
def test_without_an_edge_list_the_map_is_drawn_and_always_the_same() -> None:
    first, second = maps.uucp(), maps.uucp()
    assert first == second
    assert first.title == "A net like UUCP"
    graph = maps.graph(first)
    assert len(graph) == maps.DRAWN
    assert nx.is_connected(graph)
    assert max(dict(graph.degree).values()) > 10 * nx.number_of_edges(graph) / len(graph)


def test_an_edge_list_that_is_there_is_taken(elsewhere: Path) -> None:
    lines = [f"ucbvax leaf{number} {number + 1}\n" for number in range(maps.FEWEST - 1)]
    (elsewhere / maps.EDGES).write_text("".join(lines))
    net = maps.uucp(letters=7)
    assert net.title == "The UUCP net of edges.txt"
    assert len(net.hosts) == maps.FEWEST
    assert net.links[0].cost == 1
    assert lab.simulate(net).summary["delivered"] == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"a b 300\na c cheap\n", "edges.txt, line 2: the cost 'cheap' is not a number"),
        (b"a b\n\0", "line 2: there is a NUL byte; write the graph as text"),
        (b"ucbvax decvax 300\n", "edges.txt has 2 hosts; this lesson requires 50 or more"),
    ],
)
def test_an_edge_list_that_cannot_be_used_is_told_about(
    elsewhere: Path, capsys: pytest.CaptureFixture[str], text: bytes, message: str
) -> None:
    (elsewhere / maps.EDGES).write_bytes(text)
    assert maps.uucp().title == "A net like UUCP"
    printed = capsys.readouterr().out
    assert message in printed
    assert "A random map is used instead." in printed
