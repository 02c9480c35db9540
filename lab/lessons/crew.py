"""Marks submissions several at a time: workers in threads, each with a judge of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.lessons.marking import Judge
from lab.lessons.sandbox.box import Box, BoxFault, kind


class Worker:
    """What a thread has: a judge for the topologies of what it marks, and the box at work."""

    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        self._judges: dict[Path | None, Judge] = {}
        self._box: Box | None = None
        self.is_over = threading.Event()

    def judge(self, topologies: Path | None) -> Judge:
        """Return the judge for lessons with these topologies."""
        if topologies not in self._judges:
            self.end()
            self._judges = {topologies: Judge(topologies)}
        return self._judges[topologies]

    @contextmanager
    def box(self, program: str, topologies: Path | None) -> Iterator[Box]:
        """Start a program in a box, and end it."""
        if self.crew.interrupted:
            raise BoxFault("interrupted")
        with Box(program, topologies=topologies) as box:
            self._box = box
            try:
                yield box
            finally:
                self._box = None

    def stop(self) -> None:
        """End what is at work, from another thread."""
        box = self._box
        if box is not None:
            box.stop()
        for judge in self._judges.values():
            judge.stop()

    def end(self) -> None:
        """End the judge."""
        for judge in self._judges.values():
            judge.end()


Job = Callable[[Worker], None]


class Crew:
    """Workers that share jobs. Jobs of the same kind stay together, so that judges are kept."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.interrupted = False
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._done = 0
        self._lock = threading.Lock()

    def run_all(
        self, jobs: Sequence[tuple[object, Job]], progress: Callable[[int], None] | None
    ) -> None:
        """Run the jobs, each with what it is about; raises KeyboardInterrupt when all are over."""
        if not jobs:
            return
        kind()  # found out once, before there are threads
        order = list(dict.fromkeys(about for about, _ in jobs))
        for _, job in sorted(jobs, key=lambda pair: order.index(pair[0])):
            self._jobs.put(job)
        workers = [Worker(self) for _ in range(min(self._size, len(jobs)))]
        threads = [
            threading.Thread(target=self._work, args=(worker, progress), daemon=True)
            for worker in workers
        ]
        for thread in threads:
            thread.start()
        try:
            for worker in workers:
                while not worker.is_over.wait(0.5):  # a join that is interrupted says it is over
                    pass
        except KeyboardInterrupt:
            self.interrupted = True
            for worker in workers:
                worker.stop()
            for worker in workers:
                worker.is_over.wait(30)
            raise

    def _work(self, worker: Worker, progress: Callable[[int], None] | None) -> None:
        try:
            while not self.interrupted:
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    return
                job(worker)
                with self._lock:
                    self._done += 1
                    if progress is not None and not self.interrupted:
                        progress(self._done)
        finally:
            worker.end()
            worker.is_over.set()
