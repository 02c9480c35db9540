"""A topology from any networkx graph, and a networkx graph from a topology.

A node is a host, an edge a link. Attributes go by the keys of a topology file: ``kind``, ``relay``,
``users`` and so on of nodes, ``latency``, ``jitter``, ``bandwidth``, ``loss``, ``cost`` and
``environment`` of edges. Beside them, ``Longitude`` and ``Latitude`` or ``pos`` give a position,
``weight`` a cost and ``LinkSpeedRaw`` (the Internet Topology Zoo's) a bandwidth.

The rule for names. A node goes by its ``label``, or else by itself. What the grammar of RFC 821
takes for a domain stays as it is, unless an earlier node has it. Any other name is made fit: it is
cut at its periods; accents are dropped, each run of characters that are no letters, digits or
hyphens becomes one hyphen; hyphens at the ends go; before a leading digit comes an H; "H" stands
for nothing; what is beyond 64 characters goes. A name that is taken, in whatever case, gets -2, -3
and so on.

Directed edges become links both ways. Of parallel edges in one environment the first stays; edges
from a node to itself go. Both are counted in a note.

An edge list (.txt, .edges, .edgelist) has an edge a line: two nodes, and a cost where there is one,
as ``ucbvax decvax 300``. What follows a ``#`` is a remark. Of two lines about the same pair, in
whichever order they name it, the lower cost stays: mail goes if either end calls the other.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lab.protocol import SyntaxFault, parse_domain
from lab.quantities import shown
from lab.topology.problems import did_you_mean
from lab.topology.specs import HostSpec, TopologyData

if TYPE_CHECKING:
    import networkx

LONGEST_NAME: Final = 64
"""Characters of a domain that every receiver-SMTP must take (section 4.5.3)."""

EDGE_LISTS: Final = (".txt", ".edges", ".edgelist")
"""How the names of files end that hold an edge a line."""

_HOST_KEYS: Final = (
    "kind", "relay", "users", "limits", "careless", "on_251", "on_551", "store", "timeouts", "turn",
    "grammar", "eight_bit", "unsophisticated", "title",
)  # fmt: skip
_LINK_KEYS: Final = ("environment", "latency", "jitter", "bandwidth", "loss", "cost")
_TRUTHS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class GraphFault(ValueError):
    """A graph that cannot be had; the message says why, and what would be right."""


@dataclass
class GraphTables:
    """The hosts and links of a graph as tables of a topology file.

    ``labels`` name them in sentences, as ``("host", 3)`` and ``("link", 5)``.
    """

    hosts: list[dict[str, Any]] = field(default_factory=list)
    links: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    labels: dict[tuple[str | int, ...], str] = field(default_factory=dict)


def draw(
    graph: networkx.Graph, environment: str = "arpanet", *, generated: bool = False
) -> GraphTables:
    """The hosts and links of a graph; edges that name no environment are of this one.

    Of a ``generated`` one the names are not worth a note: its nodes are numbers.
    """
    drawn = GraphTables()
    wanted = {node: _label(node, attributes) for node, attributes in graph.nodes(data=True)}
    names = make_fit(wanted)
    for node, attributes in graph.nodes(data=True):
        drawn.labels["host", len(drawn.hosts)] = f"node {shown(wanted[node])}"
        drawn.hosts.append(_host_table(names[node], wanted[node], attributes))
    _draw_links(graph, names, environment, drawn)
    changed = sum(names[node] != label for node, label in wanted.items())
    if changed and not generated:
        example = next(node for node, label in wanted.items() if names[node] != label)
        drawn.notes.append(
            f"{_count(changed, 'name')} made fit for RFC 821, "
            f"such as {shown(wanted[example])}, now {names[example]}"
        )
    return drawn


def _draw_links(
    graph: networkx.Graph, names: Mapping[Any, str], environment: str, drawn: GraphTables
) -> None:
    seen: set[tuple[frozenset[str], str]] = set()
    loops = parallel = 0
    for a, b, attributes in graph.edges(data=True):
        table = _link_table(names[a], names[b], attributes)
        way = frozenset(table["between"]), str(table.get("environment", environment))
        if a == b:
            loops += 1
        elif way in seen:
            parallel += 1
        else:
            seen.add(way)
            drawn.labels["link", len(drawn.links)] = f"edge {names[a]} - {names[b]}"
            drawn.links.append(table)
    if loops:
        drawn.notes.append(f"{_count(loops, 'edge')} left out, from a node to itself")
    if parallel:
        drawn.notes.append(
            f"{_count(parallel, 'parallel edge')} merged with the first between them"
        )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun} was" if number == 1 else f"{number} {noun}s were"


def _label(node: Any, attributes: Mapping[str, Any]) -> str:
    label = attributes.get("label")
    if isinstance(label, str) and label.strip():
        return label.strip()
    return "-".join(map(str, node)) if isinstance(node, tuple) else str(node)


def make_fit(wanted: Mapping[Any, str]) -> dict[Any, str]:
    """For each node a name that RFC 821's grammar takes, no two the same in any case."""
    taken: set[str] = set()
    names: dict[Any, str] = {}
    for node, label in wanted.items():
        if _is_fit(label) and label.upper() not in taken:
            taken.add(label.upper())
            names[node] = label
    tails: dict[str, int] = {}
    for node, label in wanted.items():
        if node not in names:
            stem = label if _is_fit(label) else fit(label)
            name, tail = stem, tails.get(stem.upper(), 1)
            while name.upper() in taken:
                tail += 1
                name = f"{stem[: LONGEST_NAME - len(str(tail)) - 1].rstrip('-.')}-{tail}"
            tails[stem.upper()] = tail
            taken.add(name.upper())
            names[node] = name
    return {node: names[node] for node in wanted}


def _is_fit(label: str) -> bool:
    try:
        parse_domain(label)
    except SyntaxFault:
        return False
    return len(label) <= LONGEST_NAME


def fit(label: str) -> str:
    """A label made a domain by the rule that this module's description gives."""
    plain = unicodedata.normalize("NFKD", label[: 4 * LONGEST_NAME])
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    elements = (_element(element) for element in plain.split("."))
    name = ".".join(element for element in elements if element)
    return name[:LONGEST_NAME].rstrip("-.") or "H"


def _element(text: str) -> str:
    name = re.sub(r"[^A-Za-z0-9-]+", "-", text).strip("-")
    return "H" + name if name[:1].isdigit() else name


def _host_table(name: str, label: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    spec = attributes.get("spec")
    if isinstance(spec, HostSpec):
        return _table(spec) | {"name": name}
    table = _chosen(attributes, _HOST_KEYS)
    for key in ("relay", "careless"):
        if key in table:
            table[key] = _TRUTHS.get(str(table[key]).lower(), table[key])
    if isinstance(table.get("users"), str):
        table["users"] = [user for user in re.split(r"[,\s]+", table["users"]) if user]
    position = _position(attributes)
    if position:
        table["position"] = position
    if label != name and not label.isdigit():
        table.setdefault("title", label)
    return table | {"name": name}


def _table(spec: HostSpec) -> dict[str, Any]:
    """The table of a topology file that would say what a host is."""
    table = _chosen(asdict(spec), _HOST_KEYS)
    table["limits"] = {key: value for key, value in asdict(spec.limits).items() if value}
    table["users"] = [asdict(user) for user in spec.users]
    table["list"] = [
        {"name": one.name, "members": [str(who) for who in one.members], "private": one.private}
        for one in spec.lists
    ]
    table["forward"] = [
        {"user": one.user, "to": str(one.to), "mode": one.mode} for one in spec.forwards
    ]
    table["names"] = dict(spec.names)
    table["holds"] = list(spec.holds)
    if spec.position:
        table["position"] = list(spec.position)
    if spec.kind == "router":
        table = {key: table[key] for key in ("kind", "title", "names", "position") if key in table}
    return table


def _link_table(a: str, b: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    table = _chosen(attributes, _LINK_KEYS)
    others = _chosen(attributes, ("weight", "LinkSpeedRaw"))
    if "weight" in others:
        table.setdefault("cost", others["weight"])
    if others.get("LinkSpeedRaw"):
        table.setdefault("bandwidth", others["LinkSpeedRaw"])
    for key in ("loss", "cost"):
        if isinstance(table.get(key), str):
            table[key] = _as_number(table[key])
    return table | {"between": [a, b]}


def _chosen(attributes: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    found = {key: attributes[key] for key in keys if attributes.get(key) is not None}
    # numpy's numbers know their plain selves by this name
    return {key: value.item() if hasattr(value, "item") else value for key, value in found.items()}


def _as_number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _position(attributes: Mapping[str, Any]) -> list[float] | None:
    folded = {key.lower(): value for key, value in attributes.items() if isinstance(key, str)}
    found: Any = folded.get("position", folded.get("pos"))
    if isinstance(found, str):
        found = re.split(r"[,\s]+", found.strip("[]() "))
    if found is None:
        found = [folded.get("longitude"), folded.get("latitude")]
    try:
        x, y = map(float, found)
    except (TypeError, ValueError):
        return None
    return [x, y]


def read_graph(path: Path) -> networkx.Graph:
    """The graph of a .graphml, .gml or node-link .json file; raises :class:`GraphFault`."""
    kind = path.suffix.lower()
    readers = {".graphml": _read_graphml, ".gml": _read_gml, ".json": _read_node_link}
    readers |= dict.fromkeys(EDGE_LISTS, _read_edge_list)
    if kind not in readers:
        raise GraphFault(
            f"{path.name} is no graph file; write one in .graphml, .gml or .json, "
            "or an edge list in .txt (node node cost)"
        )
    try:
        return readers[kind](path)
    except OSError as why:
        reason = (why.strerror or str(why)).lower()
        raise GraphFault(
            f"{path} cannot be read: {reason}; write a path from the file's own folder"
        ) from None
    except GraphFault:
        raise
    # whatever a parser makes of a file that is no graph is one thing to the person who named it
    except Exception as why:
        reason = _first_line(why)
        raise GraphFault(
            f"{path} is no {kind[1:]} graph ({reason}); write it with networkx"
        ) from None


def _first_line(why: BaseException) -> str:
    lines = str(why).strip().splitlines()
    return lines[0][:120].rstrip(".") if lines else type(why).__name__


def _read_graphml(path: Path) -> networkx.Graph:
    import networkx

    return networkx.read_graphml(path)


def _read_gml(path: Path) -> networkx.Graph:
    import networkx

    try:
        return networkx.read_gml(path)
    except networkx.NetworkXError:
        # labels may be missing or given twice; then nodes go by their numbers
        return networkx.read_gml(path, label="id")


def _read_node_link(path: Path) -> networkx.Graph:
    # by hand: the names of node_link_graph's keys have changed between versions of networkx
    import networkx

    data = json.loads(path.read_text(encoding="utf-8"))
    edges = data.get("edges", data.get("links")) if isinstance(data, dict) else None
    if not isinstance(edges, list) or not isinstance(data.get("nodes"), list):
        raise GraphFault(f"{path.name} is no node-link graph; it wants the lists nodes and edges")
    graph = networkx.MultiGraph()
    for number, node in enumerate(data["nodes"]):
        if not isinstance(node, dict) or not isinstance(node.get("id"), (str, int)):
            raise GraphFault(f"{path.name}: nodes[{number}] has no id that is a text or a number")
        graph.add_node(node["id"], **{key: node[key] for key in node if key != "id"})
    for number, edge in enumerate(edges):
        ends = [edge.get(key) for key in ("source", "target")] if isinstance(edge, dict) else [None]
        if not all(isinstance(end, (str, int)) and end in graph for end in ends):
            raise GraphFault(f"{path.name}: edges[{number}] does not join two of its nodes")
        graph.add_edge(*ends)
        key = len(graph[ends[0]][ends[1]]) - 1
        graph.edges[(*ends, key)].update(edge)
    return graph


def _read_edge_list(path: Path) -> networkx.Graph:
    # not networkx's own reader, which says of a bad line neither where it is nor what is wrong
    import networkx

    graph = networkx.Graph()
    octets = path.read_bytes()
    try:
        lines = octets.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as why:
        number = octets.count(b"\n", 0, why.start) + 1
        raise GraphFault(f"{path.name}, line {number}: this is no UTF-8 text") from None
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if words:
            try:
                a, b, cost = _edge(words)
            except ValueError as why:
                raise GraphFault(f"{path.name}, line {number}: {why}") from None
            before = graph.get_edge_data(a, b)
            if before is None or cost < before.get("cost", math.inf):
                graph.add_edge(a, b, **({} if cost == math.inf else {"cost": cost}))
    if not graph:
        raise GraphFault(f"{path.name} has no edges; write one a line: node node cost")
    return graph


def _edge(words: list[str]) -> tuple[str, str, float]:
    """The two nodes of a line and its cost, infinite where it has none; or ValueError."""
    said = shown(" ".join(words))
    if not 2 <= len(words) <= 3:
        raise ValueError(f"{said} is no edge; write node node cost")
    a, b, *rest = words
    if not rest:
        return a, b, math.inf
    try:
        cost = float(rest[0])
    except ValueError:
        raise ValueError(f"the cost {shown(rest[0])} is no number; write node node cost") from None
    if not 0 <= cost < math.inf:
        raise ValueError(f"the cost {rest[0]} is none that a way can have; write 0 or more")
    return a, b, cost


def generate(kind: str, arguments: Mapping[str, Any], seed: int) -> networkx.Graph:
    """The graph that networkx's generator of that name gives; raises :class:`GraphFault`.

    A generator that draws at random gets the ``seed``, unless the arguments have their own.
    """
    import inspect

    import networkx

    known = _generators()
    if kind not in known:
        raise GraphFault(
            f"networkx has no generator {shown(kind)}"
            + did_you_mean(kind, known, "; write one such as barabasi_albert_graph")
        )
    takes = inspect.signature(known[kind]).parameters
    if "seed" in takes:
        arguments = {"seed": seed} | dict(arguments)
    try:
        graph = known[kind](**arguments)
    except Exception as why:
        wanted = ", ".join(name for name in takes if name not in ("create_using", "backend"))
        wanted = wanted.replace(", backend_kwargs", "")
        reason = _first_line(why).removeprefix(f"{kind}() ")
        raise GraphFault(f"networkx's {kind} says: {reason}; it takes {wanted}") from None
    if not isinstance(graph, networkx.Graph):
        raise GraphFault(f"networkx's {kind} gives no graph; write one such as path_graph")
    return graph


def _generators() -> dict[str, Any]:
    import networkx.generators

    return {
        name: function
        for name, function in vars(networkx.generators).items()
        if callable(function)
        and not name.startswith("_")
        and getattr(function, "__module__", "").startswith("networkx.generators")
    }


def to_graph(topology: TopologyData) -> networkx.MultiGraph:
    """The networkx graph of a topology, see :attr:`lab.topology.model.Topology.graph`."""
    import networkx

    graph = networkx.MultiGraph(title=topology.title)
    for spec in topology.hosts.values():
        graph.add_node(spec.name, spec=spec, **_plain(spec, ("kind", "relay", "position", "title")))
        graph.nodes[spec.name]["users"] = [user.name for user in spec.users]
    for link in topology.links:
        graph.add_edge(link.a, link.b, link.environment, spec=link, **_plain(link, _LINK_KEYS))
    return graph


def _plain(spec: Any, keys: Iterable[str]) -> dict[str, Any]:
    return {key: getattr(spec, key) for key in keys if getattr(spec, key) is not None}
