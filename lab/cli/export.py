"""``lab export``: a run in the formats of other tools."""

from __future__ import annotations

from pathlib import Path

import click

from lab.cli.common import (
    echo,
    exit_with_error,
    print_note,
    read_trace,
    reason_of,
    status_line,
)
from lab.runtime.private_files import writes_private_files
from lab.views.export import FORMATS


@click.command()
@click.argument("trace", type=click.Path())
@click.argument("format", metavar="FORMAT", type=click.Choice(list(FORMATS)))
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(),
    help="File to write; for csv, a folder.  [default: run.mmd, run.puml, run.log, run.pftrace, "
    "run.pcapng, or tables]",
)  # fmt: skip
@click.option(
    "--message", type=click.IntRange(min=1), metavar="N",
    help="Mermaid, plantuml, shiviz: only message number N.  [default: all]",
)  # fmt: skip
@click.option(
    "--session", type=click.IntRange(min=1), metavar="N",
    help="Mermaid, plantuml, shiviz: only session number N.  [default: all]",
)  # fmt: skip
@click.option(
    "--between", nargs=2, metavar="HOST HOST",
    help="Mermaid, plantuml, shiviz: only what happened between these two hosts.  [default: all]",
)  # fmt: skip
@writes_private_files
def export(
    trace: str,
    format: str,
    output: str | None,
    message: int | None,
    session: int | None,
    between: tuple[str, str] | None,
) -> None:
    """Write TRACE in the format of another tool.

    TRACE is the trace.jsonl or trace.parquet that a run left, or the directory of it. FORMAT is csv
    (a folder of tables), mermaid or plantuml (sequence diagrams), shiviz (a log with vector
    clocks), perfetto, or pcapng (packets with comments, for Wireshark).
    """
    if sum(option is not None for option in (message, session, between)) > 1:
        exit_with_error("--message, --session and --between exclude each other; use one of them")
    recorded = read_trace(trace)
    path = Path(output or FORMATS[format].file)
    from lab.views.export import export as write

    try:
        with status_line(f"writing {path}"):
            done = write(recorded, format, path, message=message, session=session, between=between)
    except ValueError as why:  # NothingToShow is one
        exit_with_error(f"{trace}: {why}")
    except OSError as error:
        exit_with_error(f"{path}: cannot be written ({reason_of(error)})")
    for note in done.notes:
        print_note(note)
    names = ", ".join(each.name for each in done.paths)
    echo(f"wrote to {path}: {names}" if format == "csv" else f"wrote {path}")
