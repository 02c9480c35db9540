"""Shrinking: the smallest topology that still shows what a larger one showed.

Delta debugging: something is taken away or made plainer; what still shows the same is kept, until
nothing more can go. First faults at random become faults at the times at which they struck, and
crashes wait for an event in place of a time, for times change when anything else does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

from lab.hosts.retry import Retry
from lab.protocol import NO_LIMITS, Path
from lab.topology.model import FaultSpec, HostSpec, LinkSpec, MailSpec, Topology
from lab.trace.rows import FAULT_NAME, FAULT_ON, HOST, KIND, PEER, Row, T
from lab.trace.trace import Trace

Shows = Callable[[Topology], Trace | None]
"""The trace of a run of a topology, if it shows what is looked for."""

MOST_TRIALS: Final = 3000
"""Runs that are made at the most to shrink one case."""


class _Shrinker:
    def __init__(self, topology: Topology, shows: Shows, trials: int) -> None:
        self.best = topology
        self.shows = shows
        self.left = trials
        self.trace: Trace | None = shows(topology)

    def offer(self, candidate: Topology) -> bool:
        """Keep a candidate if it shows the same; whether it does."""
        if candidate == self.best or self.left <= 0:
            return False
        self.left -= 1
        trace = self.shows(candidate)
        if trace is None:
            return False
        self.best, self.trace = candidate, trace
        return True


def shrink(topology: Topology, shows: Shows, trials: int = MOST_TRIALS) -> Topology:
    """The smallest topology found, in so many trials, that still ``shows``."""
    shrinker = _Shrinker(topology, shows, trials)
    _less(shrinker, "faults")
    _pin(shrinker)
    while True:
        before = shrinker.best
        for key in ("faults", "mail", "links"):
            _less(shrinker, key)
        for candidates in (_without_hosts, _fewer_recipients, _plainer):
            _greedily(shrinker, candidates)
        if shrinker.best == before or shrinker.left <= 0:
            return shrinker.best


def _greedily(shrinker: _Shrinker, candidates: Callable[[Topology], Iterator[Topology]]) -> None:
    """Take the first candidate that shows the same, and begin again."""
    while any(shrinker.offer(one) for one in candidates(shrinker.best)):
        pass


def _less(shrinker: _Shrinker, key: str) -> None:
    """Leave out of a list as much as can go, in large pieces first."""
    size = len(getattr(shrinker.best, key))
    while size:
        start = 0
        while start < len(getattr(shrinker.best, key)):
            every = getattr(shrinker.best, key)
            rest = every[:start] + every[start + size :]
            if not shrinker.offer(replace(shrinker.best, **{key: rest})):
                start += size
        size //= 2


# -- faults that do not depend on chance or on times


def _pin(shrinker: _Shrinker) -> None:
    """Faults at random to the times at which they struck; then crashes to events."""
    trace, best = shrinker.trace, shrinker.best
    if trace is not None and any(fault.rate for fault in best.faults):
        pinned = [one for fault in best.faults for one in _struck(fault, trace)]
        if shrinker.offer(replace(best, faults=tuple(pinned))):
            _less(shrinker, "faults")
    for number, fault in enumerate(shrinker.best.faults):
        if fault.kind == "crash" and not fault.when:
            for when in _before(fault, shrinker.trace):
                tied = replace(fault, at=None, when=when)
                if shrinker.offer(_with_fault(shrinker.best, number, tied)):
                    break


def _struck(fault: FaultSpec, trace: Trace) -> list[FaultSpec]:
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
    """Events at the host that a crash befalls, the last before it first."""
    counts: dict[str, int] = {}
    found: list[Mapping[str, Any]] = []
    for row in trace.rows if trace is not None else ():
        if row[KIND] == "fault" and row[FAULT_NAME] == "crash" and row[HOST] == fault.host:
            break
        if row[HOST] == fault.host and row[KIND] in ("accept", "data", "transfer", "queue"):
            counts[row[KIND]] = nth = counts.get(row[KIND], 0) + 1
            more = {"nth": nth} if nth > 1 else {}
            found.append({"host": fault.host, "event": row[KIND], **more})
    return found[::-1][:8]


def _with_fault(topology: Topology, number: int, fault: FaultSpec) -> Topology:
    faults = topology.faults
    return replace(topology, faults=(*faults[:number], fault, *faults[number + 1 :]))


# -- fewer hosts


def _without_hosts(topology: Topology) -> Iterator[Topology]:
    for name in topology.hosts:
        yield _without(topology, name)
        yield _bridged(topology, name)


def _without(topology: Topology, name: str) -> Topology:
    """A topology without a host, its links, and whatever names it."""
    hosts = {key: _forgets(spec, name) for key, spec in topology.hosts.items() if key != name}
    mail = [_not_by(one, name) for one in topology.mail if one.sender.domain != name]
    return replace(
        topology,
        hosts=hosts,
        links=tuple(link for link in topology.links if name not in (link.a, link.b)),
        mail=tuple(one for one in mail if one.to),
        faults=tuple(
            one
            for fault in topology.faults
            for one in [replace(fault, groups=_groups_without(fault.groups, name))]
            if not _names(one, name) and (len(one.groups) > 1 or not fault.groups)
        ),
    )


def _bridged(topology: Topology, name: str) -> Topology:
    """A topology without a host, whose neighbours are joined in its place."""
    near = [one for link in topology.links for one in (link.a, link.b) if name in (link.a, link.b)]
    near = [one for one in near if one != name]
    rest = _without(topology, name)
    joined = {frozenset((link.a, link.b)) for link in rest.links}
    new = [
        LinkSpec(a, b, next(iter(topology.environments)))
        for a, b in pairwise(near)
        if a != b and frozenset((a, b)) not in joined
    ]
    return replace(rest, links=(*rest.links, *new))


def _forgets(spec: HostSpec, name: str) -> HostSpec:
    lists = [
        replace(one, members=tuple(m for m in one.members if m.path.domain != name))
        for one in spec.lists
    ]
    return replace(
        spec,
        lists=tuple(one for one in lists if one.members),
        forwards=tuple(one for one in spec.forwards if one.to.domain != name),
    )


def _not_by(mail: MailSpec, name: str) -> MailSpec:
    to = [_off(path, name) for path in mail.to if path.domain != name]
    return replace(mail, to=tuple(to))


def _off(path: Path, name: str) -> Path:
    if name not in path.route:
        return path
    return Path(tuple(one for one in path.route if one != name), path.local, path.domain)


def _names(fault: FaultSpec, name: str) -> bool:
    named = {
        fault.host,
        *(fault.link or ()),
        *((fault.when or {}).get(k) for k in ("host", "peer")),
    }
    return name in named


def _groups_without(groups: tuple[tuple[str, ...], ...], name: str) -> tuple[tuple[str, ...], ...]:
    rest = [tuple(one for one in group if one != name) for group in groups]
    return tuple(group for group in rest if group)


# -- fewer recipients, plainer values


def _fewer_recipients(topology: Topology) -> Iterator[Topology]:
    for number, mail in enumerate(topology.mail):
        for at in range(len(mail.to) if len(mail.to) > 1 else 0):
            yield _with_mail(topology, number, replace(mail, to=mail.to[:at] + mail.to[at + 1 :]))


def _with_mail(topology: Topology, number: int, mail: MailSpec) -> Topology:
    return replace(topology, mail=(*topology.mail[:number], mail, *topology.mail[number + 1 :]))


def _plainer(topology: Topology) -> Iterator[Topology]:
    yield replace(topology, retry=Retry())
    for name, spec in topology.hosts.items():
        for plain in _plainer_hosts(spec):
            yield replace(topology, hosts={**topology.hosts, name: plain})
    for number, link in enumerate(topology.links):
        plain_link = LinkSpec(link.a, link.b, link.environment)
        links = topology.links
        yield replace(topology, links=(*links[:number], plain_link, *links[number + 1 :]))
    for number, mail in enumerate(topology.mail):
        for plain_mail in _plainer_mail(mail):
            yield _with_mail(topology, number, plain_mail)
    for number, fault in enumerate(topology.faults):
        for plain_fault in _plainer_faults(fault):
            yield _with_fault(topology, number, plain_fault)


def _plainer_hosts(spec: HostSpec) -> Iterator[HostSpec]:
    for key in ("lists", "forwards"):
        every = getattr(spec, key)
        for at in range(len(every)):
            yield replace(spec, **{key: every[:at] + every[at + 1 :]})
    users = tuple(replace(user, active=False, mailbox="open") for user in spec.users)
    yield replace(spec, users=users)
    yield replace(spec, limits=NO_LIMITS)
    yield replace(spec, store=0.0)
    yield replace(spec, store=1.0 if spec.store else 0.0)
    yield replace(spec, careless=False)
    yield replace(spec, relay=False)
    yield replace(spec, on_251="accept", on_551="redirect")


def _plainer_mail(mail: MailSpec) -> Iterator[MailSpec]:
    yield replace(mail, at=0.0)
    yield replace(mail, text="hello", size=None, subject="")
    yield replace(mail, verb="MAIL")
    for at, path in enumerate(mail.to):
        direct = Path((), path.local, path.domain)
        yield replace(mail, to=(*mail.to[:at], direct, *mail.to[at + 1 :]))


def _plainer_faults(fault: FaultSpec) -> Iterator[FaultSpec]:
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
