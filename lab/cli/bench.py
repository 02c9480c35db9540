"""``lab bench``: the benchmarks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.common import (
    say,
)

if TYPE_CHECKING:
    pass


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
    """Measure the lab beside real mail software, as ratios.

    Measures simulation, live hosts, large runs, one run on two processes, and the overhead of a
    sweep.
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
