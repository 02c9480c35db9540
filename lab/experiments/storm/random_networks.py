"""Small random networks with random mail and faults, each made from a seed and a number.

What is drawn is valid, and the checks of settings are not made again for each of many networks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import Any, Final, TypeVar

from lab.hosts.checked import of_valid
from lab.hosts.directory import Forward, MailingList, Member, User
from lab.hosts.retry import Retry
from lab.protocol import NO_LIMITS, Limits, Path, quote
from lab.runtime.streams import generator
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
    """Draws random values.

    It calls only ``random()``: what the other methods of a generator draw depends on the version
    of Python.
    """

    def __init__(self, random: Random) -> None:
        self._random = random.random

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return self._random() < probability

    def index(self, size: int) -> int:
        """Return a number from 0 to ``size - 1``."""
        return int(self._random() * size)

    def choice(self, items: Sequence[T]) -> T:
        """Return one of the items."""
        return items[self.index(len(items))]

    def between(self, least: float, most: float) -> float:
        """Return seconds between two limits; each order of magnitude is equally likely."""
        return round(least * math.exp(self._random() * math.log(most / least)), 3)

    def sample(self, items: Sequence[T], most: int) -> list[T]:
        """Return one to ``most`` different items, in the order in which they were drawn."""
        remaining, drawn = list(items), []
        for _ in range(1 + self.index(most)):
            if remaining:
                drawn.append(remaining.pop(self.index(len(remaining))))
        return drawn


def random_network(seed: int, number: int, *, careless: bool = False) -> Topology:
    """Return the ``number``-th random topology of a seed.

    ``careless``: every host replies 250 before it stores the mail.
    """
    draw = Draw(generator(seed, f"storm {number}"))
    names = [f"H{n}.ARPA" for n in range(1, 3 + draw.index(4))]
    links = _links(draw, names)
    addresses = [Path((), user, name) for name in names for user in _PEOPLE[: 1 + draw.index(2)]]
    hosts = {name: _host(draw, name, addresses, careless=careless) for name in names}
    return of_valid(
        Topology,
        {
            "title": f"storm {number} of seed {seed}",
            "environments": {"arpanet": Environment("arpanet")},
            "hosts": hosts,
            "links": links,
            "mail": tuple([_mail(draw, addresses, names) for _ in range(1 + draw.index(5))]),
            "faults": _faults(draw, names, links),
            "retry": _retry(draw),
        },
    )


def _retry(draw: Draw) -> Retry:
    first = draw.between(1, 60)
    most = round(first * (1 + draw.index(20)), 3)
    return Retry(first, draw.choice((1.0, 1.5, 2.0)), most, draw.between(10, 7200))


def _links(draw: Draw, names: Sequence[str]) -> tuple[LinkSpec, ...]:
    """Return a tree that joins all hosts, and up to two more links."""
    pairs = [(names[draw.index(n)], names[n]) for n in range(1, len(names))]
    for _ in range(draw.index(3)):
        a, b = draw.choice(names), draw.choice(names)
        if a != b and (a, b) not in pairs and (b, a) not in pairs:
            pairs.append((a, b))
    return tuple(_link(draw, a, b) for a, b in pairs)


def _link(draw: Draw, a: str, b: str) -> LinkSpec:
    return of_valid(
        LinkSpec,
        {
            "a": a,
            "b": b,
            "environment": "arpanet",
            "latency": draw.between(0.001, 2),
            "jitter": draw.between(0.001, 1) if draw.chance(0.2) else 0.0,
            "bandwidth": draw.choice((300.0, 9600.0, 50_000.0)) if draw.chance(0.3) else None,
            "loss": draw.choice((0.02, 0.3)) if draw.chance(0.2) else 0.0,
        },
    )


def _host(draw: Draw, name: str, addresses: Sequence[Path], *, careless: bool) -> HostSpec:
    own_users = [address.local for address in addresses if address.domain == name]
    users = tuple([_user(draw, user) for user in own_users])
    lists: tuple[MailingList, ...] = ()
    forwards: tuple[Forward, ...] = ()
    if draw.chance(0.15):
        lists = (
            MailingList("all", tuple(Member(address) for address in draw.sample(addresses, 3))),
        )
    if draw.chance(0.2):
        mode = draw.choice(("forward", "refer"))
        forwards = (Forward("gone", _forward_target(draw, addresses), mode),)
    return of_valid(
        HostSpec,
        {
            "name": name,
            "relay": draw.chance(0.8),
            "users": users,
            "lists": lists,
            "forwards": forwards,
            "limits": _limits(draw) if draw.chance(0.15) else NO_LIMITS,
            "careless": careless,
            "on_251": draw.choice(("accept", "redirect")),
            "on_551": draw.choice(("redirect", "return")),
            "store": draw.between(0.01, 60) if draw.chance(0.5) else 0.0,
        },
    )


def _user(draw: Draw, user: str) -> User:
    active = draw.chance(0.3)
    is_closed = draw.chance(0.1)
    mailbox = draw.choice(("busy", "full", "full-after-data")) if is_closed else "open"
    return of_valid(User, {"name": user, "active": active, "mailbox": mailbox})


def _forward_target(draw: Draw, addresses: Sequence[Path]) -> Path:
    """Return where mail for "gone" is forwarded: a user, or "gone" at a host, maybe in a loop."""
    to = draw.choice(addresses)
    return Path((), "gone", to.domain) if draw.chance(0.3) else to


def _limits(draw: Draw) -> Limits:
    return Limits(
        recipients=draw.choice((1, 2)) if draw.chance(0.5) else None,
        message=draw.choice((300, 2000)) if draw.chance(0.3) else None,
        sessions=1 if draw.chance(0.3) else None,
    )


def _mail(draw: Draw, addresses: Sequence[Path], names: Sequence[str]) -> MailSpec:
    sender = draw.choice(addresses)
    to = [_recipient(draw, address, names) for address in draw.sample(addresses, 3)]
    size = draw.choice((200, 700, 5000)) if draw.chance(0.4) else None
    return of_valid(
        MailSpec,
        {
            "at": draw.between(0.1, 300) if draw.chance(0.7) else 0.0,
            "verb": draw.choice(("SEND", "SOML", "SAML")) if draw.chance(0.15) else "MAIL",
            "sender": sender,
            "to": tuple(to),
            "subject": "storm" if draw.chance(0.5) else "",
            "text": None if size is not None else draw.choice(_TEXTS),
            "size": size,
        },
    )


def _recipient(draw: Draw, to: Path, names: Sequence[str]) -> Path:
    local = draw.choice(("all", "gone", "nobody")) if draw.chance(0.25) else to.local
    route = tuple(draw.sample(names, 2)) if draw.chance(0.15) else ()
    domain = "NOWHERE.ARPA" if draw.chance(0.03) else to.domain
    return Path(route, quote(local), domain)


def _faults(draw: Draw, names: Sequence[str], links: Sequence[LinkSpec]) -> tuple[FaultSpec, ...]:
    faults = [_fault(draw, names, links) for _ in range(draw.index(6))]
    if draw.chance(0.15):
        # the moment at which durability matters: the sender-SMTP has just received its 250
        host = draw.choice(names)
        when = {"event": "transfer", "peer": host, "nth": 1 + draw.index(2)}
        faults.append(FaultSpec("crash", host=host, duration=60.0, when=when))
    return tuple(faults)


def _fault(draw: Draw, names: Sequence[str], links: Sequence[LinkSpec]) -> FaultSpec:
    kind = draw.choice(
        ("link-down", "host-down", "crash", "crash", "partition", "loss", "latency", "busy",
         "storage-full", "refuse", "hang-up", "hang-up", "clock-skew")
    )  # fmt: skip
    link, host = draw.choice(links), draw.choice(names)
    ends = (link.a, link.b)
    lasts = draw.between(0.5, 2000) if draw.chance(0.8) else None
    target: dict[str, Any] = {"host": host}
    if kind in ("link-down", "loss", "latency", "hang-up"):
        target = {"link": ends}
    if kind == "partition":
        apart = tuple(draw.sample(names, len(names) - 1))
        target = {"groups": (apart, tuple(name for name in names if name not in apart))}
    if kind == "hang-up":
        target |= {
            "after": draw.choice(_AFTERS),
            "of": draw.choice(("sender", "sender", "receiver")),
        }
    values = {"loss": draw.choice((0.1, 0.5, 1.0)), "latency": draw.between(0.01, 30)}
    values["clock-skew"] = draw.between(1, 4000) * draw.choice((1, -1))
    time = _time(draw, host)
    if kind == "crash" and draw.chance(0.5):
        # the dangerous moments: right after the mail is accepted, or right after its 250 arrives
        event = draw.choice(
            ({"event": "accept", "host": host}, {"event": "transfer", "peer": host})
        )
        time = {"when": {**event, "nth": 1 + draw.index(3)}}
    fault = {"kind": kind, "duration": lasts, "value": values.get(kind), **target, **time}
    return of_valid(FaultSpec, fault)


def _time(draw: Draw, host: str) -> dict[str, Any]:
    how = draw.index(10)
    if how == 0:
        return {"rate": 1 / draw.between(5, 500)}
    if how <= 4:
        when = {"host": host, **draw.choice(_EVENTS)}
        return {"when": when | ({"nth": 1 + draw.index(5)} if draw.chance(0.5) else {})}
    return {"at": draw.between(0.05, 400)}
