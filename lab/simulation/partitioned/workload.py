"""The work that a run is to each host and link: sessions, estimated from some of its mail.

The ways of all mail would be too many to look up before a run of a million messages. Some of it
stands for all, of each kind of traffic as much as it has of the whole: what it would pass, by the
host tables, is counted. A destination takes a tree of next hops of the whole network; where there
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
"""Submissions that are looked at, about."""

REACHED: Final = 1_000_000
"""Next hops in the trees of all destinations that are looked at."""


class Workload(NamedTuple):
    """Sessions at each host, and between each two that call each other, the caller first; and the
    trees of next hops that it took to find them.
    """

    hosts: Counter[str]
    calls: Counter[tuple[str, str]]
    trees: Trees


_Pair = tuple[str, tuple[HostName, ...]]


def estimated_work(topology: Topology) -> Workload:
    """The work of some of a run's mail: what counts are its proportions."""
    routes = World(topology).routes
    hosts: Counter[str] = Counter()
    calls: Counter[tuple[str, str]] = Counter()
    for (here, stops), count in Counter(_pairs(topology, routes)).items():
        for a, b in pairwise(_way(routes, here, stops)):
            hosts[a] += count
            hosts[b] += count
            calls[a, b] += count
    return Workload(hosts, calls, routes.trees())


def _pairs(topology: Topology, routes: RoutingTable) -> Iterator[_Pair]:
    """Originators with the stops of their mail, for some of each kind of mail."""
    total = max(1, topology.messages)
    step = max(1, round(total / DRAWN))
    most = REACHED // len(topology.hosts)
    letters = replace(topology, mail=topology.mail[::step], traffic=())
    kinds = [(letters, len(topology.mail) / total)]
    for one in topology.traffic:
        fewer = replace(one, count=-(-one.count // step))
        kinds.append((replace(topology, mail=(), traffic=(fewer,)), one.count / total))
    for kind, part in kinds:
        mail = submissions(kind, 0, routes, lambda _: False)
        pairs = [(one.host, to.hosts) for one in mail for to in one.to]
        yield from _standing_for(pairs, max(1, round(most * part)))


def _standing_for(pairs: list[_Pair], most: int) -> list[_Pair]:
    """These pairs, or, if they have too many destinations, as many of fewer."""
    destinations = list(dict.fromkeys(stops for _, stops in pairs))
    if len(destinations) <= most:
        return pairs
    some = destinations[:: -(-len(destinations) // most)]
    return [(here, some[number % len(some)]) for number, (here, _) in enumerate(pairs)]


def _way(routes: RoutingTable, here: str, stops: tuple[HostName, ...]) -> list[str]:
    """The hosts that mail passes, as far as there is a way."""
    way = [here]
    for stop in stops:
        onward = routes.route(way[-1], routes.resolve(stop))
        if onward is None:
            break
        way += onward
    return way
