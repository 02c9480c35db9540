"""`lab class`: what students get gives nothing away, and what they hand in is marked as theirs."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from helpers.places import NOTEBOOKS, ROOT

from lab.api.simulate import simulate
from lab.lessons import course, exercises, from_text, results
from lab.lessons.classroom import class_grading, gradebook, roster, submissions, teacher_file
from lab.lessons.classroom.feedback import feedback
from lab.lessons.classroom.from_toml import EXAMPLE, notebook_of
from lab.lessons.grading import Assignment
from lab.lessons.marking import JudgeFault, Timing
from lab.lessons.released import released
from lab.lessons.tasks import code_cells, tasks, text_of

LESSONS = [path for path in sorted(NOTEBOOKS.glob("*.ipynb")) if path.stem != course.INDEX]
NETWORK = {"hosts": 6, "links": 7, "messages": 8}
pytestmark = pytest.mark.skipif(os.name != "posix", reason="boxes are made on Linux and macOS")


def lab(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lab", *command.split()], capture_output=True, text=True, cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=300,
    )  # fmt: skip


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_released_lesson_has_no_solution_and_no_check(path: Path) -> None:
    """Nor a right answer that is computed; every cell is still Python, and every gap is there."""
    source = course.read(path)
    made = released(source)
    text = "\n".join(text_of(cell) for cell in made["cells"])
    assert "lessons.check" not in text
    assert "<details>" not in text
    assert [text_of(c) for c in made["cells"] if "exercise" in c["metadata"].get("tags", ())] == [
        text_of(c).rstrip("\n")
        for c in source["cells"]
        if "exercise" in c["metadata"].get("tags", ())
    ]
    for task in tasks(source):
        assert f"lessons.hand_in({task.name!r}" in text


def test_what_only_a_check_needs_is_not_released() -> None:
    cells = {cell["id"]: text_of(cell) for cell in released(course.read(LESSONS[0]))["cells"]}
    assert "refused" not in cells["break-it-check"]
    assert "run = lab.simulate(" in cells["predict-check"]  # later cells show it
    assert cells["exercise-3-check"] == "lessons.hand_in('Exercise 3', to)"


def test_thirty_students_have_thirty_networks() -> None:
    seeds = [exercises.seed_of(7, f"s{number}") for number in range(30)]
    found = [exercises.material("Find it", NETWORK, "host-down", seed) for seed in seeds]
    assert len({each.network for each in found}) == 30
    assert len({str(each.fault) for each in found}) > 5
    assert exercises.material("Find it", NETWORK, "host-down", seeds[0]) == found[0]
    for each in found[:3]:
        assert "[[fault]]" not in "".join(each.files("Find it").values())


def test_a_question_is_judged_by_the_students_own_network() -> None:
    exercises.use(11)
    task = exercises.exercise("Longest", network=NETWORK, asks="delivery_seconds.max", within=0.01)
    right = exercises.measured(simulate(task.network), "delivery_seconds.max")
    assert task.check(right)
    assert task.check(str(right))
    assert task.check(f"{right * 1000} ms")
    assert not task.check(right * 1.02)
    assert "Wrong form. Expected a number" in task.check("soon").message
    assert "Wrong form. Expected a number" in task.check(None).message
    assert task.check(...).state == "not yet"
    exercises.use(12)
    other = exercises.exercise("Longest", network=NETWORK, asks="delivery_seconds.max", within=0.01)
    assert not other.check(right)


def test_each_of_two_relays_that_carry_the_most_is_right() -> None:
    """And a host is named as in the lessons: in short, in any capitals."""
    text = "".join(f'[[host]]\nname = "{n}.ARPA"\nrelay = true\nusers = ["u"]\n' for n in "ABCD")
    text += "".join(
        f'[[link]]\nbetween = ["{a}.ARPA", "{b}.ARPA"]\n' for a, b in ("AB", "BC", "CD")
    )
    text += "".join(
        f'[[mail]]\nfrom = "u@{a}.ARPA"\nto = ["u@{b}.ARPA"]\ntext = "x"\n' for a, b in ("AC", "BD")
    )
    task = exercises.exercise("Busiest", network=text, asks="busiest relay")
    for answer in ("B", "c.arpa", "<C.ARPA>"):
        assert task.check(answer), answer
    for wrong in ("A", "D.ARPA", "B, C", ["B", "C"], None, 2):
        assert not task.check(wrong), wrong
    assert task.check(5).message == "Wrong form. Expected the name of a host; you have 5."


def test_a_network_is_judged_by_what_it_does_and_in_part() -> None:
    exercises.use(11)
    task = exercises.exercise(
        "Fewer", network=NETWORK, wanted={"delivered": 8, "links": "<= 5"},
        hidden=[{"seed": 4, "hint": "Think."}], hints=["Look."],
    )  # fmt: skip
    assert task.check(task.text).state == "failed"
    assert exercises.credits["Fewer"] == 0.5
    assert "links is 7, and should be <= 5. Look." in results["Fewer"].message
    without = task.text[: task.text.index("[[mail]]")]
    assert "The mail of the network was changed" in task.check(without).message
    assert "Wrong form" in task.check(5).message
    assert "Wrong form" in task.check("no network").message


def test_a_fault_is_found_by_its_host_in_any_form() -> None:
    exercises.use(3)
    task = exercises.exercise("Find", network=NETWORK, fault="host-down")
    host = str(task.material.fault["host"]) if task.material.fault else ""
    for answer in (host, host.lower(), [host], ("host-down", host), {"where": host}, f" {host} "):
        assert task.check(answer), answer
    for wrong in ("NOWHERE", [host, "BOSTON2"], 5, None, [], "host-down"):
        assert not task.check(wrong), wrong
        assert "Error" not in results["Find"].message
    assert "fault" not in {row["event"] for row in task.observed}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"network": {"hosts": 99}}, "hosts must be from 2 to 20, not 99"),
        ({"network": {"hots": 9}}, "a network has hosts, links and messages, not 'hots'"),
        ({"network": 5}, "network must be text or a dictionary, not 5"),
        ({"network": "none.toml"}, "there is no network none.toml"),
        ({"network": NETWORK, "fault": "fire"}, "fault must be one of host-down, link-down"),
    ],
)
def test_a_mistake_of_the_teachers_is_a_sentence(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(exercises.ExerciseError, match=problem):
        exercises.exercise("Own", **options)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x = ", "Invalid value"),
        ('title = "x"', r"there is no \[\[exercise\]\]"),
        ("[[exercise]]\npoints = 1", "exercise 1 has no name"),
        ('[[exercise]]\nname = "A"\nnetwrk = "x"', "no key netwrk in exercise 1; did you mean"),
        ('[[exercise]]\nname = "A"', "exercise 1 has no network"),
    ],
)
def test_a_mistake_in_a_file_is_a_sentence(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=problem):
        notebook_of(path)


def test_a_roster_is_read_as_moodle_and_canvas_write_it(tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    path.write_text("\ufeffFirst name;Last name;ID number;Email address\nAnn;Smith;a1;ann@x.edu\n")
    (student,) = roster.read_roster(path)
    assert (student.name, student.full_name, student.email) == ("a1", "Ann Smith", "ann@x.edu")
    path.write_text('Student,ID,SIS Login ID,Section\n"Smith, Ann",77,ann1,A\n')
    assert roster.read_roster(path)[0].columns["id"] == "77"
    path.write_text("ann\nben\n")
    assert [student.name for student in roster.read_roster(path)] == ["ann", "ben"]
    path.write_text("student\n../../etc/x\n")
    assert roster.read_roster(path)[0].name == "etc-x"
    for text, problem in (("student\nann\nann\n", "ann is in line 2"), ("", "no students"),
                          ("student,due\nann,soon\n", "'soon' is not a date")):  # fmt: skip
        path.write_text(text)
        with pytest.raises(roster.RosterFault, match=problem):
            roster.read_roster(path)


def test_pages_and_tables_are_safe_to_open() -> None:
    """Nothing a student wrote is run by a browser or a spreadsheet."""
    mark = gradebook.ExerciseMark(
        "Exercise 1", 2, "failed", "<b>no</b>", 0.5, "x = '<script>'", hints=["H"]
    )
    row = gradebook.Row("=cmd()", "@SUM.ipynb", "one", [mark], "-1+1<i>")
    table = list(csv.reader(io.StringIO(gradebook.as_csv([row]))))
    assert table[0] == ["student", "file", "Exercise 1", "points", "percent", "problem"]
    assert table[1] == ["'=cmd()", "'@SUM.ipynb", "1", "1", "50", "'-1+1<i>"]
    for page in (feedback("=cmd()", [row], {}), gradebook.as_matrix([row], "<i>")):
        assert "<script" not in page
        assert "<i>" not in page
        assert "http" not in page.replace("http-equiv", "")
    assert "<li>H</li>" in feedback("ann", [row], {})
    assert gradebook.Row(**{**asdict(row), "marks": [mark], "penalty": 0.5}).points == 0.5


CANVAS = """Student,ID,SIS User ID,SIS Login ID,Section,week1 (55),Current Score
,,,,,Manual Posting,
    Points Possible,,,,,10,(read only)
"Smith, Ann",77,u1,ann1,A,,
"Moe, Ben",78,u2,ben1,A,,
"""
MOODLE = (
    "First name,Last name,ID number,Email address\nAnn,Smith,a/1,Ann@x.edu\nBen,Moe,b2,b@x.edu\n"
)


def marks_of(students: list[roster.Student]) -> tuple[list[gradebook.Row], dict[str, Any]]:
    """Ann has handed in two notebooks, one of them twice; Ben has handed in nothing."""
    ann, ben = (student.name for student in students)
    rows = [
        gradebook.Row(
            ann, f"{lesson}{number}", lesson, [gradebook.ExerciseMark("E", 10, credit=credit)]
        )
        for number, (lesson, credit) in enumerate([("week1", 0.5), ("week1", 0.9), ("week2", 0)])
    ]
    rows.append(gradebook.Row(ben, "", problem="nothing was handed in"))
    return rows, {s.name: {"name": s.full_name, "email": s.email, **s.columns} for s in students}


def test_canvas_reads_the_table_that_is_made_for_it(tmp_path: Path) -> None:
    """As its importer does: columns up to Section, points there are, then a student a line."""
    (tmp_path / "roster.csv").write_text(CANVAS)
    students = roster.read_roster(tmp_path / "roster.csv")
    assert [student.full_name for student in students] == ["Smith, Ann", "Moe, Ben"]
    table = list(csv.reader(io.StringIO(gradebook.for_canvas(*marks_of(students)))))
    own = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    assert table[0] == [*own, "week1", "week2"]
    assert "Points Possible" in table[1][0]
    assert table[1][5:] == ["10", "10"]
    assert table[2] == ["Smith, Ann", "77", "u1", "ann1", "A", "9", "0"]
    assert table[3] == ["Moe, Ben", "78", "u2", "ben1", "A", "", ""]


def test_an_id_that_is_not_canvas_s_is_not_taken_for_one(tmp_path: Path) -> None:
    """Canvas would give the marks to the student who has that number there."""
    (tmp_path / "roster.csv").write_text("id,name\n77,Ann\n78,Ben\n")
    students = roster.read_roster(tmp_path / "roster.csv")
    table = list(csv.reader(io.StringIO(gradebook.for_canvas(*marks_of(students)))))
    assert table[2][:5] == ["Ann", "", "", "77", ""]


def test_moodle_reads_the_table_that_is_made_for_it(tmp_path: Path) -> None:
    """One line a student, who is named as Moodle names them; no empty grade."""
    (tmp_path / "roster.csv").write_text(MOODLE)
    students = roster.read_roster(tmp_path / "roster.csv")
    table = list(csv.reader(io.StringIO(gradebook.for_moodle(*marks_of(students)))))
    assert table[0] == ["Username", "ID number", "Email address", "week1", "week2"]
    assert table[1][1:] == ["a/1", "Ann@x.edu", "9", "0"]
    assert table[2][1:] == ["b2", "b@x.edu", "-", "-"]


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class of three: one who is right, one who is wrong, one who hands in something else."""
    folder = tmp_path_factory.mktemp("class")
    (folder / "week1.toml").write_text(EXAMPLE)
    (folder / "roster.csv").write_text("student,name\nann,Ann Smith\nben,Ben Moe\ncyd,\ndan,\n")
    done = lab(folder, "class release week1.toml --out handout --roster roster.csv")
    assert (done.returncode, done.stderr) == (0, "")
    release = teacher_file.load(folder / "handout.teacher.json")
    assert (folder / "handout.teacher.json").stat().st_mode & 0o077 == 0
    seed = exercises.seed_of(release.seed, "ann")
    fault = exercises.material("Find the fault", {**NETWORK, "links": 6, "messages": 12},
                               "host-down", seed).fault  # fmt: skip
    assert fault is not None
    own = from_text(exercises.material("Longest delivery", NETWORK, (), seed).network)
    longest = exercises.measured(simulate(own), "delivery_seconds.max")
    answers = {"1": f"answer_1 = {longest}", "2": "answer_2 = task_2.text"}
    answers["3"] = f"answer_3 = {fault['host']!r}"
    hand_in(folder, "ann", "Smith Ann_123_assignsubmission_file_/week1.ipynb", answers)
    hand_in(folder, "ann", "moeben_123_456_week1.ipynb", answers)  # a copy of Ann's
    (folder / "handed-in/cyd.ipynb").write_text("Dear teacher")
    done = lab(folder, "class grade handed-in --out marks --roster roster.csv")
    assert (done.returncode, done.stderr) == (0, "")
    return folder


def hand_in(folder: Path, student: str, name: str, answers: dict[str, str]) -> None:
    notebook = course.read(folder / f"handout/{student}/week1.ipynb")
    for cell in code_cells(notebook):
        if cell["id"].endswith("-answer"):
            cell["source"] = [answers[cell["id"].split("-")[-2]]]
    path = folder / "handed-in" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook))


def rows(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "marks/grades.csv").open(newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def test_each_student_is_judged_by_their_own_networks(graded: Path) -> None:
    """Points in part, too; a copy of another's is worth what it is worth on one's own network."""
    found = rows(graded)
    assert list(found) == ["ann", "ben", "cyd", "dan"]
    assert found["ann"]["Longest delivery"] == "2"
    assert found["ann"]["Find the fault"] == "1"
    assert 0 < float(found["ann"]["Fewer links"]) < 3
    assert found["ann"]["problem"] == ""
    assert "the copy that was released to ann" in found["ben"]["problem"]
    assert found["ben"]["Longest delivery"] == "0"
    assert "not a notebook" in found["cyd"]["problem"]
    assert found["dan"]["problem"] == "nothing was handed in"


def test_feedback_has_hints_and_pictures(graded: Path) -> None:
    page = (graded / "marks/feedback/ann.html").read_text()
    assert "Fewer links: partly right" in page
    assert "data:image/png;base64," in page
    done = lab(graded, "class feedback marks --pack pages.zip")
    assert done.stdout == "pages.zip: 4 pages\n"
    with zipfile.ZipFile(graded / "pages.zip") as archive:
        assert "ann/feedback.html" in archive.namelist()


def test_grading_goes_on_from_its_journal(graded: Path) -> None:
    """Also if its last line was cut off; nothing is graded twice."""
    before = (graded / "marks/grades.csv").read_text()
    journal = graded / "marks/journal.jsonl"
    lines = journal.read_text().splitlines()
    assert len(lines) == 2
    journal.write_text("\n".join([*lines, '{"file": "x']) + "\n")
    done = lab(graded, "class grade handed-in --out marks --roster roster.csv")
    assert "0 graded now" in done.stdout
    assert (graded / "marks/grades.csv").read_text() == before


def test_what_our_own_fault_left_unmarked_has_no_grade_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise JudgeFault("the judge has stopped")

    (tmp_path / "one.toml").write_text(EXAMPLE)
    source = notebook_of(tmp_path / "one.toml")
    path = tmp_path / "ann.ipynb"
    path.write_text("{}")
    one = submissions.Submission(path, path.name, "ann", "w", Assignment("w", source, source))
    monkeypatch.setattr(class_grading, "judge_submission", stopped)
    for _ in range(2):  # nothing is in the journal, so the second grading begins again
        grading = class_grading.ClassGrading(tmp_path / "marks", Timing(), 1)
        assert grading.run([one], again=False, progress=None) == 1
    (row,) = grading.rows.values()
    assert "run the same command again" in row.problem
    assert gradebook.for_moodle([row], {}).splitlines()[1].endswith(",-")
    assert gradebook.for_canvas([row], {}).splitlines()[2].endswith(",")


def test_what_cannot_be_released_is_said_in_a_sentence(tmp_path: Path) -> None:
    notebook = course.read(LESSONS[0])
    for cell in code_cells(notebook):
        if cell["id"] == "predict":
            cell["source"] = ["prediction = 2"]
    (tmp_path / "own.ipynb").write_text(json.dumps(notebook))
    done = lab(tmp_path, "class release own.ipynb --out handout")
    assert done.returncode == 2
    assert "the cell 'predict' has no gap" in done.stderr
    assert not (tmp_path / "handout").exists()
    done = lab(tmp_path, "class release 99 --out handout")
    assert (done.returncode, "there is no lesson 99" in done.stderr) == (2, True)


def test_networks_that_are_drawn_can_be_read() -> None:
    for seed in range(5):
        network = from_text(exercises.material("A", {"hosts": 20, "links": 30}, (), seed).network)
        assert (len(network.hosts), len(network.links)) == (20, 30)
