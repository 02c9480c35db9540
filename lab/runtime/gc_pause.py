"""Pause the garbage collector during a run and its analysis: both leave hardly any cycles."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

RARELY: Final = 1_000_000
"""New objects after which Python collects garbage while a run goes on."""

MOST: Final = 500_000
"""Objects that runs may leave behind before all of them are collected."""

_BEFORE: Final[list[tuple[int, int, int]]] = []


class _Deferred:
    """How many objects runs have left behind since the last full collection."""

    objects = 0
    full_collections = 0


@contextmanager
def gc_pause() -> Iterator[None]:
    """Within this context, collect garbage over a thousand times less often.

    A run makes hardly any reference cycles, and it keeps its topology and its whole trace, so each
    collection searches them for nothing, also while the trace is analysed. The collection at the
    end is deferred too, until enough objects have been left behind. Threads may use this at the
    same time: the last one to leave restores the thresholds that the first one found.
    """
    _BEFORE.append(gc.get_threshold())
    gc.set_threshold(max(RARELY, _BEFORE[-1][0]), 50, 100)
    try:
        yield
    finally:
        before = _BEFORE.pop()
        if before[0] < RARELY:
            _defer_collection()
        gc.set_threshold(*before)


def _defer_collection() -> None:
    """Count all objects as collected, unless too many have been left behind."""
    full_collections = gc.get_stats()[-1]["collections"]
    if full_collections != _Deferred.full_collections:
        _Deferred.full_collections, _Deferred.objects = full_collections, 0
    _Deferred.objects += gc.get_count()[0]
    if _Deferred.objects > MOST:
        gc.collect()
    elif not gc.get_freeze_count():  # otherwise the caller has frozen objects that must stay so
        gc.freeze()
        gc.unfreeze()
