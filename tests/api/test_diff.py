"""`lab.diff`: two runs compared from Python."""

from __future__ import annotations

from pathlib import Path

import pandas
import pytest
from helpers.places import TOPOLOGIES

import lab

CASE = TOPOLOGIES / "rfc821/scenario-03.toml"
RUN = lab.simulate(CASE)
SLOWER = lab.load(CASE, sets=["link.0.latency=1 s"])


def test_runs_traces_topologies_and_paths_are_compared(tmp_path: Path) -> None:
    RUN.save_least(tmp_path)
    with open(tmp_path / "t.jsonl", "w", encoding="utf-8") as file:
        RUN.trace.write_jsonl(file)
    sources: list[lab.Run | lab.Trace | lab.Topology | str | Path] = [
        RUN, RUN.trace, RUN.topology, str(CASE), CASE, tmp_path, str(tmp_path / "t.jsonl"),
    ]  # fmt: skip
    for source in sources:
        assert lab.diff(RUN, source).same, source
        assert not lab.diff(source, SLOWER).same, source


def test_a_topology_is_run_with_the_seed_and_end_of_the_other_run() -> None:
    topology = lab.load(TOPOLOGIES / "experiments/map-of-200.toml")
    run = lab.simulate(topology, seed=4, until=20.0)
    assert lab.diff(run, topology).same
    assert lab.diff(topology, run).same
    assert not lab.diff(run, topology, seed=5).same
    assert not lab.diff(run, topology, until=25).same


def test_tables_have_a_row_for_each_recipient_and_link() -> None:
    compared = lab.diff(RUN, SLOWER)
    assert list(compared.recipients["message_a"]) == [1]
    row = compared.recipients.iloc[0]
    assert row["change"] == pytest.approx(row["seconds_b"] - row["seconds_a"])
    assert len(lab.diff(RUN, RUN).recipients) == 0
    assert len(lab.diff(RUN, RUN).all_recipients) == 1
    links = compared.links
    assert list(links.columns) == ["host", "peer", "name", "a", "b", "change", "unit"]
    assert len(links) == 2 * len(RUN.topology.links)
    assert isinstance(compared.all_recipients, pandas.DataFrame)


def test_a_comparison_shows_itself() -> None:
    compared = lab.diff(RUN, SLOWER, names=("before", "after"))
    assert repr(compared) == (
        "<Diff: The runs part at 0.300 s. 1 of 1 recipient fared otherwise: "
        "1 later in B by 11.7 s.>"
    )
    page = compared._repr_html_()
    assert (
        "opacity: 0.8" in page
    )  # quiet text has no colour of its own: it is read on light and dark
    assert "#7f7f7f" not in page
    assert "before (seed 0)" in page
    assert "Jones@BBN-VAX.ARPA" in page
    assert "<script" not in page
    assert compared.notes == ["link MIT-AI.ARPA - USC-ISIE.ARPA: latency 100 ms in A, 1 s in B"]
    assert compared.as_dict()["same"] is False
    assert compared.first is not None
    assert compared.first.t == pytest.approx(0.3)


def test_hostile_titles_and_names_are_escaped() -> None:
    a = lab.simulate(lab.load(CASE, sets=['title="<script>\\u001b[31m"']))
    page = lab.diff(a, SLOWER, names=("<b>", "\x1b[1m"))._repr_html_()
    assert "<script" not in page
    assert "<b>" not in page
    assert "\x1b" not in page


def test_only_two_names_are_taken() -> None:
    with pytest.raises((TypeError, ValueError), match="names must be"):
        lab.diff(RUN, RUN, names=("one",))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("d.html", b"<!DOCTYPE html>"), ("d.HTM", b"<!DOCTYPE html>"), ("d.png", b"\x89PNG"),
        ("d.svg", b"<?xml"), ("d.pdf", b"%PDF"),
    ],
)  # fmt: skip
def test_the_ending_of_its_name_says_what_is_saved(
    tmp_path: Path, name: str, begins: bytes
) -> None:
    lab.diff(RUN, SLOWER).save(tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(begins)


def test_either_picture_is_saved(tmp_path: Path) -> None:
    compared = lab.diff(RUN, SLOWER)
    compared.save(tmp_path / "slopes.svg")
    compared.save(tmp_path / "map.svg", "map")
    assert (tmp_path / "slopes.svg").read_bytes() != (tmp_path / "map.svg").read_bytes()


@pytest.mark.parametrize("name", ["d.gif", "d", "d.json", ".html"])
def test_other_endings_get_a_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"must end with \.html, \.htm, \.png, \.svg or \.pdf, no"):
        lab.diff(RUN, SLOWER).save(tmp_path / name)
    with pytest.raises(ValueError, match=r"path must end with \.svg, not"):
        lab.views.animation(RUN.trace).save(tmp_path / name)
    with pytest.raises(ValueError, match=r"path must end with \.html or \.htm, not"):
        RUN.replay().save(tmp_path / name)
    assert not list(tmp_path.iterdir())
