"""Mail of a topology that cannot be sent on the route that it will take (``lab check``)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from lab.hosts.directory import Directory, Forward, MailingList
from lab.hosts.message import lines_of
from lab.protocol import Path, time_stamp_line
from lab.protocol.lines import CRLF, seems_to_end
from lab.protocol.sizes import MAX_TEXT_LINE
from lab.simulation.agenda import submission_of
from lab.simulation.planned_routes import route_of
from lab.simulation.world import World
from lab.topology.model import HostSpec, Topology

GROWTH: Final = 10_000
"""Bytes that the time stamp lines of all hosts on a way may have."""


def unsendable_mail(topology: Topology) -> list[str]:
    """Return a sentence about each [[mail]] that cannot be sent as it is, and why."""
    world = World(topology)
    limits = [spec.limits.message for spec in topology.hosts.values()]
    least = min((limit for limit in limits if limit is not None), default=math.inf)
    sentences = []
    for number, spec in enumerate(topology.mail):
        whys = list(_cut_lines(spec.text or spec.mail_data or ""))
        daytime = world.calendar.daytime(spec.at)
        octets, size = submission_of(topology, spec).own_part(daytime)
        ends = seems_to_end(octets)
        if size > least - GROWTH or ends:
            for recipient in spec.to:
                for hosts in _ways(world, spec.sender, recipient, set()):
                    whys += _obstacles(topology, size, ends, hosts, daytime)
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


def _ways(
    world: World, sender: Path, recipient: Path, passed: set[tuple[str, str]]
) -> Iterator[list[str]]:
    """Yield the hosts on the way of mail to a recipient, and to those to whom a list or a forward
    there sends it on; ``passed`` are the lists and forwards on the way.
    """
    hosts = route_of(world, sender, recipient)
    yield hosts
    if not hosts or (hosts[-1], recipient.user) in passed:
        return
    passed.add((hosts[-1], recipient.user))
    for path in _sent_on(world.topology.hosts[hosts[-1]], recipient.user):
        for onward in _ways(world, Path((), recipient.local, hosts[-1]), path, passed):
            if onward:
                yield hosts + onward[1:]


def _sent_on(settings: HostSpec, name: str) -> list[Path]:
    """Return the paths to which a host sends mail on that comes for a name of its own."""
    directory = Directory(settings.name, settings.users, settings.lists, settings.forwards)
    entry = directory.find(name)
    if isinstance(entry, MailingList):
        return [member.path for member in entry.members]
    return [entry.to] if isinstance(entry, Forward) and entry.mode == "forward" else []


def _obstacles(
    topology: Topology, size: int, ends: bool, hosts: list[str], daytime: str
) -> Iterator[str]:
    """Yield why mail cannot go from the first of these hosts to the last.

    Each host puts a time stamp line before it. ``ends``: other programs may take it to end early.
    """
    for before, host in pairwise(hosts):
        settings = topology.hosts[host]
        most = settings.limits.message
        if most is not None and size > most:
            yield (
                f"is too large for {host} on its way: it has {size} bytes, and at most {most} are "
                "taken"
            )
        size += len(time_stamp_line(before, host, daytime))
        if settings.external and ends:
            yield (
                f"cannot be sent to {host}: a period stands alone between bare CRs or LFs, where a "
                "program outside the lab may take the mail to end"
            )
