"""Graphs from files and from networkx's generators.

An edge list has an edge on each line: two nodes and, optionally, a cost,
as in ``ucbvax decvax 300``. A ``#`` begins a comment. Of two lines about the same pair, in either
order, the lower cost counts: mail gets across if either end calls the other.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lab.quantities import as_toml
from lab.topology.file import FORMATS_LISTED, GRAPH_FORMATS
from lab.topology.problems import did_you_mean

if TYPE_CHECKING:
    import networkx


LARGEST_FILE: Final = 64 * 2**20
"""Bytes of a graph file."""


class GraphFault(ValueError):
    """Raised for a graph that cannot be read or made; the message says what would be right."""


def read_graph(path: Path) -> networkx.Graph:
    """Return the graph of a file whose ending is in :data:`READERS`.

    Raises :class:`GraphFault`.
    """
    kind = path.suffix.lower()
    if kind not in READERS:
        raise GraphFault(f"{path.name} is not a graph file; write {FORMATS_LISTED}")
    try:
        if path.exists() and not path.is_file():
            raise GraphFault(f"{path.name} is not a file; write the name of a graph file")
        if path.stat().st_size > LARGEST_FILE:
            raise GraphFault(f"{path.name} is larger than {LARGEST_FILE >> 20} MiB; is it a graph?")
        return READERS[kind](path)
    except OSError as why:
        reason = (why.strerror or str(why)).lower()
        raise GraphFault(
            f"{path} cannot be read: {reason}; write a path from the file's own folder"
        ) from None
    except GraphFault:
        raise
    # parsers raise many kinds of error for a file that is not a graph
    except Exception as why:
        reason = _first_line(why)
        raise GraphFault(
            f"{path} is not a {kind[1:]} graph ({reason}); write it with networkx"
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
        # if labels are missing or duplicate, nodes are named by their numbers
        return networkx.read_gml(path, label="id")


def _read_node_link(path: Path) -> networkx.Graph:
    # by hand: the keys of node_link_graph have changed between versions of networkx
    import networkx

    data = json.loads(path.read_text(encoding="utf-8"))
    edges = data.get("edges", data.get("links")) if isinstance(data, dict) else None
    if not isinstance(edges, list) or not isinstance(data.get("nodes"), list):
        raise GraphFault(
            f"{path.name} is not a node-link graph; it needs the lists nodes and edges"
        )
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
    # not networkx's reader, which reports neither the number of a bad line nor what is wrong
    import networkx

    graph = networkx.Graph()
    octets = path.read_bytes()
    try:
        lines = octets.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as why:
        number = octets.count(b"\n", 0, why.start) + 1
        raise GraphFault(f"{path.name}, line {number}: this is not UTF-8 text") from None
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
    """Return the two nodes of a line and its cost, infinite if it has none; raises ValueError."""
    text = as_toml(" ".join(words))
    if not 2 <= len(words) <= 3:
        raise ValueError(f"{text} is not an edge; write node node cost")
    a, b, *given = words
    if not given:
        return a, b, math.inf
    try:
        cost = float(given[0])
    except ValueError:
        raise ValueError(
            f"the cost {as_toml(given[0])} is not a number; write node node cost"
        ) from None
    if not 0 <= cost < math.inf:
        raise ValueError(f"the cost of a link must be 0 or more, not {given[0]}")
    return a, b, cost


_READERS: Final[Mapping[str, Callable[[Path], networkx.Graph]]] = {
    "GraphML": _read_graphml,
    "GML": _read_gml,
    "node-link JSON": _read_node_link,
    "lines of node node cost": _read_edge_list,
}
READERS: Final = {
    ending: _READERS[name] for name, endings in GRAPH_FORMATS.items() for ending in endings
}
"""The endings of graph files, and the function that reads each."""


def generate(kind: str, arguments: Mapping[str, Any], seed: int) -> networkx.Graph:
    """Return the graph that a networkx generator makes.

    A generator that takes a seed gets ``seed``, unless the arguments have their own. Raises
    :class:`GraphFault`.
    """
    import inspect

    import networkx

    known = _generators()
    if kind not in known:
        raise GraphFault(
            f"networkx has no generator {as_toml(kind)}"
            + did_you_mean(kind, known, "; write one such as barabasi_albert_graph")
        )
    parameters = inspect.signature(known[kind]).parameters
    _check_sizes(arguments)
    if "seed" in parameters:
        arguments = {"seed": seed} | dict(arguments)
    try:
        with _bounded(kind), _bounded_memory():
            graph = known[kind](**arguments)
    except GraphFault:
        raise
    except (MemoryError, OverflowError):
        raise _too_large(kind) from None
    except Exception as why:
        if isinstance(why, TypeError):
            _check_counts(arguments)
        names = ", ".join(name for name in parameters if name not in ("create_using", "backend"))
        names = names.replace(", backend_kwargs", "")
        reason = _first_line(why).removeprefix(f"{kind}() ")
        raise GraphFault(f"networkx's {kind} says: {reason}; it takes {names}") from None
    if not isinstance(graph, networkx.Graph):
        raise GraphFault(f"networkx's {kind} does not make a graph; write one such as path_graph")
    return graph


LARGEST_GRAPH: Final = 10**6
"""The most nodes, and the most edges, of a graph that is generated."""


def _check_sizes(arguments: Mapping[str, Any]) -> None:
    """Raise :class:`GraphFault` for a number of nodes or edges that is too large to begin with."""
    for name, value in arguments.items():
        if name != "seed" and _largest(value) > LARGEST_GRAPH:
            shown = f"{as_toml(value)} is" if isinstance(value, int) else "its numbers are"
            raise GraphFault(f"{name}: {shown} too large; use {LARGEST_GRAPH} or less")


def _largest(value: Any) -> int:
    """Return the largest whole number in an argument, which may be a list; 0 without one."""
    if isinstance(value, (list, tuple)):
        return max(map(_largest, value), default=0)
    return value if isinstance(value, int) else 0


@contextmanager
def _bounded(kind: str) -> Iterator[None]:
    """Raise :class:`GraphFault` as soon as a graph that is being made becomes too large.

    The size does not follow from the arguments: 30 may be 30 nodes, or 2 to the 30. So the graph
    counts the dictionaries that it makes, one for each node and each edge.
    """
    import networkx

    factories = ("node_attr_dict_factory", "edge_attr_dict_factory")
    before = {name: getattr(networkx.Graph, name) for name in factories}
    for name, factory in before.items():
        setattr(networkx.Graph, name, staticmethod(_counted(factory, kind)))
    try:
        yield
    finally:
        for name, factory in before.items():
            setattr(networkx.Graph, name, factory)


def _counted(factory: Callable[[], dict[Any, Any]], kind: str) -> Callable[[], dict[Any, Any]]:
    made = count(1)

    def make() -> dict[Any, Any]:
        if next(made) > 2 * LARGEST_GRAPH:
            raise _too_large(kind)
        return factory()

    return make


def _too_large(kind: str) -> GraphFault:
    return GraphFault(
        f"networkx's {kind} makes more than {LARGEST_GRAPH} nodes or edges of this; "
        "use smaller numbers"
    )


@contextmanager
def _bounded_memory() -> Iterator[None]:
    """Allow this process at most 4 GB more memory, where the system can limit it.

    Some generators make a list of all nodes before the first of them is in the graph.
    """
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (ImportError, OSError):
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = pages * resource.getpagesize() + 4 * 10**9
    most = min([most, *(each for each in (soft, hard) if each != resource.RLIM_INFINITY)])
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


_COUNTS: Final = ("n", "m", "d", "k", "l", "r", "h")
"""What networkx's generators call an argument that is a number of nodes, edges or parts."""


def _check_counts(arguments: Mapping[str, Any]) -> None:
    """Raise :class:`GraphFault` for a count with a fraction or an exponent, such as 1e9."""
    for name in _COUNTS:
        value = arguments.get(name)
        if isinstance(value, float):
            raise GraphFault(
                f"{name} must be a whole number, not {as_toml(value)}; write {name} = 20, "
                "for example"
            ) from None


def _generators() -> dict[str, Any]:
    import networkx.generators

    return {
        name: function
        for name, function in vars(networkx.generators).items()
        if callable(function)
        and not name.startswith("_")
        and getattr(function, "__module__", "").startswith("networkx.generators")
    }
