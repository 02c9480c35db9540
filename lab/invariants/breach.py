"""A breach: a rule that a run broke."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MOST: Final = 20
"""Breaches that are told; a run that has so many has said enough."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule that a run broke at ``t`` seconds, in a sentence; ``message`` where it is of one."""

    rule: str
    t: float
    sentence: str
    message: int | None = None

    def __str__(self) -> str:
        return f"{self.rule}: {self.sentence}"
