"""Each run of a sweep can be made alone, and made again from what the sweep left."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
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
    assert kept.max_events in (20, 21)
    for number, digest in enumerate(cut["digest"]):
        kept = read_run_file(tmp_path / f"rows/{number}")
        made = make_run(kept.topology, kept.seed, kept.until, limits=kept.limits)
        assert (made.digest, made.ending) == (digest, "max-events")
    whole = lab.sweep(EXPERIMENT, out=tmp_path, workers=0, max_events=5000, max_seconds="1 h")
    assert list(whole["ending"]) == ["settled"] * 4
    assert list(whole["delivered"]) == [1] * 4


def test_a_limit_that_makes_no_sense_is_told(tmp_path: Path) -> None:
    with pytest.raises(lab.SweepError, match="max_events"):
        lab.sweep(EXPERIMENT, workers=0, max_events=0)


def test_a_row_that_ran_out_of_time_is_made_again_up_to_the_same_event(tmp_path: Path) -> None:
    experiment = tmp_path / "e.toml"
    text = (
        '[[host]]\nname = "A"\nusers = ["a"]\n[[host]]\nname = "B"\nusers = ["b"]\n'
        '[[link]]\nbetween = ["A", "B"]\n'
        '[[traffic]]\nfrom = "a@A"\nto = "b@B"\ncount = 200\nrate = "1 /s"\n'
    )
    (tmp_path / "t.toml").write_text(text)
    experiment.write_text('topology = "t.toml"\nmeasures = ["delivered"]\n')
    command = ["sweep", str(experiment), "--out", str(tmp_path), "--max-seconds", "0.0001"]
    assert CliRunner().invoke(cli, [*command, "--workers", "1"]).exit_code == 0
    done = CliRunner().invoke(cli, [*command, "--row", "0"])
    assert "run 0 has the same digest as in the sweep" in done.stdout, done.output
    again = CliRunner().invoke(cli, ["run", str(tmp_path / "rows/0")])
    assert again.exit_code == 0, again.output
    assert "has the same digest" in again.stdout


def test_values_may_be_tables_and_lists(tmp_path: Path) -> None:
    sizes = {"distribution": "lognormal", "median": np.int64(2000), "sigma": 1.2, "max": "1 MB"}
    losses = {"model": "gilbert-elliott", "p": 0.5, "r": 0.1, "good": 0.0, "bad": np.float64(0.4)}
    hosts = [{"name": "A", "users": ["a"]}, {"name": "B", "users": ["b"]}]
    table = lab.sweep(
        topology={"host": hosts, "link": [{"between": ["A", "B"], "bandwidth": "9600 bit/s"}]},
        grid={
            "link.0.loss": [0.0, losses], "link.0.back": [{"latency": "1 s"}, {"latency": "9 s"}],
            "traffic": [[{"count": 5, "rate": "1 /min", "size": size}] for size in (99, sizes)],
        },
        measures=["delivered", "delivery_seconds.max"], workers=0, out=tmp_path,
    )  # fmt: skip
    assert list(table["delivered"]) == [5] * 8
    assert len(set(table["digest"])) == 8
    read = [read_run_file(tmp_path / f"rows/{number}") for number in range(8)]
    assert [make_run(kept.topology, kept.seed).digest for kept in read] == list(table["digest"])
