"""``lab read``: what it prints, and what it leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.command_line import Command
from helpers.places import TOPOLOGIES

import lab as library


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """Return the capture of a small run, in a folder with what else the run left."""
    library.simulate(TOPOLOGIES / "rfc821" / "scenario-03.toml").save(tmp_path / "run")
    return tmp_path / "run" / "capture.pcap"


def test_it_prints_what_became_of_the_mail(lab: Command, capture: Path) -> None:
    done = lab("read", str(capture), "--json")
    assert done.status == 0
    assert json.loads(done.out)["delivered"] == 1
    done = lab("read", str(capture), "--transcript")
    assert "S: MAIL FROM:<JQP@MIT-AI.ARPA>" in done.out
    assert "captured" in done.out


def test_what_it_leaves_can_be_drawn(lab: Command, capture: Path, tmp_path: Path) -> None:
    out = tmp_path / "read"
    assert lab("read", str(capture), "--out", str(out), "--quiet").out == ""
    assert {path.name for path in out.iterdir()} == {
        "summary.json", "trace.jsonl", "transcript.txt", "map.png", "timeline.png", "ladder.png",
        "replay.html", "mail",
    }  # fmt: skip
    assert lab("plot", str(out), "ladder", "-o", str(tmp_path / "x.png")).status == 0
    assert lab("why", str(out), "--message", "1").status == 0


def test_a_capture_is_not_written_over(lab: Command, capture: Path) -> None:
    before = capture.read_bytes()
    kept = (capture.parent / "run.json").read_bytes()
    assert lab("read", str(capture), "--out", str(capture.parent)).status == 0
    assert capture.read_bytes() == before
    assert (capture.parent / "run.json").read_bytes() == kept


def test_a_file_of_names_that_is_missing(lab: Command, capture: Path, tmp_path: Path) -> None:
    done = lab("read", str(capture), "--hosts", str(tmp_path / "none"))
    assert done.status == 2
    assert done.err == f"lab: {tmp_path / 'none'}: No such file or directory\n"
