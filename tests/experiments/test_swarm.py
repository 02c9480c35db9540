"""Each run of a storm leaves some features out, and some have scripted receivers."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from functools import cache
from typing import Any

import lab
from lab.experiments.storm.random_networks import random_network
from lab.experiments.storm.swarm import storm_network
from lab.hosts.reply_script import STAGES
from lab.topology.model import Topology, from_dict

MANY = range(150)


@cache
def pairs() -> list[tuple[Topology, Topology]]:
    return [(random_network(3, number), storm_network(3, number)) for number in MANY]


def test_the_network_is_the_one_that_is_drawn_alone() -> None:
    for plain, made in pairs():
        assert list(made.hosts) == list(plain.hosts)
        assert [link.latency for link in made.links] == [link.latency for link in plain.links]
        assert [mail.text for mail in made.mail] == [mail.text for mail in plain.mail]


def test_each_kind_of_fault_is_left_out_of_some_runs_and_not_of_others() -> None:
    kinds = {fault.kind for plain, _ in pairs() for fault in plain.faults}
    for kind in kinds:
        left = [
            any(fault.kind == kind for fault in made.faults)
            for plain, made in pairs()
            if any(fault.kind == kind for fault in plain.faults)
        ]
        assert any(left), kind
        assert not all(left), kind


def test_some_hosts_are_scripted_at_each_stage_and_in_each_manner() -> None:
    scripted = [host for _, made in pairs() for host in made.hosts.values() if host.replies]
    replies = [reply for host in scripted for reply in host.replies]
    assert {reply.to for reply in replies} == set(STAGES[:7])
    assert {reply.ends for reply in replies} == {"", "cut", "half-close", "silence"}
    assert any(reply.early for reply in replies)
    assert any(reply.pieces for reply in replies)
    assert any(not host.replies for _, made in pairs() for host in made.hosts.values())


def test_what_is_drawn_passes_the_checks_of_settings() -> None:
    """They are not made for each of many networks; made of the same values again, each part is."""
    for _, made in pairs()[:60]:
        users = [user for host in made.hosts.values() for user in host.users]
        replies = [reply for host in made.hosts.values() for reply in host.replies]
        parts: list[Any] = [*made.hosts.values(), *made.links, *made.mail, *made.faults, made]
        for part in [*users, *replies, *parts]:
            assert repr(replace(part)) == repr(part)


def test_a_network_of_a_storm_is_read_again_from_its_file() -> None:
    for _, made in pairs()[:60]:
        again = from_dict(tomllib.loads(made.to_toml()))
        assert replace(again, notes=()) == made


def test_scripted_receivers_break_no_rule() -> None:
    storm = lab.storm(80, seed=4)
    assert storm.broken == []
    assert storm.total("lost") == 0
