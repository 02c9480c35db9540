"""Make hosts and links from a networkx graph, and a networkx graph from a topology.

A node becomes a host, an edge a link. Attributes have the names of the keys of ``[[host]]`` and
``[[link]]``. A text is read as ``--set`` reads it: ``"{ RCPT = 450 }"`` is a table; ``"ann, bob"``
is a list where one is expected. Besides, ``Longitude`` and ``Latitude`` or ``pos`` give a position,
``weight`` a cost, and ``LinkSpeedRaw`` (of the Internet Topology Zoo) a bandwidth. A note names the
attributes that were not used.

:mod:`lab.topology.node_names` says how hosts get their names and labels.

Directed edges become links in both directions. Of parallel edges in one environment, only the first
is used; edges from a node to itself are left out. Notes give the numbers of both.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

from lab.quantities import as_toml, count_noun
from lab.topology.declarations import Setting, settings_of
from lab.topology.kinds import KINDS
from lab.topology.node_names import NodeName, names_of_nodes
from lab.topology.overrides import read
from lab.topology.problems import join_some
from lab.topology.specs import HostSpec, LinkSpec, TopologyData
from lab.topology.write import table_of

if TYPE_CHECKING:
    import networkx

_LISTS: Final = (
    "users", "names", "commands", "hosts", "callers", "lines", "paths", "members", "pair",
)  # fmt: skip
"""Kinds of value for which a text may have commas or spaces between the items."""

_TRUTHS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_OF_NODES: Final = frozenset(
    ("spec", "label", "name", "position", "pos", "longitude", "latitude", "id")
)
_OF_EDGES: Final = frozenset(
    ("spec", "weight", "linkspeedraw", "key", "id", "source", "target", "between")
)


@dataclass
class GraphTables:
    """The hosts and links of a graph as tables of a topology file.

    ``labels`` name them in sentences, as ``("host", 3)`` and ``("link", 5)``.
    """

    hosts: list[dict[str, Any]] = field(default_factory=list)
    links: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    labels: dict[tuple[str | int, ...], str] = field(default_factory=dict)


def tables_of_graph(
    graph: networkx.Graph, environment: str = "arpanet", *, generated: bool = False
) -> GraphTables:
    """Return the hosts and links of a graph.

    ``environment`` is that of edges that name none. No note is made of the names of a ``generated``
    graph, whose nodes are numbers.
    """
    tables = GraphTables()
    names = names_of_nodes(graph.nodes(data=True))
    for node, attributes in graph.nodes(data=True):
        tables.labels["host", len(tables.hosts)] = f"node {as_toml(names[node].written)}"
        tables.hosts.append(_host_table(names[node], attributes))
    _add_links(graph, {node: each.name for node, each in names.items()}, environment, tables)
    renamed = [each for each in names.values() if each.is_changed]
    if renamed and not generated:
        tables.notes.append(
            f"{_count(len(renamed), 'name')} changed to be valid in RFC 821, "
            f"such as {as_toml(renamed[0].written)}, now {renamed[0].name}"
        )
    count = sum(_has_unreadable_position(each) for _, each in graph.nodes(data=True))
    if count:
        tables.notes.append(f"{_count(count, 'position')} not understood; write x and y as numbers")
    nodes = _unused((each for _, each in graph.nodes(data=True)), HostSpec, _OF_NODES)
    edges = _unused((each for *_, each in graph.edges(data=True)), LinkSpec, _OF_EDGES)
    for what, unused in (("nodes", nodes), ("edges", edges)):
        if unused:
            tables.notes.append(f"attributes of {what} that were not used: {join_some(unused)}")
    return tables


def _unused(
    attributes: Iterable[Mapping[Any, Any]], cls: type[Any], otherwise_known: frozenset[str]
) -> list[str]:
    """Return the names of attributes that are not known, in order."""
    known = {key for setting in settings_of(cls) for key in (*setting.keys, setting.old)}
    known -= {setting.key for setting in settings_of(cls) if setting.is_required}
    names = dict.fromkeys(str(name) for each in attributes for name in each)
    return [name for name in names if name not in known and name.lower() not in otherwise_known]


def _add_links(
    graph: networkx.Graph, names: Mapping[Any, str], environment: str, tables: GraphTables
) -> None:
    seen: set[tuple[frozenset[str], str]] = set()
    loops = parallel = 0
    for a, b, attributes in graph.edges(data=True):
        table = _link_table(names[a], names[b], attributes)
        ends = frozenset(table["between"]), str(table.get("environment", environment))
        if a == b:
            loops += 1
        elif ends in seen:
            parallel += 1
        else:
            seen.add(ends)
            tables.labels["link", len(tables.links)] = f"edge {names[a]} - {names[b]}"
            tables.links.append(table)
    if loops:
        tables.notes.append(f"{_count(loops, 'edge')} left out, from a node to itself")
    if parallel:
        tables.notes.append(
            f"{_count(parallel, 'parallel edge')} merged with the first between them"
        )


def _count(number: int, noun: str) -> str:
    return f"{count_noun(number, noun)} {'was' if number == 1 else 'were'}"


def _host_table(named: NodeName, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table of a host: that of its ``spec``, overridden by the attributes."""
    spec = attributes.get("spec")
    table = _spec_table(spec) if isinstance(spec, HostSpec) else {}
    table |= _given(attributes, HostSpec)
    position = _position(attributes)
    if position:
        table["position"] = position
    return table | {"name": named.name, "label": named.label}


def _spec_table(spec: HostSpec) -> dict[str, Any]:
    """Return all settings of a host, so that the defaults of graphs do not replace its own."""
    table = table_of(spec, whole=True)
    if spec.kind == "router":
        of_routers = {setting.key for setting in settings_of(HostSpec) if setting.router}
        return {key: value for key, value in table.items() if key in of_routers}
    return table


def _link_table(a: str, b: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    table = _given(attributes, LinkSpec)
    for key, name in (("cost", "weight"), ("bandwidth", "LinkSpeedRaw")):
        if key not in table and _plain(attributes.get(name)):
            table[key] = _plain(attributes[name])
    return table | {"between": [a, b]}


def _given(attributes: Mapping[str, Any], cls: type[Any]) -> dict[str, Any]:
    """Return the settings in some attributes, as values of a file."""
    known = _attributes(cast(Hashable, cls))
    return {
        key: _value(value, known[key])
        for key, value in attributes.items()
        if key in known and value is not None
    }


@cache
def _attributes(cls: Hashable) -> dict[str, Setting]:
    """Return the settings of a dataclass that attributes may have, by their possible names."""
    assert isinstance(cls, type)
    return {
        key: setting
        for setting in settings_of(cls)
        if not setting.is_required and setting.kind != "position"
        for key in (*setting.keys, setting.old)
    }


def _value(attribute: Any, setting: Setting) -> Any:
    """Return an attribute as a value of a file; a text is read as ``--set`` reads it."""
    value = _plain(attribute)
    if setting.kind == "flag":
        return _TRUTHS.get(str(value).lower(), value)
    if not isinstance(value, str) or KINDS[setting.kind].is_text:
        return value
    value = read(value)
    if isinstance(value, str) and setting.kind in _LISTS:
        return [item for item in re.split(r"[,\s]+", value) if item]
    return value


def _plain(value: Any) -> Any:
    """Return a numpy number as a Python number, and a tuple or set as a list."""
    if hasattr(value, "item"):
        return value.item()
    return list(value) if isinstance(value, (tuple, set, frozenset)) else value


def _position(attributes: Mapping[str, Any]) -> list[float] | None:
    values = {key.lower(): value for key, value in attributes.items() if isinstance(key, str)}
    position: Any = values.get("position", values.get("pos"))
    if isinstance(position, str):
        position = re.split(r"[,\s]+", position.strip("[]() "))
    if position is None:
        position = [values.get("longitude"), values.get("latitude")]
    try:
        x, y = map(float, position)
    except (TypeError, ValueError):
        return None
    return [x, y]


def _has_unreadable_position(attributes: Mapping[str, Any]) -> bool:
    """Return whether a node has a position that cannot be read."""
    says = any(str(key).lower() in ("position", "pos") for key in attributes)
    return says and _position(attributes) is None


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
