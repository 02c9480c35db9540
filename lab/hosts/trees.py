"""Trees of next hops: for each destination, the next host from every other.

One tree of next hops is computed for each destination that is needed, backward from it. Two in
three hosts on maps of the time have one neighbour. They are in no tree and need none: no route
leads over them, and all routes to and from them lead over that neighbour. The other hosts are the
*inner* ones. A tree is an array of two or four bytes for each inner host.

Trees are computed in Python: scipy's Dijkstra, with what it takes to choose among routes of the
same cost, takes half the time (1 ms instead of 2 on the UUCP map of 1988), but needs a hundred
megabytes to install.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from typing import Literal

Trees = dict[int, bytes]
"""Trees of next hops, for processes to exchange, by the ranks of their destinations."""

_Joined = list[tuple[int, float]]
"""The ranks of a host's neighbours, with the costs from them to the host."""


class Neighbour:
    """A host to which a channel can be opened, with the environment and the cost."""

    __slots__ = ("cost", "environment", "name")

    def __init__(self, name: str, environment: str, cost: float) -> None:
        self.name = name
        self.environment = environment
        self.cost = cost


class Neighbours:
    """The neighbours of each host by name, found with a function when they are asked for."""

    def __init__(self, find: Callable[[str], Iterable[Neighbour]]) -> None:
        self._find = find
        self._known: dict[str, dict[str, Neighbour]] = {}

    def of(self, host: str) -> dict[str, Neighbour]:
        """Return the neighbours of a host by name; for several links to one, the cheapest."""
        neighbours = self._known.get(host)
        if neighbours is None:
            neighbours = {}
            for neighbour in self._find(host):
                best = neighbours.get(neighbour.name)
                if best is None or neighbour.cost < best.cost:
                    neighbours[neighbour.name] = neighbour
            self._known[host] = neighbours
        return neighbours


class NetworkMap:
    """Hosts by rank: the inner ones first, then those with one neighbour, each by name.

    ``neighbours`` gives the neighbours of each host, ``relays`` are the hosts that relay. ``inner``
    is the number of inner hosts, ``joined`` the neighbours of each host with costs, and ``none``
    the number that means "no route": the last of the type that holds ranks.
    """

    def __init__(self, neighbours: dict[str, dict[str, Neighbour]], relays: set[str]) -> None:
        self.hosts = sorted(neighbours, key=lambda host: (len(neighbours[host]) == 1, host))
        self.ranks = ranks = {host: rank for rank, host in enumerate(self.hosts)}
        self.inner = sum(len(joined) != 1 for joined in neighbours.values())
        self.joined: list[_Joined] = [
            [(ranks[neighbour], neighbours[neighbour][host].cost) for neighbour in neighbours[host]]
            for host in self.hosts
        ]
        self.passes = [host in relays for host in self.hosts]
        self._inward = [
            [neighbour for neighbour in joined if neighbour[0] < self.inner]
            for joined in self.joined[: self.inner]
        ]
        self._passing = [
            inward if self.passes[rank] else [] for rank, inward in enumerate(self._inward)
        ]
        self._code: Literal["H", "I"] = "H" if len(self.hosts) < 0xFFFF else "I"
        self.none: int = 256 ** array(self._code).itemsize - 1

    def tree_to(self, target: int, avoided: frozenset[str] | None = None) -> array[int]:
        """Return the tree of a destination: the next host from every inner host."""
        onto = list(self._passing)
        for rank in map(self.ranks.__getitem__, avoided or ()):
            if rank < self.inner:
                onto[rank] = []
        tree = array(self._code, [self.none]) * self.inner
        if target < self.inner:
            onto[target] = self._inward[target]
            _fill(tree, onto, target, 0.0)
            return tree
        before, price = self.joined[target][0]
        if before < self.inner:
            _fill(tree, onto, before, price)
            tree[before] = target
        return tree

    def read(self, octets: bytes) -> array[int]:
        """Return the tree of these bytes."""
        tree = array(self._code)
        tree.frombytes(octets)
        return tree

    def leads(self, tree: array[int], origin: int) -> bool:
        """Return whether a tree has a route from a host."""
        return origin < self.inner and tree[origin] != self.none

    def first(
        self, origin: int, target: int, tree: array[int], avoided: frozenset[str] | None = None
    ) -> int:
        """Return the next host after ``origin``, inner or not, by a tree."""
        if origin < self.inner:
            return tree[origin]
        after = self.joined[origin][0][0]
        if after == target:
            return after
        passes = self.passes[after] and not (avoided and self.hosts[after] in avoided)
        return after if passes and self.leads(tree, after) else self.none


def _fill(tree: array[int], onto: list[_Joined], target: int, cost: float) -> None:
    """Fill in a tree: the next hop from every inner host to ``target``, by Dijkstra's algorithm.

    ``cost`` is that from ``target`` to the destination, if that is not an inner host. Ties go to
    fewer hops, then to the lower rank. ``onto`` has the neighbours of each host, none for a host
    that does not relay. On maps many routes cost the same: hosts of one cost wait in one list, and
    the heap has each cost once.
    """
    costs = [math.inf] * len(onto)
    hops = [0] * len(onto)
    costs[target] = cost
    waiting = {cost: [target]}
    heap = [cost]
    while heap:
        cost = heappop(heap)
        hosts = waiting[cost]
        for host in hosts:  # the list grows if a link costs nothing
            if costs[host] < cost:
                continue
            further = hops[host] + 1
            for neighbour, price in onto[host]:
                total = cost + price
                if total > costs[neighbour]:
                    continue
                if total < costs[neighbour]:
                    costs[neighbour] = total
                    if total in waiting:
                        waiting[total].append(neighbour)
                    else:
                        waiting[total] = [neighbour]
                        heappush(heap, total)
                elif further < hops[neighbour]:
                    if total == cost:
                        hosts.append(neighbour)
                elif further > hops[neighbour] or host > tree[neighbour]:
                    continue
                hops[neighbour] = further
                tree[neighbour] = host
        del waiting[cost]
