"""Where relays are put: the hosts of a map that take mail to be relayed, chosen by a rule.

An experiment sets ``relays.count`` and ``relays.by`` as it sets a key of the topology; the hosts
that the rule chooses relay, and no others do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from lab.quantities import as_toml
from lab.simulation.world import generator
from lab.topology.model import Topology
from lab.topology.problems import did_you_mean, join_some

if TYPE_CHECKING:
    import networkx

RELAYS: Final = ("relays.by", "relays.count")
"""The keys that an experiment may set beside those of a topology file."""


class RelaysFault(ValueError):
    """A rule or a count that places no relays; ``key`` is the one that is wrong."""

    def __init__(self, key: str, text: str) -> None:
        self.key = key
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class Relays:
    """How many relays, and by which rule: "degree", "betweenness", "tree" or "random"."""

    count: int
    by: str = "betweenness"


def parse_relays(sets: Mapping[str, Any]) -> Relays | None:
    """What an experiment's settings say about relays; None if nothing. Raises RelaysFault."""
    if not sets:
        return None
    by = sets.get("relays.by", "betweenness")
    if by not in RULES:
        meant = did_you_mean(by, RULES) if isinstance(by, str) else ""
        raise RelaysFault("relays.by", f"{as_toml(by)} is none of {join_some(RULES)}{meant}")
    count = sets.get("relays.count")
    if count is None:
        raise RelaysFault("relays.by", "it needs relays.count; write that as well, as in 20")
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise RelaysFault("relays.count", f"{as_toml(count)} is no count; write a whole number")
    return Relays(count, by)


def place_relays(topology: Topology, relays: Relays, seed: int) -> Topology:
    """The topology in which the chosen hosts relay, and no others."""
    import networkx

    graph = networkx.Graph(topology.graph)
    hosts = [name for name, spec in topology.hosts.items() if spec.kind == "host"]
    if relays.count > len(hosts):
        raise RelaysFault(
            "relays.count", f"{relays.count} relays, but there are {len(hosts)} hosts; write fewer"
        )
    ranked = [name for name in RULES[relays.by](graph, seed) if name in hosts]
    chosen = set(ranked[: relays.count])
    changed = {name: replace(one, relay=name in chosen) for name, one in topology.hosts.items()}
    return replace(topology, hosts=changed, recipe=None)


def _by_degree(graph: networkx.Graph, seed: int) -> list[str]:
    return sorted(graph, key=lambda name: (-graph.degree[name], name))


def _by_betweenness(graph: networkx.Graph, seed: int) -> list[str]:
    import networkx

    found = networkx.betweenness_centrality(graph, normalized=False)
    return sorted(graph, key=lambda name: (-round(found[name], 6), name))


def _by_growing(graph: networkx.Graph, seed: int) -> list[str]:
    """From the host with most neighbours on, each time a neighbour that reaches most new hosts."""
    first = _by_degree(graph, seed)[0]
    order, reached = [first], {first, *graph[first]}
    edge = set(graph[first])
    while edge:
        best = max(sorted(edge), key=lambda name: len(set(graph[name]) - reached))
        order.append(best)
        reached |= set(graph[best])
        edge = (edge | set(graph[best])) - set(order)
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
"""The hosts of a map in the order in which a rule makes them relays."""
