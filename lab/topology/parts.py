"""Whether the parts of a topology that is made in Python fit together.

What a file describes has been checked before, with more rules and with the place in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from math import inf
from typing import Final

from lab.hosts.callers import ALL_HOSTS, network_of
from lab.hosts.checked import check_fields
from lab.hosts.scripted import ANSWERED, OPTIONAL
from lab.protocol import SyntaxFault, parse_domain
from lab.topology.file import COUNTS
from lab.topology.globs import is_glob, matches_address
from lab.topology.specs import SCHEDULE, Distribution, FaultSpec, TopologyData

_PLAIN_NAME: Final = re.compile(
    r"[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9](\.[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9])*"
)
"""Matches most names; faster than the grammar, which allows others too."""


def problems_of_parts(topology: TopologyData) -> Iterator[str]:
    """Yield a sentence for each part that names what the topology does not have."""
    for key, host in topology.hosts.items():
        if key != host.name:
            yield f"hosts[{key!r}]: this is the host {host.name!r}; use its name as the key"
        if not _is_domain(host.name):
            yield f"hosts[{key!r}]: {host.name!r} is not a name; use one such as 'MIT-AI.ARPA'"
        for name, commands, known in (
            ("answers", host.answers, ANSWERED), ("unimplemented", host.unimplemented, OPTIONAL),
        ):  # fmt: skip
            for command in commands:
                if command not in known:
                    yield f"hosts[{key!r}].{name}: {command!r} is not one of {', '.join(known)}"
        for caller in host.relay_for or ():
            if caller != ALL_HOSTS and network_of(caller) is None and not topology.host(caller):
                yield (
                    f"hosts[{key!r}].relay_for: {caller!r} is neither a host nor a network; use "
                    "one such as '10.0.0.0/8'"
                )
    yield from _problems_of_links(topology)
    for number, mail in enumerate(topology.mail):
        if not topology.host(mail.sender.domain):
            yield from _unknown(topology, f"mail[{number}].sender", (mail.sender.domain,))
    for number, script in enumerate(topology.scripts):
        yield from _unknown(topology, f"scripts[{number}]", (script.sender, script.to))
    for number, poll in enumerate(topology.polls):
        yield from _unknown(topology, f"polls[{number}]", (poll.sender, poll.to))
    yield from _problems_of_traffic(topology)
    for number, fault in enumerate(topology.faults):
        yield from _problems_of_fault(topology, f"faults[{number}]", fault)
    if topology.retry.max < topology.retry.first:
        yield "retry: max is less than first; use as much or more"
    for name in topology.expect:
        if name not in COUNTS:
            yield f"expect: there is no count {name!r}; there are {', '.join(COUNTS)}"


def _is_domain(name: str) -> bool:
    if _PLAIN_NAME.fullmatch(name):
        return True
    try:
        parse_domain(name)
    except SyntaxFault:
        return False
    return True


def _problems_of_links(topology: TopologyData) -> Iterator[str]:
    seen: dict[object, int] = {}
    for number, link in enumerate(topology.links):
        yield from _unknown(topology, f"links[{number}]", (link.a, link.b))
        if seen.setdefault(link.ends, number) != number:
            yield (
                f"links[{number}]: links[{seen[link.ends]}] joins {link.a} and {link.b} already; "
                "leave one out, or tell them apart by their name"
            )
        if link.bandwidth == inf:
            yield f"links[{number}].bandwidth: inf is not finite; leave it out, for no limit"
        for jitter in (link.jitter, link.back.jitter):
            if isinstance(jitter, Distribution) and jitter.file:
                yield (
                    f"links[{number}].jitter: only a topology file can name a file; give the "
                    "numbers as values"
                )
        if link.environment not in topology.environments:
            yield (
                f"links[{number}]: there is no environment {link.environment!r}; give it in "
                "environments"
            )


def _problems_of_traffic(topology: TopologyData) -> Iterator[str]:
    names: dict[str, int] = {}
    for number, traffic in enumerate(topology.traffic):
        if traffic.rate is None or (traffic.count is None and traffic.until is None):
            yield f"traffic[{number}]: give rate, and count or until"
        if traffic.file or traffic.matrix:
            yield f"traffic[{number}]: only a topology file can name a file or a matrix"
        for distribution in (traffic.size, traffic.arrivals):
            if isinstance(distribution, Distribution) and distribution.file:
                yield f"traffic[{number}]: only a topology file can name a file; give values"
        for a, b, _ in traffic.demands:
            yield from _unknown(topology, f"traffic[{number}].demands", (a, b))
        first = names.setdefault(traffic.name, number) if traffic.name else number
        if first != number:
            taken = f"traffic[{first}] is named {traffic.name!r} already"
            yield f"traffic[{number}].name: {taken}; use another name"
        for key, glob in (("sender", traffic.sender), ("to", traffic.to)):
            users = ((user.name, host) for host in topology.hosts.values() for user in host.users)
            if not any(matches_address(user, at.name, glob, at.label) for user, at in users):
                yield f"traffic[{number}].{key}: {glob!r} matches no user@host; use one such as '*'"


def _problems_of_fault(topology: TopologyData, name: str, fault: FaultSpec) -> Iterator[str]:
    if fault.kind == SCHEDULE:
        yield f"{name}: only a topology file has a schedule; give its changes as faults"
        return
    try:
        check_fields(name, fault)
    except (TypeError, ValueError) as why:
        yield str(why)
        return
    places = [*(fault.link or ()), *([] if fault.host is None else [fault.host])]
    # a fault that names a glob is resolved in the run, and so are other spellings next to it
    names = [place for place in places if not is_glob(place) and topology.host(place) is None]
    yield from _unknown(topology, name, names)


def _unknown(topology: TopologyData, name: str, hosts: Iterable[str]) -> Iterator[str]:
    for host in hosts:
        if host not in topology.hosts:
            yield f"{name}: there is no host {host!r}; give it in hosts"
