"""The map: places that follow from the links alone, and words that can be read."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from helpers.places import TOPOLOGIES
from helpers.synthetic_traces import forked, relayed
from matplotlib.axes import Axes
from matplotlib.text import Text

import lab
from lab import views
from lab.topology.model import from_dict
from lab.views.pictures.map import ARROWS, map_trace
from lab.views.pictures.plot_style import off_screen

MAPS = next(
    (path / "shared/data/topologyzoo" for path in Path(__file__).resolve().parents
     if (path / "shared/data/topologyzoo").is_dir()),
    Path("nowhere"),
)  # fmt: skip


def described(graph: Any, **more: Any) -> dict[str, Any]:
    names = [f"HOST-{n:02}.ARPA" for n in range(len(graph))]
    return {
        "title": "A map",
        "environments": [{"name": "arpanet"}, {"name": "csnet"}],
        "hosts": [
            {"name": name, "relay": n % 3 == 0, "kind": "router" if n == 4 else "host", "users": n}
            for n, name in enumerate(names)
        ],
        "links": [
            {"a": names[a], "b": names[b], "environment": "csnet", "latency": 0.04}
            for a, b in graph.edges
        ],
    } | more


def drawn(source: Any) -> Axes:
    with off_screen():
        ax = views.network_map(source)
    ax.figure.canvas.draw()
    return ax


GRAPHS = [
    nx.path_graph(1),
    nx.path_graph(2),
    nx.path_graph(3),
    nx.cycle_graph(5),
    nx.random_labeled_tree(12, seed=3),
    nx.star_graph(11),
    nx.empty_graph(6),
    nx.random_labeled_tree(40, seed=4),
    nx.barabasi_albert_graph(40, 2, seed=1),
]


@pytest.mark.parametrize("graph", GRAPHS, ids=str)
def test_every_host_is_named_within_the_figure(graph: Any) -> None:
    ax = drawn(described(graph))
    names = [text for text in ax.texts if text.get_gid() == "name"]
    assert len(names) == len(graph)
    width, height = ax.figure.canvas.get_width_height()
    boxes = [text.get_window_extent() for text in names]
    assert all(b.x0 >= 0 and b.y0 >= 0 and b.x1 <= width and b.y1 <= height for b in boxes)
    for one, other in combinations(boxes, 2):
        assert not one.padded(-2).overlaps(other.padded(-2))


@pytest.mark.parametrize("count", [300, 1200])
def test_of_very_many_hosts_only_the_busiest_are_named(count: int) -> None:
    ax = drawn(described(nx.barabasi_albert_graph(count, 2, seed=1)))
    assert 0 < len([text for text in ax.texts if text.get_gid() == "name"]) < 20


def test_hosts_lie_where_the_topology_puts_them() -> None:
    meta = described(nx.path_graph(3))
    for host, position in zip(meta["hosts"], [(0, 0), (5, 9), (10, 0)], strict=True):
        host["position"] = position
    ax = drawn(meta)
    xs = sorted(x for line in ax.lines for x in line.get_xdata())
    assert xs == pytest.approx([0, 0.5, 1])


def placed(positions: list[tuple[float, float] | None], **more: Any) -> dict[str, Any]:
    meta = described(nx.path_graph(len(positions)), **more)
    for host, position in zip(meta["hosts"], positions, strict=True):
        host["position"] = position
    return meta


def nearest_hosts(ax: Axes) -> float:
    """How far the two nearest hosts are from each other, in widths of the larger mark."""
    spots, sizes = [], []
    for line in ax.lines:
        if str(line.get_gid()).startswith("hosts"):
            found = ax.transData.transform(np.column_stack(line.get_data()))
            spots += list(found)
            sizes += [line.get_markersize() * ax.figure.dpi / 72] * len(found)
    return min(
        float(np.hypot(*(spots[a] - spots[b]))) / max(sizes[a], sizes[b])
        for a, b in combinations(range(len(spots)), 2)
    )


@pytest.mark.parametrize(
    "positions",
    [
        [(1.0, 2.0)] * 2,
        [(0.0, 0.0), (0.0, 0.0), (9.0, 5.0)],
        [(0.0, 0.0)] * 6 + [(1.0, 0.1)] * 6 + [(4.0, 3.0)],
        [(n % 7 * 1.0, n % 5 * 1.0) for n in range(58)],
        [((n * n) % 9 * 1.0, 0.01 * n) for n in range(200)],
        [(0.0, 0.0)] * 40 + [(1.0, 1.0)] * 20 + [(3.0, 3.0)],
    ],
    ids=["two", "three", "towns", "grid", "200", "cities"],
)
def test_hosts_of_one_place_do_not_hide_one_another(positions: list[tuple[float, float]]) -> None:
    ax = drawn(placed(list(positions)))
    assert nearest_hosts(ax) >= 1
    again = drawn(placed(list(positions)))
    assert [list(line.get_xdata()) for line in ax.lines] == [
        list(line.get_xdata()) for line in again.lines
    ]


def test_a_host_without_a_place_lies_amid_its_neighbours_and_the_legend_says_so() -> None:
    ax = drawn(placed([(0, 0), (10, 0), None, (30, 10), (40, 10)]))
    amid = next(x for line in ax.lines for x in line.get_xdata() if 0.3 < x < 0.7)
    assert amid == pytest.approx(0.5, abs=0.02)
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "1 host without a position, between neighbours" in words


def test_where_most_hosts_have_no_place_the_links_decide() -> None:
    some = placed([(0, 0), None, None, (30, 10), None])
    none = placed([None] * 5)
    one, other = drawn(some), drawn(none)
    assert [list(a.get_xdata()) for a in one.lines] == [list(b.get_xdata()) for b in other.lines]


@pytest.mark.skipif(not MAPS.is_dir(), reason="the maps of the Topology Zoo are not here")
@pytest.mark.parametrize("name", ["Arpanet19728", "Uunet", "Nsfnet"])
def test_a_real_map_has_every_host_and_every_name_in_sight(name: str) -> None:
    """Several hosts of the ARPANET stood in one town."""
    tables = {"graph": str(MAPS / f"{name}.gml"), "defaults": {"host": {"relay": True}}}
    ax = drawn(map_trace(from_dict(tables)).meta)
    assert nearest_hosts(ax) >= 1
    boxes = [text.get_window_extent() for text in ax.texts if text.get_gid() == "name"]
    for one, other in combinations(boxes, 2):
        assert not one.padded(-2).overlaps(other.padded(-2))


def test_routes_are_drawn_in_the_direction_in_which_sessions_opened() -> None:
    arrows = [patch.get_gid() for patch in drawn(relayed()).patches if patch.get_gid()]
    assert arrows == ["route MIT-AI.ARPA USC-ISIE.ARPA", "route USC-ISIE.ARPA BBN-VAX.ARPA"]


def test_each_environment_has_a_line_of_its_own_and_a_place_in_the_legend() -> None:
    meta = described(nx.cycle_graph(5))
    meta["links"][0]["environment"] = "arpanet"
    legend = [text.get_text() for text in drawn(meta).get_legend().get_texts()]
    assert legend[:2] == ["link of arpanet", "link of csnet"]


def test_two_links_of_one_pair_lie_side_by_side() -> None:
    meta = described(nx.path_graph(2))
    meta["links"].append({**meta["links"][0], "environment": "arpanet"})
    ends = [collection.get_segments()[0][8] for collection in drawn(meta).collections]
    assert not np.allclose(ends[0], ends[1])


def test_a_map_without_hosts_says_so() -> None:
    assert [text.get_text() for text in drawn({}).texts] == ["no hosts"]


def test_a_trace_and_its_description_give_the_same_places() -> None:
    trace = forked()
    one, other = drawn(trace), drawn(trace.meta)
    places = [[tuple(line.get_xdata()) for line in ax.lines] for ax in (one, other)]
    assert places[0] == places[1]


@pytest.mark.parametrize(
    ("topology", "marks"),
    [
        ("partition", {"link that was down": 1}),
        ("relay-dies", {"host that was down": 1}),
        ("loss", {"link that was disturbed": 1}),
        ("crash", {"host that was down": 1}),
        ("refuse", {"host that was disturbed": 1}),
        ("../campus", {}),
    ],
)
def test_what_failed_is_marked_where_it_failed(topology: str, marks: dict[str, int]) -> None:
    """A cross or a diamond for each link and host that failed, and a word for it in the key."""
    trace = lab.simulate(TOPOLOGIES / f"faults/{topology}.toml").trace
    ax = drawn(trace)
    crosses = {
        line.get_gid().removeprefix("faults "): len(line.get_xdata())
        for line in ax.lines
        if str(line.get_gid()).startswith("faults")
    }
    assert crosses == marks
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert set(marks) == {word for word in words if "that was" in word}


def test_on_a_large_map_the_busiest_routes_are_drawn_and_the_legend_says_so() -> None:
    made = {"kind": "barabasi_albert_graph", "n": 130, "m": 2}
    tables = {
        "generate": made,
        "defaults": {"host": {"relay": True, "users": ["u"]}},
        "traffic": [{"count": 400, "rate": "50 /s"}],
    }
    trace = lab.simulate(from_dict(tables), trace="session").trace
    opened = Counter((row[2], row[3]) for row in trace.rows if row[1] == "open")
    assert len(opened) > ARROWS
    with off_screen():
        ax = views.network_map(trace)
    routes = {patch.get_gid() for patch in ax.patches if str(patch.get_gid()).startswith("route")}
    assert len(routes) == ARROWS
    least = min(opened[tuple(route.split()[1:])] for route in routes)
    assert sum(count > least for count in opened.values()) <= ARROWS
    legend = [text.get_text() for text in ax.get_figure().findobj(Text)]
    assert any(f"the {ARROWS} busiest of {len(opened)} routes" in text for text in legend)
