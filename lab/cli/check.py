"""``lab check``: validate topology files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lab.cli.common import (
    UNUSABLE,
    echo,
    load,
    print_error,
    quiet_option,
    set_option,
)
from lab.quantities import count_noun

if TYPE_CHECKING:
    from lab.topology.model import Topology


@click.command()
@click.argument("topologies", nargs=-1, required=True, type=click.Path(), metavar="TOPOLOGY...")
@set_option
@quiet_option
def check(topologies: tuple[str, ...], sets: tuple[str, ...], quiet: bool) -> None:
    """Validate topology files; run nothing.

    Prints every problem of every file, and warns of a network in pieces and of mail that cannot
    be sent.
    """
    from lab.simulation.unreachable import unreachable_mail
    from lab.simulation.unsendable import unsendable_mail

    bad = 0
    for path in topologies:
        try:
            topology = load(path, sets)
        except click.exceptions.Exit:
            bad += 1
            continue
        for sentence in (*unreachable_mail(topology), *unsendable_mail(topology)):
            print_error(f"warning: {path}: {sentence}")
        if not quiet:
            echo(f"{path}: OK: {contents(topology)}")
    if bad:
        raise click.exceptions.Exit(UNUSABLE)


def contents(topology: Topology) -> str:
    """Return what a topology holds, in a line."""
    mail = topology.messages
    parts = [
        (len(topology.hosts), "host"),
        (len(topology.links), "link"),
        (mail, "message"),
        (len(topology.scripts), "script"),
        (len(topology.polls), "poll"),
        (len(topology.faults), "fault"),
    ]
    return ", ".join(count_noun(n, noun) for n, noun in parts if n)
