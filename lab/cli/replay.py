"""``lab replay``: a page that plays a run."""

from __future__ import annotations

import click

from lab.cli.common import (
    echo,
    exit_with_error,
    print_note,
    read_trace,
    reason_of,
    status_line,
)


@click.command()
@click.argument("trace", type=click.Path())
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(dir_okay=False), default="replay.html",
    show_default=True, help="The HTML page to write.",
)  # fmt: skip
def replay(trace: str, output: str) -> None:
    """Make an HTML page that plays the run of TRACE.

    TRACE is the trace.jsonl or trace.parquet that a run left, or the directory of it. The page
    needs no network and no server.
    """
    from lab.views import why_unavailable
    from lab.views.replay import LONGEST_REPLAY, write_replay

    events = read_trace(trace)
    if why := why_unavailable(events, "replay"):
        exit_with_error(f"{output}: not written: {why}")
    if len(events) > LONGEST_REPLAY:
        print_note(
            f"{trace}: the page plays the first {LONGEST_REPLAY:,} events of {len(events):,}; "
            "more would be too much for a browser"
        )
    try:
        with status_line("packing the trace"):
            write_replay(events, output)
    except OSError as error:
        exit_with_error(f"{output}: the page cannot be written ({reason_of(error)})")
    echo(f"wrote {output}")
