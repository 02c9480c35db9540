"""Marks submissions several at a time: in threads with a judge each, or on a cluster."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from lab.lessons.marking import Judge, JudgeFault, Marks
from lab.lessons.sandbox.box import Box, BoxFault, kind
from lab.runtime.executor import ThreadWorkers, not_sent, start_workers
from lab.runtime.workers import DIED, FAILED, TaskResult, Workers

LOST: Final = "the process that marked it died"
TRIES: Final = 3
"""How often a submission is marked if our own processes end, as when memory is short."""


class Worker:
    """What a thread has: a judge for the topologies of what it marks, and the box at work."""

    def __init__(self) -> None:
        self._judges: dict[Path | None, Judge] = {}
        self._box: Box | None = None
        self.is_interrupted = False

    def judge(self, topologies: Path | None) -> Judge:
        """Return the judge for lessons with these topologies."""
        if topologies not in self._judges:
            self.end()
            self._judges = {topologies: Judge(topologies)}
        return self._judges[topologies]

    @contextmanager
    def box(self, program: str, topologies: Path | None) -> Iterator[Box]:
        """Start a program in a box, and end it."""
        if self.is_interrupted:
            raise BoxFault("interrupted")
        with Box(program, topologies=topologies) as box:
            self._box = box
            try:
                yield box
            finally:
                self._box = None

    def stop(self) -> None:
        """End what is at work, from another thread."""
        self.is_interrupted = True
        box = self._box
        if box is not None:
            box.stop()
        for judge in list(self._judges.values()):
            judge.stop()

    def end(self) -> None:
        """End the judge."""
        for judge in self._judges.values():
            judge.end()


@dataclass
class Marked:
    """What marking a submission gave; ``is_interrupted`` if it was ended before its time.

    ``is_whole`` is false if it is our own fault that there is no more: it says nothing about the
    submission.
    """

    marks: Marks
    seconds: float = 0.0
    is_interrupted: bool = False
    is_whole: bool = True


Work = Callable[[Worker, Any, Marks], None]
"""Marks one submission; a function of a module, so that other processes can import it."""


class Job(NamedTuple):
    """A submission to mark; ``about`` says which others have the same judge."""

    about: object
    submission: Any
    done: Callable[[Marked], None]


class Crew:
    """Workers that share submissions: ``size`` threads, or the workers of a Dask scheduler.

    Those with the same judge stay together, so that judges are kept.
    """

    def __init__(self, size: int, scheduler: str | None = None) -> None:
        self._size, self._scheduler = size, scheduler
        self._own = threading.local()
        self._workers: list[Worker] = []
        self._is_interrupted = False

    def run_all(
        self, work: Work, jobs: Sequence[Job], progress: Callable[[int], None] | None = None
    ) -> None:
        """Mark all, and hand each what it gave as soon as it is there.

        Raises KeyboardInterrupt when all are over, and WorkersError.
        """
        if not jobs:
            return
        order = list(dict.fromkeys(job.about for job in jobs))
        in_order = sorted(jobs, key=lambda job: order.index(job.about))
        pool, call = self._begin(work, len(jobs))
        try:
            for number, job in enumerate(in_order):
                pool.submit(number, call, job.submission)
            for done in range(1, len(jobs) + 1):
                while (result := pool.result(0.5)) is None:
                    pass
                in_order[result.task].done(_marked(result))
                if progress is not None:
                    progress(done)
        except KeyboardInterrupt:
            self._stop()
            raise
        finally:
            pool.close()
            while self._is_interrupted and (result := pool.result(0)) is not None:
                in_order[result.task].done(_marked(result))

    def _begin(self, work: Work, jobs: int) -> tuple[Workers, Callable[[Any], Marked]]:
        """Return workers, and the function that they call with each submission."""
        if self._scheduler is not None:
            return start_workers(0, self._scheduler), partial(_elsewhere, work)
        kind()  # found out once, before there are threads
        return ThreadWorkers(min(self._size, jobs), self._end), partial(self._in_a_thread, work)

    def _in_a_thread(self, work: Work, submission: Any) -> Marked:
        worker: Worker | None = getattr(self._own, "worker", None)
        if worker is None:
            worker = self._own.worker = Worker()
            self._workers.append(worker)
        if self._is_interrupted:
            worker.is_interrupted = True
        return _mark_one(work, worker, submission)

    def _end(self) -> None:
        worker: Worker | None = getattr(self._own, "worker", None)
        if worker is not None:
            worker.end()

    def _stop(self) -> None:
        self._is_interrupted = self._scheduler is None  # those elsewhere are cancelled
        for worker in self._workers:
            worker.stop()


def _mark_one(work: Work, worker: Worker, submission: Any) -> Marked:
    """Mark a submission: whatever happens to one, the others are marked."""
    begun = time.monotonic()
    for _ in range(TRIES):
        marks, is_whole = Marks(), True
        try:
            work(worker, submission, marks)
        except (JudgeFault, BoxFault) as fault:
            marks.problems.append(str(fault).partition("\n")[0])
            is_whole = False
        except Exception as error:
            text = str(error).partition("\n")[0]
            marks.problems.append(f"{type(error).__name__}: {text}")
        if is_whole or worker.is_interrupted:
            break
    seconds = round(time.monotonic() - begun, 1)
    return Marked(marks, seconds, worker.is_interrupted, is_whole)


def _elsewhere(work: Work, submission: Any) -> Marked:
    """Mark a submission in a worker of a cluster, with a judge for it alone."""
    worker = Worker()
    try:
        return _mark_one(work, worker, submission)
    finally:
        worker.end()


def _marked(result: TaskResult) -> Marked:
    """Return what marking gave; raises WorkersError if that could not be done there."""
    if result.status == FAILED:
        raise not_sent(result.value)
    if result.status == DIED:
        return Marked(Marks(problems=[LOST]), is_whole=False)
    marked: Marked = result.value
    return marked
