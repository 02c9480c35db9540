"""A topology's hosts and links from any networkx graph, and a networkx graph from a topology.

A node is a host, an edge a link. Attributes go by the keys of ``[[host]]`` and ``[[link]]``. A text
is read as ``--set`` reads it: ``"{ RCPT = 450 }"`` is a table; and ``"ann, bob"`` is a list where
one is expected. Besides, ``Longitude`` and ``Latitude`` or ``pos`` give a position, ``weight`` a
cost and ``LinkSpeedRaw`` (the Internet Topology Zoo's) a bandwidth. A note names what was not used.

The rule for names. A node goes by its ``label``, or else by itself. What the grammar of RFC 821
takes for a domain stays as it is, unless an earlier node has it. Any other name is made to fit: it
is cut at its periods; accents are dropped, each run of characters that are no letters, digits or
hyphens becomes one hyphen; hyphens at the ends go; before a leading digit comes an H; "H" stands
for nothing; what is beyond 64 characters goes. A name that is taken, in whatever case, gets -2, -3
and so on.

Directed edges become links both ways. Of parallel edges in one environment the first stays; edges
from a node to itself go. Both are counted in a note.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

from lab.protocol import HostName, SyntaxFault, parse_domain
from lab.quantities import as_toml
from lab.topology.declarations import Setting, settings_of
from lab.topology.kinds import KINDS
from lab.topology.overrides import read
from lab.topology.problems import join_some
from lab.topology.specs import HostSpec, LinkSpec, TopologyData
from lab.topology.write import table_of

if TYPE_CHECKING:
    import networkx

LONGEST_NAME: Final = 64
"""Characters of a domain that every receiver-SMTP must take (section 4.5.3)."""

_LISTS: Final = ("users", "names", "commands", "hosts", "lines", "paths", "members", "pair")
"""Kinds of value that a text stands for with commas or spaces between the items."""

_TRUTHS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_OF_NODES: Final = frozenset(("spec", "label", "position", "pos", "longitude", "latitude", "id"))
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
    """Return the hosts and links of a graph; edges that name no environment are of this one.

    Of a ``generated`` one the names are not worth a note: its nodes are numbers.
    """
    tables = GraphTables()
    labels = {node: _label(node, attributes) for node, attributes in graph.nodes(data=True)}
    names = to_rfc821_names(labels)
    for node, attributes in graph.nodes(data=True):
        tables.labels["host", len(tables.hosts)] = f"node {as_toml(labels[node])}"
        tables.hosts.append(_host_table(names[node], labels[node], attributes))
    _add_links(graph, names, environment, tables)
    renamed = [node for node, label in labels.items() if names[node] != label]
    if renamed and not generated:
        tables.notes.append(
            f"{_count(len(renamed), 'name')} made fit for RFC 821, "
            f"such as {as_toml(labels[renamed[0]])}, now {names[renamed[0]]}"
        )
    lost = sum(_has_lost_position(each) for _, each in graph.nodes(data=True))
    if lost:
        tables.notes.append(f"{_count(lost, 'position')} not understood; write x and y as numbers")
    nodes = _unused((each for _, each in graph.nodes(data=True)), HostSpec, _OF_NODES)
    edges = _unused((each for *_, each in graph.edges(data=True)), LinkSpec, _OF_EDGES)
    for what, unused in (("nodes", nodes), ("edges", edges)):
        if unused:
            tables.notes.append(f"attributes of {what} that were not used: {join_some(unused)}")
    return tables


def _unused(
    attributes: Iterable[Mapping[Any, Any]], cls: type[Any], others: frozenset[str]
) -> list[str]:
    """The names of attributes that are neither settings nor otherwise known, in order."""
    known = {key for setting in settings_of(cls) for key in (*setting.keys, setting.old)}
    known -= {setting.key for setting in settings_of(cls) if setting.is_required}
    names = dict.fromkeys(str(name) for each in attributes for name in each)
    return [name for name in names if name not in known and name.lower() not in others]


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
    return f"{number} {noun} was" if number == 1 else f"{number} {noun}s were"


def _label(node: Any, attributes: Mapping[str, Any]) -> str:
    label = attributes.get("label")
    if isinstance(label, str) and label.strip():
        return label.strip()
    return "-".join(map(str, node)) if isinstance(node, tuple) else str(node)


def to_rfc821_names(labels: Mapping[Any, str]) -> dict[Any, str]:
    """Return for each node a name that RFC 821's grammar takes, no two the same in any case."""
    taken: set[HostName] = set()
    names: dict[Any, str] = {}
    for node, label in labels.items():
        if _is_fit(label) and HostName(label) not in taken:
            taken.add(HostName(label))
            names[node] = label
    tails: dict[HostName, int] = {}
    for node, label in labels.items():
        if node not in names:
            # "#7" and "[10.0.0.1]" take no tail
            can_grow = _is_fit(label) and not {*"#["} & {*label}
            stem = label if can_grow else to_rfc821_name(label)
            name, tail = stem, tails.get(HostName(stem), 1)
            while HostName(name) in taken:
                tail += 1
                name = f"{stem[: LONGEST_NAME - len(str(tail)) - 1].rstrip('-.')}-{tail}"
            tails[HostName(stem)] = tail
            taken.add(HostName(name))
            names[node] = name
    return {node: names[node] for node in labels}


def _is_fit(label: str) -> bool:
    try:
        parse_domain(label)
    except SyntaxFault:
        return False
    return len(label) <= LONGEST_NAME


def to_rfc821_name(label: str) -> str:
    """Return a label made a domain by the rule that this module's description gives."""
    plain = unicodedata.normalize("NFKD", label[: 4 * LONGEST_NAME])
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    elements = (_element(element) for element in plain.split("."))
    name = ".".join(element for element in elements if element)
    return name[:LONGEST_NAME].rstrip("-.") or "H"


def _element(text: str) -> str:
    name = re.sub(r"[^A-Za-z0-9-]+", "-", text).strip("-")
    return "H" + name if name[:1].isdigit() else name


def _host_table(name: str, label: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The table of a host: what its ``spec`` says, and over it what the attributes say."""
    spec = attributes.get("spec")
    table = _spec_table(spec) if isinstance(spec, HostSpec) else {}
    table |= _given(attributes, HostSpec)
    position = _position(attributes)
    if position:
        table["position"] = position
    if spec is None and label != name and not label.isdigit():
        table.setdefault("title", label)
    return table | {"name": name}


def _spec_table(spec: HostSpec) -> dict[str, Any]:
    """The whole of a host, so that no default of graphs takes the place of its own."""
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
    """The settings that attributes give, as the values of a file."""
    known = _attributes(cast(Hashable, cls))
    return {
        key: _value(value, known[key])
        for key, value in attributes.items()
        if key in known and value is not None
    }


@cache
def _attributes(cls: Hashable) -> dict[str, Setting]:
    """The settings of a dataclass that attributes give as they are, by their possible names."""
    assert isinstance(cls, type)
    return {
        key: setting
        for setting in settings_of(cls)
        if not setting.is_required and setting.kind != "position"
        for key in (*setting.keys, setting.old)
    }


def _value(attribute: Any, setting: Setting) -> Any:
    """An attribute as the value that a file would have; a text is read as ``--set`` reads it."""
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
    """A value of plain Python: numpy's numbers have theirs as ``item``; a list may be a tuple."""
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


def _has_lost_position(attributes: Mapping[str, Any]) -> bool:
    """Whether a node says where it is, and nobody can make it out."""
    says = any(str(key).lower() in ("position", "pos") for key in attributes)
    return says and _position(attributes) is None


def to_graph(topology: TopologyData) -> networkx.MultiGraph:
    """Return the networkx graph of a topology, see :attr:`lab.topology.model.Topology.graph`."""
    import networkx

    graph = networkx.MultiGraph(title=topology.title)
    for spec in topology.hosts.values():
        # a graph's hosts relay and have a user by default: so each says whether it does
        usual = {"kind": spec.kind, "relay": spec.relay, "users": [], "title": spec.title}
        graph.add_node(spec.name, spec=spec, **usual | _but(table_of(spec), "name"))
    for link in topology.links:
        graph.add_edge(
            link.a, link.b, link.environment, spec=link,
            **_but(table_of(link, whole=True), "between"),
        )  # fmt: skip
    return graph


def _but(table: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name != key}
