"""Host tables: the next hop on the way of least cost over hosts that relay."""

from __future__ import annotations

from random import Random

import networkx
import pytest

from lab.hosts import routing
from lab.hosts.routing import Neighbour, RoutingTable


def table_of(graph: networkx.Graph, relays: set[str]) -> RoutingTable:
    def neighbours(host: str) -> list[Neighbour]:
        return [
            Neighbour(other, "arpanet", graph.edges[host, other]["cost"]) for other in graph[host]
        ]

    return RoutingTable(neighbours, relays, {host.upper(): host for host in graph})


def random_network(seed: int) -> tuple[networkx.Graph, set[str]]:
    random = Random(seed)
    size = random.randint(2, 25)
    graph = networkx.gnm_random_graph(size, random.randint(size - 1, 2 * size), seed=seed)
    for a, b in graph.edges:
        graph.edges[a, b]["cost"] = random.choice([1.0, 1.0, 2.0, 3.0, 0.5])
    graph = networkx.relabel_nodes(graph, {node: f"N{node}" for node in graph})
    return graph, {host for host in graph if random.random() < 0.7}


@pytest.mark.parametrize("seed", range(40))
def test_the_way_costs_least_of_all_over_hosts_that_relay(seed: int) -> None:
    graph, relays = random_network(seed)
    table = table_of(graph, relays)
    for here in graph:
        for there in set(graph) - {here}:
            way = table.way(here, there)
            if there in graph[here]:
                assert way == [there]  # mail for a neighbour goes straight to it
                continue
            passing = graph.subgraph({here, there} | relays)
            if not networkx.has_path(passing, here, there):
                assert way is None
                continue
            assert way is not None
            costs = [
                networkx.dijkstra_path_length(passing, one, there, "cost") for one in (here, way[0])
            ]
            # each host on the way decides for itself; the first hop is on a way of least cost
            assert graph.edges[here, way[0]]["cost"] + costs[1] == pytest.approx(costs[0])
            assert set(way[:-1]) <= relays


def test_of_ways_that_cost_the_same_the_one_with_fewer_hops_and_the_first_by_name_is_taken() -> (
    None
):
    graph = networkx.Graph()
    ways = ["A M 1", "M N 0.5", "N Z 0.5", "A P 1", "P Z 1", "A Q 1", "Q Z 1"]
    for a, b, cost in map(str.split, ways):
        graph.add_edge(a, b, cost=float(cost))
    assert table_of(graph, set(graph)).way("A", "Z") == ["P", "Z"]


def test_no_more_trees_are_kept_than_their_bound_and_ways_stay_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph = networkx.relabel_nodes(networkx.cycle_graph(60), str)
    networkx.set_edge_attributes(graph, 1.0, "cost")
    free = table_of(graph, set(graph))
    monkeypatch.setattr(routing, "KEPT_BYTES", 0)
    bound = table_of(graph, set(graph))
    for there in graph:
        assert bound.way("0", there) == free.way("0", there)
    assert len(bound._trees) == 16 < len(free._trees)
    assert {tree.itemsize for tree in free._trees.values()} == {2}  # bytes a host
