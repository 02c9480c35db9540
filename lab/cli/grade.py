"""``lab grade``: the checks of lessons that were handed in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.common import UNUSABLE, need, print_error, progress_bar, say

if TYPE_CHECKING:
    from rich.table import Table

    from lab.lessons.grading import Grade


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
    """Run the checks of lessons that were handed in.

    Each notebook runs in a fresh kernel; of a folder, every notebook in it. Prints a table in a
    terminal and CSV elsewhere: lab grade class/*.ipynb > scores.csv. Ctrl-C ends it and prints the
    scores so far. The code of the notebooks runs with your permissions.
    """
    need("nbclient", "ipykernel")
    from lab.lessons import course, grading

    try:
        course.folder()
    except course.NoLessons as why:
        print_error(str(why))
        raise click.exceptions.Exit(UNUSABLE) from None
    meant = list(grading.notebooks_in(notebooks))
    if not meant:
        print_error(f"there is no notebook (.ipynb) in {', '.join(map(str, notebooks))}")
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
        print_error(one.problem if one.name in one.problem else f"{one.name}: {one.problem}")
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
