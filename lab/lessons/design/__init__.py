"""A task for designers of mail networks: twelve sites, prices, three rules, and a score.

The designer chooses the lines, slow or fast, and the hosts that relay; the rest is given. Rules:

- all of it costs no more than :data:`BUDGET` a month;
- a letter takes no longer than :data:`SECONDS` in the mean, when everybody writes to everybody once
  within a quarter of an hour;
- whichever one host dies or line is cut (and the tables know it), the others get all their mail.

A design that keeps them has as many points as it leaves of the budget. What a design costs and what
it withstands is computed from its graph; the score *measures* delay and failures by simulations.
"""

from __future__ import annotations

from lab.lessons.design.scoring import Score, beats, reference, score
from lab.lessons.design.sketch import sketch
from lab.lessons.design.task import (
    BUDGET,
    SECONDS,
    SITES,
    SPEEDS,
    cost,
    distance,
    expected_delay,
    hop,
    lines_of,
    needed,
    network,
    quiet_of,
    rent,
)

__all__ = [
    "BUDGET",
    "SECONDS",
    "SITES",
    "SPEEDS",
    "Score",
    "beats",
    "cost",
    "distance",
    "expected_delay",
    "hop",
    "lines_of",
    "needed",
    "network",
    "quiet_of",
    "reference",
    "rent",
    "score",
    "sketch",
]
