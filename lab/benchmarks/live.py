"""Benchmarks of live runs: a live host and aiosmtpd under the same load.

The load is Postfix's smtp-source, over several connections. Each server has one processor for all
its processes, and the load another one if there is one. Rates are by the wall clock, of the fastest
round, because other work of the machine can only slow a round down. If uvloop is installed, live
hosts use it, and aiosmtpd is measured with and without it; its better rate counts.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

SMALL: Final = 1_000
LARGE: Final = 1_000_000
CONNECTIONS: Final = 20
"""Connections at the same time: Postfix's default for one destination."""

ROUNDS: Final = 3

_TOPOLOGY: Final = '[[host]]\nname = "ONE.ARPA"\nusers = ["ann"]\n'
FIFTY: Final = (
    "[generate]\nkind = 'path_graph'\nn = 50\n[defaults.host]\nrelay = true\nusers = ['user']\n"
)
_AIOSMTPD: Final = """
import socket, time
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
Controller(Sink(), hostname="127.0.0.1", port=port, data_size_limit=None).start()
print("ONE.ARPA", f"127.0.0.1:{port}", flush=True)
time.sleep(3600)
"""
_UVLOOP: Final = """
import asyncio, uvloop
asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
"""


def measure_live(mails: int, report: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Measure sessions and bytes per second, and the seconds to start fifty hosts.

    In each round, ``mails`` of 1 kB are sent, and a fiftieth as many of 1 MB. ``report`` is called
    with a line about what is measured next.
    """
    load = smtp_source()
    figures: dict[str, Any] = {"live_seconds_to_start_50_hosts": round(_start_of_fifty(), 2)}
    if load is None:
        report("smtp-source is not installed (Debian: postfix): no load for live hosts")
        return figures
    servers = {
        "live": ["-m", "lab", "live", "{}", "--serve", "--no-fsync"],
        "live_fsync": ["-m", "lab", "live", "{}", "--serve"],
        "aiosmtpd": ["-c", _AIOSMTPD],
    }
    if find_spec("uvloop") is not None:
        servers["aiosmtpd_uvloop"] = ["-c", _UVLOOP + _AIOSMTPD]
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
    for number in range(1, ROUNDS + 1):
        for name, arguments in servers.items():
            report(f"round {number} of {ROUNDS}: {mails} mails of 1 kB to {name}")
            with suppress(EOFError), _serving(arguments) as port:
                small = _load(load, port, mails, SMALL)
                large = _load(load, port, max(4, mails // 50), LARGE)
                rates[name].append((small, large * LARGE))
    rates["aiosmtpd"] += rates.pop("aiosmtpd_uvloop", [])
    for name, rounds in rates.items():
        if rounds:
            figures[f"{name}_sessions_per_second"] = round(max(sessions for sessions, _ in rounds))
            figures[f"{name}_bytes_per_second"] = round(max(octets for _, octets in rounds))
    if rates["aiosmtpd"]:
        for name in ("live", "live_fsync"):
            for unit in ("sessions", "bytes"):
                ours = figures[f"{name}_{unit}_per_second"]
                theirs = figures[f"aiosmtpd_{unit}_per_second"]
                figures[f"{name}_{unit}_over_aiosmtpd"] = round(ours / theirs, 1)
    return figures


def smtp_source() -> str | None:
    """Return where Postfix's smtp-source is, or None if it is not installed."""
    return shutil.which("smtp-source", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def _serving(arguments: list[str]) -> Iterator[int]:
    """Run a server on the first processor; yield its port. Raises EOFError if it does not start."""
    with tempfile.TemporaryDirectory(prefix="smtp-lab-") as directory:
        path = Path(directory) / "one.toml"
        path.write_text(_TOPOLOGY)
        command = [
            sys.executable,
            *(str(path) if word == "{}" else word for word in arguments),
        ]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            preexec_fn=_first_processor,
        ) as server:  # fmt: skip
            try:
                assert server.stdout is not None
                line = server.stdout.readline()
                if not line:
                    raise EOFError
                yield int(line.rpartition(":")[2])
            finally:
                server.send_signal(signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):
                    server.wait(10)
                server.kill()


def _first_processor() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def _load(program: str, port: int, mails: int, size: int) -> float:
    """Return the mails per second, each in a session of its own."""
    command = [
        program, "-s", str(CONNECTIONS), "-m", str(mails), "-l", str(size),
        "-f", "ann@client.example", "-t", "ann@ONE.ARPA", f"127.0.0.1:{port}",
    ]  # fmt: skip
    begun = time.perf_counter()
    subprocess.run(command, check=True, timeout=300)
    return mails / (time.perf_counter() - begun)


def _start_of_fifty() -> float:
    """Return the seconds until fifty hosts, each a process, are listening."""
    with tempfile.TemporaryDirectory(prefix="smtp-lab-") as directory:
        path = Path(directory) / "fifty.toml"
        path.write_text(FIFTY)
        command = [sys.executable, "-m", "lab", "live", str(path), "--serve"]
        begun = time.perf_counter()
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            assert process.stdout is not None
            try:
                for _ in range(50):
                    process.stdout.readline()
                return time.perf_counter() - begun
            finally:  # also when the benchmark is interrupted
                process.send_signal(signal.SIGINT)
                process.wait(30)
