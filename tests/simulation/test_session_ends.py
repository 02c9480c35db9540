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


def shut_down(kind: str, at: float, store: str = "0 s", **settings: object) -> lab.Run:
    """A sends a message to B, over a link of a second, and B stops for half a minute."""
    hosts = [host("A", "ann"), host("B", "bob", store=store, **settings)]
    links = [{**link, "latency": "1 s"} for link in chain(*hosts)]
    fault = {"kind": kind, "host": "B", "at": at, "for": "30 s"}
    return lab.simulate(
        from_dict(
            {
                "host": hosts, "link": links, "mail": [mail("ann@A", "bob@B")], "fault": [fault],
                "retry": {"first": "60 s", "give_up": "1 h"},
            }
        )
    )  # fmt: skip


def reasons(run: lab.Run, kind: str) -> list[str]:
    return [event["reason"] for event in run.trace if event.kind == kind]


CLOSING = "421 B Service not available, closing transmission channel"


@pytest.mark.parametrize("at", [4.5, 6.5, 8.5, 10.5, 11.5, 12.5])
def test_a_host_that_shuts_down_says_421_and_one_that_crashes_nothing(at: float) -> None:
    """4.2.1: "may be a reply to any command if the service knows it must shut down"."""
    run = shut_down("host-down", at)
    said = next(event for event in run.trace if event.kind == "reply" and event["code"] == 421)
    assert said.t == at + 1
    assert reasons(run, "close") == ["closed", "quit"]
    assert reasons(run, "defer") == [CLOSING]
    commands = [event.t for event in run.trace if event.host == "B" and event.kind == "command"]
    assert not any(at <= t <= at + 30 for t in commands), "a host that is down heard something"
    assert run.breaches == []
    crashed = shut_down("crash", at)
    assert reasons(crashed, "close") == ["cut: B crashed", "quit"]
    assert not any(event["code"] == 421 for event in crashed.trace if event.kind == "reply")


@pytest.mark.parametrize("reply", [[], [{"to": "RSET", "octets": "250 OK\r\n"}]])
def test_mail_that_is_being_stored_gets_its_250_before_the_421(reply: list[object]) -> None:
    """So no duplicate comes of a shutdown in order."""
    run = shut_down("host-down", 15, "5 s", reply=reply)
    codes = [event["code"] for event in run.trace if event.kind == "reply"]
    assert codes == [220, 250, 250, 250, 354, 250, 421]
    assert reasons(run, "close") == ["closed"]
    assert (run.summary["delivered"], run.summary["duplicates"]) == (1, 0)


def test_part_of_a_command_is_lost_when_it_comes_to_a_host_that_has_shut_down() -> None:
    hang_up = {"kind": "hang-up", "at": 0, "link": ["A", "B"], "after": "5 B"}
    hosts = [host("A", "ann"), host("B", "bob")]
    links = [{**link, "latency": "1 s"} for link in chain(*hosts)]
    down = {"kind": "host-down", "host": "B", "at": 4.5, "for": "30 s"}
    tables = {"host": hosts, "link": links, "fault": [hang_up, down]}
    run = lab.simulate(from_dict({**tables, "mail": [mail("ann@A", "bob@B")]}))
    assert reasons(run, "close")[0].startswith("cut: after 5 B")
    assert not any(event.kind == "command" and event.t < 35 for event in run.trace)


@pytest.mark.parametrize("at", [1.5, 19.5])
def test_a_channel_that_is_not_open_or_is_closing_hears_no_421(at: float) -> None:
    run = shut_down("host-down", at)
    assert not any(event["code"] == 421 for event in run.trace if event.kind == "reply")
    assert run.summary["delivered"] == 1
