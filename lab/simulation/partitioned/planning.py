"""Decides whether a run can be shared out over processes, how, and whether that makes it faster."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from lab.hosts.routing import Trees
from lab.quantities import duration
from lab.simulation.numbering import MAX_PARTITIONS
from lab.simulation.partitioned.bisection import parted
from lab.simulation.partitioned.workload import Workload, estimated_work
from lab.topology.globs import labels_of, matching_links
from lab.topology.model import Distribution, FaultSpec, LinkSpec, Topology

SLOWER: Final = 1.25
"""How much longer a session takes in a partition: rows are merged, and all cores are busy."""

EXCHANGE: Final = 4.0
"""Sessions that would be over in the time that one exchange between partitions takes."""

HEAVIEST: Final = 1.1
"""How much more than its share of the work a partition may have for a longer lookahead."""

LATENCIES: Final = 8
"""How many latencies are tried as the lookahead, where links have more."""

NO_WORK: Final = 1e-3
"""Sessions that count for a host or link that has none."""

SESSIONS_A_MESSAGE: Final = 2.0
"""About how many sessions a message takes."""

TRIPS: Final = 14
"""About how often something crosses in a session."""


Ends = tuple[str, str]
"""The two ends of a link, or a caller and the host that it calls."""


@dataclass(frozen=True)
class PartitionPlan:
    """How the hosts of a topology are shared out.

    ``partitions`` are the numbers of the hosts' partitions by name, from 0 to ``count`` - 1.
    ``lookahead`` is the least latency, in seconds, that a link between two of them ever has
    (infinite if there is no such link), and ``loads`` are their shares of the work, which add up to
    1. ``trees`` of next hops are those that the estimate of the work has found.
    """

    partitions: dict[str, int]
    count: int
    lookahead: float
    loads: tuple[float, ...]
    trees: Trees = field(default_factory=dict, repr=False)


class OneProcess(NamedTuple):
    """That one process makes a run, and why, in words.

    ``slower`` is how the hosts could be shared out all the same, if that is possible.
    """

    reason: str
    slower: PartitionPlan | None = None


def shared_out(topology: Topology, processes: int) -> PartitionPlan | OneProcess:
    """Return how a run is shared out over processes, or why one does it all."""
    for number, fault in enumerate(topology.faults):
        if why := _sees_all(fault):
            return OneProcess(f"fault {number} {why}, which no process of several could see")
    for host in topology.hosts.values():
        if host.replies:
            why = f"the replies of {host.name} are scripted, which only one process can follow"
            return OneProcess(why)
    plan = partitioned(topology, min(processes, MAX_PARTITIONS))
    if plan.count < 2:
        why = "its hosts cannot be parted: links without latency, routers or scripts join them"
        return OneProcess(why)
    if _time(topology, plan) < 1:
        return plan
    if SLOWER * max(plan.loads) >= 1:
        return OneProcess(f"one of its parts would have {max(plan.loads):.0%} of the work", plan)
    sessions = _sessions_a_window(topology, plan)
    return OneProcess(
        f"its parts would have to meet every {duration(plan.lookahead)}, the least latency "
        f"between them, and there are about {sessions:.2g} sessions in that time",
        plan,
    )


def partitioned(topology: Topology, count: int) -> PartitionPlan:
    """Share the hosts out into ``count`` partitions, or as many as possible, of equal work.

    The least latency of links between partitions is as great as possible, unless that makes the
    shares so unequal that the run would take longer; then, as little as possible crosses them.
    """
    work = estimated_work(topology)
    labels = labels_of(topology.hosts.values())
    latencies: dict[Ends, float] = {}
    for link in topology.links:
        least = _least_latency(link, topology.faults, labels)
        ends = link.a, link.b
        latencies[ends] = min(latencies.get(ends, least), least)
    plans = []
    for latency in _tried(latencies.values()):
        plan = _plan(topology, count, latencies, latency, work)
        plans.append(plan)
        if plan.count == count and max(plan.loads) * count <= HEAVIEST:
            break
    return max(plans, key=lambda plan: _worth(topology, plan))


def _worth(topology: Topology, plan: PartitionPlan) -> tuple[int, bool, float]:
    could_be_faster = SLOWER * max(plan.loads) < 1
    return plan.count, could_be_faster, -_time(topology, plan)


def _time(topology: Topology, plan: PartitionPlan) -> float:
    """Return about how long the run would take on several processes; on one it takes 1."""
    exchanges = EXCHANGE / max(_sessions_a_window(topology, plan), 1e-9)
    return max(plan.loads) * (SLOWER + exchanges)


def _least_latency(link: LinkSpec, faults: Sequence[FaultSpec], labels: Mapping[str, str]) -> float:
    """Return the least latency that a link ever has, in either direction."""
    values = [
        fault.value
        for fault in faults
        if fault.kind == "latency" and fault.value is not None and fault.link is not None
        if matching_links(fault.link, [(link.a, link.b)], labels)
    ]
    both = link, link.reverse
    least = min([each.latency for each in both] + values)
    earliest = [each.jitter.least for each in both if isinstance(each.jitter, Distribution)]
    return max(least + min([0.0, *earliest]), 0.0)


def _tried(latencies: Iterable[float]) -> list[float]:
    """Return the latencies to try as the least between partitions, from the greatest on."""
    candidates = sorted({latency for latency in latencies if latency > 0}, reverse=True)
    if len(candidates) > LATENCIES:
        step = (len(candidates) - 1) / (LATENCIES - 1)
        candidates = [candidates[round(place * step)] for place in range(LATENCIES)]
    return [math.inf, *candidates]  # infinite: perhaps no link joins the partitions


def _plan(
    topology: Topology, count: int, latencies: Mapping[Ends, float], least: float, work: Workload
) -> PartitionPlan:
    """Share the hosts out so that no link between partitions has less than this latency."""
    group_of = _grouped(topology, latencies, least)
    weights, joined = _weighed(group_of, latencies, work)
    partition_of = parted(weights, joined, count)
    partitions = {name: partition_of[group] for name, group in group_of.items()}
    crossing = [latency for (a, b), latency in latencies.items() if partitions[a] != partitions[b]]
    loads = [0.0] * (max(partition_of) + 1)
    for group, weight in enumerate(weights):
        loads[partition_of[group]] += weight / sum(weights)
    least = min(crossing, default=math.inf)
    return PartitionPlan(partitions, len(loads), least, tuple(loads), work.trees)


def _grouped(topology: Topology, latencies: Mapping[Ends, float], least: float) -> dict[str, int]:
    """Return the number of each host's group. A group stays in one partition."""
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
    """Return the sessions of each group, and those between each two.

    Hosts and links without mail all count the same.
    """
    sessions, calls, _ = work
    count = max(group_of.values()) + 1
    weights = [0.0] * count
    joined: list[dict[int, float]] = [{} for _ in range(count)]
    for name, group in group_of.items():
        weights[group] += sessions[name] + NO_WORK
    for a, b in [*dict.fromkeys([*links, *calls])]:
        here, there = group_of[a], group_of[b]
        if here != there:
            for x, y in ((here, there), (there, here)):
                joined[x][y] = joined[x].get(y, 0.0) + calls[a, b] + NO_WORK
    return weights, joined


class _Groups:
    """Hosts that have to be in one partition."""

    def __init__(self, names: Iterable[str]) -> None:
        self._leaders = {name: name for name in names}

    def of(self, name: str) -> str:
        """Return the host that stands for the group of a host."""
        leaders = self._leaders
        while leaders[name] != name:
            leaders[name] = leaders[leaders[name]]
            name = leaders[name]
        return name

    def join(self, a: str, b: str) -> None:
        """Make one group of the groups of two hosts."""
        self._leaders[self.of(a)] = self.of(b)


def _sees_all(fault: FaultSpec) -> str | None:
    """Return what a fault depends on that concerns all hosts at once, or None."""
    if fault.when:
        return "waits for an event of any host"
    if fault.session is not None:
        return "names a session by its number"
    return None


def _together(topology: Topology) -> Iterator[tuple[str, ...]]:
    """Yield hosts that have to be in one partition, because each depends at once on the other."""
    for script in topology.scripts:
        yield script.sender, script.to
    for poll in topology.polls:
        yield poll.sender, poll.to
    ends = list(dict.fromkeys((link.a, link.b) for link in topology.links))
    labels = labels_of(topology.hosts.values())
    for fault in topology.faults:
        within_sessions = fault.after is not None or fault.kind == "one-way"
        if within_sessions and fault.link is not None:
            yield from matching_links(fault.link, ends, labels)
            yield fault.link if all(name in topology.hosts for name in fault.link) else ()


def _sessions_a_window(topology: Topology, plan: PartitionPlan) -> float:
    """Return about how many sessions there are between two exchanges."""
    latency = plan.lookahead
    times = [mail.at for mail in topology.mail]
    for traffic in topology.traffic:
        span = traffic.expected / ((traffic.rate or 1.0) * traffic.average_factor)
        times += [traffic.start, traffic.start + span]
    if not times:
        return 0.0
    if latency == math.inf:
        return math.inf
    span = max(times) - min(times) + TRIPS * latency
    return SESSIONS_A_MESSAGE * topology.messages * latency / max(span, 1e-6)
