"""What every reader of graph files builds on: nodes, edges, numbers, and their bounds."""

from __future__ import annotations

import math
from typing import Any

import networkx
import pytest

from lab.topology.maps import map as map_module
from lab.topology.maps.map import (
    GraphFault,
    Map,
    as_key,
    cost_of,
    number_or_text,
    of_networkx,
    to_networkx,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7), ("-7", -7), ("7.5", 7.5), ("1e3", 1000.0), ("Denver", "Denver"), ("", ""),
        ("12345678901234567890", 12345678901234567890.0), ("9" * 61, "9" * 61), ("0x7", "0x7"),
    ],
)  # fmt: skip
def test_a_word_is_a_number_if_it_can_be_one(text: str, value: Any) -> None:
    """A number of many digits is a float, and one of more than sixty a text."""
    found = number_or_text(text)
    assert (found, type(found)) == (value, type(value))


def test_a_node_of_json_is_a_text_a_number_or_a_list() -> None:
    assert as_key("A") == "A"
    assert as_key([1, [2, "x"]]) == (1, (2, "x"))
    with pytest.raises(GraphFault, match=r"^a node is a table; write a text, a number or a list$"):
        as_key([1, {"id": 2}])


def test_edges_add_the_nodes_that_are_missing() -> None:
    made = Map("test")
    made.add_node("A", {"x": 1})
    made.add_edge("A", "B", {"cost": 2})
    made.add_node("A", {"y": 2})
    made.add_node("B")
    assert made.nodes == {"A": {"x": 1, "y": 2}, "B": {}}
    assert made.edges == [("A", "B", {"cost": 2})]


def test_a_map_has_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_module, "LARGEST_GRAPH", 2)
    monkeypatch.setattr(map_module, "MOST_EDGES", 2)
    made = Map("test")
    made.add_edge("A", "B")
    made.add_edge("B", "A")
    with pytest.raises(GraphFault, match=r"^the graph has more than 2 edges; use fewer$"):
        made.add_edge("A", "B")
    with pytest.raises(GraphFault, match=r"^the graph has more than 2 nodes; use fewer$"):
        made.add_node("C")
    with pytest.raises(GraphFault, match=r"^a node has a name of [\d,]+ letters; use [\d,]+$"):
        Map("test").add_node("x" * (map_module.LONGEST_NAME + 1))


def test_attributes_of_networkx_have_texts_for_names() -> None:
    """networkx takes any name; a file and the lab take texts."""
    graph = networkx.MultiDiGraph(title="T")
    graph.add_node("A", **{"x": 1})
    graph.nodes["A"][7] = "seven"
    graph.add_edge("A", "B", cost=1)
    made = of_networkx(graph)
    assert (made.directed, made.attributes) == (True, {"title": "T"})
    assert made.nodes == {"A": {"x": 1, "7": "seven"}, "B": {}}
    assert made.edges == [("A", "B", {"cost": 1})]


def test_of_a_list_of_costs_the_cheapest_edge_of_each_pair_is_kept() -> None:
    """Other formats keep every edge."""
    made = Map("test", lists=True)
    for a, b, attributes in (
        ("A", "B", {"cost": 5}), ("B", "A", {"cost": 3}), ("A", "B", {"cost": 9}),
        ("B", "C", {}), ("B", "C", {}),
    ):  # fmt: skip
        made.add_edge(a, b, attributes)
    graph = to_networkx(made)
    assert sorted(graph.edges(data="cost")) == [("A", "B", 3), ("B", "C", None)]
    made.lists = False
    assert to_networkx(made).number_of_edges() == 5


def test_a_cost_that_is_missing_or_a_text_is_the_highest() -> None:
    assert cost_of({"cost": 5}) == 5.0
    assert cost_of({"cost": "LOCAL"}) == cost_of({}) == math.inf
