"""What a learner has passed is read from the saved notebooks; a lesson can be put back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lab.cli import cli
from lab.lessons import course, progress


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A learner's folder with copies of the lessons."""
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    for path in course.folder().glob("*.ipynb"):
        notebooks.joinpath(path.name).write_bytes(path.read_bytes())
    monkeypatch.chdir(tmp_path)
    return notebooks


def save(path: Path, *said: str) -> None:
    """Save a notebook after its checks have said something."""
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    outputs = [{"output_type": "stream", "name": "stdout", "text": [f"{line}\n"]} for line in said]
    next(c for c in notebook["cells"] if c["cell_type"] == "code")["outputs"] = outputs
    path.write_text(json.dumps(notebook), encoding="utf-8")


def passed(number: int) -> tuple[int, int]:
    found = progress.progress()[number - 1]
    return found.passed, found.exercises


def test_what_a_saved_notebook_says_is_what_was_passed(folder: Path) -> None:
    """The last result of a check counts."""
    assert passed(1) == (0, 6)
    save(folder / "01-first-mail.ipynb", "✓ Predict: Right.", "✗ Break it: Not right.", "✓ x: y")
    assert passed(1) == (2, 6)
    save(folder / "01-first-mail.ipynb", "✓ Predict: Right.", "✗ Predict: Not right.")
    assert passed(1) == (0, 6)


def test_the_list_says_where_to_go_on(folder: Path) -> None:
    names = ("Predict", "Break it", "Exercise 1", "Exercise 2", "Exercise 3", "Exercise 4")
    save(folder / "01-first-mail.ipynb", *(f"✓ {name}: Right." for name in names))
    save(folder / "03-replies.ipynb", "✓ Predict: Right.")
    shown = CliRunner().invoke(cli, ["lessons", "--list"]).output
    assert "(6 of 6 passed)" in shown
    assert "(1 of 6 passed)" in shown
    assert "Go on with: lab lessons 3 " in shown


def test_a_lesson_is_put_back_and_one_s_own_work_is_kept(folder: Path) -> None:
    path = folder / "07-source-routes.ipynb"
    published = path.read_bytes()
    for number in (1, 2):
        path.write_text(f'{{"mine": {number}, "cells": [], "nbformat": 4, "metadata": {{}}}}')
        lesson = course.Lesson(path, "", 0, (), "")
        kept = progress.reset(lesson)
        assert kept.name == f"07-source-routes.mine-{number}.ipynb"
        assert f'"mine": {number}' in kept.read_text()
        assert path.read_bytes() == published


def test_a_copy_is_no_lesson_of_its_own(folder: Path) -> None:
    path = folder / "07-source-routes.ipynb"
    save(path, "✓ Predict: Right.")
    result = CliRunner().invoke(cli, ["lessons", "7", "--reset"])
    assert "07-source-routes.ipynb is as published" in result.output
    assert len(course.lessons()) == 18
    assert passed(7)[0] == 0
