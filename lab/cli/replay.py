"""``lab replay``: a page that plays a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lab.cli.common import (
    UNUSABLE,
    print_error,
    read,
    status_line,
)

if TYPE_CHECKING:
    pass


@click.command()
@click.argument("trace", type=click.Path())
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), default="replay.html", show_default=True,
    help="The page.",
)  # fmt: skip
def replay(trace: str, output: str) -> None:
    """Make one HTML page that plays the run of TRACE.

    TRACE is the trace.jsonl or trace.parquet that a run left, or the directory of it. The page
    needs no network and no server.
    """
    from lab.views import lacking
    from lab.views.replay import LONGEST_REPLAY, write_replay

    events = read(trace)
    if why := lacking(events, "replay"):
        print_error(f"{output}: not written, for {why}")
        raise click.exceptions.Exit(UNUSABLE)
    if len(events) > LONGEST_REPLAY:
        click.echo(
            f"lab: note: {trace}: the page plays the first {LONGEST_REPLAY:,} events "
            f"of {len(events):,}; it would be too long for a browser",
            err=True,
        )
    try:
        with status_line("packing the trace"):
            write_replay(events, output)
    except OSError as error:
        print_error(f"{output}: the page cannot be written ({error.strerror or error})")
        raise click.exceptions.Exit(UNUSABLE) from None
    click.echo(f"written: {output}")
