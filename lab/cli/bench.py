"""``lab bench``: the benchmarks."""

from __future__ import annotations

import json
from pathlib import Path

import click

from lab.cli.common import echo, exit_with_error, figures_as_json_option, print_note, print_table


@click.command()
@click.option(
    "--sessions", type=click.IntRange(min=10), default=20000, show_default=True,
    metavar="N", help="Number of simulated sessions to time.",
)  # fmt: skip
@click.option("--quick", is_flag=True, help="A tenth of the sessions: takes a minute or two.")
@click.option(
    "--map", "edges", metavar="FILE", type=click.Path(exists=True, dir_okay=False),
    help="Edge list of the large map: a line 'node node cost' for each link.  [default: a random "
    "map]",
)  # fmt: skip
@click.option(
    "--compare", "old", metavar="CHECKOUT", type=click.Path(exists=True, file_okay=False),
    help="Compare this version with an older checkout of the lab instead, in pairs of runs.  "
    "[default: no other version]",
)  # fmt: skip
@figures_as_json_option
def bench(sessions: int, quick: bool, edges: str | None, old: str | None, as_json: bool) -> None:
    """Compare the speed of the lab with that of real mail software.

    Measures whole runs first: simulation, account, rules, digest and summary. Then the simulation
    alone, each trace level, artefacts, start-up, explore, storm, the stepper, live hosts, large
    runs, a check of a large map, one run on two processes, and the overhead of a sweep.
    """
    if old is not None:
        _compare(Path(old), 200 if quick else 2000, as_json)
        return
    from lab.benchmarks.live import measure_live
    from lab.benchmarks.live_chain import measure_chain
    from lab.benchmarks.scale import measure_processes, measure_scale
    from lab.benchmarks.simulation import measure, table
    from lab.benchmarks.sweep import measure_sweep
    from lab.benchmarks.whole_run import measure_use, measure_whole

    if edges is not None:
        check_map(Path(edges))
    sessions = max(10, sessions // 10) if quick else sessions
    figures = measure_whole(sessions, print_note)
    figures |= measure(sessions, print_note)
    figures |= measure_use(sessions, print_note)
    figures |= measure_live(max(10, sessions // 10), print_note)
    figures |= measure_chain(*((500, 1_000) if quick else (5_000, 20_000)), print_note)
    messages = 5_000 if quick else 100_000
    figures |= measure_scale(messages, None if edges is None else Path(edges), print_note)
    figures |= measure_processes(3_000 if quick else 50_000, print_note)
    figures |= measure_sweep(3 if quick else 16, 1.0, print_note)
    if as_json:
        echo(json.dumps(figures))
        return
    print_table(table(figures))


def _compare(old: Path, messages: int, as_json: bool) -> None:
    """Print how two versions compare; exit with status 2 for a folder that is not a checkout."""
    from lab.benchmarks.simulation import table
    from lab.benchmarks.versions import compare_versions, why_not_a_checkout

    if why := why_not_a_checkout(old):
        exit_with_error(f"--compare: {why}")
    try:
        figures = compare_versions(old, messages, print_note)
    except RuntimeError as why_failed:
        exit_with_error(f"--compare: {why_failed}")
    if as_json:
        echo(json.dumps(figures))
    else:
        print_table(table(figures))


def check_map(path: Path) -> None:
    """Exit with status 2 if an edge list cannot be read, before minutes are spent on the rest."""
    from lab.topology.graph_files import read_graph
    from lab.topology.maps.map import GraphFault

    try:
        read_graph(path)
    except GraphFault as why:
        exit_with_error(f"--map: {why}")
