"""A design task: connect twelve sites by mail, at given prices, under three rules, for a score.

The designer chooses the lines, each slow or fast, and the hosts that relay; the rest is given. The
rules are:

- the network costs at most :data:`BUDGET` a month;
- a message takes at most :data:`SECONDS` on average, when everybody writes to everybody once within
  a quarter of an hour;
- if any one host or line fails (and the tables know it), the others still receive all their mail.

A design that keeps the rules gets a point for every dollar of the budget that it does not spend.
What a design costs and which failures it survives is computed from its graph; the score *measures*
delay and failures by simulations.
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
