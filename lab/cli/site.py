"""``lab site``: one folder of static pages, for a web server or to open as it is."""

from __future__ import annotations

from pathlib import Path

import click

from lab.cli.common import (
    FAILED,
    echo,
    exit_with_error,
    print_note,
    quiet_option,
    reason_of,
    require_modules,
    status_line,
)
from lab.site.parts import PARTS, NotMade

NAMES = [part.name for part in PARTS]


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False))
@click.option(
    "--only", type=click.Choice(NAMES), multiple=True, metavar="PART",
    help=f"Make only this part beside the home page: {', '.join(NAMES)}. May be repeated.",
)  # fmt: skip
@click.option(
    "--packages",
    metavar="URL",
    help="Where the lab in the browser may load Pyodide's own packages from, as matplotlib."
    "  [default: none; nothing is loaded from elsewhere]",
)
@quiet_option
def site(folder: str, only: tuple[str, ...], packages: str | None, quiet: bool) -> None:
    """Write guides, reference, gallery and course as a folder of pages.

    DIR is made if it is missing; a site that is there is replaced. The pages need no address
    outside. Open DIR/index.html, or put the folder on any web server, which the page with the lab
    itself needs.
    """
    require_modules("jinja2", "griffe")
    from lab.site.build import NotOurs, write_site

    try:
        with status_line("making the site") as update:
            built = write_site(Path(folder), only, update, packages=packages)
    except NotOurs as why:
        exit_with_error(str(why))
    except NotMade as why:
        exit_with_error(str(why), FAILED)
    except OSError as error:
        exit_with_error(
            f"{error.filename or folder}: cannot be written ({reason_of(error)})", FAILED
        )
    if built.left_out:
        print_note(f"the lab in the browser is left out: {built.left_out}")
    if built.without_lessons:
        print_note(f"the lessons in the browser are left out: {built.without_lessons}")
    if not quiet:
        echo(f"wrote {folder}: {built.files:,} files, {built.size / 1e6:.1f} MB")
        echo(f"open {Path(folder) / 'index.html'}")
