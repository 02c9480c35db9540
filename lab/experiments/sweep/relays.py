"""Choose by a rule which hosts of a map relay mail.

An experiment sets ``relays.count`` and ``relays.by`` as it sets a key of the topology. Only the
hosts that the rule chooses relay mail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from lab.quantities import as_toml
from lab.runtime.streams import generator
from lab.topology.model import Topology
from lab.topology.problems import did_you_mean, join_some

if TYPE_CHECKING:
    import networkx

RELAYS: Final = ("relays.by", "relays.count")
"""The keys that an experiment may set besides those of a topology file."""


class RelaysFault(ValueError):
    """Raised for a rule or a count by which no relays can be placed; ``key`` is the wrong key."""

    def __init__(self, key: str, text: str) -> None:
        self.key = key
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class Relays:
    """The number of relays, and the rule: "degree", "betweenness", "tree" or "random"."""

    count: int
    by: str = "betweenness"


def parse_relays(sets: Mapping[str, Any]) -> Relays | None:
    """Read an experiment's settings of relays; None if there are none. Raises RelaysFault."""
    if not sets:
        return None
    by = sets.get("relays.by", "betweenness")
    if by not in RULES:
        meant = did_you_mean(by, RULES) if isinstance(by, str) else ""
        raise RelaysFault("relays.by", f"{as_toml(by)} is not one of {join_some(RULES)}{meant}")
    count = sets.get("relays.count")
    if count is None:
        raise RelaysFault("relays.by", "it requires relays.count; for example 20")
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise RelaysFault("relays.count", f"{as_toml(count)} is not a count; write 20, for example")
    return Relays(count, by)


def place_relays(topology: Topology, relays: Relays, seed: int) -> Topology:
    """Return the topology with the chosen hosts, and only those, as relays."""
    import networkx

    graph = networkx.Graph(topology.graph)
    hosts = [name for name, spec in topology.hosts.items() if spec.kind == "host"]
    if relays.count > len(hosts):
        raise RelaysFault(
            "relays.count", f"{relays.count} relays, but there are {len(hosts)} hosts; write fewer"
        )
    ranked = [name for name in RULES[relays.by](graph, seed) if name in hosts]
    chosen = set(ranked[: relays.count])
    changed = {name: replace(spec, relay=name in chosen) for name, spec in topology.hosts.items()}
    return replace(topology, hosts=changed, recipe=None)


def _by_degree(graph: networkx.Graph, seed: int) -> list[str]:
    return sorted(graph, key=lambda name: (-graph.degree[name], name))


def _by_betweenness(graph: networkx.Graph, seed: int) -> list[str]:
    import networkx

    centrality = networkx.betweenness_centrality(graph, normalized=False)
    return sorted(graph, key=lambda name: (-round(centrality[name], 6), name))


def _by_growing(graph: networkx.Graph, seed: int) -> list[str]:
    """Grow a tree from the host with most neighbours, always by the one that adds most hosts."""
    first = _by_degree(graph, seed)[0]
    order, reached = [first], {first, *graph[first]}
    frontier = set(graph[first])
    while frontier:
        best = max(sorted(frontier), key=lambda name: len(set(graph[name]) - reached))
        order.append(best)
        reached |= set(graph[best])
        frontier = (frontier | set(graph[best])) - set(order)
    return order + [name for name in sorted(graph) if name not in order]


def _at_random(graph: networkx.Graph, seed: int) -> list[str]:
    names = sorted(graph)
    generator(seed, "relays").shuffle(names)
    return names


RULES: Final[dict[str, Callable[[Any, int], list[str]]]] = {
    "degree": _by_degree,
    "betweenness": _by_betweenness,
    "tree": _by_growing,
    "random": _at_random,
}
"""Functions of a graph and a seed: the hosts in the order in which they become relays."""
