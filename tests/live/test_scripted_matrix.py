"""Our sender-SMTP against scripted receivers: each stage and each manner, simulated and live.

All cells are in one network: a host for each stage, which uses up the manners one after another,
and a host whose mail they get. Each mark shows that its cell was played.
"""

from __future__ import annotations

from functools import cache

import pytest
from helpers.live_hosts import live
from helpers.manners import STAGES, manners_of, mark, reply_table

import lab
from lab.analysis.invariants import breaches
from lab.topology.model import from_dict
from lab.trace.rows import KIND, OCTETS

CELLS = [
    (driver, stage, manner)
    for driver in ("simulated", "live")
    for stage in STAGES
    for manner in manners_of(stage)
]
SILENT = ("no reply", "no reply, then cut", "no reply, then silence", "much too late")
LAST = 4
"""Mails to each host that come when it has misbehaved in each manner."""


def network() -> lab.Topology:
    """A host that sends, and one that misbehaves for each stage."""
    wait = {"opening": 1.5, "command": 1.5, "data": 1.5, "block": 0.1, "mail_data": 1.5}
    hosts: list[dict[str, object]] = [{"name": "A", "users": ["ann"], "timeouts": wait}]
    links, mails = [], []
    for stage in STAGES:
        name, manners = host_of(stage), manners_of(stage)
        replies = [reply_table(stage, manner, nth) for nth, manner in enumerate(manners, 1)]
        hosts.append({"name": name, "users": ["bob"], "reply": replies})
        links.append({"between": ["A", name], "latency": "5 ms"})
        user = "nobody" if stage == "RSET" else "bob"  # a refused recipient is followed by RSET
        for number in range(90):
            mails.append({"at": 0.3 * number, "from": "ann@A", "to": f"{user}@{name}", "text": "x"})
    retry = {"first": 0.3, "factor": 1, "give_up": 300}
    return from_dict({"host": hosts, "link": links, "mail": mails, "retry": retry})


def host_of(stage: str) -> str:
    return f"B{STAGES.index(stage)}"


@cache
def run_of(driver: str) -> lab.Run:
    return lab.simulate(network()) if driver == "simulated" else live(network(), 1.0, durable=False)


@cache
def sent(driver: str) -> bytes:
    """All that the receivers have sent, whole replies and pieces."""
    rows = run_of(driver).trace.rows
    return b"\n".join(row[OCTETS] for row in rows if row[KIND] in ("reply", "piece"))


@pytest.mark.parametrize(("driver", "stage", "manner"), CELLS)
def test_a_host_may_misbehave_and_serves_the_next(driver: str, stage: str, manner: str) -> None:
    assert mark(stage, manner).encode() in sent(driver) or manner in SILENT
    recipients = run_of(driver).summary["recipients"]
    outcomes = [
        recipient["outcome"]
        for recipient in recipients
        if recipient["recipient"].endswith(host_of(stage))
    ]
    assert set(outcomes) <= {"delivered", "returned"}
    assert outcomes[-LAST:] == ["returned" if stage == "RSET" else "delivered"] * LAST


@pytest.mark.parametrize("driver", ["simulated", "live"])
def test_nothing_is_lost_and_nobody_of_ours_is_blamed(driver: str) -> None:
    run = run_of(driver)
    assert breaches(run.trace.rows) == []
    assert run.summary["lost"] == 0
    assert run.summary["queued"] == 0
