"""Estimates the work of a run, as sessions at each host and on each link, from a sample of mail.

The routes of all mail would be too many to look up before a run of a million messages. A sample
stands for all, with each kind of traffic in proportion: the hosts that it would pass, by the host
tables, are counted. Each destination requires a tree of next hops of the whole network; where there
are too many, some stand for all, each for as many originators.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Final, NamedTuple

from lab.hosts.routing import RoutingTable, Trees
from lab.protocol import HostName
from lab.simulation.agenda import submissions
from lab.simulation.world import World
from lab.topology.model import Topology

DRAWN: Final = 16_384
"""About how many submissions are looked at."""

REACHED: Final = 1_000_000
"""The most next hops, in the trees of all destinations that are looked at."""


class Workload(NamedTuple):
    """Sessions at each host, and between each caller and the host that it calls; and the trees of
    next hops that were needed to find them.
    """

    hosts: Counter[str]
    calls: Counter[tuple[str, str]]
    trees: Trees


_Pair = tuple[str, tuple[HostName, ...]]


def estimated_work(topology: Topology) -> Workload:
    """Return the work of a sample of a run's mail: only its proportions matter."""
    routes = World(topology).routes
    hosts: Counter[str] = Counter()
    calls: Counter[tuple[str, str]] = Counter()
    for (here, stops), count in Counter(_pairs(topology, routes)).items():
        for a, b in pairwise(_hosts_on_route(routes, here, stops)):
            hosts[a] += count
            hosts[b] += count
            calls[a, b] += count
    return Workload(hosts, calls, routes.shortest.trees())


def _pairs(topology: Topology, routes: RoutingTable) -> Iterator[_Pair]:
    """Yield originators with the stops of their mail, for a sample of each kind of mail."""
    total = max(1, topology.messages)
    step = max(1, round(total / DRAWN))
    most = REACHED // len(topology.hosts)
    letters = replace(topology, mail=topology.mail[::step], traffic=())
    kinds = [(letters, len(topology.mail) / total)]
    for traffic in topology.traffic:
        fewer = replace(traffic, count=-(-traffic.expected // step))
        kinds.append((replace(topology, mail=(), traffic=(fewer,)), traffic.expected / total))
    for kind, share in kinds:
        sample = submissions(kind, 0, routes, lambda _: False)
        pairs = [(submission.host, to.hosts) for submission in sample for to in submission.to]
        yield from _standing_for(pairs, max(1, round(most * share)))


def _standing_for(pairs: list[_Pair], most: int) -> list[_Pair]:
    """Return these pairs, or as many with fewer destinations if they have too many."""
    destinations = list(dict.fromkeys(stops for _, stops in pairs))
    if len(destinations) <= most:
        return pairs
    fewer = destinations[:: -(-len(destinations) // most)]
    return [(host, fewer[number % len(fewer)]) for number, (host, _) in enumerate(pairs)]


def _hosts_on_route(routes: RoutingTable, first: str, stops: tuple[HostName, ...]) -> list[str]:
    """Return the hosts that mail passes, as far as there is a route."""
    hosts = [first]
    for stop in stops:
        onward = routes.route(hosts[-1], routes.resolve(stop))
        if onward is None:
            break
        hosts += onward
    return hosts
