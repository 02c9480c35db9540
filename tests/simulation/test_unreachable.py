"""Networks in pieces: how much of the mail cannot arrive, and why hosts rejected it."""

from __future__ import annotations

import random
from typing import Any

import pytest

from lab.api.simulate import simulate
from lab.simulation.unreachable import pieces_of, unreachable_mail
from lab.topology.model import Topology, from_dict
from lab.views.text.summary import summary_table


def network(hosts: str, links: str, **options: Any) -> Topology:
    """Hosts that relay are in capitals, routers end in 0; each host has a user u."""
    tables: list[dict[str, Any]] = [
        {"name": name, "kind": "router"}
        if name.endswith("0")
        else {"name": name, "users": ["u"], "relay": name.isupper()}
        for name in hosts.split()
    ]
    joined = [{"between": link.split("-")} for link in links.split()]
    return from_dict({"host": tables, "link": joined, **options})


TRAFFIC = {"traffic": [{"count": 1000, "rate": "100 /s"}]}


@pytest.mark.parametrize(
    ("hosts", "links", "says"),
    [
        ("A B C", "A-B B-C", []),
        ("A B C D", "A-B C-D", [
            "the network is in 2 pieces, of 2, 2 hosts and routers",
            "about 67 % of the mail of traffic.0 cannot arrive for lack of a way",
        ]),
        ("a b c", "a-b b-c", [
            "about 33 % of the mail of traffic.0 cannot arrive for lack of relays on the way",
        ]),
        ("a b r0 c", "a-r0 b-r0 c-r0", []),
        ("A", "", []),
        ("a b", "", ["the network is in 2 pieces, of 1, 1 hosts and routers",
                     "about 100 % of the mail of traffic.0 cannot arrive for lack of a way"]),
    ],
)  # fmt: skip
def test_pieces_and_the_share_of_mail_that_cannot_arrive(
    hosts: str, links: str, says: list[str]
) -> None:
    assert unreachable_mail(network(hosts, links, **TRAFFIC)) == says


def test_the_share_is_what_a_run_rejects() -> None:
    """In random networks of relays, other hosts and routers, within chance."""
    draw = random.Random(5)
    for _ in range(6):
        names = [draw.choice(["A", "b"]) + str(number) for number in range(1, 10)] + ["r20", "r30"]
        links = {tuple(sorted(draw.sample(names, 2))) for _ in range(10)}
        written = " ".join(f"{a}-{b}" for a, b in sorted(links))
        topology = network(" ".join(names), written, **TRAFFIC)
        summary = simulate(topology).summary
        (told,) = [each for each in unreachable_mail(topology) if "traffic.0" in each] or [
            "about 0 %"
        ]
        share = float(told.split()[1]) / 100
        assert summary["rejected"] / 1000 == pytest.approx(share, abs=0.06)


def test_without_traffic_the_share_is_that_of_any_two_hosts() -> None:
    assert unreachable_mail(network("A B C D", "A-B C-D")) == [
        "the network is in 2 pieces, of 2, 2 hosts and routers; about 67 % of mail from any host "
        "to any cannot arrive"
    ]
    many = network(" ".join(f"H{number}A" for number in range(8)), "")
    assert "of 1, 1, 1, 1, 1 and 3 more hosts" in unreachable_mail(many)[0]
    assert pieces_of(many) == [1] * 8


def test_mail_that_has_no_way_is_told() -> None:
    mail = {"mail": [{"from": "u@A", "to": ["u@D", "u@B", "u@NOWHERE"]}]}
    assert unreachable_mail(network("A B C D", "A-B C-D", **mail))[1:] == [
        "1 recipient of [[mail]] cannot be reached for lack of a way: u@D, from u@A"
    ]


def test_the_summary_has_the_reason_of_every_rejection() -> None:
    mail = {"mail": [{"from": "u@A", "to": ["u@D", "u@B", "u@NOWHERE", "x@A", "u@C"]}]}
    summary = simulate(network("A B C D", "A-B C-D", **mail)).summary
    reasons = {each["recipient"]: each.get("reason") for each in summary["recipients"]}
    assert reasons == {
        "u@D": "550 No route to D", "u@B": None, "u@NOWHERE": "550 No host NOWHERE is known here",
        "x@A": "550 No such user here", "u@C": "550 No route to C",
    }  # fmt: skip
    assert summary["rejections"] == {
        "550 No route to ...": 2, "550 No host ... is known here": 1, "550 No such user here": 1,
    }  # fmt: skip


def test_the_table_has_the_reasons() -> None:
    from io import StringIO

    from rich.console import Console

    mail = {"mail": [{"from": "u@A", "to": ["u@D", "x@A", "u@NOWHERE", "u@A"]}]}
    summary: Any = dict(simulate(network("A D", "", **mail)).summary)
    summary["rejections"] = {**summary["rejections"], "550 Otherwise": 4}
    summary["rejected"] = 7
    printed = StringIO()
    Console(file=printed, width=120).print(summary_table(summary))
    text = printed.getvalue()
    assert "1 · 550 No route to ..." in text
    assert "4 · for other reasons like these" in text
    assert "rejected: 550 No route to D" in text
