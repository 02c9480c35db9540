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
@figures_as_json_option
def bench(sessions: int, quick: bool, edges: str | None, as_json: bool) -> None:
    """Compare the speed of the lab with that of real mail software.

    Measures simulation, live hosts, large runs, one run on two processes, and the overhead of a
    sweep.
    """
    from lab.benchmarks.live import measure_live
    from lab.benchmarks.live_chain import measure_chain
    from lab.benchmarks.scale import measure_processes, measure_scale
    from lab.benchmarks.simulation import measure, table
    from lab.benchmarks.sweep import measure_sweep

    if edges is not None:
        check_map(Path(edges))
    sessions = max(10, sessions // 10) if quick else sessions
    figures = measure(sessions, print_note)
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


def check_map(path: Path) -> None:
    """Exit with status 2 if an edge list cannot be read, before minutes are spent on the rest."""
    from lab.topology.graph_files import read_graph
    from lab.topology.maps.map import GraphFault

    try:
        read_graph(path)
    except GraphFault as why:
        exit_with_error(f"--map: {why}")
