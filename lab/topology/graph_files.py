"""Graphs from files and from networkx's generators.

:mod:`lab.topology.maps` has the readers of the formats; their tables are made in
:mod:`lab.topology.graphs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lab.quantities import as_toml
from lab.topology.file import FORMATS_LISTED, GRAPH_FORMATS
from lab.topology.maps.map import (
    LARGEST_GRAPH,
    MOST_EDGES,
    FileFault,
    GraphFault,
    Map,
    UnknownFormat,
)
from lab.topology.problems import did_you_mean

if TYPE_CHECKING:
    import networkx


def read_graph(path: Path) -> Map:
    """Return the map of a graph file, whatever its format.

    Raises :class:`GraphFault`.
    """
    from lab.topology.maps.opening import read_map  # a dozen readers, and most files have no graph

    try:
        with bounded_memory():
            return read_map(path, ENDINGS)
    except OSError as why:
        reason = (why.strerror or str(why)).lower()
        raise GraphFault(
            f"{path} cannot be read: {reason}; write a path from the file's own folder"
        ) from None
    except FileFault:
        raise
    except UnknownFormat:
        raise GraphFault(f"{path.name} is not a graph file; write {FORMATS_LISTED}") from None
    except (MemoryError, RecursionError):
        raise GraphFault(
            f"{path} is not a graph that fits into memory; use a smaller one"
        ) from None
    # parsers raise many kinds of error for a file that is not a graph
    except Exception as why:
        raise _not_a_graph(path, _first_line(why)) from None


def _not_a_graph(path: Path, reason: str) -> GraphFault:
    if reason.startswith("line "):
        return GraphFault(f"{path.name}, {reason}")
    format_name = ENDINGS.get(path.suffix.lower())
    noun = f"{format_name} file" if format_name else "graph file"
    return GraphFault(f"{path.name} is not a {noun} ({reason}); `lab help maps` shows the formats")


def _first_line(why: BaseException) -> str:
    lines = str(why).strip().splitlines()
    return lines[0][:200].rstrip(".") if lines else type(why).__name__


ENDINGS: Final = {ending: name for name, endings in GRAPH_FORMATS.items() for ending in endings}
"""The endings of graph files, and the format that each tells."""


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
        with _bounded(kind), bounded_memory():
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


def _check_sizes(arguments: Mapping[str, Any]) -> None:
    """Raise :class:`GraphFault` for a number of nodes or edges that is too large to begin with."""
    for name, value in arguments.items():
        most = LARGEST_GRAPH if name == "n" else MOST_EDGES
        if name != "seed" and _largest(value) > most:
            shown = f"{as_toml(value)} is" if isinstance(value, int) else "its numbers are"
            raise GraphFault(f"{name}: {shown} too large; use {most} or less")


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

    most = {"node_attr_dict_factory": LARGEST_GRAPH, "edge_attr_dict_factory": MOST_EDGES}
    before = {name: getattr(networkx.Graph, name) for name in most}
    for name, factory in before.items():
        setattr(networkx.Graph, name, staticmethod(_counted(factory, most[name], kind)))
    try:
        yield
    finally:
        for name, factory in before.items():
            setattr(networkx.Graph, name, factory)


def _counted(
    factory: Callable[[], dict[Any, Any]], most: int, kind: str
) -> Callable[[], dict[Any, Any]]:
    made = count(1)

    def make() -> dict[Any, Any]:
        if next(made) > most:
            raise _too_large(kind)
        return factory()

    return make


def _too_large(kind: str) -> GraphFault:
    return GraphFault(
        f"networkx's {kind} makes more than {LARGEST_GRAPH} nodes or {MOST_EDGES} edges of this; "
        "use smaller numbers"
    )


@contextmanager
def bounded_memory() -> Iterator[None]:
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
        for name, function in (*vars(networkx.generators).items(), *vars(networkx).items())
        if callable(function)
        and not name.startswith("_")
        and getattr(function, "__module__", "").startswith(_OF_GENERATORS)
    }


_OF_GENERATORS: Final = ("networkx.generators", "networkx.algorithms.bipartite.generators")
"""The modules of networkx whose functions make graphs."""
