"""How busy links were, from the lines of a trace: the same as when the links are followed."""

from __future__ import annotations

import pytest
from helpers.places import TOPOLOGIES
from helpers.small_topologies import host, mail

import lab
from lab.analysis import busy_lines
from lab.analysis.busy_lines import busy_shares
from lab.analysis.link_use import link_intervals
from lab.topology.model import from_dict
from lab.trace.trace import Trace

RUNS = [
    "campus",
    "internet",
    "satellite",
    "faults/link-down",
    "faults/bandwidth",
]


def followed(trace: Trace, every: float) -> dict[tuple[str, ...], list[float]]:
    found: dict[tuple[str, ...], list[float]] = {}
    for each in link_intervals(trace, every):
        found.setdefault(each[1:5], []).append(each.utilisation)
    return found


@pytest.mark.parametrize("name", RUNS)
def test_the_shares_are_those_of_the_links_that_were_followed(name: str) -> None:
    trace = lab.simulate(TOPOLOGIES / f"{name}.toml").trace
    every = trace.last / 50
    shares, slowly = busy_shares(trace, every), followed(trace, every)
    assert shares.keys() == slowly.keys()
    assert len(shares) > 0
    for ends, values in slowly.items():
        assert shares[ends] == pytest.approx(values, abs=1e-6), ends


def test_links_are_followed_only_where_the_trace_does_not_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is too old, two links join the same ends, or a bandwidth changes."""
    slow: list[str] = []
    monkeypatch.setattr(busy_lines, "link_intervals", lambda *_: slow.append("") or [])
    link = {"between": ["A", "B"], "bandwidth": "9600 bit/s"}

    def run(*links: dict[str, object], **more: object) -> Trace:
        return lab.simulate(from_dict({
            "host": [host("A", "ann"), host("B", "bob")], "link": list(links),
            "mail": [mail("ann@A", "bob@B")], **more,
        })).trace  # fmt: skip

    trace = run(link)
    assert busy_shares(trace, 1.0).keys() == {("A", "B", "arpanet", ""), ("B", "A", "arpanet", "")}
    assert slow == []
    old = [row[:-1] if row[1] in ("command", "reply", "data") else row for row in trace.rows]
    older = [row[:-1] if row[1] == "open" else row for row in trace.rows]
    change = {"kind": "bandwidth", "link": ["A", "B"], "value": "1200 bit/s", "at": 0}
    for other in (
        Trace(old, trace.level), Trace(older, trace.level), run(link, fault=[change]),
        run({**link, "name": "one"}, {**link, "name": "two"}),
    ):  # fmt: skip
        assert busy_shares(other, 1.0) == {}
    pieces = lab.load(
        TOPOLOGIES / "faults/reply-in-pieces.toml", sets=["link.*.bandwidth=9600 bit/s"]
    )
    assert busy_shares(lab.simulate(pieces).trace, 1.0) == {}
    assert len(slow) == 5
    assert busy_shares(run({"between": ["A", "B"]}), 1.0) == {}
