"""``lab talk``: be the sender-SMTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lab.cli.common import (
    UNUSABLE,
    leave,
    load,
    make_directory,
    print_error,
    seed_option,
    set_option,
    topology_argument,
)

if TYPE_CHECKING:
    pass


@click.command()
@topology_argument
@click.argument("host")
@seed_option
@set_option
@click.option(
    "--environment", help="The environment that you call from; default: the host's first."
)
@click.option("--out", type=click.Path(file_okay=False), help="Leave the artefacts in a directory.")
def talk(
    topology: str,
    host: str,
    seed: int,
    sets: tuple[str, ...],
    environment: str | None,
    out: str | None,
) -> None:
    """Be the sender-SMTP: type commands to HOST's receiver-SMTP.

    The commands are read from stdin, the replies go to stdout. Lines end with CRLF; in a terminal,
    Enter sends one. Mail that HOST accepts goes on through the simulated network afterwards, and
    what became of it is printed on stderr.
    """
    described = load(topology, sets, seed)
    from lab.api.conversation import Conversation

    try:
        conversation = Conversation(described, host, seed, environment)
    except ValueError as why:
        print_error(f"{topology}: {why}")
        raise click.exceptions.Exit(UNUSABLE) from None
    if out is not None:
        make_directory(out)
    conversation.hold()
    done = conversation.settle()
    for line in done.outcomes():
        click.echo(line, err=True)
    if out is not None and not leave(done.run, out):
        raise click.exceptions.Exit(UNUSABLE)
