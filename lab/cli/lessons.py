"""``lab lessons``: the course, in JupyterLab."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from lab.cli.common import echo, exit_with_error, require_modules

if TYPE_CHECKING:
    pass


@click.command()
@click.argument("wanted", metavar="[LESSON]", required=False)
@click.argument("options", metavar="[-- OPTIONS]", nargs=-1, type=click.UNPROCESSED)
@click.option("--list", "listed", is_flag=True, help="List the lessons; open nothing.")
def lessons(wanted: str | None, options: tuple[str, ...], listed: bool) -> None:
    """Open the lessons in JupyterLab.

    LESSON is a number or a name; without it, the map of the course opens. What comes after -- is
    passed to JupyterLab: lab lessons 7 -- --no-browser
    """
    from lab.lessons import course

    if wanted is not None and wanted.startswith("-"):
        options, wanted = (wanted, *options), None
    try:
        path = course.lesson(wanted).path if wanted else course.folder() / f"{course.INDEX}.ipynb"
        listing = course.lessons() if listed else []
    except course.NoLessons as why:
        exit_with_error(str(why))
    if listed:
        for lesson in listing:
            echo(f"{lesson.number:>2}  {lesson.minutes:>2} min  {lesson.title}")
        return
    require_modules("jupyterlab", "anywidget", "pandas")
    import signal
    import subprocess

    jupyter = subprocess.Popen([sys.executable, "-m", "jupyterlab", str(path), *options])
    # Ctrl-C is for JupyterLab: it asks whether to shut down, and ends its kernels
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise click.exceptions.Exit(jupyter.wait())
