"""Small random networks with a program as one of their hosts, each from a seed and a number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from lab.experiments.storm.random_networks import Draw
from lab.hosts.directory import User
from lab.hosts.retry import Retry
from lab.protocol.syntax import Path
from lab.runtime.streams import generator
from lab.topology.model import Environment, FaultSpec, HostSpec, LinkSpec, MailSpec, Topology

_PEOPLE: Final = ("ann", "bob")
_TEXTS: Final = (
    "hello", ".a line\n..of dots\n.\nand more", "", "one\n\ntwo\n" * 20, "x" * 900,
    "Received: from X.ARPA by Y.ARPA\nQUIT\n>From me", " \n\t\n",
)  # fmt: skip
_AFTERS: Final = (
    "HELO", "MAIL", "RCPT", "DATA", "354", ".", "250", "QUIT", "20 B", "90 B", "200 B",
)  # fmt: skip


def network_around(node: str, users: Sequence[str], seed: int, number: int) -> Topology:
    """Return the ``number``-th random network of a seed in which the host ``node`` has ``users``.

    Most of its mail is for that host, and most faults are near it.
    """
    draw = Draw(generator(seed, f"judge {number}"))
    other_hosts = [f"H{n}.ARPA" for n in range(1, 2 + draw.index(3))]
    names = [node, *other_hosts]
    hosts = {name: _host(name, _PEOPLE, is_relay=True) for name in other_hosts}
    hosts[node] = _host(node, users, is_relay=False)
    links = _links(draw, node, other_hosts)
    own = [Path((), user, node) for user in users]
    strangers = [Path((), user, name) for name in other_hosts for user in _PEOPLE]
    return Topology(
        title=f"network {number} of seed {seed} around {node}",
        environments={"arpanet": Environment("arpanet")},
        hosts=hosts,
        links=links,
        mail=tuple(_mail(draw, own, strangers) for _ in range(2 + draw.index(4))),
        faults=(
            *_dangerous(draw, node, links[0], number),
            *(_fault(draw, node, names, links) for _ in range(draw.index(4))),
        ),
        retry=Retry(10.0, 2.0, 60.0, 600.0),
    )


def network_through(node: str, users: Sequence[str], seed: int, number: int) -> Topology:
    """Return the ``number``-th random network of a seed; its relay ``node`` has ``users``.

    It stands between the other hosts, so that most mail passes through it.
    """
    draw = Draw(generator(seed, f"judge relay {number}"))
    other_hosts = [f"H{n}.ARPA" for n in range(1, 3 + draw.index(3))]
    hosts = {name: _host(name, _PEOPLE, is_relay=True) for name in other_hosts}
    hosts[node] = _host(node, users, is_relay=True)
    pairs = [(node, other_hosts[0]), (node, other_hosts[1])]
    pairs += [
        (draw.choice([node, *other_hosts[:n]]), other_hosts[n]) for n in range(2, len(other_hosts))
    ]
    links = tuple(
        LinkSpec(a, b, "arpanet", latency=draw.between(0.001, 0.5),
                 loss=0.1 if draw.chance(0.2) else 0.0)
        for a, b in pairs
    )  # fmt: skip
    return Topology(
        title=f"network {number} of seed {seed} through {node}",
        environments={"arpanet": Environment("arpanet")},
        hosts=hosts,
        links=links,
        mail=tuple(_mail_through(draw, node, users, other_hosts) for _ in range(3 + draw.index(3))),
        faults=(
            *_dangerous_to_a_relay(draw, node, other_hosts, number),
            *(_fault_of_a_link(draw, links) for _ in range(draw.index(3))),
        ),
        retry=Retry(10.0, 2.0, 60.0, 600.0),
    )


def _mail_through(
    draw: Draw, node: str, users: Sequence[str], other_hosts: Sequence[str]
) -> MailSpec:
    """Return mail between two hosts on either side of a relay, or from or to its users."""
    places = draw.sample(other_hosts, 2)
    own = [Path((), user, node) for user in users]
    ends = [Path((), draw.choice(_PEOPLE), name) for name in places]
    sender = draw.choice(own) if draw.chance(0.2) else ends[0]
    others_ends = [Path((), user, name) for name in other_hosts if name != sender.domain
                   for user in _PEOPLE]  # fmt: skip
    to = draw.sample(others_ends if draw.chance(0.8) or sender in own else own, 2)
    if draw.chance(0.15):
        to = [Path((), "nobody", to[0].domain)]
    return MailSpec(
        at=draw.between(0.1, 40), verb="MAIL", sender=sender, to=tuple(to),
        subject=f"mail {draw.index(1000)}", text=draw.choice(_TEXTS),
    )  # fmt: skip


def _dangerous_to_a_relay(
    draw: Draw, node: str, other_hosts: Sequence[str], number: int
) -> Iterator[FaultSpec]:
    """Yield a fault at the worst time: as mail is taken or sent on, or while it must wait."""
    lasts = draw.between(2, 40)
    other_host = draw.choice(other_hosts[:2])
    if number % 3 == 0:
        kind = draw.choice(("host-down", "crash"))
        yield FaultSpec(kind, at=draw.between(0.1, 20), duration=lasts, host=other_host)
        yield FaultSpec("crash", at=draw.between(10, 40), duration=draw.between(2, 20), host=node)
        return
    event = ("transfer", "accept")[number % 3 - 1]
    when = {"event": event, "host": node, "nth": 1 + draw.index(2)}
    yield FaultSpec("crash", duration=lasts, host=node, when=when)
    yield FaultSpec("hang-up", at=draw.between(0.1, 20), link=(node, other_host),
                    after=draw.choice(_AFTERS))  # fmt: skip


def _fault_of_a_link(draw: Draw, links: Sequence[LinkSpec]) -> FaultSpec:
    link = draw.choice(links)
    kind = draw.choice(("hang-up", "link-down", "latency"))
    is_cut = kind == "hang-up"
    return FaultSpec(
        kind, at=draw.between(0.1, 40), link=(link.a, link.b),
        duration=None if is_cut else draw.between(1, 30),
        after=draw.choice(_AFTERS) if is_cut else None,
        value=draw.between(0.01, 5) if kind == "latency" else None,
    )  # fmt: skip


def _host(name: str, users: Sequence[str], *, is_relay: bool) -> HostSpec:
    return HostSpec(name, relay=is_relay, users=tuple(User(user) for user in users))


def _links(draw: Draw, node: str, other_hosts: Sequence[str]) -> tuple[LinkSpec, ...]:
    """Return a tree that joins all hosts; the program does not relay, so it is an end of it."""
    pairs = [(other_hosts[0], node)]
    pairs += [(other_hosts[draw.index(n)], other_hosts[n]) for n in range(1, len(other_hosts))]
    return tuple(
        LinkSpec(
            a, b, "arpanet", latency=draw.between(0.001, 2),
            bandwidth=draw.choice((300.0, 9600.0)) if draw.chance(0.3) else None,
            loss=0.1 if draw.chance(0.2) else 0.0,
        )
        for a, b in pairs
    )  # fmt: skip


def _mail(draw: Draw, own: Sequence[Path], strangers: Sequence[Path]) -> MailSpec:
    """Return mail; three out of four are for the program."""
    is_for_it = draw.chance(0.75)
    to = draw.sample(own if is_for_it else [*own, *strangers], 3)
    if is_for_it and draw.chance(0.2):
        to.append(Path((), "nobody", own[0].domain))
    large = draw.chance(0.2)
    return MailSpec(
        at=draw.between(0.1, 60) if draw.chance(0.7) else 0.0,
        verb=draw.choice(("SEND", "SOML", "SAML")) if draw.chance(0.1) else "MAIL",
        sender=draw.choice(strangers if is_for_it or draw.chance(0.5) else own),
        to=tuple(to),
        subject=f"mail {draw.index(1000)}",
        text=None if large else draw.choice(_TEXTS),
        size=5000 if large else None,
    )


def _dangerous(draw: Draw, node: str, link: LinkSpec, number: int) -> Iterator[FaultSpec]:
    """Yield, in every second network, a fault at the worst time: as mail is sent or taken."""
    if number % 4 == 1:
        when = {"event": "transfer", "peer": node, "nth": 1 + draw.index(2)}
        yield FaultSpec("crash", duration=draw.between(0.5, 60), host=node, when=when)
    if number % 4 == 2:
        after = draw.choice(("20 B", "90 B", "200 B", "."))
        yield FaultSpec("hang-up", at=0.0, link=(link.a, link.b), after=after, of="sender")


def _fault(draw: Draw, node: str, names: Sequence[str], links: Sequence[LinkSpec]) -> FaultSpec:
    kind = draw.choice(("hang-up", "hang-up", "crash", "host-down", "link-down", "latency"))
    link = links[0] if draw.chance(0.7) else draw.choice(links)
    host = node if draw.chance(0.7) else draw.choice(names)
    target: dict[str, Any] = {"link": (link.a, link.b)}
    if kind == "hang-up":
        target |= {"after": draw.choice(_AFTERS), "of": draw.choice(("sender", "receiver"))}
    elif kind == "latency":
        target["value"] = draw.between(0.01, 5)
    elif kind != "link-down":
        target = {"host": host}
    time: dict[str, Any] = {"at": draw.between(0.05, 60)}
    if kind == "crash" and draw.chance(0.6):
        event = draw.choice(
            ({"event": "accept", "host": host}, {"event": "transfer", "peer": host})
        )
        time = {"when": {**event, "nth": 1 + draw.index(3)}}
    return FaultSpec(kind, duration=draw.between(0.5, 60), **target, **time)
