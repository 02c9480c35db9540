"""What a host knows of the hosts that it can open a transmission channel to."""

from __future__ import annotations

from typing import NamedTuple


class Neighbour(NamedTuple):
    """A host that a channel can be opened to: over which environment, at which cost."""

    name: str
    environment: str
    cost: float
