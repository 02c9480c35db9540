"""Faults: what goes wrong in a run, when, and for how long.

A fault changes the network or a host, and is reverted when its time is over. Both are recorded in
the trace. It happens at a time, after an event, or at random at a rate, from a generator of its
own. No fault happens any more when all mail is settled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import Any, Final

from lab.hosts.control import HostControl
from lab.network.channel import ChannelRoute, NoRoute
from lab.network.events import FAULT_GAP, FAULTS, sequencer
from lab.network.link import Link, LinkDirection
from lab.runtime.streams import Stream
from lab.simulation.any_session import AnySession
from lab.simulation.driver import Driver
from lab.simulation.fault_specs import detail_of, is_awaited, resolved, stream_names
from lab.simulation.interception import Interceptions
from lab.topology.model import FaultSpec
from lab.trace.rows import KIND, Row
from lab.trace.trace import Trace

RANDOM_LENGTH: Final = 60.0
"""Seconds that a fault at a rate lasts, if it does not say."""

MOST_ADDED: Final = 1 << 20
"""Order numbers that are kept for faults that are added during a run."""

Revert = Callable[[], None]
"""Undoes what a fault has done."""


class Faults:
    """The faults of one run.

    ``interceptions`` are those that happen within sessions. ``pending_repairs`` counts the faults
    that are yet to be reverted. They are made before the driver, which records through
    :meth:`recorder`, and calls :meth:`attach`; :meth:`begin` is for the beginning of the run.
    ``may_grow``: more of them may be added during the run.
    """

    def __init__(
        self, specs: Sequence[FaultSpec], may_come: bool = False, *, may_grow: bool = False
    ) -> None:
        self.specs = list(specs)
        self._may_grow = may_grow
        self._can_block_channels = bool(specs) or may_come
        self.pending_repairs = 0
        self.interceptions = Interceptions(specs, self.notice, may_come)
        self._driver: Driver | None = None
        self._next_order = self._added_order = sequencer(FAULTS)
        self._times: list[float] = []
        self._groups: dict[int, dict[str, int]] = {}
        self._applied = 0
        self._aims: dict[int, Stream] = {}
        self._names = stream_names(self.specs)
        self._values: dict[tuple[int, str], list[tuple[int, Any]]] = {}
        self._waiting: dict[str, list[Callable[[], None]]] = {}
        self._judged_at: float | None = None
        self._over = False
        self._seen: dict[int, int] = {}
        self._at_seq: dict[int, list[FaultSpec]] = {}
        self._on_event: list[tuple[int, FaultSpec]] = []
        for number, spec in enumerate(self.specs):
            self._await(number, spec)

    def _await(self, number: int, spec: FaultSpec) -> None:
        """Have a fault happen at its event, if it waits for one."""
        when = spec.when or {}
        if "seq" in when:
            self._at_seq.setdefault(when["seq"], []).append(spec)
        elif when:
            self._on_event.append((number, spec))

    @property
    def driver(self) -> Driver:
        """The driver whose hosts and links have the faults."""
        assert self._driver is not None, "the faults have no driver"
        return self._driver

    def attach(self, driver: Driver) -> None:
        """Set the driver whose hosts and links have the faults."""
        self._driver = driver

    def begin(self) -> None:
        """Put the faults that have a time or a rate on the clock."""
        for number, spec in enumerate(self.specs):
            self._put_on_clock(number, spec)
        # those that are added come right after these in their instant, as if they had been in the
        # file, and before what faults do later
        first = self._next_order()
        self._added_order = count(first, FAULT_GAP).__next__
        self._next_order = count(first + MOST_ADDED * FAULT_GAP, FAULT_GAP).__next__

    def add(self, specs: Sequence[FaultSpec]) -> None:
        """Add faults to those of a run that has begun: they happen from now on."""
        first = len(self.specs)
        self.specs += specs
        self._names = stream_names(self.specs)
        self._can_block_channels = self._can_block_channels or bool(specs)
        self.interceptions.add(specs, self.driver.cuttable_sessions())
        later, self._next_order = self._next_order, self._added_order
        for number, spec in enumerate(specs, first):
            self._await(number, spec)
            self._put_on_clock(number, spec)
        self._next_order = later

    def _put_on_clock(self, number: int, spec: FaultSpec) -> None:
        """Put a fault that has a time or a rate on the clock."""
        if spec.line is not None:
            return  # it happens when its session has come that far
        if spec.rate:
            times = Stream(self.driver.seed, "fault", *self._names[number])
            self._next_at_random(spec, times)
        elif spec.every is not None:
            self.call_at(spec.at or 0.0, self._apply_again, (spec, 0))
        elif not spec.when:
            self.call_at(spec.at or 0.0, self._apply, spec)

    def close(self) -> None:
        """Let go of the driver, at the end of a run."""
        self._driver = None
        self.interceptions.close()
        self._waiting.clear()
        self._values.clear()

    def call_at(self, at: float, call: Callable[[Any], None], value: Any) -> None:
        """Have a fault do something at a time, before what else happens at that instant."""
        heappush(self._times, at)
        self.driver.at(at, call, value, self._next_order)

    def next_time(self, since: float) -> float:
        """Return the time of the first fault, or end of one, from a time on; infinite for none."""
        while self._times and self._times[0] < since:
            heappop(self._times)
        return self._times[0] if self._times else math.inf

    def _next_at_random(self, spec: FaultSpec, times: Stream, since: float = 0.0) -> None:
        """Draw when a fault happens next, ``since`` seconds from now on.

        While it lasts it does not happen again: or at a high rate it would never be over.
        """
        gap = since + round(-math.log(1.0 - times.random()) / (spec.rate or 1.0), 6)

        def happen(_: Any) -> None:
            if self.is_over():
                return
            self._apply(spec)
            lasts = RANDOM_LENGTH if spec.duration is None else spec.duration
            self._next_at_random(spec, times, lasts)

        self.call_at(self.driver.env.now + gap, happen, None)

    def _apply_again(self, spec_and_times: tuple[FaultSpec, int]) -> None:
        """Let a fault happen that comes every so often, as often as it has come before."""
        if self.is_over():
            return
        spec, times = spec_and_times
        self._apply(spec)
        assert spec.every is not None, "a fault that happens once has another way"
        at = (spec.at or 0.0) + (times + 1) * spec.every
        self.call_at(at, self._apply_again, (spec, times + 1))

    # -- on an event ----------------------------------------------------------------------------

    def recorder(self, trace: Trace) -> Callable[[Row], None]:
        """Return a function that records the rows of a run in a trace, and starts faults at
        events.
        """
        specs = [spec for _, spec in self._on_event]
        is_still = all((spec.when or {}).get("event") == "reply" for spec in specs)
        if is_still and not self._at_seq and not self._may_grow:
            return trace.record
        record = trace.record

        def record_and_notice(row: Row) -> None:
            record(row)
            if self._on_event and row[KIND] != "reply":
                self.notice(row)
            if not self._at_seq:
                return
            for spec in self._at_seq.pop(trace.first_seq + len(trace.rows) - 1, ()):
                self.call_at(self.driver.env.now, self._apply, spec)

        return record_and_notice

    def notice(self, row: Row) -> None:
        """Start the faults that wait for such an event (or for the ``nth``), each once.

        A reply is noticed when the receiver-SMTP gives it, at its host; a command or mail data
        when it arrives there.
        """
        come = []
        for awaited in self._on_event:
            number, spec = awaited
            when = spec.when or {}
            if not is_awaited(when, row):
                continue
            self._seen[number] = seen = self._seen.get(number, 0) + 1
            if seen == when.get("nth", 1):
                # not in the middle of what is going on: right after it
                self.call_at(self.driver.env.now, self._apply, spec)
                come.append(awaited)
        for awaited in come:
            self._on_event.remove(awaited)

    # -- applying and reverting -----------------------------------------------------------------

    def apply(self, spec: FaultSpec) -> None:
        """Have a fault begin now, and end when its time is over."""
        self._apply(spec)

    def is_over(self) -> bool:
        """Whether all mail was settled when this instant began; faults come first in it."""
        now = self.driver.env.now
        if self._judged_at != now:
            self._judged_at = now
            self._over = self.driver.is_idle
        return self._over

    def _apply(self, spec: FaultSpec) -> None:
        if self.is_over():
            return
        spec = resolved(spec, self.driver.world, partial(self._draw, spec))
        self._record(spec, True)
        revert = _KINDS[spec.kind](self, spec)
        self.driver.world.routes.changed()
        lasts = spec.duration
        if lasts is None and spec.rate:
            lasts = RANDOM_LENGTH
        if lasts is None:
            return
        self.pending_repairs += 1

        def repair(_: Any) -> None:
            over = self.is_over()
            self.pending_repairs -= 1
            revert()
            self.driver.world.routes.changed()
            if not over:
                self._record(spec, False)

        self.call_at(self.driver.env.now + lasts, repair, None)

    def _draw(self, spec: FaultSpec, size: int) -> int:
        number = next(n for n, each in enumerate(self.specs) if each is spec)
        aim = self._aims.get(number)
        if aim is None:
            names = self._names[number]
            aim = self._aims[number] = Stream(self.driver.seed, "aim of fault", *names)
        return aim.index(size)

    def _record(self, spec: FaultSpec, on: bool) -> None:
        host, peer = spec.link or (spec.host or "", None)
        driver = self.driver
        if driver.is_here(host):
            detail = detail_of(spec)
            driver.record((driver.env.now, "fault", host, peer, None, None, spec.kind, on, detail))

    # -- what drivers ask -----------------------------------------------------------------------

    def obstacle(self, host: str, peer: str) -> str | None:
        """Return why no channel can be opened between two hosts; None if no fault prevents it."""
        for name in (host, peer):
            if self.driver.host_control(name).faults.down:
                return f"{name} is down"
        for groups in self._groups.values():
            if groups.get(host, -1) != groups.get(peer, -1) and host in groups and peer in groups:
                return "the network is partitioned"
        return None

    def route_now(self, host: str, peer: str, environment: str) -> ChannelRoute | NoRoute:
        """Return how channels from a host to its neighbour go at present, or why none can."""
        if self._can_block_channels and (reason := self.obstacle(host, peer)):
            return NoRoute(reason)
        try:
            route = self.driver.world.channel_route(host, peer, environment)
        except KeyError:
            return NoRoute(f"no path of links between {host} and {peer} is up")
        one_ways = self.interceptions.one_ways
        if one_ways and route.transport.is_simplex:
            for ends in ((host, peer), (peer, host)):
                if ends in one_ways:
                    return NoRoute(f"what {ends[0]} sends to {ends[1]} is lost")
        return route

    def is_at_work(self, host: HostControl) -> bool:
        """Whether a host has something to do of its own accord, now or when it is up again."""
        if host.faults.down:
            has_mail = host.has_queued_mail or host.name in self._waiting
            return has_mail and self.pending_repairs > 0
        return host.has_work

    def when_up(self, host: HostControl, call: Callable[[], None]) -> None:
        """Call something as soon as a host that is down is up again."""
        self._waiting.setdefault(host.name, []).append(call)

    def take_down(self, host: HostControl, *, crashed: bool) -> None:
        """Take a host down: as a receiver-SMTP it says 421 (4.2.1), and its other sessions are cut.

        A host that has crashed says nothing, and loses its memory.
        """
        driver = self.driver
        if not crashed:
            host.shut_down()
        host.go_down()
        if crashed:
            host.lose_memory(driver.env.now)
        reason = f"{host.name} {'crashed' if crashed else 'went down'}"
        for session in driver.cuttable_sessions():
            if host.name not in (session.sender_host, session.receiver_host):
                continue
            if crashed or session.sender_host == host.name or session.number is None:
                session.cut(reason, crashed=host.name)
            else:
                session.shut_down()

    def bring_up(self, host: HostControl) -> None:
        """Have a host run again, unless another fault keeps it down."""
        if not host.come_up():
            return
        for call in self._waiting.pop(host.name, ()):
            call()
        host.resume(self.driver.env.now)

    def _cut(self, reason: str, is_affected: Callable[[AnySession], bool]) -> None:
        for session in self.driver.cuttable_sessions():
            if is_affected(session):
                session.cut(reason)

    # -- one method for each kind: apply it, and return what reverts it --------------------------

    def _link_down(self, spec: FaultSpec) -> Revert:
        links = self._links(spec)
        self._count_downs(links, 1)
        self._cut(
            f"the link {' - '.join(spec.link or ())} is down",
            lambda session: any(link in links for link in session.connection.route.links),
        )
        return partial(self._count_downs, links, -1)

    def _count_downs(self, links: Sequence[Link], by: int) -> None:
        for link in links:
            link.downs += by
        self.driver.links_changed()

    def _partition(self, spec: FaultSpec) -> Revert:
        key = self._next_key()
        self._groups[key] = {name: n for n, group in enumerate(spec.groups) for name in group}
        self._cut(
            "the network is partitioned",
            lambda session: self.obstacle(session.sender_host, session.receiver_host) is not None,
        )

        def revert() -> None:
            del self._groups[key]

        return revert

    def _host_down(self, spec: FaultSpec) -> Revert:
        return self._stop(spec, crashed=False)

    def _crash(self, spec: FaultSpec) -> Revert:
        return self._stop(spec, crashed=True)

    def _stop(self, spec: FaultSpec, *, crashed: bool) -> Revert:
        host = self._host(spec)
        self.take_down(host, crashed=crashed)
        if crashed and spec.duration is None and not spec.rate:
            # a crash is over when the host runs again, and without a duration that is at once
            self.bring_up(host)
        return lambda: self.bring_up(host)

    def _loss(self, spec: FaultSpec) -> Revert:
        return self._change(spec, "loss")

    def _latency(self, spec: FaultSpec) -> Revert:
        return self._change(spec, "latency")

    def _jitter(self, spec: FaultSpec) -> Revert:
        return self._change(spec, "jitter")

    def _bandwidth(self, spec: FaultSpec) -> Revert:
        return self._change(replace(spec, value=(spec.value or 0.0) / 8), "rate")

    def _change(self, spec: FaultSpec, name: str) -> Revert:
        """Give links another value; of several on one link, the last that is not over counts."""
        ends, links = spec.link or ("", ""), self._links(spec)
        directions = []
        if spec.direction != "back":
            directions += [link.towards(ends[1]) for link in links]
        if spec.direction != "there":
            directions += [link.towards(ends[0]) for link in links]
        key = self._next_key()
        self._set_values(directions, name, key, spec.value or 0.0)
        return partial(self._set_values, directions, name, key, None)

    def _set_values(
        self, directions: Sequence[LinkDirection], name: str, key: int, value: float | None
    ) -> None:
        """Add the value of a fault to those that directions of links have; None removes it."""
        driver = self.driver
        sessions = driver.cuttable_sessions()
        streams = [stream for session in sessions for stream in session.connection.streams]
        for stream in streams:
            stream.settle_order(driver.env.now)
        for direction in directions:
            first: list[tuple[int, Any]] = [(0, getattr(direction, name))]
            values = self._values.setdefault((id(direction), name), first)
            kept = [known for known in values if known[0] != key]
            values[:] = kept if value is None else [*kept, (key, value)]
            direction.changing = True
            setattr(direction, name, values[-1][1])
        for stream in streams:
            stream.route.measure()
        driver.links_changed()

    def _next_key(self) -> int:
        """Return a key for what a fault does: at a rate it may happen again before it is over."""
        self._applied += 1
        return self._applied

    def _busy(self, spec: FaultSpec) -> Revert:
        return self._count(spec, "busy")

    def _storage_full(self, spec: FaultSpec) -> Revert:
        return self._count(spec, "full")

    def _refuse(self, spec: FaultSpec) -> Revert:
        return self._count(spec, "refusing")

    def _clock_skew(self, spec: FaultSpec) -> Revert:
        host, seconds = self._host(spec), spec.value or 0.0
        host.shift_clock(seconds)
        return lambda: host.shift_clock(-seconds)

    def _count(self, spec: FaultSpec, name: str) -> Revert:
        host = self._host(spec)
        host.change_fault(name, 1)
        return lambda: host.change_fault(name, -1)

    def _hang_up(self, spec: FaultSpec) -> Revert:
        if spec.after is None:
            ends = set(spec.link or ())
            self._cut(
                "the channel is cut",
                lambda session: (
                    {session.sender_host, session.receiver_host} == ends
                    and spec.session in (None, session.number)
                ),
            )
            return lambda: None
        return _add(self.interceptions.hang_ups, spec)

    def _one_way(self, spec: FaultSpec) -> Revert:
        assert spec.link is not None, "a fault of this kind has two ends"
        return _add(self.interceptions.one_ways, spec.link)

    def _host(self, spec: FaultSpec) -> HostControl:
        return self.driver.host_control(spec.host or "")

    def _links(self, spec: FaultSpec) -> list[Link]:
        ends = set(spec.link or ())
        links = [link for link in self.driver.world.links if {link.a, link.b} == ends]
        return [link for link in links if spec.name is None or link.name == spec.name]


def _add(items: list[Any], item: Any) -> Revert:
    """Add an item to a list; return what removes it, if it is still there."""
    items.append(item)

    def revert() -> None:
        if item in items:
            items.remove(item)

    return revert


_KINDS: Final[dict[str, Callable[[Faults, FaultSpec], Revert]]] = {
    "link-down": Faults._link_down,
    "host-down": Faults._host_down,
    "crash": Faults._crash,
    "partition": Faults._partition,
    "loss": Faults._loss,
    "latency": Faults._latency,
    "jitter": Faults._jitter,
    "bandwidth": Faults._bandwidth,
    "busy": Faults._busy,
    "storage-full": Faults._storage_full,
    "refuse": Faults._refuse,
    "hang-up": Faults._hang_up,
    "one-way": Faults._one_way,
    "clock-skew": Faults._clock_skew,
}

KINDS: Final = frozenset(_KINDS)
"""The kinds of fault that are applied at a time; those within sessions are interceptions."""
