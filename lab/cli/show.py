"""``lab show``: the map of a topology."""

from __future__ import annotations

from pathlib import Path

import click

from lab.cli.common import load, print_table, seed_option, set_option, topology_argument
from lab.cli.files import save_picture


@click.command()
@topology_argument
@seed_option
@set_option
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(dir_okay=False),
    help="Picture file, .png or .svg.  [default: NAME-map.png for NAME.toml]",
)  # fmt: skip
def show(topology: str, seed: int, sets: tuple[str, ...], output: str | None) -> None:
    """Draw the map of TOPOLOGY, and list hosts, links and routes.

    The map shows hosts, relays, links, environments, and the routes that the mail will take.
    """
    described = load(topology, sets, seed)
    from lab.simulation.planned_routes import planned
    from lab.views.text.listing import listing

    routes, trace = planned(described, seed)
    print_table(listing(described, routes))
    save_picture(trace, "map", Path(output or f"{Path(topology).stem}-map.png"))
