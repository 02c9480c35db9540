"""Host tables: the next hop on the way of least cost over hosts that relay."""

from __future__ import annotations

from random import Random

import networkx
import pytest

from lab.hosts.routing import Neighbour, RoutingTable
from lab.protocol import HostName


def table_of(graph: networkx.Graph, relays: set[str]) -> RoutingTable:
    def neighbours(host: str) -> list[Neighbour]:
        return [
            Neighbour(other, "arpanet", graph.edges[host, other]["cost"]) for other in graph[host]
        ]

    return RoutingTable(neighbours, relays, {HostName(host): host for host in graph})


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
            way = table.route(here, there)
            if there in graph[here]:
                assert way == [there]  # mail for a neighbour goes straight to it
                continue
            passing = graph.subgraph({here, there} | relays)
            if not networkx.has_path(passing, here, there):
                assert way is None
                continue
            assert way is not None
            costs = [
                networkx.dijkstra_path_length(passing, each, there, "cost")
                for each in (here, way[0])
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
    assert table_of(graph, set(graph)).route("A", "Z") == ["P", "Z"]


@pytest.mark.parametrize("seed", range(40))
def test_of_ways_that_cost_the_same_each_host_takes_the_best_even_where_links_cost_nothing(
    seed: int,
) -> None:
    random = Random(seed)
    graph = networkx.gnm_random_graph(9, random.randint(8, 18), seed=seed)
    graph = networkx.relabel_nodes(graph, {node: f"N{node}" for node in graph})
    for a, b in graph.edges:
        graph.edges[a, b]["cost"] = random.choice([0.0, 0.0, 1.0, 2.0])
    relays = {host for host in graph if random.random() < 0.8}
    table = table_of(graph, relays)
    for here in graph:
        for there in set(graph) - {here, *graph[here]}:
            hop = table.next_hop(here, there)
            assert (hop.name if hop else None) == best_hop(graph, relays, here, there)


def test_where_a_link_costs_nothing_a_way_with_fewer_hops_may_be_found_late() -> None:
    """A is reached first over P, Q and R; then, for as much, over S and B with a hop less."""
    graph = networkx.Graph()
    ways = ["Z P 1", "P Q 1", "Q R 0", "R A 2", "Z S 3", "S B 1", "B A 0", "A C 1", "C E 1"]
    as_good = ["Z X1 1", "X1 X2 1", "X2 X3 1", "X3 X4 2", "X4 E 1"]
    for a, b, cost in map(str.split, [*ways, *as_good]):
        graph.add_edge(a, b, cost=float(cost))
    assert table_of(graph, set(graph)).route("E", "Z") == ["C", "A", "B", "S", "Z"]


def best_hop(graph: networkx.Graph, relays: set[str], here: str, there: str) -> str | None:
    """The first host after ``here`` by cost, hops and name, of all ways that there are."""
    passing = graph.subgraph({here, there} | relays)
    ways = [
        (sum(graph.edges[step]["cost"] for step in networkx.utils.pairwise(way)), len(way), way[1])
        for way in networkx.all_simple_paths(passing, here, there)
    ]
    return min(ways)[2] if ways else None


def test_a_way_round_a_blocked_neighbour_leads_to_and_from_hosts_with_one_neighbour() -> None:
    graph = networkx.cycle_graph(4)
    graph.add_edges_from([(0, 10), (2, 12), (3, 13)])
    networkx.set_edge_attributes(graph, 1.0, "cost")
    graph = networkx.relabel_nodes(graph, str)
    table = table_of(graph, set(graph))
    assert table.route("10", "12") == ["0", "1", "2", "12"]
    assert table.detour("0", "12", "1", frozenset()) == ["3", "2", "12"]
    assert table.detour("0", "12", "1", frozenset({"3"})) is None
    assert table.detour("3", "12", "2", frozenset()) is None
    assert table.detour("10", "12", "1", frozenset({"1"})) == ["0", "3", "2", "12"]
    hop = table.next_hop("10", "12", frozenset({"1"}))
    assert hop is not None
    assert hop.name == "0"
    assert table.next_hop("10", "12", frozenset({"1", "3"})) is None


def test_a_tree_has_no_hosts_with_one_neighbour_nor_have_they_one() -> None:
    star = networkx.relabel_nodes(networkx.star_graph(50), str)
    star.add_edge("0", "Y")
    star.add_edge("Y", "Z")
    networkx.set_edge_attributes(star, 1.0, "cost")
    table = table_of(star, set(star))
    for here in star:
        for there in star:
            assert table.route(here, there) == networkx.shortest_path(star, here, there)[1:]
    assert [len(tree) for tree in table.shortest._trees.values()] == [2, 2]  # to 0 and to Y


def test_no_more_trees_are_kept_than_their_bound_and_ways_stay_the_same() -> None:
    graph = networkx.relabel_nodes(networkx.cycle_graph(60), str)
    networkx.set_edge_attributes(graph, 1.0, "cost")
    free = table_of(graph, set(graph))
    bound = table_of(graph, set(graph))
    bound.shortest._capacity = 0
    for there in graph:
        assert bound.route("0", there) == free.route("0", there)
    assert len(bound.shortest._trees) == 16 < len(free.shortest._trees)
    assert {tree.itemsize for tree in free.shortest._trees.values()} == {2}  # bytes a host


def test_of_several_ways_to_a_neighbour_the_cheapest_is_taken() -> None:
    """Two hosts may be joined in several environments: the first of those that cost least."""
    ways = [Neighbour("B", "csnet", 2.0), Neighbour("B", "arpanet", 1.0), Neighbour("B", "uucp", 1)]
    names = {HostName(name): name for name in "AB"}
    table = RoutingTable(lambda name: ways if name == "A" else [], set(), names)
    assert table.neighbours_of("A")["B"].environment == "arpanet"
    assert table.next_hop("A", "B") is ways[1]


def four_routes() -> RoutingTable:
    """A table of hosts with four routes from A to Z."""
    graph = networkx.Graph()
    for link in ("A X 1", "X Z 1", "A C 3", "C Z 1", "A B 2", "B Z 1", "A D 1", "D E 1", "E Z 1"):
        a, b, cost = link.split()
        graph.add_edge(a, b, cost=float(cost))
    return table_of(graph, set(graph))


def test_a_detour_is_the_cheapest_of_those_that_there_are() -> None:
    """Of those that cost the same, the one over fewer hosts, then the first by name."""
    table = four_routes()
    assert table.detour("A", "Z", "X", frozenset()) == ["B", "Z"]
    assert table.detour("A", "Z", "X", frozenset({"B"})) == ["D", "E", "Z"]


def test_no_detour_leads_to_a_host_that_was_tried_in_vain() -> None:
    assert four_routes().detour("A", "Z", "X", frozenset({"Z"})) is None


def test_there_is_no_route_to_a_host_that_no_host_relays_to() -> None:
    graph = networkx.path_graph(["A", "B", "C", "D"])
    networkx.set_edge_attributes(graph, 1.0, "cost")
    table = table_of(graph, {"B"})
    assert table.route("A", "C") == ["B", "C"]
    assert table.route("A", "D") is None
    assert table.route("A", None) is None
    assert table.route("A", "A") == []


def test_tables_of_one_network_share_the_trees_that_were_grown() -> None:
    """Processes give each other the next hops that they have found."""
    graph = networkx.cycle_graph([f"N{number}" for number in range(6)])
    networkx.set_edge_attributes(graph, 1.0, "cost")
    one, other = table_of(graph, set(graph)), table_of(graph, set(graph))
    grown: list[int] = []
    one.shortest.on_tree = lambda there, octets: grown.append(there)
    assert one.route("N0", "N2") == ["N1", "N2"]
    assert len(grown) == 1
    other.shortest.on_tree = lambda there, octets: pytest.fail("the tree was known")
    other.shortest.know(one.shortest.trees())
    other.shortest.know(one.shortest.trees())
    assert other.route("N0", "N2") == ["N1", "N2"]
    assert other.shortest.trees() == one.shortest.trees()
