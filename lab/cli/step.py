"""``lab step``: a run event by event, forward and back, on the whole screen or line by line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from lab.cli.common import (
    UNUSABLE,
    Duration,
    load,
    print_error,
    progress_bar,
    seed_option,
    set_option,
    status_line,
    topology_argument,
)

if TYPE_CHECKING:
    from lab.stepping.commands import CommandLine
    from lab.stepping.stepper import Stepper


@click.command()
@topology_argument
@seed_option
@set_option
@click.option("--until", type=Duration(), help="Make the run no longer than this.")
@click.option("--at", type=Duration(), help="Begin at this time of the run.")
@click.option("--event", type=click.IntRange(min=0), help="Begin after so many events.")
@click.option("--plain", is_flag=True, help="Lines and orders, and no full screen.")
def step(
    topology: str,
    seed: int,
    sets: tuple[str, ...],
    until: float | None,
    at: float | None,
    event: int | None,
    plain: bool,
) -> None:
    """Step through a run: forward, back, to a breakpoint.

    The run of TOPOLOGY can be changed on the way. In a terminal it fills the screen, with the keys
    in the last line. With --plain, or if the input is not a terminal, it reads one command a line
    and prints lines; "help" lists the commands.
    """
    described = load(topology, sets, seed)
    from lab.stepping.commands import CommandLine
    from lab.stepping.stepper import Stepper

    total = len(described.mail) + sum(one.count for one in described.traffic)
    with progress_bar(total, False) as progress:
        stepper = Stepper(described, seed, until, progress=progress)
    if at is not None:
        stepper.at(at)
    if event is not None:
        stepper.seek(event)
    if plain or not (sys.stdin.isatty() and sys.stdout.isatty()):
        converse(CommandLine(stepper))
        return
    fill_the_screen(stepper)


def fill_the_screen(stepper: Stepper) -> None:
    """Step on the whole of the terminal; tell at the end what was altered."""
    from lab.stepping.screen import StepApp

    StepApp(stepper).run()
    if stepper.interventions:
        for one in stepper.interventions:
            click.echo(f"lab: altered after event {one.moment}: {one.words}", err=True)


def converse(orders: CommandLine) -> None:
    """Read orders from the input, one a line, and print what they give.

    An order that is none, or cannot be carried out, is told in a sentence on stderr; the rest goes
    on, and the exit status is 2 in the end, where no person typed it.
    """
    from lab.stepping.commands import Misunderstood, NoCondition, NoIntervention, Quit

    prompt = sys.stdin.isatty()
    wrong = False
    click.echo(orders.status())
    while True:
        if prompt:
            click.echo("(step) ", nl=False)
        line = sys.stdin.readline()
        if not line:
            break
        if line.lstrip().startswith("#"):
            continue
        try:
            with status_line("again from the seed"):
                lines = orders.do(line)
            click.echo("\n".join(lines))
        except Quit:
            break
        except (Misunderstood, NoCondition, NoIntervention) as why:
            print_error(str(why))
            wrong = True
    if wrong and not prompt:
        raise click.exceptions.Exit(UNUSABLE)
