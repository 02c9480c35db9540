"""Globs over names of hosts and links."""

from __future__ import annotations

import pytest

from lab.topology.globs import is_glob, matches, matching_hosts, matching_links


@pytest.mark.parametrize(
    ("name", "glob", "expected"),
    [
        ("MIT-AI.ARPA", "mit-*", True),
        ("MIT-AI.ARPA", "*", True),
        ("MIT-AI.ARPA", "MIT-A?.ARPA", True),
        ("MIT-AI.ARPA", "MIT-AI", False),
        ("[10.0.0.1]", "[10.*]", True),
        ("1", "[10.*]", False),
    ],
)
def test_a_glob_stands_for_names_in_any_case(name: str, glob: str, expected: bool) -> None:
    assert matches(name, glob) == expected


def test_brackets_alone_make_no_glob() -> None:
    assert not is_glob("[10.0.0.1]")
    assert is_glob("[10.0.0.?]")


def test_matching_keeps_the_order_and_tries_links_both_ways_round() -> None:
    assert matching_hosts("*B*", ["xB", "A", "B"]) == ["xB", "B"]
    links = [("A", "B"), ("C", "A"), ("B", "C")]
    assert matching_links(("a", "*"), links) == [("A", "B"), ("C", "A")]
    assert matching_links(("B", "A"), links) == [("A", "B")]
