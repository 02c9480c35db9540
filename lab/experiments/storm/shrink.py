"""Shrink a topology to the smallest one that still breaks the same rule.

This is delta debugging: a part is removed or simplified, and the change is kept if the rule still
breaks, until nothing more can be removed. First, random faults become faults at the times at which
they occurred, and crashes wait for an event instead of a time, because times shift with every
other change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

from lab.hosts.reply_script import ScriptedReply
from lab.hosts.retry import Retry
from lab.protocol import NO_LIMITS, Path
from lab.topology.model import FaultSpec, HostSpec, LinkSpec, MailSpec, Topology
from lab.trace.rows import FAULT_NAME, FAULT_ON, HOST, KIND, PEER, Row, T
from lab.trace.trace import Trace

Shows = Callable[[Topology], Trace | None]
"""Runs a topology; returns its trace if the run still breaks the rule, and None otherwise."""

MOST_TRIALS: Final = 3000
"""The most runs that are made to shrink one case."""


class _Shrinker:
    """The smallest topology so far, its trace, and how many trials remain."""

    def __init__(self, topology: Topology, shows: Shows, trials: int) -> None:
        self.best = topology
        self.shows = shows
        self.trials_left = trials
        self.trace: Trace | None = shows(topology)

    def offer(self, candidate: Topology) -> bool:
        """Keep a candidate if it still breaks the rule; return whether it does."""
        if candidate == self.best or self.trials_left <= 0:
            return False
        self.trials_left -= 1
        trace = self.shows(candidate)
        if trace is None:
            return False
        self.best, self.trace = candidate, trace
        return True


def shrink(topology: Topology, shows: Shows, trials: int = MOST_TRIALS) -> Topology:
    """Return the smallest topology found for which ``shows`` still returns a trace.

    ``trials`` is the largest number of runs.
    """
    shrinker = _Shrinker(topology, shows, trials)
    _less(shrinker, "faults")
    _pin(shrinker)
    while True:
        before = shrinker.best
        for key in ("faults", "mail", "links"):
            _less(shrinker, key)
        for candidates in (_without_hosts, _fewer_recipients, _simpler):
            _greedily(shrinker, candidates)
        if shrinker.best == before or shrinker.trials_left <= 0:
            return shrinker.best


def _greedily(shrinker: _Shrinker, candidates: Callable[[Topology], Iterator[Topology]]) -> None:
    """Keep the first candidate that still breaks the rule, and begin again, until none does."""
    while any(shrinker.offer(candidate) for candidate in candidates(shrinker.best)):
        pass


def _less(shrinker: _Shrinker, key: str) -> None:
    """Remove as much of a list as possible, large pieces first."""
    size = len(getattr(shrinker.best, key))
    while size:
        start = 0
        while start < len(getattr(shrinker.best, key)):
            every = getattr(shrinker.best, key)
            shorter = every[:start] + every[start + size :]
            if not shrinker.offer(replace(shrinker.best, **{key: shorter})):
                start += size
        size //= 2


# -- faults that do not depend on chance or on times


def _pin(shrinker: _Shrinker) -> None:
    """Give random faults the times at which they occurred, then tie crashes to events."""
    trace, best = shrinker.trace, shrinker.best
    if trace is not None and any(fault.rate for fault in best.faults):
        pinned = [spec for fault in best.faults for spec in _occurrences(fault, trace)]
        if shrinker.offer(replace(best, faults=tuple(pinned))):
            _less(shrinker, "faults")
    for number, fault in enumerate(shrinker.best.faults):
        if fault.kind == "crash" and not fault.when:
            for when in _before(fault, shrinker.trace):
                tied = replace(fault, at=None, when=when)
                if shrinker.offer(_with_fault(shrinker.best, number, tied)):
                    break


def _occurrences(fault: FaultSpec, trace: Trace) -> list[FaultSpec]:
    """Return a fault for each time at which a random fault began."""
    if not fault.rate:
        return [fault]
    lasts = 60.0 if fault.duration is None else fault.duration
    return [
        replace(fault, rate=None, at=row[T], duration=lasts)
        for row in trace.rows
        if row[KIND] == "fault"
        and row[FAULT_NAME] == fault.kind
        and row[FAULT_ON]
        and _is_of(fault, row)
    ]


def _is_of(fault: FaultSpec, row: Row) -> bool:
    return (fault.host in (None, row[HOST])) and (fault.link in (None, (row[HOST], row[PEER])))


def _before(fault: FaultSpec, trace: Trace | None) -> list[Mapping[str, Any]]:
    """Return up to eight events at the crashing host before the crash, the latest first."""
    counts: dict[str, int] = {}
    events: list[Mapping[str, Any]] = []
    for row in trace.rows if trace is not None else ():
        if row[KIND] == "fault" and row[FAULT_NAME] == "crash" and row[HOST] == fault.host:
            break
        if row[HOST] == fault.host and row[KIND] in ("accept", "data", "transfer", "queue"):
            counts[row[KIND]] = nth = counts.get(row[KIND], 0) + 1
            later = {"nth": nth} if nth > 1 else {}
            events.append({"host": fault.host, "event": row[KIND], **later})
    return events[::-1][:8]


def _with_fault(topology: Topology, number: int, fault: FaultSpec) -> Topology:
    faults = topology.faults
    return replace(topology, faults=(*faults[:number], fault, *faults[number + 1 :]))


# -- fewer hosts


def _without_hosts(topology: Topology) -> Iterator[Topology]:
    for name in topology.hosts:
        yield _without(topology, name)
        yield _bridged(topology, name)


def _without(topology: Topology, name: str) -> Topology:
    """Return a topology without a host, its links, and everything that names it."""
    hosts = {key: _host_without(spec, name) for key, spec in topology.hosts.items() if key != name}
    mail = [_mail_without(spec, name) for spec in topology.mail if spec.sender.domain != name]
    faults = [replace(f, groups=_groups_without(f.groups, name)) for f in topology.faults]
    return replace(
        topology,
        hosts=hosts,
        links=tuple(link for link in topology.links if name not in (link.a, link.b)),
        mail=tuple(spec for spec in mail if spec.to),
        faults=tuple(
            fault
            for before, fault in zip(topology.faults, faults, strict=True)
            if not _names(fault, name) and (len(fault.groups) > 1 or not before.groups)
        ),
    )


def _bridged(topology: Topology, name: str) -> Topology:
    """Return a topology without a host, with links that join its neighbours instead."""
    own_links = [link for link in topology.links if name in (link.a, link.b)]
    neighbours = [link.b if link.a == name else link.a for link in own_links]
    remaining = _without(topology, name)
    joined = {frozenset((link.a, link.b)) for link in remaining.links}
    new = [
        LinkSpec(a, b, next(iter(topology.environments)))
        for a, b in pairwise(neighbours)
        if a != b and frozenset((a, b)) not in joined
    ]
    return replace(remaining, links=(*remaining.links, *new))


def _host_without(spec: HostSpec, name: str) -> HostSpec:
    lists = [
        replace(each, members=tuple(m for m in each.members if m.path.domain != name))
        for each in spec.lists
    ]
    return replace(
        spec,
        lists=tuple(each for each in lists if each.members),
        forwards=tuple(forward for forward in spec.forwards if forward.to.domain != name),
    )


def _mail_without(mail: MailSpec, name: str) -> MailSpec:
    to = [_path_without(path, name) for path in mail.to if path.domain != name]
    return replace(mail, to=tuple(to))


def _path_without(path: Path, name: str) -> Path:
    if name not in path.route:
        return path
    return Path(tuple(host for host in path.route if host != name), path.local, path.domain)


def _names(fault: FaultSpec, name: str) -> bool:
    named = {
        fault.host,
        *(fault.link or ()),
        *((fault.when or {}).get(k) for k in ("host", "peer")),
    }
    return name in named


def _groups_without(groups: tuple[tuple[str, ...], ...], name: str) -> tuple[tuple[str, ...], ...]:
    shorter = [tuple(host for host in group if host != name) for group in groups]
    return tuple(group for group in shorter if group)


# -- fewer recipients, simpler values


def _fewer_recipients(topology: Topology) -> Iterator[Topology]:
    for number, mail in enumerate(topology.mail):
        for at in range(len(mail.to) if len(mail.to) > 1 else 0):
            to = (*mail.to[:at], *mail.to[at + 1 :])
            yield _with_mail(topology, number, replace(mail, to=to))


def _with_mail(topology: Topology, number: int, mail: MailSpec) -> Topology:
    return replace(topology, mail=(*topology.mail[:number], mail, *topology.mail[number + 1 :]))


def _simpler(topology: Topology) -> Iterator[Topology]:
    yield replace(topology, retry=Retry())
    for name, spec in topology.hosts.items():
        for host in _simpler_hosts(spec):
            yield replace(topology, hosts={**topology.hosts, name: host})
    for number, link in enumerate(topology.links):
        simple_link = LinkSpec(link.a, link.b, link.environment, name=link.name)
        links = topology.links
        yield replace(topology, links=(*links[:number], simple_link, *links[number + 1 :]))
    for number, mail in enumerate(topology.mail):
        for simple_mail in _simpler_mail(mail):
            yield _with_mail(topology, number, simple_mail)
    for number, fault in enumerate(topology.faults):
        for simple_fault in _simpler_faults(fault):
            yield _with_fault(topology, number, simple_fault)


def _simpler_hosts(spec: HostSpec) -> Iterator[HostSpec]:
    for key in ("lists", "forwards", "replies"):
        every = getattr(spec, key)
        for at in range(len(every)):
            yield replace(spec, **{key: every[:at] + every[at + 1 :]})
    users = tuple(replace(user, active=False, mailbox="open") for user in spec.users)
    yield replace(spec, users=users)
    for at, reply in enumerate(spec.replies):
        plain = ScriptedReply(reply.to, reply.nth, reply.octets, then=reply.then)
        if not plain.sets_nothing:
            yield replace(spec, replies=(*spec.replies[:at], plain, *spec.replies[at + 1 :]))
    yield replace(spec, limits=NO_LIMITS)
    yield replace(spec, store=0.0)
    yield replace(spec, store=1.0 if spec.store else 0.0)
    yield replace(spec, careless=False)
    yield replace(spec, relay=False)
    yield replace(spec, on_251="accept", on_551="redirect")


def _simpler_mail(mail: MailSpec) -> Iterator[MailSpec]:
    yield replace(mail, at=0.0)
    yield replace(mail, text="hello", size=None, subject="")
    yield replace(mail, verb="MAIL")
    for at, path in enumerate(mail.to):
        direct = Path((), path.local, path.domain)
        yield replace(mail, to=(*mail.to[:at], direct, *mail.to[at + 1 :]))


def _simpler_faults(fault: FaultSpec) -> Iterator[FaultSpec]:
    if fault.duration is not None:
        yield replace(fault, duration=None)
        yield replace(fault, duration=60.0)
    if fault.when and "nth" in fault.when:
        yield replace(fault, when={k: v for k, v in fault.when.items() if k != "nth"})
    if fault.at:
        yield replace(fault, at=0.0)
        for digits in (0, 1):
            if round(fault.at, digits) != fault.at:
                yield replace(fault, at=round(fault.at, digits))
