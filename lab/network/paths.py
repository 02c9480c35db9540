"""Who can open a channel to whom: paths of links of one environment, directly or through routers.

Hosts move mail, not other hosts' bytes: a path leads over routers only.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping

from lab.hosts.routing import Neighbour
from lab.network.link import Link, LinkDirection


class PathFinder:
    """The neighbours of each host and the links that lead to them, found when asked for.

    ``links`` with their costs; ``routers`` are the nodes that pass bytes on. Environments come in
    the order of the topology: where two cost the same, the first is taken.
    """

    def __init__(
        self,
        links: Iterable[tuple[Link, float]],
        routers: set[str],
        environments: Mapping[str, int],
    ) -> None:
        self._routers = routers
        self._order = environments
        self._joined: dict[str, list[tuple[str, Link, float]]] = {}
        for link, cost in links:
            self._joined.setdefault(link.a, []).append((link.b, link, cost))
            self._joined.setdefault(link.b, []).append((link.a, link, cost))
        self._paths: dict[tuple[str, str, str], tuple[Link, ...]] = {}

    def neighbours(self, host: str) -> list[Neighbour]:
        """The hosts that ``host`` can open a channel to, with environment and cost."""
        joined = self._joined.get(host, [])
        found: list[Neighbour] = []
        for environment in sorted({link.environment for _, link, _ in joined}, key=self._rank):
            found += self._within(host, environment)
        return found

    def _rank(self, environment: str) -> int:
        return self._order.get(environment, len(self._order))

    def _within(self, host: str, environment: str, *, up: bool = False) -> list[Neighbour]:
        """The neighbours in one environment; with ``up``, over links that are up only."""
        found = []
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
                    found.append(Neighbour(node, environment, cost))
                    if up:
                        self._paths[host, node, environment] = path
                    continue
            for other, link, price in self._joined.get(node, ()):
                if link.environment == environment and other not in seen and (link.up or not up):
                    pushed += 1  # so that links, which have no order, are never compared
                    step = (cost + price, hops + 1, other, pushed, (*path, link))
                    heapq.heappush(heap, step)
        return found

    def path(self, host: str, neighbour: str, environment: str) -> tuple[Link, ...]:
        """The links from a host to its neighbour, all up; KeyError if there are none."""
        if (host, neighbour, environment) not in self._paths:
            self._within(host, environment, up=True)
        return self._paths[host, neighbour, environment]

    def forget(self) -> None:
        """A link has gone down or come up: paths are to be found anew."""
        self._paths.clear()

    def ways(self, host: str, path: tuple[Link, ...]) -> tuple[list[LinkDirection], list[str]]:
        """The directions along a path that begins at ``host``, and the nodes on it."""
        directions, nodes = [], [host]
        for link in path:
            onward = link.b if link.a == nodes[-1] else link.a
            directions.append(link.towards(onward))
            nodes.append(onward)
        return directions, nodes
