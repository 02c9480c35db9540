"""`lab lessons` and `lab grade`: the course, and marks for what a class hands in."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from helpers.places import ROOT

from lab.lessons import clean, course, grading

ENDLESS = "import time\nwhile True: time.sleep(1)"
FIRST = ROOT / "notebooks/01-first-mail.ipynb"


def copy_of_first(**changed: str) -> dict[str, Any]:
    """The first lesson with other sources in some of its cells (``_`` for ``-`` in their ids)."""
    notebook = course.read(FIRST)
    for cell in notebook["cells"]:
        new = changed.get(cell["id"].replace("-", "_"))
        if new is not None:
            cell["source"] = [new]
    return notebook


def hand_in(folder: Path, name: str, notebook: dict[str, Any]) -> Path:
    path = folder / name
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def lab_command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lab", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)


def test_what_is_run_has_the_students_answers_and_the_courses_checks() -> None:
    """A check that was changed or taken out is put back; a cell that was added stays."""
    handed_in = copy_of_first(
        predict="prediction = 2", exercise_1_check="lessons.check('Exercise 1', 1, 1)"
    )
    handed_in["cells"] = [cell for cell in handed_in["cells"] if cell["id"] != "exercise-2-check"]
    own = {"cell_type": "code", "id": "mine", "metadata": {}, "source": ["x = 1"], "outputs": []}
    handed_in["cells"].insert(2, own)
    original = course.read(FIRST)
    ready = {cell["id"]: cell for cell in grading.restored(handed_in, original)["cells"]}
    clean_cells = {cell["id"]: cell for cell in original["cells"]}
    assert "".join(ready["predict"]["source"]) == "prediction = 2"
    assert ready["mine"]["source"] == "x = 1"
    for name in ("exercise-1-check", "exercise-2-check"):
        assert ready[name]["source"] == clean_cells[name]["source"]


def test_a_class_is_graded(tmp_path: Path) -> None:
    """One good try, one that never ends, one that is broken in the middle; a row for each."""
    good = hand_in(
        tmp_path, "ann.ipynb", copy_of_first(predict="prediction = 2", break_it="code = 450")
    )
    endless = hand_in(
        tmp_path, "ben.ipynb", copy_of_first(predict="prediction = 2", exercise_1_answer=ENDLESS)
    )
    broken = hand_in(
        tmp_path, "cyd.ipynb", copy_of_first(break_it="code = (", exercise_1_answer="go_on = 354")
    )
    done = lab_command("grade", "--cell-timeout", "2", good, endless, broken)
    assert done.returncode == 0, done.stderr
    rows = {Path(row["notebook"]).stem: row for row in csv.DictReader(io.StringIO(done.stdout))}
    assert rows["ann"]["Predict"] == "passed"
    assert rows["ann"]["Break it"] == "failed"
    assert rows["ann"]["Exercise 1"] == "not yet"
    assert (rows["ann"]["passed"], rows["ann"]["checks"], rows["ann"]["score"]) == ("1", "6", "17")
    assert rows["ben"]["Predict"] == "passed"
    assert rows["ben"]["Exercise 1"] == rows["ben"]["Exercise 4"] == "not yet"
    assert rows["ben"]["problem"] == "stopped after 2 s in the cell 'exercise-1-answer'"
    assert rows["cyd"]["Exercise 1"] == "passed"
    assert {row["lesson"] for row in rows.values()} == {FIRST.stem}


def test_what_was_passed_stays_whatever_comes_after(tmp_path: Path) -> None:
    """A process that dies, results that are written over, ids that an editor has thrown away."""
    right = {"predict": "prediction = 2", "break_it": "code = 550"}
    dies = hand_in(
        tmp_path, "dan.ipynb", copy_of_first(**right, exercise_1_answer="import os; os._exit(3)")
    )
    forged = copy_of_first(**right)
    forge = "for n in list(lessons.results): lessons.results[n] = lessons.results['Predict']"
    own: dict[str, Any] = {"cell_type": "code", "metadata": {}, "outputs": [], "id": "own"}
    forged["cells"].append({**own, "source": [forge]})
    replaced = copy_of_first(**right)
    replace = "from lab import lessons\nlessons.check = lambda *a: lessons._keep(a)"
    replaced["cells"].insert(0, {**own, "source": [replace]})
    anonymous = copy_of_first(**right)
    anonymous["metadata"] = {}
    for cell in anonymous["cells"]:
        del cell["id"]
    papers = [hand_in(tmp_path, f"{n}.ipynb", each) for n, each in
              (("forged", forged), ("replaced", replaced), ("Zoë", anonymous))]  # fmt: skip
    marks = {Path(item.name).stem: item for item in grading.grade_all([dies, *papers], 60)}
    assert {name: mark.passed for name, mark in marks.items()} == {
        "dan": 2, "forged": 2, "replaced": 2, "Zoë": 2,
    }  # fmt: skip
    assert "died, or was killed, in the cell 'exercise-1-answer'" in marks["dan"].problem


def test_an_interrupt_leaves_the_scores_so_far(tmp_path: Path) -> None:
    """Exit status 130, a row for each notebook of a folder, and no process goes on."""
    hand_in(tmp_path, "a.ipynb", copy_of_first(predict="prediction = 2"))
    seconds = f"{os.getpid()}{time.monotonic_ns()}"
    endless = f"import subprocess\nsubprocess.run(['sleep', '{seconds}'])"
    hand_in(tmp_path, "b.ipynb", copy_of_first(predict="prediction = 2", exercise_1_answer=endless))
    grade = subprocess.Popen(
        [sys.executable, "-m", "lab", "grade", "--processes", "1", str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    for _ in range(1000):
        if is_running(seconds):
            break
        time.sleep(0.1)
    grade.send_signal(signal.SIGINT)
    out, err = grade.communicate(timeout=60)
    assert grade.returncode == 130
    assert err.strip() == "lab: interrupted"
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["Predict"] for row in rows] == ["passed", "passed"]
    assert [row["problem"] for row in rows] == ["", grading.INTERRUPTED]
    assert not is_running(seconds)


def is_running(argument: str) -> bool:
    """Whether a process that anyone has started has this argument."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if argument.encode() in path.read_bytes().split(b"\0"):
                return True
    return False


@pytest.mark.parametrize(
    "strange",
    [
        {"cells": [1, None, {"cell_type": "code"}, {"id": "predict", "source": None}]},
        {"cells": [], "metadata": []},
        {"cells": [{"source": ["x", 1]}], "metadata": {"lab": {"lesson": ["01-first-mail"]}}},
    ],
)
def test_a_strange_notebook_is_no_notebook_of_ours(tmp_path: Path, strange: dict[str, Any]) -> None:
    """Whatever its JSON holds in the places of cells and metadata."""
    path = hand_in(tmp_path, "strange.ipynb", {"nbformat": 4, **strange})
    grade, _, lesson = grading.examine(path)
    assert lesson is None
    assert "not a copy of a lesson" in grade.problem
    ready = grading.restored(course.read(path), course.read(FIRST))
    assert [cell["id"] for cell in ready["cells"] if cell.get("id")] == [
        cell["id"] for cell in course.read(FIRST)["cells"]
    ]


def test_what_is_no_lesson_is_told_in_a_sentence(tmp_path: Path) -> None:
    text = tmp_path / "notes.ipynb"
    text.write_text("Dear teacher")
    other = hand_in(tmp_path, "other.ipynb", {"cells": [], "nbformat": 4, "metadata": {}})
    done = lab_command("grade", text, other, tmp_path / "none.ipynb")
    assert done.returncode == 2
    assert "notes.ipynb: not a notebook" in done.stderr
    assert "other.ipynb: this is not a copy of a lesson" in done.stderr
    assert "none.ipynb: No such file" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_stands_behind_two_dashes_is_jupyterlabs() -> None:
    """With a lesson and without one."""
    for lesson in ([], ["7"]):
        done = lab_command("lessons", *lesson, "--", "--version")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.partition(".")[0].isdecimal()


def test_the_lessons_are_listed() -> None:
    done = lab_command("lessons", "--list")
    assert done.stdout.splitlines()[0] == " 1  40 min  Send a first message and read what was said"
    assert done.stdout.splitlines()[-1].startswith("Go on with: lab lessons 1 ")
    assert len(done.stdout.splitlines()) == len(course.lessons()) + 1


def test_a_lesson_that_there_is_not(tmp_path: Path) -> None:
    done = lab_command("lessons", "99")
    assert done.returncode == 2
    assert "there is no lesson 99" in done.stderr


@pytest.mark.parametrize("wanted", ["7", "07", "07-source-routes.ipynb", "source", "notebooks/07"])
def test_a_lesson_is_found_by_what_it_is_called(wanted: str) -> None:
    assert course.lesson(wanted).number == 7


@pytest.mark.parametrize("wanted", ["", "²", "-1", "0", "nothing"])
def test_what_no_lesson_is_called_is_told(wanted: str) -> None:
    with pytest.raises(course.NoLessons, match="there is no lesson"):
        course.lesson(wanted)


def test_a_notebook_that_was_worked_on_is_cleaned(tmp_path: Path) -> None:
    """Outputs, counts and an editor's traces go; names, tags and what the lesson says stay."""
    worked = course.read(FIRST)
    for cell in worked["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"execution_count": 7, "outputs": [{"output_type": "stream", "text": "x"}]}
            cell["metadata"]["trusted"] = True
    worked["metadata"]["toc"] = {}
    path = hand_in(tmp_path, "worked.ipynb", worked)
    clean.main([str(path)])
    assert path.read_text(encoding="utf-8") == FIRST.read_text(encoding="utf-8")
