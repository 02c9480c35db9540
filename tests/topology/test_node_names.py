"""How hosts get their names and labels from the nodes of a graph."""

from __future__ import annotations

import random

import networkx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.protocol import parse_domain
from lab.topology.model import Topology, from_dict
from lab.topology.node_names import (
    LONGEST_NAME,
    NodeName,
    label_of,
    names_of_nodes,
    to_rfc821_name,
    to_rfc821_names,
)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("New York", "New-York"),
        ("Zürich", "Zurich"),
        ("Zu\u0308rich", "Zurich"),
        ("3COM", "H3COM"),
        ("7", "H7"),
        ("C&NL  MAN", "C-NL-MAN"),
        ("--x--", "x"),
        ("a..b.", "a.b"),
        ("mit-ai.1.arpa", "mit-ai.H1.arpa"),
        ("東京", "DongJing"),
        ("Москва", "Moskva"),
        ("Αθήνα", "Athina"),
        ("القاهرة", "lqhrh"),
        ("🙂", "slight-smile"),
        ("\u202e\x1b[2J", "H2J"),
        ("\u202e...", "H"),
        ("", "H"),
        ("x" * 100, "x" * 64),
        ("é" * 100_000, "e" * 64),
    ],
)
def test_a_label_becomes_a_name_by_the_stated_rule(label: str, name: str) -> None:
    assert to_rfc821_name(label) == name


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(max_size=80), max_size=30))
def test_every_label_gets_a_name_of_its_own_that_the_grammar_takes(labels: list[str]) -> None:
    names = list(to_rfc821_names(dict(enumerate(labels))).values())
    assert len({name.upper() for name in names}) == len(labels)
    for name in names:
        assert parse_domain(name) == name
        assert len(name) <= LONGEST_NAME


def test_names_that_are_fit_come_first_and_clashes_are_numbered() -> None:
    labels = ["New York", "New-York", "new york", "New-York-2"]
    names = to_rfc821_names(dict(enumerate(labels)))
    assert list(names.values()) == ["New-York-3", "New-York", "new-york-4", "New-York-2"]


def test_numbers_with_and_without_zeros_are_one_name() -> None:
    names = list(to_rfc821_names({1: "#7", 2: "#07", 3: "a.#7", 4: "A.#007"}).values())
    assert names == ["H7", "#07", "a.H7", "A.#007"]


def test_the_order_of_the_nodes_does_not_matter() -> None:
    nodes = [
        (10, {"label": "None"}), (9, {"label": "None"}), ("a", {"label": "東京"}),
        ("b", {"label": "東京"}), ("DongJing", {}), (3, {"label": "new york"}),
        (4, {"label": "New-York"}), (5, {"label": "New York"}),
    ]  # fmt: skip
    names = names_of_nodes(nodes)
    assert (names[9].name, names[10].name) == ("None", "None-2")
    assert [names[node].name for node in ("DongJing", "a", "b")] == [
        "DongJing", "DongJing-2", "DongJing-3",
    ]  # fmt: skip
    for seed in range(20):
        random.Random(seed).shuffle(nodes)
        assert names_of_nodes(nodes) == names


def test_another_node_with_another_label_changes_no_name() -> None:
    few = {"a": "Zürich", "b": "東京", "c": "New York"}
    many = {"z": "Ålesund"} | few | {"y": "Bern"}
    names = to_rfc821_names(many)
    assert to_rfc821_names(few).items() <= names.items()


@pytest.mark.parametrize(
    ("node", "attributes", "label"),
    [
        (0, {"label": " Oslo ", "name": "other"}, "Oslo"),
        (0, {"name": "Oslo"}, "Oslo"),
        (0, {"Label": "Oslo"}, "Oslo"),
        ("n0", {"label": "5", "name": "Oslo"}, "Oslo"),
        ("Oslo", {"label": 5}, "Oslo"),
        (0, {"label": 5}, "5"),
        ("Oslo", {}, "Oslo"),
        ("Oslo", {"label": "", "name": None}, "Oslo"),
        ("Oslo", {"label": ["a"], "name": True}, "Oslo"),
        ((0, 1), {}, "0-1"),
        ([0, [1, "x"]], {}, "0-1-x"),
        ("\ud800x", {}, "?x"),
        ("", {}, ""),
    ],
)
def test_the_label_of_a_node(node: object, attributes: dict[str, object], label: str) -> None:
    assert label_of(node, attributes) == label  # type: ignore[arg-type]


def test_a_label_is_kept_where_it_says_more_than_the_name() -> None:
    named = names_of_nodes([
        ("Zürich", {}), ("Bern", {}), (0, {"name": "Genève"}), (7, {}), ((0, 1), {}),
        ("8", {}), ("x", {"label": "..."}), ("GW.ARPA", {"label": "Wien"}),
    ])  # fmt: skip
    assert list(named.values()) == [
        NodeName("Zürich", "Zurich", "Zürich"),
        NodeName("Bern", "Bern", ""),
        NodeName("Genève", "Geneve", "Genève"),
        NodeName("7", "H7", ""),
        NodeName("0-1", "H0-1", ""),
        NodeName("8", "H8", ""),
        NodeName("...", "x", "..."),
        NodeName("GW.ARPA", "GW.ARPA", "Wien"),
    ]
    assert [each.is_changed for each in named.values()] == [True, False, True] + [True] * 4 + [
        False
    ]


def test_the_hosts_of_a_graph_have_names_for_the_wire_and_labels_for_people() -> None:
    graph = networkx.Graph([("東京", "Zürich"), ("Zürich", "A")])
    hosts = Topology.from_graph(graph).hosts
    assert [(host.name, host.label) for host in hosts.values()] == [
        ("DongJing", "東京"), ("Zurich", "Zürich"), ("A", ""),
    ]  # fmt: skip


def test_a_host_with_a_label_keeps_its_name_through_a_graph() -> None:
    topology = from_dict({"host": [{"name": "GW", "label": "Zürich"}, {"name": "B"}]})
    graph = topology.graph
    again = Topology.from_graph(graph)
    assert again.hosts == topology.hosts
    graph.nodes["GW"]["label"] = "Genève"
    assert Topology.from_graph(graph).hosts["GW"].label == "Genève"
    assert "label" not in graph.nodes["B"]
