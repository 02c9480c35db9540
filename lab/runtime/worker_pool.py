"""Many runs over several processes, with the same results in the same order for any number."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

ALONE = 1.0
"""Seconds that this process works by itself first: others need about as long to start."""

CHUNK = 16
"""Runs that are handed to a process at a time, at the most."""


def processors() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def results(
    work: Callable[[Item], Result], items: Sequence[Item], processes: int | None = None
) -> Iterator[Result]:
    """``work`` of each item, in the order of the items.

    ``work`` has to be a function of a module, or a partial of one, that crosses process boundaries;
    what it gives must depend on the item alone.
    """
    processes = processors() if processes is None else max(1, processes)
    begun = time.monotonic()
    done = 0
    for item in items:
        if processes > 1 and time.monotonic() - begun > ALONE and len(items) - done > processes:
            break
        yield work(item)
        done += 1
    if done < len(items):
        yield from _over_processes(work, items[done:], processes)


def _over_processes(
    work: Callable[[Item], Result], items: Sequence[Item], processes: int
) -> Iterator[Result]:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # spawn: a fork would copy whatever threads the caller has (a notebook, a progress bar)
    context = get_context("spawn")
    chunk = max(1, min(CHUNK, len(items) // (4 * processes)))
    pool: Any = ProcessPoolExecutor(processes, context, initializer=_begin)
    try:
        yield from pool.map(work, items, chunksize=chunk)
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """Leave Ctrl-C to the process that asked."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
