"""What plug-ins see of a run: hosts and links as they are at present, which they cannot change."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from lab.hosts import policies
from lab.hosts.host import Host
from lab.hosts.settings import HostSettings
from lab.network import link as links
from lab.network.channel import NoRoute
from lab.simulation.driver import Driver
from lab.simulation.extensions import NetworkControl
from lab.simulation.faults import KINDS, Faults
from lab.topology.model import FaultSpec, Topology


class LinkView(policies.Link):
    """A link as a plug-in sees it."""

    def __init__(self, driver: Driver, link: links.Link) -> None:
        self._driver = driver
        self._link = link
        self.a, self.b = link.a, link.b
        self.environment, self.name = link.environment, link.name

    @property
    def is_up(self) -> bool:
        """Whether no fault has it down."""
        return self._link.up

    def latency(self, to: str) -> float:
        """Return the seconds that a byte takes towards one end."""
        return self._towards(to).latency

    def bandwidth(self, to: str) -> float | None:
        """Return the bits per second towards one end; None where there is no limit."""
        rate = self._towards(to).rate
        return None if rate is None else rate * 8

    def wait(self, to: str) -> float:
        """Return the seconds until all that is queued towards one end has left."""
        return max(0.0, self._towards(to).free_at - self._driver.env.now)

    def utilisation(self, to: str) -> float:
        """Return which share of the run so far the link was busy towards one end."""
        now = self._driver.env.now
        direction = self._towards(to)
        # what is queued is counted when it is put on the link, and has not left yet
        queued = max(0.0, direction.free_at - now)
        return min(1.0, max(0.0, direction.busy - queued) / now) if now else 0.0

    def _towards(self, to: str) -> links.LinkDirection:
        if to not in (self.a, self.b):
            raise KeyError(to)
        return self._link.towards(to)


class NetworkView(policies.Network):
    """A network as routing and probes see it."""

    def __init__(self, driver: Driver, hosts: Mapping[str, Host], faults: Faults) -> None:
        self._driver = driver
        self._hosts = hosts
        self._faults = faults
        self.hosts: Sequence[str] = tuple(hosts)
        self.links: Sequence[policies.Link] = tuple(
            LinkView(driver, link) for link in driver.world.links
        )

    @property
    def now(self) -> float:
        """Seconds of simulated time since the start."""
        return self._driver.env.now

    def settings(self, host: str) -> HostSettings:
        """Return the settings of a host."""
        return self._hosts[host].settings

    def neighbours(self, host: str) -> Mapping[str, float]:
        """Return the neighbours of a host, with the costs of the way there."""
        near = self._driver.world.routes.neighbours_of(self._hosts[host].name)
        return {name: neighbour.cost for name, neighbour in near.items()}

    def is_up(self, host: str) -> bool:
        """Return whether no fault has a host down."""
        return not self._hosts[host].faults.down

    def is_open(self, host: str, peer: str) -> bool:
        """Return whether a host could open a channel to a neighbour now."""
        return not isinstance(self._route(host, peer), NoRoute)

    def queued(self, host: str, peer: str | None = None) -> int:
        """Return how many messages lie in the spool of a host, for a next host or in all."""
        spool = self._hosts[host].spool
        if peer is None:
            return len(spool)
        queue = spool.queues.get(self._hosts[peer].name)
        return 0 if queue is None else len(queue)

    def wait(self, host: str, peer: str) -> float:
        """Return the seconds that bytes to a neighbour wait for the links."""
        route = self._route(host, peer)
        if isinstance(route, NoRoute):
            return math.inf
        free_at = max([link.free_at for link in route.to_receiver.links])
        return float(max(0.0, free_at - self.now))

    def shortest(
        self, host: str, target: str, avoided: Collection[str] = frozenset()
    ) -> str | None:
        """Return the next host by the lab's own routing."""
        shortest = self._driver.world.routes.shortest
        return shortest.next_hop(host, target, frozenset(avoided) - {host, target})

    def _route(self, host: str, peer: str) -> Any:
        neighbour = self._driver.world.routes.neighbours_of(self._hosts[host].name)[peer]
        return self._faults.route_now(host, peer, neighbour.environment)


class ControlView(NetworkView, NetworkControl):
    """A network as the faults of users see it."""

    def __init__(
        self, driver: Driver, hosts: Mapping[str, Host], faults: Faults, topology: Topology
    ) -> None:
        super().__init__(driver, hosts, faults)
        self._topology = topology
        self._checked: dict[str, FaultSpec] = {}

    def _begin_fault(self, kind: str, keys: Mapping[str, Any]) -> None:
        """Have a fault begin now whose table has these keys."""
        if kind not in KINDS:
            known = ", ".join(sorted(KINDS))
            raise ValueError(f"{kind!r} is not a fault that can begin now; there are {known}")
        key = repr((kind, keys))
        if key not in self._checked:
            fault = FaultSpec(kind, **keys)
            self._checked[key] = self._topology.with_faults([fault]).faults[-1]
        self._faults.apply(self._checked[key])
