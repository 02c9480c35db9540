"""Mail of a topology that cannot be sent on the route that it will take (``lab check``)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from lab.hosts.message import lines_of
from lab.protocol.lines import CRLF, seems_to_end
from lab.protocol.sizes import MAX_TEXT_LINE
from lab.simulation.agenda import submission_of
from lab.simulation.planned_routes import route_of
from lab.simulation.world import World
from lab.topology.model import Topology


def unsendable_mail(topology: Topology) -> list[str]:
    """Return a sentence about each [[mail]] that cannot be sent as it is, and why."""
    world = World(topology)
    limits = [spec.limits.message for spec in topology.hosts.values()]
    least = min((limit for limit in limits if limit is not None), default=math.inf)
    sentences = []
    for number, spec in enumerate(topology.mail):
        whys = list(_cut_lines(spec.text or spec.mail_data or ""))
        octets = submission_of(topology, spec).mail_data(world.calendar.daytime(spec.at))
        if len(octets) > least or seems_to_end(octets):
            routes = [route_of(world, spec.sender, recipient) for recipient in spec.to]
            whys += [why for hosts in routes for why in _obstacles(topology, octets, hosts)]
        sentences += [f"mail.{number} {why}" for why in dict.fromkeys(whys)]
    return sentences


def _cut_lines(text: str) -> Iterator[str]:
    """Yield what becomes of lines that are too long to be sent."""
    room = MAX_TEXT_LINE - len(CRLF)
    longest = max(map(len, lines_of(text)), default=0)
    if longest > room:
        yield (
            f"has a line of {longest} characters, and may have {room} and CRLF (4.5.3); it is sent "
            "as several lines"
        )


def _obstacles(topology: Topology, octets: bytes, hosts: list[str]) -> Iterator[str]:
    """Yield why mail cannot go from the first of these hosts to the last."""
    for host in hosts[1:]:
        settings = topology.hosts[host]
        most = settings.limits.message
        if most is not None and len(octets) > most:
            yield (
                f"is too large for {host} on its way: it has {len(octets)} bytes, and at most "
                f"{most} are taken"
            )
        if settings.external and seems_to_end(octets):
            yield (
                f"cannot be sent to {host}: a period stands alone between bare CRs or LFs, where a "
                "program outside the lab may take the mail to end"
            )
