"""The cause of a delay: twenty networks in which something is slow, and what is said of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

import lab
from lab.analysis.phases import Phases
from lab.topology.model import from_dict

Tables = dict[str, Any]

HOSTS = [
    {"name": "A", "users": ["ann"]},
    {"name": "HUB", "relay": True},
    {"name": "B", "users": ["bob", "eve"]},
]
MAIL = {"from": "ann@A", "to": ["bob@B"], "at": "10 s", "size": "1 kB"}
RETRY = {"first": "30 s", "factor": 2, "give_up": "2 h"}


def network(**changed: Any) -> Tables:
    """A, HUB and B in a row; one mail from A to B."""
    return {
        "host": HOSTS,
        "link": [{"between": ["A", "HUB"]}, {"between": ["HUB", "B"]}],
        "mail": [MAIL],
        "retry": RETRY,
        **changed,
    }


def to_b(**of_link: Any) -> list[Tables]:
    return [{"between": ["A", "HUB"]}, {"between": ["HUB", "B"], **of_link}]


def fault(kind: str, at: str = "5 s", lasts: str = "20 s", **keys: Any) -> list[Tables]:
    return [{"kind": kind, "at": at, "for": lasts, **keys}]


LINK = {"link": ["HUB", "B"]}
BUSY = [*HOSTS[:2], {"name": "B", "user": [{"name": "bob", "mailbox": "busy"}]}]
FULL = [*HOSTS[:2], {"name": "B", "user": [{"name": "bob", "mailbox": "full"}]}]
HELD = [HOSTS[0], {**HOSTS[1], "holds": ["B"], "turn": True}, {**HOSTS[2], "holds": ["HUB"]}]
BEFORE = [{**MAIL, "at": f"{n} s", "size": "20 kB"} for n in range(8, 10)]
TWO = [
    {"name": "A", "users": ["ann"]}, {"name": "C", "users": ["cy"]},
    {"name": "R", "kind": "router"}, {"name": "B", "users": ["bob"]},
]  # fmt: skip


class Case(NamedTuple):
    """A network, the phase that takes longest, and what is said of it."""

    tables: Tables
    phase: str
    words: tuple[str, ...]


CASES = {
    "slow line": Case(
        network(link=to_b(bandwidth="300 bit/s")), "sending", ("300 bit/s", "line HUB-B")
    ),
    "slow line by a fault": Case(
        network(fault=fault("bandwidth", value="300 bit/s", lasts="2 h", **LINK)),
        "sending", ("300 bit/s", "fault: bandwidth 300 bit/s at HUB-B"),
    ),
    "a line that others use": Case(
        network(
            host=TWO,
            link=[
                {"between": ["A", "R"]}, {"between": ["C", "R"]},
                {"between": ["R", "B"], "bandwidth": "1200 bit/s"},
            ],
            mail=[{**MAIL, "from": "cy@C", "at": "8 s", "size": "5 kB"}, MAIL],
        ),
        "line", ("behind mail 1 of C to B", "line R-B"),
    ),
    "outage of a link": Case(
        network(fault=fault("link-down", lasts="30 s", **LINK)),
        "retry", ("link down at HUB-B", "next try at"),
    ),
    "outage of a host": Case(
        network(fault=fault("host-down", lasts="30 s", host="B")),
        "retry", ("B is down", "host down at B", "next try at"),
    ),
    "outage of the host that has the mail": Case(
        network(fault=fault("host-down", at="10.08 s", lasts="10 min", host="HUB")),
        "retry", ("HUB is up again", "host down"),
    ),
    "outage during the mail data": Case(
        network(
            link=to_b(bandwidth="1200 bit/s"),
            fault=fault("link-down", at="15 s", lasts="40 s", **LINK),
        ),
        "retry", ("retry policy", "HUB-B is up again", "next try at"),
    ),
    "partition": Case(
        network(fault=fault("partition", lasts="30 s", groups=[["A", "HUB"], ["B"]])),
        "retry", ("partition",),
    ),
    "busy mailbox": Case(
        network(host=BUSY, retry={**RETRY, "give_up": "10 min"}),
        "retry", ("450", "busy", "next try at"),
    ),
    "busy host": Case(
        network(fault=fault("busy", lasts="25 s", host="B")),
        "retry", ("450", "busy at B", "next try at"),
    ),
    "full mailbox": Case(
        network(host=FULL, retry={**RETRY, "give_up": "10 min"}), "retry", ("452", "next try at")
    ),
    "storage full": Case(
        network(fault=fault("storage-full", lasts="25 s", host="B")),
        "retry", ("452", "storage full at B"),
    ),
    "retry policy": Case(
        network(retry={"first": "30 min"}, fault=fault("link-down", lasts="8 s", **LINK)),
        "retry", ("retry policy", "HUB-B is up again since 13.000 s", "next try at 0:30:10"),
    ),
    "hub": Case(
        network(mail=[*BEFORE, MAIL], link=to_b(bandwidth="9600 bit/s")),
        "spool", ("behind mail 1 and 2 of HUB to B", "line HUB-B"),
    ),
    "crash of a hub that has the mail": Case(
        network(
            link=to_b(bandwidth="9600 bit/s"),
            fault=fault("crash", at="10.2 s", lasts="5 min", host="HUB"),
        ),
        "spool", ("HUB is down (crash)",),
    ),
    "crash of the next host": Case(
        network(fault=fault("crash", at="10.2 s", lasts="28 s", host="B")),
        "retry", ("crash at B", "next try at"),
    ),
    "jitter": Case(
        network(link=to_b(jitter="30 s")), "opening dialogue sending", ("jitter of HUB-B",)
    ),
    "lost segments": Case(
        network(link=to_b(latency="500 ms", loss=0.7)),
        "opening dialogue sending", ("lost segment",),
    ),
    "polling": Case(
        network(host=HELD, poll=[{"from": "B", "to": "HUB", "at": "1 h"}]),
        "spool", ("HUB holds it until B calls (polling)",),
    ),
    "long latency": Case(
        network(link=to_b(latency="20 s")), "opening dialogue", ("20 s one way",)
    ),
    "a latency by a fault": Case(
        network(fault=fault("latency", value="20 s", lasts="2 h", **LINK)),
        "opening dialogue", ("fault: latency", "HUB-B"),
    ),
    "a channel that is cut": Case(
        network(fault=[{"kind": "hang-up", "at": "5 s", "after": "DATA", **LINK}]),
        "retry", ("hang up at HUB-B", "channel was lost", "next try at"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_cause_of_the_longest_phase_is_named(name: str) -> None:
    case = CASES[name]
    run = lab.simulate(from_dict(case.tables))
    last = max(row[5] or 0 for row in run.trace.rows if row[1] == "submit")
    (recipient,) = Phases(run.trace).of(last)
    longest = max(recipient.phases, key=lambda phase: phase.seconds)
    assert longest.phase in case.phase.split(), recipient.phases
    assert [word for word in case.words if word not in longest.because] == [], longest.because


def test_there_are_at_least_twenty() -> None:
    assert len(CASES) >= 20
