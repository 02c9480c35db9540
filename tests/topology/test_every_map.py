"""A sample of every map at hand, and files with random mistakes: a run, or a sentence."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import networkx
import pytest
from topology.every_map import GENERATORS, Case, cases, outcome, topohub

import lab
from lab.topology.model import from_dict

SAMPLE = [case for case in cases() if case.name in GENERATORS][::6]
FILES = [case for case in cases() if case.name not in GENERATORS][::90]


@pytest.mark.parametrize("case", SAMPLE + FILES, ids=lambda case: str(case.name))
def test_mail_crosses_a_map(case: Case) -> None:
    """`python -m tests.topology.every_map` runs them all."""
    assert outcome(case) == "well"


def test_generators_of_bipartite_graphs_are_generators() -> None:
    """They are functions of networkx as the others are, though their module is another."""
    topology = from_dict({"generate": {"kind": "complete_bipartite_graph", "n1": 4, "n2": 6}})
    assert (len(topology.hosts), len(topology.links)) == (10, 24)
    with pytest.raises(lab.TopologyError, match="networkx has no generator 'shortest_path'"):
        from_dict({"generate": {"kind": "shortest_path"}})


def graph() -> networkx.MultiGraph:
    made = networkx.MultiGraph(name="net")
    for number in range(6):
        made.add_node(f"node {number}", label=f"Zürich {number}", Longitude="1.5", users="a")
        made.add_edge(f"node {number}", f"node {number * 2 % 5}", weight=2.5, latency="5 ms")
    return made


def node_link(made: networkx.Graph, path: Path) -> None:
    path.write_text(json.dumps(networkx.node_link_data(made)), encoding="utf-8")


def csv(made: networkx.Graph, path: Path) -> None:
    links = "".join(f"{a},{b},{d['latency']},2\n" for a, b, d in made.edges(data=True))
    path.write_text("from,to,latency,weight\n" + links, encoding="utf-8")


def sndlib(made: networkx.Graph, path: Path) -> None:
    nodes = "".join(f"  {node[5:]} ( 1.5 2.5 )\n" for node in made)
    links = "".join(f"  L ( {a[5:]} {b[5:]} ) 0 0 0 0 ( 622.0 1.0 )\n" for a, b in made.edges())
    path.write_text(f"?SNDlib native format\nNODES (\n{nodes})\nLINKS (\n{links})\n")


def uucp(made: networkx.Graph, path: Path) -> None:
    links = "".join(f"n{a[5:]}\tn{b[5:]}(DEMAND+LOW*2), x(DAILY)\n" for a, b in made.edges())
    path.write_text(f"#N\tn0\n{links}NET = {{n0, n1}}(LOCAL)\nn0 = alias\n")


WRITERS: dict[str, Callable[[networkx.Graph, Path], None]] = {
    "x.graphml": networkx.write_graphml_xml, "x.gml": networkx.write_gml,
    "x.gexf": networkx.write_gexf, "x.net": networkx.write_pajek, "x.json": node_link,
    "x.edgelist": networkx.write_multiline_adjlist, "x.csv": csv, "x.txt": sndlib, "x.map": uucp,
}  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_with_random_mistakes_is_read_or_draws_sentences(name: str, tmp_path: Path) -> None:
    """Bytes are changed, pieces left out, doubled and moved: twenty-four files of each format."""
    path = tmp_path / name
    WRITERS[name](graph(), path)
    whole = path.read_bytes()
    (tmp_path / "map.toml").write_text(f'graph = "{name}"\n')
    read = 0
    for number in range(24):
        path.write_bytes(broken(whole, random.Random(f"{name} {number}")))
        sentences = problems(tmp_path / "map.toml")
        read += not sentences
        assert len(sentences) <= 51
        assert all("\n" not in text and len(text) < 2000 for text in sentences)
    assert read < 24


def problems(path: Path) -> list[str]:
    """Return the sentences that a file draws, none if it is read."""
    try:
        lab.load(path)
    except lab.TopologyError as why:
        return why.problems
    return []


def broken(octets: bytes, draw: random.Random) -> bytes:
    """Return bytes with one to four mistakes."""
    changed = bytearray(octets)
    for _ in range(draw.randint(1, 4)):
        start = draw.randrange(len(changed) or 1)
        end = min(len(changed), start + draw.randint(1, 30))
        match draw.randrange(5):
            case 0:
                changed[start : start + 1] = bytes([draw.randrange(256)])
            case 1:
                del changed[start:end]
            case 2:
                changed[start:start] = changed[start:end] * draw.randint(1, 50)
            case 3:
                changed[start:start] = draw.choice(
                    [b'"', b"[", b"]", b"<", b"{", b"9" * 400, b"\0"]
                )
            case 4:
                del changed[start:]
    return bytes(changed)


@pytest.mark.skipif(not topohub(), reason="topohub is not installed (pip install topohub)")
def test_norway_of_sndlib_with_its_demands_is_three_lines(tmp_path: Path) -> None:
    """A message for each of the 702 demands, at the rate that they state; all arrive."""
    norway = next(path for path in topohub() if path.match("sndlib/norway.json"))
    lines = [f'graph = "{norway}"', "[[traffic]]", 'matrix = "graph"']
    (tmp_path / "norway.toml").write_text("\n".join(lines))
    topology = lab.load(tmp_path / "norway.toml")
    (traffic,) = topology.traffic
    assert (len(topology.hosts), len(topology.links), len(traffic.demands)) == (27, 51, 702)
    total = sum(value for *_, value in traffic.demands)
    assert (traffic.count, traffic.rate) == (702, pytest.approx(total / 3600))
    summary = lab.simulate(topology, trace="none").summary
    assert (summary["submitted"], summary["delivered"], summary["lost"]) == (702, 702, 0)
