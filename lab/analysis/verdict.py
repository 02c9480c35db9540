"""The verdict of a run in a sentence: how long half of the recipients took, and on what."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from lab.analysis.phases import Phase, Phases, RecipientPhases
from lab.analysis.quantiles import median
from lab.analysis.shown_names import NAMES, ShownNames, shown_names
from lab.quantities import time_taken
from lab.trace.levels import includes
from lab.trace.trace import Trace

MOST_EVENTS: Final = 50_000
"""Events of a run of which a verdict is given without being asked for: about a second of work."""

_ENOUGH: Final = 0.3
"""Share of the time from which on one place is named; with less, what all places have in common."""

_ANYWHERE: Final = {
    "spool": "in spools", "retry": "waiting for the next try", "opening": "opening channels",
    "line": "waiting for lines", "sending": "sending mail data", "dialogue": "in round trips",
}  # fmt: skip

_WORDS: Final = {
    "spool": "in the spool of {host}",
    "retry": "waiting for the next try from {host} to {peer}",
    "opening": "opening channels from {host} to {peer}",
    "line": "waiting for the line {host}-{peer}",
    "sending": "sending mail data from {host} to {peer}",
    "dialogue": "in round trips between {host} and {peer}",
}
"""What each phase is called in a verdict."""

_SPOOLS: Final = (
    ("holds it until", "in the spool of {host} until {peer} called"),
    ("behind", "in the spool of {host} behind other mail to {peer}"),
    (" is down", "at {host}, which was down"),
)
"""What is said of a spool, by what its cause says."""


def verdict(trace: Trace) -> str:
    """Return how long half of the recipients took or longer, and what most of that time went on.

    Returns "" for a trace that was recorded without what crossed the wire, and for a run in which
    nothing took time.
    """
    if not includes(trace.level, "wire"):
        return ""
    phases = Phases(trace)
    return verdict_of(phases.everyone(), phases, shown_names(trace.meta))


def verdict_of(
    recipients: Iterable[RecipientPhases], phases: Phases, shown: ShownNames = NAMES
) -> str:
    """Return the verdict about these recipients of a run; ``shown`` are the names of hosts."""
    everyone = sorted((recipient for recipient in recipients if recipient.phases), key=_seconds)
    if not everyone:
        return ""
    slow = everyone[len(everyone) // 2 :] if len(everyone) > 1 else everyone
    half = median([_seconds(recipient) for recipient in everyone])
    activity, share = _most(slow, lambda phase: _phase_in_words(phase, phases, shown))
    if share < _ENOUGH:
        activity, share = _most(slow, lambda phase: _ANYWHERE[phase.phase])
    settled = sum(recipient.outcome == "delivered" for recipient in everyone) == len(everyone)
    half_of = "half" if settled else f"half of all {len(everyone):,}"
    subject = "the only recipient" if len(everyone) == 1 else half_of
    amount = "took" if len(everyone) == 1 else "took at least"
    return f"{subject} {amount} {time_taken(half)}, {share:.0%} of it {activity}".replace("%", " %")


def _most(recipients: Iterable[RecipientPhases], name: Callable[[Phase], str]) -> tuple[str, float]:
    """Return what most of the time of recipients went on, and its share of it."""
    spent: dict[str, float] = {}
    for recipient in recipients:
        for phase in recipient.phases:
            activity = name(phase)
            spent[activity] = spent.get(activity, 0.0) + phase.seconds
    activity, seconds = max(spent.items(), key=lambda phase_seconds: phase_seconds[1])
    return activity, seconds / sum(spent.values())


def _seconds(recipient: RecipientPhases) -> float:
    return recipient.phases[-1].end - recipient.submitted_at if recipient.phases else 0.0


def _phase_in_words(phase: Phase, phases: Phases, shown: ShownNames) -> str:
    """Return what a phase is called; waiting in a spool behind mail on a line is for that line."""
    words = _WORDS[phase.phase]
    host, peer = phase.host, phase.peer
    if phase.phase == "spool":
        words = next((text for mark, text in _SPOOLS if mark in phase.because), words)
        line = phases.line_before(host, peer) if "behind" in phase.because else None
        if line is not None and "holds it" not in phase.because:
            words, (host, peer) = _WORDS["line"], line
    elif phase.phase == "sending" and " on the line " in phase.because:
        words = "sending mail data over the line {host}-{peer}"
    return words.format(host=shown[host], peer=shown[peer])
