"""``lab examples`` and ``lab new``: files to start from."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers.places import TOPOLOGIES

from lab.api.examples import examples
from lab.cli import cli
from lab.topology.model import load


def lab(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(cli, arguments, prog_name="lab")
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_each_file_that_ships_is_listed_with_its_title() -> None:
    listed = lab("examples")[1].splitlines()
    names = {path.relative_to(TOPOLOGIES).with_suffix("").as_posix()
             for path in TOPOLOGIES.rglob("*.toml")}  # fmt: skip
    assert {line.split()[0] for line in listed} == names
    assert ["rfc821/scenario-03", "Relayed", "mail"] in [line.split() for line in listed]
    assert [line.split() for line in lab("examples", "rfc821")[1].splitlines()] == [
        line.split() for line in listed if line.startswith("rfc821/")
    ]


@pytest.mark.parametrize(
    "name", ["scenario-03", "rfc821/scenario-03", "topologies/rfc821/scenario-03.toml"]
)
def test_an_example_is_copied_and_runs(name: str, empty_folder: Path) -> None:
    assert lab("examples", name) == (0, "wrote scenario-03.toml\n", "")
    assert (empty_folder / "scenario-03.toml").read_bytes() == (
        TOPOLOGIES / "rfc821" / "scenario-03.toml"
    ).read_bytes()


@pytest.mark.parametrize("each", examples(), ids=lambda each: each.name)
def test_a_copy_has_the_files_that_it_names(each: object, empty_folder: Path) -> None:
    """Each file that ships can be loaded where it was copied to."""
    status, said, _ = lab("examples", each.name, "-o", "into/")  # type: ignore[attr-defined]
    assert status == 0
    for line in said.splitlines():
        path = empty_folder / line.removeprefix("wrote ")
        if path.suffix == ".toml" and "grid" not in tomllib.loads(path.read_text()):
            load(path)
    if each.is_experiment:  # type: ignore[attr-defined]
        assert said.count("\n") == 2


def test_nothing_is_overwritten(empty_folder: Path) -> None:
    """Neither by an example, nor by a file that it names, nor by a new file."""
    (empty_folder / "schedule.csv").write_text("mine")
    status, _, why = lab("examples", "schedule")
    assert status == 2
    assert why.startswith("lab: schedule.csv exists and has other content; name another file")
    assert not (empty_folder / "schedule.toml").exists()
    assert lab("new", "schedule.csv")[0] == 2
    assert (empty_folder / "schedule.csv").read_text() == "mine"
    assert lab("examples", "--all", "-o", ".")[0] == 0
    assert lab("examples", "--all", "-o", ".")[1] == ". has them all\n"


def test_an_unknown_example_is_refused() -> None:
    assert lab("examples", "scenaro-03")[2] == (
        "lab: no example 'scenaro-03' ships with the lab; did you mean scenario-03?\n"
    )
    assert "--all copies every example" in lab("examples", "campus", "--all")[2]
    assert "-o needs the name of one example" in lab("examples", "faults", "-o", "x")[2]


def test_a_new_file_is_checked_and_run(empty_folder: Path) -> None:
    assert lab("new", "mine.toml")[0] == 0
    assert lab("check", "mine.toml")[0] == 0
    status, said, _ = lab("run", "mine.toml")
    assert status == 0
    assert "1 delivered" in said
    assert "lab run mine.toml --transcript" in (empty_folder / "mine.toml").read_text()
    assert tomllib.loads(lab("new", "-")[1])["title"] == "My network"


def test_what_is_commented_out_in_a_new_file_works(empty_folder: Path) -> None:
    """Each remark that says "uncomment" says the truth."""
    lab("new", "mine.toml")
    path = empty_folder / "mine.toml"
    text = path.read_text()
    for begin in ("mailbox", "[[fault]]", "kind", "link =", "at =", "for ="):
        text = text.replace(f"# {begin}", begin)
    path.write_text(text)
    status, said, why = lab("run", "mine.toml")
    assert status == 1
    assert "delivered" in why
    assert "1 returned" in said
