"""``lab grade``: the checks of lessons that were handed in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.common import (
    UNUSABLE,
    echo,
    exit_with_error,
    print_error,
    print_table,
    progress_bar,
    require_modules,
    scheduler_option,
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
    "--cell-timeout", type=click.FloatRange(min=1), default=20.0, show_default=True,
    metavar="SECONDS",
    help="Seconds that each cell may take; after that the next one runs.",
)  # fmt: skip
@click.option(
    "--processes", type=click.IntRange(min=1), default=2, show_default=True,
    metavar="N",
    help="Number of notebooks to run at a time.",
)  # fmt: skip
@scheduler_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV in a terminal too.")
def grade(
    notebooks: tuple[Path, ...], timeout: float, cell_timeout: float, processes: int,
    scheduler: str | None, as_csv: bool,
) -> None:  # fmt: skip
    """Grade lessons that were handed in, by running their checks.

    Each notebook runs in a process of its own that can change nothing outside, as far as this
    system allows; the answers are judged by the published lesson. A folder stands for all notebooks
    in it. Prints a table in a terminal and CSV elsewhere: lab grade class/*.ipynb > scores.csv.
    Ctrl-C ends it and prints the scores so far.
    """
    require_modules("IPython", "matplotlib")
    from lab.lessons import course, grading
    from lab.runtime.workers import WorkersError

    try:
        course.folder()
    except course.NoLessons as why:
        exit_with_error(str(why))
    files = list(grading.notebooks_in(notebooks))
    if not files:
        exit_with_error(f"{', '.join(map(str, notebooks))}: no notebook (.ipynb) found")
    grades: list[Grade] = []
    lost = ""
    try:
        with progress_bar(len(files), False, "notebooks", 2) as progress:
            grading.grade_all(files, timeout, processes, progress, grades, cell_timeout, scheduler)
    except WorkersError as why:
        lost = str(why)
    finally:
        if as_csv or not sys.stdout.isatty():
            echo(grading.as_csv(grades), nl=False)
        else:
            print_table(grade_table(grades))
    unusable = [each for each in grades if not each.lesson]
    for each in unusable:
        print_error(each.problem if each.name in each.problem else f"{each.name}: {each.problem}")
    if lost:
        exit_with_error(lost)
    if unusable:
        raise click.exceptions.Exit(UNUSABLE)


def grade_table(grades: list[Grade]) -> Table:
    """Return the grades as a table; files with the same name are shown with their folders."""
    from rich.table import Table

    from lab.lessons.grading import columns, score

    signs = {"passed": "✓", "failed": "✗", "not yet": "…", "not reached": "-"}
    table = Table(box=None, pad_edge=False)
    names = columns(grades)
    short_names = (name.replace("Exercise", "Ex.") for name in names)
    for heading in ("notebook", "lesson", "score", *short_names, ""):
        table.add_column(heading, overflow="fold")
    short = [Path(each.name).name for each in grades]
    for each, name in zip(grades, short, strict=True):
        called = name if short.count(name) == 1 else each.name
        states = (signs.get(each.states.get(check, ""), "") for check in names)
        table.add_row(called, each.lesson, f"{score(each)} %", *states, each.problem)
    return table
