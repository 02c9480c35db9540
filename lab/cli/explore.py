"""``lab explore``: a run broken at every step in turn."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

import click

from lab.cli.common import (
    count_off,
    echo,
    exit_with_error,
    figures_as_json_option,
    load,
    print_table,
    processes_option,
    progress_bar,
    scheduler_option,
    seed_option,
    set_option,
    topology_argument,
)
from lab.cli.outcome import exit_on_breaches
from lab.runtime.private_files import writes_private_files

if TYPE_CHECKING:
    from lab.experiments.explore import BreakPoint, Explored
    from lab.topology.model import Topology


@click.command()
@topology_argument
@seed_option
@set_option
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N",
    help="Number of points to try, spread over the run.  [default: all]",
)  # fmt: skip
@click.option(
    "--by", type=click.Choice(["cut", "crash", "reply"]), multiple=True,
    help="Break it by this alone; may be given several times.  [default: by all]",
)  # fmt: skip
@click.option(
    "--point", type=click.IntRange(min=1), metavar="N",
    help="Print the command that runs point number N alone, and run nothing.  [default: run them]",
)  # fmt: skip
@processes_option
@scheduler_option
@figures_as_json_option
@writes_private_files
def explore(
    topology: str,
    seed: int,
    sets: tuple[str, ...],
    limit: int | None,
    by: tuple[str, ...],
    point: int | None,
    processes: int | None,
    scheduler: str | None,
    as_json: bool,
) -> None:
    """Run TOPOLOGY again and again, broken at every step in turn.

    The channel is cut at each byte boundary that matters, each host crashes after each event, and
    each reply is misplaced, doubled, delayed, withheld or changed. A table shows what became of
    the mail.
    """
    described = load(topology, sets, seed)
    from lab.experiments import explore as exploring

    explored = exploring.plan(described, seed, limit, by or exploring.WAYS)
    command = ["lab", "run", topology, *(["--seed", str(seed)] if seed else [])]
    command += [word for override in sets for word in ("--set", override)]
    if point is not None:
        chosen = next((each for each in explored.points if each.number == point), None)
        if chosen is None:
            exit_with_error(f"--point {point}: use a number from 1 to {explored.possible}")
        echo(command_for(described, command, chosen))
        return
    with progress_bar(len(explored.points), as_json, "points", 50) as progress:
        tried = exploring.try_all(explored, described, seed, processes, scheduler)
        interrupted, lost = count_off(tried, progress)
    if lost and not explored.outcomes:
        exit_with_error(lost)
    if as_json:
        echo(json.dumps(explored.as_dict()))
    else:
        from lab.views.pictures.experiments import explored_table

        print_table(explored_table(explored))
        print_worst_point(explored, described, command)
    exit_on_breaches(
        [f"point {broken.number}, {broken.where}: {why}" for broken, why in explored.breaches],
        interrupted,
        lost,
    )


def command_for(topology: Topology, command: list[str], point: BreakPoint) -> str:
    """Return the command that runs one point alone."""
    from lab.experiments.explore import as_override

    return shlex.join([*command, "--set", as_override(topology, point)])


def print_worst_point(explored: Explored, topology: Topology, command: list[str]) -> None:
    """Print the command for a point that broke a rule or, failing that, made a duplicate."""
    worst = [point for point, _ in explored.breaches] or explored.doubled
    if worst:
        echo(f"point {worst[0].number} alone:\n  {command_for(topology, command, worst[0])}")
