"""``lab sweep``: many runs, a grid of values times seeds."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from lab.cli.common import (
    FAILED,
    INTERRUPTED,
    UNUSABLE,
    echo,
    exit_with_error,
    interrupt,
    max_events_option,
    max_seconds_option,
    print_error,
    print_note,
    print_table,
    progress_bar,
    quiet_option,
    reason_of,
    scheduler_option,
)
from lab.cli.files import make_directory
from lab.cli.outcome import exit_with_status, report_run
from lab.cli.plugin_options import Chosen, plugin_options
from lab.quantities import count_noun
from lab.runtime.extras import is_installed, sentence
from lab.runtime.private_files import writes_private_files
from lab.runtime.signals import signal_handler

if TYPE_CHECKING:
    from lab.api.run import Run
    from lab.experiments.sweep.experiment import Planned
    from lab.experiments.sweep.experiment_file import SweepError
    from lab.experiments.sweep.sweep import Sweep
    from lab.simulation.limits import Limits


MOST_PRINTED = 5
"""Failed runs that are printed on stderr; the table has all of them."""


@click.command()
@click.argument("experiment", type=click.Path())
@click.option(
    "--out", metavar="DIRECTORY", type=click.Path(file_okay=False),
    help="Directory for tables, plots and the journal.  [default: out/NAME for "
    "NAME.toml]",
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(min=1), metavar="N",
    help="Number of processes on this machine.  [default: one for each processor]",
)  # fmt: skip
@scheduler_option
@click.option(
    "--seeds", metavar="N",
    help="Number of seeds for each combination, or a range such as 0..9.  "
    "[default: as in the file]",
)  # fmt: skip
@max_events_option
@max_seconds_option
@click.option(
    "--row", type=click.IntRange(min=0), metavar="N",
    help="Make only the run of this number (the column `run` of the table), and leave what `lab "
    "run --out` leaves, in DIRECTORY/rows/N.  [default: all runs]",
)  # fmt: skip
@click.option("--again", is_flag=True, help="Repeat runs that failed before.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as one JSON object.")
@plugin_options
@quiet_option
@writes_private_files
def sweep(
    experiment: str,
    out: str | None,
    workers: int | None,
    scheduler: str | None,
    seeds: str | None,
    max_events: int | None,
    max_seconds: float | None,
    row: int | None,
    again: bool,
    as_json: bool,
    quiet: bool,
    chosen: Chosen,
) -> None:
    """Make many runs: every combination of values and seeds.

    EXPERIMENT is a TOML file with a topology, the values and the seeds. The measures are written as
    a table (Parquet and CSV) with a plot of each. After an interruption, the same command goes on
    where it stopped.
    """
    from lab.experiments.sweep import sweep as sweeping
    from lab.experiments.sweep.experiment_file import SweepError

    plugins = chosen.plugins()
    out = out if out is not None else str(Path("out") / Path(experiment).stem)
    try:
        limits = {"max_events": max_events, "max_seconds": max_seconds}
        overrides: dict[str, object] = {k: v for k, v in limits.items() if v is not None}
        if seeds is not None:
            overrides["seeds"] = int(seeds) if seeds.isdecimal() else seeds
        swept = sweeping.begin(sweeping.read_experiment(experiment, overrides), plugins)
        make_directory(out)
        kept = sweeping.journal_of(swept, out, again)
    except SweepError as error:
        exit_with_problems(error)
    if row is not None:
        with kept:
            make_row(swept, row, out, as_json, quiet)
        return
    ended: KeyboardInterrupt | SweepError | None = None
    with kept as journal:
        if not quiet:
            print_plan(swept, out)
        with (
            progress_bar(len(swept.plan), quiet, "runs", 2) as bar,
            signal_handler(interrupt, signal.SIGTERM),
        ):
            progress = None if bar is None else lambda done, _: bar(done)
            try:
                sweeping.make(
                    swept, journal, workers=workers, scheduler=scheduler, progress=progress
                )
            except (KeyboardInterrupt, SweepError) as why:
                ended = why
    if isinstance(ended, SweepError) and not swept.outcomes:
        exit_with_problems(ended)
    write_and_print(swept, out, as_json, quiet)
    if isinstance(ended, KeyboardInterrupt):
        exit_with_error(
            f"interrupted after {len(swept.outcomes)} of {len(swept.plan)} runs; "
            "run the same command again to continue",
            INTERRUPTED,
        )
    if ended is not None:
        exit_with_problems(ended)
    if swept.failed:
        print_failed(swept)
        raise click.exceptions.Exit(FAILED)


def print_failed(swept: Sweep) -> None:
    """Print the first runs that failed, each with its values, and how many more there are."""
    for run, reason in swept.failed[:MOST_PRINTED]:
        values = ", ".join(f"{key} = {value}" for key, value in run.point.values.items())
        print_error(f"run {run.number} ({values or 'unchanged'}, seed {run.seed}) failed: {reason}")
    unprinted = len(swept.failed) - MOST_PRINTED
    if unprinted > 0:
        print_error(f"... and {unprinted} more; all are in the column `error` of the table")


def make_row(swept: Sweep, row: int, out: str, as_json: bool, quiet: bool) -> None:
    """Make one run alone, leave its artefacts, and hold its digest against that of the sweep."""
    from lab.experiments.sweep.rows import ROWS

    if row >= len(swept.plan):
        exit_with_error(f"--row {row}: there is no such run; use 0 to {len(swept.plan) - 1}")
    folder = Path(out) / ROWS / str(row)
    make_directory(str(folder))
    done, status = made_row(swept, swept.plan[row], folder)
    if not report_run(done, False, as_json, str(folder), quiet):
        raise click.exceptions.Exit(UNUSABLE)
    if not status:
        compare_row(swept, swept.plan[row], done, quiet=quiet or as_json)
    exit_with_status(f"run {row}", done, status)


def made_row(swept: Sweep, planned: Planned, folder: Path) -> tuple[Run, int]:
    """Make one run, and return what happened in it, and 0 or the exit status of one that broke."""
    from lab.api.run import Interrupted, RunFailed
    from lab.api.simulate import make_run
    from lab.experiments.sweep.rows import topology_of_row
    from lab.extend.given import check_hosts
    from lab.topology.model import TopologyError
    from lab.trace.retention import Retention

    experiment = swept.experiment
    limits = limits_of_row(swept, planned)
    try:
        topology = topology_of_row(experiment, planned)
        check_hosts(swept.plugins, topology)
    except (TopologyError, ValueError) as why:
        exit_with_error(f"run {planned.number}, seed {planned.seed}: {why}")
    try:
        done = make_run(
            topology, planned.seed, experiment.until, Retention("wire", folder / "trace.parquet"),
            limits=limits, plugins=swept.plugins,
        )  # fmt: skip
    except Interrupted as stopped:
        return stopped.run, INTERRUPTED
    except RunFailed as failed:
        print_error(f"run {planned.number}: {failed}")
        return failed.run, FAILED
    return done, 0


def limits_of_row(swept: Sweep, planned: Planned) -> Limits:
    """Return the limits of a run made alone: if the sweep cut it off, it ends at the same event."""
    from lab.simulation.limits import Limits

    outcome = swept.outcomes.get(planned.key) or {}
    if outcome.get("events"):
        return Limits(outcome["events"], ending=outcome["ending"])
    return Limits(swept.experiment.max_events, swept.experiment.max_seconds)


def compare_row(swept: Sweep, planned: Planned, done: Run, *, quiet: bool) -> None:
    """Say whether a run made alone has the digest that it had in the sweep."""
    from lab.simulation.limits import MAX_SECONDS

    row, outcome = planned.number, swept.outcomes.get(planned.key) or {}
    digest = outcome.get("digest")
    if MAX_SECONDS in (done.ending, outcome.get("ending")) and not outcome.get("events"):
        print_note(f"run {row} was cut off by --max-seconds, so it cannot be compared")
    elif digest not in (None, done.digest):
        exit_with_error(f"run {row} has another digest than in the sweep: {digest}", FAILED)
    elif digest is not None and not quiet:
        echo(f"run {row} has the same digest as in the sweep")


def exit_with_problems(error: SweepError) -> NoReturn:
    """Print each thing that is wrong, and exit with status 2."""
    for problem in error.problems:
        print_error(problem)
    raise click.exceptions.Exit(UNUSABLE) from None


def print_plan(swept: Sweep, out: str) -> None:
    """Print on stderr how many runs there are, and how many the journal has already."""
    points = len(swept.plan) // len(swept.experiment.seeds)
    echo(
        f"lab sweep: {count_noun(len(swept.plan), 'run')}: {count_noun(points, 'combination')}, "
        f"{count_noun(len(swept.experiment.seeds), 'seed')} each",
        err=True,
    )
    if swept.resumed:
        echo(f"lab sweep: {swept.resumed} of them are done already; see {out}", err=True)
    if swept.strangers:
        echo(
            f"lab sweep: note: {swept.strangers} runs in {out} were made before the experiment "
            "changed; they stay in runs.jsonl and are not in the table",
            err=True,
        )


def write_and_print(swept: Sweep, out: str, as_json: bool, quiet: bool) -> None:
    """Write tables and plots, and print the table."""
    from lab.experiments.sweep.rows import leave_rows
    from lab.views.pictures.sweeps import leave, sweep_table

    try:
        paths = leave(swept, Path(out))
        leave_rows(swept.experiment, swept.plan, swept.outcomes, Path(out), swept.plugins.described)
    except OSError as error:
        exit_with_error(
            f"{error.filename or out}: the tables cannot be written ({reason_of(error)})"
        )
    if as_json:
        printed = {
            "title": swept.experiment.title,
            "runs": len(swept.plan),
            "done": len(swept.outcomes),
            "resumed": swept.resumed,
            "failed": len(swept.failed),
            "rows": list(swept.rows()),
            "files": [str(path) for path in paths],
        }
        echo(json.dumps(printed, default=str))
    elif not quiet:
        print_table(sweep_table(swept))
        echo(f"wrote to {out}: " + ", ".join(path.name for path in paths))
    for package, purpose in (
        ("pyarrow", "sweep.parquet requires"),
        ("matplotlib", "plots require"),
    ):
        if not is_installed(package):
            print_note(sentence(purpose, package))
    sys.stdout.flush()
