"""``lab explore``, ``lab storm`` and ``lab bench``: many runs."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.common import (
    FAILED,
    INTERRUPTED,
    UNUSABLE,
    complain,
    load,
    make_directory,
    progress_bar,
    say,
    the_seed,
    the_sets,
    the_topology,
)

if TYPE_CHECKING:
    from lab.experiments.explore import BreakPoint, Explored
    from lab.experiments.storm.storm import Storm
    from lab.topology.model import Topology

MOST_SHRUNK = 5
"""Breaches of a storm that are shrunk and left as files; the others are told only."""

the_processes = click.option(
    "--processes", type=click.IntRange(min=1), help="Processes; default: one a processor."
)


@click.command()
@the_topology
@the_seed
@the_sets
@click.option("--limit", type=click.IntRange(min=1), help="Points to try, spread over the run.")
@click.option("--point", type=click.IntRange(min=1), help="Tell how to run this point alone.")
@the_processes
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object.")
def explore(
    topology: str,
    seed: int,
    sets: tuple[str, ...],
    limit: int | None,
    point: int | None,
    processes: int | None,
    as_json: bool,
) -> None:
    """Run TOPOLOGY again and again, broken at every step in turn.

    The channel is cut at each byte boundary that matters, and each host crashes after each event.
    A table tells what became of the mail.
    """
    described = load(topology, sets, seed)
    from lab.experiments import explore as exploring

    explored = exploring.plan(described, seed, limit)
    again = ["lab", "run", topology, *(["--seed", str(seed)] if seed else [])]
    again += [word for one in sets for word in ("--set", one)]
    if point is not None:
        found = next((one for one in explored.points if one.number == point), None)
        if found is None:
            complain(f"there is no point {point}; there are {explored.possible} from 1 on")
            raise click.exceptions.Exit(UNUSABLE)
        click.echo(alone(described, again, found))
        return
    interrupted = False
    with progress_bar(len(explored.points), as_json, "points", 50) as progress:
        try:
            for done, _ in enumerate(exploring.try_all(explored, described, seed, processes), 1):
                if progress is not None:
                    progress(done)
        except KeyboardInterrupt:
            interrupted = True
    if as_json:
        click.echo(json.dumps(explored.as_dict()))
    else:
        from lab.views.pictures.experiments import explored_table

        say(explored_table(explored))
        tell_doubles(explored, described, again)
    finish(
        [f"point {one.number}, {one.where}: {why}" for one, why in explored.breaches], interrupted
    )


def alone(topology: Topology, again: list[str], point: BreakPoint) -> str:
    """The command that runs one point by itself."""
    from lab.experiments.explore import as_override

    return shlex.join([*again, "--set", as_override(topology, point.fault)])


def tell_doubles(explored: Explored, topology: Topology, again: list[str]) -> None:
    """One of the points that made a duplicate, or broke a rule, as a command."""
    worst = [point for point, _ in explored.breaches] or explored.doubled
    if worst:
        click.echo(f"point {worst[0].number} alone:\n  {alone(topology, again, worst[0])}")


def finish(breaches: list[str], interrupted: bool) -> None:
    """Exit status 1 with the reasons, where a rule was broken; 130 where it was interrupted."""
    for sentence in breaches[:20]:
        complain(sentence)
    if len(breaches) > 20:
        complain(f"... and {len(breaches) - 20} more")
    if interrupted:
        complain("interrupted; the figures are of what was done until then")
        raise click.exceptions.Exit(INTERRUPTED)
    if breaches:
        raise click.exceptions.Exit(FAILED)


@click.command()
@click.option(
    "--runs", type=click.IntRange(min=1), default=1000, show_default=True, help="How many runs."
)
@the_seed
@click.option(
    "--careless", is_flag=True,
    help="Every host says 250 before it stores: there must be a breach.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(file_okay=False), default=".", show_default=True,
    help="Where the smallest case of a breach is left.",
)  # fmt: skip
@the_processes
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object.")
def storm(
    runs: int, seed: int, careless: bool, out: str, processes: int | None, as_json: bool
) -> None:
    """Run random networks with random mail and faults, and check every run.

    A breach of a rule is shrunk to its smallest case, and left as a topology file.
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
            complain(f"{path}: the case could not be written ({error.strerror or error})")
            continue
        files[one.number] = str(path)
    return files


@click.command()
@click.option(
    "--sessions", type=click.IntRange(min=10), default=20000, show_default=True,
    help="Simulated sessions to time.",
)  # fmt: skip
@click.option("--quick", is_flag=True, help="Under a minute: a tenth of the sessions.")
@click.option(
    "--map", "edges", type=click.Path(exists=True, dir_okay=False),
    help="An edge list (node node cost) for the large map; default: one that is drawn.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object.")
def bench(sessions: int, quick: bool, edges: str | None, as_json: bool) -> None:
    """Measure the lab beside real mail software, and how it grows; figures as ratios.

    Simulation, live hosts, large runs, one run on two processes, and the sweep's overhead.
    """
    from lab.benchmarks.live import measure_live
    from lab.benchmarks.scale import measure_processes, measure_scale
    from lab.benchmarks.simulation import measure, table
    from lab.benchmarks.sweep import measure_sweep

    def tell(what: str) -> None:
        click.echo(f"lab bench: {what}", err=True)

    sessions = max(10, sessions // 10) if quick else sessions
    figures = measure(sessions, tell)
    figures |= measure_live(max(10, sessions // 10), tell)
    messages = 5_000 if quick else 100_000
    figures |= measure_scale(messages, None if edges is None else Path(edges), tell)
    figures |= measure_processes(3_000 if quick else 50_000, tell)
    figures |= measure_sweep(3 if quick else 16, 1.0, tell)
    if as_json:
        click.echo(json.dumps(figures))
        return
    say(table(figures))
