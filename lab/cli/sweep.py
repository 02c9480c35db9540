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
    handling_signals,
    interrupt,
    make_directory,
    print_error,
    progress_bar,
    say,
)

if TYPE_CHECKING:
    from lab.experiments.sweep.experiment_file import SweepError
    from lab.experiments.sweep.sweep import Sweep


MOST_TOLD = 5
"""Failed runs that are told on stderr; the table has all."""


@click.command()
@click.argument("experiment", type=click.Path())
@click.option(
    "--out", type=click.Path(file_okay=False),
    help="Where tables, plots and the journal go; default: out/NAME of the experiment file.",
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(min=1), help="Processes here; default: one a processor."
)
@click.option(
    "--scheduler", metavar="ADDRESS", envvar="DASK_SCHEDULER_ADDRESS",
    help="The Dask cluster that makes the runs, as in tcp://10.0.0.1:8786.",
)  # fmt: skip
@click.option("--seeds", help='Seeds in place of the file\'s: how many, or a range: "0..9".')
@click.option("--again", is_flag=True, help="Make runs that failed before once more.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as one JSON object.")
@click.option("--quiet", is_flag=True, help="Print nothing but what is wrong.")
def sweep(
    experiment: str,
    out: str | None,
    workers: int | None,
    scheduler: str | None,
    seeds: str | None,
    again: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Make many runs: every combination of values and seeds.

    EXPERIMENT is a TOML file with a topology, the values and the seeds. The measures are written as
    a table (Parquet and CSV) with a plot of each. After an interruption, the same command goes on
    where it stopped.
    """
    from lab.experiments.sweep import sweep as sweeping
    from lab.experiments.sweep.experiment_file import SweepError

    out = out if out is not None else str(Path("out") / Path(experiment).stem)
    try:
        given = {} if seeds is None else {"seeds": int(seeds) if seeds.isdecimal() else seeds}
        swept = sweeping.begin(sweeping.read_experiment(experiment, given))
        make_directory(out)
        kept = sweeping.journal_of(swept, out, again)
    except SweepError as error:
        give_up(error)
    ended: KeyboardInterrupt | SweepError | None = None
    with kept as journal:
        if not quiet:
            tell_beginning(swept, out)
        with (
            progress_bar(len(swept.plan), quiet, "runs", 2) as bar,
            handling_signals(interrupt, signal.SIGTERM),
        ):
            progress = None if bar is None else lambda done, _: bar(done)
            try:
                sweeping.make(
                    swept, journal, workers=workers, scheduler=scheduler, progress=progress
                )
            except (KeyboardInterrupt, SweepError) as why:
                ended = why
    if isinstance(ended, SweepError) and not swept.outcomes:
        give_up(ended)
    tell(swept, out, as_json, quiet)
    if isinstance(ended, KeyboardInterrupt):
        print_error(
            f"interrupted after {len(swept.outcomes)} of {len(swept.plan)} runs; "
            "the same command goes on from there"
        )
        raise click.exceptions.Exit(INTERRUPTED)
    if ended is not None:
        give_up(ended)
    if swept.failed:
        for one, told in swept.failed[:MOST_TOLD]:
            values = ", ".join(f"{key} = {value}" for key, value in one.point.values.items())
            print_error(
                f"run {one.number} ({values or 'as it is'}, seed {one.seed}) failed: {told}"
            )
        more = len(swept.failed) - MOST_TOLD
        if more > 0:
            print_error(f"... and {more} more; the column error has them all")
        raise click.exceptions.Exit(FAILED)


def give_up(error: SweepError) -> NoReturn:
    """Say each thing that is wrong; exit status 2."""
    for problem in error.problems:
        print_error(problem)
    raise click.exceptions.Exit(UNUSABLE) from None


def tell_beginning(swept: Sweep, out: str) -> None:
    """A line about the size, on stderr, and one where the journal had runs already."""
    points = len(swept.plan) // len(swept.experiment.seeds)
    click.echo(
        f"lab sweep: {len(swept.plan)} runs: {points} combination{'s' * (points != 1)}, "
        f"{len(swept.experiment.seeds)} seed{'s' * (len(swept.experiment.seeds) != 1)} each",
        err=True,
    )
    if swept.resumed:
        click.echo(f"lab sweep: {swept.resumed} of them are done already, in {out}", err=True)
    if swept.strangers:
        click.echo(
            f"lab sweep: note: the experiment has changed since {swept.strangers} of the runs in "
            f"{out} were made; they stay in runs.jsonl and are not in the table",
            err=True,
        )


def tell(swept: Sweep, out: str, as_json: bool, quiet: bool) -> None:
    """Leave the files, and print what came out."""
    from lab.views.pictures.sweeps import leave, sweep_table

    try:
        paths = leave(swept, Path(out))
    except OSError as error:
        print_error(f"{error.filename or out}: the tables could not be written ({error.strerror})")
        raise click.exceptions.Exit(UNUSABLE) from None
    if as_json:
        told = {
            "title": swept.experiment.title,
            "runs": len(swept.plan),
            "done": len(swept.outcomes),
            "resumed": swept.resumed,
            "failed": len(swept.failed),
            "rows": list(swept.rows()),
            "files": [str(path) for path in paths],
        }
        click.echo(json.dumps(told, default=str))
    elif not quiet:
        say(sweep_table(swept))
        click.echo(f"left in {out}: " + ", ".join(path.name for path in paths))
    sys.stdout.flush()
