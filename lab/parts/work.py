"""The work that a run is to each host and link: sessions, estimated from some of its mail.

The ways of all mail would be too many to look up before a run of a million messages. Some
originators and some destinations stand for all: what they would send each other, by the host
tables, is counted at each host on the way.
"""

from __future__ import annotations

from collections import Counter
from itertools import islice, pairwise
from typing import Any, Final

from lab.hosts.routing import RoutingTable
from lab.network.topology import Topology
from lab.scenario import submissions
from lab.simulation import Simulation

DRAWN: Final = 4_096
"""Submissions that are looked at."""

SENDERS: Final = 256
"""Originators that stand for all, where there are too many destinations."""

LOOKED_UP: Final = 250_000
"""Next hops that are looked up: a destination takes as many as there are hosts."""

Work = tuple[Counter[str], Counter[tuple[str, str]]]
"""Sessions at each host, and between each two that call each other, the caller first."""

_Pairs = Counter[tuple[str, tuple[str, ...]]]


def estimated_work(topology: Topology) -> Work:
    """The work of some of a run's mail: what counts are its proportions."""
    routes = Simulation(topology).routes
    mail = islice(submissions(topology, 0, routes, lambda _: False), DRAWN)
    pairs = Counter((one.host, (*to.route, to.domain)) for one in mail for to in one.to)
    hosts: Counter[str] = Counter()
    calls: Counter[tuple[str, str]] = Counter()
    for (here, stops), count in _standing_for(pairs, LOOKED_UP // len(topology.hosts)).items():
        for a, b in pairwise(_way(routes, here, stops)):
            hosts[a] += count
            hosts[b] += count
            calls[a, b] += count
    return hosts, calls


def _standing_for(pairs: _Pairs, most: int) -> _Pairs:
    """These pairs, or, if they have too many destinations, all pairs of fewer."""
    destinations = list(dict.fromkeys(stops for _, stops in pairs))
    if len(destinations) <= most:
        return pairs
    senders = _some([here for here, _ in pairs.elements()], SENDERS)
    return Counter((here, there) for here in senders for there in _some(destinations, most))


def _some(items: list[Any], most: int) -> list[Any]:
    """At most so many, evenly from all."""
    return items[:: -(-len(items) // max(1, most))]


def _way(routes: RoutingTable, here: str, stops: tuple[str, ...]) -> list[str]:
    """The hosts that mail passes, as far as there is a way."""
    way = [here]
    for stop in stops:
        onward = routes.way(way[-1], stop)
        if onward is None:
            break
        way += onward
    return way
