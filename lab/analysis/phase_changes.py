"""Gained and lost seconds by phase: where a recipient's time went in each of two runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from lab.analysis.phases import PHASES, Phase, Phases, RecipientPhases
from lab.analysis.recipients import Recipient
from lab.trace.trace import Trace

_DIGITS: Final = 6


class PhaseChange(NamedTuple):
    """The seconds that a recipient spent in a phase, in each of two runs.

    ``because`` is the cause of the longest such phase, in the run in which more was spent.
    """

    phase: str
    a: float
    b: float
    because: str

    @property
    def change(self) -> float:
        """The seconds of the second run less those of the first."""
        return round(self.b - self.a, _DIGITS)


class PhaseChanges:
    """The phases of recipients in two runs, both recorded with what crossed the wire."""

    def __init__(self, a: Trace, b: Trace) -> None:
        self._runs = Phases(a), Phases(b)
        self._known: list[dict[int, list[RecipientPhases]]] = [{}, {}]

    def phases(self, run: int, recipient: Recipient | None) -> tuple[Phase, ...]:
        """Return the phases of a recipient in the first (0) or second (1) run."""
        if recipient is None:
            return ()
        known = self._known[run]
        if recipient.message not in known:
            known[recipient.message] = self._runs[run].of(recipient.message)
        return next(
            (
                known_phases.phases
                for known_phases in known[recipient.message]
                if known_phases.id == recipient.id
            ),
            (),
        )

    def of(self, a: Recipient | None, b: Recipient | None) -> list[PhaseChange]:
        """Return the phases in which a recipient was in either run, in the order of PHASES."""
        spent = self.phases(0, a), self.phases(1, b)
        changes = []
        for phase in PHASES:
            parts_by_run = [[part for part in phases if part.phase == phase] for phases in spent]
            ours, theirs = (
                round(sum(part.seconds for part in parts), _DIGITS) for parts in parts_by_run
            )
            longer = parts_by_run[1] if theirs > ours else parts_by_run[0]
            if longer:
                because = max(longer, key=lambda part: part.seconds).because
                changes.append(PhaseChange(phase, ours, theirs, because))
        return changes


def totals(changes: Iterable[Iterable[PhaseChange]]) -> Mapping[str, float]:
    """Return the seconds that the second run spent more in each phase, of several recipients."""
    seconds_of = dict.fromkeys(PHASES, 0.0)
    for each in changes:
        for change in each:
            seconds_of[change.phase] += change.change
    return {phase: round(seconds, _DIGITS) for phase, seconds in seconds_of.items()}


def largest(changes: Iterable[PhaseChange], change: float) -> PhaseChange | None:
    """Return the phase that did most to a change of so many seconds; None if none did."""
    sign = 1 if change >= 0 else -1
    same = [part for part in changes if part.change * sign > 0]
    return max(same, key=lambda part: abs(part.change), default=None)
