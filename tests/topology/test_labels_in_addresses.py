"""The label of a host may stand in addresses, globs and lists of hosts, in place of its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import lab
from lab.topology.labelled import with_names
from lab.topology.model import from_dict
from lab.trace.rows import FAULT_ON, HOST, PEER

NAMES = {"東京": "DongJing", "Washington, DC": "Washington-DC", "Zürich": "Zuerich"}


def network(**more: Any) -> dict[str, Any]:
    """Return the tables of three hosts with labels in a row; the second relays."""
    hosts = [
        {"name": "DongJing", "label": "東京", "users": ["ann"]},
        {"name": "Zuerich", "label": "Zürich", "users": ["bob"], "relay": True},
        {"name": "Washington-DC", "label": "Washington, DC", "users": ["eve"]},
    ]
    links = [{"between": ["東京", "Zürich"]}, {"between": ["Zürich", "Washington, DC"]}]
    return {"host": hosts, "link": links, **more}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("ann@東京", "ann@DongJing"),
        ("<ann@東京>", "<ann@DongJing>"),
        ("Ann <ann@東京>", "Ann <ann@DongJing>"),
        ("@Zürich, @Washington, DC:ann@東京", "@Zuerich,@Washington-DC:ann@DongJing"),
        ('"a@b"@Zürich', '"a@b"@Zuerich'),
        ("eve@ Washington, DC ", "eve@Washington-DC"),
        ("ann@ELSE.ARPA", "ann@ELSE.ARPA"),
        ("ann", "ann"),
    ],
)
def test_names_take_the_places_of_labels(written: str, expected: str) -> None:
    assert with_names(written, NAMES.get) == expected


def test_mail_between_hosts_may_be_written_with_their_labels(tmp_path: Path) -> None:
    """In [[mail]], with and without a source route, in lists, forwards and a file of messages."""
    (tmp_path / "mail.csv").write_text(
        'at,from,to\n1,東京,zürich\n2,ann@東京,"bob@Zürich eve@Washington-DC"\n'
    )
    tables = network(
        mail=[
            {"from": "ann@東京", "to": ["bob@ZÜRICH", "eve@Washington, DC"]},
            {"from": "ann@DongJing", "to": "@Zürich:eve@Washington, DC"},
            {"from": "ann@東京", "to": ["all@Zürich", "old@Zürich"]},
        ],
        traffic=[{"file": str(tmp_path / "mail.csv")}],
    )
    tables["host"][1] |= {
        "list": [{"name": "all", "members": ["Eve <eve@washington, dc>", "bob@Zürich"]}],
        "forward": [{"user": "old", "to": "eve@Washington, DC"}],
    }
    topology = from_dict(tables)
    assert str(topology.mail[1].to[0]) == "<@Zuerich:eve@Washington-DC>"
    counts = lab.simulate(topology).summary
    assert (counts["submitted"], counts["delivered"]) == (9, 9)


def test_lists_of_hosts_take_labels() -> None:
    """``holds`` and ``relay_for`` have the names of hosts in the end."""
    tables = network()
    tables["host"][1] |= {"holds": ["東京"], "relay_for": ["Washington, DC", "10.0.0.0/8", "*"]}
    spec = from_dict(tables).hosts["Zuerich"]
    assert (*spec.holds,) == ("DongJing",)
    assert spec.relay_for is not None
    assert (*spec.relay_for,) == ("Washington-DC", "10.0.0.0/8", "*")


def test_globs_of_traffic_match_labels() -> None:
    topology = from_dict(
        network(traffic=[{"from": "*@東*", "to": "*@washington, ?c", "count": 5, "rate": 1.0}])
    )
    run = lab.simulate(topology)
    assert run.summary["delivered"] == 5
    assert {row[HOST] for row in run.trace.of(("submit",))} == {"DongJing"}


def test_globs_of_faults_match_labels() -> None:
    """Of hosts and of links; the other end of a link may be a label as it is."""
    faults = [
        {"kind": "crash", "host": "東*", "at": "1 s", "for": "1 s"},
        {"kind": "link-down", "link": ["Zürich", "Wash*"], "at": "2 s", "for": "1 s"},
    ]
    mail = [{"from": "ann@東京", "to": "eve@Washington, DC", "at": "3 s"}]
    run = lab.simulate(from_dict(network(fault=faults, mail=mail)))
    hit = [(row[HOST], row[PEER]) for row in run.trace.of(("fault",)) if row[FAULT_ON]]
    assert hit == [("DongJing", None), ("Washington-DC", "Zuerich")]


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"mail": [{"from": "ann@東京", "to": "bob@Zürch"}]}, r"did you mean Zürich\?"),
        ({"traffic": [{"from": "*@Same", "count": 1, "rate": 1.0}]}, "2 hosts have the label"),
        ({"mail": [{"from": "ann@東京", "to": "eve@Same"}]}, "2 hosts have the label Same; write"),
        ({"fault": [{"kind": "crash", "host": "same", "at": 1.0}]}, "2 hosts have the label"),
        ({"fault": [{"kind": "link-down", "link": ["Same", "*"]}]}, "2 hosts have the label"),
    ],
)
def test_a_label_that_means_no_host_or_several_is_a_problem(
    more: dict[str, Any], problem: str
) -> None:
    """One sentence for each place."""
    tables = network(**more)
    tables["host"] += [{"name": f"S{n}.ARPA", "label": "Same", "users": ["eve"]} for n in (1, 2)]
    with pytest.raises(lab.TopologyError, match=problem) as caught:
        from_dict(tables)
    assert len(caught.value.problems) == 1


def test_a_name_comes_before_a_label() -> None:
    """A host whose label is the name of another does not get its mail."""
    tables = network(mail=[{"from": "ann@東京", "to": "bob@Zuerich"}])
    tables["host"][0]["label"] = "Zuerich"
    tables["link"][0]["between"] = ["DongJing", "Zürich"]
    tables["mail"][0]["from"] = "ann@DongJing"
    assert lab.simulate(from_dict(tables)).summary["delivered"] == 1
