"""``lab compare``: a simulated run beside a live one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.common import (
    FAILED,
    UNUSABLE,
    load,
    print_error,
    seed_option,
    set_option,
    topology_argument,
)
from lab.cli.live import _pace, _Progress, _warn_of_mail_that_leaves

if TYPE_CHECKING:
    pass


@click.command()
@topology_argument
@seed_option
@set_option
@click.option("--speed", type=float, default=1.0, show_default=True, help="Seconds in a second.")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Picture file, .png or .svg.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object.")
def compare(
    topology: str,
    seed: int,
    sets: tuple[str, ...],
    speed: float,
    output: str | None,
    as_json: bool,
) -> None:
    """Run TOPOLOGY simulated and live, and compare delivery times.

    The picture shows the delivery times of one run against those of the other.
    """
    _pace(speed)
    described = load(topology, sets, seed)
    _warn_of_mail_that_leaves(described)
    from lab.live.network import Settings
    from lab.live.running import ENDS, run_live
    from lab.simulation.simulation import simulate
    from lab.views.pictures import plot_style
    from lab.views.pictures.comparison import comparison, merit, sentences

    simulated = simulate(described, seed)
    with _Progress(not as_json) as progress:
        try:
            trace, reason = run_live(described, seed, Settings(speed=speed), progress=progress)
        except OSError as error:
            print_error(f"{topology}: {error.strerror or error}")
            raise click.exceptions.Exit(FAILED) from None
    if reason not in ENDS:
        print_error(f"{topology}: {reason}")
        raise click.exceptions.Exit(FAILED)
    path = Path(output or f"{Path(topology).stem}-compared.png")
    with plot_style.off_screen():
        figure = comparison(simulated, trace).get_figure(root=True)
        try:
            assert figure is not None
            figure.savefig(path)
        except (OSError, ValueError) as error:
            print_error(
                f"{path}: {str(error).splitlines()[0]}; write a name that ends with .png or .svg"
            )
            raise click.exceptions.Exit(UNUSABLE) from None
    found = merit(simulated, trace)
    if as_json:
        click.echo(json.dumps(found))
        return
    for line in sentences(found):
        click.echo(line)
    click.echo(f"drawn: {path}")
