"""The workers of a Dask cluster, joined by the address of its scheduler."""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from lab.runtime.workers import (
    DIED,
    DONE,
    EXAMPLE_ADDRESS,
    FAILED,
    TaskResult,
    WorkersError,
    failed_future,
)

CONNECT: Final = "10s"
"""How long to wait for the scheduler."""

FIRST_WORKER: Final = 60.0
"""Seconds to wait for a worker while a scheduler has none."""


def _no_worker(scheduler: str) -> WorkersError:
    return WorkersError(
        f"the Dask scheduler at {scheduler} has had no worker for {FIRST_WORKER:.0f} s; "
        f"start some with dask worker {scheduler}"
    )


class DaskWorkers:
    """The workers of a Dask cluster."""

    def __init__(self, scheduler: str) -> None:
        import dask
        import distributed

        dask_classes: Any = distributed  # only some of its classes have types

        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        self._results: queue.SimpleQueue[tuple[Any, Any]] = queue.SimpleQueue()
        self._futures: dict[Any, Any] = {}
        self.scheduler = scheduler
        with dask.config.set({"distributed.comm.timeouts.connect": CONNECT}):
            try:
                self._client = dask_classes.Client(scheduler, timeout=CONNECT, set_as_default=False)
            except (OSError, ValueError) as why:
                reason = str(why).splitlines()[0] if str(why) else type(why).__name__
                raise WorkersError(
                    f"no Dask scheduler answers at {scheduler} ({reason[:120]}); start one with "
                    f"dask scheduler, or write its address, as in {EXAMPLE_ADDRESS}"
                ) from None
        try:
            self._client.wait_for_workers(1, timeout=FIRST_WORKER)
        except (TimeoutError, OSError):
            self.close()
            raise _no_worker(scheduler) from None
        self.size = 1
        self._seen = 0.0
        self._count()

    def _count(self) -> None:
        """Count the threads of all workers; raises WorkersError if there has long been none."""
        try:
            threads = sum(self._client.nthreads().values())
        except Exception:  # of many classes: whatever it is, there is no answer
            raise self._gone() from None
        self.size = max(1, threads)
        if threads:
            self._seen = time.monotonic()
        elif time.monotonic() - self._seen > FIRST_WORKER:
            raise _no_worker(self.scheduler)

    def _gone(self) -> WorkersError:
        return WorkersError(f"the Dask scheduler {self.scheduler} is gone")

    def submit(self, task: Any, function: Callable[[Any], Any], argument: Any) -> None:
        """Have a function called."""
        # pure=False: an equal task is made again; retries: for exceptions of the cluster itself
        try:
            future = self._client.submit(function, argument, pure=False, retries=2)
        except Exception as why:
            if self._client.status != "running":
                raise self._gone() from None
            self._results.put((task, failed_future(why)))  # it holds what cannot be sent
            return
        self._futures[task] = future
        future.add_done_callback(lambda done: self._results.put((task, done)))

    def result(self, seconds: float) -> TaskResult | None:
        """Return the next result, or None if none comes within ``seconds``."""
        from distributed import CancelledError, KilledWorker

        try:
            task, future = self._results.get(timeout=seconds)
        except queue.Empty:
            if self._client.status in ("closed", "closing") or not self._client.scheduler.comm:
                raise self._gone() from None
            self._count()
            return None
        self._futures.pop(task, None)
        self._count()
        try:
            return TaskResult(task, DONE, future.result(timeout=60))
        except KilledWorker:
            return TaskResult(task, DIED, None)
        except (CancelledError, TimeoutError):
            raise self._gone() from None
        except Exception as why:
            return TaskResult(task, FAILED, why)

    def close(self) -> None:
        """Cancel all tasks and leave the cluster."""
        with suppress(Exception):
            self._client.cancel(list(self._futures.values()), force=True)
        with suppress(Exception):
            self._client.close(timeout=5)
