"""Each run of a sweep can be made alone, and made again from what the sweep left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers.places import TOPOLOGIES

import lab
from lab.api.run_file import read_run_file
from lab.api.simulate import make_run
from lab.cli import cli

EXPERIMENT = {
    "topology": str(TOPOLOGIES / "rfc821/scenario-03.toml"),
    "measures": ["delivered"],
    "grid": {"link.0.latency": ["10 ms", "1 s"]},
    "seeds": 2,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("swept")
    lab.sweep(EXPERIMENT, out=out, workers=0)
    return out


def test_each_row_is_made_again_from_its_folder(folder: Path) -> None:
    lines = (folder / "runs.jsonl").read_text(encoding="utf-8").splitlines()
    for number, outcome in enumerate(map(json.loads, lines)):
        kept = read_run_file(folder / "rows" / str(number))
        made = make_run(kept.topology, kept.seed, kept.until)
        assert made.digest == kept.digest == outcome["digest"]
        assert kept.seed == outcome["seed"]


def test_a_row_is_made_alone(folder: Path, tmp_path: Path) -> None:
    text = (
        f'topology = "{EXPERIMENT["topology"]}"\nmeasures = ["delivered"]\nseeds = 2\n'
        '[grid]\nlink.0.latency = ["10 ms", "1 s"]\n'
    )
    (tmp_path / "e.toml").write_text(text, encoding="utf-8")
    command = ["sweep", str(tmp_path / "e.toml"), "--out", str(folder)]
    result = CliRunner().invoke(cli, [*command, "--row", "3"])
    assert result.exit_code == 0, result.output
    assert "run 3 has the same digest as in the sweep" in result.stdout
    assert (folder / "rows/3/transcript.txt").exists()
    assert CliRunner().invoke(cli, [*command, "--row", "4"]).exit_code == 2


def test_rows_may_be_cut_off_and_are_made_again_with_another_limit(tmp_path: Path) -> None:
    cut = lab.sweep(EXPERIMENT, out=tmp_path, workers=0, max_events=20)
    assert list(cut["ending"]) == ["max-events"] * 4
    assert list(cut["delivered"]) == [0] * 4
    kept = read_run_file(tmp_path / "rows/1")
    assert kept.max_events == 20
    whole = lab.sweep(EXPERIMENT, out=tmp_path, workers=0, max_events=5000, max_seconds="1 h")
    assert list(whole["ending"]) == ["settled"] * 4
    assert list(whole["delivered"]) == [1] * 4


def test_a_limit_that_makes_no_sense_is_told(tmp_path: Path) -> None:
    with pytest.raises(lab.SweepError, match="max_events"):
        lab.sweep(EXPERIMENT, workers=0, max_events=0)
