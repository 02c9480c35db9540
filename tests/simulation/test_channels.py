"""Several transmission channels from one host to another at a time: the setting ``channels``."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from helpers.live_hosts import live
from helpers.partitions_in_threads import in_parts, threads  # noqa: F401
from helpers.small_topologies import host

import lab
from lab.api.run import Run
from lab.experiments.storm.random_networks import random_network
from lab.topology.model import Topology, from_dict

A, B = "A.ARPA", "B.ARPA"


def load(channels: int, mails: int = 20, **about: Any) -> Topology:
    """Mails from ann at A to joe at B, all at once, over a link with a latency of 100 ms."""
    receiver = about.pop("receiver", {})
    return from_dict(
        {
            "host": [host(A, "ann", channels=channels), host(B, "joe", **receiver)],
            "link": [{"between": [A, B], "latency": "100 ms"}],
            "mail": [{"from": f"ann@{A}", "to": [f"joe@{B}"], "text": "Hi"}] * mails,
            **about,
        }
    )


def most_at_once(run: Run) -> int:
    """How many channels were open at the same time, at most."""
    now = most = 0
    for event in run.trace:
        now += {"open": 1, "close": -1}.get(event.kind, 0)
        most = max(most, now)
    return most


def kinds(run: Run) -> Counter[str]:
    return Counter(event.kind for event in run.trace)


@pytest.mark.parametrize("channels", [1, 2, 5, 50])
def test_mail_goes_over_as_many_channels_as_the_host_may_have(channels: int) -> None:
    """And no more are opened than there are messages; all of it is delivered, once."""
    run = lab.simulate(load(channels))
    assert most_at_once(run) == min(channels, 20)
    assert kinds(run)["open"] == kinds(run)["close"] == min(channels, 20)
    assert (run.summary["delivered"], run.summary["duplicates"]) == (20, 0)
    assert run.breaches == []


def test_several_channels_take_that_much_less_time() -> None:
    ends = [lab.simulate(load(channels)).trace.last for channels in (1, 4)]
    assert ends[0] > 3 * ends[1]


def test_one_message_needs_one_channel() -> None:
    assert kinds(lab.simulate(load(5, mails=1)))["attempt"] == 1


def test_mail_that_comes_later_opens_another_channel() -> None:
    """Each channel sends one message at a time, so mail that comes meanwhile has its own."""
    at = [{"at": n, "from": f"ann@{A}", "to": [f"joe@{B}"], "size": "1 kB"} for n in (0.0, 0.9)]
    run = lab.simulate(load(2, mail=at))
    assert most_at_once(run) == 2
    assert most_at_once(lab.simulate(load(1, mail=at))) == 1


def test_a_host_that_refuses_more_channels_gets_the_mail_over_those_that_it_takes() -> None:
    """A 421 to a further channel holds nothing back, and is not asked for again at once."""
    run = lab.simulate(load(5, receiver={"limits": {"sessions": 2}}))
    assert run.summary["delivered"] == 20
    assert kinds(run)["defer"] == 0
    assert kinds(run)["attempt"] == 5


@pytest.mark.parametrize("code", [421, 554])
def test_a_host_that_refuses_the_only_channel_holds_up_the_mail(code: int) -> None:
    run = lab.simulate(load(1, mails=2, receiver={"answers": {"CONNECT": [code, 220]}}))
    assert kinds(run)["defer" if code == 421 else "refuse"] == 2


def test_a_crash_holds_the_queue_back_once_however_many_channels_there_were() -> None:
    """One failure, one try later, and each message is said to wait once."""
    crash = {"kind": "crash", "host": B, "at": 0.95, "for": "1 s"}
    run = lab.simulate(load(4, mails=8, fault=[crash]))
    events = list(run.trace)
    waits = [event for event in events if event.kind == "defer"]
    assert sorted(event.message or 0 for event in waits) == list(range(1, 9))
    assert len({event["retry_at"] for event in waits}) == 1
    tries = [event["number"] for event in events if event.kind == "attempt"]
    assert tries == [1, 1, 1, 1, 2, 2, 2, 2]
    assert run.summary["delivered"] == 8
    assert run.breaches == []


def test_random_networks_lose_nothing_over_several_channels() -> None:
    """With faults, lists, limits and whatever else they have."""
    opened = 0
    for number in range(40):
        drawn = random_network(3, number)
        hosts = {name: replace(spec, channels=3) for name, spec in drawn.hosts.items()}
        run = lab.simulate(replace(drawn, hosts=hosts), seed=number)
        assert run.breaches == [], number
        assert run.summary["lost"] == 0, number
        opened = max(opened, most_at_once(run))
    assert opened > 2


@pytest.mark.usefixtures("threads")
def test_a_run_on_several_processes_is_the_same() -> None:
    shared = in_parts(load(3), {A: 0, B: 1}, 0)
    assert shared.run().rows == lab.simulate(load(3)).trace.rows


def test_a_live_host_has_as_many_channels() -> None:
    run = live(load(4, mails=12), speed=5)
    assert most_at_once(run) == 4
    assert (run.summary["delivered"], run.summary["duplicates"]) == (12, 0)
    assert run.breaches == []
