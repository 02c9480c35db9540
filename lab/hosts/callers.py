"""For which callers a host relays, and which paths lead out of the network."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from lab.hosts.routing import RoutingTable
from lab.protocol import HostName, Path, Reply, reply

ALL_HOSTS: Final = "*"
"""Stands for all hosts of the topology, in a list of callers."""

Network = IPv4Network | IPv6Network

LOOPBACK: Final[tuple[Network, ...]] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))

_ROUTING: Final = frozenset("@%!:<>")
"""Characters by which a mail program may take a user name for an address: a route (RFC 821), the
"percent hack", a UUCP path, DECnet's "host::user"."""

_NO_ADDRESS: Final = reply(553, "Mailbox name not allowed: it could be an address elsewhere")


@lru_cache(maxsize=1024)
def network_of(text: str) -> Network | None:
    """Return the network that a text such as "10.0.0.0/8" or "192.168.1.7" means; None if none."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


class Callers:
    """The callers that a list names: hosts of the topology, and networks.

    None stands for all hosts of the topology, and callers on this machine.
    """

    __slots__ = ("_hosts", "_networks", "all_hosts")

    def __init__(self, named: Iterable[str] | None, routes: RoutingTable) -> None:
        names = (ALL_HOSTS,) if named is None else tuple(named)
        networks = [network for name in names if (network := network_of(name)) is not None]
        self._networks = LOOPBACK if named is None else tuple(networks)
        self._hosts = frozenset([routes.resolve(HostName(name)) for name in names])
        self.all_hosts = ALL_HOSTS in names

    def include(self, host: str | None, address: str) -> bool:
        """Return whether a caller is among them.

        A caller is a host of the topology, or comes from outside and has an IP address; without
        either, it is somebody who talks to the host by hand, on this machine.
        """
        if address or host is None:
            return self._has_address(address or "127.0.0.1")
        return self.all_hosts or host in self._hosts

    def _has_address(self, text: str) -> bool:
        try:
            address = ip_address(text.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)


def why_outside(path: Path, routes: RoutingTable) -> Reply | None:
    """Return the refusal of a path that leads past an external host; None for any other.

    An external host is a mail program of others, and may send mail on to anywhere. So a path ends
    there, and its user name is not one that a mail program could take for an address.
    """
    if not routes.external:
        return None
    for name in path.route_hosts:
        if routes.resolve(name) in routes.external:
            return reply(550, f"No relaying past {name.text[:64]}")
    if routes.resolve(path.host) not in routes.external:
        return None
    user = path.user
    is_plain = user.isprintable() and _ROUTING.isdisjoint(user) and _ROUTING.isdisjoint(path.local)
    return None if is_plain else _NO_ADDRESS
