"""``lab lessons``: the course, in JupyterLab."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from lab.cli.common import echo, exit_with_error, reason_of, require_modules


@click.command()
@click.argument("wanted", metavar="[LESSON]", required=False)
@click.argument("options", metavar="[-- OPTIONS]", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--list",
    "listed",
    is_flag=True,
    help="List the lessons, what you have passed, and where to go on; open nothing.",
)
@click.option(
    "--reset",
    "again",
    is_flag=True,
    help="Put LESSON back to its published form; your own work stays beside it as a copy.",
)
@click.option("--copy", "copied", is_flag=True, help="Make a copy to work in; open nothing.")
@click.option(
    "--to", metavar="FOLDER", type=click.Path(file_okay=False, path_type=Path),
    help="Work in a copy in this folder.  [default: the lessons here or above; without any, a copy "
    "in smtp-lab]",
)  # fmt: skip
def lessons(
    wanted: str | None,
    options: tuple[str, ...],
    listed: bool,
    again: bool,
    copied: bool,
    to: Path | None,
) -> None:
    """Open the lessons in JupyterLab.

    LESSON is a number or a name; without it, the map of the course opens. What comes after -- is
    passed to JupyterLab: lab lessons 7 -- --no-browser

    Outside of a clone, the lessons and the topologies are first copied into a folder smtp-lab
    here, or in your home directory if nothing can be written here. Files that are there already
    are left as they are.
    """
    from lab.lessons import course

    if wanted is not None and wanted.startswith("-"):
        options, wanted = (wanted, *options), None
    try:
        path = course.lesson(wanted).path if wanted else course.folder() / f"{course.INDEX}.ipynb"
        if listed:
            _list()
            return
        if again:
            _reset(wanted)
            return
    except course.NoLessons as why:
        exit_with_error(str(why))
    if copied or to or course.here() is None:
        path = _own_copy(to) / path.name
    if copied:
        return
    require_modules("jupyterlab", "anywidget", "pandas")
    import signal
    import subprocess

    jupyter = subprocess.Popen([sys.executable, "-m", "jupyterlab", str(path), *options])
    # Ctrl-C is for JupyterLab: it asks whether to shut down, and ends its kernels
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise click.exceptions.Exit(jupyter.wait())


def _list() -> None:
    """Print the lessons, with what has been passed of each, and where to go on."""
    from lab.lessons import progress

    lessons = progress.progress()
    for each in lessons:
        passed = f"  ({each.passed} of {each.exercises} passed)" if each.passed else ""
        lesson = each.lesson
        echo(f"{lesson.number:>2}  {lesson.minutes:>2} min  {lesson.title}{passed}")
    left = progress.following(lessons)
    if left is None:
        echo("All lessons are done.")
    else:
        minutes = sum(each.lesson.minutes for each in lessons if not each.is_done)
        echo(f"Go on with: lab lessons {left.lesson.number}  (all that is left: {minutes} min)")


def _reset(wanted: str | None) -> None:
    """Put a lesson back to its published form, and print where the learner's own work is."""
    from lab.lessons import course, progress

    if not wanted:
        raise click.UsageError("--reset needs a lesson: lab lessons 7 --reset")
    lesson = course.lesson(wanted)
    try:
        kept = progress.reset(lesson)
    except OSError as error:
        exit_with_error(f"{lesson.path}: the lesson cannot be put back ({reason_of(error)})")
    echo(f"{lesson.path.name} is as published; your work is in {kept.name}")


def _own_copy(to: Path | None) -> Path:
    """Copy what is missing of the lessons; return the folder of the notebooks."""
    from lab.lessons import course

    try:
        folder, new = course.make_own_copy(to)
    except OSError as error:
        exit_with_error(
            f"{to}: the lessons cannot be copied there ({reason_of(error)}); "
            "name another folder: lab lessons --to FOLDER"
        )
    echo(f"your lessons: {folder}" + (f" (new files: {new})" if new else ""))
    return folder
