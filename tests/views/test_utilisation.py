"""The picture of utilisation: rows of links, shares at their ends, what is left out."""

from __future__ import annotations

from pathlib import Path

import networkx
import pytest
from helpers.places import TOPOLOGIES

import lab
from lab.analysis.faults import fault_intervals
from lab.trace.trace import Trace
from lab.views import save
from lab.views.pictures import plot_style
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


@pytest.mark.parametrize("kind", ["queues", "utilisation"])
@pytest.mark.parametrize("is_own", [True, False], ids=["own figure", "somebody's axes"])
def test_faults_are_rows_above_on_the_same_clock(kind: str, *, is_own: bool) -> None:
    """Of a crash each time that the host was down; the title stands over them."""
    run = lab.simulate(TOPOLOGIES / "faults/crash.toml")
    with off_screen():
        ax = run.plot(kind, None if is_own else plot_style.new_axes(8, 4))
        figure = ax.get_figure(root=True)
        assert figure is not None
        figure.canvas.draw()
        (strip,) = [each for each in figure.axes if each.get_gid() == "faults"]
        (name,) = [label.get_text() for label in strip.get_yticklabels()]
        assert name == "BBN-RELAY.ARPA: crash" or (not is_own and name.endswith("rash"))
        faults = fault_intervals(run.trace)
        drawn = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in strip.patches]
        assert drawn == [pytest.approx((fault.begin, fault.end)) for fault in faults]
        assert strip.get_xlim() == ax.get_xlim()
        assert strip.get_window_extent().y0 >= ax.get_window_extent().y1
        assert "A relay that crashes" in strip.get_title(loc="left") + strip.get_title()


def test_without_faults_there_is_no_row_of_them() -> None:
    run = lab.simulate(TOPOLOGIES / "campus.toml")
    with off_screen():
        for kind in ("queues", "utilisation"):
            figure = run.plot(kind).get_figure(root=True)
            assert figure is not None
            assert not [each for each in figure.axes if each.get_gid() == "faults"]
