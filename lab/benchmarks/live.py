"""The benchmarks of live runs: our receiver-SMTP beside aiosmtpd, under the same load.

The load is Postfix's smtp-source, over several connections. Each server has one processor for all
its processes, and the load another where there is one; rates are by the wall clock, of the fastest
round: what else the machine does can only slow one down. Where uvloop is installed our hosts use
it; so aiosmtpd is tried with it too, and the better of its two ways counts.
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
"""As many as Postfix opens to one destination at a time, where nobody sets it otherwise."""

ROUNDS: Final = 3

_TOPOLOGY: Final = '[[host]]\nname = "ONE.ARPA"\nusers = ["ann"]\n'
_FIFTY: Final = (
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


def measure_live(mails: int, say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Sessions and bytes a second received live and by aiosmtpd, and the start of fifty hosts.

    ``mails`` of 1 kB are sent a round, and a fiftieth as many of 1 MB.
    """
    load = shutil.which("smtp-source", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    figures: dict[str, Any] = {"live_seconds_to_start_50_hosts": round(_start_of_fifty(), 2)}
    if load is None:
        say("smtp-source is not installed (Debian: postfix): no load for live hosts")
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
            say(f"round {number} of {ROUNDS}: {mails} mails of 1 kB to {name}")
            with suppress(EOFError), _serving(arguments) as port:
                small = _load(load, port, mails, SMALL)
                large = _load(load, port, max(4, mails // 50), LARGE)
                rates[name].append((small, large * LARGE))
    rates["aiosmtpd"] += rates.pop("aiosmtpd_uvloop", [])
    for name, found in rates.items():
        if found:
            figures[f"{name}_sessions_per_second"] = round(max(one for one, _ in found))
            figures[f"{name}_bytes_per_second"] = round(max(one for _, one in found))
    if rates["aiosmtpd"]:
        for name in ("live", "live_fsync"):
            for what in ("sessions", "bytes"):
                ours = figures[f"{name}_{what}_per_second"]
                theirs = figures[f"aiosmtpd_{what}_per_second"]
                figures[f"{name}_{what}_over_aiosmtpd"] = round(ours / theirs, 1)
    return figures


@contextmanager
def _serving(arguments: list[str]) -> Iterator[int]:
    """A server in a process of its own, on the first processor; raises EOFError without it."""
    with tempfile.TemporaryDirectory(prefix="smtp-lab-") as directory:
        path = Path(directory) / "one.toml"
        path.write_text(_TOPOLOGY)
        command = [sys.executable, *(str(path) if one == "{}" else one for one in arguments)]
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
    """Mails a second, each in a session of its own."""
    command = [
        program, "-s", str(CONNECTIONS), "-m", str(mails), "-l", str(size),
        "-f", "ann@client.example", "-t", "ann@ONE.ARPA", f"127.0.0.1:{port}",
    ]  # fmt: skip
    begun = time.perf_counter()
    subprocess.run(command, check=True, timeout=300)
    return mails / (time.perf_counter() - begun)


def _start_of_fifty() -> float:
    """Seconds until fifty hosts, a process each, all listen."""
    with tempfile.TemporaryDirectory(prefix="smtp-lab-") as directory:
        path = Path(directory) / "fifty.toml"
        path.write_text(_FIFTY)
        command = [sys.executable, "-m", "lab", "live", str(path), "--serve"]
        begun = time.perf_counter()
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            assert process.stdout is not None
            for _ in range(50):
                process.stdout.readline()
            taken = time.perf_counter() - begun
            process.send_signal(signal.SIGINT)
            process.wait(30)
    return taken
