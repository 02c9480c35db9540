"""Links with two directions, and several between two hosts; the times are computed by hand."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt

import lab
from lab.simulation.partitioned.planning import PartitionPlan, shared_out
from lab.simulation.world import World
from lab.topology.model import from_dict


def topology(*links: dict[str, Any], **more: Any) -> lab.Topology:
    hosts = [{"name": name, "users": ["u"], "relay": True} for name in "ABCD"]
    mail = [{"from": "u@A", "to": "u@B", "text": "Hello."}]
    return from_dict({"host": hosts, "link": list(links), "mail": mail} | more)


def replies(run: lab.Run) -> list[tuple[float, float]]:
    """Return when each reply was sent, and when it arrived."""
    return [(event["sent"], event.t) for event in run.trace if event.kind == "reply"]


def test_each_direction_has_its_own_latency() -> None:
    run = lab.simulate(
        topology({"between": ["A", "B"], "latency": "10 ms", "back": {"latency": "200 ms"}})
    )
    assert all(round(t - sent, 9) == 0.2 for sent, t in replies(run))
    commands = [event for event in run.trace if event.kind in ("command", "data")]
    assert all(round(event.t - event["sent"], 9) == 0.01 for event in commands)
    # opened by SYN, SYN and ACK, ACK: 10 + 200 + 10 ms
    assert next(event.t for event in run.trace if event.kind == "open") == 0.22


def test_each_direction_has_its_own_bandwidth() -> None:
    """A control message of TCP is 40 bytes: 0.4 s at 800 bit/s."""
    run = lab.simulate(
        topology({"between": ["A", "B"], "latency": 0, "back": {"bandwidth": "800 bit/s"}})
    )
    assert next(event.t for event in run.trace if event.kind == "open") == 0.4


def test_a_link_seen_from_its_second_end_has_what_is_back_there() -> None:
    link = lab.LinkSpec(
        "A", "B", "arpanet", 0.1, bandwidth=9600, cost=2,
        back=lab.LinkBack(latency=0.2, jitter=0.1, bandwidth=300, loss=0.5, cost=7),
    )  # fmt: skip
    seen = link.reverse
    assert (seen.a, seen.b, seen.latency, seen.jitter, seen.bandwidth) == ("B", "A", 0.2, 0.1, 300)
    assert (seen.loss, seen.cost, seen.back) == (0.5, 7, lab.LinkBack())
    same = lab.LinkSpec("A", "B", "arpanet", 0.1, bandwidth=9600).reverse
    assert same == lab.LinkSpec("B", "A", "arpanet", 0.1, bandwidth=9600, cost=0.1)


def test_the_cost_of_a_direction_is_its_latency_unless_a_cost_is_given() -> None:
    def costs(**values: Any) -> tuple[float, float]:
        return lab.LinkSpec("A", "B", "arpanet", 0.1, **values).costs

    assert costs() == (0.1, 0.1)
    assert costs(back=lab.LinkBack(latency=0.5)) == (0.1, 0.5)
    assert costs(cost=3, back=lab.LinkBack(latency=0.5)) == (3, 3)
    assert costs(cost=3, back=lab.LinkBack(cost=4)) == (3, 4)


def test_mail_goes_the_way_that_is_cheap_in_its_direction() -> None:
    """A ring: from A to C over B, and from C to A over D."""
    links = [
        {"between": ["A", "B"], "cost": 1, "back": {"cost": 9}},
        {"between": ["B", "C"], "cost": 1, "back": {"cost": 9}},
        {"between": ["C", "D"], "cost": 1, "back": {"cost": 9}},
        {"between": ["D", "A"], "cost": 1, "back": {"cost": 9}},
    ]
    routes = World(topology(*links)).routes
    assert routes.route("A", "C") == ["B", "C"]
    assert routes.route("C", "A") == ["D", "A"]


PARALLEL = (
    {"between": ["A", "B"], "latency": "30 ms"},
    {"between": ["A", "B"], "latency": "20 ms", "name": "satellite"},
    {"between": ["B", "A"], "latency": "20 ms", "name": "second"},
)


def latencies(run: lab.Run) -> set[float]:
    return {round(t - sent, 9) for sent, t in replies(run)}


def test_of_parallel_links_a_channel_takes_the_cheapest_and_then_the_first() -> None:
    world = World(topology(*PARALLEL))
    for host, peer in ("AB", "BA"):
        (link,) = world.channel_route(host, peer, "arpanet").links
        assert link.name == "satellite"
    assert latencies(lab.simulate(topology(*PARALLEL))) == {0.02}


def test_parallel_links_need_different_names() -> None:
    same = topology_problems(
        {"between": ["A", "B"], "name": "x"}, {"between": ["B", "A"], "name": "x"}
    )
    assert same == [
        "link[1].between: B and A are joined in arpanet by link[0] already; write one link, or "
        "another environment, or tell them apart by a name"
    ]


def topology_problems(*links: dict[str, Any]) -> list[str]:
    try:
        topology(*links)
    except lab.TopologyError as error:
        return error.problems
    return []


def test_parallel_links_made_in_python_need_different_names() -> None:
    links = (lab.LinkSpec("A", "B", "arpanet"), lab.LinkSpec("B", "A", "arpanet"))
    hosts = {name: lab.HostSettings(name) for name in "AB"}
    environments = {"arpanet": lab.Environment("arpanet")}
    made = lab.Topology(environments=environments, hosts=hosts, links=links)
    try:
        made.ready()
    except lab.TopologyError as error:
        (problem,) = error.problems
    assert "links[1]: links[0] joins B and A already" in problem


def test_jitter_and_loss_models_work_over_several_processes() -> None:
    """A normal jitter may not bring anything to another process sooner than it may expect it."""
    link = {
        "between": ["A", "B"], "latency": "1 s",
        "jitter": {"distribution": "normal", "mean": 0, "sd": 0.3, "min": -0.4},
        "loss": {"model": "gilbert-elliott", "p": 0.1, "r": 0.3},
        "back": {"latency": "0.8 s"},
    }  # fmt: skip
    links = [{**link, "between": list(ends)} for ends in ("AB", "BC", "CD")]
    other = {"between": ["B", "C"], "name": "other", "latency": "2 s"}
    network = topology(*links, other, traffic=[{"count": 60, "rate": "200 /s"}])
    plan = shared_out(network, 2)
    assert isinstance(plan, PartitionPlan)
    assert round(plan.lookahead, 9) == 0.4  # 0.8 s back, and at most 0.4 s less
    assert lab.simulate(network).digest == lab.simulate(network, processes=2).digest


def test_the_map_says_what_each_direction_of_a_link_has() -> None:
    """Also where a loss is a model, a jitter a distribution, and a link has a name."""
    link = {
        "between": ["A", "B"], "name": "satellite", "latency": "270 ms", "loss": 0.1,
        "jitter": {"distribution": "exponential", "mean": "1 ms"},
        "back": {"latency": "540 ms", "loss": {"model": "gilbert-elliott", "p": 0.1, "r": 0.3}},
    }  # fmt: skip
    ax = lab.simulate(topology(link)).plot("map")
    words = [text.get_text() for text in ax.texts]
    plt.close(ax.figure)
    assert "satellite\n270 ms / 540 ms\nloss 0.1 / loss in bursts" in words
