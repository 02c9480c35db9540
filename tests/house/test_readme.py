"""The README: every command in it is run, every output compared, every picture drawn again."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest
from helpers.places import ROOT

import lab
from lab.topology.schema import TABLES, keys
from lab.trace.trace import Trace

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.M | re.S)


def blocks(language: str) -> list[str]:
    return [text for name, text in BLOCKS if name == language]


def commands(block: str) -> list[tuple[str, list[str]]]:
    """The commands of a console block, each with the lines that it is said to print."""
    found: list[tuple[str, list[str]]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def printed_as(wanted: list[str], printed: list[str]) -> bool:
    """Whether lines are what was said; ``...`` stands for any number of lines."""
    if not wanted:
        return not printed
    if wanted[0] == "...":
        return any(printed_as(wanted[1:], printed[n:]) for n in range(len(printed) + 1))
    return bool(printed) and printed[0] == wanted[0] and printed_as(wanted[1:], printed[1:])


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that looks like a clone, to run in and to write into."""
    here = tmp_path_factory.mktemp("clone")
    for name in ("topologies", "notebooks"):
        (here / name).symlink_to(ROOT / name)
    return here


def shell(command: str, clone: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a reader would, `lab` being that of this Python."""
    say = f'lab() {{ {shlex.quote(sys.executable)} -m lab "$@"; }}\n'
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environ = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"}
    return subprocess.run(
        ["bash", "-c", say + command],
        cwd=clone, env=environ, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("block", blocks("console"), ids=lambda text: text.split("\n")[0][2:40])
def test_a_console_block_prints_what_it_says(block: str, clone: Path) -> None:
    for command, wanted in commands(block):
        done = shell(command, clone)
        assert done.returncode == 0, done.stderr
        assert printed_as(wanted, done.stdout.splitlines()), f"$ {command}\n{done.stdout}"


@pytest.mark.parametrize("block", blocks("python"), ids=lambda text: text.split("\n")[0])
def test_a_python_block_runs(block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with mpl.rc_context():
        exec(compile(block, "README.md", "exec"), {})


@pytest.mark.parametrize("block", blocks("toml"), ids=lambda text: text.split("\n")[0])
def test_a_topology_in_the_readme_runs_as_it_expects(block: str, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(block, encoding="utf-8")
    run = lab.simulate(path)
    assert run.topology.expect
    assert run.unmet() == []
    assert any(event.kind == "defer" for event in run.trace), "the fault did not matter"


def test_there_are_exactly_two_commands_to_set_up() -> None:
    """A fresh machine has Python and nothing else: a virtual environment, pip, and that is all."""
    main, tests = blocks("sh")
    begin = "python3 -m venv .venv && .venv/bin/pip install -e "
    assert main == f"{begin}. && .venv/bin/lab run {MAIN} --transcript\n"
    assert tests == f"{begin}'.[test]' && .venv/bin/pytest -n 2 --dist loadfile\n"
    assert (ROOT / MAIN).is_file()


MAIN = "topologies/rfc821/scenario-03.toml"


def test_the_picture_is_the_run() -> None:
    """The ladder in the README is drawn from the trace of the run that it says it is."""
    trace = lab.simulate(ROOT / MAIN).trace
    assert blocks("text")[0] == drawing(trace)


def drawing(trace: Trace) -> str:
    """The commands and replies of a run as a ladder of text, each at the time of its arrival."""
    hosts = [host["name"] for host in trace.meta["hosts"]]
    lines = ["      " + "             ".join(hosts)]
    blank = [" " * 25] * (len(hosts) - 1)
    lines.append(rung("", blank))
    for event in trace:
        if event.kind not in ("command", "reply", "data"):
            continue
        gaps = list(blank)
        here, there = hosts.index(event.host), hosts.index(event.peer)
        if event.kind == "reply":
            code = event["octets"][:3].decode()
            gaps[min(here, there)] = f"<----------------- {code}   "
        else:
            word = "mail data" if event.kind == "data" else event["octets"][:4].decode()
            gaps[min(here, there)] = f"   {word} ".ljust(24, "-") + ">"
        lines.append(rung(f"{event.t:7.3f} s", gaps))
    return "".join(line.rstrip() + "\n" for line in lines)


def rung(when: str, gaps: list[str]) -> str:
    return when.ljust(11) + "|" + "|".join(gaps) + "|"


def test_the_house_in_the_readme_is_the_house_that_stands() -> None:
    """Every room that the drawing of the architecture names is there."""
    house = blocks("text")[1]
    for name in re.findall(
        r"[a-z]{2,}(?=  |$|:)", "\n".join(line[:44] for line in house.splitlines())
    ):
        found = [p for p in (ROOT / "lab").rglob("*") if p.stem == name and p.name != "__pycache__"]
        assert found, name


def test_what_the_readme_points_to_is_there() -> None:
    for path in re.findall(r"`((?:topologies|notebooks|lab|tests)/[\w./-]+)`", README):
        assert (ROOT / path).exists(), path


def test_every_key_that_a_file_may_hold_is_in_the_reference() -> None:
    """Each key of each table of the schema stands in the tables of the README, as code."""
    reference = README.split("## Every key of a topology file")[1].split("\n## ")[0]
    codes = " ".join(re.findall("`([^`]*)`", reference))
    named = set(re.findall(r"[a-z][a-z0-9_.]*", codes))
    for parts, table in TABLES.items():
        if parts[:1] == ("defaults",):  # the same once more
            continue
        for key in keys(table):
            whole = ".".join((*parts, key))
            assert {key, whole} & named or f"{whole}.host" in named, f"{whole} is not told"
