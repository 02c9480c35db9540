"""What the tests of live runs share: a run of a topology in processes, and what crossed in it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lab
from lab.live.running import run_live
from lab.live.settings import Settings
from lab.live.spool_view import SpoolView
from lab.trace.rows import Event
from lab.trace.trace import Trace

_DATE = re.compile(rb"\d\d? [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d [A-Z]+")


def live(topology: Any, speed: float = 20.0, **options: Any) -> lab.Run:
    """A live run to its end."""
    described = topology if not isinstance(topology, (str, Path)) else lab.load(topology)
    trace, reason = run_live(described, 0, Settings(speed=speed, **options))
    failures = [(event.host, event["reason"]) for event in trace if event.kind == "failure"]
    assert reason == "settled", f"the run ended with {reason!r} at {trace.last:.3f} s: {failures}"
    return lab.Run(described, trace)


def crossed(trace: Trace) -> list[list[tuple[str, str, bytes]]]:
    """The bytes of every session, one after the other, with dates taken out; in no order."""
    return crossed_in(trace)


def crossed_between(trace: Trace, host: str) -> list[list[tuple[str, str, bytes]]]:
    """The bytes of every session of a host, as :func:`crossed`."""
    return crossed_in(event for event in trace if host in (event.host, event.peer))


def crossed_in(events: Iterable[Event]) -> list[list[tuple[str, str, bytes]]]:
    """The bytes of every session that events are about, as :func:`crossed`."""
    sessions: dict[int | None, list[tuple[str, str, bytes]]] = {}
    for event in events:
        if event.kind in ("command", "reply", "data"):
            octets = _DATE.sub(b"(date)", event["octets"])
            sessions.setdefault(event.session, []).append((event.kind, event.host, octets))
    return sorted(sessions.values())


@contextmanager
def served(topology: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, int]]]:
    """``lab live --serve`` in a process, and the ports of its hosts; interrupted at the end."""
    command = [sys.executable, "-m", "lab", "live", str(topology), "--serve", *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        ports: dict[str, int] = {}
        hosts = [h for h in lab.load(topology).hosts.values() if h.kind == "host"]
        assert process.stdout is not None
        for _ in hosts:
            name, where = process.stdout.readline().split()[:2]
            ports[name] = int(where.rpartition(":")[2])
        try:
            yield process, ports
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(120)


def problems_at(speed: float, problems: Callable[[float], Any]) -> Any:
    """What is wrong at a speed; if anything is, what is at an eighth of it.

    A busy machine may be late for what the file says to happen at some time.
    """
    return problems(speed) and problems(speed / 8)


def wait_for_mail(spool: Path, host: str, count: int = 1) -> None:
    """Wait until the mailboxes of a host that runs have so many messages in all."""
    view = SpoolView(spool, [host])
    try:
        assert eventually(lambda: sum(view.mailboxes(host).values()) >= count)
    finally:
        view.close()


def listener(port: int) -> int:
    """The id of the process that listens at a port."""
    inode = next(
        fields[9]
        for fields in map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:])
        if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port
    )
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(link) == f"socket:[{inode}]":
                return int(link.parts[2])
        except OSError:
            continue
    raise AssertionError(f"nobody listens at {port}")


def eventually(condition: Any, seconds: float = 120.0) -> Any:
    """Call a function until its result is true, or for so many seconds; return the result."""
    until = time.monotonic() + seconds
    while not (result := condition()) and time.monotonic() < until:
        time.sleep(0.05)
    return result
