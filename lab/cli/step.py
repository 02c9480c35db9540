"""``lab step``: a run event by event, forward and back, full screen or line by line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from lab.cli.common import (
    FAILED,
    UNUSABLE,
    Duration,
    echo,
    load,
    print_error,
    print_note,
    progress_bar,
    seed_option,
    set_option,
    status_line,
    topology_argument,
    until_option,
)
from lab.cli.plugin_options import Chosen, plugin_options

if TYPE_CHECKING:
    from lab.stepping.commands import CommandLine
    from lab.stepping.stepper import Stepper


@click.command()
@topology_argument
@seed_option
@set_option
@until_option
@click.option(
    "--at", type=Duration(),
    help="Begin at this time of the run, for example '90 s'.  [default: its start]",
)  # fmt: skip
@click.option(
    "--event", type=click.IntRange(min=0), metavar="N",
    help="Begin after N events.  [default: 0]",
)  # fmt: skip
@plugin_options
@click.option("--plain", is_flag=True, help="Read commands and print lines; no full screen.")
def step(
    topology: str,
    seed: int,
    sets: tuple[str, ...],
    until: float | None,
    at: float | None,
    event: int | None,
    plain: bool,
    chosen: Chosen,
) -> None:
    """Step through a run: forward, back, to a breakpoint.

    The run of TOPOLOGY can be changed on the way. In a terminal it fills the screen, with the keys
    in the last line. With --plain, or if the input is not a terminal, it reads one command a line
    and prints lines; "help" lists the commands.
    """
    described = load(topology, sets, seed)
    chosen.plugins(described)
    from lab.api.run import RunFailed
    from lab.stepping.commands import CommandLine
    from lab.stepping.stepper import Stepper

    total = described.messages
    try:
        with progress_bar(total, False) as progress:
            stepper = Stepper(
                described, seed, until, chosen.fault, progress, routing=chosen.routing,
                retry=chosen.retry, behaviours=chosen.behaviour, probes=chosen.probe,
            )  # fmt: skip
    except RunFailed as failed:
        print_error(str(failed))
        raise click.exceptions.Exit(FAILED) from None
    if at is not None:
        stepper.at(at)
    if event is not None:
        stepper.seek(event)
    if plain or not (sys.stdin.isatty() and sys.stdout.isatty()):
        read_commands(CommandLine(stepper))
        return
    run_screen(stepper)


def run_screen(stepper: Stepper) -> None:
    """Step on the full screen, and print afterwards what was changed."""
    from lab.stepping.screen import StepApp

    StepApp(stepper).run()
    for change in stepper.interventions:
        print_note(f"changed after event {change.moment}: {change.words}")


def read_commands(commands: CommandLine) -> None:
    """Read commands from the input, one a line, and print what they return.

    A command that is unknown or impossible is one sentence on stderr, and the next one is read; if
    the input is not a terminal, the exit status is 2 in the end.
    """
    from lab.stepping.commands import Misunderstood, NoCondition, NoIntervention, Quit

    prompt = sys.stdin.isatty()
    wrong = False
    echo(commands.status())
    while True:
        if prompt:
            echo("(step) ", nl=False)
        line = sys.stdin.readline()
        if not line:
            break
        if line.lstrip().startswith("#"):
            continue
        try:
            with status_line("running again from the seed"):
                lines = commands.do(line)
            echo("\n".join(lines))
        except Quit:
            break
        except (Misunderstood, NoCondition, NoIntervention) as why:
            print_error(str(why))
            wrong = True
    if wrong and not prompt:
        raise click.exceptions.Exit(UNUSABLE)
