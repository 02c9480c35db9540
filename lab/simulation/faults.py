"""Faults: what goes wrong in a run, when, and for how long.

A fault is an edit to the network or to a host, undone when its time is over; each edit and its
end are in the trace. It happens at a time, when an event is seen, or at random at a rate, from a
generator of its own. No fault happens any more when all mail is settled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from heapq import heappop, heappush
from random import Random
from typing import TYPE_CHECKING, Any, Final

from lab.network.events import FAULTS, sequencer
from lab.network.link import Link
from lab.topology.globs import is_glob, matching_hosts, matching_links
from lab.topology.model import FaultSpec
from lab.trace.rows import KIND

if TYPE_CHECKING:
    from lab.hosts.host import Host
    from lab.simulation.any_session import AnySession
    from lab.simulation.simulation import Simulation

RANDOM_LENGTH: Final = 60.0
"""Seconds that a fault at a rate lasts, if it says no other."""


class Faults:
    """The faults of one run.

    ``spoil`` tells whether any may keep a channel from opening; ``mending`` counts the faults that
    are to be undone yet.
    """

    def __init__(self, simulation: Simulation, specs: Sequence[FaultSpec]) -> None:
        self.simulation = simulation
        self.specs = list(specs)
        self._orders = sequencer(FAULTS)
        self._times: list[float] = []
        self.spoil = bool(specs)
        simulation.interceptions.notice = self.notice
        self._groups: dict[int, dict[str, int]] = {}
        self._struck = 0
        self._dice: dict[int, Random] = {}
        self._changes: dict[tuple[int, str], list[tuple[int, float]]] = {}
        self._waiting: dict[str, list[Callable[[], None]]] = {}
        self.mending = 0
        self._judged_at: float | None = None
        self._over = False
        self._whens = [(n, spec) for n, spec in enumerate(self.specs) if spec.when]
        self._seen: dict[int, int] = {}
        self._at_seq: dict[int, list[FaultSpec]] = {}
        for _, spec in self._whens:
            if "seq" in (spec.when or {}):
                self._at_seq.setdefault((spec.when or {})["seq"], []).append(spec)
        self._whens = [(n, spec) for n, spec in self._whens if "seq" not in (spec.when or {})]
        if any(spec.when and spec.when.get("event") != "reply" for spec in specs):
            self._watch_records()

    def begin(self) -> None:
        """Put the faults that have a time or a rate on the clock."""
        for number, spec in enumerate(self.specs):
            if spec.line is not None:
                continue  # its time is when its session has come so far
            if spec.rate:
                random = Random(f"{self.simulation.seed}/fault {number}")
                self._next_at_random(spec, random)
            elif not spec.when:
                self._at(spec.at or 0.0, self._strike, spec)

    def _at(self, at: float, call: Callable[[Any], None], value: Any) -> None:
        """Have a fault do something at a time, before what else happens at that instant."""
        heappush(self._times, at)
        self.simulation.at(at, call, value, self._orders)

    def next_time(self, since: float) -> float:
        """The time of the first fault, or end of one, from a time on; infinite for none."""
        while self._times and self._times[0] < since:
            heappop(self._times)
        return self._times[0] if self._times else math.inf

    def _next_at_random(self, spec: FaultSpec, random: Random, since: float = 0.0) -> None:
        """Draw when the fault strikes next, ``since`` seconds from now on.

        While it lasts it does not strike again: or at a high rate it would never be over.
        """
        simulation = self.simulation
        gap = since + round(-math.log(1.0 - random.random()) / (spec.rate or 1.0), 6)

        def strike(_: Any) -> None:
            if self._is_over():
                return
            self._strike(spec)
            lasts = RANDOM_LENGTH if spec.duration is None else spec.duration
            self._next_at_random(spec, random, lasts)

        self._at(simulation.env.now + gap, strike, None)

    # -- on an event ----------------------------------------------------------------------------

    def _watch_records(self) -> None:
        record, trace = self.simulation.record, self.simulation.trace

        def watching(row: tuple[Any, ...]) -> None:
            record(row)
            if row[KIND] != "reply":
                self.notice(row)
            for spec in self._at_seq.pop(trace.first_seq + len(trace.rows) - 1, ()):
                self._at(self.simulation.env.now, self._strike, spec)

        self.simulation.record = watching

    def notice(self, row: tuple[Any, ...]) -> None:
        """Strike with the faults that wait for such an event (or for the ``nth``), each once.

        A reply is noticed when the receiver-SMTP gives it, at its host; a command or mail data
        when it arrives there.
        """
        for number, spec in self._whens:
            if not _matches(spec.when or {}, row):
                continue
            self._seen[number] = seen = self._seen.get(number, 0) + 1
            if seen == (spec.when or {}).get("nth", 1):
                # not in the midst of what is going on: right after it
                self._at(self.simulation.env.now, self._strike, spec)

    # -- striking and mending -------------------------------------------------------------------

    def _is_over(self) -> bool:
        """Whether all mail was settled when this instant began; faults come first in it."""
        now = self.simulation.env.now
        if self._judged_at != now:
            self._judged_at = now
            self._over = self.simulation.is_idle
        return self._over

    def _strike(self, spec: FaultSpec) -> None:
        simulation = self.simulation
        if self._is_over():
            return
        spec = self._aimed(spec)
        self._tell(spec, True)
        undo = _STRIKES[spec.kind](self, spec)
        lasts = spec.duration
        if lasts is None and spec.rate:
            lasts = RANDOM_LENGTH
        if lasts is None:
            return

        self.mending += 1

        def mend(_: Any) -> None:
            over = self._is_over()
            self.mending -= 1
            undo()
            if not over:
                self._tell(spec, False)

        self._at(simulation.env.now + lasts, mend, None)

    def _aimed(self, spec: FaultSpec) -> FaultSpec:
        """The fault upon one of the hosts or links that its globs stand for, drawn each time."""
        simulation = self.simulation
        if spec.host and is_glob(spec.host):
            hosts = matching_hosts(spec.host, simulation.hosts)
            return replace(spec, host=hosts[self._draw(spec, len(hosts))])
        if spec.link and any(map(is_glob, spec.link)):
            links = matching_links(
                spec.link, dict.fromkeys((one.a, one.b) for one in simulation.links)
            )
            return replace(spec, link=links[self._draw(spec, len(links))])
        return spec

    def _draw(self, spec: FaultSpec, size: int) -> int:
        number = next(n for n, one in enumerate(self.specs) if one is spec)
        random = self._dice.setdefault(number, Random(f"{self.simulation.seed}/fault {number} aim"))
        return int(random.random() * size)

    def _tell(self, spec: FaultSpec, on: bool) -> None:
        where, peer = spec.link or (spec.host or "", None)
        what = " | ".join(" ".join(group) for group in spec.groups)
        if spec.after:
            what = f"after {spec.after}"
        elif spec.value is not None:
            what = f"{spec.value:g}"
        now = self.simulation.env.now
        if self.simulation.is_here(where):
            self.simulation.record((now, "fault", where, peer, None, None, spec.kind, on, what))

    def obstacle(self, host: str, peer: str) -> str | None:
        """Why no channel can be opened between two hosts; None if nothing of ours is in the way."""
        for name in (host, peer):
            if self.simulation.hosts[name].faults.down:
                return f"{name} is down"
        for groups in self._groups.values():
            if groups.get(host, -1) != groups.get(peer, -1) and host in groups and peer in groups:
                return "the network is partitioned"
        return None

    def when_up(self, host: Host, call: Callable[[], None]) -> None:
        """Do something as soon as a host that is down is up again."""
        self._waiting.setdefault(host.name, []).append(call)

    def _cut(self, reason: str, befallen: Callable[[AnySession], bool]) -> None:
        for session in self.simulation.channels():
            if befallen(session):
                session.cut(reason)

    # -- one method a kind: do it, and give what undoes it ---------------------------------------

    def _link_down(self, spec: FaultSpec) -> Callable[[], None]:
        links = self._links(spec)
        for link in links:
            link.downs += 1
        self.simulation.links_changed()
        name = " - ".join(spec.link or ())
        self._cut(
            f"the link {name} is down",
            lambda one: any(link in links for link in one.connection.route.links),
        )

        def undo() -> None:
            for link in links:
                link.downs -= 1
            self.simulation.links_changed()

        return undo

    def _partition(self, spec: FaultSpec) -> Callable[[], None]:
        groups = {name: n for n, group in enumerate(spec.groups) for name in group}
        # a fault at a rate may strike again before it is over
        self._struck += 1
        key = self._struck
        self._groups[key] = groups
        self._cut(
            "the network is partitioned",
            lambda one: self.obstacle(one.sender_host, one.receiver_host) is not None,
        )

        def undo() -> None:
            del self._groups[key]

        return undo

    def _host_down(self, spec: FaultSpec) -> Callable[[], None]:
        return self._stop(spec, crashed=False)

    def _crash(self, spec: FaultSpec) -> Callable[[], None]:
        return self._stop(spec, crashed=True)

    def _stop(self, spec: FaultSpec, *, crashed: bool) -> Callable[[], None]:
        simulation = self.simulation
        host = simulation.hosts[spec.host or ""]
        host.faults.down += 1
        if crashed:
            self._forget(host)
        for session in simulation.channels():
            if host.name in (session.sender_host, session.receiver_host):
                reason = f"{host.name} {'crashed' if crashed else 'went down'}"
                session.cut(reason, crashed=host.name)
        if crashed and spec.duration is None and not spec.rate:
            # a crash is over when the host runs again, and without a time that is at once
            self._start_again(host)
        return lambda: self._start_again(host)

    def _forget(self, host: Host) -> None:
        """What was in memory is lost: mail that was not stored yet, and when to try again."""
        now = self.simulation.env.now
        host.faults.lives += 1
        for message, ids in host.unstored.values():
            self.simulation.record((now, "forget", host.name, None, None, message, ids))
        host.unstored.clear()
        for queue in host.spool.queues.values():
            queue.failures = 0
            queue.not_before = 0.0

    def _start_again(self, host: Host) -> None:
        host.faults.down = max(0, host.faults.down - 1)
        if host.faults.down:
            return
        for call in self._waiting.pop(host.name, ()):
            call()
        host.resume(self.simulation.env.now)

    def _loss(self, spec: FaultSpec) -> Callable[[], None]:
        return self._change(spec, "loss")

    def _latency(self, spec: FaultSpec) -> Callable[[], None]:
        return self._change(spec, "latency")

    def _change(self, spec: FaultSpec, name: str) -> Callable[[], None]:
        """Give links another value; of several upon one link, the last that is not over counts."""
        directions = [one for link in self._links(spec) for one in (link.to_b, link.to_a)]
        self._struck += 1
        key = self._struck

        def change(on: bool) -> None:
            channels = self.simulation.channels()
            streams = [stream for one in channels for stream in one.connection.streams]
            for stream in streams:
                stream.settle_order(self.simulation.env.now)
            for direction in directions:
                first = [(0, getattr(direction, name))]
                values = self._changes.setdefault((id(direction), name), first)
                kept = [one for one in values if one[0] != key]
                values[:] = [*kept, (key, spec.value or 0.0)] if on else kept
                direction.changing = True
                setattr(direction, name, values[-1][1])
            for stream in streams:
                stream.route.measure()
            self.simulation.links_changed()

        change(True)
        return lambda: change(False)

    def _busy(self, spec: FaultSpec) -> Callable[[], None]:
        return self._count(spec, "busy")

    def _storage_full(self, spec: FaultSpec) -> Callable[[], None]:
        return self._count(spec, "full")

    def _refuse(self, spec: FaultSpec) -> Callable[[], None]:
        return self._count(spec, "refusing")

    def _clock_skew(self, spec: FaultSpec) -> Callable[[], None]:
        return self._count(spec, "skew", spec.value or 0.0)

    def _count(self, spec: FaultSpec, name: str, by: float = 1) -> Callable[[], None]:
        condition = self.simulation.hosts[spec.host or ""].faults
        setattr(condition, name, getattr(condition, name) + by)
        return lambda: setattr(condition, name, getattr(condition, name) - by)

    def _hang_up(self, spec: FaultSpec) -> Callable[[], None]:
        if spec.after is None:
            ends = set(spec.link or ())
            self._cut(
                "the channel is cut",
                lambda one: (
                    {one.sender_host, one.receiver_host} == ends
                    and spec.session in (None, one.number)
                ),
            )
            return lambda: None
        hang_ups = self.simulation.interceptions.hang_ups
        hang_ups.append(spec)

        def undo() -> None:
            if spec in hang_ups:
                hang_ups.remove(spec)

        return undo

    def _links(self, spec: FaultSpec) -> list[Link]:
        return [link for link in self.simulation.links if {link.a, link.b} == set(spec.link or ())]


def _matches(when: Any, row: tuple[Any, ...]) -> bool:
    """Whether a row of the trace is what a ``when`` describes."""
    from lab.trace.rows import event_of

    event = event_of(row)
    for key, wanted in when.items():
        if key == "nth":
            continue
        name = "kind" if key == "event" else key
        try:
            found = event[name]
        except KeyError:
            return False
        if found != wanted:
            return False
    return True


_STRIKES: Final[dict[str, Callable[[Faults, FaultSpec], Callable[[], None]]]] = {
    "link-down": Faults._link_down,
    "host-down": Faults._host_down,
    "crash": Faults._crash,
    "partition": Faults._partition,
    "loss": Faults._loss,
    "latency": Faults._latency,
    "busy": Faults._busy,
    "storage-full": Faults._storage_full,
    "refuse": Faults._refuse,
    "hang-up": Faults._hang_up,
    "clock-skew": Faults._clock_skew,
}
