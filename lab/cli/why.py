"""``lab why``: where the time of a message went."""

from __future__ import annotations

import json

import click

from lab.cli.common import echo, exit_with_error, read_trace, status_line, until_reader_leaves
from lab.runtime.escaping import visible


@click.command()
@click.argument("trace", type=click.Path())
@click.option(
    "--message", type=click.IntRange(min=1), metavar="N",
    help="Number of the message, as the table of `lab run` has it.  [default: the one that took "
    "longest]",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the phases as one JSON object.")
def why(trace: str, message: int | None, as_json: bool) -> None:
    """Say where each recipient's time went, and what it waited for.

    TRACE is the trace.jsonl or trace.parquet that a run left, or the directory of it. For each
    recipient of message N there is a line for each phase, from submission to settlement: when it
    began, how long it took, where the mail was, and why.
    """
    recorded = read_trace(trace)
    from lab.analysis.why import slowest
    from lab.analysis.why import why as phases_of

    try:
        with status_line("following the mail"):
            phases = phases_of(recorded, message) if message is not None else slowest(recorded)
    except ValueError as error:
        exit_with_error(f"{trace}: {error}")
    with until_reader_leaves():
        if as_json:
            echo(json.dumps(phases.as_dict()))
        else:
            for line in phases.lines():
                echo(visible(line))
