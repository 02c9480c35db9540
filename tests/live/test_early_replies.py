"""A reply to mail data that has not left completely answers nothing, simulated and live."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.live_hosts import live
from helpers.small_topologies import host, mail

import lab
from lab.topology.model import from_dict


def network(pause: str) -> lab.Topology:
    """A slow line, and a receiver that says 250 to the mail data a while after its 354."""
    early = {"to": "mail data", "nth": 1, "octets": "250 OK\r\n", "early": True, "pause": pause}
    tables: dict[str, Any] = {
        "host": [host("A.ARPA", "ann"), host("B.ARPA", "bob", reply=[early])],
        "link": [{"between": ["A.ARPA", "B.ARPA"], "bandwidth": "9600 bit/s"}],
        "mail": [mail("ann@A.ARPA", "bob@B.ARPA", text="text\n" * 10_000)],
        "retry": {"first": "60 s", "give_up": "10 min"},
    }
    return from_dict(tables)


@pytest.mark.parametrize("driver", ["simulated", "live"])
@pytest.mark.rule("4.2-1")
def test_a_reply_in_the_middle_of_the_mail_data_breaks_the_channel(driver: str) -> None:
    """The 60 kB need 60 s. The mail stays, is tried again, and arrives."""
    made = network("5 s")
    run = lab.simulate(made) if driver == "simulated" else live(made, 20, durable=False)
    [deferred] = [event for event in run.trace if event.kind == "defer"]
    assert deferred["reason"].startswith("451 the receiver-SMTP replied before it was asked")
    assert run.summary["delivered"] == 1
    assert run.summary["sessions"] == 2
    assert run.breaches == []
