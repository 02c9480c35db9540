"""Pictures of much: large maps, many messages with faults, and ladders that do not fit."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
from helpers.drawings import drawn
from helpers.places import TOPOLOGIES
from helpers.small_topologies import host, mail

import lab
from lab.analysis.channels import traffic
from lab.analysis.ladder_rows import ladder_rows
from lab.analysis.telling import most_telling
from lab.topology.model import from_dict
from lab.views.pictures.map import network_map
from lab.views.pictures.plot_style import off_screen

mpl.use("Agg")


def busy(count: int, faults: list[dict[str, Any]]) -> lab.Run:
    return lab.simulate(from_dict({
        "title": f"{count} messages", "host": [host("A", "ann"), host("B", "bob")],
        "link": [{"between": ["A", "B"], "bandwidth": "9600 bit/s"}],
        "mail": [mail("ann@A", "bob@B", at=f"{n} s") for n in range(count)], "fault": faults,
    }))  # fmt: skip


def test_a_map_of_more_hosts_than_can_be_told_apart_has_discs_for_many() -> None:
    names = [f"H{n}" for n in range(1200)]
    links = [{"a": a, "b": names[n // 3]} for n, a in enumerate(names) if n]
    with off_screen():
        ax = network_map({"hosts": [{"name": name} for name in names], "links": links})
    discs = [line for line in ax.lines if line.get_gid() == "hosts together"]
    assert 20 < len(discs) < 1104
    legend = ax.get_legend()
    assert legend is not None
    assert "hosts near one another (largest disc: " in legend.get_texts()[0].get_text()


def test_faults_are_shown_at_49_messages_and_at_thousands() -> None:
    crash = {"kind": "crash", "host": "B", "at": "20 s", "for": "10 s"}
    cut = {"kind": "hang-up", "link": ["A", "B"], "at": "40 s"}
    ax = drawn(busy(49, [crash, cut]).trace)
    (strip,) = [axes for axes in ax.figure.axes if axes.get_gid() == "faults"]
    assert [text.get_text() for text in strip.get_yticklabels()] == ["B: crash", "A - B: hang-up"]
    assert ax.get_xlabel().startswith("simulated time")
    bars = [patch for patch in strip.patches if patch.get_width() == 10]
    assert [patch.get_x() for patch in bars] == [20]


def test_a_ladder_that_does_not_fit_is_of_the_message_that_matters() -> None:
    crash = lab.simulate(TOPOLOGIES / "faults/crash.toml")
    assert most_telling(crash.trace) == (2, "which was delivered TWICE")
    with off_screen():
        title = crash.plot("ladder").get_title(loc="left")
    assert title == "A relay that crashes: message 2, which was delivered TWICE"
    careless = lab.simulate(TOPOLOGIES / "faults/careless.toml").trace
    assert most_telling(careless) == (2, "which was LOST")
    calm = lab.simulate(TOPOLOGIES / "rfc821/scenario-03.toml").trace
    assert most_telling(calm)[1].startswith("which took longest, ")
    assert most_telling(lab.simulate(from_dict({"host": [host("A")]})).trace) == (None, "")


def test_what_is_on_its_way_is_no_wait() -> None:
    slow = lab.simulate(from_dict({
        "host": [host("A", "ann"), host("B", "bob")],
        "link": [{"between": ["A", "B"], "bandwidth": "300 bit/s"}],
        "mail": [{"at": "0 s", "from": "ann@A", "to": ["bob@B"], "size": "2 kB"}],
    }))  # fmt: skip
    rows = ladder_rows(slow.trace)
    longest = max(row.t - row.sent for row in rows if row.sent is not None and row.kind == "data")
    assert longest > 30
    assert "wait" not in {row.kind for row in rows}


def test_polled_mail_goes_in_its_own_direction_on_the_map() -> None:
    polled = lab.simulate(TOPOLOGIES / "polling.toml").trace
    calls = {(row[2], row[3]) for row in polled.rows if row[1] == "open"}
    moved = {(row[2], row[3]) for row in polled.rows if row[1] == "transfer"}
    assert moved - calls  # the hub never calls, and its mail is fetched
    assert moved <= traffic(polled).crossings.keys()
