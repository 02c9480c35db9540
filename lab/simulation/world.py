"""What a topology becomes before anything happens: links, paths, routes, names and a calendar.

Every driver makes one: the simulation, each partition of a run on several processes, the live
network and each live host.
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.hosts.host import Host
from lab.hosts.port import HostPort
from lab.hosts.routing import RoutingTable
from lab.hosts.settings import HostSettings
from lab.network.channel import ChannelRoute
from lab.network.events import HOSTS, Sequencer, sequencer
from lab.network.link import Link, LinkDirection
from lab.network.paths import PathFinder
from lab.network.transport import TRANSPORTS
from lab.protocol import Calendar, HostName
from lab.runtime.draws import Bursts
from lab.runtime.streams import Stream, ordinals
from lab.simulation.plugins import NONE, Plugins
from lab.topology.distributions import draws_of
from lab.topology.model import BurstLoss, Distribution, LinkSpec, Topology


class World:
    """The network and the tables of a topology. It has no clock, and nothing happens in it.

    ``links`` are in the order of the file; faults change them. ``routes`` is the table by which all
    hosts choose the next one. ``ranks`` are the places of hosts and routers in the file, by name:
    the order in which hosts take their turns. ``sequencers`` give what each of them does its place
    among the events of one instant.
    """

    def __init__(self, topology: Topology, seed: int = 0, plugins: Plugins | None = None) -> None:
        self.plugins = NONE if plugins is None else plugins
        self.topology = topology
        self.seed = seed
        self.ranks = {name: rank for rank, name in enumerate(topology.hosts)}
        self.sequencers: dict[str, Sequencer] = {
            name: sequencer(HOSTS + rank) for name, rank in self.ranks.items()
        }
        self.calendar = Calendar(topology.start)
        self._calendars: dict[str, Calendar] = {}
        self.links = _links(seed, topology.links)
        self.paths = PathFinder(
            [
                (link, spec.costs[0], spec.costs[1])
                for link, spec in zip(self.links, topology.links, strict=True)
            ],
            {spec.name for spec in topology.hosts.values() if spec.kind == "router"},
            {name: rank for rank, name in enumerate(topology.environments)},
        )
        hosts = self.host_settings
        names = {HostName(name): h.name for h in hosts for name in (*h.names.values(), h.name)}
        relays = {spec.name for spec in hosts if spec.relay}
        aliases = {h.name: h.names for h in hosts if h.names}
        external = frozenset([spec.name for spec in hosts if spec.external])
        self.routes = RoutingTable(self.paths.neighbours, relays, names, aliases, external)
        self._channel_routes: dict[tuple[str, str], ChannelRoute] = {}

    @property
    def host_settings(self) -> list[HostSettings]:
        """The settings of all hosts, in the order of the file, without the routers."""
        return [spec for spec in self.topology.hosts.values() if spec.kind == "host"]

    def calendar_of(self, settings: HostSettings) -> Calendar:
        """Return the calendar of a host: in its own time zone, if it has one."""
        if not settings.zone:
            return self.calendar
        calendar = self._calendars.get(settings.zone)
        if calendar is None:
            calendar = self._calendars[settings.zone] = Calendar(self.calendar.start, settings.zone)
        return calendar

    def make_host(self, settings: HostSettings, port: HostPort) -> Host:
        """Make a host of these settings, with the tables and the retry policy of the topology, or
        with those of the run's plug-ins.
        """
        retry = self.plugins.retry_of(settings.name, self.seed) or self.topology.retry
        host = Host(settings, self.routes, self.calendar_of(settings), retry, port)
        if self.plugins.behaviours:
            name, label = settings.name, settings.label
            host.behaviours = self.plugins.behaviours_of(name, label, self.seed)
        return host

    def channel_route(self, host: str, peer: str, environment: str) -> ChannelRoute:
        """Return how channels from a host to its neighbour go at present.

        Raises KeyError where no path of links that are up joins them.
        """
        route = self._channel_routes.get((host, peer))
        if route is None:
            transport = TRANSPORTS[self.topology.environments[environment].transport]
            route = self._channel_routes[host, peer] = ChannelRoute(
                self.paths, host, peer, environment, transport, self.sequencers
            )
        return route

    def links_changed(self) -> None:
        """Find all channel routes anew: links have gone down, come up, or changed."""
        self.paths.forget()
        self._channel_routes.clear()


def _links(seed: int, specs: Sequence[LinkSpec]) -> list[Link]:
    """Make the links; links of the same ends and environment are counted for their streams."""
    numbers = ordinals(
        (*sorted((HostName(spec.a).key, HostName(spec.b).key)), spec.environment, spec.name)
        for spec in specs
    )
    return [_link(seed, number, spec) for number, spec in zip(numbers, specs, strict=True)]


def _link(seed: int, number: str, spec: LinkSpec) -> Link:
    directions = []
    for each in (spec, spec.reverse):
        keys = (HostName(each.a).key, HostName(each.b).key, spec.environment, number)
        names = (*keys, spec.name) if spec.name else keys
        directions.append(
            LinkDirection(
                each.a,
                each.b,
                each.latency,
                draws_of(each.jitter) if isinstance(each.jitter, Distribution) else each.jitter,
                each.bandwidth,
                _bursts(each.loss) if isinstance(each.loss, BurstLoss) else each.loss,
                Stream(seed, "jitter", *names),
                Stream(seed, "loss", *names),
            )
        )
    return Link(directions[0], directions[1], spec.environment, spec.name)


def _bursts(loss: BurstLoss) -> Bursts:
    return Bursts(loss.p, loss.r, loss.good, loss.bad)
