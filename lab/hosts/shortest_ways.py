"""The lab's own routing: mail goes by the cheapest route over hosts that relay."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final

from lab.hosts.policies import Routing
from lab.hosts.trees import Neighbours, NetworkMap, Trees

KEPT_BYTES: Final = 128 * 2**20
"""Bytes of trees of next hops that are kept."""


class ShortestWays(Routing):
    """Next hops by trees, one for each destination that is asked for.

    The most recent trees are kept, up to a limit in bytes, so memory never grows with the square of
    the network. ``hosts`` are all hosts, ``relays`` those that relay. ``on_tree`` is called with
    each tree that is computed: the rank of its destination, and its bytes.
    """

    is_static = True

    def __init__(
        self,
        neighbours: Neighbours,
        hosts: Iterable[str],
        relays: set[str],
    ) -> None:
        self._neighbours = neighbours
        self._hosts = hosts
        self._relays = relays
        self._map: NetworkMap | None = None
        self._trees: OrderedDict[int, array[int]] = OrderedDict()
        self._capacity = KEPT_BYTES
        self.on_tree: Callable[[int, bytes], None] | None = None

    def next_hop(self, host: str, target: str, avoided: frozenset[str]) -> str | None:
        """Return ``target`` if it is a neighbour, and else the next host on the cheapest route."""
        if target in self._neighbours.of(host):
            return target
        mapped = self._mapped()
        ranks = mapped.ranks
        if avoided:
            tree = mapped.tree_to(ranks[target], avoided)
            onward = mapped.first(ranks[host], ranks[target], tree, avoided)
        else:
            onward = self._onward(ranks[host], ranks[target])
        return mapped.hosts[onward] if onward != mapped.none else None

    def detour(
        self, host: str, target: str, blocked: str, avoided: frozenset[str]
    ) -> list[str] | None:
        """Return the hosts after ``host`` on the cheapest route that does not begin with
        ``blocked``; None if there is none.

        ``avoided`` hosts are not on the route, nor at its end: attempts there have failed.
        """
        if target in avoided:
            return None
        avoided |= {host} if blocked == target else {host, blocked}
        mapped = self._mapped()
        ranks, hosts = mapped.ranks, mapped.hosts
        tree = mapped.tree_to(ranks[target], avoided)
        best: tuple[float, int, list[str]] | None = None
        for neighbour in self._neighbours.of(host).values():
            name = neighbour.name
            if name == blocked or name in avoided:
                continue
            if name != target and (name not in self._relays or not mapped.leads(tree, ranks[name])):
                continue
            route, cost = [name], neighbour.cost
            while route[-1] != target:
                onward = self._neighbours.of(route[-1])[hosts[tree[ranks[route[-1]]]]]
                route.append(onward.name)
                cost += onward.cost
            if best is None or (cost, len(route), route) < best:
                best = (cost, len(route), route)
        return best and best[2]

    def trees(self) -> Trees:
        """Return the trees that are kept, for a table of the same network."""
        return {target: tree.tobytes() for target, tree in self._trees.items()}

    def know(self, trees: Trees) -> None:
        """Keep trees that were computed for another table of the same network."""
        for target, octets in trees.items():
            if target not in self._trees:
                self._keep(target, self._mapped().read(octets))

    def _mapped(self) -> NetworkMap:
        if self._map is None:
            neighbours = {host: self._neighbours.of(host) for host in self._hosts}
            self._map = NetworkMap(neighbours, self._relays)
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
