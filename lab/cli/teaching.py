"""``lab lessons`` and ``lab grade``: the course, and what a class hands in."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.common import UNUSABLE, complain, progress_bar, say

if TYPE_CHECKING:
    from rich.table import Table

    from lab.lessons.grading import Grade


def need(*modules: str) -> None:
    """Exit status 2 with the way out, where what the lessons want is not installed."""
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        complain(
            f"this wants {', '.join(missing)}, which is not installed; "
            "run: pip install 'smtp-lab[lessons]', or in a clone: pip install -e '.[lessons]'"
        )
        raise click.exceptions.Exit(UNUSABLE)


@click.command()
@click.argument("wanted", metavar="[LESSON]", required=False)
@click.argument("options", metavar="[-- OPTIONS]", nargs=-1, type=click.UNPROCESSED)
@click.option("--list", "listed", is_flag=True, help="List the lessons, and open nothing.")
def lessons(wanted: str | None, options: tuple[str, ...], listed: bool) -> None:
    """Open the lessons in JupyterLab: the map of the course, or LESSON by number or name.

    What stands behind -- is JupyterLab's: lab lessons 7 -- --no-browser
    """
    from lab.lessons import course

    if wanted is not None and wanted.startswith("-"):
        options, wanted = (wanted, *options), None
    try:
        path = course.lesson(wanted).path if wanted else course.folder() / f"{course.INDEX}.ipynb"
        found = course.lessons() if listed else []
    except course.NoLessons as why:
        complain(str(why))
        raise click.exceptions.Exit(UNUSABLE) from None
    if listed:
        for one in found:
            click.echo(f"{one.number:>2}  {one.minutes:>2} min  {one.title}")
        return
    need("jupyterlab", "anywidget", "pandas")
    import signal
    import subprocess

    jupyter = subprocess.Popen([sys.executable, "-m", "jupyterlab", str(path), *options])
    # Ctrl-C is JupyterLab's: it asks whether to shut down, and ends its kernels
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise click.exceptions.Exit(jupyter.wait())


@click.command()
@click.argument("notebooks", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--timeout", type=click.FloatRange(min=1), default=120.0, show_default=True,
    help="Seconds for each notebook.",
)  # fmt: skip
@click.option(
    "--processes", type=click.IntRange(min=1), default=2, show_default=True,
    help="Notebooks at a time.",
)  # fmt: skip
@click.option("--csv", "as_csv", is_flag=True, help="CSV also where stdout is a terminal.")
def grade(notebooks: tuple[Path, ...], timeout: float, processes: int, as_csv: bool) -> None:
    """Run the checks of lessons that were handed in, each in a fresh kernel.

    A table on a terminal, CSV elsewhere: lab grade class/*.ipynb > scores.csv. Of a folder, every
    notebook in it is taken. Ctrl-C ends it, with the scores so far. The code of the notebooks is
    run, with your rights.
    """
    need("nbclient", "ipykernel")
    from lab.lessons import course, grading

    try:
        course.folder()
    except course.NoLessons as why:
        complain(str(why))
        raise click.exceptions.Exit(UNUSABLE) from None
    meant = list(grading.notebooks_in(notebooks))
    if not meant:
        complain(f"there is no notebook (.ipynb) in {', '.join(map(str, notebooks))}")
        raise click.exceptions.Exit(UNUSABLE)
    marks: list[Grade] = []
    try:
        with progress_bar(len(meant), False, "notebooks", 2) as progress:
            grading.mark_all(meant, timeout, processes, progress, marks)
    finally:
        if as_csv or not sys.stdout.isatty():
            click.echo(grading.as_csv(marks), nl=False)
        else:
            say(mark_table(marks))
    unusable = [one for one in marks if not one.lesson]
    for one in unusable:
        complain(one.problem if one.name in one.problem else f"{one.name}: {one.problem}")
    if unusable:
        raise click.exceptions.Exit(UNUSABLE)


def mark_table(marks: list[Grade]) -> Table:
    """The marks for a terminal; files of one name are told apart by their folders."""
    from rich.table import Table

    from lab.lessons.grading import columns, score

    signs = {"passed": "✓", "failed": "✗", "not yet": "…", "not reached": "-"}
    table = Table(box=None, pad_edge=False)
    names = columns(marks)
    short_names = (name.replace("Exercise", "Ex.") for name in names)
    for heading in ("notebook", "lesson", "score", *short_names, ""):
        table.add_column(heading, overflow="fold")
    short = [Path(one.name).name for one in marks]
    for one, name in zip(marks, short, strict=True):
        called = name if short.count(name) == 1 else one.name
        states = (signs.get(one.states.get(check, ""), "") for check in names)
        table.add_row(called, one.lesson, f"{score(one)} %", *states, one.problem)
    return table
