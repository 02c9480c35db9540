"""What a sweep costs beside its runs: the same runs, made by a sweep and made bare.

Both are made by one worker process that is at work already, so that neither the start of processes
nor a second processor blurs the figure.
"""

from __future__ import annotations

import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.experiments.sweep.experiment import Experiment
from lab.experiments.sweep.experiment_file import make_experiment
from lab.experiments.sweep.sweep import Planned, Recipe, SweepScheduler, begin, journal_of, run_one
from lab.experiments.sweep.workers import start_workers
from lab.runtime.spawn import without_main

ROUNDS = 3


def measure_sweep(
    runs: int = 16, seconds: float = 1.0, say: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """The overhead of a sweep in per cent of the wall time of its runs, which last so long each.

    The wall time of a sweep over one Dask worker, its journal written, against the time that the
    same runs take inside that worker, each until nothing of it is left; of some rounds the least,
    for a busy machine only adds.
    """
    made = _experiment(runs, seconds)
    recipe = Recipe.of(made)
    with tempfile.TemporaryDirectory() as folder, without_main():
        pool = start_workers(1, None)
        try:
            shares = []
            lasted = 0.0
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
                    say(f"sweep, round {number + 1} of {ROUNDS}: {runs} runs")
                    shares.append(100 * (taken - inside) / inside)
                    lasted = inside / runs
        finally:
            pool.close()
    return {
        "sweep_runs": runs,
        "sweep_seconds_a_run": round(lasted, 3),
        "sweep_overhead_percent": round(min(shares), 2),
    }


def _experiment(runs: int, seconds: float) -> Experiment:
    """Runs of two hosts with as much mail as lasts about so long here."""
    tables: dict[str, Any] = {
        "host": [{"name": "ONE.ARPA", "users": ["ann"]}, {"name": "TWO.ARPA", "users": ["bob"]}],
        "link": [{"between": ["ONE.ARPA", "TWO.ARPA"]}],
        "traffic": [{"count": 200, "rate": "1 /s"}],
    }
    given: dict[str, Any] = {"topology": tables, "seeds": runs, "measures": ["delivered"]}
    made = make_experiment(**given)
    run_one(Recipe.of(made), {}, 0)
    begun = time.perf_counter()
    run_one(Recipe.of(made), {}, 1)
    tables["traffic"][0]["count"] = max(1, round(200 * seconds / (time.perf_counter() - begun)))
    return make_experiment(**given)
