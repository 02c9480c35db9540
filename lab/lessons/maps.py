"""Real maps: their graphs, the load of each relay, and which hosts are cut off by failures."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lab.lessons import course
from lab.runtime.escaping import visible
from lab.runtime.streams import generator
from lab.topology.graph_files import read_graph
from lab.topology.maps.map import GraphFault, to_networkx
from lab.topology.model import FaultSpec, Topology, TopologyError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import networkx

    from lab.api.run import Run

EDGES: Final = "edges.txt"
"""The file in which a lesson looks for a map of the UUCP net; its lines are ``node node cost``."""

COSTS: Final = {95: 2, 200: 4, 300: 3, 500: 1, 1800: 1, 5000: 2}
"""Costs of a link as pathalias counts them, from a leased line (95) to a call once a day (5000),
and the relative frequency of each."""

FEWEST: Final = 50
"""The fewest hosts of an edge list: in a smaller net, there are not a few hosts that carry most of
the mail."""

DRAWN: Final = 400
"""Hosts of the random map that is made if there is no real one."""


def graph(topology: Topology) -> networkx.Graph:
    """Return a graph of the hosts and links of a topology; edges have a ``cost``."""
    import networkx

    net = networkx.Graph()
    net.add_nodes_from(topology.hosts)
    for link in topology.links:
        cost = link.latency if link.cost is None else link.cost
        # whole microseconds: their sums are exact, so routes of equal cost compare as equal
        net.add_edge(link.a, link.b, cost=round(cost * 1e6))
    return net


def expected(net: networkx.Graph, letters: int) -> dict[str, float]:
    """Return how many of ``letters`` each host should relay, the busiest host first.

    This is its share of the pairs of hosts whose cheapest route leads over it (betweenness
    centrality).
    """
    import networkx

    crossing = networkx.betweenness_centrality(net, weight="cost")
    # the normalised value counts pairs of other hosts; a message may also be from or to the host
    share = letters * (len(net) - 2) / len(net)
    loads = {str(host): share * crossing[host] for host in net}
    return dict(sorted(loads.items(), key=lambda item: (-item[1], item[0])))


def relayed(run: Run) -> Counter[str]:
    """Count the messages that each host sent on and that were not written there."""
    wrote = {event.message: event.host for event in run.trace if event.kind == "submit"}
    return Counter(
        event.host
        for event in run.trace
        if event.kind == "transfer" and wrote.get(event.message) != event.host
    )


def without(topology: Topology, host: str) -> Topology:
    """Return the topology with a host that is down from the beginning and relays nothing.

    No route leads over it. Raises ValueError if the topology has no such host.
    """
    if host not in topology.hosts:
        raise ValueError(f"there is no host {host}")
    return replace(
        topology,
        hosts={**topology.hosts, host: replace(topology.hosts[host], relay=False)},
        faults=(*topology.faults, FaultSpec("host-down", host=host, at=0.0)),
    )


def cut_off(net: networkx.Graph, gone: Iterable[str]) -> int:
    """Count the remaining hosts that cannot be reached from the largest piece of the net.

    ``gone`` are the hosts that are down. Raises ValueError if one of them is not in the net.
    """
    import networkx

    dead = set(gone)
    unknown = sorted(map(str, dead - set(net)))
    if unknown:
        raise ValueError(f"there is no host {unknown[0]}")
    remaining = net.subgraph(set(net) - dead)
    return len(remaining) - max(map(len, networkx.connected_components(remaining)), default=0)


def uucp(letters: int = 400) -> Topology:
    """Return the UUCP net, from an edge list if there is one, with every host as a relay.

    The list is ``edges.txt`` in the working directory or in the folder of the lessons. If there is
    none, or it cannot be used (which prints a sentence), a random scale-free map is returned.
    """
    path = _edge_list()
    if path is not None:
        try:
            return _every_host_relays(_read(path), f"The UUCP net of {path.name}", letters)
        except (GraphFault, TopologyError) as fault:
            print(f"{visible(str(fault)).rstrip('.')}. A random map is used instead.")
    return _every_host_relays(_scale_free(), "A net like UUCP", letters)


def _read(path: Path) -> networkx.Graph:
    net = to_networkx(read_graph(path))
    if len(net) < FEWEST:
        raise GraphFault(f"{path.name} has {len(net)} hosts; this lesson requires {FEWEST} or more")
    return net


def _every_host_relays(graph: networkx.Graph, title: str, letters: int) -> Topology:
    options: dict[str, Any] = {
        "title": title,
        "environment": [{"name": "uucp"}],
        "defaults": {"host": {"relay": True, "users": ["u"]}},
        "traffic": [{"count": letters, "rate": "60 /min", "size": "500 B"}],
    }
    return Topology.from_graph(graph, **options)


def _edge_list() -> Path | None:
    folders = [Path.cwd()]
    with suppress(course.NoLessons):
        folders.append(course.folder())
    return next((folder / EDGES for folder in folders if (folder / EDGES).is_file()), None)


def _scale_free() -> networkx.Graph:
    """Return a graph that grew like UUCP: a new host calls one or four, mostly popular ones."""
    import networkx

    drawn = networkx.dual_barabasi_albert_graph(DRAWN, 1, 4, 0.75, seed=1988)
    random = generator(1988, "costs")
    costs = random.choices(list(COSTS), list(COSTS.values()), k=drawn.number_of_edges())
    for (a, b), cost in zip(drawn.edges, costs, strict=True):
        drawn.edges[a, b]["cost"] = cost
    return networkx.relabel_nodes(drawn, {node: f"H{node}" for node in drawn})
