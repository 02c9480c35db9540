"""How each end of a channel comes to know that the other has closed it."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.places import TOPOLOGIES
from helpers.small_topologies import chain, host, mail

import lab
from lab.simulation.simulation import Simulation
from lab.topology.model import from_dict

FILES = sorted(
    path for path in TOPOLOGIES.rglob("*.toml") if "\ntopology = " not in path.read_text()
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_when_all_is_over_no_host_thinks_that_a_session_is_open(path: Path) -> None:
    """The receiver-SMTP's end is closed by what it said itself, or by what it was told."""
    simulation = Simulation(lab.load(path), 0)
    simulation.begin()
    simulation.run()
    assert {host.name: host.open_sessions for host in simulation.hosts.values()} == dict.fromkeys(
        simulation.hosts, 0
    )


def test_a_receiver_hears_of_an_impatient_sender_one_latency_later() -> None:
    """Section 3.5 has the sender close the channel; word of that takes its way like any other."""
    timeouts = {"mail_data": "5 s", "block": "0 s"}
    hosts = [host("A.ARPA", "ann", timeouts=timeouts), host("B.ARPA", "joe", store="20 s")]
    links = [{**link, "latency": "1 s"} for link in chain(*hosts)]
    tables = {"host": hosts, "link": links, "mail": [mail("ann@A.ARPA", "joe@B.ARPA")]}
    simulation = Simulation(from_dict(tables), 0)
    simulation.begin()
    trace, receiver = simulation.trace, simulation.hosts["B.ARPA"]
    while not any(row[1] == "close" for row in trace.rows):
        simulation.env.step()
    assert simulation.env.now == trace.rows[-1][0]
    assert receiver.open_sessions == 1
    simulation.env.run_to(simulation.env.now + 0.99)
    assert receiver.open_sessions == 1
    simulation.env.run_to(simulation.env.now + 0.02)
    assert receiver.open_sessions == 0
