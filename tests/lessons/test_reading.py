"""How a lesson reads: a picture comes early, and checks take little of its code."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from helpers.places import NOTEBOOKS

from lab.lessons import course

LESSONS = sorted(set(NOTEBOOKS.glob("*.ipynb")) - {NOTEBOOKS / f"{course.INDEX}.ipynb"})

PICTURE = re.compile(r"\.plot\(|\.watch\(|\bdraw\(|\bsketch\(")

each = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


@each
def test_the_first_picture_comes_within_two_minutes(path: Path) -> None:
    """Among the first four cells, after at most 200 words and lines of code."""
    words = 0
    for number, cell in enumerate(nbformat.read(path, as_version=4).cells):
        if cell.cell_type == "code" and PICTURE.search(cell.source):
            assert number < 4
            break
        words += len(cell.source.split())
    assert words <= 200


@each
def test_checks_are_a_third_of_the_code_at_most(path: Path) -> None:
    """What a check needs is in `lab/lessons/asks`."""
    sources = [c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    sizes = [(len(re.findall(r"^.*\S", source, re.M)), source) for source in sources]
    checks = sum(size for size, source in sizes if "lessons.check(" in source)
    assert checks * 3 <= sum(size for size, _ in sizes)
