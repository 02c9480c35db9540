"""A run is made again from the directory that it left."""

from __future__ import annotations

import json
import shutil
import signal
import tomllib
from pathlib import Path
from typing import Any

import pytest
from helpers.command_line import Command, is_one_sentence
from helpers.places import ROOT
from helpers.small_topologies import ANN_TO_BOB, TWO_HOSTS

import lab as public
from lab.api.run_file import read_run_file, write_run_file
from lab.topology.model import from_dict

TOPOLOGIES = ROOT / "topologies"
MANY = [TOPOLOGIES / "campus.toml", *sorted((TOPOLOGIES / "faults").glob("*.toml"))]
TRAFFIC = """
[generate]
kind = "barabasi_albert_graph"
n = 12
m = 2
[defaults.host]
relay = true
users = ["ann"]
[defaults.link]
loss = 0.1
jitter = "5 ms"
[[traffic]]
count = 9
rate = "1 /s"
[[fault]]
kind = "crash"
host = "*"
rate = "20 /min"
for = "2 s"
"""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run of a generated graph left that was stopped and had overrides."""
    folder = tmp_path_factory.mktemp("original")
    (folder / "t.toml").write_text(TRAFFIC)
    topology = public.load(folder / "t.toml", sets=["traffic.0.count=20"], seed=3)
    public.simulate(topology, seed=3, until=9.0).save(folder / "out")
    return folder / "out"


@pytest.fixture
def left(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "out"))


def changed(left: Path, **values: Any) -> None:
    path = left / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_run_is_made_again_from_what_it_left_and_nothing_else(left: Path, lab: Command) -> None:
    for path in left.glob("*.*"):
        if path.name != "run.json":
            path.unlink()
    done = lab("run", str(left))
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[-1] == f"made again: {left} has the same digest"
    again = lab("run", str(left), "--json")
    assert json.loads(again.out)["digest"] == json.loads((left / "run.json").read_text())["digest"]


def test_the_file_says_what_was_asked_for(left: Path) -> None:
    content = json.loads((left / "run.json").read_text())
    wanted = {"seed": 3, "until": 9.0, "level": "wire", "sets": ["traffic.0.count=20"]}
    assert content.items() >= (wanted | {"version": public.__version__, "live": False}).items()
    assert content["digest"] == json.loads((left / "summary.json").read_text())["digest"]
    assert len(read_run_file(left).topology.hosts) == 12


def test_a_run_made_again_leaves_the_same_files(left: Path, lab: Command, tmp_path: Path) -> None:
    assert lab("run", str(left), "--quiet", "--out", str(tmp_path / "again")).status == 0
    for path in (path for path in left.rglob("*") if path.is_file()):
        other = tmp_path / "again" / path.relative_to(left)
        if path.name == "run.json":  # the overrides are part of its topology now
            continue
        assert other.read_bytes() == path.read_bytes(), path.name


def test_another_digest_is_a_sentence_and_status_1(left: Path, lab: Command) -> None:
    changed(left, seed=4, version="0.0.9")
    done = lab("run", str(left), "--quiet")
    assert done.status == 1
    assert "made again, but" in done.err
    assert "of version 0.0.9" in done.err


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"live": True}, "a live run cannot be made again"),
        ({"ending": "interrupted"}, "the run was interrupted, and the file does not say after"),
        ({"ending": "failed", "max_events": 9}, "the run did not end by itself"),
        ({"seed": "3"}, "seed is missing or wrong"),
        ({"until": -1}, "until is missing or wrong"),
        ({"level": []}, "level is missing or wrong"),
        ({"topology": "= 3"}, "topology: it is not TOML"),
        ({"topology": "[[host]]"}, "topology: host[0].name: "),
    ],
)
def test_a_file_that_is_wrong_is_a_sentence_and_status_2(
    left: Path, lab: Command, values: dict[str, Any], says: str
) -> None:
    changed(left, **values)
    done = lab("run", str(left))
    assert (done.status, done.out) == (2, "")
    assert is_one_sentence(done.err)
    assert says in done.err


@pytest.mark.parametrize("text", ["", "[]", "\xff", "[" * 100_000])
def test_what_is_no_file_of_a_run_is_a_sentence(left: Path, lab: Command, text: str) -> None:
    (left / "run.json").write_text(text, encoding="latin-1")
    done = lab("run", str(left))
    assert (done.status, done.out) == (2, "")
    assert is_one_sentence(done.err)


@pytest.mark.parametrize("option", [("--seed", "3"), ("--set", "a=1"), ("--until", "3 s")])
def test_options_that_would_make_another_run_are_refused(
    left: Path, lab: Command, option: tuple[str, str]
) -> None:
    done = lab("run", str(left), *option)
    assert done.status == 2
    assert f"leave out {option[0]}" in done.err


@pytest.mark.parametrize("path", MANY, ids=lambda path: path.stem)
def test_a_topology_that_ships_is_the_same_run_from_its_text(path: Path) -> None:
    topology = public.load(path)
    once = public.simulate(topology, until=100.0).digest
    tables = from_dict_of(topology)
    assert public.simulate(tables, until=100.0).digest == once


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs leave ``run.json`` alone, which takes no time."""

    def write(_: object, __: object, directory: Path, *___: object, **files: Any) -> list[Path]:
        directory.mkdir()
        with open(directory / "run.json", "w", encoding="utf-8") as file:
            write_run_file(files["again"], file)
        return []

    monkeypatch.setattr("lab.api.run.write_artefacts", write)


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("level", ["wire", "delivery"])
@pytest.mark.parametrize("ending", ["max-seconds", "interrupted"])
def test_a_run_that_was_cut_off_is_made_again_up_to_the_same_event(
    tmp_path: Path, lab: Command, ending: str, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("sys.ps1", raising=False)
    (tmp_path / "t.toml").write_text(TRAFFIC.replace("count = 9", "count = 900"))
    topology = public.load(tmp_path / "t.toml")

    def interrupt(_: int) -> None:
        signal.raise_signal(signal.SIGINT)

    if ending == "max-seconds":
        run = public.simulate(topology, max_seconds=0.001, trace=level)
    else:
        with pytest.raises(public.Interrupted) as stopped:
            public.simulate(topology, progress=interrupt, trace=level, max_events=10**9)
        run = stopped.value.run
    assert run.ending == ending
    assert run.summary["queued"] > 0
    run.save(tmp_path / "out")
    done = lab("run", str(tmp_path / "out"), "--json")
    assert done.status == 0, done.err
    assert json.loads(done.out)["digest"] == run.digest


def from_dict_of(topology: public.Topology) -> public.Topology:
    return from_dict(tomllib.loads(topology.to_toml()))


def test_faults_of_python_are_part_of_the_run(tmp_path: Path, lab: Command) -> None:
    (tmp_path / "t.toml").write_text(TWO_HOSTS + ANN_TO_BOB)
    fault = public.Fault("crash", host="TWO.ARPA", at=0.05, duration=2.0)
    run = public.simulate(tmp_path / "t.toml", faults=[fault])
    assert run.trace.count(["fault"])
    run.save(tmp_path / "out")
    assert lab("run", str(tmp_path / "out"), "--quiet").status == 0
