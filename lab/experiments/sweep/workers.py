"""Worker processes that make runs, on this machine or in a Dask cluster.

Workers take a task, which is a function and its argument, and put its result into a queue. A
process that dies is replaced, and its task is reported as :data:`DIED`.
"""

from __future__ import annotations

import logging
import queue
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple, Protocol

from lab.runtime.extras import command
from lab.runtime.worker_pool import ignore_interrupts

DIED: Final = "died"
DONE: Final = "done"
FAILED: Final = "failed"

RESTARTS: Final = 1
"""How often Dask starts a task again after its process died."""

INSTALL: Final = command("distributed")

EXAMPLE_ADDRESS: Final = "tcp://10.0.0.1:8786"


class WorkersError(Exception):
    """Raised when workers cannot be started or are gone; the message is a sentence."""


class TaskResult(NamedTuple):
    """The result of a task.

    ``status`` is :data:`DONE`, :data:`DIED` or :data:`FAILED`; ``value`` is what the function
    returned or, of a failed task, the exception.
    """

    task: Any
    status: str
    value: Any


class Workers(Protocol):
    """Processes that work on tasks; ``size`` is how many there are."""

    size: int

    def submit(self, task: Any, function: Callable[[Any], Any], argument: Any) -> None:
        """Have a function called; ``task`` identifies its result."""

    def result(self, seconds: float) -> TaskResult | None:
        """Return the next result, or None if none comes within ``seconds``.

        Raises :class:`WorkersError` if the workers are gone.
        """

    def close(self) -> None:
        """Cancel all tasks and stop the processes."""


def start_workers(workers: int, scheduler: str | None) -> Workers:
    """Start workers on this machine, or join those of a Dask scheduler.

    On this machine, Dask is used if it is installed. Raises :class:`WorkersError`.
    """
    if scheduler is not None and not re.search(r"://|:\d+$", scheduler):
        raise WorkersError(f"{scheduler!r} is not an address; write one such as {EXAMPLE_ADDRESS}")
    try:
        import distributed  # noqa: F401
    except ImportError:
        if scheduler is None:
            return LocalWorkers(workers)
        raise WorkersError(
            f"a cluster ({scheduler}) requires Dask, which is not installed; run: {INSTALL}"
        ) from None
    return DaskWorkers(workers, scheduler)


class DaskWorkers:
    """The workers of a Dask cluster, started here or joined."""

    def __init__(self, workers: int, scheduler: str | None) -> None:
        import dask
        import distributed

        dask_classes: Any = distributed  # only some of its classes have types

        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        self._results: queue.SimpleQueue[tuple[Any, Any]] = queue.SimpleQueue()
        self._futures: dict[Any, Any] = {}
        self._cluster: Any = None
        self.scheduler = scheduler
        settings = {
            "distributed.scheduler.allowed-failures": RESTARTS,
            "distributed.comm.timeouts.connect": "10s",
            # by default a worker samples the stack every 10 ms and ticks every 20 ms; nobody reads
            # that here, and each time the run has to wait
            "distributed.worker.profile.enabled": False,
            "distributed.admin.tick.interval": "500ms",
        }
        with dask.config.set(settings):
            if scheduler is None:
                self._cluster = dask_classes.LocalCluster(
                    n_workers=workers, threads_per_worker=1, processes=True,
                    dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL,
                )  # fmt: skip
            try:
                self._client = dask_classes.Client(
                    self._cluster or scheduler, timeout="10s", set_as_default=False
                )
            except (OSError, ValueError) as why:
                reason = str(why).splitlines()[0] if str(why) else type(why).__name__
                raise WorkersError(
                    f"no Dask scheduler answers at {scheduler} ({reason[:120]}); start one with "
                    f"dask scheduler, or write its address, as in {EXAMPLE_ADDRESS}"
                ) from None
        threads = sum(self._client.nthreads().values()) if scheduler is not None else workers
        self.size = max(1, threads)

    def submit(self, task: Any, function: Callable[[Any], Any], argument: Any) -> None:
        """Have a function called."""
        # pure=False: an equal task is made again; retries: for exceptions of the cluster itself
        future = self._client.submit(function, argument, pure=False, retries=2)
        self._futures[task] = future
        future.add_done_callback(lambda done: self._results.put((task, done)))

    def result(self, seconds: float) -> TaskResult | None:
        """Return the next result, or None if none comes within ``seconds``."""
        from distributed import CancelledError, KilledWorker

        try:
            task, future = self._results.get(timeout=seconds)
        except queue.Empty:
            if self._client.status in ("closed", "closing") or not self._client.scheduler.comm:
                raise WorkersError(f"the Dask scheduler {self.scheduler or ''} is gone") from None
            return None
        self._futures.pop(task, None)
        if self.scheduler is not None:
            self.size = max(1, sum(self._client.nthreads().values()))
        try:
            return TaskResult(task, DONE, future.result(timeout=60))
        except KilledWorker:
            return TaskResult(task, DIED, None)
        except (CancelledError, TimeoutError):
            raise WorkersError(f"the Dask scheduler {self.scheduler or ''} is gone") from None
        except Exception as why:
            return TaskResult(task, FAILED, why)

    def close(self) -> None:
        """Cancel all tasks and stop the processes."""
        with suppress(Exception):
            self._client.cancel(list(self._futures.values()), force=True)
        with suppress(Exception):
            self._client.close(timeout=5)
        if self._cluster is not None:
            with suppress(Exception):
                self._cluster.close(timeout=5)


class LocalWorkers:
    """Processes of this machine, without Dask."""

    def __init__(self, workers: int) -> None:
        self.size = workers
        self._results: queue.SimpleQueue[tuple[Any, Any]] = queue.SimpleQueue()
        self._pool = self._new()

    def _new(self) -> Any:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        # spawn: a fork would copy whatever threads the caller has (a notebook, a progress bar)
        return ProcessPoolExecutor(self.size, get_context("spawn"), initializer=ignore_interrupts)

    def submit(self, task: Any, function: Callable[[Any], Any], argument: Any) -> None:
        """Have a function called."""
        from concurrent.futures.process import BrokenProcessPool

        try:
            future = self._pool.submit(function, argument)
        except BrokenProcessPool:
            self._pool.shutdown(wait=False)
            self._pool = self._new()
            future = self._pool.submit(function, argument)
        future.add_done_callback(lambda done: self._results.put((task, done)))

    def result(self, seconds: float) -> TaskResult | None:
        """Return the next result, or None if none comes within ``seconds``."""
        from concurrent.futures import BrokenExecutor

        try:
            task, future = self._results.get(timeout=seconds)
        except queue.Empty:
            return None
        try:
            return TaskResult(task, DONE, future.result())
        except BrokenExecutor:
            return TaskResult(task, DIED, None)
        except Exception as why:
            return TaskResult(task, FAILED, why)

    def close(self) -> None:
        """Cancel all tasks and stop the processes."""
        self._pool.shutdown(wait=False, cancel_futures=True)
