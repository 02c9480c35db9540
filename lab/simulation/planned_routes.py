"""The routes that the mail of a topology will take, found without running it (``lab show``)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from lab.protocol import Path
from lab.simulation.world import World
from lab.topology.describe import describe
from lab.topology.model import Topology
from lab.trace.trace import Trace

MOST_ROUTES = 1000
"""The most recipients whose routes are looked up."""


class PlannedRoute(NamedTuple):
    """The hosts from a sender to a recipient, both ends included; empty where there is no route."""

    sender: str
    to: str
    hosts: list[str]


def planned_routes(world: World) -> list[PlannedRoute]:
    """Return the route to each recipient of each [[mail]] of the topology, in file order."""
    routes = []
    for sender, recipient in _recipients(world.topology):
        routes.append(PlannedRoute(sender.bare, recipient.bare, route_of(world, sender, recipient)))
        if len(routes) >= MOST_ROUTES:
            break
    return routes


def _recipients(topology: Topology) -> Iterator[tuple[Path, Path]]:
    for mail in topology.mail:
        for recipient in mail.to:
            yield mail.sender, recipient


def route_of(world: World, sender: Path, recipient: Path) -> list[str]:
    """Return the hosts from a sender to a recipient, both included; [] if there is no route."""
    routes = world.routes
    first = routes.resolve(sender.host)
    if first is None:
        return []
    hosts = [first]
    for host in recipient.hosts:
        onward = routes.route(hosts[-1], routes.resolve(host))
        if onward is None:
            return []
        hosts += onward
    return hosts


def planned(topology: Topology, seed: int = 0) -> tuple[list[PlannedRoute], Trace]:
    """Return the routes of the mail, and a trace of the topology and these routes, to draw."""
    world = World(topology, seed)
    trace = Trace()
    trace.record((0.0, "start", "", None, None, None, describe(topology, seed)))
    routes = planned_routes(world)
    for route in routes:
        for host, peer in pairwise(route.hosts):
            hop = world.routes.neighbours_of(host)[peer]
            nodes = world.channel_route(host, peer, hop.environment).nodes
            trace.record((0.0, "plan", host, peer, None, None, nodes))
    return routes, trace
