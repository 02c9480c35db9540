"""DOT, the language of Graphviz: nodes, edges, chains of edges, and groups of nodes."""

from __future__ import annotations

import re
from collections.abc import Hashable
from itertools import pairwise
from typing import Any, Final

from lab.topology.maps.map import GraphFault, Map, number_or_text

DEEPEST: Final = 100
MOST_JOINED: Final = 100_000
"""Edges that one statement may make: { a b } -- { c d } are four."""

_TOKEN: Final = re.compile(
    r'\s+|//[^\n]*|/\*.*?\*/|^#[^\n]*|"((?:[^"\\]|\\.)*)"|(->|--|[{}\[\];,=:])'
    r"|<((?:[^<>]|<[^<>]*>)*)>|(-?(?:\.\d+|\d+\.?\d*)(?![\w])|[^\s\"{}\[\];,=:<>-]+)|(.)",
    re.S | re.M,
)
_WORDS: Final = ("graph", "node", "edge")


def read_dot(text: str) -> Map:
    """Return the map of the first graph of a DOT file."""
    return _Reader(text).graph()


class _Reader:
    """Goes through the tokens of a text once; a token is a kind and a text."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        self._next = 0
        self._made = Map("DOT")
        for match in _TOKEN.finditer(text):
            quoted, mark, html, word, stray = match.groups()
            if stray is not None:
                line = text.count("\n", 0, match.start()) + 1
                raise GraphFault(f"line {line}: there should be no {stray!r} here")
            if quoted is not None:
                self._tokens.append(("text", _unescaped(quoted)))
            elif html is not None:
                self._tokens.append(("text", re.sub(r"<[^<>]*>", " ", html).strip()))
            elif mark or word:
                self._tokens.append(("mark", mark) if mark else ("word", word))

    def graph(self) -> Map:
        if self._is_word("strict"):
            self._next += 1
        self._made.directed = self._is_word("digraph")
        if not self._made.directed and not self._is_word("graph"):
            raise GraphFault("it does not begin with graph or digraph")
        self._next += 1
        if not self._is("{"):
            self._made.attributes["name"] = self._text()
        self._statements(0)
        return self._made

    def _is_word(self, word: str) -> bool:
        return self._peek()[0] == "word" and self._peek()[1].lower() == word

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._next] if self._next < len(self._tokens) else ("end", "")

    def _is(self, mark: str) -> bool:
        return self._peek() == ("mark", mark)

    def _take(self, mark: str) -> None:
        if not self._is(mark):
            raise GraphFault(f"{mark} is missing before {self._peek()[1][:40] or 'its end'!r}")
        self._next += 1

    def _text(self) -> str:
        kind, text = self._peek()
        if kind not in ("word", "text"):
            raise GraphFault(f"a name is missing before {text[:40] or 'its end'!r}")
        self._next += 1
        while self._is(":"):  # the port of a node, which says where a line is drawn
            self._next += 1
            self._text()
        return text

    def _statements(self, depth: int) -> list[Hashable]:
        """Read what is in braces; return its nodes."""
        if depth > DEEPEST:
            raise GraphFault(f"groups are nested more than {DEEPEST} deep")
        self._take("{")
        nodes: dict[Hashable, None] = {}
        while not self._is("}"):
            if self._is(";") or self._is(","):
                self._next += 1
            else:
                nodes |= dict.fromkeys(self._statement(depth))
        self._next += 1
        return list(nodes)

    def _statement(self, depth: int) -> list[Hashable]:
        kind, text = self._peek()
        if kind == "word" and text.lower() in _WORDS:
            self._next += 1
            attributes = self._attributes()
            if text.lower() == "graph":
                self._made.attributes |= attributes
            return []
        following = self._tokens[self._next + 1 : self._next + 2]
        if following == [("mark", "=")] and kind != "mark":
            self._next += 2
            self._made.attributes[text] = number_or_text(self._text())
            return []
        chain = [self._operand(depth)]
        while self._is("->") or self._is("--"):
            self._next += 1
            chain.append(self._operand(depth))
        attributes = self._attributes()
        if len(chain) == 1:
            for node in chain[0]:
                self._made.add_node(node, attributes)
        for tails, heads in pairwise(chain):
            if len(tails) * len(heads) > MOST_JOINED:
                raise GraphFault(f"a statement joins more than {MOST_JOINED:,} pairs of nodes")
            for a in tails:
                for b in heads:
                    self._made.add_edge(a, b, dict(attributes))
        return [node for nodes in chain for node in nodes]

    def _operand(self, depth: int) -> list[Hashable]:
        if self._is_word("subgraph"):
            self._next += 1
            if not self._is("{"):
                self._text()
            return self._statements(depth + 1)
        if self._is("{"):
            return self._statements(depth + 1)
        node = self._text()
        self._made.add_node(node)
        return [node]

    def _attributes(self) -> dict[str, Any]:
        attributes: dict[str, Any] = {}
        while self._is("["):
            self._next += 1
            while not self._is("]"):
                if self._is(",") or self._is(";"):
                    self._next += 1
                    continue
                name = self._text()
                value: Any = True
                if self._is("="):
                    self._next += 1
                    value = number_or_text(self._text())
                if (name, value) != ("label", "\\N"):
                    attributes[name] = value
            self._next += 1
        return attributes


def _unescaped(text: str) -> str:
    text = text.replace("\\\n", "").replace('\\"', '"')
    return text if text == "\\N" else re.sub(r"\\[nlr]", " ", text).strip()
