"""The overhead of a sweep: the time of a sweep, compared with the time of its runs alone.

One worker process, already running, makes the runs, so that neither the start of processes nor a
second processor distorts the figure.
"""

from __future__ import annotations

import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.experiments.sweep.experiment import Experiment, Planned
from lab.experiments.sweep.experiment_file import make_experiment
from lab.experiments.sweep.sweep import Recipe, SweepScheduler, begin, journal_of, run_one
from lab.runtime.executor import start_workers
from lab.runtime.spawn import without_main

ROUNDS = 3


def measure_sweep(
    runs: int = 16, seconds: float = 1.0, report: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Measure the overhead of a sweep, in per cent of the wall-clock time of its runs.

    A run takes about ``seconds``. The time of a sweep over one worker, with its journal, is
    compared with the time that the runs take inside that worker. The round with the least overhead
    counts, because other work of the machine can only add to it.
    """
    made = _experiment(runs, seconds)
    recipe = Recipe.of(made)
    with tempfile.TemporaryDirectory() as folder, without_main():
        pool = start_workers(1, None)
        try:
            shares = []
            seconds_per_run = 0.0
            for number in range(-1, ROUNDS):
                swept = begin(made)
                inside = 0.0
                with journal_of(swept, Path(folder) / str(number)) as journal:

                    def keep(planned: Planned, outcome: dict[str, Any]) -> None:
                        nonlocal inside
                        inside += outcome["wall"]
                        journal.keep({"key": planned.key, **outcome})

                    begun = time.perf_counter()
                    SweepScheduler(pool, recipe, keep, seconds).run(deque(swept.plan))
                    taken = time.perf_counter() - begun
                if number >= 0:  # the first round warms the worker
                    report(f"sweep, round {number + 1} of {ROUNDS}: {runs} runs")
                    shares.append(100 * (taken - inside) / inside)
                    seconds_per_run = inside / runs
        finally:
            pool.close()
    return {
        "sweep_runs": runs,
        "sweep_seconds_a_run": round(seconds_per_run, 3),
        "sweep_overhead_percent": round(min(shares), 2),
    }


def _experiment(runs: int, seconds: float) -> Experiment:
    """Return an experiment whose runs take about ``seconds`` each on this machine."""
    tables: dict[str, Any] = {
        "host": [{"name": "ONE.ARPA", "users": ["ann"]}, {"name": "TWO.ARPA", "users": ["bob"]}],
        "link": [{"between": ["ONE.ARPA", "TWO.ARPA"]}],
        "traffic": [{"count": 200, "rate": "1 /s"}],
    }
    experiment: dict[str, Any] = {"topology": tables, "seeds": runs, "measures": ["delivered"]}
    made = make_experiment(**experiment)
    run_one(Recipe.of(made), {}, 0)
    begun = time.perf_counter()
    run_one(Recipe.of(made), {}, 1)
    tables["traffic"][0]["count"] = max(1, round(200 * seconds / (time.perf_counter() - begun)))
    return make_experiment(**experiment)
