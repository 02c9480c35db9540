"""The picture of utilisation: rows of links, shares at their ends, what is left out."""

from __future__ import annotations

from pathlib import Path

import networkx
import pytest
from helpers.places import TOPOLOGIES

import lab
from lab.trace.trace import Trace
from lab.views import save
from lab.views.pictures.plot_style import off_screen
from lab.views.pictures.utilisation import utilisation


def star(ends: int, **link: str) -> lab.Run:
    options = {"bandwidth": "9600 bit/s"} | link
    return lab.simulate(
        lab.Topology.from_graph(
            networkx.star_graph(ends),
            defaults={"host": {"relay": True, "users": ["ann"]}, "link": options},
            traffic=[{"count": 2 * ends, "rate": "1 /s", "size": "1 kB"}],
        )
    )


def test_rows_are_links_the_busiest_first_with_their_share() -> None:
    run = lab.simulate(TOPOLOGIES / "campus.toml")
    with off_screen():
        ax = utilisation(run.trace)
    names = [label.get_text() for label in ax.get_yticklabels()]
    uses = sorted(run.links(), key=lambda use: -(use["utilisation"] or 0))
    assert names == [f"{use['host']} → {use['peer']}" for use in uses]
    shares = [text.get_text() for text in ax.texts]
    assert shares[:3] == ["85 %", "16 %", "3.5 %"]
    [image] = ax.images
    values = image.get_array()
    assert values is not None
    assert values.shape == (8, 240)
    assert values[0].mean() == pytest.approx(uses[0]["utilisation"], abs=1e-6)
    assert ax.get_title(loc="left") == "A campus hub: how busy the links were"


@pytest.mark.parametrize("links", [3, 200])
def test_at_most_forty_rows_are_drawn_and_the_others_counted(links: int, tmp_path: Path) -> None:
    run = star(links)
    with off_screen():
        ax = utilisation(run.trace)
    rows = len(ax.get_yticklabels())
    assert rows == min(2 * links, 40)
    more = f"{2 * links - rows} more, each busy at most"
    assert (more in ax.get_xlabel()) == (links == 200)
    save(run.trace, "utilisation", tmp_path / "u.png")
    assert (tmp_path / "u.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("trace", "words"),
    [
        (Trace(), "there are no links"),
        (lab.simulate(TOPOLOGIES / "rfc821/scenario-03.toml").trace, "no link has a bandwidth"),
    ],
)
def test_without_links_that_can_be_busy_it_says_why(trace: Trace, words: str) -> None:
    with off_screen():
        ax = utilisation(trace)
    assert words in ax.texts[0].get_text()


def test_long_names_are_cut_alike() -> None:
    names = {0: "a-host-of-the-department-of-physics", 1: "B"}
    graph = networkx.relabel_nodes(networkx.path_graph(2), names)
    defaults = {"host": {"users": ["ann"]}, "link": {"bandwidth": "9600 bit/s"}}
    traffic = [{"count": 2, "rate": "1 /s"}]
    net = lab.Topology.from_graph(graph, defaults=defaults, traffic=traffic)
    with off_screen():
        ax = utilisation(lab.simulate(net).trace)
    for label in ax.get_yticklabels():
        assert " → " in label.get_text()
        assert "…" in label.get_text()
        assert "B" in label.get_text()
