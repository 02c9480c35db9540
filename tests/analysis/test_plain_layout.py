"""Places of hosts on the map where there is no numpy."""

from __future__ import annotations

from itertools import combinations
from math import hypot

import pytest

from lab.analysis import map_layout, plain_layout


def hosts(count: int, **positions: tuple[float, float]) -> list[dict[str, object]]:
    return [
        {"name": f"H{n}", **({"position": positions[f"H{n}"]} if f"H{n}" in positions else {})}
        for n in range(count)
    ]


def places(
    count: int, ends: list[tuple[int, int]], **positions: tuple[float, float]
) -> list[tuple[float, float]]:
    links = [{"a": f"H{a}", "b": f"H{b}"} for a, b in ends]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(map_layout, "_has_numpy", lambda: False)
        found: list[tuple[float, float]] = map_layout.places(hosts(count, **positions), links)
    return found


def grid(columns: int, rows: int) -> list[tuple[int, int]]:
    across = [(n, n + 1) for n in range(columns * rows) if (n + 1) % columns]
    down = [(n, n + columns) for n in range(columns * (rows - 1))]
    return across + down


def test_few_hosts() -> None:
    assert places(0, []) == []
    assert places(1, []) == [(0.5, 0.5)]
    assert places(2, [(0, 1)]) == [(0.0, 0.5), (1.0, 0.5)]


def test_a_line_of_hosts_is_a_line() -> None:
    found = places(5, [(n, n + 1) for n in range(4)])
    assert [y for _, y in found] == pytest.approx([0.5] * 5, abs=0.05)
    assert [x for x, _ in found] == sorted(x for x, _ in found)


@pytest.mark.parametrize(("columns", "rows"), [(4, 3), (14, 10)], ids=["few", "many"])
def test_neighbours_lie_nearer_than_others(columns: int, rows: int) -> None:
    """On average by far, and always in the same places, within the frame."""
    ends = grid(columns, rows)
    found = places(columns * rows, ends)
    assert found == places(columns * rows, ends)
    assert all(0 <= value <= 1 for place in found for value in place)

    def mean(pairs: list[tuple[int, int]]) -> float:
        return sum(hypot(found[a][0] - found[b][0], found[a][1] - found[b][1])
                   for a, b in pairs) / len(pairs)  # fmt: skip

    assert mean(ends) < 0.6 * mean(list(combinations(range(columns * rows), 2)))


def test_no_host_hides_another() -> None:
    """Also where many lie on one spot."""
    found = places(20, [(0, n) for n in range(1, 20)], **{f"H{n}": (1.0, 1.0) for n in range(12)},
                   **{f"H{n}": (n, 3.0) for n in range(12, 20)})  # fmt: skip
    apart = [hypot(a[0] - b[0], (a[1] - b[1]) * 0.47) for a, b in combinations(found, 2)]
    assert min(apart) > 0.01


def test_places_of_the_topology_are_kept() -> None:
    """A host without one lies between its neighbours; if most have none, all are laid out."""
    found = places(4, [(0, 3), (1, 3)], H0=(0.0, 0.0), H1=(10.0, 0.0), H2=(10.0, 10.0))
    assert found[0] == pytest.approx((0.0, 0.0))
    assert found[2] == pytest.approx((1.0, 1.0))
    assert found[3] == pytest.approx((0.5, 0.0))
    alone = places(4, [(0, 1), (1, 2)], H0=(0.0, 0.0), H1=(10.0, 0.0), H2=(10.0, 10.0))
    assert 0 <= alone[3][0] <= 1
    assert places(4, grid(2, 2), H0=(0.0, 0.0)) == places(4, grid(2, 2))
    assert plain_layout.own([(1.0, 1.0), (1.0, 1.0)], []) is None


def test_parts_that_nothing_joins_lie_apart() -> None:
    found = places(6, [(0, 1), (1, 2), (3, 4), (4, 5)])
    assert len({(round(x, 2), round(y, 2)) for x, y in found}) == 6
