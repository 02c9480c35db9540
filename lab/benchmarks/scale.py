"""Benchmarks of large runs: memory per message, time per session, and a large map.

Each run is ``lab run --trace none`` in a process of its own. The operating system reports its
processor time and its peak memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

from lab.benchmarks.whole_run import NETWORK, in_turn

_MAP: Final = """
graph = "{graph}"
[defaults.host]
relay = true
users = ["root"]
[[traffic]]
count = {count}
rate = "100 /s"
size = "700 B"
route = "source"
"""

_SHARED: Final = """
[generate]
kind = "random_regular_graph"
n = 500
d = 4
[defaults.host]
relay = true
users = ["ann"]
[defaults.link]
latency = "250 ms"
jitter = "50 ms"
[[traffic]]
count = {count}
rate = "400 /s"
size = "700 B"
"""

HOSTS: Final = 11_148
"""Hosts of the map that is made if none is given: as many as the UUCP map of 1988 has."""


class Cost(NamedTuple):
    """A run: its processor and wall-clock seconds, peak memory in bytes, and summary."""

    seconds: float
    wall: float
    memory: int
    summary: dict[str, Any]


def measure_scale(
    messages: int, edges: Path | None = None, report: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Measure memory per settled message, processor time per session, and a run of a large map.

    One run has ``messages`` messages, another a tenth of them; the difference of their memory,
    divided by the number of additional messages, is the memory per message. ``edges`` is an edge
    list such as that of the UUCP map.
    """
    report(f"large runs: {messages // 10} messages, and {messages}")
    small, large = (
        _run(NETWORK.format(hosts=100, count=count, rate=200))
        for count in (messages // 10, messages)
    )
    per_session = [1e6 * cost.seconds / cost.summary["sessions"] for cost in (small, large)]
    figures: dict[str, Any] = {
        "large_run_messages": messages,
        "large_run_sessions": large.summary["sessions"],
        "bytes_a_settled_message": round(
            (large.memory - small.memory) / (messages - messages // 10)
        ),
        "cpu_microseconds_a_session": round(per_session[1], 1),
        "cpu_a_session_large_run_over_small": round(per_session[1] / per_session[0], 2),
    }
    crossing = max(10, messages // 20)
    report(f"a map of {edges or f'{HOSTS} hosts'}: {crossing} messages by source routes")
    with tempfile.TemporaryDirectory(prefix="smtp-lab-") as folder:
        path = (edges or _scale_free(Path(folder))).absolute()
        cost = _run(_MAP.format(graph=path, count=crossing))
        checked = _check(_MAP.format(graph=path, count=crossing))
    summary = cost.summary
    return figures | {
        "map": edges.name if edges else "scale-free",
        "map_messages": summary["submitted"],
        "map_sessions": summary["sessions"],
        "map_cpu_seconds": round(cost.seconds, 1),
        "map_check_cpu_seconds": round(checked, 2),
        "map_memory_bytes": cost.memory,
        "map_lost": summary["lost"],
    }


def measure_processes(
    messages: int, report: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Measure how many times as fast two processes make a run, by the wall clock."""
    report(f"{messages} messages on one process, and on two, in turn")
    topology = _SHARED.format(count=messages)
    pairs = [(_run(topology), _run(topology, "--processes", "2")) for _ in range(3)]
    assert len({cost.summary["digest"] for pair in pairs for cost in pair}) == 1
    return {
        "shared_run_messages": messages,
        "shared_run_sessions": pairs[0][0].summary["sessions"],
        "cores": os.cpu_count(),
        "two_processes_times_as_fast": round(median(a.wall / b.wall for a, b in pairs), 2),
    }


def _scale_free(folder: Path) -> Path:
    import networkx

    graph = networkx.barabasi_albert_graph(HOSTS, 2, seed=821)
    path = folder / "map.txt"
    path.write_text("".join(f"n{a} n{b} {100 + (a * b) % 400}\n" for a, b in graph.edges))
    return path


def _check(topology: str) -> float:
    """Return the CPU seconds of ``lab check``."""
    with tempfile.TemporaryDirectory(prefix="smtp-lab-") as folder:
        Path(folder, "run.toml").write_text(topology)
        command = [sys.executable, "-m", "lab", "check", "run.toml"]
        return in_turn({"check": command}, 1, folder)["check"][0]


def _run(topology: str, *options: str) -> Cost:
    with tempfile.TemporaryDirectory(prefix="smtp-lab-") as folder:
        path = Path(folder) / "run.toml"
        path.write_text(topology)
        summary = Path(folder) / "summary.json"
        command = [sys.executable, "-m", "lab", "run", str(path), "--trace", "none", "--json"]
        command += options
        begun = time.monotonic()
        with open(summary, "wb") as file:
            process = subprocess.Popen(command, stdout=file, stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with status {process.returncode}")
        counts = json.loads(summary.read_text())
        counts.pop("recipients")
        unit = 1 if sys.platform == "darwin" else 1024
        seconds = usage.ru_utime + usage.ru_stime
        return Cost(seconds, wall, usage.ru_maxrss * unit, counts)
