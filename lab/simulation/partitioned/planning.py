"""Whether a run can be shared out over processes, how, and whether that pays."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from lab.hosts.routing import Trees
from lab.simulation.numbering import MAX_PARTITIONS
from lab.simulation.partitioned.bisection import parted
from lab.simulation.partitioned.workload import Workload, estimated_work
from lab.topology.globs import matching_links
from lab.topology.model import FaultSpec, LinkSpec, Topology

SLOWER: Final = 1.25
"""How much longer a session takes in a part: what is recorded is gathered, and all cores busy."""

MEETING: Final = 4.0
"""Sessions that would be over in the time that a meeting takes."""

HEAVIEST: Final = 1.1
"""How much more than its share a part may have for a longer lookahead."""

LATENCIES: Final = 8
"""Latencies that are tried as the lookahead, where links have many."""

LEAST: Final = 1e-3
"""Sessions that are thought of where there are none."""

SESSIONS_A_MESSAGE: Final = 2.0
"""About how many sessions a message takes."""

TRIPS: Final = 14
"""About how often something crosses in a session."""


Ends = tuple[str, str]
"""The two ends of a link, or who calls whom."""


@dataclass(frozen=True)
class PartitionPlan:
    """The hosts of a topology shared out.

    ``parts`` are the numbers of their parts, from 0 to ``count`` - 1; ``lookahead`` is the least
    latency, in seconds, that a link between two parts ever has (infinite where there is none), and
    ``loads`` are the parts' shares of the work, of 1. ``trees`` of next hops are known from finding
    out about that.
    """

    parts: dict[str, int]
    count: int
    lookahead: float
    loads: tuple[float, ...]
    trees: Trees = field(default_factory=dict, repr=False)


def shared_out(topology: Topology, processes: int) -> PartitionPlan | str:
    """The hosts of a run shared out over processes; or, in a sentence, why one does it all."""
    for number, fault in enumerate(topology.faults):
        if why := _sees_all(fault):
            return f"fault {number} {why}, which no process of several could see"
    partition = partitioned(topology, min(processes, MAX_PARTITIONS))
    if partition.count < 2:
        return "its hosts cannot be parted: links without latency, routers or scripts join them"
    if _time(topology, partition) < 1:
        return partition
    if SLOWER * max(partition.loads) >= 1:
        return f"one of its parts would have {max(partition.loads):.0%} of the work"
    sessions = _sessions_a_window(topology, partition)
    return (
        f"its parts would have to meet every {_shown(partition.lookahead)}, the least latency "
        f"between them, and there are about {sessions:.2g} sessions in that time"
    )


def partitioned(topology: Topology, count: int) -> PartitionPlan:
    """The hosts in ``count`` parts, or as many as can be, that have equal shares of the work.

    Of the links between parts the least latency is as great as can be, unless that makes the shares
    so unequal that the run would take longer; then as little as can be crosses them.
    """
    work = estimated_work(topology)
    latencies = {(one.a, one.b): _least_latency(one, topology.faults) for one in topology.links}
    found = []
    for latency in _tried(latencies.values()):
        partition = _partition(topology, count, latencies, latency, work)
        found.append(partition)
        if partition.count == count and max(partition.loads) * count <= HEAVIEST:
            break
    return max(found, key=lambda one: _worth(topology, one))


def _worth(topology: Topology, partition: PartitionPlan) -> tuple[int, bool, float]:
    could_be = SLOWER * max(partition.loads) < 1
    return partition.count, could_be, -_time(topology, partition)


def _time(topology: Topology, partition: PartitionPlan) -> float:
    """About how long the run would take on several processes; on one it takes 1."""
    meeting = MEETING / max(_sessions_a_window(topology, partition), 1e-9)
    return max(partition.loads) * (SLOWER + meeting)


def _least_latency(link: LinkSpec, faults: Sequence[FaultSpec]) -> float:
    """The least latency that a link ever has."""
    values = [
        fault.value
        for fault in faults
        if fault.kind == "latency" and fault.value is not None and fault.link is not None
        if matching_links(fault.link, [(link.a, link.b)])
    ]
    return min([link.latency, *values])


def _tried(latencies: Iterable[float]) -> list[float]:
    """The latencies to try as the least between parts, from the greatest on."""
    found = sorted({one for one in latencies if one > 0}, reverse=True)
    if len(found) > LATENCIES:
        step = (len(found) - 1) / (LATENCIES - 1)
        found = [found[round(place * step)] for place in range(LATENCIES)]
    return [math.inf, *found]  # perhaps there are parts that no link joins


def _partition(
    topology: Topology, count: int, latencies: Mapping[Ends, float], least: float, work: Workload
) -> PartitionPlan:
    """A partition in which no link between parts has less than this latency."""
    group_of = _grouped(topology, latencies, least)
    weights, joined = _weighed(group_of, latencies, work)
    part_of = parted(weights, joined, count)
    parts = {name: part_of[group] for name, group in group_of.items()}
    crossing = [latency for (a, b), latency in latencies.items() if parts[a] != parts[b]]
    loads = [0.0] * (max(part_of) + 1)
    for group, weight in enumerate(weights):
        loads[part_of[group]] += weight / sum(weights)
    least = min(crossing, default=math.inf)
    return PartitionPlan(parts, len(loads), least, tuple(loads), work.trees)


def _grouped(topology: Topology, latencies: Mapping[Ends, float], least: float) -> dict[str, int]:
    """The number of each host's group: those of one have to be in one part."""
    groups = _Groups(topology.hosts)
    for (a, b), latency in latencies.items():
        if latency < least or "router" in (topology.hosts[a].kind, topology.hosts[b].kind):
            groups.join(a, b)
    for names in _together(topology):
        for name in names[1:]:
            groups.join(names[0], name)
    numbers: dict[str, int] = {}
    return {name: numbers.setdefault(groups.of(name), len(numbers)) for name in topology.hosts}


def _weighed(
    group_of: Mapping[str, int], links: Iterable[Ends], work: Workload
) -> tuple[list[float], list[dict[int, float]]]:
    """The sessions of each group, and those between each two.

    Where there is no mail, one host is as good as another, and one link.
    """
    sessions, calls, _ = work
    count = max(group_of.values()) + 1
    weights = [0.0] * count
    joined: list[dict[int, float]] = [{} for _ in range(count)]
    for name, group in group_of.items():
        weights[group] += sessions[name] + LEAST
    for a, b in [*dict.fromkeys([*links, *calls])]:
        one, other = group_of[a], group_of[b]
        if one != other:
            for x, y in ((one, other), (other, one)):
                joined[x][y] = joined[x].get(y, 0.0) + calls[a, b] + LEAST
    return weights, joined


class _Groups:
    """Hosts that have to be in one part."""

    def __init__(self, names: Iterable[str]) -> None:
        self._leaders = {name: name for name in names}

    def of(self, name: str) -> str:
        """The host that stands for the group of another."""
        leaders = self._leaders
        while leaders[name] != name:
            leaders[name] = leaders[leaders[name]]
            name = leaders[name]
        return name

    def join(self, a: str, b: str) -> None:
        """Have two hosts, and all that are with them, be together."""
        self._leaders[self.of(a)] = self.of(b)


def _sees_all(fault: FaultSpec) -> str | None:
    """What a fault goes by that is of all hosts at once, if it does."""
    if fault.when:
        return "waits for an event of any host"
    if fault.session is not None:
        return "names a session by its number"
    return None


def _together(topology: Topology) -> Iterator[tuple[str, ...]]:
    """Hosts that have to be in one part: each sees at once what becomes of the other."""
    for script in topology.scripts:
        yield script.sender, script.to
    for poll in topology.polls:
        yield poll.sender, poll.to
    ends = list(dict.fromkeys((link.a, link.b) for link in topology.links))
    for fault in topology.faults:
        if fault.after is not None and fault.link is not None:
            yield from matching_links(fault.link, ends)
            yield fault.link if all(one in topology.hosts for one in fault.link) else ()


def _sessions_a_window(topology: Topology, partition: PartitionPlan) -> float:
    """About how many sessions there are in the time between two meetings."""
    latency = partition.lookahead
    times = [one.at for one in topology.mail]
    for traffic in topology.traffic:
        times += [traffic.start, traffic.start + traffic.count / traffic.rate]
    if not times:
        return 0.0
    if latency == math.inf:
        return math.inf
    span = max(times) - min(times) + TRIPS * latency
    return SESSIONS_A_MESSAGE * topology.messages * latency / max(span, 1e-6)


def _shown(seconds: float) -> str:
    return f"{seconds * 1000:g} ms" if seconds < 1 else f"{seconds:g} s"
