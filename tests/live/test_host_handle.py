"""The handle of a live host's process: to faults, the same as a host."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.places import ROOT, TOPOLOGIES

import lab
from lab.hosts.control import HostControl
from lab.hosts.host import Host
from lab.live.control import Control, channel
from lab.live.host_handle import HostHandle
from lab.live.network import LiveNetwork
from lab.live.settings import Settings

HOST = "MIT-AI.ARPA"


@pytest.fixture
def network(tmp_path: Path) -> Iterator[LiveNetwork]:
    """A network whose processes have not been started."""
    topology = lab.load(TOPOLOGIES / "rfc821/scenario-03.toml")
    network = LiveNetwork(topology, 0, Settings(tmp_path))
    yield network
    network.records.finish()


@pytest.fixture
def process(network: LiveNetwork) -> Iterator[Control]:
    """What a host's process would receive from."""
    ours, theirs = channel()
    network.hosts[HOST].control = Control(ours)
    process = Control(theirs)
    yield process
    process.close()
    ours.close()


def received(process: Control) -> list[tuple[Any, ...]]:
    return list(process.receive())


def abstract_methods() -> set[str]:
    """The names that the source of the abstract class leaves to hosts and to handles."""
    source = (ROOT / "lab/hosts/control.py").read_text(encoding="utf-8")  # compiled: not abstract
    functions = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef)]
    return {n.name for n in functions if "abstractmethod" in map(ast.unparse, n.decorator_list)}


@pytest.mark.parametrize("kind", [Host, HostHandle])
def test_hosts_and_handles_of_hosts_are_the_same_to_faults(kind: type[HostControl]) -> None:
    """Both define all that drivers and faults may ask."""
    assert issubclass(kind, HostControl)
    assert {"submit", "resume", "has_work", "has_queued_mail"} == abstract_methods()
    assert abstract_methods() <= set(vars(kind))


def test_a_fault_is_sent_to_the_process(network: LiveNetwork, process: Control) -> None:
    handle = network.hosts[HOST]
    handle.change_fault("busy", 1)
    handle.shift_clock(-5.0)
    handle.shift_clock(0.0)
    handle.change_fault("busy", -1)
    faults = [("busy", 1), ("skew", -5.0), ("busy", 0)]
    assert received(process) == [("fault", *fault) for fault in faults]


def test_a_host_that_goes_down_twice_is_killed_once(
    network: LiveNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle, killed = network.hosts[HOST], []
    monkeypatch.setattr(handle, "kill", lambda: killed.append(handle.name))
    handle.go_down()
    handle.go_down()
    assert killed == [HOST]
    assert [handle.come_up(), handle.come_up()] == [False, True]


def test_mail_that_a_crash_loses_is_recorded(network: LiveNetwork) -> None:
    handle = network.hosts[HOST]
    handle.unstored = {7: (3, ("1", "2"))}
    handle.lose_memory(5.0)
    assert network.trace.rows[-1] == (5.0, "forget", HOST, None, None, 3, ("1", "2"))
    assert handle.unstored == {}


def test_a_handle_has_work_while_its_process_has_messages_to_handle(
    network: LiveNetwork, process: Control
) -> None:
    handle = network.hosts[HOST]
    assert handle.has_work, "it is not ready"
    handle.ready.set()
    assert not handle.has_work
    handle.send("links", [0, 0])
    assert handle.has_work
    process.send("state", 1, False, 4)
    handle.receive_messages()
    assert not handle.has_work
    assert handle.has_queued_mail
