"""What was made of a graph, in at most ten sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from lab.quantities import as_toml, count_noun
from lab.topology.declarations import settings_of
from lab.topology.maps.attributes import Tally, known_names
from lab.topology.maps.map import Map
from lab.topology.problems import join_some
from lab.topology.specs import HostSpec, LinkSpec, TrafficSpec

MOST: Final = 10
"""The most notes about one graph."""


@dataclass
class GraphTables:
    """The hosts and links of a graph as tables of a topology file.

    ``labels`` name them in sentences, as ``("host", 3)`` and ``("link", 5)``. ``demands`` are what
    the graph says of the traffic from one host to another, in units of its own.
    """

    hosts: list[dict[str, Any]] = field(default_factory=list)
    links: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    labels: dict[tuple[str | int, ...], str] = field(default_factory=dict)
    demands: dict[tuple[str, str], float] = field(default_factory=dict)


class Merged(Protocol):
    """How many edges of a graph make no link of their own."""

    loops: int
    parallel: int
    opposite: int


class Found(NamedTuple):
    """A graph, its tables, and what became of the rest of it."""

    made: Map
    tables: GraphTables
    nodes: Tally
    edges: Tally
    merged: Merged
    renamed: list[tuple[str, str]]


def notes(graph: Found, generated: bool) -> list[str]:
    """Return the notes about a graph; a ``generated`` one has no labels and no attributes."""
    sentences = [] if generated and len(pieces(graph.tables)) < 2 else [_size(graph)]
    sentences += _merged(graph)
    if not generated:
        sentences += [*_renamed(graph.renamed), *_attributes(graph), *_further_notes(graph)]
    if len(sentences) > MOST:
        sentences = [
            *sentences[: MOST - 1],
            f"and {len(sentences) - MOST + 1} more notes like these",
        ]
    return sentences


def _size(graph: Found) -> str:
    hosts = graph.tables.hosts
    routers = sum(table.get("kind") == "router" for table in hosts)
    parts = [count_noun(len(hosts) - routers, "host")]
    parts += [count_noun(routers, "router")] if routers else []
    parts += [count_noun(len(graph.tables.links), "link")]
    sizes = sorted(pieces(graph.tables), reverse=True)
    whole = "in one piece" if len(sizes) < 2 else f"in {len(sizes):,} pieces, of {_sizes(sizes)}"
    return f"{graph.made.kind}: {', '.join(parts)}, {whole}"


def _sizes(sizes: list[int]) -> str:
    shown = ", ".join(f"{size:,}" for size in sizes[:4])
    beyond = f" and {len(sizes) - 4:,} more" if len(sizes) > 4 else ""
    return f"{shown}{beyond} hosts"


def pieces(tables: GraphTables) -> list[int]:
    """Return how many hosts and routers each piece has into which the links leave the graph."""
    above: dict[str, str] = {}

    def top(name: str) -> str:
        while (higher := above.get(name, name)) != name:
            above[name] = above.get(higher, higher)
            name = higher
        return name

    for link in tables.links:
        a, b = map(top, link["between"])
        above[a] = b
    counts: dict[str, int] = {}
    for host in tables.hosts:
        piece = top(host["name"])
        counts[piece] = counts.get(piece, 0) + 1
    return list(counts.values())


def _merged(graph: Found) -> list[str]:
    sentences = []
    loops, parallel, opposite = graph.merged.loops, graph.merged.parallel, graph.merged.opposite
    if loops:
        sentences.append(f"{_count(loops, 'edge')} left out, from a node to itself")
    if parallel and graph.made.lists:
        sentences.append(
            f"{_count(parallel, 'parallel edge')} merged with the cheapest between them"
        )
    elif parallel:
        become = "became a link of its own" if parallel == 1 else "became links of their own"
        sentences.append(f"{count_noun(parallel, 'parallel edge')} {become}, told apart by name")
    if opposite:
        sentences.append(f"{_count(opposite, 'edge')} merged with the one in the other direction")
    return sentences


def _renamed(renamed: list[tuple[str, str]]) -> list[str]:
    if not renamed:
        return []
    label, name = renamed[0]
    changed = f"{_count(len(renamed), 'name')} changed to be valid in RFC 821"
    return [f"{changed}, such as {as_toml(label)}, now {name}"]


def _count(number: int, noun: str) -> str:
    return f"{count_noun(number, noun)} {_were(number)}"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _attributes(graph: Found) -> list[str]:
    sentences = []
    for noun, tally in (("nodes", graph.nodes), ("edges", graph.edges)):
        if tally.used:
            sentences.append(f"attributes of {noun} that were used: {join_some(_used(tally.used))}")
    for noun, tally, cls in (
        ("nodes", graph.nodes, HostSpec), ("edges", graph.edges, LinkSpec),
    ):  # fmt: skip
        left = [name[:60] for name in tally.unused if name not in tally.used]
        if left:
            unused = join_some(left)
            meant = "; ".join(tally.suggestions(known_names(cls)))
            sentences.append(
                f"attributes of {noun} that were not used: {unused}"
                + (f"; {meant}" if meant else "")
            )
    return sentences


def _used(used: Mapping[str, str]) -> Iterable[str]:
    return (name if name == key else f"{name} ({key})" for name, key in used.items())


def _further_notes(graph: Found) -> list[str]:
    refused = [
        f"{count_noun(number, 'value')} of {name} {_were(number)} not used, such as "
        f"{tally.examples[name]}"
        for tally in (graph.nodes, graph.edges)
        for name, number in tally.refused.items()
    ]
    sentences = ["; ".join(refused[:5])] if refused else []
    if graph.tables.demands:
        demands = count_noun(len(graph.tables.demands), "demand")
        matrix = any(setting.key == "matrix" for setting in settings_of(TrafficSpec))
        use = '[[traffic]] with matrix = "graph" uses them' if matrix else "they make no traffic"
        sentences.append(f"{demands} from host to host; {use}")
    return sentences + _remarks(graph.made.remarks)


def _remarks(remarks: list[str], most: int = 5) -> list[str]:
    beyond = [f"and {len(remarks) - most} more such"] if len(remarks) > most else []
    return ["; ".join([*remarks[:most], *beyond])] if remarks else []
