"""Lists of edges and of neighbours, a line each, as people and networkx write them."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Iterator
from typing import Any, Final

from lab.quantities import as_toml, count_noun
from lab.topology.maps.map import GraphFault, Map, number_or_text
from lab.topology.maps.words import node_of, split, table_of, value_of

_COMMENT: Final = re.compile(r"(?:^|\s)#.*")
_ARROWS: Final = frozenset(("--", "->", "<->", "<-", "=>", "-", "<=>", "---", "-->"))
_WRITTEN_BY_NETWORKX: Final = re.compile(r"\A(?:#[^\n]*\n){0,2}# GMT [^\n]*\n", re.M)


def lines_of(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text that hold something, with their numbers."""
    for number, line in enumerate(text.splitlines(), 1):
        if "#" in line:
            line = _COMMENT.sub("", line, count=1) if "{" not in line else _uncommented(line)
        if line.strip() and not line.lstrip().startswith(("%", "//")):
            yield number, line


def _uncommented(line: str) -> str:
    # a # in the text of a dictionary begins no comment
    if line.lstrip().startswith("#"):
        return ""
    end = line.rfind("}") + 1
    return line[:end] + _COMMENT.sub("", line[end:], count=1)


def read_edge_list(text: str) -> Map:
    """Return the map of lines with two nodes each, and perhaps a cost or a dictionary.

    ``ucbvax decvax 300``, ``(0, 1) (0, 2) {'weight': 3}``.
    """
    if _WRITTEN_BY_NETWORKX.match(text):
        return read_neighbours(text)
    made = Map("edge list", lists=True)
    beyond = costs = 0
    first_text = ""
    for number, line in lines_of(text):
        try:
            a, b, attributes, rest = _edge(line)
        except ValueError as why:
            raise GraphFault(f"line {number}: {why}") from None
        beyond += rest
        costs += "cost" in attributes
        if not first_text and "data" in attributes:
            first_text = f"line {number}: the cost {as_toml(attributes['data'])} is not a number"
        made.add_edge(a, b, attributes)
    if not made.edges:
        raise GraphFault("it has no edges; write one a line: node node cost")
    if costs and first_text:
        raise GraphFault(f"{first_text}; write node node cost")
    if beyond:
        made.remarks.append(f"further words of {count_noun(beyond, 'line')} were not used")
    return made


def _edge(line: str) -> tuple[Hashable, Hashable, dict[str, Any], int]:
    """Return the nodes and attributes of a line, and whether it has further words."""
    words = split(line)
    if words[1:2] and words[1] in _ARROWS:
        del words[1]
    if len(words) < 2 or not _ARROWS.isdisjoint(words):
        raise ValueError(f"{as_toml(line.strip())} is not an edge; write node node cost")
    if len(words) == 2:
        return node_of(words[0]), node_of(words[1]), {}, 0
    if words[-1].startswith("{"):
        attributes = table_of(words[-1])
        if attributes is None:
            raise ValueError(f"{as_toml(words[-1])} is not a dictionary, such as {{'weight': 3}}")
        if len(words) > 3:
            raise ValueError(
                f"{as_toml(line.strip())} is not two nodes and a dictionary; write names with "
                "blanks in quotes"
            )
        return node_of(words[0]), node_of(words[1]), attributes, 0
    value = number_or_text(words[2])
    if not isinstance(value, (int, float)):
        return node_of(words[0]), node_of(words[1]), {"data": value}, len(words) > 3
    if not 0 <= value < math.inf:
        raise ValueError(f"the cost of a link must be 0 or more, not {words[2]}")
    return node_of(words[0]), node_of(words[1]), {"cost": value}, len(words) > 3


def read_neighbours(text: str) -> Map:
    """Return the map of networkx's adjacency lists, on one line a node or on several."""
    lines = list(lines_of(text))
    try:
        found = [(number, split(line)) for number, line in lines]
    except ValueError as why:
        raise GraphFault(str(why)) from None
    if not found:
        raise GraphFault("it has no nodes; write a node and its neighbours on each line")
    made = _blocks(found)
    if made is not None:
        return made
    made = Map("adjacency list")
    for _, words in found:
        node = node_of(words[0])
        made.add_node(node)
        for word in words[1:]:
            made.add_edge(node, node_of(word))
    return made


def _blocks(found: list[tuple[int, list[str]]]) -> Map | None:
    """Return the map of a multi-line adjacency list; None if the lines are no such list.

    A line has a node and how many neighbours it has; each has a line below.
    """
    made = Map("multi-line adjacency list")
    place = 0
    while place < len(found):
        words = found[place][1]
        if len(words) != 2 or not words[1].isdecimal() or len(words[1]) > 7:
            return None
        node, count = node_of(words[0]), int(words[1])
        below = [line for _, line in found[place + 1 : place + 1 + count]]
        if len(below) < count or any(len(line) > 3 for line in below):
            return None
        made.add_node(node)
        for line in below:
            attributes = table_of(line[-1]) if len(line) > 1 else {}
            if attributes is None:
                return None
            made.add_edge(node, node_of(line[0]), attributes)
        place += 1 + count
    return made


# -- Pajek --------------------------------------------------------------------------------------


def read_pajek(text: str) -> Map:
    """Return the map of a Pajek file: vertices, arcs, edges, or a matrix."""
    made = Map("Pajek")
    order: dict[str, Hashable] = {}
    section, row = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("%"):
            continue
        try:
            words = split(line)
            if line.lstrip().startswith("*"):
                section, row = words[0].lower(), 0
                made.directed |= section.startswith("*arcs")
                if section == "*vertices" and len(words) > 1:
                    _check_vertices(words[1])
                continue
            if section == "*vertices":
                _vertex(made, order, words)
            elif section in ("*arcs", "*edges"):
                _pajek_edge(made, order, words)
            elif section in ("*arcslist", "*edgeslist"):
                for word in words[1:]:
                    made.add_edge(_known(order, made, words[0]), _known(order, made, word))
            elif section == "*matrix":
                _matrix_row(made, row, words)
                row += 1
        except ValueError as why:
            raise GraphFault(f"line {number}: {why}") from None
    if not made.nodes:
        raise GraphFault("it has no *Vertices")
    return made


def _check_vertices(word: str) -> None:
    if not word.isdecimal():
        raise ValueError(f"{as_toml(word)} is not a number of vertices")


def _vertex(made: Map, order: dict[str, Hashable], words: list[str]) -> None:
    number, label = words[0], node_of(words[1]) if len(words) > 1 else words[0]
    attributes: dict[str, Any] = {}
    place = [number_or_text(word) for word in words[2:5]]
    if len(place) >= 2 and all(isinstance(each, (int, float)) for each in place[:2]):
        attributes["pos"] = place[:2]
        words = words[:2] + words[4 + (len(place) > 2 and isinstance(place[2], (int, float))) :]
    attributes |= _pairs(words[2:])
    # two vertices may have the same label
    node = label if label not in made.nodes else f"{label} ({number})"
    order[number] = node
    made.add_node(node, attributes)


def _pairs(words: list[str]) -> dict[str, Any]:
    """Return the further words of a vertex or an edge; of an odd number the first is a shape."""
    words = words[len(words) % 2 :]
    return {words[i]: value_of(words[i + 1]) for i in range(0, len(words), 2)}


def _pajek_edge(made: Map, order: dict[str, Hashable], words: list[str]) -> None:
    if len(words) < 2:
        raise ValueError("an edge has two vertices and perhaps a weight")
    attributes: dict[str, Any] = {}
    rest = words[2:]
    if rest and isinstance(number_or_text(rest[0]), (int, float)):
        attributes["weight"] = number_or_text(rest[0])
        rest = rest[1:]
    made.add_edge(
        _known(order, made, words[0]), _known(order, made, words[1]), attributes | _pairs(rest)
    )


def _known(order: dict[str, Hashable], made: Map, word: str) -> Hashable:
    if word in order:
        return order[word]
    node: Hashable = node_of(word)
    if node in made.nodes:
        return node
    raise ValueError(f"there is no vertex {as_toml(word)}")


def _matrix_row(made: Map, row: int, words: list[str]) -> None:
    nodes = list(made.nodes)
    if row >= len(nodes) or len(words) > len(nodes):
        raise ValueError("the matrix has more rows or columns than there are vertices")
    for node, word in zip(nodes, words, strict=False):
        if number_or_text(word) not in (0, "0"):
            made.add_edge(nodes[row], node, {"weight": number_or_text(word)})
