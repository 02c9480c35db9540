"""Random mail of a topology as single mails, so that each can be followed over real TCP."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Final

from lab.simulation.agenda import submissions
from lab.simulation.world import World
from lab.topology.model import MailSpec, Topology

MOST: Final = 40
"""Mails of the traffic of a file that are sent over real TCP."""


def with_traffic_as_mail(topology: Topology, seed: int) -> tuple[Topology, bool]:
    """Return a topology with its traffic as mail, after its own; and whether that is all of it."""
    if not topology.traffic:
        return topology, True
    alone = replace(topology, mail=())
    drawn = submissions(alone, seed, World(alone, seed).routes, lambda _: True)
    mails = [
        MailSpec(at=each.at, verb=each.verb, sender=each.sender, to=each.to, size=each.size)
        for each in islice(drawn, MOST + 1)
    ]
    mail = (*topology.mail, *mails[:MOST])
    return replace(topology, mail=mail, traffic=()), len(mails) <= MOST
