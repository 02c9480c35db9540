"""What is built for others, installed and used where there is no clone."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from helpers.places import NOTEBOOKS, ROOT, TOPOLOGIES

pytest.importorskip("hatchling", reason="hatchling, which builds the lab, is not installed")

PURE = {**os.environ, "SMTP_LAB_PURE": "1"}
RELAYED = "rfc821/scenario-03.toml"


def build(kind: str, source: Path, target: Path) -> Path:
    """Build a wheel or an sdist, without compiling, and return its path."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(target)]
    subprocess.run(command, cwd=source, env=PURE, check=True, capture_output=True)
    (built,) = target.iterdir()
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of what the sdist holds."""
    unpacked = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter="data")
    (source,) = unpacked.iterdir()
    return build("wheel", source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel, and with the dependencies but not the clone."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    packages = next((folder / "lib").glob("python3*/site-packages"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    others = [path for path in sys.path if path.endswith("site-packages")]
    # a .pth file among these is not followed, so that no clone is seen through it
    (packages / "dependencies.pth").write_text("\n".join([*others, *site.getsitepackages()]))
    return python


def lab(python: Path, *arguments: str, cwd: Path, **settings: str) -> str:
    """Run the command in a folder, as a user who has a home in it; return what it prints."""
    env = {key: value for key, value in PURE.items() if not key.startswith(("PYTHON", "XDG"))}
    done = subprocess.run(
        [python, "-P", "-m", "lab", *arguments], cwd=cwd, capture_output=True, text=True,
        env=env | {"HOME": str(cwd)} | settings,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.*") if path.is_file()}


def shipped(folder: Path) -> set[str]:
    return {name for name in names(folder) if not name.startswith(".") and "/." not in name}


def test_a_wheel_of_an_sdist_is_whole(wheel: Path) -> None:
    """Lessons, topologies, guides, pages and the rules' proof: all that the clone has."""
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if not name.startswith("smtp_lab-")}
    tracked = subprocess.run(
        ["git", "ls-files", "lab"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    for name in tracked or ["lab/rfc/proof.json", "lab/help/tour.md", "lab/views/replay/page.html"]:
        assert name in found
    for folder in (NOTEBOOKS, TOPOLOGIES):
        assert {f"lab/{folder.name}/{name}" for name in shipped(folder)} <= found
    assert {name.partition("/")[0] for name in found} == {"lab"}


def test_an_installed_lab_has_everything(installed: Path, tmp_path: Path) -> None:
    """In an empty folder: guides, rules with their proofs, lessons, and runs of what ships."""
    assert str(ROOT) not in lab(installed, "run", "--help", cwd=tmp_path)
    assert "tour" in lab(installed, "help", cwd=tmp_path)
    assert "# " in lab(installed, "help", "topology", cwd=tmp_path)
    assert "4.5.2" in lab(installed, "rfc", "4.5.2", cwd=tmp_path)
    assert len(lab(installed, "lessons", "--list", cwd=tmp_path).splitlines()) == 18 + 1
    assert lab(installed, "examples", "scenario-03", cwd=tmp_path) == "wrote scenario-03.toml\n"
    lab(installed, "new", "mine.toml", cwd=tmp_path)
    for file in ("scenario-03.toml", "mine.toml"):
        assert "1 delivered" in lab(installed, "run", file, cwd=tmp_path)
    code = "import lab, lab.lessons; print(lab.__file__, lab.lessons.topology('campus.toml'))"
    done = subprocess.run(
        [installed, "-P", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True,
        env={"SMTP_LAB_PURE": "1"},
    )  # fmt: skip
    assert str(ROOT) not in done.stdout


def test_lessons_are_copied_for_a_student(installed: Path, tmp_path: Path) -> None:
    """Once; an edited lesson stays as the student left it, and a missing one comes back."""
    said = lab(installed, "lessons", "--copy", cwd=tmp_path)
    copy = tmp_path / "smtp-lab"
    assert said.startswith("your lessons: smtp-lab/notebooks (")
    assert names(copy / "notebooks") == shipped(NOTEBOOKS)
    assert names(copy / "topologies") == shipped(TOPOLOGIES)
    edited, removed = sorted((copy / "notebooks").glob("0[1-2]-*.ipynb"))
    edited.write_text("mine")
    removed.unlink()
    assert "(new files: 1)" in lab(installed, "lessons", "--copy", cwd=tmp_path)
    assert edited.read_text() == "mine"
    assert removed.exists()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc to try to write to")
def test_nothing_needs_a_writable_folder(installed: Path) -> None:
    """Read-only home and working directory: lessons go to a temporary folder, the rest works."""
    nowhere = Path("/proc")  # where a superuser cannot write either
    assert "campus" in lab(installed, "examples", cwd=nowhere)
    assert "title" in lab(installed, "examples", "campus", "-o", "-", cwd=nowhere)
    assert "tour" in lab(installed, "help", cwd=nowhere)
    assert "1 delivered" in lab(installed, "run", str(TOPOLOGIES / RELAYED), cwd=nowhere)
    copied = Path(lab(installed, "lessons", "--copy", cwd=nowhere).split()[2])
    try:
        assert names(copied) == shipped(NOTEBOOKS)
    finally:
        shutil.rmtree(copied.parent)
