"""The host tables: which names hosts have, who their neighbours are, and which host comes next.

Hosts that can open a transmission channel to each other are neighbours. A routing chooses among
them: by default :class:`~lab.hosts.shortest_ways.ShortestWays`, where mail for a neighbour goes
straight to it, and other mail to the next host on the cheapest route over hosts that relay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from lab.hosts.policies import Routing
from lab.hosts.shortest_ways import ShortestWays
from lab.hosts.trees import Neighbour as Neighbour
from lab.hosts.trees import Neighbours
from lab.hosts.trees import Trees as Trees
from lab.protocol import HostName
from lab.runtime.arguments import shown
from lab.runtime.plugins import PluginFailed, ask, called

_NONE: Final[frozenset[str]] = frozenset()


class RoutingTable:
    """Next hops between the hosts of a network.

    A host is identified by the name in its settings: :meth:`resolve` returns that for any name, and
    all other methods take it. ``neighbours`` gives a host's neighbours; ``relays`` are the hosts
    that relay; ``names`` maps every name of a host to the host. ``aliases`` has the names of those
    hosts that have others in some environments, by host and environment. ``external`` are the hosts
    that are programs of others. ``routing`` chooses the next hop; ``shortest`` is the lab's own.
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
        self._neighbours = Neighbours(neighbours)
        self._names = names
        self.shortest = ShortestWays(self._neighbours, names.values(), relays)
        self.routing: Routing = self.shortest
        self.is_static = True

    def use(self, routing: Routing) -> None:
        """Have another routing choose next hops from now on."""
        self.routing = routing
        self.is_static = bool(routing.is_static)

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
        return self._neighbours.of(host)

    def next_hop(
        self, origin: str, target: str, avoided: frozenset[str] | None = None
    ) -> Neighbour | None:
        """Return the neighbour to send to from ``origin`` for mail to ``target``.

        None if there is no route. ``avoided`` hosts are not on the route; ``target`` is another
        host, and not avoided.
        """
        routing = self.routing
        hop = ask(routing, routing.next_hop, origin, target, avoided or _NONE)
        return None if hop is None else self._neighbour(origin, hop)

    def detour(
        self, origin: str, target: str, blocked: str, avoided: frozenset[str]
    ) -> list[str] | None:
        """Return the hosts after ``origin`` on a route that does not begin with ``blocked``.

        None if there is none. ``avoided`` hosts are not on the route, nor at its end: attempts
        there have failed.
        """
        routing = self.routing
        hosts = ask(routing, routing.detour, origin, target, blocked, avoided)
        if not hosts:
            return None
        self._neighbour(origin, hosts[0])
        return hosts

    def _neighbour(self, origin: str, hop: str) -> Neighbour:
        neighbours = self._neighbours.of(origin)
        neighbour = neighbours.get(hop) if isinstance(hop, str) else None
        if neighbour is None:
            near = ", ".join(sorted(neighbours)[:5]) or "none"
            raise PluginFailed(
                f"{called(self.routing)} sends mail from {origin} to {shown(hop)}, which is not a "
                f"neighbour of {origin}; its neighbours are {near}"
            )
        return neighbour

    def route(self, origin: str, target: str | None) -> list[str] | None:
        """Return the hosts after ``origin`` on the route to ``target``, which is the last.

        None if there is no route, if it goes in a circle, or if there is no such host.
        """
        if target is None:
            return None
        hosts: list[str] = []
        while origin != target:
            hop = self.next_hop(origin, target)
            if hop is None or len(hosts) > len(self._names):
                return None
            origin = hop.name
            hosts.append(origin)
        return hosts

    def changed(self) -> None:
        """Tell the routing that a fault has begun or ended."""
        ask(self.routing, self.routing.changed)
