"""Benchmarks of what a user waits for: whole runs, artefacts, starting, exploring, storms, steps.

Figures are CPU seconds of this process, or of a process that was started, and rates per CPU second:
the clock on the wall would measure what else the machine does.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Final

from lab.api.simulate import simulate
from lab.benchmarks.simulation import ROUNDS, bench_topology, loopback_rate
from lab.experiments.explore import explore
from lab.experiments.storm.storm import storm
from lab.stepping.stepper import Stepper
from lab.topology.model import load
from lab.trace.levels import LEVELS

Report = Callable[[str], None]

SMALL: Final = """
[[host]]
name = "USC-ISIF.ARPA"
users = ["Smith"]
[[host]]
name = "BBN-UNIX.ARPA"
relay = true
[[host]]
name = "MIT-MC.ARPA"
users = ["Jones"]
[[link]]
between = ["USC-ISIF.ARPA", "BBN-UNIX.ARPA"]
[[link]]
between = ["BBN-UNIX.ARPA", "MIT-MC.ARPA"]
[[mail]]
from = "Smith@USC-ISIF.ARPA"
to = ["Jones@MIT-MC.ARPA"]
text = "Greetings."
"""
"""Three hosts and a message: what is explored, and what a command simulates as it starts."""

NETWORK: Final = """
[generate]
kind = "barabasi_albert_graph"
n = {hosts}
m = 2
[defaults.host]
relay = true
users = ["ann"]
[[traffic]]
count = {count}
rate = "{rate} /s"
size = "700 B"
"""
"""A random network with random mail, for the larger runs."""


def measure_whole(sessions: int, report: Report = lambda _: None) -> dict[str, Any]:
    """Measure whole runs: simulation, account, rules, digest and summary, at each trace level.

    They take turns with smtplib and aiosmtpd over loopback, a tenth as many sessions; medians
    count, and "spread" is the lowest and the highest of the rounds.
    """
    real = max(1, sessions // 10)
    rates: dict[str, list[float]] = {level: [] for level in LEVELS}
    ratios = []
    for number in range(1, ROUNDS + 1):
        report(f"round {number} of {ROUNDS}: whole runs of {sessions} sessions at each trace level")
        for level, measured in rates.items():
            measured.append(whole_rate(sessions, level))
        theirs = loopback_rate(real)
        if theirs is not None:
            ratios.append(rates["wire"][-1] / theirs)
    figures: dict[str, Any] = {
        "whole_run_sessions_per_cpu_second": round(median(rates["wire"])),
        "whole_run_sessions_per_cpu_second_spread": _spread(rates["wire"], 0),
    }
    if ratios:
        figures["whole_run_over_smtplib_aiosmtpd"] = round(median(ratios), 1)
        figures["whole_run_over_smtplib_aiosmtpd_spread"] = _spread(ratios, 1)
    for level in [level for level in LEVELS if level != "wire"]:
        figures[f"whole_run_at_{level}_sessions_per_cpu_second"] = round(median(rates[level]))
    return figures


def whole_rate(sessions: int, level: str = "wire") -> float:
    """Return the sessions per CPU second of a whole run: all that ``lab run --json`` prints."""
    topology = bench_topology(sessions)
    gc.collect()
    begun = time.process_time()
    run = simulate(topology, trace=level, progress=False)
    broken, summary = run.breaches, run.summary
    taken = time.process_time() - begun
    assert not broken, broken
    assert summary["sessions"] == summary["delivered"] == sessions
    return sessions / taken


def measure_use(sessions: int, report: Report = lambda _: None) -> dict[str, Any]:
    """Measure what else is waited for: artefacts, starting, exploring, storms and the stepper."""
    figures = _artefacts(max(10, sessions // 20), report)
    report("start-up: seconds of processor time of commands")
    figures |= _start_up()
    report("explore, storm and steps")
    with tempfile.TemporaryDirectory(prefix="smtp-lab-") as folder:
        path = Path(folder) / "small.toml"
        path.write_text(SMALL)
        topology = load(path)
        explored, taken = _timed(lambda: explore(topology))
        figures["explore_points_per_cpu_second"] = round(len(explored.points) / taken)
    runs = max(10, sessions // 100)
    _, taken = _timed(lambda: storm(runs))
    figures["storm_runs_per_cpu_second"] = round(runs / taken, 1)
    stepper = Stepper(bench_topology(max(10, sessions // 20)))
    steps = min(1000, stepper.index.count)
    _, taken = _timed(lambda: [stepper.step() for _ in range(steps)])
    figures["steps_per_cpu_second"] = round(steps / taken)
    return figures


def _artefacts(sessions: int, report: Report) -> dict[str, Any]:
    """Return the CPU milliseconds of each artefact of a run, for every 1,000 events."""
    report(f"artefacts of a run of {sessions} sessions")
    run = simulate(bench_topology(sessions), progress=False)
    events = len(run.trace)
    assert run.summary["lost"] == 0
    begun: list[tuple[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="smtp-lab-") as folder:
        run.save(
            folder, lambda name: begun.append((name, time.process_time())), report=lambda _: None
        )
        begun.append(("", time.process_time()))
    figures: dict[str, Any] = {"artefacts_events": events}
    for (name, start), (_, end) in pairwise(begun):
        key = Path(name).name.replace(".", "_").replace("-", "_")
        figures[f"artefact_{key}_ms_per_1000_events"] = round(1e6 * (end - start) / events, 1)
    return figures


def _start_up() -> dict[str, Any]:
    """Return the CPU milliseconds of commands, above those of ``python -c pass``."""
    with tempfile.TemporaryDirectory(prefix="smtp-lab-") as folder:
        path = Path(folder) / "small.toml"
        path.write_text(SMALL)
        commands = {
            "python_pass": [sys.executable, "-c", "pass"],
            "lab_help": [sys.executable, "-m", "lab", "--help"],
            "lab_run_of_three_hosts": [sys.executable, "-m", "lab", "run", str(path), "--quiet"],
        }
        taken = {
            name: 1000 * median(seconds)
            for name, seconds in in_turn(commands, ROUNDS, folder).items()
        }
    bare = taken.pop("python_pass")
    figures: dict[str, Any] = {"start_of_python_ms": round(bare)}
    for name, milliseconds in taken.items():
        figures[f"start_of_{name}_ms_beyond_python"] = round(milliseconds - bare)
    return figures


def in_turn(
    commands: dict[str, list[str]],
    rounds: int,
    folder: str,
    environments: dict[str, dict[str, str]] | None = None,
) -> dict[str, list[float]]:
    """Run commands in turn, several times each; return the CPU seconds of each of its runs.

    Raises RuntimeError if one fails.
    """
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder,
                env=None if environments is None else environments[name],
            )  # fmt: skip
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                raise RuntimeError(f"{' '.join(command)} ended with status {process.returncode}")
            seconds[name].append(usage.ru_utime + usage.ru_stime)
    return seconds


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    begun = time.process_time()
    done = call()
    return done, max(time.process_time() - begun, 1e-6)


def _spread(measured: list[float], digits: int) -> str:
    return f"{min(measured):,.{digits}f} to {max(measured):,.{digits}f}"
