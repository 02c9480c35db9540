"""``lab show``: the map of a topology."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.common import (
    draw,
    load,
    say,
    seed_option,
    set_option,
    topology_argument,
)

if TYPE_CHECKING:
    pass


@click.command()
@topology_argument
@seed_option
@set_option
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Picture file, .png or .svg.")
def show(topology: str, seed: int, sets: tuple[str, ...], output: str | None) -> None:
    """Draw the map of TOPOLOGY, and list hosts, links and routes.

    The map shows hosts, relays, links, environments, and the routes that the mail will take.
    """
    described = load(topology, sets, seed)
    from lab.simulation.planned_routes import planned
    from lab.views.text.listing import listing

    ways, trace = planned(described, seed)
    say(listing(described, ways))
    draw(trace, "map", Path(output or f"{Path(topology).stem}-map.png"))
