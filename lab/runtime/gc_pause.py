"""How often Python looks for cycles of garbage, of which a run makes none that matter."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

RARELY: Final = 1_000_000
"""Objects more than there were, at which Python looks for cycles while a run goes on."""

MOST: Final = 500_000
"""Objects that runs may leave until all are looked at."""

_BEFORE: Final[list[tuple[int, int, int]]] = []


class _Left:
    """How many objects runs have left since Python has looked at all so many times."""

    objects = 0
    looks = 0


@contextmanager
def gc_pause() -> Iterator[None]:
    """Let Python look for cycles of garbage more than a thousand times less often.

    A run makes none that matter, and keeps its topology and all of its trace: each look at those is
    in vain. So is one right at its end; what it leaves is looked at when enough has been left.
    Threads may do so at the same time: the last to end sets things back as the first found them.
    """
    _BEFORE.append(gc.get_threshold())
    gc.set_threshold(max(RARELY, _BEFORE[-1][0]), 50, 100)
    try:
        yield
    finally:
        before = _BEFORE.pop()
        if before[0] < RARELY:
            _leave_alone()
        gc.set_threshold(*before)


def _leave_alone() -> None:
    """Have what is there count as looked at, unless too much has been left so."""
    looks = gc.get_stats()[-1]["collections"]
    if looks != _Left.looks:
        _Left.looks, _Left.objects = looks, 0
    _Left.objects += gc.get_count()[0]
    if _Left.objects > MOST:
        gc.collect()
    elif not gc.get_freeze_count():  # else somebody has frozen what is to stay so
        gc.freeze()
        gc.unfreeze()
