"""Small topologies for tests, written in Python, and what the tests read from their runs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import lab
from lab.topology.model import from_dict

Options = dict[str, Any]

TWO_HOSTS = """
[[host]]
name = "ONE.ARPA"
users = ["ann"]
[[host]]
name = "TWO.ARPA"
users = ["bob"]
[[link]]
between = ["ONE.ARPA", "TWO.ARPA"]
"""
"""Two linked hosts as the text of a file; what follows it may begin with keys of the link."""

A_AND_B = TWO_HOSTS.replace("ONE.ARPA", "A.ARPA").replace("TWO.ARPA", "B.ARPA")
"""The same with shorter names."""

ANN_TO_BOB = """
[[mail]]
from = "ann@ONE.ARPA"
to = ["bob@TWO.ARPA"]
"""
"""A mail between their users."""

GATE_TO_INSIDE = """
[[host]]
name = "GATE.LAB.ARPA"
relay = true
users = ["fred"]
[[host]]
name = "INSIDE.LAB.ARPA"
users = ["joe"]
[[link]]
between = ["GATE.LAB.ARPA", "INSIDE.LAB.ARPA"]
latency = "1 ms"
"""
"""A relay that mail programs call, and a host behind it."""


def host(name: str, *users: str | Options, **options: Any) -> Options:
    """A host; a user is a name or a table."""
    known = [{"name": user} if isinstance(user, str) else user for user in users]
    return {"name": name, "user": known, **options} if known else {"name": name, **options}


def relay(name: str, *users: str | Options, **options: Any) -> Options:
    return host(name, *users, relay=True, **options)


def mail(sender: str, *to: str, **options: Any) -> Options:
    return {"from": sender, "to": list(to), "text": "Hi\n", **options}


def chain(*hosts: Options) -> list[Options]:
    """A link from each host to the next."""
    names = [host["name"] for host in hosts]
    return [{"between": list(pair)} for pair in pairwise(names)]


def run(
    *hosts: Options,
    mail: list[Options],
    links: list[Options] | None = None,
    until: float | None = None,
    **options: Any,
) -> lab.Run:
    """Run hosts that are linked in a chain, unless links are given."""
    tables = {"host": list(hosts), "link": links or chain(*hosts), "mail": mail, **options}
    return lab.simulate(from_dict(tables), until=until)


def wire(of: lab.Run, host: str, kind: str = "command") -> list[str]:
    """The command lines or replies that arrived at a host."""
    return [
        event["octets"].decode("latin-1").removesuffix("\r\n")
        for event in of.trace
        if event.kind == kind and event.host == host
    ]


def paths(of: lab.Run, host: str) -> list[str]:
    """The MAIL and RCPT lines that arrived at a host."""
    return [line for line in wire(of, host) if line[4:5] == " " and line[:4] != "HELO"]


def drops(of: lab.Run) -> list[tuple[str, str]]:
    """The deliveries in order: host and user."""
    return [(event.host, event["user"]) for event in of.trace if event.kind == "deliver"]


def delivered(of: lab.Run, user: str) -> list[str]:
    """The mail that a user received, a string for each message."""
    return [
        event["octets"].decode("latin-1").replace("\r\n", "\n")
        for event in of.trace
        if event.kind == "deliver" and event["user"] == user
    ]


def counts(of: lab.Run) -> dict[str, int]:
    """The outcomes and duplicates that occurred, with their numbers."""
    names = ("delivered", "returned", "rejected", "queued", "undeliverable_notifications",
             "discarded", "lost", "duplicates")  # fmt: skip
    return {name: of.summary[name] for name in names if of.summary[name]}


def events(of: lab.Run, *kinds: str) -> list[tuple[str, str, float]]:
    """The events of some kinds: kind, host and time."""
    return [
        (event.kind, event.host, round(event.t, 3)) for event in of.trace if event.kind in kinds
    ]
