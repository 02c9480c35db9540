"""Which hosts can open a channel to each other: over links of one environment, directly or through
routers.

Hosts relay mail, not other hosts' bytes: between its ends a path leads through routers only.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping

from lab.hosts.routing import Neighbour
from lab.network.link import Link, LinkDirection


class PathFinder:
    """Finds the neighbours of each host and the links that lead to them, when asked.

    ``links`` come with their costs, from ``a`` to ``b`` and back; ``routers`` are the nodes that
    pass on bytes. ``environments`` are in the order of the topology: of two that cost the same, the
    first is used.

    Of several links between two nodes, a channel takes the cheapest that is up, or the first in the
    order of the topology where several cost the same. Both directions of a channel take the links
    that are the cheapest for the host that opens it.
    """

    def __init__(
        self,
        links: Iterable[tuple[Link, float, float]],
        routers: set[str],
        environments: Mapping[str, int],
    ) -> None:
        self._routers = routers
        self._order = environments
        self._joined: dict[str, list[tuple[str, Link, float]]] = {}
        for link, cost, cost_back in links:
            self._joined.setdefault(link.a, []).append((link.b, link, cost))
            self._joined.setdefault(link.b, []).append((link.a, link, cost_back))
        self._paths: dict[tuple[str, str, str], tuple[Link, ...]] = {}

    def neighbours(self, host: str) -> list[Neighbour]:
        """Return the hosts that ``host`` can open a channel to, with environment and cost."""
        joined = self._joined.get(host, [])
        neighbours: list[Neighbour] = []
        for environment in sorted({link.environment for _, link, _ in joined}, key=self._rank):
            neighbours += self._within(host, environment)
        return neighbours

    def _rank(self, environment: str) -> int:
        return self._order.get(environment, len(self._order))

    def _within(self, host: str, environment: str, *, up: bool = False) -> list[Neighbour]:
        """Return the neighbours in one environment; with ``up``, only over links that are up."""
        neighbours = []
        seen = {host}
        pushed = 0
        heap: list[tuple[float, int, str, int, tuple[Link, ...]]] = [(0.0, 0, host, 0, ())]
        while heap:
            cost, hops, node, _, path = heapq.heappop(heap)
            if node != host:
                if node in seen:
                    continue
                seen.add(node)
                if node not in self._routers:
                    neighbours.append(Neighbour(node, environment, cost))
                    if up:
                        self._paths[host, node, environment] = path
                    continue
            for peer, link, price in self._joined.get(node, ()):
                if link.environment == environment and peer not in seen and (link.up or not up):
                    pushed += 1  # so that links, which have no order, are never compared
                    step = (cost + price, hops + 1, peer, pushed, (*path, link))
                    heapq.heappush(heap, step)
        return neighbours

    def path(self, host: str, neighbour: str, environment: str) -> tuple[Link, ...]:
        """Return the links from a host to its neighbour, all of them up.

        Raises KeyError if there is no such path.
        """
        if (host, neighbour, environment) not in self._paths:
            self._within(host, environment, up=True)
        return self._paths[host, neighbour, environment]

    def forget(self) -> None:
        """Forget all paths: a link has gone down or come up."""
        self._paths.clear()

    def directions(
        self, host: str, path: tuple[Link, ...]
    ) -> tuple[list[LinkDirection], list[str]]:
        """Return the directions of the links along a path from ``host``, and the nodes on it."""
        directions, nodes = [], [host]
        for link in path:
            onward = link.b if link.a == nodes[-1] else link.a
            directions.append(link.towards(onward))
            nodes.append(onward)
        return directions, nodes
