"""A file changes the hosts and links of its graph by name, label or glob; so do overrides."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import networkx
import pytest

from lab.analysis.links import links_between
from lab.topology.describe import describe
from lab.topology.model import Topology, TopologyError, from_dict, load
from lab.topology.selection import pairs

NODES = [
    {"id": "Denver", "users": ["root"]}, {"id": "St. Louis"}, {"id": "東京"}, {"id": "New York"},
    {"id": 4, "label": "None"}, {"id": 5, "label": "None"},
]  # fmt: skip
LINKS = [
    {"source": "Denver", "target": "St. Louis", "latency": "10 ms", "cost": 7},
    {"source": "東京", "target": "Denver"},
    {"source": "New York", "target": "Denver"},
    {"source": 4, "target": 5},
]


def loaded(tmp_path: Path, text: str = "", sets: Any = ()) -> Topology:
    graph = {"nodes": NODES, "links": LINKS}
    (tmp_path / "map.json").write_text(json.dumps(graph))
    path = tmp_path / "x.toml"
    path.write_text(f'graph = "map.json"\n{text}', encoding="utf-8")
    return load(path, sets=sets)


def problems(tmp_path: Path, text: str = "", sets: Any = ()) -> list[str]:
    with pytest.raises(TopologyError) as caught:
        loaded(tmp_path, text, sets)
    return [problem.removeprefix(f"{tmp_path / 'x.toml'}, ") for problem in caught.value.problems]


def links(topology: Topology) -> dict[str, Any]:
    return {f"{link.a} {link.b}": link for link in topology.links}


@pytest.mark.parametrize("name", ["DENVER", "denver", "Den*", "d?nver"])
def test_a_host_of_the_graph_is_changed_by_name_or_glob(name: str, tmp_path: Path) -> None:
    text = f'[[host]]\nname = "{name}"\nrelay = false\nlimits = {{ line = 600 }}\n'
    before, after = loaded(tmp_path), loaded(tmp_path, text)
    assert list(after.hosts) == list(before.hosts)
    host = after.hosts["Denver"]
    assert (host.relay, host.limits.line, [user.name for user in host.users]) == (
        False, 600, ["root"],
    )  # fmt: skip
    others = [name for name in before.hosts if name != "Denver"]
    assert [after.hosts[name] for name in others] == [before.hosts[name] for name in others]


@pytest.mark.parametrize("label", ["東京", "st.  louis", "NEW YORK"])
def test_a_host_of_the_graph_is_changed_by_its_label(label: str, tmp_path: Path) -> None:
    text = f'[[host]]\nname = "{label}"\nusers = ["ann", "bob"]\n'
    changed = [host for host in loaded(tmp_path, text).hosts.values() if len(host.users) == 2]
    (host,) = changed
    assert host.label.casefold() == " ".join(label.split()).casefold()


def test_users_replace_those_of_the_graph(tmp_path: Path) -> None:
    text = '[[host]]\nname = "Denver"\n[[host.user]]\nname = "Jones"\n'
    assert [user.name for user in loaded(tmp_path, text).hosts["Denver"].users] == ["Jones"]


def test_a_glob_changes_all_that_it_matches(tmp_path: Path) -> None:
    hosts = loaded(tmp_path, '[[host]]\nname = "*"\nrelay = false\n').hosts
    assert {host.relay for host in hosts.values()} == {False}
    hosts = loaded(tmp_path, '[[host]]\nname = "none*"\nrelay = false\n').hosts
    assert [name for name, host in hosts.items() if not host.relay] == ["None", "None-2"]


def test_later_tables_go_before_earlier_ones_and_overrides_before_both(tmp_path: Path) -> None:
    text = '[[host]]\nname = "*"\ntitle = "one"\n[[host]]\nname = "Denver"\ntitle = "two"\n'
    assert [host.title for host in loaded(tmp_path, text).hosts.values()] == ["two", *["one"] * 5]
    hosts = loaded(tmp_path, text, ["host.東京.title=three"]).hosts
    assert [host.title for host in hosts.values()] == ["two", "one", "three", *["one"] * 3]


def test_a_host_and_a_link_that_the_graph_does_not_have_are_added(tmp_path: Path) -> None:
    text = '[[host]]\nname = "GW.ARPA"\n[[link]]\nbetween = ["GW.ARPA", "東京"]\ncost = 3\n'
    topology = loaded(tmp_path, text)
    assert list(topology.hosts)[-1] == "GW.ARPA"
    assert links(topology)["GW.ARPA DongJing"].cost == 3
    assert not any("GW.ARPA" in note for note in topology.notes)


def test_a_note_says_that_an_added_host_may_be_misspelt(tmp_path: Path) -> None:
    note = loaded(tmp_path, '\n[[host]]\nname = "Denwer"\n').notes[-1]
    assert note.endswith(
        "x.toml, line 3, host[0]: 'Denwer' is not in the graph, and no link joins it; "
        "did you mean Denver?"
    )


@pytest.mark.parametrize(
    "between", ['["Denver", "St. Louis"]', '["St.Louis", "DENVER"]', '["den*", "st*"]']
)
def test_a_link_of_the_graph_is_changed_by_its_ends(between: str, tmp_path: Path) -> None:
    topology = loaded(tmp_path, f'[[link]]\nbetween = {between}\nlatency = "2 s"\n')
    assert len(topology.links) == len(LINKS)
    link = links(topology)["Denver St.Louis"]
    assert (link.latency, link.cost) == (2.0, 7)


def test_a_glob_changes_all_links_between(tmp_path: Path) -> None:
    topology = loaded(tmp_path, '[[link]]\nbetween = ["*", "Denver"]\nloss = 0.5\n')
    assert [link.loss for link in topology.links] == [0.5, 0.5, 0.5, 0.0]


def test_a_link_in_another_environment_is_added_and_a_glob_moves_links_there(
    tmp_path: Path,
) -> None:
    both = '[[environment]]\nname = "arpanet"\n[[environment]]\nname = "csnet"\n'
    one = '[[link]]\nbetween = ["Denver", "New York"]\nenvironment = "csnet"\n'
    topology = loaded(tmp_path, both + one)
    assert [link.environment for link in topology.links] == ["arpanet"] * 4 + ["csnet"]
    many = '[[link]]\nbetween = ["Denver", "*"]\nenvironment = "csnet"\n'
    environments = [link.environment for link in loaded(tmp_path, both + many).links]
    assert environments == ["csnet", "csnet", "csnet", "arpanet"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[[host]]\nname = "Dem*"\n',
         "line 3, host[0].name: no host of the graph is like 'Dem*'"),
        ('[[link]]\nbetween = ["x*", "Denver"]\n',
         "line 3, link[0].between: no link of the graph joins hosts like 'x*' and 'Denver'"),
        ('[[link]]\nbetween = ["Denvr", "東京"]\n',
         "line 3, link[0].between[0]: there is no host 'Denvr'; did you mean Denver?"),
        ('[[host]]\nname = "*"\nrelay = "maybe"\n',
         "line 4, host[0].relay: 'maybe' is not true or false; write relay = true or relay = "
         "false"),
        ('[[host]]\nname = "Denver"\nrelais = true\n',
         "line 4, host[0].relais: unknown key; did you mean relay?"),
        ('[[link]]\nbetween = ["Denver", "New York"]\nlatency = "3 parsecs"\n',
         "line 4, link[0].latency: '3 parsecs' has no unit"),
        ('[host]\nname = "Denver"\n', "line 2, host: there may be several of these; "),
        ('[[host]]\nrelay = true\n', "line 2, host[0].name: name is missing"),
    ],
)  # fmt: skip
def test_a_change_that_cannot_be_is_told_by_its_line(
    text: str, sentence: str, tmp_path: Path
) -> None:
    (problem,) = problems(tmp_path, text)
    assert problem.startswith(sentence)


@pytest.mark.parametrize(
    ("one", "changed"),
    [
        ("host.Denver.relay=false", ["Denver"]),
        ("host.denver.relay=false", ["Denver"]),
        ("host.den*.relay=false", ["Denver"]),
        ("host.St. Louis.relay=false", ["St.Louis"]),
        ("host.St*.relay=false", ["St.Louis"]),
        ("host.東京.relay=false", ["DongJing"]),
        ("host.2.relay=false", ["DongJing"]),
        ("host.N*.relay=false", ["New-York", "None", "None-2"]),
    ],
)
def test_an_override_finds_hosts_of_the_graph(one: str, changed: list[str], tmp_path: Path) -> None:
    hosts = loaded(tmp_path, sets=[one]).hosts
    assert [name for name, host in hosts.items() if not host.relay] == changed


@pytest.mark.parametrize(
    ("one", "changed"),
    [
        ("link.Denver-St.Louis.cost=1", [0]),
        ("link.St. Louis-Denver.cost=1", [0]),
        ("link.St. Louis - Denver.cost=1", [0]),
        ("link.New-York-Denver.cost=1", [2]),
        ("link.denver–東京.cost=1", [1]),
        ("link.1.cost=1", [1]),
        ("link.*-Denver.cost=1", [0, 1, 2]),
        ("link.*.cost=1", [0, 1, 2, 3]),
    ],
)
def test_an_override_finds_links_by_their_ends(
    one: str, changed: list[int], tmp_path: Path
) -> None:
    found = loaded(tmp_path, sets=[one]).links
    assert [number for number, link in enumerate(found) if link.cost == 1] == changed


@pytest.mark.parametrize(
    ("one", "sentence"),
    [
        ("host.Denwer.relay=false", "host has nothing named 'Denwer'; did you mean Denver?"),
        ("host.x*.relay=false", "host has nothing named 'x*'; write a name, or a number"),
        ("link.Denwer-東京.cost=1",
         "link has nothing named 'Denwer-東京': there is no host 'Denwer'; did you mean Denver?"),
        ("link.東京-New York.cost=1",
         "link has nothing named '東京-New York': no link joins 東京 and New York"),
        ("link.x.cost=1", "link has nothing named 'x'; write a name, or a number"),
        ("link.99.cost=1", "link has no number 99; its numbers are 0 to 3"),
        ("host.Denver.relay.x=1", "host[0].relay is true, which has no x in it"),
    ],
)  # fmt: skip
def test_an_override_that_finds_nothing_says_what_is_meant(
    one: str, sentence: str, tmp_path: Path
) -> None:
    text = '[[host]]\nname = "Denver"\nrelay = true\n'
    (problem,) = problems(tmp_path, text, [one])
    assert problem.startswith(f"--set {one}: {sentence}")


def test_a_label_of_several_hosts_names_none_of_them() -> None:
    hosts = [{"name": "A", "label": "x y"}, {"name": "B", "label": "X  Y"}, {"name": "C"}]
    with pytest.raises(TopologyError, match="2 hosts have the label x y; write a name: A, B"):
        from_dict({"host": hosts}, sets=["host.x y.relay=true"])
    with pytest.raises(TopologyError, match="2 hosts have the label 'x y'; write a name: A, B"):
        from_dict({"host": hosts, "link": [{"between": ["x y", "C"]}]})
    graph = from_dict({"host": hosts}).graph
    with pytest.raises(TopologyError, match="2 hosts have the label x y; write a name: A, B"):
        Topology.from_graph(graph, host=[{"name": "x y", "relay": True}])
    assert from_dict({"host": hosts}).host("x y") is None


def test_a_fault_and_the_topology_take_labels_for_names(tmp_path: Path) -> None:
    text = '[[fault]]\nkind = "crash"\nhost = "東京"\nat = "1 s"\nfor = "1 s"\n'
    topology = loaded(tmp_path, text)
    assert topology.faults[0].host == "DongJing"
    assert topology.host("st. louis") is topology.hosts["St.Louis"]


def test_overrides_find_hosts_and_links_of_a_file_too() -> None:
    raw = {
        "host": [{"name": "A.ARPA", "label": "Ä"}, {"name": "B.ARPA"}, {"name": "C"}],
        "link": [{"between": ["A.ARPA", "B.ARPA"]}, {"between": ["B.ARPA", "C"]}],
    }
    topology = from_dict(raw, sets=["host.*.ARPA.relay=true", "link.a.arpa-b.arpa.loss=0.5",
                                    "link.*-C.cost=2", "host.ä.title=t"])  # fmt: skip
    assert [host.relay for host in topology.hosts.values()] == [True, True, False]
    assert [link.loss for link in topology.links] == [0.5, 0.0]
    assert [link.cost for link in topology.links] == [None, 2]
    assert topology.hosts["A.ARPA"].title == "t"


GENERATE = '[generate]\nkind = "gnp_random_graph"\nn = 9\np = 0.4\n'


def test_changes_of_a_generated_graph_hold_for_every_seed(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(GENERATE + '[[host]]\nname = "H3"\nusers = ["ann", "bob"]\n')
    topology = load(path, sets=["host.H4.relay=false", 'link.*.latency="2 s"'])
    again = topology.with_seed(5)
    assert len(again.links) != len(topology.links)
    for each in (topology, again):
        assert (len(each.hosts["H3"].users), each.hosts["H4"].relay) == (2, False)
        assert {link.latency for link in each.links} == {2.0}


def test_a_graph_from_python_is_changed_in_the_same_way() -> None:
    graph = networkx.Graph([("東京", "B")])
    topology = Topology.from_graph(
        graph,
        host=[{"name": "東京", "relay": False}],
        link=[{"between": ["B", "DongJing"], "loss": 0.25}],
        sets={"host.B.users": ["x", "y"]},
    )
    assert not topology.hosts["DongJing"].relay
    assert topology.links[0].loss == 0.25
    assert len(topology.hosts["B"].users) == 2


def test_a_text_is_read_as_two_ends_in_every_way() -> None:
    assert list(pairs("a-b-c")) == [("a", "b-c"), ("a-b", "c")]
    assert list(pairs("a – b")) == [("a", "b")]
    assert list(pairs("-a")) == list(pairs("a-")) == []


def test_a_topology_is_changed_in_python_as_its_file_is_by_overrides(tmp_path: Path) -> None:
    sets = {"host.東京.relay": False, "link.*-Denver.loss": 0.5, "retry.first": "3 min"}
    changed = loaded(tmp_path).change(sets)
    assert changed == loaded(tmp_path, sets=sets)
    assert loaded(tmp_path).change([]) == loaded(tmp_path)
    assert changed.hosts["DongJing"].label == "東京"
    with pytest.raises(TopologyError, match="did you mean Denver"):
        changed.change(["host.Denwer.relay=true"])
    with pytest.raises(TopologyError, match="it has no value"):
        changed.change(["host.Denver.relay"])


def test_a_generated_graph_that_was_changed_stays_as_it_is_for_every_seed() -> None:
    topology = from_dict({"generate": {"kind": "gnp_random_graph", "n": 9, "p": 0.4}})
    changed = topology.change({"host.H4.title": "two", "title": "x"})
    assert changed.links == topology.links
    assert (changed.hosts["H4"].title, changed.title) == ("two", "x")
    assert changed.with_seed(5) is changed


TWINS = [{"name": "A", "label": "x y"}, {"name": "B", "label": "X  Y"}, {"name": "C"}]


def test_a_link_is_not_changed_by_a_label_of_several_hosts() -> None:
    graph = from_dict({"host": TWINS, "link": [{"between": ["A", "C"]}]}).graph
    with pytest.raises(TopologyError, match="2 hosts have the label x y; write a name: A, B"):
        Topology.from_graph(graph, link=[{"between": ["x y", "C"], "loss": 0.5}])


def parallel() -> networkx.MultiGraph:
    links = [
        {"between": ["A", "B"], "name": "land", "latency": "10 ms"},
        {"between": ["A", "B"], "name": "satellite", "latency": "250 ms"},
    ]
    return from_dict({"host": [{"name": "A"}, {"name": "B"}], "link": links}).graph


def test_one_of_several_links_is_changed_by_its_name() -> None:
    """A name that none of them has is another link; without a name all of them are meant."""
    named = Topology.from_graph(
        parallel(), link=[{"between": ["B", "A"], "name": "satellite", "loss": 0.5}]
    )
    assert [(link.name, link.loss) for link in named.links] == [("land", 0.0), ("satellite", 0.5)]
    both = Topology.from_graph(parallel(), link=[{"between": ["A", "B"], "loss": 0.5}])
    assert [link.loss for link in both.links] == [0.5, 0.5]
    more = Topology.from_graph(parallel(), link=[{"between": ["A", "B"], "name": "radio"}])
    assert [link.name for link in more.links] == ["land", "satellite", "radio"]


def back_and_forth(change: dict[str, Any], *, turned: bool) -> tuple[float, float, float, float]:
    """The latencies and losses of a link, A to B and B to A, after a change from either end."""
    graph = networkx.DiGraph()
    graph.add_edge("A", "B", latency="10 ms", loss=0.1)
    graph.add_edge("B", "A", latency="30 ms", loss=0.1)
    ends = ["B", "A"] if turned else ["A", "B"]
    (link,) = Topology.from_graph(graph, link=[{"between": ends, **change}]).links
    back = link.back
    return (
        link.latency, link.latency if back.latency is None else back.latency,
        link.loss, link.loss if back.loss is None else back.loss,
    )  # fmt: skip


def test_directions_are_those_of_the_ends_as_the_file_names_them() -> None:
    """``back`` is from the second end that is written to the first, whatever the graph has."""
    change = {"latency": "1 s", "back": {"latency": "2 s"}}
    assert back_and_forth(change, turned=False) == (1.0, 2.0, 0.1, 0.1)
    assert back_and_forth(change, turned=True) == (2.0, 1.0, 0.1, 0.1)
    assert back_and_forth({"back": {"latency": "2 s"}}, turned=False) == (0.01, 2.0, 0.1, 0.1)
    assert back_and_forth({"back": {"latency": "2 s"}}, turned=True) == (2.0, 0.03, 0.1, 0.1)


def test_what_is_said_of_a_link_holds_in_both_directions() -> None:
    assert back_and_forth({"latency": "1 s"}, turned=False) == (1.0, 1.0, 0.1, 0.1)
    assert back_and_forth({"latency": "1 s"}, turned=True) == (1.0, 1.0, 0.1, 0.1)
    assert back_and_forth({"loss": 0.5}, turned=True) == (0.01, 0.03, 0.5, 0.5)


def test_a_back_that_is_not_a_table_is_refused() -> None:
    graph = networkx.Graph([("A", "B")])
    with pytest.raises(TopologyError, match=r"link\[0\]\.back: 3 is not a table"):
        Topology.from_graph(graph, link=[{"between": ["B", "A"], "back": 3}])


def directions(topology: Topology, a: str, b: str) -> dict[str, tuple[Any, Any]]:
    """What the one link between two hosts is like from the first to the second, and back."""
    (link,) = [link for link in topology.links if {link.a, link.b} == {a, b}]
    there, back = (link, link.reverse) if link.a == a else (link.reverse, link)
    keys = ("latency", "bandwidth", "loss")
    return {key: (getattr(there, key), getattr(back, key)) for key in keys}


ONE_WAY = {"latency": "400 ms", "bandwidth": 1200, "loss": 0.1}


@pytest.mark.parametrize("between", [["B", "A"], ["b*", "a*"], ["B", "*"], ["*", "A"]])
def test_what_is_said_of_the_way_back_says_nothing_of_the_way_there(between: list[str]) -> None:
    """Whichever of the two ends the graph has first."""
    link = {"between": between, "back": ONE_WAY}
    changed = Topology.from_graph(networkx.path_graph(["A", "B"]), link=[link])
    assert directions(changed, "A", "B") == {
        "latency": (0.4, 0.01), "bandwidth": (1200, None), "loss": (0.1, 0.0)
    }  # fmt: skip
    twice = Topology.from_graph(
        networkx.path_graph(["A", "B"]),
        link=[link, {"between": ["A", "B"], "back": {"latency": "3 s"}}],
        defaults={"link": {"latency": "7 ms"}},
    )
    assert directions(twice, "A", "B")["latency"] == (0.4, 3.0)


def test_an_override_of_the_way_back_means_the_ends_as_it_names_them() -> None:
    graph = networkx.path_graph(["A", "B"])
    defaults = {"link": {"latency": "7 ms"}}
    for sets in (["link.B-A.back.latency=4 s"], ["link.B-*.back.latency=4 s"]):
        changed = Topology.from_graph(graph, sets=sets, defaults=defaults)
        assert directions(changed, "A", "B")["latency"] == (4.0, 0.007)
        both = Topology.from_graph(
            graph, sets=[*sets, "link.A-B.back.latency=5 s"], defaults=defaults
        )
        assert directions(both, "A", "B")["latency"] == (4.0, 5.0)


@pytest.mark.parametrize("ends", [["A", "B"], ["B", "A"]])
@pytest.mark.parametrize("change", [{"bandwidth": "1200 bit/s"}, {"cost": 5}, {"loss": 0.5}])
@pytest.mark.parametrize("others", [{}, {"latency": "30 ms"}, {"bandwidth": "9600 bit/s"}])
def test_what_one_direction_has_the_other_has_not(
    ends: list[str], change: dict[str, Any], others: dict[str, Any]
) -> None:
    """Whichever end is written first: a direction without a limit or a cost of its own keeps it."""
    graph = networkx.Graph()
    graph.add_edge("A", "B", **others)
    made = Topology.from_graph(graph, link=[{"between": ends, "back": change}])
    for topology in (
        made,
        from_dict(tomllib.loads(made.to_toml())),
        Topology.from_graph(made.graph),
    ):
        found = directions(topology, *ends)
        (link,) = topology.links
        costs = link.costs if link.a == ends[0] else link.costs[::-1]
        latency = 0.03 if "latency" in others else 0.01
        bandwidth = 9600 if "bandwidth" in others else None
        assert found["bandwidth"] == (bandwidth, 1200 if "bandwidth" in change else bandwidth)
        assert found["loss"] == (0, change.get("loss", 0))
        assert found["latency"] == (latency, latency)
        assert costs == (latency, change.get("cost", latency))


def test_a_cost_turned_with_a_latency_that_is_not_known_yet_is_left() -> None:
    hosts = [{"name": "A", "position": [0, 0]}, {"name": "B", "position": [1, 0]}]
    graph = networkx.Graph([("A", "B")])
    change = {"between": ["B", "A"], "latency": "distance", "back": {"cost": 5}}
    (link,) = Topology.from_graph(graph, host=hosts, link=[change]).links
    assert link.costs[link.a == "B"] == 5


def test_a_bandwidth_may_be_without_a_limit() -> None:
    """As a word, where the link or the defaults have one; a trace has null in its place."""
    graph = networkx.path_graph(["A", "B", "C"])
    slow = {"bandwidth": "1200 bit/s"}
    topology = Topology.from_graph(
        graph,
        defaults={"link": slow},
        link=[{"between": ["A", "B"], "bandwidth": "no limit"},
              {"between": ["C", "B"], "back": {"bandwidth": "no limit"}}],
    )  # fmt: skip
    assert directions(topology, "A", "B")["bandwidth"] == (None, None)
    assert directions(topology, "C", "B")["bandwidth"] == (1200, None)
    limited = topology.change({"link.A-B.bandwidth": 9600})
    assert directions(limited, "A", "B")["bandwidth"] == (9600, 9600)
    for key, wanted in (("C-B", (None, None)), ("B-C", (1200, None)), ("B-C.back", (None, None))):
        unlimited = topology.change({f"link.{key}.bandwidth": "no limit"})
        assert directions(unlimited, "C", "B")["bandwidth"] == wanted
    described = json.loads(json.dumps(describe(topology, 0), allow_nan=False))["links"]
    assert [link["bandwidth"] for link in described] == [None, None]
    assert described[1]["back"] == {"bandwidth": 1200}
    meta: Any = describe(topology, 0)
    joined = links_between(meta)
    (link,) = joined["arpanet", "C", "B"]
    assert (link.there.bandwidth, link.back.bandwidth) == (1200, None)
