"""A map: the nodes and edges of a graph, whatever format they were read from."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import networkx

LARGEST_GRAPH: Final = 100_000
"""The most nodes of a graph; checking a topology of as many hosts takes some 700 MB of memory."""

MOST_EDGES: Final = 400_000
"""The most edges of a graph."""

LONGEST_NAME: Final = 10_000
"""The most letters of a node's name."""


class GraphFault(ValueError):
    """Raised for a graph that cannot be read or made; the message says what would be right."""


class FileFault(GraphFault):
    """Raised for a file that cannot be opened; the message names it."""


class UnknownFormat(GraphFault):
    """Raised for a file of which neither ending nor beginning tells the format."""


@dataclass
class Map:
    """Nodes by their keys, and edges, with the attributes that their file gives them.

    ``attributes`` are those of the whole graph. ``demands`` is the traffic that the file states:
    from a node to a node, and how much. ``remarks`` say what a reader left out, each in a sentence.
    ``lists``: the file lists names and costs, and two lines about a pair are about one link.
    """

    kind: str
    nodes: dict[Hashable, dict[str, Any]] = field(default_factory=dict)
    edges: list[tuple[Hashable, Hashable, dict[str, Any]]] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)
    directed: bool = False
    demands: list[tuple[Hashable, Hashable, float]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    lists: bool = False

    def add_node(self, node: Hashable, attributes: Mapping[str, Any] | None = None) -> None:
        """Add a node, or attributes to a node that is there."""
        known = self.nodes.get(node)
        if known is None:
            if isinstance(node, str) and len(node) > LONGEST_NAME:
                raise GraphFault(
                    f"a node has a name of {len(node):,} letters; use {LONGEST_NAME:,}"
                )
            if len(self.nodes) >= LARGEST_GRAPH:
                raise GraphFault(f"the graph has more than {LARGEST_GRAPH:,} nodes; use fewer")
            known = self.nodes[node] = {}
        if attributes:
            known.update(attributes)

    def add_edge(self, a: Hashable, b: Hashable, attributes: dict[str, Any] | None = None) -> None:
        """Add an edge, and its nodes where they are missing."""
        if len(self.edges) >= MOST_EDGES:
            raise GraphFault(f"the graph has more than {MOST_EDGES:,} edges; use fewer")
        if a not in self.nodes:
            self.add_node(a)
        if b not in self.nodes:
            self.add_node(b)
        self.edges.append((a, b, {} if attributes is None else attributes))


def of_networkx(graph: networkx.Graph) -> Map:
    """Return the map of a networkx graph: directed, with parallel edges, or both."""
    made = Map("networkx graph", directed=graph.is_directed(), attributes=dict(graph.graph))
    made.nodes = {node: _texts(attributes) for node, attributes in graph.nodes(data=True)}
    made.edges = [(a, b, _texts(attributes)) for a, b, attributes in graph.edges(data=True)]
    return made


def to_networkx(made: Map) -> networkx.Graph:
    """Return a networkx graph of a map; of a list of costs, with the cheapest edge of each pair."""
    import networkx

    graph = networkx.Graph() if made.lists else networkx.MultiGraph()
    graph.add_nodes_from(made.nodes.items())
    for a, b, attributes in made.edges:
        if not made.lists or cost_of(attributes) < cost_of(graph.get_edge_data(a, b) or {}):
            graph.add_edge(a, b, **attributes)
        elif not graph.has_edge(a, b):
            graph.add_edge(a, b)
    return graph


def cost_of(attributes: Mapping[str, Any]) -> float:
    """Return the cost that an edge or a link has, infinite if it has none."""
    cost = attributes.get("cost", math.inf)
    return float(cost) if isinstance(cost, (int, float)) else math.inf


def _texts(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    """Return attributes whose names are texts, which networkx does not demand."""
    if all(type(name) is str for name in attributes):
        return dict(attributes)
    return {str(name): value for name, value in attributes.items()}


def as_key(value: Any) -> Hashable:
    """Return a node as JSON has it as a key: a list becomes a tuple."""
    if isinstance(value, list):
        return tuple(map(as_key, value))
    if isinstance(value, dict):
        raise GraphFault("a node is a table; write a text, a number or a list")
    result: Hashable = value
    return result


MOST_DIGITS: Final = 60
"""What has more letters is no number."""


def number_or_text(text: str) -> Any:
    """Return a word as a number if it is one, and as a text if not."""
    try:
        if len(text) > MOST_DIGITS:
            return text
        return int(text) if len(text) < 20 else float(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text
