"""The faults of a topology on real TCP, where they concern programs under test.

What hosts of ours do and what they send has its faults from the live network. Here is what it does
not see: programs that crash or are down, and the links over which programs send.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from lab.topology.model import FaultSpec

_OF_A_HOST: Final = ("crash", "host-down")
_CUTS: Final = ("link-down", "partition")
_OF_A_LINK: Final = (*_CUTS, "hang-up", "latency")
_EVENTS: Final = ("accept", "transfer")
_MOST_WAIT: Final = 2.0
"""Seconds that a fault may delay what a program sends."""
_REPEATS: Final = 20


def ends_of(spec: FaultSpec) -> set[str]:
    """Return the hosts that a fault names."""
    return {name for group in (spec.link or (), (spec.host,), *spec.groups) for name in group
            if name is not None}  # fmt: skip


def why_unused(spec: FaultSpec, programs: Sequence[str]) -> str:
    """Return a sentence about what of a fault does not happen, or "" if all of it does."""
    names = sorted(ends_of(spec) & set(programs))
    if not names:
        return ""
    name = f"{spec.kind} at {' and '.join(sorted(ends_of(spec)))}"
    if spec.host is not None and spec.kind not in _OF_A_HOST:
        return f"the fault {name} is left out: a program has its own storage and clock"
    if spec.at is None and not (spec.host is not None and _event_of(spec)):
        if spec.host is not None:
            return (
                f"the fault {name} is left out: for a program it must have a time, or happen as "
                "its host accepts or transfers mail"
            )
        return f"the fault {name} has no time, and does not affect what programs send"
    if spec.host is None and spec.kind not in _OF_A_LINK:
        return f"the fault {name} does not affect what programs send"
    return ""


def _event_of(spec: FaultSpec) -> str:
    """Return the event of a host at which a fault happens, if it is one that we see."""
    when = spec.when or {}
    event = when.get("event", "")
    known = set(when) <= {"event", "host", "nth"} and when.get("host") == spec.host
    return str(event) if known and event in _EVENTS else ""


def last_of(faults: Sequence[FaultSpec]) -> float:
    """Return when the last fault with a time ends, in seconds of the run."""
    return max(((each.at or 0.0) + (each.duration or 0.0) for each in faults), default=0.0)


class Faults:
    """The faults of a network as its programs meet them.

    ``speed`` is how many seconds of the run a second is. ``crash`` is called with the name of a
    program's host, to kill it, and ``start`` to start it again; ``timers`` do that.
    """

    def __init__(
        self, specs: Sequence[FaultSpec], programs: Sequence[str], speed: float,
        crash: Callable[[str], None], start: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.specs = specs
        self._speed = speed
        self._crash, self._start = crash, start
        self._programs = programs
        self._begin = time.monotonic()
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str], int] = {}
        self._hung_up: set[int] = set()
        self.timers: list[threading.Timer] = []
        self._is_closed = False

    def begin(self) -> None:
        """Begin: t=0 of the run is now."""
        self._begin = time.monotonic()
        for spec in self.specs:
            if spec.kind == "crash" and spec.host in self._programs:
                for begin, _ in self._intervals(spec):
                    self._later(begin, self._crash_now, spec)

    @property
    def now(self) -> float:
        """Seconds of the run since its beginning."""
        return (time.monotonic() - self._begin) * self._speed

    def close(self) -> None:
        """End all timers, and wait for one that is at work."""
        with self._lock:
            self._is_closed = True
            timers = list(self.timers)
        for timer in timers:
            timer.cancel()
        for timer in timers:
            timer.join()

    def _later(self, at: float, call: Callable[[FaultSpec], None], spec: FaultSpec) -> None:
        """Call a function at a time of the run."""
        with self._lock:
            if self._is_closed:
                return
            timer = threading.Timer(max(0.0, at - self.now) / self._speed, call, (spec,))
            timer.daemon = True
            self.timers.append(timer)
            timer.start()

    def _crash_now(self, spec: FaultSpec) -> None:
        assert spec.host is not None
        self._crash(spec.host)
        self._later(self.now + (spec.duration or 0.0), self._start_again, spec)

    def _start_again(self, spec: FaultSpec) -> None:
        assert spec.host is not None
        self._start(spec.host)

    def _intervals(self, spec: FaultSpec) -> Iterator[tuple[float, float]]:
        """Yield from when to when a fault with a time lasts."""
        if spec.at is None:
            return
        for number in range(_REPEATS if spec.every else 1):
            begin = spec.at + number * (spec.every or 0.0)
            yield begin, begin + (spec.duration if spec.duration is not None else float("inf"))

    def _lasts(self, spec: FaultSpec) -> bool:
        now = self.now
        return any(begin <= now < end for begin, end in self._intervals(spec))

    # -- what programs meet

    def note(self, event: str, host: str) -> None:
        """Crash a program if its host has accepted or transferred mail as often as a fault says."""
        with self._lock:
            nth = self._counts[event, host] = self._counts.get((event, host), 0) + 1
        for spec in self.specs:
            is_it = spec.kind == "crash" and spec.host == host and _event_of(spec) == event
            if is_it and nth == int((spec.when or {}).get("nth", 1)):
                self._crash_now(spec)

    def is_down(self, host: str) -> bool:
        """Return whether a host is down, not counting programs that were killed."""
        return any(
            spec.host == host and spec.kind in _OF_A_HOST and self._lasts(spec)
            and not (spec.kind == "crash" and host in self._programs)
            for spec in self.specs
        )  # fmt: skip

    def is_cut(self, a: str, b: str) -> bool:
        """Return whether nothing passes between two hosts at present."""
        return self.is_down(a) or self.is_down(b) or any(
            spec.kind in _CUTS and _parts(spec, a, b) and self._lasts(spec) for spec in self.specs
        )  # fmt: skip

    def seconds(self, a: str, b: str) -> float:
        """Return for how many seconds of the clock what is sent between two hosts is delayed."""
        delays = [
            spec.value or 0.0 for spec in self.specs
            if spec.kind == "latency" and _joins(spec, a, b) and self._lasts(spec)
        ]  # fmt: skip
        return min(max(delays, default=0.0) / self._speed, _MOST_WAIT)

    def hang_up(self, a: str, b: str) -> str:
        """Return after what a new session between two hosts is cut, or ""; once for each fault."""
        with self._lock:
            for number, spec in enumerate(self.specs):
                if (
                    spec.kind == "hang-up" and number not in self._hung_up and _joins(spec, a, b)
                    and spec.at is not None and spec.at <= self.now
                ):  # fmt: skip
                    self._hung_up.add(number)
                    return spec.after or "RCPT"
        return ""


def _joins(spec: FaultSpec, a: str, b: str) -> bool:
    return spec.link is not None and {*spec.link} == {a, b}


def _parts(spec: FaultSpec, a: str, b: str) -> bool:
    sides = [{*group} for group in spec.groups]
    groups = [next((n for n, side in enumerate(sides) if name in side), -1) for name in (a, b)]
    return _joins(spec, a, b) or (-1 not in groups and groups[0] != groups[1])


def has_end(spec: FaultSpec) -> bool:
    """Return whether mail can be on its way again after a fault."""
    is_short = spec.kind in ("hang-up", "crash", "latency", "jitter", "loss", "clock-skew")
    return spec.duration is not None or is_short or spec.at is None


def is_plain(spec: FaultSpec) -> bool:
    """Return whether a fault delays mail, and nothing else: all of it must still arrive."""
    return spec.kind in (*_OF_A_HOST, *_OF_A_LINK, "loss", "jitter", "bandwidth")
