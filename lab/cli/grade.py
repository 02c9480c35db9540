"""``lab grade``: the checks of lessons that were handed in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.common import (
    UNUSABLE,
    exit_with_error,
    print_error,
    print_table,
    progress_bar,
    require_modules,
)

if TYPE_CHECKING:
    from rich.table import Table

    from lab.lessons.grading import Grade


@click.command()
@click.argument("notebooks", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--timeout", type=click.FloatRange(min=1), default=120.0, show_default=True,
    metavar="SECONDS",
    help="Seconds that each notebook may take.",
)  # fmt: skip
@click.option(
    "--processes", type=click.IntRange(min=1), default=2, show_default=True,
    metavar="N",
    help="Number of notebooks to run at a time.",
)  # fmt: skip
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV in a terminal too.")
def grade(notebooks: tuple[Path, ...], timeout: float, processes: int, as_csv: bool) -> None:
    """Run the checks of lessons that were handed in.

    Each notebook runs in a fresh kernel; of a folder, every notebook in it. Prints a table in a
    terminal and CSV elsewhere: lab grade class/*.ipynb > scores.csv. Ctrl-C ends it and prints the
    scores so far. The code of the notebooks runs with your permissions.
    """
    require_modules("nbclient", "ipykernel")
    from lab.lessons import course, grading

    try:
        course.folder()
    except course.NoLessons as why:
        exit_with_error(str(why))
    found = list(grading.notebooks_in(notebooks))
    if not found:
        exit_with_error(f"{', '.join(map(str, notebooks))}: no notebook (.ipynb) found")
    marks: list[Grade] = []
    try:
        with progress_bar(len(found), False, "notebooks", 2) as progress:
            grading.grade_all(found, timeout, processes, progress, marks)
    finally:
        if as_csv or not sys.stdout.isatty():
            click.echo(grading.as_csv(marks), nl=False)
        else:
            print_table(mark_table(marks))
    unusable = [one for one in marks if not one.lesson]
    for one in unusable:
        print_error(one.problem if one.name in one.problem else f"{one.name}: {one.problem}")
    if unusable:
        raise click.exceptions.Exit(UNUSABLE)


def mark_table(marks: list[Grade]) -> Table:
    """Return the grades as a table; files with the same name are shown with their folders."""
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
