"""The graphs that JSON files have: node-link, adjacency, Cytoscape, trees, and plain lists."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator
from typing import Any, Final

from lab.topology.maps.ends import SOURCES, TARGETS
from lab.topology.maps.map import GraphFault, Map, as_key, number_or_text

_EDGES: Final = ("edges", "links")


def read_json(text: str) -> Map:
    """Return the map of a JSON file, whichever of networkx's or d3's forms it has."""
    data = json.loads(text)
    if isinstance(data, list):
        return _of_edges(data)
    if not isinstance(data, dict):
        raise _unknown()
    elements = data.get("elements")
    if isinstance(elements, (dict, list)):
        return _cytoscape(data, elements)
    if isinstance(data.get("adjacency"), list) and isinstance(data.get("nodes"), list):
        return _adjacency(data)
    if isinstance(data.get("nodes"), (list, dict)):
        return _node_link(data)
    if any(isinstance(data.get(key), list) for key in ("hosts", "switches")):
        return _miniedit(data)
    if any(isinstance(data.get(key), list) for key in _EDGES):
        return _node_link({"nodes": [], **data})
    if isinstance(data.get("children"), list):
        return _tree(data)
    if data and all(isinstance(value, (list, dict)) for value in data.values()):
        return _neighbours(data)
    raise _unknown()


def _unknown() -> GraphFault:
    return GraphFault("it needs the lists nodes and edges, as networkx's node_link_data has them")


# -- node-link ----------------------------------------------------------------------------------


def _node_link(data: dict[str, Any]) -> Map:
    made = Map("node-link JSON", directed=data.get("directed") is True)
    made.attributes = _attributes(data.get("graph"))
    made.attributes |= {
        key: value
        for key, value in data.items()
        if key not in ("graph", "nodes", "directed", "multigraph", *_EDGES)
    }
    nodes = data["nodes"]
    if isinstance(nodes, dict):
        nodes = [_named(key, value) for key, value in nodes.items()]
    key = _key_of(nodes)
    order = [_add_node(made, node, number, key) for number, node in enumerate(nodes)]
    edges = next((data[name] for name in _EDGES if isinstance(data.get(name), list)), None)
    if edges is None:
        raise _unknown()
    made_edges = [_edge(edge, number) for number, edge in enumerate(edges)]
    ends = _Ends(
        made, order, [end for a, b, _ in made_edges for end in (a, b)], declared=bool(nodes)
    )
    for number, (a, b, attributes) in enumerate(made_edges):
        made.add_edge(ends.node(a, number), ends.node(b, number), attributes)
    return made


def _named(key: str, value: Any) -> dict[str, Any]:
    return {"id": key, **(value if isinstance(value, dict) else {"value": value})}


def _key_of(nodes: list[Any]) -> str | None:
    """Return which key of the nodes is their identity: "id", or else "name"; None for neither.

    Raises GraphFault if some have it and another lacks it.
    """
    tables = {number: node for number, node in enumerate(nodes) if isinstance(node, dict)}
    for key in ("id", "name", "key"):
        if tables and all(_is_key(table.get(key)) for table in tables.values()):
            return key
    for key in ("id", "name"):
        if any(key in table for table in tables.values()):
            first = next(n for n, table in tables.items() if not _is_key(table.get(key)))
            raise GraphFault(f"nodes[{first}] has no {key} that is a text or a number")
    return None


def _is_key(value: Any) -> bool:
    return value is not None and not isinstance(value, dict)


def _add_node(made: Map, node: Any, number: int, key: str | None) -> Hashable:
    if not isinstance(node, dict):
        made.add_node(as_key(node))
        return as_key(node)
    name = number if key is None else as_key(node[key])
    if name in made.nodes:
        raise GraphFault(f"nodes[{number}] has the id of an earlier node, {name!r:.60}")
    made.add_node(name, {each: value for each, value in node.items() if each != key})
    return name


def _edge(edge: Any, number: int) -> tuple[Any, Any, dict[str, Any]]:
    if isinstance(edge, list) and len(edge) >= 2:
        attributes = edge[2] if len(edge) > 2 and isinstance(edge[2], dict) else {}
        return edge[0], edge[1], attributes
    if isinstance(edge, dict):
        source = next((key for key in SOURCES if edge.get(key) is not None), None)
        target = next((key for key in TARGETS if edge.get(key) is not None), None)
        if source and target:
            own = {key: edge[key] for key in edge if key not in (source, target)}
            return edge[source], edge[target], own
    raise GraphFault(f"edges[{number}] does not join two of its nodes")


class _Ends:
    """Finds the nodes that edges name: by their ids or, as files of before 2014 do, by number."""

    def __init__(
        self, made: Map, order: list[Hashable], named: list[Any], *, declared: bool
    ) -> None:
        self._made = made
        self._order = order
        self._declared = declared
        self._by_text = {str(node): node for node in order}
        self._by_number = (
            bool(named)
            and all(isinstance(end, int) and 0 <= end < len(order) for end in named)
            and not all(end in made.nodes for end in named)
        )

    def node(self, end: Any, number: int) -> Hashable:
        if self._by_number:
            by_number: Hashable = self._order[end]
            return by_number
        if isinstance(end, dict):
            end = end.get("id", end.get("name"))
        node = None if end is None else as_key(end)
        if node in self._made.nodes:
            return node
        if str(node) in self._by_text:
            return self._by_text[str(node)]
        if self._declared or node is None:
            raise GraphFault(f"edges[{number}] does not join two of its nodes")
        return node


def _attributes(graph: Any) -> dict[str, Any]:
    """Return the attributes of a graph: a table, or pairs as networkx 1 wrote them."""
    if isinstance(graph, list):
        return {
            str(pair[0]): pair[1] for pair in graph if isinstance(pair, list) and len(pair) == 2
        }
    return dict(graph) if isinstance(graph, dict) else {}


def _miniedit(data: dict[str, Any]) -> Map:
    """Return the map of a file that Mininet's MiniEdit saves: switches carry others' bytes."""
    made = Map("MiniEdit")
    for part, kind in (("hosts", {}), ("switches", {"kind": "router"})):
        for number, table in enumerate(_tables(data.get(part))):
            options = _options(table)
            name = options.pop("hostname", None) or f"{part[0]}{table.get('number', number + 1)}"
            place = [number_or_text(str(table.get(axis))) for axis in "xy"]
            if all(isinstance(each, (int, float)) for each in place):
                options["drawn at"] = [place[0], -place[1]]  # pictures have y downwards
            made.add_node(name, options | kind)
    for number, table in enumerate(_tables(data.get("links"))):
        a, b, _ = _edge(table, number)
        if not (a in made.nodes and b in made.nodes):
            made.remarks[:] = ["links to controllers were left out"]
            continue
        options = _options(table)
        if "loss" in options:
            options["losspercent"] = options.pop("loss")
        made.add_edge(a, b, options)
    return made


def _tables(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _options(table: dict[str, Any]) -> dict[str, Any]:
    options = table.get("opts")
    return dict(options) if isinstance(options, dict) else {}


# -- the others ---------------------------------------------------------------------------------


def _adjacency(data: dict[str, Any]) -> Map:
    directed = data.get("directed") is True
    made = Map("adjacency JSON", directed=directed, attributes=_attributes(data.get("graph")))
    key = _key_of(data["nodes"])
    order = [_add_node(made, node, number, key) for number, node in enumerate(data["nodes"])]
    seen: set[tuple[Hashable, Hashable]] = set()
    for node, below in zip(order, data["adjacency"], strict=False):
        for entry in below if isinstance(below, list) else ():
            if not isinstance(entry, dict) or not _is_key(entry.get("id")):
                raise GraphFault(f"a neighbour of {node!r:.60} has no id")
            neighbour = as_key(entry["id"])
            if directed or (neighbour, node) not in seen or node == neighbour:
                attributes = {each: value for each, value in entry.items() if each != "id"}
                made.add_edge(node, neighbour, attributes)
        # an edge that is not directed stands at both of its ends
        seen |= {(node, as_key(entry["id"])) for entry in below}
    return made


def _cytoscape(data: dict[str, Any], elements: Any) -> Map:
    made = Map("Cytoscape JSON", directed=data.get("directed") is True)
    if isinstance(elements, list):
        tables = [table.get("data") for table in elements if isinstance(table, dict)]
        every = [table for table in tables if isinstance(table, dict)]
        nodes = [table for table in every if "source" not in table]
        edges = [table for table in every if "source" in table]
    else:
        nodes = list(_data_of(elements.get("nodes")))
        edges = list(_data_of(elements.get("edges")))
    for number, node in enumerate(nodes):
        if not _is_key(node.get("id")):
            raise GraphFault(f"nodes[{number}] has no id that is a text or a number")
        made.add_node(
            as_key(node["id"]), {k: v for k, v in node.items() if k not in ("id", "value")}
        )
    ends = _Ends(made, list(made.nodes), [], declared=True)
    for number, edge in enumerate(edges):
        a, b, attributes = _edge(edge, number)
        made.add_edge(ends.node(a, number), ends.node(b, number), attributes)
    return made


def _data_of(tables: Any) -> Iterator[dict[str, Any]]:
    for table in tables if isinstance(tables, list) else ():
        if isinstance(table, dict) and isinstance(table.get("data"), dict):
            yield table["data"]


def _tree(data: dict[str, Any]) -> Map:
    made = Map("tree JSON", directed=True)
    waiting: list[tuple[Any, Hashable | None]] = [(data, None)]
    while waiting:
        table, above = waiting.pop()
        name = next((table[key] for key in ("id", "name") if _is_key(table.get(key))), None)
        if name is None:
            raise GraphFault("a node of the tree has no id")
        node = as_key(name)
        made.add_node(node, {k: v for k, v in table.items() if k not in ("id", "children")})
        if above is not None:
            made.add_edge(above, node)
        below = table.get("children")
        for child in reversed(below) if isinstance(below, list) else ():
            if not isinstance(child, dict):
                raise GraphFault(f"a child of {node!r:.60} is not a table")
            waiting.append((child, node))
    return made


def _of_edges(edges: list[Any]) -> Map:
    made = Map("JSON list of edges")
    for number, edge in enumerate(edges):
        a, b, attributes = _edge(edge, number)
        made.add_edge(as_key(a), as_key(b), attributes)
    if not made.edges:
        raise _unknown()
    return made


def _neighbours(data: dict[str, Any]) -> Map:
    """Return the map of a table of neighbours, as networkx's to_dict_of_lists makes it."""
    made = Map("JSON table of neighbours")
    for node in data:
        made.add_node(node)
    seen: set[tuple[str, str]] = set()
    for node, below in data.items():
        for neighbour in below:
            neighbour = neighbour if isinstance(neighbour, str) else json.dumps(neighbour)
            attributes = below[neighbour] if isinstance(below, dict) else None
            if (neighbour, node) not in seen:
                made.add_edge(node, neighbour, attributes if isinstance(attributes, dict) else None)
                seen.add((node, neighbour))
    return made
