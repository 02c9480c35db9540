"""``lab storm``: random networks, mail and faults."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.common import (
    count_off,
    echo,
    exit_with_error,
    figures_as_json_option,
    print_error,
    print_table,
    processes_option,
    progress_bar,
    reason_of,
    scheduler_option,
    seed_option,
)
from lab.cli.files import make_directory
from lab.cli.outcome import exit_on_breaches
from lab.runtime.private_files import writes_private_files

if TYPE_CHECKING:
    from lab.experiments.storm.storm import Storm


MOST_SHRUNK = 5
"""Runs of a storm that are shrunk and written as files; of others, only the number is printed."""


@click.command()
@click.option(
    "--runs",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    metavar="N",
    help="Number of runs.",
)
@seed_option
@click.option(
    "--careless", is_flag=True,
    help="Every host replies 250 before storing the mail, so some runs lose mail.",
)  # fmt: skip
@click.option(
    "--out", metavar="DIRECTORY", type=click.Path(file_okay=False), default=".", show_default=True,
    help="Directory for the smallest network of each run that broke a rule.",
)  # fmt: skip
@processes_option
@scheduler_option
@figures_as_json_option
@writes_private_files
def storm(
    runs: int, seed: int, careless: bool, out: str, processes: int | None, scheduler: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Run random networks with random mail and faults, and check them.

    Every run is checked against the rules that no run may break. A run that breaks one is shrunk to
    the smallest network that still does, which is written as a topology file.
    """
    from lab.experiments.storm import storm as storms

    make_directory(out)
    checked = storms.Storm(seed, careless)
    with progress_bar(runs, as_json, "runs", 200) as progress:
        made = storms.run_storm(checked, runs, processes, scheduler=scheduler)
        interrupted, lost = count_off(made, progress)
    if lost and not checked.runs:
        exit_with_error(lost)
    files = {} if interrupted else write_smallest_cases(checked, Path(out))
    if as_json:
        echo(json.dumps(checked.as_dict(files)))
    else:
        from lab.views.pictures.experiments import storm_table

        print_table(storm_table(checked))
    exit_on_breaches(
        [
            f"run {run.number}: {run.breaches[0]}"
            + (f"; smallest case in {files[run.number]}" if run.number in files else "")
            for run in checked.broken
        ],
        interrupted,
        lost,
    )


def write_smallest_cases(checked: Storm, out: Path) -> dict[int, str]:
    """Shrink runs that broke a rule, and write their networks; return file names by run number."""
    from lab.experiments.storm import storm as storms

    files = {}
    for run in checked.worst(MOST_SHRUNK):
        echo(f"lab: run {run.number} broke a rule; shrinking it", err=True)
        path = out / f"storm-{checked.seed}-{run.number}.toml"
        try:
            path.write_text(storms.as_file(checked, run, storms.smallest(checked, run)))
        except OSError as error:
            print_error(f"{path}: the smallest case cannot be written ({reason_of(error)})")
            continue
        files[run.number] = str(path)
    return files
