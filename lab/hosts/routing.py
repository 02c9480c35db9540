"""The host tables: which host comes next on the way to a domain.

Hosts that can open a transmission channel to each other are neighbours. Mail for a neighbour goes
straight to it; other mail to the next host on the shortest way (least cost) over hosts that relay.
One tree of next hops is grown for each destination that is asked for, backward from it. A tree is
an array of two or four bytes a host, and the most recent ones are kept up to a bound in bytes; a
host with one neighbour needs none of its own, for all ways to it lead over that neighbour. So
nothing of the size of the square of the network is ever held.
"""

from __future__ import annotations

import math
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from typing import Final, Literal, NamedTuple

from lab.protocol import folded

KEPT_BYTES: Final = 128 * 2**20
"""Bytes of the trees of next hops that are kept."""


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
        self._hosts = sorted(set(names.values()))
        self._ranks = {host: rank for rank, host in enumerate(self._hosts)}
        # the last number of an array's type stands for "no way"
        self._code: Literal["H", "I"] = "H" if len(self._hosts) < 0xFFFF else "I"
        self._none: int = 256 ** array(self._code).itemsize - 1
        self._joined: list[list[tuple[int, float]]] | None = None
        self._inner: list[list[tuple[int, float]]] = []
        self._passes = [host in relays for host in self._hosts]
        self._trees: OrderedDict[int, array[int]] = OrderedDict()
        row = max(1, len(self._hosts) * array(self._code).itemsize)
        self._kept = max(16, KEPT_BYTES // row)

    def resolve(self, domain: str) -> str | None:
        """The host that a domain names, in any environment; None if there is none."""
        return self._names.get(folded(domain))

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
        if here not in self._ranks:
            return None
        if avoided:
            tree = self._grow(self._ranks[there], avoided)
            onward = self._first(self._ranks[here], self._ranks[there], tree, avoided)
        else:
            onward = self._onward(self._ranks[here], self._ranks[there])
        return near[self._hosts[onward]] if onward != self._none else None

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
        tree = self._grow(self._ranks[there], avoided)
        best: tuple[float, int, list[str]] | None = None
        for neighbour in self.near(here).values():
            name = neighbour.name
            if name == blocked or name in avoided:
                continue
            if name != there and (
                name not in self._relays or tree[self._ranks[name]] == self._none
            ):
                continue
            way, cost = [name], neighbour.cost
            while way[-1] != there:
                onward = self.near(way[-1])[self._hosts[tree[self._ranks[way[-1]]]]]
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

    def _onward(self, here: int, there: int) -> int:
        """The rank of the next host on the way between two that are not neighbours."""
        joined = self._map()[there]
        if len(joined) != 1:
            return self._first(here, there, self._tree(there))
        before = joined[0][0]  # all ways there lead over this one neighbour
        if here == before:
            return there
        if not self._passes[before]:
            return self._none
        return self._first(here, before, self._tree(before))

    def _first(
        self, here: int, there: int, tree: array[int], avoided: frozenset[str] = frozenset()
    ) -> int:
        """The next host after ``here`` by a tree, which leaves out hosts with one neighbour."""
        joined = self._map()[here]
        if len(joined) != 1:
            return tree[here]
        after = joined[0][0]
        if after == there:
            return after
        passes = self._passes[after] and self._hosts[after] not in avoided
        return after if passes and tree[after] != self._none else self._none

    def _map(self) -> list[list[tuple[int, float]]]:
        """For each host, by rank, its neighbours' ranks and the costs."""
        if self._joined is None:
            ranks = self._ranks
            self._joined = [
                [(ranks[one.name], one.cost) for one in self.near(host).values()]
                for host in self._hosts
            ]
            self._inner = [
                [one for one in joined if len(self._joined[one[0]]) != 1] for joined in self._joined
            ]
        return self._joined

    def _tree(self, there: int) -> array[int]:
        tree = self._trees.get(there)
        if tree is None:
            tree = self._trees[there] = self._grow(there)
            if len(self._trees) > self._kept:
                self._trees.popitem(last=False)
        else:
            self._trees.move_to_end(there)
        return tree

    def _grow(self, there: int, avoided: frozenset[str] = frozenset()) -> array[int]:
        """Dijkstra's next hop from every host to one; ties go to fewer hops, then by name.

        Hosts with one neighbour are left out: no way leads over them, and from them there is but
        one (on maps of the time they are two in three).
        """
        joined, none = self._map(), self._none
        inner = self._inner
        passes = self._passes
        if avoided:
            passes = list(passes)
            for name in avoided:
                passes[self._ranks[name]] = False
        onward = array(self._code, [none]) * len(joined)
        costs = [math.inf] * len(joined)
        settled = bytearray(len(joined))
        costs[there] = 0.0
        heap: list[tuple[float, int, int, int]] = [(0.0, 0, there, none)]
        while heap:
            cost, hops, host, via = heappop(heap)
            if settled[host]:
                continue
            settled[host] = 1
            onward[host] = via
            if host != there and not passes[host]:
                continue
            for other, price in inner[host]:
                total = cost + price
                # what costs as much may yet have fewer hops, or a name that comes before
                if total <= costs[other] and not settled[other]:
                    costs[other] = total
                    heappush(heap, (total, hops + 1, other, host))
        return onward
