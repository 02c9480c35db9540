"""A link, host or traffic entry that is added, removed or moved leaves the draws of all others."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.simulation.agenda import submissions
from lab.simulation.simulation import simulate
from lab.simulation.world import World
from lab.topology.model import Topology, TopologyError, from_dict
from lab.trace.rows import Event

HOSTS = [{"name": name, "users": [name.lower()]} for name in "ABC"]
LOSSY: dict[str, Any] = {"between": ["A", "B"], "loss": 0.3, "jitter": "50 ms"}
OTHER: dict[str, Any] = {"between": ["B", "C"], "loss": 0.3}
TO_B = {"count": 5, "rate": "1 /min", "from": "a@A", "to": "b@B"}
TO_C = {"count": 5, "rate": "1 /min", "from": "b@B", "to": "c@C"}


def topology(**changed: Any) -> Topology:
    tables = {"host": HOSTS, "link": [LOSSY, OTHER], "traffic": [TO_B, TO_C]}
    return from_dict(tables | changed)


def between(topology: Topology, a: str, b: str) -> list[tuple[Any, ...]]:
    """Return what happened between two hosts in a run, when, with numbers left out."""
    trace = simulate(topology, seed=3)
    return [_plain(e) for e in trace if {e.host, e.peer} == {a, b} and e.kind != "accept"]


def _plain(event: Event) -> tuple[Any, ...]:
    return event.t, event.kind, event.host, event.peer


PLAIN = between(topology(traffic=[TO_B]), "A", "B")
"""What happens between A and B, as long as nobody but a@A sends anything."""


@pytest.mark.parametrize(
    "changed",
    [
        {"link": [OTHER, LOSSY]},
        {"link": [LOSSY | {"between": ["B", "A"]}, OTHER]},
        {"link": [LOSSY]},
        {"link": [{"between": ["A", "C"], "loss": 0.5, "jitter": "1 s", "cost": 9}, LOSSY, OTHER]},
        {"host": HOSTS[::-1]},
        {"host": [{"name": "D", "users": ["d"]}, *HOSTS]},
        {"link": [LOSSY | {"environment": "arpanet"}, OTHER]},
        {"fault": [{"kind": "loss", "link": ["B", "C"], "rate": "9 /s", "value": 0.9}]},
    ],
    ids=["moved", "reversed", "one less", "one more", "hosts moved", "host more", "named", "fault"],
)  # fmt: skip
def test_other_links_and_hosts_change_nothing_of_a_link(changed: dict[str, Any]) -> None:
    assert any(kind == "loss" for _, kind, _, _ in PLAIN)
    assert between(topology(traffic=[TO_B], **changed), "A", "B") == PLAIN


def arrivals(topology: Topology, sender: str) -> list[tuple[Any, ...]]:
    world = World(topology, 3)
    mail = submissions(topology, 3, world.routes, lambda _: True)
    return [(each.at, str(each.to[0])) for each in mail if each.host == sender]


@pytest.mark.parametrize(
    "entries",
    [[TO_C, TO_B], [TO_B], [TO_B, TO_B | {"to": "c@C", "from": "c@C"}], [TO_B | {"size": 9}]],
    ids=["moved", "one less", "another", "another size"],
)
def test_other_entries_change_nothing_of_a_traffic_entry(entries: list[dict[str, Any]]) -> None:
    expected = arrivals(topology(), "A")
    assert len(expected) == 5
    assert arrivals(topology(traffic=entries), "A") == expected


def test_a_named_entry_keeps_its_draws_whatever_comes_before_it_and_whatever_it_matches() -> None:
    named = TO_B | {"name": "morning"}
    expected = arrivals(topology(traffic=[named]), "A")
    twice = topology(traffic=[TO_B | {"from": "c@C"}, TO_B | {"from": "c@C"}, named])
    assert arrivals(twice, "A") == expected
    assert [at for at, _ in arrivals(topology(traffic=[named | {"to": "*"}]), "A")] == [
        at for at, _ in expected
    ]


def test_entries_with_the_same_globs_draw_different_numbers() -> None:
    ten = arrivals(topology(traffic=[TO_B, TO_B]), "A")
    assert len(set(ten)) == 10


def test_another_rate_stretches_the_same_arrivals() -> None:
    slow = arrivals(topology(), "A")
    fast = arrivals(topology(traffic=[TO_B | {"rate": "2 /min"}]), "A")
    assert [at for at, _ in fast] == pytest.approx([at / 2 for at, _ in slow], abs=1e-4)


def test_users_are_drawn_by_their_names_and_not_by_their_place_in_the_file() -> None:
    anybody = {"count": 20, "rate": "1 /s"}
    forth = arrivals(topology(traffic=[anybody]), "A")
    back = arrivals(topology(traffic=[anybody], host=HOSTS[::-1]), "A")
    assert forth == back
    assert forth


def lost(loss: float) -> list[int]:
    """Return how often each of 400 segments was lost."""
    direction = World(topology(link=[LOSSY | {"loss": loss}, OTHER]), 5).links[0].to_b
    return [sum(direction.lost(1)) for _ in range(400)]


def test_a_link_that_loses_more_loses_all_that_it_would_lose_otherwise() -> None:
    little, much = lost(0.1), lost(0.4)
    assert all(few <= many for few, many in zip(little, much, strict=True))
    assert sum(bool(times) for times in little) == pytest.approx(40, abs=20)
    assert sum(times > 1 for times in much) == pytest.approx(64, abs=25)


def test_jitter_does_not_change_what_is_lost() -> None:
    calm = World(topology(link=[LOSSY | {"jitter": 0}, OTHER]), 5).links[0].to_b
    direction = World(topology(), 5).links[0].to_b
    for _ in range(50):
        direction.pass_on(0.0, 0.0, 100, 100)
        assert direction.lost(3) == calm.lost(3)


FAULT = {"kind": "crash", "host": "*", "rate": "90 /h", "for": "1 s"}


@pytest.mark.parametrize(
    "faults", [[FAULT, FAULT], [{"kind": "busy", "host": "B", "rate": "1 /s", "for": "1 s"}, FAULT]]
)
def test_other_faults_change_nothing_of_a_fault(faults: list[dict[str, Any]]) -> None:
    def crashes(faults: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        trace = simulate(topology(fault=faults), seed=3, until=250)
        return [_plain(e) for e in trace if e.kind == "fault" and e["name"] == "crash"]

    alone = crashes([FAULT])
    assert alone
    assert set(alone) <= set(crashes(faults))


def test_two_entries_cannot_have_one_name() -> None:
    twice = [TO_B | {"name": "lunch"}, TO_C | {"name": "lunch"}]
    with pytest.raises(TopologyError, match=r"traffic\[0\] is named .lunch. already"):
        topology(traffic=twice)
    fine = topology(traffic=[TO_B | {"name": "lunch"}])
    with pytest.raises(TopologyError, match=r"traffic\[1\].name: traffic\[0\] is named 'lunch'"):
        Topology(
            hosts=fine.hosts, links=fine.links, environments=fine.environments,
            traffic=fine.traffic * 2,
        ).ready()  # fmt: skip


# -- whatever is added, removed and moved, all at once ---------------------------------------------

MUCH_LATER = 3600.0
MANY_HOSTS = [{"name": name, "users": [name.lower()]} for name in "ABCDEF"]
LINKS = [
    {"between": between, "name": name, "loss": 0.3, "jitter": "50 ms", "latency": f"{place} ms"}
    for place, (between, name) in enumerate(
        (between, name)
        for between in (["A", "B"], ["B", "C"], ["C", "A"], ["C", "D"], ["E", "F"])
        for name in ("upper", "lower", "third")
    )
]
ENTRIES = [
    {"name": name, "count": 4, "rate": "1 /min", "from": f"{sender.lower()}@{sender}", "to": "*"}
    for sender, name in zip("ABC", ("early", "late", "never"), strict=True)
]
ANY_FAULTS = [
    {"kind": "crash", "host": name, "rate": "20 /h", "for": "9 s"} for name in ("A", "C", "E")
]


def changed_lists(tables: list[dict[str, Any]], least: int = 0) -> st.SearchStrategy[Any]:
    """Return some of the tables, in any order."""
    some = st.lists(st.sampled_from(tables), min_size=least, unique_by=tables.index)
    return some.flatmap(st.permutations)


def draws_of_links(made: Topology) -> dict[Any, Any]:
    """Return what is drawn first for each direction of each link."""
    draws = {}
    for link in World(made, 11).links:
        for way in (link.to_a, link.to_b):
            delays = [way.pass_on(0.0, 0.0, 100, 100) for _ in range(5)]
            ends = way.a, way.b, link.name
            draws[ends] = delays, [way.lost(1) for _ in range(20)]
    return draws


def draws_of_traffic(made: Topology) -> dict[str, list[float]]:
    """Return when each sender hands in mail."""
    times: dict[str, list[float]] = {}
    for mail in submissions(made, 11, World(made, 11).routes, lambda _: True):
        if mail.at < MUCH_LATER:
            times.setdefault(mail.host, []).append(mail.at)
    return times


def draws_of_faults(made: Topology) -> dict[str, list[float]]:
    """Return when each host crashes, in the first minutes."""
    times: dict[str, list[float]] = {}
    for event in simulate(made, seed=11, until=300):
        if event.kind == "fault":
            times.setdefault(event.host, []).append(event.t)
    return times


def of_tables(hosts: Any, links: Any, entries: Any, faults: Any) -> Topology:
    named = {host["name"] for host in hosts}
    tables = {
        "link": [link for link in links if named.issuperset(link["between"])],
        "traffic": [entry for entry in entries if entry["from"][-1] in named],
        "fault": [fault for fault in faults if fault["host"] in named],
    }
    # faults end when all mail is settled, so there is a message much later
    last = {"at": MUCH_LATER, "from": "a@A", "to": ["a@A"]}
    return from_dict({"host": list(hosts), "mail": [last], **tables})


WHOLE = of_tables(MANY_HOSTS, LINKS, ENTRIES, ANY_FAULTS)
LINK_DRAWS, TRAFFIC_DRAWS = draws_of_links(WHOLE), draws_of_traffic(WHOLE)
FAULT_DRAWS = draws_of_faults(WHOLE)
FIRST = MANY_HOSTS[:1]


@settings(deadline=None)
@given(
    hosts=changed_lists(MANY_HOSTS[1:]).map(lambda some: [*some, *FIRST]),
    links=changed_lists(LINKS), entries=changed_lists(ENTRIES), faults=changed_lists(ANY_FAULTS),
)  # fmt: skip
def test_whatever_is_left_draws_as_it_did(
    hosts: Any, links: Any, entries: Any, faults: Any
) -> None:
    """Hosts, parallel links, traffic entries and faults: each keeps its own stream."""
    made = of_tables(hosts, links, entries, faults)
    assert draws_of_links(made).items() <= LINK_DRAWS.items()
    assert draws_of_traffic(made).items() <= TRAFFIC_DRAWS.items()
    assert draws_of_faults(made).items() <= FAULT_DRAWS.items()
