"""One of the two simplex connections of a channel over NCP fails alone (appendix B)."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.partitions_in_threads import in_parts, threads  # noqa: F401
from helpers.small_topologies import counts, drops, host, mail, wire

import lab
from lab.simulation.partitioned.planning import partitioned
from lab.topology.model import from_dict


def broken(*ends: str, transport: str = "ncp", hosts: Any = None, **fault: Any) -> lab.Run:
    """A run in which A sends to B; what the first end sends to the second is lost for a minute."""
    return lab.simulate(
        from_dict(
            {
                "environment": [{"name": "net", "transport": transport}],
                "host": hosts or [host("A", "ann"), host("B", "bob")],
                "link": [{"between": ["A", "B"], "latency": 0.1}],
                "mail": [mail("ann@A", "bob@B")],
                "fault": [{"kind": "one-way", "link": list(ends), "for": 60, **fault}],
                "retry": {"first": 120},
            }
        )
    )


def ends_of_sessions(run: lab.Run) -> list[str]:
    return [event["reason"] for event in run.trace if event.kind == "close"]


AFTER_DATA = {"when": {"host": "B", "event": "data"}}
AFTER_MAIL = {"when": {"host": "B", "event": "command", "verb": "MAIL"}}


def test_replies_are_lost_and_the_mail_comes_twice() -> None:
    """The receiver-SMTP has the mail, and its 250 does not come: 4.1.1's temporary error."""
    made = broken("B", "A", **AFTER_DATA)
    assert drops(made) == [("B", "bob")] * 2
    assert counts(made) == {"delivered": 1, "duplicates": 1}
    assert ends_of_sessions(made) == ["cut: no reply to the mail data came within 780 s", "quit"]


def test_commands_are_lost_and_nothing_is_delivered_twice() -> None:
    """The receiver-SMTP hears nothing after MAIL, and sees at last that the channel is closed."""
    made = broken("A", "B", **AFTER_MAIL)
    assert counts(made) == {"delivered": 1}
    assert [line[:4] for line in wire(made, "B")[:3]] == ["HELO", "MAIL", "HELO"]
    assert ends_of_sessions(made) == ["cut: no reply to RCPT came within 300 s", "quit"]


def test_a_channel_that_has_lost_a_connection_does_not_get_it_back() -> None:
    """The fault is over long before the sender-SMTP gives up; new channels work then."""
    made = broken("B", "A", **AFTER_MAIL | {"for": 1})
    assert ends_of_sessions(made)[0] == "cut: no reply to MAIL came within 300 s"
    assert made.summary["sessions"] == 2


@pytest.mark.parametrize("ends", ["AB", "BA"])
def test_while_it_lasts_no_channel_can_be_opened(ends: str) -> None:
    """The Initial Connection Protocol needs both connections."""
    made = broken(*ends, at=0)
    (event,) = [event for event in made.trace if event.kind == "unreachable"]
    assert event["reason"] == f"what {ends[0]} sends to {ends[1]} is lost"
    assert counts(made) == {"delivered": 1}


def test_it_is_the_same_after_a_turn() -> None:
    """3.8: the roles change, and each host still has its own connection to the other."""
    hosts = [
        host("A", "ann", turn=True, holds=["B"]),
        host("B", "bob", holds=["A"]),
    ]
    topology = from_dict(
        {
            "environment": [{"name": "net", "transport": "ncp"}],
            "host": hosts,
            "link": [{"between": ["A", "B"]}],
            "mail": [mail("ann@A", "bob@B")],
            "poll": [{"from": "B", "to": "A", "at": 10}, {"from": "B", "to": "A", "at": 2000}],
            "fault": [
                {
                    "kind": "one-way",
                    "link": ["A", "B"],
                    "for": 60,
                    "when": {"host": "B", "event": "command", "verb": "MAIL"},
                }
            ],
        }
    )
    made = lab.simulate(topology)
    assert counts(made) == {"delivered": 1}
    assert "cut: no reply to RCPT came within 300 s" in ends_of_sessions(made)


@pytest.mark.usefixtures("threads")
def test_a_run_on_several_processes_is_the_same() -> None:
    """The two hosts are in one process, as a channel's interceptions are."""
    topology = from_dict(
        {
            "environment": [{"name": "net", "transport": "ncp"}],
            "host": [host("A", "ann"), host("B", "bob", relay=True), host("C", "carl")],
            "link": [
                {"between": ["A", "B"], "latency": 0.1},
                {"between": ["B", "C"], "latency": 0.1},
            ],
            "mail": [mail("ann@A", "bob@B", "carl@C"), mail("carl@C", "bob@B")],
            "fault": [{"kind": "one-way", "link": ["B", "A"], "at": 1.5, "for": 60}],
        }
    )
    alone = lab.simulate(topology)
    assert any("cut: no reply" in reason for reason in ends_of_sessions(alone))
    shared = in_parts(topology, {"A": 0, "B": 0, "C": 1}, 0)
    assert lab.Run(topology, shared.run(), shared).digest == alone.digest
    parts = partitioned(topology, 2).partitions
    assert parts["A"] == parts["B"] != parts["C"]
