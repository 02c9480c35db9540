"""What a topology becomes before anything happens."""

from __future__ import annotations

import pytest
from helpers.host_by_hand import HandPort, path
from helpers.places import TOPOLOGIES

import lab
from lab.simulation.planned_routes import planned
from lab.simulation.world import World
from lab.topology.model import from_dict

RELAYED = TOPOLOGIES / "rfc821/scenario-03.toml"
TWO_WAYS = {
    "host": [{"name": name} for name in ("A", "B")] + [{"name": "R", "kind": "router"}],
    "link": [
        {"between": ["A", "B"], "latency": "10 ms"},
        {"between": ["A", "R"], "latency": "20 ms"},
        {"between": ["R", "B"], "latency": "20 ms", "loss": 0.5, "jitter": "5 ms"},
    ],
}


def test_a_world_makes_hosts_that_route_by_its_tables() -> None:
    """A live host is made this way: without a clock, and without the other hosts."""
    world = World(lab.load(RELAYED))
    port = HandPort()
    settings = world.topology.hosts["MIT-AI.ARPA"]
    host = world.make_host(settings, port)
    to = path("@USC-ISIE.ARPA:Jones@BBN-VAX.ARPA")
    host.submit(0.0, 1, path("JQP@MIT-AI.ARPA"), (to,), b"Hello\r\n")
    assert port.kinds() == ["submit", "queue"]
    assert port.wakes == [("USC-ISIE.ARPA", 0.0)]
    assert host.routes is world.routes


def test_channel_routes_go_round_links_that_are_down_until_there_are_none() -> None:
    world = World(from_dict(TWO_WAYS))
    assert world.channel_route("A", "B", "arpanet").nodes == ("A", "B")
    world.links[0].downs += 1
    world.links_changed()
    assert world.channel_route("A", "B", "arpanet").nodes == ("A", "R", "B")
    world.links[2].downs += 1
    world.links_changed()
    with pytest.raises(KeyError):
        world.channel_route("A", "B", "arpanet")


def test_a_channel_route_is_found_once_and_anew_when_links_change() -> None:
    world = World(from_dict(TWO_WAYS))
    route = world.channel_route("A", "B", "arpanet")
    assert world.channel_route("A", "B", "arpanet") is route
    world.links_changed()
    assert world.channel_route("A", "B", "arpanet") is not route


def test_routers_are_on_paths_and_are_no_hosts() -> None:
    world = World(from_dict(TWO_WAYS))
    assert [settings.name for settings in world.host_settings] == ["A", "B"]
    assert world.ranks == {"A": 0, "B": 1, "R": 2}


def test_each_direction_of_a_link_draws_by_itself_from_the_seed() -> None:
    def drawn(world: World) -> list[float]:
        ways = [way for link in world.links for way in (link.to_b, link.to_a)]
        return [stream.random() for way in ways for stream in (way.jitters, way.losses)]

    topology = from_dict(TWO_WAYS)
    first = drawn(World(topology, 1))
    assert first == drawn(World(topology, 1))
    assert len({*first, *drawn(World(topology, 2))}) == 2 * len(first)


def test_planned_routes_are_traced_hop_by_hop() -> None:
    routes, trace = planned(lab.load(RELAYED))
    assert routes[0].hosts == ["MIT-AI.ARPA", "USC-ISIE.ARPA", "BBN-VAX.ARPA"]
    hops = [(event.host, event.peer) for event in trace if event.kind == "plan"]
    assert hops[:2] == [("MIT-AI.ARPA", "USC-ISIE.ARPA"), ("USC-ISIE.ARPA", "BBN-VAX.ARPA")]
