"""Queueing theory, and traces of links and runs that it says something about."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

from lab.trace.trace import Trace

RATE = 8000.0
"""The bandwidth of the links below, in bit/s: a kilobyte a second."""


def pollaczek_khinchine(rate: float, services: Sequence[float]) -> float:
    """The mean wait in an M/G/1 queue, of arrivals a second and of service times in seconds."""
    mean = sum(services) / len(services)
    second = sum(each * each for each in services) / len(services)
    return rate * second / (2 * (1 - rate * mean))


def poisson(rate: float, count: int, seed: int) -> list[float]:
    random, t = Random(seed), 0.0
    times = []
    for _ in range(count):
        t += random.expovariate(rate)
        times.append(t)
    return times


def link(a: str, b: str, **options: Any) -> dict[str, Any]:
    usual = {"environment": "arpanet", "latency": 0.0, "bandwidth": RATE, "loss": 0.0}
    return {"a": a, "b": b, **usual, **options}


def sent(
    path: Sequence[str], pieces: Iterable[tuple[float, int]], links: Sequence[dict[str, Any]]
) -> Trace:
    """A trace in which octets leave the first host of a path at given times, in one session.

    Each arrives a second later, which no figure of a link depends on.
    """
    trace = Trace()
    hosts = [{"name": name, "kind": "host"} for name in path]
    trace.record((0.0, "start", "", None, None, None, {"hosts": hosts, "links": list(links)}))
    first, last = path[0], path[-1]
    trace.record((0.0, "open", first, last, 1, None, "arpanet", "tcp", tuple(path), 0.0))
    text = b"x" * 100_000
    rows = [
        (t + 1, "data", last, first, 1, 1, t, text[: size - 5] + b"\r\n.\r\n") for t, size in pieces
    ]
    for row in sorted(rows, key=lambda row: row[0]):
        trace.record(row)
    trace.record((rows[-1][0], "end", "", None, None, None, "settled"))
    return trace


def waits(arrivals: Sequence[float], services: Sequence[float]) -> list[float]:
    """How long each of some customers waits for one server, first come, first served (Lindley)."""
    found, free = [], 0.0
    for arrival, service in zip(arrivals, services, strict=True):
        begin = max(arrival, free)
        found.append(begin - arrival)
        free = begin + service
    return found


def longest(arrivals: Sequence[float], begins: Sequence[float]) -> int:
    """How many wait at most at one time, of those who arrive and begin to be served then."""
    present: list[float] = []
    most = 0
    for arrival, begin in zip(arrivals, begins, strict=True):
        while present and present[0] <= arrival:
            heapq.heappop(present)
        if begin > arrival:
            heapq.heappush(present, begin)
        most = max(most, len(present))
    return most
