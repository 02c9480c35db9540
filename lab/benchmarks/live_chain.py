"""Benchmarks of live relaying: a chain of hosts under load, a relay that cannot send, idle hosts.

The load is Postfix's smtp-source. Processor time is that of whole processes, as Linux counts it; it
depends less on the other work of a machine than the time by the clock.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from lab.benchmarks.live import FIFTY, smtp_source

CONNECTIONS: Final = 50
SIZE: Final = 1_000

_TIMEOUT: Final = 600.0
"""Seconds after which a benchmark goes on without a figure."""

_WATCHED: Final = 5.0
"""Seconds for which idle hosts are watched."""

_CHAIN: Final = """
[defaults.link]
latency = "1 ms"
[defaults.host]
relay = true
channels = 20
users = ["bob"]
[generate]
kind = "path_graph"
n = 3
"""

_CANNOT_SEND: Final = """
[defaults.host]
relay = true
users = ["bob"]
[generate]
kind = "path_graph"
n = 2
[retry]
first = "1 d"
factor = 1
max = "1 d"
[[fault]]
kind = "link-down"
link = ["H0", "H1"]
at = "0 s"
"""


class Serving:
    """A network that is served: ``hosts`` are the names and ports in the order of the chain."""

    def __init__(self, process: subprocess.Popen[str], hosts: list[tuple[str, int]]) -> None:
        self.process = process
        self.hosts = hosts

    def delivered(self) -> int:
        """Wait for the next state of the run, and return how many messages are in mailboxes."""
        assert self.process.stdout is not None
        state = json.loads(self.process.stdout.readline() or "{}")
        boxes = [host["mailboxes"] for host in state.get("hosts", ()) if "mailboxes" in host]
        return sum(sum(box.values()) for box in boxes)

    def seconds_used(self) -> tuple[float, float]:
        """Return the processor seconds of the network's process, and of all those of hosts."""
        of_hosts = sum(map(_seconds_of, _descendants(self.process.pid)))
        return _seconds_of(self.process.pid), of_hosts


def measure_chain(
    mails: int, queued: int, report: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Measure a chain of three hosts, a relay whose link is down, and fifty hosts at rest.

    ``mails`` cross the chain, and ``queued`` are accepted by the relay. Without smtp-source, and
    where there is no /proc, nothing is measured.
    """
    figures: dict[str, Any] = {}
    load = smtp_source()
    if load is None or not Path("/proc/self/stat").exists():
        return figures
    report(f"{mails} mails through a chain of three hosts")
    with serving(_CHAIN) as served:
        figures |= _chain(load, served, mails)
    report(f"{queued} mails to a relay that cannot send")
    with serving(_CANNOT_SEND) as served:
        figures |= _acceptance(load, served, queued)
    report("fifty idle hosts")
    with serving(FIFTY) as served:
        before = sum(served.seconds_used())
        time.sleep(_WATCHED)
        share = (sum(served.seconds_used()) - before) / _WATCHED
        figures["live_idle_50_hosts_percent_of_a_core"] = round(100 * share, 1)
    return figures


def _chain(load: str, served: Serving, mails: int) -> dict[str, Any]:
    to = f"bob@{served.hosts[-1][0]}"
    network, hosts = served.seconds_used()
    send(load, served.hosts[0][1], mails, to)
    last = time.monotonic()
    while served.delivered() < mails:
        if time.monotonic() - last > _TIMEOUT:
            return {}
    figures: dict[str, Any] = {"live_chain_seconds_after_last_250": time.monotonic() - last}
    hops = 2 * mails  # of relayed mail: the third, from outside, is not the network's
    network_now, hosts_now = served.seconds_used()
    figures["live_chain_network_ms_per_relayed_mail"] = 1000 * (network_now - network) / hops
    figures["live_chain_hosts_ms_per_mail"] = 1000 * (hosts_now - hosts) / mails
    return {name: round(value, 3) for name, value in figures.items()}


def _acceptance(load: str, served: Serving, mails: int) -> dict[str, Any]:
    """How fast mail is accepted while the queue is long, over how fast at the beginning."""
    part = max(1, mails // 10)
    to = f"bob@{served.hosts[-1][0]}"
    seconds = []
    for _ in range(10):
        begun = time.monotonic()
        send(load, served.hosts[0][1], part, to)
        seconds.append(time.monotonic() - begun)
    first, last = min(seconds[:3]), min(seconds[-3:])
    return {"live_acceptance_with_long_queue_over_short": round(first / last, 2)}


def send(load: str, port: int, mails: int, to: str) -> None:
    """Send mail with smtp-source, each in a session of its own, over several connections."""
    command = [
        load, "-s", str(CONNECTIONS), "-m", str(mails), "-l", str(SIZE),
        "-f", "me@client.example", "-t", to, f"127.0.0.1:{port}",
    ]  # fmt: skip
    subprocess.run(command, check=True, timeout=_TIMEOUT)


@contextmanager
def serving(topology: str) -> Iterator[Serving]:
    """Serve a network for as long as the context lasts."""
    with tempfile.TemporaryDirectory(prefix="smtp-lab-") as directory:
        path = Path(directory) / "network.toml"
        path.write_text(topology)
        command = [sys.executable, "-m", "lab", "live", str(path), "--serve", "--json", "--no-page"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            try:
                assert process.stdout is not None
                hosts = json.loads(process.stdout.readline())["hosts"]
                yield Serving(process, [(name, at["port"]) for name, at in hosts.items()])
            finally:
                process.send_signal(signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):
                    process.communicate(timeout=60)
                process.kill()


def _fields(pid: int) -> list[str]:
    """What Linux says of a process, from its state on; nothing if there is no such process."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


def _seconds_of(pid: int) -> float:
    fields = _fields(pid)
    ticks = int(fields[11]) + int(fields[12]) if fields else 0
    return ticks / os.sysconf("SC_CLK_TCK")


def _descendants(pid: int) -> list[int]:
    """The processes that a process has started, and those that they have."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        fields = _fields(int(folder.name))
        if fields:
            parents[int(folder.name)] = int(fields[1])
    processes = [pid]
    for process in processes:
        processes += [child for child, parent in parents.items() if parent == process]
    return processes[1:]
