"""Traces made by hand, event by event, without hosts or a clock, for tests of the views."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

from lab.trace.trace import Trace

MESSAGE = (
    b"Return-Path: <JQP@MIT-AI.ARPA>\r\nDate: 2 Nov 81 22:33:44 UT\r\nSubject: x\r\n\r\nHi\r\n"
)


class Scribe:
    """Writes the rows that a run would have recorded; each method is a step of a message."""

    def __init__(self, title: str = "", hosts: tuple[str, ...] = (), **meta: Any) -> None:
        self.trace = Trace()
        self.session = 0
        self.message = 0
        described: dict[str, Any] = {
            "title": title,
            "seed": 0,
            "start": "1981-11-02T22:33:44+00:00",
            "hosts": [
                {"name": n, "relay": i % 2 == 1, "kind": "host"} for i, n in enumerate(hosts)
            ],
            "links": [],
            "environments": [{"name": "arpanet", "transport": "tcp"}],
        } | meta
        self.trace.record((0.0, "start", "", None, None, None, described))

    def submit(self, t: float, sender: str, *to: str) -> int:
        self.message += 1
        host = sender.rpartition("@")[2].strip("<>")
        row = (t, "submit", host, None, None, self.message, f"<{sender}>")
        self.trace.record((*row, tuple(f"<{path}>" for path in to), "MAIL", 700))
        return self.message

    def queue(self, t: float, message: int, host: str, peer: str, *ids: str) -> None:
        self.trace.record((t, "queue", host, peer, None, message, ids or ("1",), 700))

    def fail(
        self, t: float, message: int, host: str, peer: str, lasting: float, retry_at: float | None
    ) -> None:
        record, end = self.trace.record, t + lasting
        record((t, "attempt", host, peer, None, None, "arpanet", 1))
        record((end, "unreachable", host, peer, None, None, "no answer"))
        record((end, "defer", host, peer, None, message, ("1",), "no answer", retry_at))

    def open(self, t: float, host: str, peer: str, opening: float = 0.1) -> int:
        self.session += 1
        record, end = self.trace.record, t + opening
        record((t, "attempt", host, peer, None, None, "arpanet", 1))
        extras = ("arpanet", "tcp", (host, peer), t)
        record((end, "open", host, peer, self.session, None, *extras))
        return self.session

    def say(self, t: float, host: str, peer: str, text: str, message: int | None = None) -> None:
        """A line of the current session: a reply if it begins with a code, else a command."""
        kind = "reply" if text[:3].isdigit() else "command"
        octets = text.encode("latin-1") + b"\r\n"
        self.trace.record((t, kind, peer, host, self.session, message, t - 0.01, octets))

    def send(self, t: float, message: int, host: str, peer: str, *ids: str, last: float) -> None:
        """A transaction in the current session: from MAIL to the 250 that ends it."""
        to, record, session = ids or ("1",), self.trace.record, self.session
        record((t + 0.01, "command", peer, host, session, message, t, b"MAIL FROM:<x@y>\r\n"))
        record((t + last, "accept", peer, host, session, message, to, "<x@y>", 700))
        record((t + last + 0.04, "transfer", host, peer, session, message, to))

    def close(self, t: float, host: str, peer: str, reason: str = "quit") -> None:
        self.trace.record((t, "close", host, peer, self.session, None, reason))

    def hop(self, t: float, message: int, host: str, peer: str, *ids: str, **how: float) -> float:
        """A whole hop: spool, opening, transmission; returns when the receiver had accepted it."""
        wait, opening, last = (
            how.get(k, d) for k, d in (("wait", 0.2), ("open", 0.1), ("last", 0.6))
        )
        self.queue(t, message, host, peer, *ids)
        self.open(t + wait, host, peer, opening)
        began = t + wait + opening * 1.5
        self.send(began, message, host, peer, *ids, last=last)
        self.close(began + last + 0.1, host, peer)
        return began + last

    def refuse(self, t: float, message: int, host: str, peer: str, *ids: str) -> float:
        """A hop that the receiver-SMTP refuses for good."""
        self.queue(t, message, host, peer, *ids)
        session = self.open(t + 0.2, host, peer)
        end = t + 0.9
        say = (t + 0.41, "command", peer, host, session, message, t + 0.4, b"MAIL FROM:<x@y>\r\n")
        self.trace.record(say)
        row = (end, "refuse", host, peer, session, message, ids or ("1",), "550 no such user")
        self.trace.record(row)
        self.close(end, host, peer)
        return end

    def deliver(self, t: float, message: int, host: str, user: str, recipient: str = "1") -> None:
        self.trace.record((t, "deliver", host, None, None, message, recipient, user, MESSAGE))

    def notify(self, t: float, host: str, about: int, path: str, *ids: str) -> int:
        self.message += 1
        row = (t, "notify", host, None, None, self.message, about, ids or ("1",), path, "550")
        self.trace.record(row)
        return self.message

    def end(self, t: float) -> Trace:
        self.trace.record((t, "end", "", None, None, None, "settled"))
        self.trace.rows.sort(key=lambda row: row[0])
        return self.trace


CHAIN = ("MIT-AI.ARPA", "USC-ISIE.ARPA", "BBN-VAX.ARPA")


def relayed() -> Trace:
    """One message over one relay: two hops, one delivery."""
    scribe = Scribe("Relayed mail", CHAIN, links=_chain(CHAIN))
    number = scribe.submit(0.1, "JQP@MIT-AI.ARPA", "@USC-ISIE.ARPA:Jones@BBN-VAX.ARPA")
    t = scribe.hop(0.1, number, CHAIN[0], CHAIN[1])
    t = scribe.hop(t, number, CHAIN[1], CHAIN[2])
    scribe.deliver(t, number, CHAIN[2], "Jones")
    return scribe.end(t + 0.2)


def troubled() -> Trace:
    """Three messages: one delivered, one retried after half an hour, one refused and returned."""
    scribe = Scribe("A retry and a return", CHAIN, links=_chain(CHAIN))
    a, b, c = CHAIN
    direct = scribe.submit(0.0, f"JQP@{a}", f"Jones@{c}")
    t = scribe.hop(scribe.hop(0.0, direct, a, b), direct, b, c)
    scribe.deliver(t, direct, c, "Jones")
    late = scribe.submit(3.0, f"Smith@{a}", f"Jones@{c}", f"Green@{b}")
    t = scribe.hop(3.0, late, a, b, "1", "2")
    scribe.deliver(t, late, b, "Green", "2")
    scribe.queue(t, late, b, c, "1")
    scribe.fail(t + 0.2, late, b, c, 1.5, t + 1800)
    scribe.fail(t + 1800, late, b, c, 1.5, t + 5400)
    scribe.open(t + 5400, b, c)
    scribe.send(t + 5400.2, late, b, c, "1", last=0.8)
    scribe.deliver(t + 5401, late, c, "Jones")
    lost = scribe.submit(5.0, f"JQP@{a}", f"Nobody@{c}")
    t = scribe.hop(5.0, lost, a, b)
    t = scribe.refuse(t, lost, b, c)
    notice = scribe.notify(t, b, lost, f"<JQP@{a}>")
    t = scribe.hop(t, notice, b, a)
    scribe.deliver(t, notice, a, "JQP")
    return scribe.end(5405)


def forked() -> Trace:
    """A message to three recipients whose routes part at the relay; another is never sent."""
    hosts = (*CHAIN, "SU-SCORE.ARPA", "UCL.Cambridge.UK")
    scribe = Scribe("Copies part where their ways do", hosts, links=_chain(hosts))
    a, b, c, d, e = hosts
    first = scribe.submit(0, f"JQP@{a}", f"X@{c}", f"Y@{d}", f"Z@{e}")
    t = scribe.hop(0, first, a, b, "1", "2", "3")
    for host, recipient in ((c, "1"), (d, "2"), (e, "3")):
        scribe.deliver(
            scribe.hop(t, first, b, host, recipient, wait=0.3 * int(recipient)),
            first,
            host,
            "X",
            recipient,
        )
    second = scribe.submit(1, f"JQP@{a}", f"Q@{d}")
    scribe.queue(1, second, a, d)
    return scribe.end(4)


def many(count: int, hosts: int = 12, seed: int = 1, rate: float = 0.5) -> Trace:
    """Random mail over a line of hosts: some tried again later, some refused and returned."""
    rng = random.Random(seed)
    names = tuple(f"HOST-{i:02}.ARPA" for i in range(hosts))
    scribe = Scribe(f"{count} messages", names, links=_chain(names))
    t = 0.0
    for _ in range(count):
        t += rng.expovariate(rate)
        _journey(scribe, rng, names, t)
    return scribe.end(max(row[0] for row in scribe.trace.rows) + 1)


def _journey(scribe: Scribe, rng: random.Random, names: tuple[str, ...], t: float) -> None:
    route = rng.sample(names, rng.choice((2, 2, 3, 3, 4)))
    number = scribe.submit(t, f"user{rng.randrange(9)}@{route[0]}", f"user@{route[-1]}")
    for host, peer in pairwise(route):
        if rng.random() < 0.03:
            scribe.queue(t, number, host, peer)
            pause = rng.choice((60, 120, 300))
            scribe.fail(t + 0.1, number, host, peer, 1.0, t + pause)
            t += pause
            scribe.open(t, host, peer)
            scribe.send(t + 0.2, number, host, peer, last=0.8)
            t += 1.0
        elif rng.random() < 0.02:
            t = scribe.refuse(t, number, host, peer)
            notice = scribe.notify(t, host, number, f"<user@{route[0]}>")
            if host != route[0]:
                t = scribe.hop(t, notice, host, route[0])
            scribe.deliver(t, notice, route[0], "user")
            return
        else:
            t = scribe.hop(t, number, host, peer, wait=rng.random(), last=rng.random() * 3)
    scribe.deliver(t, number, route[-1], "user")


def _chain(hosts: tuple[str, ...]) -> list[dict[str, Any]]:
    return [
        {"a": a, "b": b, "environment": "arpanet", "latency": 0.04, "bandwidth": 50_000.0}
        for a, b in pairwise(hosts)
    ]
