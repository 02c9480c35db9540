"""``lab talk``: be the sender-SMTP."""

from __future__ import annotations

import click

from lab.cli.common import (
    UNUSABLE,
    artefacts_option,
    echo,
    exit_with_error,
    load,
    make_directory,
    seed_option,
    set_option,
    topology_argument,
    write_artefacts,
)


@click.command()
@topology_argument
@click.argument("host")
@seed_option
@set_option
@click.option(
    "--environment",
    metavar="NAME",
    help="Environment that you connect from.  [default: the first one of HOST]",
)
@artefacts_option
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

    If HOST changes roles at TURN, you are the receiver-SMTP of the host that you named in HELO:
    HOST sends commands, and you type replies, beginning with 220.
    """
    described = load(topology, sets, seed)
    from lab.api.conversation import Conversation

    try:
        conversation = Conversation(described, host, seed, environment)
    except ValueError as why:
        exit_with_error(f"{topology}: {why}")
    if out is not None:
        make_directory(out)
    conversation.talk()
    done = conversation.finish()
    for line in done.sentences():
        echo(line, err=True)
    if out is not None and not write_artefacts(done.run, out):
        raise click.exceptions.Exit(UNUSABLE)
