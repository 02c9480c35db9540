"""``lab explore``: a run broken at every step in turn."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

import click

from lab.cli.common import (
    UNUSABLE,
    finish,
    load,
    print_error,
    processes_option,
    progress_bar,
    say,
    seed_option,
    set_option,
    topology_argument,
)

if TYPE_CHECKING:
    from lab.experiments.explore import BreakPoint, Explored
    from lab.topology.model import Topology


@click.command()
@topology_argument
@seed_option
@set_option
@click.option("--limit", type=click.IntRange(min=1), help="Points to try, spread over the run.")
@click.option("--point", type=click.IntRange(min=1), help="Tell how to run this point alone.")
@processes_option
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
            print_error(f"there is no point {point}; there are {explored.possible} from 1 on")
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
