"""Make hosts and links from a networkx graph, and a networkx graph from a topology.

A node becomes a host, an edge a link. Attributes have the names of the keys of ``[[host]]`` and
``[[link]]``, or those that other programs use (:mod:`lab.topology.maps.attributes`). A text is read
as ``--set`` reads it: ``"{ RCPT = 450 }"`` is a table; ``"ann, bob"`` is a list where one is
expected. Notes say what was used and what was not.

:mod:`lab.topology.node_names` says how hosts get their names and labels.

Directed edges from A to B and from B to A become one link, whose directions may differ; one without
the other carries mail both ways. Parallel edges become links of their own, or one that is as cheap
as the cheapest in a list of edges. Edges from a node to itself are left out. Notes count them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, Final

from lab.quantities import as_toml
from lab.topology.declarations import settings_of
from lab.topology.link_specs import LinkBack, LinkSpec
from lab.topology.maps.attributes import Attributes
from lab.topology.maps.map import Map, cost_of, of_networkx
from lab.topology.maps.notes import Found, GraphTables, notes
from lab.topology.node_names import NodeName, names_of_nodes
from lab.topology.specs import HostSpec, TopologyData
from lab.topology.write import table_of, toml_value

if TYPE_CHECKING:
    import networkx


def tables_of_graph(
    graph: networkx.Graph | Map, environment: str = "arpanet", *, generated: bool = False
) -> GraphTables:
    """Return the hosts and links of a graph, or of a file's map.

    ``environment`` is that of edges that name none. A ``generated`` graph, whose nodes are numbers,
    has notes only of what was left out, and of pieces.
    """
    made = graph if isinstance(graph, Map) else of_networkx(graph)
    tables = GraphTables()
    named = names_of_nodes(made.nodes.items())
    names = {node: each.name for node, each in named.items()}
    nodes, edges = Attributes(HostSpec, made.attributes), Attributes(LinkSpec, made.attributes)
    routers = _routers(made)
    for node, attributes in made.nodes.items():
        tables.labels["host", len(tables.hosts)] = f"node {as_toml(named[node].written)}"
        table = _host_table(named[node], attributes, nodes.table(attributes))
        if node in routers:
            table.setdefault("kind", "router")
        tables.hosts.append(table)
    if routers:
        nodes.tally.used["type"] = "kind"
        nodes.tally.unused.pop("type", None)
    links = _Links(made, environment)
    for a, b, attributes in made.edges:
        links.add(names[a], names[b], edges.table(attributes))
    links.fill(tables)
    tables.demands = _demands(made, names)
    renamed = [(each.written, each.name) for each in named.values() if each.is_changed]
    tables.notes = notes(Found(made, tables, nodes.tally, edges.tally, links, renamed), generated)
    return tables


_HOSTS: Final = ("host", "server", "client", "receiver", "source")
_ROUTERS: Final = ("switch", "router")


def _routers(made: Map) -> set[Hashable]:
    """Return the nodes whose type is switch or router, if others are hosts (fnss)."""
    types = {
        node: str(attributes["type"]).lower()
        for node, attributes in made.nodes.items()
        if "type" in attributes
    }
    if not any(each in _HOSTS for each in types.values()):
        return set()
    return {node for node, each in types.items() if each in _ROUTERS}


_BACK: Final = tuple(setting.key for setting in settings_of(LinkBack))
"""What a link may have otherwise in its other direction."""


class _Links:
    """The links that edges make, and how many edges make none of their own.

    Of edges that are directed, one from A to B and one from B to A are the two directions of a
    link. Further edges between the same two hosts in one environment are further links, told apart
    by names: those that they have, or numbers. In a list of names and costs, all lines about two
    hosts are one link, and the lowest cost counts.
    """

    def __init__(self, made: Map, environment: str) -> None:
        self._made = made
        self._environment = environment
        self._links: dict[tuple[str, str, str], _Between] = {}
        self.loops = self.parallel = self.opposite = 0

    def add(self, a: str, b: str, table: dict[str, Any]) -> None:
        """Take an edge with the settings that its attributes give."""
        if a == b:
            self.loops += 1
            return
        table["between"] = [a, b]
        lower, higher = (a, b) if a < b else (b, a)
        ends = lower, higher, str(table.get("environment", self._environment))
        before = self._links.get(ends)
        if before is None:
            self._links[ends] = _Between(_Link(table))
        elif self._made.lists:
            self.parallel += 1
            first = before.links[0]
            if cost_of(table) < cost_of(first.table):
                first.table = table | {"between": first.table["between"]}
        elif not (self._made.directed and self._is_way_back(table, before)):
            self.parallel += 1
            before.add(table)

    def _is_way_back(self, table: dict[str, Any], before: _Between) -> bool:
        """Make an edge the other direction of the first link that has none, if there is one."""
        link = None if "back" in table else before.one_way(table)
        if link is None:
            return False
        link.has_back = True
        differs = {
            key: table[key] for key in _BACK if key in table and table[key] != link.table.get(key)
        }
        if differs:
            link.table["back"] = differs
        self.opposite += 1
        return True

    def fill(self, tables: GraphTables) -> None:
        """Put the links into the tables."""
        for between in self._links.values():
            for link in between.links:
                a, b = link.table["between"]
                tables.labels["link", len(tables.links)] = f"edge {a} - {b}"
                tables.links.append(link.table)


class _Link:
    """A link so far, and whether both of its directions are known."""

    __slots__ = ("has_back", "table")

    def __init__(self, table: dict[str, Any]) -> None:
        self.table = table
        self.has_back = "back" in table


class _Between:
    """The links between two hosts, of which there may be very many; an index is made for them."""

    __slots__ = ("_named", "_one_way", "links")

    def __init__(self, link: _Link) -> None:
        self.links = [link]
        self._named: dict[str, _Link] | None = None  # most have one link, and need none
        self._one_way: dict[str, deque[_Link]] = {}

    def _index(self) -> dict[str, _Link]:
        """Return the links by name; made when there is a second edge."""
        if self._named is None:
            self._named = {}
            self._one_way = {end: deque() for end in self.links[0].table["between"]}
            for link in self.links:
                self._note(link, self._named)
        return self._named

    def _note(self, link: _Link, named: dict[str, _Link]) -> None:
        named.setdefault(str(link.table.get("name", "")), link)
        self._one_way[link.table["between"][0]].append(link)

    def add(self, table: dict[str, Any]) -> None:
        """Add a link, with a name that the others do not have."""
        named = self._index()
        name = table.get("name", "")
        number = len(self.links) + 1
        while str(name) in named:
            name = str(number)
            number += 1
        if name:
            table["name"] = name
        self.links.append(_Link(table))
        self._note(self.links[-1], named)

    def one_way(self, table: dict[str, Any]) -> _Link | None:
        """Return the first link of which an edge may be the other direction; None if none is."""
        a, b = table["between"]
        named = self._index()
        if "name" in table:
            link = named.get(str(table["name"]))
            is_free = link is not None and not link.has_back and link.table["between"] != [a, b]
            return link if is_free else None
        waiting = self._one_way[b]
        while waiting and waiting[0].has_back:
            waiting.popleft()
        return waiting[0] if waiting else None


def _demands(made: Map, names: Mapping[Any, str]) -> dict[tuple[str, str], float]:
    """Return the traffic that a graph states from host to host: SNDlib's, or topohub's table."""
    demands: dict[tuple[str, str], float] = {}
    by_text = {str(node): name for node, name in names.items()}
    of_graph = made.attributes.get("demands")
    every = list(made.demands)
    for a, row in of_graph.items() if isinstance(of_graph, dict) else ():
        every += [(a, b, value) for b, value in row.items()] if isinstance(row, dict) else []
    for a, b, value in every:
        ends = by_text.get(str(a)), by_text.get(str(b))
        if ends[0] and ends[1] and isinstance(value, (int, float)) and value > 0:
            demands[ends[0], ends[1]] = demands.get((ends[0], ends[1]), 0.0) + value
    return demands


def _host_table(
    named: NodeName, attributes: Mapping[str, Any], own: dict[str, Any]
) -> dict[str, Any]:
    """Return the table of a host: that of its ``spec``, overridden by the attributes."""
    spec = attributes.get("spec")
    table = (_spec_table(spec) if isinstance(spec, HostSpec) else {}) | own
    return table | {"name": named.name, "label": named.label}


def _spec_table(spec: HostSpec) -> dict[str, Any]:
    """Return all settings of a host, so that the defaults of graphs do not replace its own."""
    table = table_of(spec, whole=True)
    if spec.kind == "router":
        of_routers = {setting.key for setting in settings_of(HostSpec) if setting.router}
        return {key: value for key, value in table.items() if key in of_routers}
    return table


def to_graph(topology: TopologyData) -> networkx.MultiGraph:
    """Return the networkx graph of a topology, see :attr:`lab.topology.model.Topology.graph`."""
    import networkx

    graph = networkx.MultiGraph(title=topology.title)
    for spec in topology.hosts.values():
        # hosts of a graph relay and have a user by default, so each node has both settings
        usual = {"kind": spec.kind, "relay": spec.relay, "users": [], "title": spec.title}
        table = usual | _without(table_of(spec), "name")
        graph.add_node(spec.name, host=spec.name, **_writable(table))
    for link in topology.links:
        key = f"{link.environment}/{link.name}" if link.name else link.environment
        table = _without(table_of(link, whole=True), "between")
        attributes = table if table["back"] else _without(table, "back")
        graph.add_edge(link.a, link.b, key, **_writable(attributes))
    return graph


def _writable(table: dict[str, Any]) -> dict[str, Any]:
    """Return settings as attributes that every writer of networkx takes: numbers and texts.

    A list or a table becomes its text in TOML, as which it is read again.
    """
    return {
        key: value if isinstance(value, (str, int, float)) else toml_value(value)
        for key, value in table.items()
    }


def _without(table: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name != key}
