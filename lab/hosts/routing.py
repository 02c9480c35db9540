"""The host tables: which host comes next on the way to another.

Hosts that can open a transmission channel to each other are neighbours. Mail for a neighbour goes
straight to it; other mail goes to the next host on the cheapest route over hosts that relay.

One tree of next hops is computed for each destination that is needed, backward from it. Two in
three hosts on maps of the time have one neighbour. They are in no tree and need none: no route
leads over them, and all routes to and from them lead over that neighbour. The other hosts are the
*inner* ones. A tree is an array of two or four bytes for each inner host. The most recent trees are
kept, up to a limit in bytes, so memory never grows with the square of the network.

Trees are computed in Python: scipy's Dijkstra, with what it takes to choose among routes of the
same cost, takes half the time (1 ms instead of 2 on the UUCP map of 1988), but needs a hundred
megabytes to install.
"""

from __future__ import annotations

import math
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from heapq import heappop, heappush
from typing import Final, Literal

from lab.protocol import HostName

KEPT_BYTES: Final = 128 * 2**20
"""Bytes of trees of next hops that are kept."""


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


class RoutingTable:
    """Next hops between the hosts of a network.

    A host is identified by the name in its settings: :meth:`resolve` returns that for any name, and
    all other methods take it. ``neighbours`` gives a host's neighbours; ``relays`` are the hosts
    that relay; ``names`` maps every name of a host to the host. ``aliases`` has the names of those
    hosts that have others in some environments, by host and environment. ``external`` are the hosts
    that are programs of others. ``on_tree`` is called with each tree that is computed: the rank of
    its destination, and its bytes.
    """

    def __init__(
        self,
        neighbours: Callable[[str], Iterable[Neighbour]],
        relays: set[str],
        names: dict[HostName, str],
        aliases: Mapping[str, Mapping[str, str]] | None = None,
        external: frozenset[str] | None = None,
    ) -> None:
        self.aliases = aliases or {}
        self.external = external or frozenset[str]()
        self._neighbours = neighbours
        self._relays = relays
        self._names = names
        self._neighbours_of: dict[str, dict[str, Neighbour]] = {}
        self._map: _Map | None = None
        self._trees: OrderedDict[int, array[int]] = OrderedDict()
        self._capacity = KEPT_BYTES
        self.on_tree: Callable[[int, bytes], None] | None = None

    def resolve(self, name: HostName) -> str | None:
        """Return the host of this name, in any environment; None if there is none."""
        return self._names.get(name)

    def name_in(self, host: str, environment: str) -> str:
        """Return the official name of a host in an environment (sections 3.6 and 3.7)."""
        names = self.aliases.get(host)
        return host if names is None else names.get(environment, host)

    def known(self, names: Iterable[HostName]) -> frozenset[str]:
        """Return the hosts of these names, without the names that no host has."""
        hosts = map(self._names.get, names)
        return frozenset([host for host in hosts if host is not None])

    def neighbours_of(self, host: str) -> dict[str, Neighbour]:
        """Return the neighbours of a host by name; for several links to one, the cheapest."""
        neighbours = self._neighbours_of.get(host)
        if neighbours is None:
            neighbours = {}
            for neighbour in self._neighbours(host):
                best = neighbours.get(neighbour.name)
                if best is None or neighbour.cost < best.cost:
                    neighbours[neighbour.name] = neighbour
            self._neighbours_of[host] = neighbours
        return neighbours

    def next_hop(
        self, origin: str, target: str, avoided: frozenset[str] | None = None
    ) -> Neighbour | None:
        """Return the neighbour to send to from ``origin`` for mail to ``target``.

        None if there is no route. ``avoided`` hosts are not on the route; ``target`` is another
        host, and not avoided.
        """
        neighbours = self.neighbours_of(origin)
        if target in neighbours:
            return neighbours[target]
        mapped = self._mapped()
        ranks = mapped.ranks
        if avoided:
            tree = mapped.tree_to(ranks[target], avoided)
            onward = mapped.first(ranks[origin], ranks[target], tree, avoided)
        else:
            onward = self._onward(ranks[origin], ranks[target])
        return neighbours[mapped.hosts[onward]] if onward != mapped.none else None

    def detour(
        self, origin: str, target: str, blocked: str, avoided: frozenset[str]
    ) -> list[str] | None:
        """Return the hosts after ``origin`` on a route that does not begin with ``blocked``.

        It is the cheapest such route to ``target``; None if there is none. ``avoided`` hosts are
        not on the route, nor at its end: attempts there have failed.
        """
        if target in avoided:
            return None
        avoided |= {origin} if blocked == target else {origin, blocked}
        mapped = self._mapped()
        ranks, hosts = mapped.ranks, mapped.hosts
        tree = mapped.tree_to(ranks[target], avoided)
        best: tuple[float, int, list[str]] | None = None
        for neighbour in self.neighbours_of(origin).values():
            name = neighbour.name
            if name == blocked or name in avoided:
                continue
            if name != target and (name not in self._relays or not mapped.leads(tree, ranks[name])):
                continue
            route, cost = [name], neighbour.cost
            while route[-1] != target:
                onward = self.neighbours_of(route[-1])[hosts[tree[ranks[route[-1]]]]]
                route.append(onward.name)
                cost += onward.cost
            if best is None or (cost, len(route), route) < best:
                best = (cost, len(route), route)
        return best and best[2]

    def route(self, origin: str, target: str | None) -> list[str] | None:
        """Return the hosts after ``origin`` on the route to ``target``, which is the last.

        None if there is no route, or no such host.
        """
        if target is None:
            return None
        hosts: list[str] = []
        while origin != target:
            hop = self.next_hop(origin, target)
            if hop is None:
                return None
            origin = hop.name
            hosts.append(origin)
        return hosts

    def _mapped(self) -> _Map:
        if self._map is None:
            self._map = _Map(
                {host: self.neighbours_of(host) for host in self._names.values()}, self._relays
            )
        return self._map

    def _onward(self, origin: int, target: int) -> int:
        """The rank of the next host between two that are not neighbours."""
        mapped = self._mapped()
        if target < mapped.inner:
            return mapped.first(origin, target, self._tree(target))
        before = mapped.joined[target][0][0]  # all routes to it lead over this one neighbour
        if not mapped.passes[before]:
            return mapped.none
        return mapped.first(origin, before, self._tree(before))

    def _tree(self, target: int) -> array[int]:
        tree = self._trees.get(target)
        if tree is None:
            tree = self._mapped().tree_to(target)
            self._keep(target, tree)
            if self.on_tree is not None:
                self.on_tree(target, tree.tobytes())
        else:
            self._trees.move_to_end(target)
        return tree

    def _keep(self, target: int, tree: array[int]) -> None:
        self._trees[target] = tree
        if len(self._trees) > max(16, self._capacity // max(1, len(tree) * tree.itemsize)):
            self._trees.popitem(last=False)

    def trees(self) -> Trees:
        """Return the trees that are kept, for a table of the same network."""
        return {target: tree.tobytes() for target, tree in self._trees.items()}

    def know(self, trees: Trees) -> None:
        """Keep trees that were computed for another table of the same network."""
        for target, octets in trees.items():
            if target not in self._trees:
                self._keep(target, self._mapped().read(octets))


class _Map:
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
            [(ranks[other], neighbours[other][host].cost) for other in neighbours[host]]
            for host in self.hosts
        ]
        self.passes = [host in relays for host in self.hosts]
        self._inward = [
            [other for other in joined if other[0] < self.inner]
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
            for other, price in onto[host]:
                total = cost + price
                if total > costs[other]:
                    continue
                if total < costs[other]:
                    costs[other] = total
                    if total in waiting:
                        waiting[total].append(other)
                    else:
                        waiting[total] = [other]
                        heappush(heap, total)
                elif further < hops[other]:
                    if total == cost:
                        hosts.append(other)
                elif further > hops[other] or host > tree[other]:
                    continue
                hops[other] = further
                tree[other] = host
        del waiting[cost]
