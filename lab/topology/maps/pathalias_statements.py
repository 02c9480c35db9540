"""Statements of a pathalias map about its hosts and links: dead, delete, adjust, private.

``dead {a, b!c}``: mail does not go on through a, and the link from b to c is a last resort.
``delete {a, b!c}``: there is no host a, and no link from b to c. ``adjust {a(FAST), b}``: the cost
is added to all links from a; the default cost to those from b. ``private {a}``: the name is for
this file alone, which is the whole map here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from lab.quantities import count_noun
from lab.topology.maps.map import Map, cost_of

STATEMENT: Final = re.compile(
    r"(private|dead|delete|adjust|gatewayed|file)\s*\{([^{}]*)\}\s*", re.I | re.S
)
_ENDS: Final = re.compile(r"([^!@:%()]+)[!@:%]([^!@:%()]+)")
_ADJUSTED: Final = re.compile(r"([^()]+?)\s*(?:\((.*)\))?")
_COMMA: Final = re.compile(r",(?![^()]*\))")

DEAD: Final = 100_000_000
"""The cost of a last resort."""

Cost = Callable[[str | None], float | None]
"""Returns the value of a cost; None if it is not understood."""


class MapStatements:
    """The statements of a map in braces, which are carried out once all of it is read."""

    def __init__(self) -> None:
        self._items: dict[str, list[str]] = {}

    def add(self, kind: str, items: str) -> None:
        """Add a statement: its word and what is in its braces."""
        listed = self._items.setdefault(kind.lower(), [])
        listed += [item for item in map(str.strip, _COMMA.split(items)) if item]

    def carry_out(self, made: Map, name_of: Callable[[str], str], cost: Cost) -> None:
        """Change a map as its statements say, and add remarks about what became of each.

        ``name_of`` returns the first name of a host.
        """
        for kind, carry_out in (("dead", _kill), ("delete", _delete)):
            hosts, links = self._parted(kind, name_of)
            named = len(hosts) + len(links)
            hosts &= made.nodes.keys()
            links &= {(a, b) for a, b, _ in made.edges}
            carry_out(made, hosts, links)
            if named:
                counted = f"{count_noun(len(hosts), 'host')} and {count_noun(len(links), 'link')}"
                missing = named - len(hosts) - len(links)
                in_words = f"; {missing} that it names are not in the map" if missing else ""
                made.remarks.append(f"{kind}: {counted} {_DONE[kind]}{in_words}")
        if biases := self._adjusted(name_of, cost):
            _adjust(made, biases)
            made.remarks.append(
                f"adjust: other costs for links from {count_noun(len(biases), 'host')}"
            )
        if private := self._items.get("private"):
            counted = "are hosts like any other" if len(private) > 1 else "is a host like any other"
            made.remarks.append(f"private: {count_noun(len(private), 'name')} {counted}")
        if nets := self._items.get("gatewayed"):
            made.remarks.append(
                f"gatewayed: not used; {count_noun(len(nets), 'network')} let all in"
            )

    def _parted(
        self, kind: str, name_of: Callable[[str], str]
    ) -> tuple[set[str], set[tuple[str, str]]]:
        """Return the hosts and the links that a statement names."""
        hosts, links = set(), set()
        for item in self._items.get(kind, ()):
            if ends := _ENDS.fullmatch(item):
                links.add((name_of(ends[1].strip()), name_of(ends[2].strip())))
            else:
                hosts.add(name_of(item))
        return hosts, links

    def _adjusted(self, name_of: Callable[[str], str], cost: Cost) -> dict[str, float]:
        """Return what is added to the cost of links, by the host from which they go."""
        biases: dict[str, float] = {}
        for item in self._items.get("adjust", ()):
            match = _ADJUSTED.fullmatch(item)
            bias = None if match is None else cost(match[2])
            if match is not None and bias is not None:
                host = name_of(match[1])
                biases[host] = biases.get(host, 0.0) + bias
        return biases


_DONE: Final = {
    "dead": "are a last resort: no mail goes on through such a host",
    "delete": "are left out",
}


def _kill(made: Map, hosts: set[str], links: set[tuple[str, str]]) -> None:
    for host in hosts:
        if made.nodes[host].get("kind") != "router":
            made.nodes[host]["relay"] = False
    for a, b, attributes in made.edges:
        if (a, b) in links:
            attributes["cost"] = DEAD


def _delete(made: Map, hosts: set[str], links: set[tuple[str, str]]) -> None:
    for host in hosts:
        del made.nodes[host]
    if hosts or links:
        made.edges = [
            (a, b, attributes)
            for a, b, attributes in made.edges
            if a not in hosts and b not in hosts and (a, b) not in links
        ]


def _adjust(made: Map, biases: dict[str, float]) -> None:
    for a, _, attributes in made.edges:
        if isinstance(a, str) and a in biases:
            attributes["cost"] = max(0.0, cost_of(attributes) + biases[a])
