"""Where hosts lie on the map."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import networkx as nx
import numpy as np
import pytest

from lab.analysis.map_layout import labelled, place, places, without_place

Position = tuple[float, float] | None


def hosts(*positions: Position) -> list[dict[str, Any]]:
    return [{"name": f"H{n}", "position": position} for n, position in enumerate(positions)]


def links(*pairs: tuple[int, int]) -> list[dict[str, Any]]:
    return [{"a": f"H{a}", "b": f"H{b}"} for a, b in pairs]


def spread(found: Any) -> float:
    """How far the two nearest hosts are from each other, on a map a unit wide."""
    flat = found * (1.0, 0.47)
    return min(float(np.hypot(*(flat[a] - flat[b]))) for a, b in combinations(range(len(flat)), 2))


@pytest.mark.parametrize("count", [3, 30, 750])
def test_places_are_the_same_in_every_run_and_lie_on_the_map(count: int) -> None:
    edges = list(nx.barabasi_albert_graph(count, 2, seed=5).edges)
    found = place(count, edges)
    assert np.array_equal(found, place(count, edges))
    assert found.shape == (count, 2)
    assert found.min() >= -1e-9
    assert found.max() <= 1 + 1e-9


def test_one_host_lies_in_the_middle_and_two_at_the_sides() -> None:
    assert place(0, []).shape == (0, 2)
    assert place(1, []).tolist() == [[0.5, 0.5]]
    assert place(2, [(0, 1)]).tolist() == [[0.0, 0.5], [1.0, 0.5]]


def test_a_line_of_hosts_stays_a_line_from_left_to_right() -> None:
    found = place(6, [(n, n + 1) for n in range(5)])
    assert np.ptp(found[:, 1]) == 0
    assert list(found[:, 0]) == sorted(found[:, 0])


@pytest.mark.parametrize("count", [40, 800])
def test_hosts_of_one_half_lie_together(count: int) -> None:
    """Distances on the map follow distances in links, for few hosts and for many."""
    half = count // 2
    ring = [*range(half)]
    edges = [(a, b) for a, b in zip(ring, ring[1:] + ring[:1], strict=True)]
    edges += [(a + half, b + half) for a, b in edges] + [(0, half)]
    found = place(count, edges)
    one, other = found[:half], found[half:]
    assert one[:, 0].max() <= other[:, 0].min() or other[:, 0].max() <= one[:, 0].min()


def test_a_host_that_no_link_leads_to_lies_away_from_the_others() -> None:
    found = place(5, [(0, 1), (1, 2), (2, 0), (0, 3), (1, 3), (2, 3)])
    inner = found[:4].mean(0)
    apart = np.hypot(*(found - inner).T)
    assert apart[4] > 1.5 * apart[:4].max()


def test_hosts_lie_where_the_topology_puts_them() -> None:
    found = places(hosts((0, 0), (50, 90), (100, 0)), links((0, 1), (1, 2)))
    assert found.tolist() == [[0, 0], [0.5, 1], [1, 0]]


def test_a_host_without_a_place_lies_amid_its_neighbours() -> None:
    some = hosts((0, 0), (10, 0), None, (30, 10), (40, 10))
    found = places(some, links((1, 2), (2, 3)))
    assert found[2].tolist() == pytest.approx([0.5, 0.5])
    assert without_place(some) == 1


def test_a_host_without_a_place_and_links_lies_amid_all() -> None:
    found = places(hosts((0, 0), (10, 0), None, (10, 10), (0, 10)), [])
    assert found[2].tolist() == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(
    "some",
    [
        hosts((0, 0), None, None, (30, 10), None),
        hosts((7, 7), (7, 7), (7, 7), (7, 7), None),
        hosts(None, None, None, None, None),
    ],
    ids=["most without", "one spot", "none"],
)
def test_where_the_topology_places_too_few_the_links_decide(some: list[dict[str, Any]]) -> None:
    chain = [(n, n + 1) for n in range(4)]
    assert np.allclose(places(some, links(*chain)), place(5, chain))


def test_hosts_without_a_place_are_counted_where_places_are_used() -> None:
    assert without_place(hosts((0, 0), None, None)) == 0
    assert without_place(hosts((0, 0), (1, 1), None)) == 1
    assert without_place([]) == 0


TOWNS: dict[str, tuple[list[Position], float]] = {
    "two of one place": ([(1.0, 2.0)] * 3 + [(3.0, 4.0)], 0.05),
    "towns": ([(0.0, 0.0)] * 6 + [(1.0, 0.1)] * 6 + [(4.0, 3.0)], 0.034),
    "a row": ([(float(n % 3), 0.0) for n in range(12)], 0.034),
    "cities": ([(0.0, 0.0)] * 40 + [(1.0, 1.0)] * 20 + [(3.0, 3.0)], 0.011),
}


@pytest.mark.parametrize("name", TOWNS)
def test_hosts_of_one_place_do_not_hide_one_another(name: str) -> None:
    """However many lie in one spot, no two are nearer than a host is wide."""
    positions, room = TOWNS[name]
    found = places(hosts(*positions), [])
    assert spread(found) > room * 0.9
    assert found.min() >= 0
    assert found.max() <= 1
    assert np.array_equal(found, places(hosts(*positions), []))


def test_the_busiest_hosts_are_named_first_and_then_those_with_most_links() -> None:
    """Of more than sixty, only fourteen have a name at all."""
    few = hosts(*[None] * 4)
    joined = links((0, 1), (1, 2), (2, 3))
    assert labelled(few, joined, {}) == [1, 2, 0, 3]
    assert labelled(few, joined, {("H3", "H2"): 2, ("H2", "H3"): 1}) == [2, 3, 1, 0]
    many = hosts(*[None] * 61)
    assert labelled(many, links((59, 60)), {}) == [59, 60, *range(12)]
    assert len(labelled(many[:-1], [], {})) == 60
