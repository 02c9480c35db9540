"""A run with a receiver-SMTP that is scripted by any bytes: our sender-SMTP breaks no rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from lab.analysis.account import Account
from lab.analysis.invariants import breaches
from lab.hosts.reply_script import OPEN, STAGES, ScriptedReply
from lab.simulation.simulation import Simulation
from lab.topology.model import Topology, from_dict

HEADER = 6
"""Bytes before the octets of a reply: stage, number, manner, pieces, pause, and length."""

_ENDS = ("nothing", "nothing", "cut", "half-close", "silence")
_PAUSES = (0.0, 0.0, 0.001, 0.05, 1.0, 400.0)


@cache
def network() -> Topology:
    """A sends two messages to B, the first for two users and one that is not there."""
    mail = {"from": "ann@A", "to": ["bob@B", "nobody@B", "bab@B"], "text": ".Hi\n.\n"}
    return from_dict(
        {
            "host": [
                {"name": "A", "users": ["ann"]},
                {"name": "B", "users": ["bob", "bab"], "relay": True},
            ],
            "link": [{"between": ["A", "B"], "latency": "10 ms"}],
            "mail": [mail, mail | {"at": "1 h", "to": "bab@B", "verb": "SAML"}],
            "retry": {"first": "20 min", "give_up": "50 min"},
        }
    )


def replies_in(octets: bytes) -> Iterator[ScriptedReply]:
    """The scripted replies that bytes stand for, at most four."""
    for _ in range(4):
        header, octets = octets[:HEADER], octets[HEADER:]
        if len(header) < HEADER:
            return
        stage, number, manner, piece, pause, length = header
        said, octets = octets[:length], octets[length:]
        to = STAGES[stage % len(STAGES)]
        yield ScriptedReply(
            to,
            number % 6 or None,
            None if manner & 0x80 else said,
            repeat=1 + (manner >> 4) % 4,
            pieces=tuple(size for size in (piece & 0xF, piece >> 4) if size),
            pause=_PAUSES[pause % len(_PAUSES)],
            early=bool(manner & 0x08) and to != OPEN and not manner & 0x80,
            then=_ENDS[manner % len(_ENDS)],
        )


def scripted(octets: bytes) -> None:
    """Mail is in one true state, nothing is lost, and no host of ours is blamed."""
    replies = tuple(spec for spec in replies_in(octets) if not spec.sets_nothing)
    topology = network()
    hosts = {**topology.hosts, "B": replace(topology.hosts["B"], replies=replies)}
    simulation = Simulation(replace(topology, hosts=hosts), 0)
    simulation.run()
    rows = simulation.trace.rows
    account = Account(rows)
    found = breaches(rows, account)
    assert not found, found[0]
    counts = account.counts()
    assert counts["lost"] == 0
    assert counts["queued"] == 0, "the run is over, and mail still waits"
    assert len(rows) < 20_000, "it goes on and on"


def seed(
    stage: str, octets: bytes, *, nth: int = 1, manner: int = 0, piece: int = 0, pause: int = 0
) -> bytes:
    """The bytes that stand for a scripted reply."""
    return bytes((STAGES.index(stage), nth, manner, piece, pause, len(octets))) + octets


SCRIPTED_SEEDS = [
    seed("RCPT", b"250 OK\r\n"),
    seed("RCPT", b"250 OK\r\n", manner=8),
    seed("DATA", b"354 go\r\n", manner=0x10),
    seed("mail data", b"25", manner=2),
    seed("mail data", b"250-a\r\n250 b\r\n", piece=0x31, pause=4),
    seed("RCPT", b"250 OK\r\n", nth=0) + seed("mail data", b"250 OK\r\n", nth=0),
    seed("open", b"", manner=4) + seed("HELO", b"\x00\xff\r\n", nth=2),
    seed("MAIL", b"250 OK\r\n550 no\r\n") + seed("QUIT", b"", manner=0x83),
    seed("RSET", b"421 B bye\r\n", manner=8, pause=3),
    seed("RCPT", b"551 User not local; please try <bab@B>\r\n", nth=0),
]
