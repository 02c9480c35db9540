"""Real maps: their graphs, what each relay should carry, and who is cut off when some are gone."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lab.lessons import course
from lab.simulation.world import generator
from lab.topology.graph_files import GraphFault, read_graph
from lab.topology.model import FaultSpec, Topology, TopologyError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import networkx

    from lab.api.run import Run

EDGES: Final = "edges.txt"
"""The name under which a lesson looks for a map of the UUCP net, a line ``node node cost``."""

COSTS: Final = {95: 2, 200: 4, 300: 3, 500: 1, 1800: 1, 5000: 2}
"""Costs of calls as pathalias counts them: a line of one's own, ... once a day; how common each."""

FEWEST: Final = 50
"""Hosts that an edge list must have: in a smaller net there are no few that carry it all."""

DRAWN: Final = 400
"""Hosts of the map that is drawn by chance where there is no real one."""


def graph(topology: Topology) -> networkx.Graph:
    """The hosts of a topology and the lines between them, each with what a way over it costs."""
    import networkx

    found = networkx.Graph()
    found.add_nodes_from(topology.hosts)
    for link in topology.links:
        cost = link.latency if link.cost is None else link.cost
        # whole microseconds: sums of them are exact, and ways that cost the same are seen to
        found.add_edge(link.a, link.b, cost=round(cost * 1e6))
    return found


def expected(net: networkx.Graph, letters: int) -> dict[str, float]:
    """How many of so many letters each host should relay, the busiest first.

    That is its share of the pairs whose cheapest way leads over it (betweenness centrality).
    """
    import networkx

    crossing = networkx.betweenness_centrality(net, weight="cost")
    # normalised it counts the pairs of two others; a letter may be of the host itself, too
    share = letters * (len(net) - 2) / len(net)
    loads = {str(host): share * crossing[host] for host in net}
    return dict(sorted(loads.items(), key=lambda item: (-item[1], item[0])))


def relayed(run: Run) -> Counter[str]:
    """How many letters each host sent on that were not written there."""
    wrote = {event.message: event.host for event in run.trace if event.kind == "submit"}
    return Counter(
        event.host
        for event in run.trace
        if event.kind == "transfer" and wrote.get(event.message) != event.host
    )


def without(topology: Topology, host: str) -> Topology:
    """The topology in which a host is dead from the first moment, and every table knows it.

    Nobody sends mail over it any more. ValueError where it is no host of the topology.
    """
    if host not in topology.hosts:
        raise ValueError(f"there is no host {host}")
    return replace(
        topology,
        hosts={**topology.hosts, host: replace(topology.hosts[host], relay=False)},
        faults=(*topology.faults, FaultSpec("host-down", host=host, at=0.0)),
    )


def cut_off(net: networkx.Graph, gone: Iterable[str]) -> int:
    """How many of the hosts that are left cannot be reached from the largest piece of the net.

    ``gone``: the hosts that are dead; ValueError where one of them is none of the net's.
    """
    import networkx

    dead = set(gone)
    unknown = sorted(map(str, dead - set(net)))
    if unknown:
        raise ValueError(f"there is no host {unknown[0]}")
    rest = net.subgraph(set(net) - dead)
    return len(rest) - max(map(len, networkx.connected_components(rest)), default=0)


def uucp(letters: int = 400) -> Topology:
    """The UUCP net, every host a relay: of an edge list where there is one, otherwise by chance.

    The list is ``edges.txt`` in the working directory or in the folder of the lessons. A list that
    cannot be used is told about in a sentence, and a scale-free map drawn in its place.
    """
    path = _edge_list()
    if path is not None:
        try:
            return _every_host_relays(_read(path), f"The UUCP net of {path.name}", letters)
        except (GraphFault, TopologyError) as fault:
            print(f"{str(fault).rstrip('.')}. A map drawn by chance takes its place.")
    return _every_host_relays(_scale_free(), "A net like UUCP", letters)


def _read(path: Path) -> networkx.Graph:
    found = read_graph(path)
    if len(found) < FEWEST:
        raise GraphFault(f"{path.name} has {len(found)} hosts; this lesson wants {FEWEST} or more")
    return found


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
    return next((place / EDGES for place in folders if (place / EDGES).is_file()), None)


def _scale_free() -> networkx.Graph:
    """A graph that grew like UUCP: who joins calls one host or four, rather those called often."""
    import networkx

    drawn = networkx.dual_barabasi_albert_graph(DRAWN, 1, 4, 0.75, seed=1988)
    dice = generator(1988, "costs")
    costs = dice.choices(list(COSTS), list(COSTS.values()), k=drawn.number_of_edges())
    for (a, b), cost in zip(drawn.edges, costs, strict=True):
        drawn.edges[a, b]["cost"] = cost
    return networkx.relabel_nodes(drawn, {node: f"H{node}" for node in drawn})
