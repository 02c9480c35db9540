"""The benchmarks of large runs: what a message costs in memory, a session in time, and a large map.

Each run is ``lab run --trace none`` in a process of its own; its processor time and the most memory
that it had are the operating system's figures.
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

_NETWORK: Final = """
[generate]
kind = "barabasi_albert_graph"
n = 100
m = 2
[defaults.host]
relay = true
users = ["ann"]
[[traffic]]
count = {count}
rate = "200 /s"
size = "700 B"
"""

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
"""Hosts of the map that stands in where none is given: as many as the UUCP map of 1988 has."""


class Cost(NamedTuple):
    """What a run took: processor seconds, seconds, bytes of memory at the most; and its summary."""

    seconds: float
    wall: float
    memory: int
    summary: dict[str, Any]


def measure_scale(
    messages: int, edges: Path | None = None, say: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Memory a settled message, processor time a session from few to many, and a large map.

    The larger run has so many ``messages``, the smaller a tenth; by what it takes more, each
    message is weighed. ``edges`` is an edge list such as the UUCP map's.
    """
    say(f"large runs: {messages // 10} messages, and {messages}")
    few, many = (_run(_NETWORK.format(count=count)) for count in (messages // 10, messages))
    each = [1e6 * one.seconds / one.summary["sessions"] for one in (few, many)]
    figures: dict[str, Any] = {
        "large_run_messages": messages,
        "large_run_sessions": many.summary["sessions"],
        "bytes_a_settled_message": round((many.memory - few.memory) / (messages - messages // 10)),
        "cpu_microseconds_a_session": round(each[1], 1),
        "cpu_a_session_large_run_over_small": round(each[1] / each[0], 2),
    }
    crossing = max(10, messages // 20)
    say(f"a map of {edges or f'{HOSTS} hosts'}: {crossing} messages by source routes")
    with tempfile.TemporaryDirectory(prefix="smtp-lab-") as folder:
        path = (edges or _scale_free(Path(folder))).absolute()
        found = _run(_MAP.format(graph=path, count=crossing))
    summary = found.summary
    return figures | {
        "map": edges.name if edges else "scale-free",
        "map_messages": summary["submitted"],
        "map_sessions": summary["sessions"],
        "map_cpu_seconds": round(found.seconds, 1),
        "map_memory_bytes": found.memory,
        "map_lost": summary["lost"],
    }


def measure_processes(messages: int, say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """How many times as fast, by the wall clock, two processes make a run that is worth sharing."""
    say(f"{messages} messages on one process, and on two, in turn")
    topology = _SHARED.format(count=messages)
    pairs = [(_run(topology), _run(topology, "--processes", "2")) for _ in range(3)]
    assert len({one.summary["digest"] for pair in pairs for one in pair}) == 1
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
