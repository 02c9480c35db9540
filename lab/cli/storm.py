"""``lab storm``: random networks, mail and faults."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.common import (
    finish,
    make_directory,
    print_error,
    processes_option,
    progress_bar,
    say,
    seed_option,
)

if TYPE_CHECKING:
    from lab.experiments.storm.storm import Storm


MOST_SHRUNK = 5
"""Breaches of a storm that are shrunk and left as files; the others are told only."""


@click.command()
@click.option(
    "--runs", type=click.IntRange(min=1), default=1000, show_default=True, help="How many runs."
)
@seed_option
@click.option(
    "--careless", is_flag=True,
    help="Every host says 250 before it stores: there must be a breach.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(file_okay=False), default=".", show_default=True,
    help="Where the smallest case of a breach is left.",
)  # fmt: skip
@processes_option
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object.")
def storm(
    runs: int, seed: int, careless: bool, out: str, processes: int | None, as_json: bool
) -> None:
    """Run random networks with random mail and faults, and check.

    Every run is checked against the rules that no run may break. A run that breaks one is shrunk to
    the smallest network that still does, which is written as a topology file.
    """
    from lab.experiments.storm import storm as storms

    make_directory(out)
    blowing = storms.Storm(seed, careless)
    interrupted = False
    with progress_bar(runs, as_json, "runs", 200) as progress:
        try:
            for done, _ in enumerate(storms.run_storm(blowing, runs, processes), 1):
                if progress is not None:
                    progress(done)
        except KeyboardInterrupt:
            interrupted = True
    files = {} if interrupted else keep_smallest(blowing, Path(out))
    if as_json:
        click.echo(json.dumps(blowing.as_dict(files)))
    else:
        from lab.views.pictures.experiments import storm_table

        say(storm_table(blowing))
    finish(
        [
            f"run {one.number}: {one.breaches[0]}"
            + (f"; smallest case in {files[one.number]}" if one.number in files else "")
            for one in blowing.broken
        ],
        interrupted,
    )


def keep_smallest(blowing: Storm, out: Path) -> dict[int, str]:
    """Shrink breaches to their smallest cases and write them: names of files by the run."""
    from lab.experiments.storm import storm as storms

    files = {}
    for one in blowing.worst(MOST_SHRUNK):
        click.echo(f"lab: run {one.number} broke a rule; shrinking it", err=True)
        path = out / f"storm-{blowing.seed}-{one.number}.toml"
        try:
            path.write_text(storms.as_file(blowing, one, storms.smallest(blowing, one)))
        except OSError as error:
            print_error(f"{path}: the case could not be written ({error.strerror or error})")
            continue
        files[one.number] = str(path)
    return files
