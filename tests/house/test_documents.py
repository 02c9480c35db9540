"""README and guides: every block is executed, every output compared, every link followed.

A ``console`` block is run line by line in a folder that looks like a clone; ``...`` stands for any
number of lines. The blocks of one document share that folder. A ``python`` block is run.
A ``toml`` block is a topology, which is run, or an experiment, which is read; a topology without
hosts is added to the first one of its document that has some.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import pytest
from helpers import keys, map_attributes, pictures
from helpers.documents import (
    DOCUMENTS,
    GUIDES,
    Block,
    all_blocks,
    blocks,
    commands,
    links,
    matches,
)
from helpers.places import NOTEBOOKS, ROOT, TOPOLOGIES

import lab
from lab.experiments.sweep.experiment_file import load_experiment
from lab.lessons import course

README = ROOT / "README.md"
MAIN = "topologies/rfc821/scenario-03.toml"
WITH_COMMANDS = [document for document in DOCUMENTS if blocks(document, "console")]


def name_of(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a folder that looks like a clone, to run in and to write into."""
    for name in ("topologies", "notebooks", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def shell(command: str, clone: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a reader would, `lab` being that of this Python."""
    define = f'lab() {{ {shlex.quote(sys.executable)} -m lab "$@"; }}\n'
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environ = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"}
    return subprocess.run(
        ["bash", "-c", define + command],
        cwd=clone, env=environ, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("document", WITH_COMMANDS, ids=name_of)
def test_console_blocks_print_what_they_say(document: Path, clone: Path) -> None:
    """One after another, since a block may go on with what the last one left."""
    for block in blocks(document, "console"):
        for command, expected in commands(block):
            done = shell(command, clone)
            assert done.returncode == 0, f"{block}: $ {command}\n{done.stderr}"
            assert matches(expected, done.stdout.splitlines()), (
                f"{block}: $ {command}\n{done.stdout}"
            )


@pytest.mark.parametrize("block", all_blocks("python"), ids=str)
def test_a_python_block_runs(block: Block, clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clone)
    with mpl.rc_context():
        exec(compile(block.text, str(block), "exec"), {})


@pytest.mark.parametrize("block", all_blocks("toml"), ids=str)
def test_a_toml_block_is_what_the_lab_reads(block: Block, tmp_path: Path) -> None:
    (tmp_path / "outages.toml").write_bytes((TOPOLOGIES / "experiments/outages.toml").read_bytes())
    path = tmp_path / "own.toml"
    path.write_text(completed(block), encoding="utf-8")
    if "\n[grid]" in block.text:
        assert len(load_experiment(path)) > 0
    else:
        run = lab.simulate(path)
        assert run.unmet() == []
        assert run.breaches == []
        if run.topology.faults:
            faultless = replace(run.topology, faults=())
            assert lab.simulate(faultless).digest != run.digest, "the fault made no difference"


def completed(block: Block) -> str:
    """Return a block that can be loaded: as it stands, or added to a topology with hosts."""
    whole = [other.text for other in blocks(block.document, "toml") if "[[host]]" in other.text]
    alone = any(word in block.text for word in ("[[host]]", "graph =", "[generate]", "\n[grid]"))
    return block.text if alone else whole[0] + block.text


@pytest.mark.parametrize("document", GUIDES, ids=name_of)
def test_every_block_of_a_guide_is_executed(document: Path) -> None:
    assert {block.language for block in blocks(document)} <= {"console", "python", "toml"}


def test_there_are_exactly_two_commands_to_set_up() -> None:
    """A fresh machine has Python and nothing else: a virtual environment, pip, and that is all."""
    main, tests = (block.text for block in blocks(README, "sh"))
    begin, install = "python3 -m venv .venv && ", ".venv/bin/pip install -e "
    run = f".venv/bin/lab run {MAIN} --transcript"
    assert main == f"{begin}SMTP_LAB_PURE=1 {install}. && {run}\n"
    assert tests == f"{begin}{install}'.[test]' && .venv/bin/pytest -n 4 --dist loadfile\n"
    assert (ROOT / MAIN).is_file()


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 220


def test_the_picture_is_what_the_lab_draws_now() -> None:
    """Texts and their order are compared: coordinates differ between versions of matplotlib."""
    shipped = pictures.SHIPPED.read_text(encoding="utf-8")
    assert pictures.texts(shipped) == pictures.texts(pictures.drawn_now())
    assert len(pictures.texts(shipped)) > 40


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_what_a_document_points_to_is_there(document: Path) -> None:
    assert [path for path in links(document) if not path.exists()] == []


def test_the_readme_points_to_every_guide() -> None:
    assert set(GUIDES) <= {path.resolve() for path in links(README)}


@pytest.mark.parametrize(
    ("folder", "pattern"),
    [(TOPOLOGIES, "**/*.toml"), (NOTEBOOKS, "*.ipynb")],
    ids=["topologies", "notebooks"],
)
def test_a_folder_s_readme_lists_what_is_there(folder: Path, pattern: str) -> None:
    listed = {path.resolve() for path in links(folder / "README.md")}
    there = {path.resolve() for path in folder.glob(pattern)}
    assert {path for path in listed if folder in path.parents} == there


@pytest.mark.parametrize("table", ["README.md", "00-the-course.ipynb"])
def test_the_tables_of_lessons_have_the_titles_of_the_notebooks(table: str) -> None:
    text = (NOTEBOOKS / table).read_text(encoding="utf-8")
    titles = [f"[{lesson.title}]({lesson.path.name})" for lesson in course.lessons()]
    assert [title for title in titles if title not in text] == []


def test_the_tables_of_keys_are_those_of_the_declarations() -> None:
    """`python -m tests.helpers.keys` writes them again."""
    guide = keys.GUIDE.read_text(encoding="utf-8")
    assert guide == keys.completed(guide)
    assert "`between` *" in guide


def test_the_table_of_attributes_is_that_of_the_reader() -> None:
    """`python -m tests.helpers.map_attributes` writes it again."""
    guide = map_attributes.GUIDE.read_text(encoding="utf-8")
    assert guide == map_attributes.completed(guide)
    assert "`linkspeedraw`" in guide


def test_the_version_is_the_same_everywhere() -> None:
    citation = (ROOT / ".github/CITATION.cff").read_text(encoding="utf-8")
    changes = (ROOT / ".github/CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\nversion: {lab.__version__}\n" in citation
    assert f"\n## {lab.__version__}\n" in changes


def test_every_module_is_in_the_code_map() -> None:
    """By its name, or in a package whose row speaks for its Python; JavaScript only by its name."""
    text = (ROOT / "lab/README.md").read_text(encoding="utf-8")
    code_map = text.split("## Code map")[1].split("## Where does it go?")[0]
    rows = re.sub(r"^### .*$", "", code_map, flags=re.M)
    named = set(re.findall(r"`([\w/]+(?:\.py|\.js)?/?)`", rows))
    modules = {path for path in (ROOT / "lab").rglob("*.py") if path.stem[:2] != "__"}
    missing = {path for path in modules if not named & {path.name, *packages_of(path)}}
    missing |= {path for path in (ROOT / "lab").rglob("*.js") if path.name not in named}
    assert {path.relative_to(ROOT).as_posix() for path in missing} == set()


def test_every_folder_of_tests_is_in_their_readme() -> None:
    """And every test that lies in none."""
    readme = (ROOT / "tests/README.md").read_text(encoding="utf-8")
    tests = ROOT / "tests"
    folders = [path for path in tests.iterdir() if any(path.glob("*.py"))]
    names = [f"`{path.name}/`" for path in folders]
    names += [f"`{path.name}`" for path in tests.glob("test_*.py")]
    assert [name for name in names if name not in readme] == []


def packages_of(path: Path) -> set[str]:
    parts = path.relative_to(ROOT / "lab").parts[:-1]
    return {f"{part}/" for part in parts}
