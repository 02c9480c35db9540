"""GML: nested lists of keys and values, as networkx and the Topology Zoo write it."""

from __future__ import annotations

import re
from html import unescape
from typing import Any, Final

from lab.topology.maps.map import GraphFault, Map, number_or_text

DEEPEST: Final = 100
_TOKEN: Final = re.compile(r'\s+|#[^\n]*|"([^"]*)"|([\[\]])|([^\s\[\]"#][^\s\[\]"]*)|(.)', re.S)
_LIST_BEGINS: Final = "_networkx_list_start"
_OTHERS: Final = {"+INF": "inf", "-INF": "-inf", "NAN": "nan", "+NAN": "nan", "-NAN": "nan"}


def read_gml(text: str) -> Map:
    """Return the map of a GML file; nodes are known by their ids, and may have labels."""
    made = Map("GML")
    lists = _parsed(text)
    graphs = [value for key, value in lists if key.lower() == "graph" and isinstance(value, list)]
    if not graphs:
        raise GraphFault("it has no graph [ ... ]")
    for key, value in graphs[0]:
        name = key.lower()
        if name == "node" and isinstance(value, list):
            attributes = _table(value)
            if "id" not in attributes:
                raise GraphFault(f"node number {len(made.nodes) + 1} has no id")
            made.add_node(_end(attributes.pop("id")), _placed(attributes))
        elif name == "edge" and isinstance(value, list):
            attributes = _table(value)
            if "source" not in attributes or "target" not in attributes:
                raise GraphFault(f"edge number {len(made.edges) + 1} has no source or no target")
            made.add_edge(
                _end(attributes.pop("source")), _end(attributes.pop("target")), attributes
            )
        elif name == "directed":
            made.directed = value == 1
        else:
            made.attributes[key] = _plain(value)
    return made


def _end(value: Any) -> Any:
    return tuple(map(_end, value)) if isinstance(value, list) else value


def _placed(attributes: dict[str, Any]) -> dict[str, Any]:
    """Take the place out of a node's graphics."""
    graphics = attributes.get("graphics")
    if isinstance(graphics, dict) and {"x", "y"} <= graphics.keys():
        del attributes["graphics"]
        attributes.setdefault("pos", [graphics["x"], graphics["y"]])
    return attributes


def _parsed(text: str) -> list[tuple[str, Any]]:
    """Return a file as pairs of keys and values, of which some are lists of pairs."""
    outer: list[tuple[str, Any]] = []
    open_lists = [outer]
    key: str | None = None
    for match in _TOKEN.finditer(text):
        quoted, bracket, word, stray = match.groups()
        if stray is not None:
            raise _fault(text, match.start(), "the quotation mark has no second one")
        if bracket == "]":
            if key is not None or len(open_lists) == 1:
                raise _fault(text, match.start(), "nothing ends at this ]")
            open_lists.pop()
        elif bracket == "[":
            if key is None:
                raise _fault(text, match.start(), "there is no key before this [")
            if len(open_lists) > DEEPEST:
                raise GraphFault(f"lists are nested more than {DEEPEST} deep")
            inner: list[tuple[str, Any]] = []
            open_lists[-1].append((key, inner))
            open_lists.append(inner)
            key = None
        elif key is None and word is not None:
            key = word
        elif quoted is not None or word is not None:
            if key is None:
                raise _fault(text, match.start(), "there is no key before this text")
            value = unescape(quoted) if word is None else _number(word)
            open_lists[-1].append((key, value))
            key = None
    if key is not None or len(open_lists) > 1:
        raise GraphFault("it ends too early: a ] or a value is missing")
    return outer


def _number(word: str) -> Any:
    return number_or_text(_OTHERS.get(word.upper(), word))


def _fault(text: str, place: int, why: str) -> GraphFault:
    return GraphFault(f"line {text.count(chr(10), 0, place) + 1}: {why}")


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return pairs as a table; what several pairs have the same key for is a list."""
    table: dict[str, Any] = {}
    several: set[str] = set()
    for key, value in pairs:
        value = _plain(value)
        if key not in table:
            table[key] = value
        elif key in several:
            table[key].append(value)
        else:
            several.add(key)
            table[key] = [value] if table[key] == _LIST_BEGINS else [table[key], value]
    return table


def _plain(value: Any) -> Any:
    return _table(value) if isinstance(value, list) else value
