"""`lab diff`: two runs compared, from files of every kind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.command_line import Command, is_one_sentence
from helpers.places import TOPOLOGIES
from helpers.small_topologies import ANN_TO_BOB, TWO_HOSTS

import lab as public

SCENARIO = str(TOPOLOGIES / "rfc821/scenario-03.toml")
SLOWER = ("--set", "link.0.latency=1 s")
DRAWN = """
[generate]
kind = "barabasi_albert_graph"
n = 8
m = 1
[defaults.host]
relay = true
users = ["ann"]
[[traffic]]
count = 5
rate = "1 /s"
"""


def test_the_same_runs_exit_with_0_and_say_so_first(lab: Command) -> None:
    done = lab("diff", SCENARIO, SCENARIO)
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[0] == "The runs are the same: 1 recipient."


def test_different_runs_exit_with_1_and_name_the_first_difference(lab: Command) -> None:
    done = lab("diff", SCENARIO, *SLOWER)
    assert (done.status, done.err) == (1, "")
    lines = done.out.splitlines()
    assert lines[0].startswith("The runs part at 0.300 s. 1 of 1 recipient fared otherwise: 1 ")
    assert lines[3] == "link MIT-AI.ARPA - USC-ISIE.ARPA: latency 100 ms in A, 1 s in B"
    assert "Where they part, at MIT-AI.ARPA" in lines
    assert any(line.startswith("A     0.300 s  Session 1 is open") for line in lines)
    assert any("Jones@BBN-VAX.ARPA" in line and " later " in line for line in lines)


def test_the_comparison_as_json_has_the_keys_that_scripts_rely_on(lab: Command) -> None:
    done = lab("diff", SCENARIO, *SLOWER, "--json")
    assert done.status == 1
    found = json.loads(done.out)
    assert found["same"] is False
    assert found["first"]["t"] == pytest.approx(0.3)
    assert found["first"]["a"] != found["first"]["b"]
    (moved,) = found["recipients"]
    assert (moved["message"], moved["recipient"]) == (1, "Jones@BBN-VAX.ARPA")
    assert moved["a"]["outcome"] == moved["b"]["outcome"] == "delivered"
    change = moved["b"]["settled_at"] - moved["a"]["settled_at"]
    assert moved["seconds"] == pytest.approx(change)
    same = json.loads(lab("diff", SCENARIO, SCENARIO, "--json").out)
    assert (same["same"], same["first"], same["recipients"]) == (True, None, [])


def test_a_run_that_was_kept_is_compared_with_its_topology(lab: Command, tmp_path: Path) -> None:
    """Which is run with the same seed and until the same time; the other way round, too."""
    (tmp_path / "t.toml").write_text(DRAWN)
    topology = public.load(tmp_path / "t.toml", seed=5)
    run = public.simulate(topology, seed=5, until=3.0)
    (tmp_path / "kept").mkdir()
    run.save_least(tmp_path / "kept")
    kept, file = str(tmp_path / "kept"), str(tmp_path / "t.toml")
    for pair in ((kept, file), (file, kept), (kept, f"{kept}/trace.jsonl")):
        assert lab("diff", *pair).status == 0, pair
    assert lab("diff", kept, file, "--seed", "6").status == 1
    assert lab("diff", kept, file, "--until", "4 s").status == 1
    assert lab("diff", file, file, "--seed", "6").status == 0


def test_overrides_change_both_topologies_if_there_are_two(lab: Command, tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    file.write_text(TWO_HOSTS + 'latency = "2 s"' + ANN_TO_BOB)
    done = lab("diff", SCENARIO, str(file), *SLOWER)
    assert "latency 2 s" not in done.out
    assert lab("diff", str(file), str(file), *SLOWER).status == 0


def test_many_recipients_and_links_are_counted(lab: Command, tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    file.write_text(DRAWN.replace("count = 5", "count = 60"))
    done = lab("diff", str(file), "--set", "defaults.link.bandwidth=9600")
    assert done.status == 1
    assert "and 50 more; --json has all" in done.out
    assert len(done.out.splitlines()) < 50


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["F"], "one run has nothing to be compared with; give two, or lab diff "),
        (["F/kept", "--set", "x=1"], "is a run, which --set cannot change; give a topology file"),
        ([SCENARIO, "F/nothing"], "nothing: "),
        ([SCENARIO, "F/nothing.jsonl"], "there is no such file or folder"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    lab: Command, arguments: list[str], says: str, tmp_path: Path
) -> None:
    (tmp_path / "kept").mkdir()
    done = lab("diff", *(each.replace("F", str(tmp_path / "")) if each != SCENARIO else each
                         for each in arguments))  # fmt: skip
    assert (done.status, done.out) == (2, "")
    assert says in done.err
    assert is_one_sentence(done.err)


@pytest.mark.parametrize(
    ("name", "kind", "begins"),
    [
        ("x.html", "slopes", b"<!DOCTYPE html>"),
        ("x.png", "map", b"\x89PNG"),
        ("x.svg", "slopes", b"<?xml"),
    ],
)
def test_a_page_or_a_picture_is_written(
    lab: Command, name: str, kind: str, begins: bytes, tmp_path: Path
) -> None:
    done = lab("diff", SCENARIO, *SLOWER, "-o", str(tmp_path / name), "--plot", kind)
    assert (done.status, done.err) == (1, "")
    assert done.out.splitlines()[-1] == f"wrote {tmp_path / name}"
    assert (tmp_path / name).read_bytes().startswith(begins)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("x.foo", "-o must end with .html, .htm, .png, .svg or .pdf, not"),
        (
            "nowhere/x.html",
            "the page cannot be written (No such file or directory)",
        ),
        (
            "nowhere/x.png",
            "the picture cannot be written (No such file or directory)",
        ),
    ],
)
def test_what_cannot_be_written_is_refused(
    lab: Command, name: str, says: str, tmp_path: Path
) -> None:
    done = lab("diff", SCENARIO, SCENARIO, "-o", str(tmp_path / name))
    assert (done.status, done.out) == (2, "")
    assert says in done.err
    assert is_one_sentence(done.err)
    assert list(tmp_path.iterdir()) == []
