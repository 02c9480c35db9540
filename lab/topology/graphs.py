"""Make hosts and links from a networkx graph, and a networkx graph from a topology.

A node becomes a host, an edge a link. Attributes have the names of the keys of ``[[host]]`` and
``[[link]]``, or those that other programs use (:mod:`lab.topology.maps.attributes`). A text is read
as ``--set`` reads it: ``"{ RCPT = 450 }"`` is a table; ``"ann, bob"`` is a list where one is
expected. Notes say what was used and what was not.

:mod:`lab.topology.node_names` says how hosts get their names and labels.

Directed edges become links in both directions. Of parallel edges in one environment, only the first
is used, or the cheapest in a list of edges; edges from a node to itself are left out. Notes give
the numbers of both.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, Final

from lab.quantities import as_toml
from lab.topology.declarations import settings_of
from lab.topology.maps.attributes import Attributes
from lab.topology.maps.map import Map, cost_of, of_networkx
from lab.topology.maps.notes import Found, GraphTables, notes
from lab.topology.node_names import NodeName, names_of_nodes
from lab.topology.specs import HostSpec, LinkSpec, TopologyData
from lab.topology.write import table_of

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
        links.add(names[a], names[b], attributes, edges.table(attributes))
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


class _Links:
    """The links that edges make, and how many edges make none of their own.

    Edges between the same two hosts in one environment are one link: of a list of names and costs
    the cheapest, of any other graph the first.
    """

    def __init__(self, made: Map, environment: str) -> None:
        self._made = made
        self._environment = environment
        self._links: dict[tuple[str, str, str], tuple[str, dict[str, Any]]] = {}
        self.loops = self.parallel = self.opposite = 0

    def add(self, a: str, b: str, attributes: Mapping[str, Any], table: dict[str, Any]) -> None:
        """Take an edge with the settings that its attributes give."""
        if a == b:
            self.loops += 1
            return
        table["between"] = [a, b]
        one, other = (a, b) if a < b else (b, a)
        ends = one, other, str(table.get("environment", self._environment))
        before = self._links.get(ends)
        if before is None:
            self._links[ends] = f"edge {a} - {b}", table
            return
        if self._made.directed and before[1]["between"] == [b, a]:
            self.opposite += 1
        else:
            self.parallel += 1
        if self._made.lists and cost_of(table) < cost_of(before[1]):
            self._links[ends] = f"edge {a} - {b}", table | {"between": before[1]["between"]}

    def fill(self, tables: GraphTables) -> None:
        """Put the links into the tables."""
        for label, table in self._links.values():
            tables.labels["link", len(tables.links)] = label
            tables.links.append(table)


def _demands(made: Map, names: Mapping[Any, str]) -> dict[tuple[str, str], float]:
    """Return the traffic that a graph states from host to host: SNDlib's, or topohub's table."""
    found: dict[tuple[str, str], float] = {}
    by_text = {str(node): name for node, name in names.items()}
    of_graph = made.attributes.get("demands")
    every = list(made.demands)
    for a, row in of_graph.items() if isinstance(of_graph, dict) else ():
        every += [(a, b, value) for b, value in row.items()] if isinstance(row, dict) else []
    for a, b, value in every:
        ends = by_text.get(str(a)), by_text.get(str(b))
        if ends[0] and ends[1] and isinstance(value, (int, float)) and value > 0:
            found[ends[0], ends[1]] = found.get((ends[0], ends[1]), 0.0) + value
    return found


def _host_table(
    named: NodeName, attributes: Mapping[str, Any], given: dict[str, Any]
) -> dict[str, Any]:
    """Return the table of a host: that of its ``spec``, overridden by the attributes."""
    spec = attributes.get("spec")
    table = (_spec_table(spec) if isinstance(spec, HostSpec) else {}) | given
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
        graph.add_node(spec.name, spec=spec, **usual | _without(table_of(spec), "name"))
    for link in topology.links:
        key = f"{link.environment}/{link.name}" if link.name else link.environment
        table = _without(table_of(link, whole=True), "between")
        attributes = table if table["back"] else _without(table, "back")
        graph.add_edge(link.a, link.b, key, spec=link, **attributes)
    return graph


def _without(table: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name != key}
