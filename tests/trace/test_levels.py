"""Levels: what each keeps of a run, and that nothing else depends on it."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise, product
from pathlib import Path

import pytest
from helpers.places import TOPOLOGIES

import lab
from lab.trace.levels import LEVELS, checked_level, includes, thinned
from lab.trace.rows import KIND, KINDS
from lab.views import NEEDS

SHOWN = ["campus.toml", "faults/duplicate-window.toml", "faults/routing-loop.toml", "polling.toml"]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", SHOWN)
def test_summary_digest_and_breaches_do_not_depend_on_how_much_is_recorded(
    name: str, level: str
) -> None:
    whole = lab.simulate(TOPOLOGIES / name)
    run = lab.simulate(TOPOLOGIES / name, trace=level)
    assert run.summary == whole.summary
    assert run.digest == whole.digest
    assert run.breaches == whole.breaches
    kinds = {row[KIND] for row in run.trace.rows}
    assert kinds == {row[KIND] for row in whole.trace.rows} & LEVELS[level]


def test_each_level_keeps_what_the_next_one_keeps() -> None:
    kept = list(LEVELS.values())
    assert kept[0] == set(KINDS)
    assert all(less < more for more, less in pairwise(kept))
    order = list(LEVELS)
    for level, needed in product(order, order):
        assert includes(level, needed) == (LEVELS[level] >= LEVELS[needed])


@pytest.mark.parametrize("kind", ["deliver", "terminal"])
def test_only_wire_keeps_the_octets_of_delivered_mail(kind: str) -> None:
    row = (1.0, kind, "A", None, None, 1, "1", "ann", b"text")
    assert list(thinned([row], "wire")) == [row]
    for level in ("session", "delivery"):
        assert list(thinned([row], level)) == [(*row[:-1], b"")]
    assert list(thinned([row], "none")) == []


def test_what_is_not_a_level_gets_a_sentence() -> None:
    assert checked_level("wire") == "wire"
    with pytest.raises(
        ValueError, match=r"^'all' is not a level of a trace; use wire, session, de"
    ):
        checked_level("all")


def lab_command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lab", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_lab_run_leaves_what_the_level_has_and_says_what_is_missing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = lab_command("run", TOPOLOGIES / "campus.toml", "--trace", "delivery", "--out", out)
    assert done.returncode == 0, done.stderr
    assert (
        "--trace delivery leaves out transcript.txt, map.png, timeline.png, ladder.png, "
        "replay.html, capture.pcap, mail" in done.stdout
    )
    left = {path.name for path in out.iterdir()}
    assert left == {"summary.json", "trace.jsonl", "capture.hosts", "run.json"}
    assert json.loads((out / "summary.json").read_text())["delivered"] == 12
    assert lab_command("plot", out, "queues", "-o", tmp_path / "q.png").returncode == 0
    refused = lab_command("plot", out / "trace.jsonl", "ladder", "-o", tmp_path / "l.png")
    assert refused.returncode == 2
    assert refused.stderr == (
        f"lab: {tmp_path / 'l.png'}: not drawn: --trace wire is required for the ladder; "
        "this run was recorded with --trace delivery\n"
    )


def test_every_view_says_what_it_needs() -> None:
    assert NEEDS.keys() > lab.views.PICTURES.keys()
    assert set(NEEDS.values()) <= set(LEVELS)
    with pytest.raises(ValueError, match="--trace wire is required for the states"):
        lab.simulate(TOPOLOGIES / "campus.toml", trace="none").plot("states")


def test_a_live_run_is_recorded_at_a_level_too(tmp_path: Path) -> None:
    out = tmp_path / "out"
    name = TOPOLOGIES / "rfc821" / "scenario-03.toml"
    command = ("live", name, "--speed", "20", "--trace", "session", "--quiet", "--out", out)
    done = lab_command(*command)
    assert done.returncode == 0, done.stderr
    trace = lab.open_trace(out)
    assert trace.level == "session"
    kinds = {row[KIND] for row in trace.rows}
    assert {"open", "close", "accept", "deliver"} <= kinds <= LEVELS["session"]
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["delivered"], summary["digest"]) == (1, trace.digest())
