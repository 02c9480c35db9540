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
from lab.site.parts import NotMade, parts

PARTS = [part.name for part in parts()]


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False))
@click.option(
    "--only", type=click.Choice(PARTS), multiple=True, metavar="PART",
    help=f"Make only this part beside the home page: {', '.join(PARTS)}. May be repeated.",
)  # fmt: skip
@quiet_option
def site(folder: str, only: tuple[str, ...], quiet: bool) -> None:
    """Write guides, reference, gallery and course as a folder of pages.

    DIR is made if it is missing; a site that is there is replaced. The pages need no server and
    no address outside: open DIR/index.html, or put the folder on any web server.
    """
    require_modules("jinja2", "griffe")
    from lab.site.build import NotOurs, write_site

    try:
        with status_line("making the site") as update:
            built = write_site(Path(folder), only, update)
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
    if not quiet:
        echo(f"wrote {folder}: {built.files:,} files, {built.size / 1e6:.1f} MB")
        echo(f"open {Path(folder) / 'index.html'}")
