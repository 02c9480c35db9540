"""Make many runs on several processes, with results in the same order for any number of them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from lab.runtime.signals import let_through
from lab.runtime.spawn import quiet_start

Item = TypeVar("Item")
Result = TypeVar("Result")

ALONE = 1.0
"""Seconds for which this process works alone first: others need about as long to start."""

CHUNK = 16
"""The most runs that are given to a process at a time."""


def processors() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def results(
    work: Callable[[Item], Result], items: Sequence[Item], processes: int | None = None
) -> Iterator[Result]:
    """Yield ``work(item)`` for each item, in the order of the items.

    ``work`` must be a function of a module, or a partial of one, so that other processes can import
    it. Its result must depend on the item alone.
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
    pool: Any = ProcessPoolExecutor(processes, context, initializer=ignore_interrupts)
    try:
        with quiet_start():
            made = pool.map(work, items, chunksize=chunk)
        yield from made
    finally:
        pool.shutdown(cancel_futures=True)


def ignore_interrupts() -> None:
    """Ignore Ctrl-C in this process; the process that started it handles it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    let_through()
