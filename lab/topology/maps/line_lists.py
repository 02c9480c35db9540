"""Lists of edges and of neighbours, a line each, as people and networkx write them."""

from __future__ import annotations

import math
import re
from collections import Counter
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
    long: dict[int, list[str]] = {}
    for number, line in lines_of(text):
        try:
            names, attributes, unread = _edge(line)
        except ValueError as why:
            raise GraphFault(f"line {number}: {why}") from None
        beyond += unread
        costs += "cost" in attributes
        if not first_text and "data" in attributes:
            first_text = f"line {number}: the cost {as_toml(attributes['data'])} is not a number"
        if len(names) > 2:
            long[len(made.edges)] = names
            made.edges.append((number, "", attributes))
        else:
            made.add_edge(node_of(names[0]), node_of(names[1]), attributes)
    if long:
        _with_blanks(made, long)
    if not made.edges:
        raise GraphFault("it has no edges; write one a line: node node cost")
    if costs and first_text:
        raise GraphFault(f"{first_text}; write node node cost")
    if beyond:
        made.remarks.append(f"further words of {count_noun(beyond, 'line')} were not used")
    return made


def _edge(line: str) -> tuple[list[str], dict[str, Any], int]:
    """Return the nodes and attributes of a line, and whether it has further words.

    Before a dictionary or a cost, more than two words are names with blanks.
    """
    words = split(line)
    if words[1:2] and words[1] in _ARROWS:
        del words[1]
    if len(words) < 2 or not _ARROWS.isdisjoint(words):
        raise ValueError(f"{as_toml(line.strip())} is not an edge; write node node cost")
    if words[-1].startswith("{"):
        attributes = table_of(words[-1])
        if attributes is None:
            raise ValueError(f"{as_toml(words[-1])} is not a dictionary, such as {{'weight': 3}}")
        if len(words) < 3:
            raise ValueError(f"{as_toml(line.strip())} is not an edge; write node node cost")
        return words[:-1], attributes, 0
    if len(words) == 2:
        return words, {}, 0
    value = number_or_text(words[2])
    if isinstance(value, (int, float)):
        return words[:2], _cost(value), len(words) > 3
    last = number_or_text(words[-1])
    if isinstance(last, (int, float)) and len(words) <= _MOST_WORDS:
        return words[:-1], _cost(last), 0
    return words[:2], {"data": value}, len(words) > 3


def _cost(value: float) -> dict[str, Any]:
    """Return a cost as an attribute: by a name for which notes count what cannot be used."""
    return {"cost" if 0 <= value < math.inf else "weight": value}


_MOST_WORDS: Final = 12
"""Words of a line that may be two names with blanks in them, and a cost."""


def _with_blanks(made: Map, long: dict[int, list[str]]) -> None:
    """Part words into two names each, where a list has names with blanks and without quotes.

    Of the places where they can be parted, the one counts at which both names are in most lines.
    ``long`` has the words by the number of the edge, which is there without nodes.
    """
    times = Counter(str(node) for a, b, _ in made.edges if b for node in (a, b))
    for words in long.values():
        for place in range(1, len(words)):
            times[" ".join(words[:place])] += 1
            times[" ".join(words[place:])] += 1
    edges, made.edges = made.edges, []
    example = ""
    for number, (a, b, attributes) in enumerate(edges):
        if number in long:
            words = long[number]
            parted = [(" ".join(words[:n]), " ".join(words[n:])) for n in range(1, len(words))]
            a, b = max(parted, key=lambda names: _support(times, *names))
            example = example or f"{as_toml(a)} and {as_toml(b)}"
        made.add_edge(a, b, attributes)
    lines = count_noun(len(long), "line has names", "lines have names")
    made.remarks.append(f"{lines} with blanks, taken for such as {example}; write them in quotes")


def _support(times: Counter[str], a: str, b: str) -> tuple[int, int, int]:
    """Return in how many lines both names are, and the better one, and how long that is."""
    best = max((a, b), key=lambda name: (times[name], len(name)))
    return min(times[a], times[b]), times[best], len(best)


def read_neighbours(text: str) -> Map:
    """Return the map of networkx's adjacency lists, on one line a node or on several."""
    lines = list(lines_of(text))
    try:
        numbered_lines = [(number, split(line)) for number, line in lines]
    except ValueError as why:
        raise GraphFault(str(why)) from None
    if not numbered_lines:
        raise GraphFault("it has no nodes; write a node and its neighbours on each line")
    made = _blocks(numbered_lines)
    if made is not None:
        return made
    made = Map("adjacency list")
    for _, words in numbered_lines:
        node = node_of(words[0])
        made.add_node(node)
        for word in words[1:]:
            made.add_edge(node, node_of(word))
    return made


def _blocks(numbered_lines: list[tuple[int, list[str]]]) -> Map | None:
    """Return the map of a multi-line adjacency list; None if the lines are no such list.

    A line has a node and how many neighbours it has; each has a line below.
    """
    made = Map("multi-line adjacency list")
    place = 0
    while place < len(numbered_lines):
        words = numbered_lines[place][1]
        if len(words) != 2 or not words[1].isdecimal() or len(words[1]) > 7:
            return None
        node, count = node_of(words[0]), int(words[1])
        below = [line for _, line in numbered_lines[place + 1 : place + 1 + count]]
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
                made.directed |= section.startswith(("*arcs", "*matrix"))
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
    words_left = words[2:]
    if words_left and isinstance(number_or_text(words_left[0]), (int, float)):
        attributes["weight"] = number_or_text(words_left[0])
        words_left = words_left[1:]
    made.add_edge(
        _known(order, made, words[0]),
        _known(order, made, words[1]),
        attributes | _pairs(words_left),
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
