"""``lab run``: simulate a topology."""

from __future__ import annotations

import signal

import click

from lab.cli.common import (
    FAILED,
    INTERRUPTED,
    UNUSABLE,
    artefacts_option,
    check_links,
    exit_with_status,
    level_option,
    links_option,
    load,
    make_directory,
    print_error,
    print_note,
    progress_bar,
    quiet_option,
    report_run,
    seed_option,
    set_option,
    summary_as_json_option,
    topology_argument,
    trace_folder,
    transcript_option,
    until_option,
)
from lab.runtime.gc_pause import gc_pause
from lab.runtime.private_files import writes_private_files


@click.command()
@topology_argument
@seed_option
@set_option
@until_option
@transcript_option
@summary_as_json_option
@links_option
@artefacts_option
@level_option
@click.option(
    "--processes", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
    help="Number of processes that share the hosts. If that would not be faster, one process is "
    "used, and a note says why.",
)  # fmt: skip
@quiet_option
@writes_private_files
def run(
    topology: str,
    seed: int,
    sets: tuple[str, ...],
    until: float | None,
    transcript: bool,
    links: bool,
    as_json: bool,
    out: str | None,
    level: str,
    processes: int,
    quiet: bool,
) -> None:
    """Simulate TOPOLOGY and print what became of the mail."""
    check_links(links, level)
    described = load(topology, sets, seed)
    if out is not None:
        make_directory(out)
    status = 0
    with trace_folder(out, transcript or links) as folder, gc_pause():
        from lab.api.run import Interrupted, RunFailed
        from lab.api.simulate import make_run
        from lab.trace.retention import Retention

        with progress_bar(described.messages, quiet) as progress:
            try:
                done = make_run(
                    described, seed, until, Retention(level, folder), processes=processes,
                    progress=progress, report=print_note, signals=(signal.SIGINT, signal.SIGTERM),
                )  # fmt: skip
            except Interrupted as stopped:
                done, status = stopped.run, INTERRUPTED
            except RunFailed as failed:
                print_error(str(failed))
                done, status = failed.run, FAILED
        written = report_run(done, transcript, as_json, out, quiet, links)
        exit_with_status(topology, done, status)
    if not written:
        raise click.exceptions.Exit(UNUSABLE)
