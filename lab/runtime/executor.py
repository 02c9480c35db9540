"""Where many runs are made: processes of this machine, threads of this process, or a cluster.

Workers take a task, which is a function and its argument, and put its result into a queue. A
process that dies is replaced, and its task is reported as :data:`DIED`. Explorations, storms,
gradings and sweeps all go through :func:`start_workers`; what they make is the same with any.
"""

from __future__ import annotations

import os
import pickle
import queue
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from lab.runtime.extras import command, has_processes
from lab.runtime.signals import let_through
from lab.runtime.spawn import quiet_start
from lab.runtime.workers import (
    DIED,
    DONE,
    EXAMPLE_ADDRESS,
    FAILED,
    TaskResult,
    Workers,
    WorkersError,
    failed_future,
)

Item = TypeVar("Item")
Result = TypeVar("Result")

ALONE: Final = 1.0
"""Seconds for which this process works alone first: others need about as long to start."""

CHUNK: Final = 16
"""The most items that a worker is given at a time."""

TRIES: Final = 3
"""How often a task is given to workers if the process that works on it dies."""

INSTALL: Final = command("distributed")


def processors() -> int:
    """Return the number of processors that this process may use."""
    if not has_processes():
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def start_workers(workers: int, scheduler: str | None = None) -> Workers:
    """Start processes on this machine, or join the workers of a Dask scheduler.

    Raises :class:`WorkersError`.
    """
    if scheduler is None:
        return LocalWorkers(workers)
    if not re.search(r"://|:\d+$", scheduler):
        raise WorkersError(f"{scheduler!r} is not an address; write one such as {EXAMPLE_ADDRESS}")
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise WorkersError(
            f"a cluster ({scheduler}) requires Dask, which is not installed; run: {INSTALL}"
        ) from None
    from lab.runtime.dask_workers import DaskWorkers

    return DaskWorkers(scheduler)


def results(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    processes: int | None = None,
    scheduler: str | None = None,
) -> Iterator[Result]:
    """Yield ``work(item)`` for each item, in the order of the items.

    ``work`` must be a function of a module, or a partial of one, so that other processes can import
    it. Its result must depend on the item alone. ``scheduler`` is the address of a Dask scheduler,
    whose workers then do all of it. Raises :class:`WorkersError`.
    """
    if scheduler is not None:
        # a scheduler has given a task to several workers before it says that it kills them
        yield from _over_workers(work, items, start_workers(0, scheduler), 1)
        return
    processes = processors() if processes is None or not has_processes() else max(1, processes)
    begun = time.monotonic()
    done = 0
    for item in items:
        if processes > 1 and time.monotonic() - begun > ALONE and len(items) - done > processes:
            break
        yield work(item)
        done += 1
    if done < len(items):
        yield from _over_workers(work, items[done:], start_workers(processes), TRIES)


def _over_workers(
    work: Callable[[Item], Result], items: Sequence[Item], pool: Workers, tries: int
) -> Iterator[Result]:
    chunk = max(1, min(CHUNK, len(items) // (4 * pool.size)))
    chunks = [items[first : first + chunk] for first in range(0, len(items), chunk)]
    try:
        for made in _InOrder(pool, tries, _each, [(work, part) for part in chunks]).results():
            yield from made
    finally:
        pool.close()


def _each(argument: tuple[Callable[[Any], Any], Sequence[Any]]) -> list[Any]:
    work, items = argument
    return [work(item) for item in items]


@dataclass
class _InOrder:
    """Gives arguments of a function to workers, some at a time; the results are in their order."""

    pool: Workers
    tries: int
    function: Callable[[Any], Any]
    arguments: Sequence[Any]

    def results(self) -> Iterator[Any]:
        """Yield the result for each argument; one whose process died is given out again."""
        under_way: dict[int, int] = {}
        waiting: dict[int, TaskResult] = {}
        handed_out = 0
        for number in range(len(self.arguments)):
            while number not in waiting:
                while handed_out < len(self.arguments) and len(under_way) < 2 * self.pool.size:
                    self._submit(handed_out, under_way)
                    handed_out += 1
                result = self.pool.result(0.5)
                if result is not None and self._take(result, under_way):
                    waiting[result.task] = result
            next_one = waiting.pop(number)
            if next_one.status == FAILED:
                raise not_sent(next_one.value)
            yield next_one.value

    def _submit(self, number: int, under_way: dict[int, int]) -> None:
        under_way[number] = under_way.get(number, 0) + 1
        self.pool.submit(number, self.function, self.arguments[number])

    def _take(self, result: TaskResult, under_way: dict[int, int]) -> bool:
        """Return whether this is the result of its task, which is then no longer under way."""
        if result.status == DIED and under_way[result.task] < self.tries:
            self._submit(result.task, under_way)
            return False
        del under_way[result.task]
        if result.status == DIED:
            raise WorkersError(
                "a process died each time at the same work (killed, or out of memory)"
            )
        return True


def not_sent(why: BaseException) -> BaseException:
    """Return what to raise for a task that failed: without the lab, none can be done there."""
    if isinstance(why, ImportError):
        reason = f"{type(why).__name__}: {why}"
        return WorkersError(
            f"the workers lack a module ({reason}); install the same smtp-lab there"
        )
    return why


class LocalWorkers:
    """Processes of this machine."""

    def __init__(self, workers: int) -> None:
        self.size = workers
        self._results: queue.SimpleQueue[tuple[Any, Any]] = queue.SimpleQueue()
        self._left = 0
        self._pool = self._new()

    def _new(self) -> Any:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        # spawn: a fork would copy whatever threads the caller has (a notebook, a progress bar)
        return ProcessPoolExecutor(self.size, get_context("spawn"), initializer=ignore_interrupts)

    def submit(self, task: Any, function: Callable[[Any], Any], argument: Any) -> None:
        """Have a function called."""
        from concurrent.futures.process import BrokenProcessPool

        self._left += 1
        try:
            call = _by_value(function, argument)
        except Exception as why:  # it holds what cannot be sent
            self._results.put((task, failed_future(why)))
            return
        with quiet_start():
            try:
                future = self._pool.submit(*call)
            except BrokenProcessPool:
                self._pool.shutdown(wait=False)
                self._pool = self._new()
                future = self._pool.submit(*call)
        future.add_done_callback(lambda done: self._results.put((task, done)))

    def result(self, seconds: float) -> TaskResult | None:
        """Return the next result, or None if none comes within ``seconds``."""
        from concurrent.futures import BrokenExecutor

        try:
            task, future = self._results.get(timeout=seconds)
        except queue.Empty:
            return None
        self._left -= 1
        try:
            return TaskResult(task, DONE, future.result())
        except BrokenExecutor:
            return TaskResult(task, DIED, None)
        except Exception as why:
            return TaskResult(task, FAILED, why)

    def close(self) -> None:
        """Cancel all tasks and stop the processes, each when it has ended what it works on."""
        self._pool.shutdown(wait=not self._left, cancel_futures=True)


def _by_value(function: Callable[[Any], Any], argument: Any) -> tuple[Any, ...]:
    """Return a call that can be sent: functions of a notebook by their content, if that is how.

    That is done by cloudpickle, which Dask brings along.
    """
    try:
        import cloudpickle
    except ImportError:
        return function, argument
    return _call, cloudpickle.dumps((function, argument))


def _call(octets: bytes) -> Any:
    function, argument = pickle.loads(octets)
    return function(argument)


class ThreadWorkers:
    """Threads of this process, for functions that have others do the work and wait for them.

    ``at_end`` is called in each thread when it ends.
    """

    def __init__(self, workers: int, at_end: Callable[[], None] = lambda: None) -> None:
        self.size = workers
        self._at_end = at_end
        self._tasks: queue.SimpleQueue[tuple[Any, Callable[[Any], Any], Any] | None]
        self._tasks = queue.SimpleQueue()
        self._results: queue.SimpleQueue[TaskResult] = queue.SimpleQueue()
        self._ended = [threading.Event() for _ in range(workers)]
        for ended in self._ended:
            threading.Thread(target=self._work, args=(ended,), daemon=True).start()

    def submit(self, task: Any, function: Callable[[Any], Any], argument: Any) -> None:
        """Have a function called."""
        self._tasks.put((task, function, argument))

    def result(self, seconds: float) -> TaskResult | None:
        """Return the next result, or None if none comes within ``seconds``."""
        try:
            return self._results.get(timeout=seconds)
        except queue.Empty:
            return None

    def close(self) -> None:
        """Cancel all tasks that have not begun, and wait for the others."""
        while True:
            try:
                self._tasks.get_nowait()
            except queue.Empty:
                break
        for _ in self._ended:
            self._tasks.put(None)
        for ended in self._ended:
            while not ended.wait(0.5):  # a join that is interrupted says it is over
                pass

    def _work(self, ended: threading.Event) -> None:
        try:
            while (order := self._tasks.get()) is not None:
                task, function, argument = order
                try:
                    result = TaskResult(task, DONE, function(argument))
                except Exception as why:
                    result = TaskResult(task, FAILED, why)
                self._results.put(result)
        finally:
            self._at_end()
            ended.set()


def ignore_interrupts() -> None:
    """Ignore Ctrl-C in this process; the process that started it handles it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    let_through()
