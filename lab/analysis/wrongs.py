"""What went wrong in a run as a whole: broken rules, unmet expectations, lost and doubled mail.

Every picture of a run says so, whatever else it shows.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from lab.analysis.account import Account
from lab.analysis.invariants import Breach, Invariants
from lab.analysis.kept import Kept
from lab.analysis.shown_names import shown_names
from lab.quantities import clock_time, count_noun
from lab.trace.levels import includes
from lab.trace.trace import Trace

_MOST: Final = 3
"""Broken rules that a picture writes out; the others are counted."""


@dataclass(frozen=True)
class Wrongs:
    """What went wrong in a run.

    ``breaches`` are broken rules, ``unmet`` sentences about ``[expect]``. ``lost`` has for each
    message that was lost for a recipient when that happened, ``twice`` for each that a user got
    more than once how many copies there were; both by the numbers of messages. ``outcomes`` has how
    many recipients came to what, and is empty where that is not known.
    """

    breaches: tuple[Breach, ...] = ()
    unmet: tuple[str, ...] = ()
    lost: tuple[tuple[int, float], ...] = ()
    twice: tuple[tuple[int, int], ...] = ()
    outcomes: tuple[tuple[str, int], ...] = ()

    @cached_property
    def _lost(self) -> dict[int, float]:
        return dict(self.lost)

    @cached_property
    def _twice(self) -> dict[int, int]:
        return dict(self.twice)

    def lost_at(self, message: int) -> float | None:
        """Return when a message was lost; None if it was not."""
        return self._lost.get(message)

    def came_twice(self, message: int) -> bool:
        """Return whether a user got a message more than once."""
        return message in self._twice

    def sentences(self) -> list[str]:
        """Return the broken rules and unmet expectations, a sentence each."""
        rules = [f"rule broken at {clock_time(each.t)}: {each}" for each in self.breaches]
        return [*rules, *self.unmet]

    def first_sentences(self) -> tuple[list[str], list[str]]:
        """Return those that a picture has room for, and a line that counts the others, if any."""
        every = self.sentences()
        unlisted = len(every) - _MOST
        sentence = f"and {count_noun(unlisted, 'more problem')}: lab run reports all"
        return every[:_MOST], [sentence] if unlisted > 0 else []


_kept: Final[Kept[Wrongs]] = Kept()


def wrongs(trace: Trace) -> Wrongs:
    """Return what went wrong in a run, as far as its trace tells."""
    return _kept.of(trace, _wrongs)


def _wrongs(trace: Trace) -> Wrongs:
    if not includes(trace.level, "delivery") or trace.missing:
        return Wrongs()
    account = Account(trace.rows)
    rules = Invariants() if includes(trace.level, "wire") else None
    if rules is not None:
        rules.take_all(trace.rows)
    counts = account.counts()
    if any(name == "trace" for _, name in account.failures):
        return Wrongs()  # rows are missing, so nothing can be judged
    expected = trace.meta.get("expect", {})
    lost: dict[int, float] = {}
    twice: dict[int, int] = {}
    outcomes: Counter[str] = Counter()
    for recipient in account.everyone():
        outcomes[recipient.outcome] += 1
        if recipient.outcome in ("lost", "discarded"):
            t = recipient.discarded_at if recipient.discarded_at is not None else None
            lost.setdefault(recipient.message, recipient.vanished_at if t is None else t)
        if recipient.deliveries > 1:
            twice[recipient.message] = max(twice.get(recipient.message, 0), recipient.deliveries)
    return Wrongs(
        () if rules is None else tuple(_shown(trace, rules.breaches(account))),
        tuple(unmet(expected, dict(counts))),
        tuple(lost.items()),
        tuple(twice.items()),
        tuple(outcomes.items()),
    )


def _shown(trace: Trace, breaches: list[Breach]) -> list[Breach]:
    """Return breaches whose sentences have hosts by the names that people see."""
    shown = shown_names(trace.meta)
    return [
        Breach(each.rule, each.t, shown.reason(each.sentence), each.message) for each in breaches
    ]


def unmet(expected: dict[str, int], counts: dict[str, object]) -> list[str]:
    """Return the expectations that the counts of a summary do not meet, a sentence each."""
    return [
        f"[expect] {key} = {wanted}, but the run had {key} = {counts[key]}"
        for key, wanted in expected.items()
        if counts.get(key) != wanted
    ]
