"""``lab run``: simulate a topology."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from lab.cli.common import (
    CUT_OFF,
    FAILED,
    INTERRUPTED,
    UNUSABLE,
    artefacts_option,
    check_links,
    echo,
    exit_with_error,
    level_option,
    links_option,
    load,
    max_events_option,
    max_seconds_option,
    print_error,
    print_note,
    progress_bar,
    quiet_option,
    seed_option,
    set_option,
    summary_as_json_option,
    topology_argument,
    trace_folder,
    transcript_option,
    until_option,
)
from lab.cli.files import make_directory
from lab.cli.outcome import exit_with_status, report_run
from lab.cli.plugin_options import Chosen, plugin_options
from lab.runtime.gc_pause import gc_pause
from lab.runtime.private_files import writes_private_files
from lab.runtime.version import VERSION

if TYPE_CHECKING:
    from lab.api.run import Run
    from lab.api.run_file import RunFile
    from lab.simulation.partitioned.ranks import Ranks
    from lab.simulation.plugins import Plugins


@click.command()
@topology_argument
@seed_option
@set_option
@until_option
@max_events_option
@max_seconds_option
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
@click.option(
    "--mpi", is_flag=True,
    help="Share the hosts among the processes that mpiexec has started, on one machine or several: "
    "mpiexec -n 4 lab run FILE --mpi.",
)  # fmt: skip
@plugin_options
@quiet_option
@writes_private_files
def run(
    topology: str,
    seed: int,
    sets: tuple[str, ...],
    until: float | None,
    max_events: int | None,
    max_seconds: float | None,
    transcript: bool,
    links: bool,
    as_json: bool,
    out: str | None,
    level: str,
    processes: int,
    mpi: bool,
    quiet: bool,
    chosen: Chosen,
) -> None:
    """Simulate TOPOLOGY and print what became of the mail.

    With a directory that `--out` left in place of TOPOLOGY, make the same run again from what lies
    there, and say whether the digest is the same (exit status 0) or not (1).
    """
    check_links(links, level)
    ranks = _ranks() if mpi else None
    recorded = _run_file(topology) if Path(topology).is_dir() else None
    if recorded is None:
        described = load(topology, sets, seed)
    else:
        described, seed, until = recorded.topology, recorded.seed, recorded.until
    legs = () if recorded is None else recorded.legs
    plugins = chosen.plugins(described)
    if recorded is not None:
        _check_plugins(topology, recorded, plugins)
    if out is not None:
        make_directory(out)
    status = 0
    with trace_folder(out, transcript or links) as folder, gc_pause():
        from lab.api.run import Interrupted, RunFailed
        from lab.api.simulate import make_run
        from lab.simulation.limits import Limits
        from lab.trace.retention import Retention

        limits = Limits(max_events, max_seconds) if recorded is None else recorded.limits
        with progress_bar(described.messages, quiet) as progress:
            try:
                done = make_run(
                    described, seed, until, Retention(level, folder), processes=processes,
                    progress=progress, report=print_note, limits=limits,
                    legs=legs, ranks=ranks, signals=(signal.SIGINT, signal.SIGTERM),
                    plugins=plugins,
                )  # fmt: skip
            except Interrupted as stopped:
                done, status = stopped.run, INTERRUPTED
            except RunFailed as failed:
                print_error(str(failed))
                done, status = failed.run, FAILED
        written = report_run(done, transcript, as_json, out, quiet, links)
        if recorded is not None and not status:
            _compare(topology, recorded, done, quiet=quiet or as_json)
        if done.ending in CUT_OFF and not quiet:
            print_note(f"{topology}: {done.summary['cut_off']} ({CUT_OFF[done.ending]})")
        exit_with_status(topology, done, status)
    if not written:
        raise click.exceptions.Exit(UNUSABLE)


def _ranks() -> Ranks:
    """Return the ranks that this process coordinates; in a rank, do its work and exit."""
    from lab.simulation.partitioned.ranks import NoRanks, ranks_of_this_run

    if click.get_current_context().get_parameter_source("processes") != ParameterSource.DEFAULT:
        exit_with_error("--mpi and --processes exclude each other: mpiexec -n says how many")
    try:
        ranks = ranks_of_this_run()
    except NoRanks as why:
        exit_with_error(str(why))
    if isinstance(ranks, int):
        raise click.exceptions.Exit(ranks)
    return ranks


def _run_file(directory: str) -> RunFile:
    """Return the run that left a directory; exit status 2, with a sentence, if it cannot be made
    again.
    """
    from lab.api.run_file import read_run_file

    context = click.get_current_context()
    for name, option in (
        ("seed", "--seed"),
        ("sets", "--set"),
        ("until", "--until"),
        ("max_events", "--max-events"),
        ("max_seconds", "--max-seconds"),
    ):
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            print_error(
                f"{directory} is a run, which is made again as it was; leave out {option}, or run "
                "its topology file"
            )
            raise click.exceptions.Exit(UNUSABLE)
    try:
        return read_run_file(directory)
    except ValueError as why:
        print_error(str(why))
        raise click.exceptions.Exit(UNUSABLE) from None


def _check_plugins(directory: str, recorded: RunFile, plugins: Plugins) -> None:
    """Exit with status 2, and a sentence, unless a run is made again with the same plug-ins."""
    if not recorded.plugins and not plugins.described:
        return
    from lab.extend.given import why_not_again

    if why := why_not_again(recorded.plugins, plugins):
        print_error(f"{directory} cannot be made again: {why}")
        raise click.exceptions.Exit(UNUSABLE)


def _compare(directory: str, recorded: RunFile, done: Run, *, quiet: bool) -> None:
    """Say whether a run that was made again has the same digest; exit status 1 if not."""
    if done.digest == recorded.digest:
        if not quiet:
            echo(f"made again: {directory} has the same digest")
        return
    print_error(
        f"made again, but {directory} has another digest: {recorded.digest}, of version "
        f"{recorded.version}; this is {done.digest}, of version {VERSION}"
    )
    raise click.exceptions.Exit(FAILED)
