"""The host tables: which host comes next on the way to a domain.

Hosts that can open a transmission channel to each other are neighbours. Mail for a neighbour goes
straight to it; other mail to the next host on the shortest way (least cost) over hosts that relay.
One tree of next hops is grown for each destination that is asked for, backward from it, and the
most recent ones are kept: nothing of the size of the square of the network is ever held.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import NamedTuple

KEPT_TREES = 1024
"""Trees of next hops that are kept; each takes some hundred bytes a host."""


class Neighbour(NamedTuple):
    """A host that a channel can be opened to: over which environment, at which cost."""

    name: str
    environment: str
    cost: float


class RoutingTable:
    """Next hops between the hosts of a network.

    ``neighbours`` gives a host's neighbours, best first for each; ``relays`` are the hosts that
    relay; ``names`` maps every name of a host, in capitals, to the host.
    """

    def __init__(
        self,
        neighbours: Callable[[str], Iterable[Neighbour]],
        relays: set[str],
        names: dict[str, str],
    ) -> None:
        self._neighbours = neighbours
        self._relays = relays
        self._names = names
        self._near: dict[str, dict[str, Neighbour]] = {}
        self._trees: OrderedDict[str, dict[str, str]] = OrderedDict()

    def resolve(self, domain: str) -> str | None:
        """The host that a domain names, in any environment; None if there is none."""
        return self._names.get(domain.upper())

    def near(self, host: str) -> dict[str, Neighbour]:
        """The neighbours of a host by name."""
        found = self._near.get(host)
        if found is None:
            found = {}
            for neighbour in self._neighbours(host):
                best = found.get(neighbour.name)
                if best is None or neighbour.cost < best.cost:
                    found[neighbour.name] = neighbour
            self._near[host] = found
        return found

    def next_hop(
        self, here: str, domain: str, avoided: frozenset[str] = frozenset()
    ) -> Neighbour | None:
        """The neighbour to send to from ``here`` for mail to ``domain``; None if there is no way.

        ``avoided`` hosts are not on the way.
        """
        there = self.resolve(domain)
        if there is None or there in avoided:
            return None
        near = self.near(here)
        if there in near:
            return near[there]
        onward = (self._grow(there, avoided) if avoided else self._tree(there)).get(here)
        return near[onward] if onward is not None else None

    def way_round(
        self, here: str, domain: str, blocked: str, avoided: frozenset[str]
    ) -> list[str] | None:
        """The hosts on the best way to ``domain`` that does not begin with the neighbour that is
        ``blocked`` and leads over no ``avoided`` host; None if there is none.
        """
        there = self.resolve(domain)
        if there is None or there in avoided:
            return None
        avoided |= {here} if blocked == there else {here, blocked}
        tree = self._grow(there, avoided)
        best: tuple[float, int, list[str]] | None = None
        for neighbour in self.near(here).values():
            name = neighbour.name
            if name == blocked or name in avoided or (name != there and name not in tree):
                continue
            if name != there and name not in self._relays:
                continue
            way, cost = [name], neighbour.cost
            while way[-1] != there:
                onward = self.near(way[-1])[tree[way[-1]]]
                way.append(onward.name)
                cost += onward.cost
            if best is None or (cost, len(way), way) < best:
                best = (cost, len(way), way)
        return best and best[2]

    def way(self, here: str, domain: str) -> list[str] | None:
        """The hosts after ``here`` on the way to ``domain``, the last included; None if no way."""
        there = self.resolve(domain)
        hosts: list[str] = []
        while there is not None and here != there:
            hop = self.next_hop(here, there)
            if hop is None:
                return None
            here = hop.name
            hosts.append(here)
        return hosts

    def _tree(self, there: str) -> dict[str, str]:
        tree = self._trees.get(there)
        if tree is None:
            tree = self._trees[there] = self._grow(there)
            if len(self._trees) > KEPT_TREES:
                self._trees.popitem(last=False)
        else:
            self._trees.move_to_end(there)
        return tree

    def _grow(self, there: str, avoided: frozenset[str] = frozenset()) -> dict[str, str]:
        """Dijkstra's way from every host to ``there``; ties go to fewer hops, then by name."""
        onward: dict[str, str] = {}
        settled: set[str] = set()
        heap: list[tuple[float, int, str, str]] = [(0.0, 0, there, "")]
        while heap:
            cost, hops, host, via = heapq.heappop(heap)
            if host in settled:
                continue
            settled.add(host)
            if via:
                onward[host] = via
            if host != there and (host not in self._relays or host in avoided):
                continue
            for neighbour in self.near(host).values():
                if neighbour.name not in settled:
                    entry = (cost + neighbour.cost, hops + 1, neighbour.name, host)
                    heapq.heappush(heap, entry)
        return onward
