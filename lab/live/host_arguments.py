"""What a host's process gets at its start."""

from __future__ import annotations

from dataclasses import dataclass

from lab.live.budgets import Budgets
from lab.live.row_ring import RowRing
from lab.live.wallclock import WallClock
from lab.topology.model import Topology


@dataclass(frozen=True, slots=True)
class HostArguments:
    """What a host's process gets at its start.

    ``relay_port`` is where the network listens for it; it takes those for its hosts that begin with
    ``relay_secret``. ``number`` is its place among the hosts, and
    ``life`` how often it was started before. ``idle`` in seconds. ``outbox`` is where it
    puts what it records. ``budgets``: what callers from outside may take of it.
    ``trusts_external``: it sends mail on past external hosts. ``room``: bytes of the disk that are
    kept for mail.
    """

    name: str
    topology: Topology
    seed: int
    clock: WallClock
    address: str
    port: int
    relay_port: int
    relay_secret: bytes
    storage: str
    number: int
    life: int
    durable: bool
    idle: float
    outbox: RowRing
    budgets: Budgets
    trusts_external: bool
    room: int
