"""Crews: processes that make runs, of this machine or of a Dask cluster.

A crew takes a function and its argument and tells by a queue when the result is there. A process
that dies is replaced; what it was at is told to have died with it.
"""

from __future__ import annotations

import logging
import queue
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol

DIED: Final = "died"
DONE: Final = "done"
BROKEN: Final = "broken"

DEATHS: Final = 1
"""So often a piece of work is begun again after a process died of it, before it is given up."""

INSTALL: Final = "pip install 'smtp-lab[cluster]'"


class WorkersError(Exception):
    """A crew that cannot be had or is gone; the message is a sentence."""


Answer = tuple[Any, str, Any]
"""The ticket of a piece of work, :data:`DONE`, :data:`DIED` or :data:`BROKEN`, and the result."""


class Workers(Protocol):
    """Processes at work."""

    size: int

    def give(self, ticket: Any, work: Callable[[Any], Any], item: Any) -> None:
        """Have a piece of work done."""

    def answer(self, seconds: float) -> Answer | None:
        """What has been done, or None when nothing was for so long; raises
        :class:`WorkersError`.
        """

    def close(self) -> None:
        """Let all work go."""


def crew(workers: int, scheduler: str | None) -> Workers:
    """A crew on Dask: of so many processes of this machine, or that of a scheduler.

    Where Dask is not installed, a crew of this machine does without.
    """
    try:
        import distributed  # noqa: F401
    except ImportError:
        if scheduler is None:
            return LocalWorkers(workers)
        raise WorkersError(
            f"a cluster ({scheduler}) wants Dask, which is not installed; run: {INSTALL}"
        ) from None
    return DaskWorkers(workers, scheduler)


class DaskWorkers:
    """The workers of a Dask cluster, started here or joined."""

    def __init__(self, workers: int, scheduler: str | None) -> None:
        import dask
        import distributed

        there: Any = distributed  # its classes are typed in part only

        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        self._answers: queue.SimpleQueue[tuple[Any, Any]] = queue.SimpleQueue()
        self._open: dict[Any, Any] = {}
        self._cluster: Any = None
        self.scheduler = scheduler
        settings = {
            "distributed.scheduler.allowed-failures": DEATHS,
            "distributed.comm.timeouts.connect": "10s",
            # a worker of ours looks at the stack of its run every 10 ms, and at its own pulse every
            # 20 ms: nobody asks for that, and each look has the run wait
            "distributed.worker.profile.enabled": False,
            "distributed.admin.tick.interval": "500ms",
        }
        with dask.config.set(settings):
            if scheduler is None:
                self._cluster = there.LocalCluster(
                    n_workers=workers, threads_per_worker=1, processes=True,
                    dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL,
                )  # fmt: skip
            try:
                self._client = there.Client(
                    self._cluster or scheduler, timeout="10s", set_as_default=False
                )
            except (OSError, ValueError) as why:
                told = str(why).splitlines()[0] if str(why) else type(why).__name__
                raise WorkersError(
                    f"no Dask scheduler answers at {scheduler} ({told[:120]}); start one by "
                    "dask scheduler, or write its address, as in tcp://10.0.0.1:8786"
                ) from None
        threads = sum(self._client.nthreads().values()) if scheduler is not None else workers
        self.size = max(1, threads)

    def give(self, ticket: Any, work: Callable[[Any], Any], item: Any) -> None:
        """Have a piece of work done."""
        # pure=False: the same work again is done again; retries: an exception of the cluster's own
        future = self._client.submit(work, item, pure=False, retries=2)
        self._open[ticket] = future
        future.add_done_callback(lambda done: self._answers.put((ticket, done)))

    def answer(self, seconds: float) -> Answer | None:
        """What has been done, or None when nothing was for so long; raises
        :class:`WorkersError`.
        """
        from distributed import CancelledError, KilledWorker

        try:
            ticket, future = self._answers.get(timeout=seconds)
        except queue.Empty:
            if self._client.status in ("closed", "closing") or not self._client.scheduler.comm:
                raise WorkersError(f"the Dask scheduler {self.scheduler or ''} is gone") from None
            return None
        self._open.pop(ticket, None)
        if self.scheduler is not None:
            self.size = max(1, sum(self._client.nthreads().values()))
        try:
            return ticket, DONE, future.result(timeout=60)
        except KilledWorker:
            return ticket, DIED, None
        except (CancelledError, TimeoutError):
            raise WorkersError(f"the Dask scheduler {self.scheduler or ''} is gone") from None
        except Exception as why:
            return ticket, BROKEN, why

    def close(self) -> None:
        """Let all work go."""
        with suppress(Exception):
            self._client.cancel(list(self._open.values()), force=True)
        with suppress(Exception):
            self._client.close(timeout=5)
        if self._cluster is not None:
            with suppress(Exception):
                self._cluster.close(timeout=5)


class LocalWorkers:
    """Processes of this machine, where there is no Dask."""

    def __init__(self, workers: int) -> None:
        self.size = workers
        self._answers: queue.SimpleQueue[tuple[Any, Any]] = queue.SimpleQueue()
        self._pool = self._new()

    def _new(self) -> Any:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        # spawn: a fork would copy whatever threads the caller has (a notebook, a progress bar)
        return ProcessPoolExecutor(self.size, get_context("spawn"), initializer=_leave_interrupts)

    def give(self, ticket: Any, work: Callable[[Any], Any], item: Any) -> None:
        """Have a piece of work done."""
        from concurrent.futures.process import BrokenProcessPool

        try:
            future = self._pool.submit(work, item)
        except BrokenProcessPool:
            self._pool.shutdown(wait=False)
            self._pool = self._new()
            future = self._pool.submit(work, item)
        future.add_done_callback(lambda done: self._answers.put((ticket, done)))

    def answer(self, seconds: float) -> Answer | None:
        """What has been done, or None when nothing was for so long."""
        from concurrent.futures import BrokenExecutor

        try:
            ticket, future = self._answers.get(timeout=seconds)
        except queue.Empty:
            return None
        try:
            return ticket, DONE, future.result()
        except BrokenExecutor:
            return ticket, DIED, None
        except Exception as why:
            return ticket, BROKEN, why

    def close(self) -> None:
        """Let all work go."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _leave_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
