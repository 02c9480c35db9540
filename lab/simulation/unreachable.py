"""How much of a topology's mail has no way to its recipient (``lab check``).

Two hosts reach each other if they are neighbours, or if both have a neighbour among relays that
are joined: so hosts fall into groups by the relays they have around them, and pairs of groups are
compared instead of pairs of hosts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from lab.protocol import HostName
from lab.quantities import count_noun
from lab.simulation.planned_routes import planned_routes
from lab.simulation.world import World
from lab.topology.globs import matches_address
from lab.topology.model import Topology

MOST_GROUPS: Final = 2000
"""Groups of hosts whose pairs are compared."""


def unreachable_mail(topology: Topology) -> list[str]:
    """Return what there is to say of the pieces of a network, and of mail with no way."""
    sizes = sorted(pieces_of(topology), reverse=True)
    world = World(topology)
    sentences = []
    if len(sizes) > 1:
        shown = ", ".join(f"{size:,}" for size in sizes[:5])
        unlisted = f" and {len(sizes) - 5:,} more" if len(sizes) > 5 else ""
        sentences.append(
            f"the network is in {len(sizes):,} pieces, of {shown}{unlisted} hosts and routers"
        )
        if not topology.traffic:
            hosts = {host.name: 1 for host in topology.hosts.values() if host.kind != "router"}
            share = _Reach(topology, world).share_lost(hosts, hosts, len(hosts))
            sentences[0] += f"; about {_percent(share)} of mail from any host to any cannot arrive"
    reason = "for lack of a way" if sentences else "for lack of relays on the way"
    sentences += _of_mail(world, reason)
    sentences += _of_traffic(topology, world, reason)
    return sentences


def pieces_of(topology: Topology) -> list[int]:
    """Return how many hosts and routers are in each piece into which the links leave a network."""
    joined = _Joined()
    for link in topology.links:
        joined.join(link.a, link.b)
    return list(Counter(map(joined.first, topology.hosts)).values())


class _Joined:
    """Names in groups that grow together."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def first(self, name: str) -> str:
        """Return the name that stands for the group of a name."""
        above = self._above
        while (higher := above.get(name, name)) != name:
            above[name] = above.get(higher, higher)
            name = higher
        return name

    def join(self, a: str, b: str) -> None:
        self._above[self.first(a)] = self.first(b)


def _of_mail(world: World, reason: str) -> Iterator[str]:
    """Yield how many recipients of [[mail]] it cannot reach."""
    known = world.routes.resolve
    routes = [route for route in planned_routes(world) if not route.hosts]
    lost = [each for each in routes if known(HostName(each.to.rpartition("@")[2])) is not None]
    if lost:
        example = f"{lost[0].to}, from {lost[0].sender}"
        recipients = count_noun(len(lost), "recipient")
        yield f"{recipients} of [[mail]] cannot be reached {reason}: {example}"


def _of_traffic(topology: Topology, world: World, reason: str) -> Iterator[str]:
    """Yield the share of the mail of each [[traffic]] that cannot arrive."""
    reach: _Reach | None = None
    for number, spec in enumerate(topology.traffic):
        senders = _users(topology, spec.sender)
        receivers = _users(topology, spec.to)
        if reach is None:
            reach = _Reach(topology, world)
        share = reach.share_lost(senders, receivers, _same(topology, spec.sender, spec.to))
        if share:
            yield f"about {_percent(share)} of the mail of traffic.{number} cannot arrive {reason}"


def _percent(share: float) -> str:
    digits = 0 if 0.01 <= share <= 0.99 or share == 1 else 2
    return f"{100 * share:.{digits}f} %"


def _users(topology: Topology, glob: str) -> dict[str, int]:
    """Return how many users of each host a glob matches."""
    counts = {
        host.name: sum(
            matches_address(user.name, host.name, glob, host.label) for user in host.users
        )
        for host in topology.hosts.values()
    }
    return {host: count for host, count in counts.items() if count}


def _same(topology: Topology, sender: str, to: str) -> int:
    """Return how many users match both globs: they do not write to themselves."""
    return sum(
        all(matches_address(user.name, host.name, glob, host.label) for glob in (sender, to))
        for host in topology.hosts.values()
        for user in host.users
    )


class _Reach:
    """Which hosts have a way to each other."""

    def __init__(self, topology: Topology, world: World) -> None:
        speaking = [host for host in topology.hosts.values() if host.kind != "router"]
        relays = {host.name for host in speaking if host.relay}
        self._neighbours = world.routes.neighbours_of
        joined = _Joined()
        for name in relays:
            for neighbour in self._neighbours(name):
                if neighbour in relays:
                    joined.join(name, neighbour)
        self._around = {
            host.name: self._relays_around(host.name, relays, joined.first) for host in speaking
        }

    def _relays_around(
        self, name: str, relays: set[str], first: Callable[[str], str]
    ) -> frozenset[str]:
        if name in relays:
            return frozenset((first(name),))
        return frozenset(
            first(neighbour) for neighbour in self._neighbours(name) if neighbour in relays
        )

    def share_lost(self, senders: dict[str, int], receivers: dict[str, int], same: int) -> float:
        """Return the share of pairs of a sender and a receiver that have no way; 0 if unknown.

        ``same`` pairs are one user, and are not counted.
        """
        pairs = sum(senders.values()) * sum(receivers.values()) - same
        here, there = self._groups(senders), self._groups(receivers)
        if pairs <= 0 or len(here) * len(there) > MOST_GROUPS**2:
            return 0.0
        apart = sum(
            sender_count * receiver_count
            for around, sender_count in here.items()
            for around_receiver, receiver_count in there.items()
            if around.isdisjoint(around_receiver)
        )
        return (apart - self._beside(senders, receivers)) / pairs

    def _groups(self, users: dict[str, int]) -> Counter[frozenset[str]]:
        groups: Counter[frozenset[str]] = Counter()
        for host, count in users.items():
            groups[self._around[host]] += count
        return groups

    def _beside(self, senders: dict[str, int], receivers: dict[str, int]) -> int:
        """Return how many pairs with no relays in common are neighbours, or at one host."""
        beside = 0
        for host, count in senders.items():
            around = self._around[host]
            for receiver in self._beside_or_at(host, around):
                if receiver in receivers and around.isdisjoint(self._around[receiver]):
                    beside += count * receivers[receiver]
        return beside

    def _beside_or_at(self, host: str, around: frozenset[str]) -> Iterable[str]:
        return [host, *self._neighbours(host)] if not around else self._neighbours(host)
