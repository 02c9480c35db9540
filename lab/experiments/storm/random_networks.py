"""Weather: small networks, mail and faults at random, each from a seed and a number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import Any, Final, TypeVar

from lab.hosts.directory import Forward, MailingList, Member, User
from lab.hosts.retry import Retry
from lab.protocol import NO_LIMITS, Limits, Path, quote
from lab.topology.model import Environment, FaultSpec, HostSpec, LinkSpec, MailSpec, Topology

T = TypeVar("T")

_PEOPLE: Final = ("ann", "bob", "cay", "dan")
_TEXTS: Final = ("hello", ".a line\n..of dots\n.\nand more", "", "one\n\ntwo\n" * 20)
_EVENTS: Final[tuple[dict[str, Any], ...]] = (
    {"event": "reply", "code": 354},
    {"event": "reply", "code": 250},
    {"event": "command", "verb": "RCPT"},
    {"event": "data"},
    {"event": "accept"},
    {"event": "queue"},
    {"event": "transfer"},
)
_AFTERS: Final = (
    "HELO", "MAIL", "RCPT", "DATA", "354", ".", "250", "QUIT", "20 B", "90 B", "200 B",
)  # fmt: skip


class Draw:
    """Draws from a generator, with ``random()`` alone: other ways of drawing change with Python."""

    def __init__(self, random: Random) -> None:
        self._random = random.random

    def chance(self, of: float) -> bool:
        """Whether something of that chance comes true."""
        return self._random() < of

    def index(self, size: int) -> int:
        """A number from 0 to below ``size``."""
        return int(self._random() * size)

    def one(self, of: Sequence[T]) -> T:
        """One of several."""
        return of[self.index(len(of))]

    def between(self, least: float, most: float) -> float:
        """A length of time in seconds; short ones and long ones are as likely."""
        return round(least * math.exp(self._random() * math.log(most / least)), 3)

    def some(self, of: Sequence[T], most: int) -> list[T]:
        """One to ``most`` different ones, in order."""
        rest, taken = list(of), []
        for _ in range(1 + self.index(most)):
            if rest:
                taken.append(rest.pop(self.index(len(rest))))
        return taken


def weather(seed: int, number: int, *, careless: bool = False) -> Topology:
    """The ``number``-th random topology of a seed; with ``careless``, every host of it is."""
    draw = Draw(Random(f"{seed}/storm {number}"))
    names = [f"H{n}.ARPA" for n in range(1, 3 + draw.index(4))]
    links = _links(draw, names)
    addresses = [Path((), user, name) for name in names for user in _PEOPLE[: 1 + draw.index(2)]]
    hosts = {name: _host(draw, name, addresses, careless=careless) for name in names}
    return Topology(
        title=f"storm {number} of seed {seed}",
        environments={"arpanet": Environment("arpanet")},
        hosts=hosts,
        links=links,
        mail=tuple(_mail(draw, addresses, names) for _ in range(1 + draw.index(5))),
        faults=_faults(draw, names, links),
        retry=_retry(draw),
    )


def _retry(draw: Draw) -> Retry:
    first = draw.between(1, 60)
    most = round(first * (1 + draw.index(20)), 3)
    return Retry(first, draw.one((1.0, 1.5, 2.0)), most, draw.between(10, 7200))


def _links(draw: Draw, names: Sequence[str]) -> tuple[LinkSpec, ...]:
    """A tree that joins all hosts, and now and then a link more."""
    pairs = [(names[draw.index(n)], names[n]) for n in range(1, len(names))]
    for _ in range(draw.index(3)):
        a, b = draw.one(names), draw.one(names)
        if a != b and (a, b) not in pairs and (b, a) not in pairs:
            pairs.append((a, b))
    return tuple(_link(draw, a, b) for a, b in pairs)


def _link(draw: Draw, a: str, b: str) -> LinkSpec:
    return LinkSpec(
        a,
        b,
        "arpanet",
        latency=draw.between(0.001, 2),
        jitter=draw.between(0.001, 1) if draw.chance(0.2) else 0.0,
        bandwidth=draw.one((300.0, 9600.0, 50_000.0)) if draw.chance(0.3) else None,
        loss=draw.one((0.02, 0.3)) if draw.chance(0.2) else 0.0,
    )


def _host(draw: Draw, name: str, addresses: Sequence[Path], *, careless: bool) -> HostSpec:
    mine = [one.local for one in addresses if one.domain == name]
    users = tuple(
        User(
            user,
            active=draw.chance(0.3),
            mailbox=draw.one(("busy", "full", "full-after-data")) if draw.chance(0.1) else "open",
        )
        for user in mine
    )
    lists: tuple[MailingList, ...] = ()
    forwards: tuple[Forward, ...] = ()
    if draw.chance(0.15):
        lists = (MailingList("all", tuple(Member(one) for one in draw.some(addresses, 3))),)
    if draw.chance(0.2):
        mode = draw.one(("forward", "refer"))
        forwards = (Forward("gone", _gone(draw, addresses), mode),)
    return HostSpec(
        name,
        relay=draw.chance(0.8),
        users=users,
        lists=lists,
        forwards=forwards,
        limits=_limits(draw) if draw.chance(0.15) else NO_LIMITS,
        careless=careless,
        on_251=draw.one(("accept", "redirect")),
        on_551=draw.one(("redirect", "return")),
        store=draw.between(0.01, 60) if draw.chance(0.5) else 0.0,
    )


def _gone(draw: Draw, addresses: Sequence[Path]) -> Path:
    """Where somebody's mail is forwarded; at times to where it is forwarded again, in a circle."""
    to = draw.one(addresses)
    return Path((), "gone", to.domain) if draw.chance(0.3) else to


def _limits(draw: Draw) -> Limits:
    return Limits(
        recipients=draw.one((1, 2)) if draw.chance(0.5) else None,
        message=draw.one((300, 2000)) if draw.chance(0.3) else None,
        sessions=1 if draw.chance(0.3) else None,
    )


def _mail(draw: Draw, addresses: Sequence[Path], names: Sequence[str]) -> MailSpec:
    sender = draw.one(addresses)
    to = [_recipient(draw, one, names) for one in draw.some(addresses, 3)]
    size = draw.one((200, 700, 5000)) if draw.chance(0.4) else None
    return MailSpec(
        at=draw.between(0.1, 300) if draw.chance(0.7) else 0.0,
        verb=draw.one(("SEND", "SOML", "SAML")) if draw.chance(0.15) else "MAIL",
        sender=sender,
        to=tuple(to),
        subject="storm" if draw.chance(0.5) else "",
        text=None if size is not None else draw.one(_TEXTS),
        size=size,
    )


def _recipient(draw: Draw, to: Path, names: Sequence[str]) -> Path:
    local = draw.one(("all", "gone", "nobody")) if draw.chance(0.25) else to.local
    route = tuple(draw.some(names, 2)) if draw.chance(0.15) else ()
    domain = "NOWHERE.ARPA" if draw.chance(0.03) else to.domain
    return Path(route, quote(local), domain)


def _faults(draw: Draw, names: Sequence[str], links: Sequence[LinkSpec]) -> tuple[FaultSpec, ...]:
    faults = [_fault(draw, names, links) for _ in range(draw.index(6))]
    if draw.chance(0.15):
        # the moment that durability is about: the sender-SMTP has just had its 250
        host = draw.one(names)
        when = {"event": "transfer", "peer": host, "nth": 1 + draw.index(2)}
        faults.append(FaultSpec("crash", host=host, duration=60.0, when=when))
    return tuple(faults)


def _fault(draw: Draw, names: Sequence[str], links: Sequence[LinkSpec]) -> FaultSpec:
    kind = draw.one(
        ("link-down", "host-down", "crash", "crash", "partition", "loss", "latency", "busy",
         "storage-full", "refuse", "hang-up", "hang-up", "clock-skew")
    )  # fmt: skip
    link, host = draw.one(links), draw.one(names)
    ends = (link.a, link.b)
    lasts = draw.between(0.5, 2000) if draw.chance(0.8) else None
    what: dict[str, Any] = {"host": host}
    if kind in ("link-down", "loss", "latency", "hang-up"):
        what = {"link": ends}
    if kind == "partition":
        apart = tuple(draw.some(names, len(names) - 1))
        what = {"groups": (apart, tuple(name for name in names if name not in apart))}
    if kind == "hang-up":
        what |= {"after": draw.one(_AFTERS), "of": draw.one(("sender", "sender", "receiver"))}
    values = {"loss": draw.one((0.1, 0.5, 1.0)), "latency": draw.between(0.01, 30)}
    values["clock-skew"] = draw.between(1, 4000) * draw.one((1, -1))
    time = _time(draw, host)
    if kind == "crash" and draw.chance(0.5):
        # what a crash is feared for: between the 250, here or where it is awaited, and what follows
        event = draw.one(({"event": "accept", "host": host}, {"event": "transfer", "peer": host}))
        time = {"when": {**event, "nth": 1 + draw.index(3)}}
    return FaultSpec(kind, duration=lasts, value=values.get(kind), **what, **time)


def _time(draw: Draw, host: str) -> dict[str, Any]:
    how = draw.index(10)
    if how == 0:
        return {"rate": 1 / draw.between(5, 500)}
    if how <= 4:
        when = {"host": host, **draw.one(_EVENTS)}
        return {"when": when | ({"nth": 1 + draw.index(5)} if draw.chance(0.5) else {})}
    return {"at": draw.between(0.05, 400)}
