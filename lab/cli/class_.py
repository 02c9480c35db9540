"""``lab class``: exercises for a class, and the marks for what it hands in."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lab.cli.common import (
    UNUSABLE,
    echo,
    exit_with_error,
    print_error,
    print_note,
    print_table,
    progress_bar,
    reason_of,
    require_modules,
    scheduler_option,
)

if TYPE_CHECKING:
    from lab.lessons.classroom.gradebook import Row


@click.group("class")
def class_() -> None:
    """Release exercises to a class, and grade what it hands in.

    lab class release 01-first-mail --out handout; lab class grade handed-in --out marks
    """


def _print_example(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Print a TOML file to begin with, and end."""
    if wanted and not context.resilient_parsing:
        from lab.lessons.classroom.from_toml import EXAMPLE

        echo(EXAMPLE, nl=False)
        context.exit()


@class_.command()
@click.option(
    "--example", is_flag=True, is_eager=True, expose_value=False, callback=_print_example,
    help="Print a TOML file with an exercise of each kind, to begin with.",
)  # fmt: skip
@click.argument("notebooks", nargs=-1, required=True, metavar="NOTEBOOK...")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), metavar="DIR",
    help="Folder for what students get; the teacher's file is left beside it.",
)  # fmt: skip
@click.option(
    "--roster", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE.csv",
    help="The students: each gets a folder, with networks of their own.",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(min=0), metavar="N",
    help="Draw the networks from this seed; without it, from a secret one.",
)  # fmt: skip
@click.option("--due", metavar="DATE", default="", help="For example 2026-12-01T18:00.")
@click.option(
    "--late", type=click.FloatRange(0, 100), default=0.0, metavar="PERCENT",
    help="What is taken off for each day after the due date.",
)  # fmt: skip
def release(
    notebooks: tuple[str, ...], out: Path, roster: Path | None, seed: int | None, due: str,
    late: float,
) -> None:  # fmt: skip
    """Leave in DIR what students get: notebooks without solutions and right answers.

    NOTEBOOK is a notebook, a TOML file with exercises of your own, or a lesson by number or name.
    DIR.teacher.json, beside DIR, is yours alone: grading requires it.
    """
    from lab.lessons.classroom import release as releasing
    from lab.lessons.classroom import roster as rosters
    from lab.lessons.classroom import teacher_file
    from lab.lessons.exercises import ExerciseError
    from lab.topology.model import TopologyError

    try:
        if due:
            rosters.read_date(due, "--due")
        students = rosters.read_roster(roster) if roster is not None else []
        lessons_by_name = _notebooks(notebooks)
        made = teacher_file.new_release(
            {name: notebook for name, (_, notebook) in lessons_by_name.items()},
            seed=secrets.randbits(48) if seed is None else seed,
            topologies=_topologies(lessons_by_name), students=students, due=due, late=late,
        )  # fmt: skip
        with progress_bar(max(1, len(students)), False, "students", 5) as progress:
            files = releasing.write_release(made, out, progress)
    except (rosters.RosterFault, ExerciseError, TopologyError, ValueError) as error:
        exit_with_error(str(error))
    except OSError as error:
        named = error.filename or ", ".join(notebooks) or out
        exit_with_error(f"{named}: {reason_of(error)}")
    who = f"{len(students)} students" if students else "a class"
    echo(f"{out}: {len(files)} files for {who}")
    echo(f"{releasing.teacher_file(out).name}, beside it, is for you alone: keep it for grading")


def _notebooks(names: tuple[str, ...]) -> dict[str, tuple[Path, dict[str, Any]]]:
    """Return the notebooks by name; ends the command if one cannot be released."""
    from lab.lessons import course
    from lab.lessons.classroom.release import problems
    from lab.lessons.classroom.teacher_file import read_notebook

    notebooks: dict[str, tuple[Path, dict[str, Any]]] = {}
    for name in names:
        path = Path(name)
        if not path.is_file():
            try:
                path = course.lesson(name).path
            except course.NoLessons as why:
                exit_with_error(f"{name}: there is no such file, and {why}")
        notebook = read_notebook(path)
        wrong = problems(str(path), notebook)
        for each in wrong:
            print_error(each)
        if wrong:
            raise click.exceptions.Exit(UNUSABLE)
        notebooks[path.stem] = (path, notebook)
    return notebooks


def _topologies(notebooks: dict[str, tuple[Path, dict[str, Any]]]) -> str:
    from lab.lessons.grading import topologies_of

    folders = [topologies_of(path.resolve()) for path, _ in notebooks.values()]
    return str(next((folder for folder in folders if folder is not None), ""))


@class_.command()
@click.argument("submissions", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), metavar="DIR",
    help="Folder for grades.csv, class.html and feedback/.",
)  # fmt: skip
@click.option(
    "--release", "teacher", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE", help="The teacher's file; without it, one nearby is used, if it fits.",
)  # fmt: skip
@click.option(
    "--roster", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE.csv",
    help="The students, if the release has none.",
)  # fmt: skip
@click.option(
    "--timeout", type=click.FloatRange(min=1), default=120.0, show_default=True,
    metavar="SECONDS", help="Seconds that each notebook may take.",
)  # fmt: skip
@click.option(
    "--cell-timeout", type=click.FloatRange(min=1), default=20.0, show_default=True,
    metavar="SECONDS", help="Seconds that each cell may take.",
)  # fmt: skip
@click.option(
    "--processes", type=click.IntRange(min=1), default=2, show_default=True, metavar="N",
    help="Number of notebooks to run at a time.",
)  # fmt: skip
@scheduler_option
@click.option("--again", is_flag=True, help="Grade all, whatever the journal in DIR has.")
def grade(
    submissions: Path, out: Path, teacher: Path | None, roster: Path | None, timeout: float,
    cell_timeout: float, processes: int, scheduler: str | None, again: bool,
) -> None:  # fmt: skip
    """Grade all notebooks in the folder SUBMISSIONS, and leave the marks in DIR.

    A student is known by the roster, from the name of the file or of its folder, as Moodle and
    Canvas name them. If it is interrupted, the same command goes on.
    """
    require_modules("IPython", "matplotlib")
    from lab.lessons.classroom import class_grading, teacher_file
    from lab.lessons.classroom import roster as rosters
    from lab.lessons.classroom import submissions as handed_in
    from lab.lessons.marking import Timing
    from lab.lessons.sandbox import box
    from lab.runtime.workers import WorkersError

    files = [path for path in handed_in.files_in(submissions) if out not in path.parents]
    if not files:
        exit_with_error(f"{submissions}: no notebook (.ipynb) found")
    try:
        release = teacher_file.find(teacher, [submissions, out], handed_in.keys_of(files))
        students = rosters.read_roster(roster) if roster else []
    except ValueError as error:
        exit_with_error(str(error))
    students = students or (release.students if release is not None else [])
    lessons: dict[str, Any] = {}
    submissions_found = [
        handed_in.submission(path, submissions, release, lessons, students) for path in files
    ]
    if box.kind() == "limits":
        print_note(f"this system keeps little apart: {box.IN_WORDS['limits']}")
    grading = class_grading.ClassGrading(
        out, Timing(min(cell_timeout, timeout), timeout), processes,
        release.late if release is not None else 0.0, scheduler,
    )  # fmt: skip
    rows: list[Row] = []
    try:
        with progress_bar(len(submissions_found), False, "notebooks", 2) as progress:
            new = grading.run(submissions_found, again, progress)
    except WorkersError as why:
        exit_with_error(f"{why}; what was graded is kept: the same command goes on")
    finally:
        rows = grading.write(students, class_grading.title_of(submissions_found))
        _show(rows)
    echo(f"{out}: {len(rows)} rows in grades.csv, {new} graded now; class.html shows them all")


def _show(rows: list[Row]) -> None:
    """Show the class by exercise in a terminal."""
    from rich.table import Table
    from rich.text import Text

    from lab.lessons.classroom.gradebook import columns, heading, number

    if not sys.stdout.isatty():
        return
    table = Table(box=None, pad_edge=False)
    every = columns(rows)
    for title in ("student", *(heading(each, every) for each in every), "points", "%", ""):
        table.add_column(Text(title), overflow="fold")
    for row in rows:
        earned = {(row.lesson, mark.name): mark.earned for mark in row.marks}
        cells = [number(earned.get(each)) for each in every]
        cells = [row.student, *cells, number(row.points), number(row.percent), row.problem]
        table.add_row(*map(Text, cells))
    print_table(table)


@class_.command("feedback")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--pack", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.zip",
    help="Put the pages into an archive, each in a folder with the name of the student.",
)  # fmt: skip
def feedback(folder: Path, pack: Path | None) -> None:
    """List the pages that lab class grade left in DIR for the students, or pack them."""
    from zipfile import ZIP_DEFLATED, ZipFile

    pages = sorted((folder / "feedback").glob("*.html"))
    if not pages:
        exit_with_error(f"{folder}: there is no feedback in it; lab class grade leaves it")
    if pack is None:
        for page in pages:
            echo(str(page))
        return
    with ZipFile(pack, "w", ZIP_DEFLATED) as archive:
        for page in pages:
            archive.write(page, f"{page.stem}/feedback.html")
    echo(f"{pack}: {len(pages)} pages")
