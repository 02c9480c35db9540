"""``lab talk``: be the sender-SMTP."""

from __future__ import annotations

import click

from lab.cli.common import (
    FAILED,
    UNUSABLE,
    artefacts_option,
    echo,
    exit_with_error,
    load,
    print_error,
    print_table,
    seed_option,
    set_option,
    topology_argument,
)
from lab.cli.files import make_directory, write_artefacts
from lab.cli.outcome import plain_findings
from lab.cli.plugin_options import Chosen, plugin_options


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
@plugin_options
@artefacts_option
def talk(
    topology: str,
    host: str,
    seed: int,
    sets: tuple[str, ...],
    environment: str | None,
    chosen: Chosen,
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
    plugins = chosen.plugins(described)
    from lab.api.conversation import Conversation
    from lab.runtime.plugins import PluginFailed
    from lab.views.text.findings import findings_tables

    try:
        conversation = Conversation(described, host, seed, environment, plugins)
        if out is not None:
            make_directory(out)
        conversation.talk()
        done = conversation.finish()
    except ValueError as why:
        exit_with_error(f"{topology}: {why}")
    except PluginFailed as why:
        print_error(str(why))
        raise click.exceptions.Exit(FAILED) from None
    for line in done.sentences():
        echo(line, err=True)
    for table in findings_tables(plain_findings(done.run)):
        print_table(table, err=True)
    if out is not None and not write_artefacts(done.run, out):
        raise click.exceptions.Exit(UNUSABLE)
