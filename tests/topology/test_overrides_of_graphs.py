"""Overrides of hosts and links that a graph holds, and graphs that are drawn again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab.api.simulate import simulate
from lab.topology.model import FaultSpec, TopologyError, load

RANDOM = '[generate]\nkind = "barabasi_albert_graph"\nn = 50\nm = 2\n'
STAR = '[generate]\nkind = "star_graph"\nn = 3\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "x.toml"
    path.write_text(text)
    return path


def test_overrides_reach_hosts_and_links_of_a_graph(tmp_path: Path) -> None:
    """By name or number, whatever draws it; they stay when it is drawn for another seed."""
    path = written(tmp_path, STAR)
    sets = ['host.h1.reply=[{ to = "RCPT", octets = "550 no\\r\\n" }]', "link.0.latency=7 s"]
    topology = load(path, sets).with_seed(3)
    assert topology.hosts["H1"].replies[0].octets == b"550 no\r\n"
    assert [link.latency for link in topology.links] == [7.0, 0.01, 0.01]
    assert load(path, {"host.H2.relay": False}).hosts["H2"].relay is False
    assert load(path, ["host[2].relay=false"]).hosts["H2"].relay is False


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("host.H9.relay=true", "--set host.H9.relay=true: host has nothing named 'H9'; "),
        ("link.3.cost=1", "--set link.3.cost=1: link has no number 3; its numbers are 0 to 2"),
        ("host.H1.relais=true", "--set host.H1.relais: unknown key; did you mean relay"),
    ],
)
def test_an_override_that_fits_no_host_of_a_graph_is_named(
    override: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(TopologyError, match=re.escape(message)):
        load(written(tmp_path, STAR), [override])


def test_a_graph_that_was_changed_since_is_not_drawn_again(tmp_path: Path) -> None:
    """Its changes would be lost."""
    path = written(tmp_path, RANDOM)
    drawn = load(path, seed=1)
    assert drawn.with_seed(2) != drawn
    fault = FaultSpec("crash", host="H1", at=1.0, duration=5.0)
    changed = drawn.with_faults([fault])
    assert changed.with_seed(2) is changed
    assert simulate(changed, seed=2).topology.faults == (fault,)
