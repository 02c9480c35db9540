"""The ways that the mail of a topology will take, found without running it (``lab show``)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from lab.protocol import Path
from lab.simulation.simulation import Simulation
from lab.topology.model import Topology
from lab.trace.trace import Trace

MOST_WAYS = 1000
"""Recipients whose ways are looked for, at the most."""


class PlannedRoute(NamedTuple):
    """The hosts between a sender and a recipient, both ends included; none if there is no way."""

    sender: str
    to: str
    hosts: list[str]


def ways(simulation: Simulation) -> list[PlannedRoute]:
    """The way of each recipient of each [[mail]] of the topology, in the order of the file."""
    found = []
    for sender, to in _recipients(simulation.topology):
        here = simulation.routes.resolve(sender.host)
        hosts = _way(simulation, here, to) if here is not None else []
        found.append(PlannedRoute(sender.bare, to.bare, hosts))
        if len(found) >= MOST_WAYS:
            break
    return found


def _recipients(topology: Topology) -> Iterator[tuple[Path, Path]]:
    for mail in topology.mail:
        for to in mail.to:
            yield mail.sender, to


def _way(simulation: Simulation, here: str, to: Path) -> list[str]:
    hosts = [here]
    routes = simulation.routes
    for host in to.hosts:
        onward = routes.route(hosts[-1], routes.resolve(host))
        if onward is None:
            return []
        hosts += onward
    return hosts


def planned(topology: Topology, seed: int = 0) -> tuple[list[PlannedRoute], Trace]:
    """The ways of the mail, and a trace that holds the topology and these ways, to draw."""
    simulation = Simulation(topology, seed)
    found = ways(simulation)
    for way in found:
        for here, there in pairwise(way.hosts):
            hop = simulation.routes.neighbours_of(here)[there]
            nodes = simulation.pathway(here, there, hop.environment).nodes
            simulation.record((0.0, "plan", here, there, None, None, nodes))
    return found, simulation.trace
