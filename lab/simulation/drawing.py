"""What draws the numbers of a distribution that a topology gives."""

from __future__ import annotations

import math

from lab.network.draws import LARGEST, Draws, inverse
from lab.topology.model import Distribution


def draws_of(distribution: Distribution, most: float = LARGEST) -> Draws:
    """Return what draws the numbers of a distribution, none of them greater than ``most``."""
    given = {name: float(value) for name, value in distribution.parameters.items()}
    largest = given.get("max", math.inf)
    return Draws(
        inverse(distribution.distribution, given, distribution.values),
        distribution.least,
        min(largest, most),
    )
