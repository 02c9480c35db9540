"""``lab check``, ``lab show`` and ``lab plot``: topologies and traces, looked at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.common import (
    UNUSABLE,
    at_work,
    complain,
    draw,
    load,
    read,
    say,
    the_seed,
    the_sets,
    the_topology,
)

if TYPE_CHECKING:
    from lab.topology.model import Topology


@click.command()
@click.argument("topologies", nargs=-1, required=True, type=click.Path(), metavar="TOPOLOGY...")
@the_sets
@click.option("--quiet", is_flag=True, help="Print nothing but what is wrong.")
def check(topologies: tuple[str, ...], sets: tuple[str, ...], quiet: bool) -> None:
    """Validate files and run nothing; every problem of every file in one pass."""
    bad = 0
    for path in topologies:
        try:
            topology = load(path, sets)
        except click.exceptions.Exit:
            bad += 1
            continue
        if not quiet:
            click.echo(f"{path}: {count(topology)}")
    if bad:
        raise click.exceptions.Exit(UNUSABLE)


def count(topology: Topology) -> str:
    """What a topology holds, in a line."""
    mail = len(topology.mail) + sum(one.count for one in topology.traffic)
    parts = [
        (len(topology.hosts), "host"),
        (len(topology.links), "link"),
        (mail, "message"),
        (len(topology.scripts), "script"),
        (len(topology.polls), "poll"),
        (len(topology.faults), "fault"),
    ]
    return ", ".join(f"{n} {what}{'' if n == 1 else 's'}" for n, what in parts if n) + "; well"


@click.command()
@the_topology
@the_seed
@the_sets
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Picture file, .png or .svg.")
def show(topology: str, seed: int, sets: tuple[str, ...], output: str | None) -> None:
    """Draw the map of TOPOLOGY: hosts, relays, links, environments, and the ways of its mail."""
    described = load(topology, sets, seed)
    from lab.simulation.planned_routes import planned
    from lab.views.text.listing import listing

    ways, trace = planned(described, seed)
    say(listing(described, ways))
    draw(trace, "map", Path(output or f"{Path(topology).stem}-map.png"))


@click.command()
@click.argument("trace", type=click.Path())
@click.argument(
    "kind", type=click.Choice(["timeline", "ladder", "queues", "latency", "map", "states"])
)
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Picture file, .png or .svg.")
@click.option("--message", type=click.IntRange(min=1), help="Of a ladder: this message alone.")
@click.option("--session", type=click.IntRange(min=1), help="Of a ladder: this session alone.")
@click.option(
    "--between", nargs=2, metavar="HOST HOST", help="Of a ladder: the sessions of these two alone."
)
@click.option("--to-scale", is_flag=True, help="Of a ladder: time downward in seconds.")
@click.option(
    "--animate", type=float, metavar="SECONDS", help="Of a map: a film of it, as an SVG that plays."
)
def plot(
    trace: str,
    kind: str,
    output: str | None,
    message: int | None,
    session: int | None,
    between: tuple[str, str] | None,
    to_scale: bool,
    animate: float | None,
) -> None:
    """Draw a picture from the trace.jsonl that a run left."""
    if animate is not None:
        film(trace, kind, animate, Path(output or f"{kind}.svg"))
        return
    options = {
        "message": message, "session": session, "between": between, "to_scale": to_scale or None,
    }  # fmt: skip
    given = {name: value for name, value in options.items() if value is not None}
    if given and kind != "ladder":
        word = next(iter(given)).replace("_", "-")
        complain(f"--{word} is for a ladder; write: lab plot {trace} ladder --{word} ...")
        raise click.exceptions.Exit(UNUSABLE)
    recorded = read(trace)
    from lab.analysis.ladder_rows import NothingToShow

    try:
        draw(recorded, kind, Path(output or f"{kind}.png"), **given)
    except NothingToShow as why:
        complain(f"{trace}: {why}")
        raise click.exceptions.Exit(UNUSABLE) from None


def film(trace: str, kind: str, seconds: float, output: Path) -> None:
    """Write the map of a run as a picture that moves."""
    wrong = (
        f"--animate is for a map; write: lab plot {trace} map --animate {seconds:g}"
        if kind != "map"
        else f"a film of {seconds:g} seconds cannot be seen; write --animate 20"
        if not 0 < seconds < float("inf")
        else f"{output}: a film is an SVG; write -o {output.stem}.svg"
        if output.suffix.lower() != ".svg"
        else None
    )
    if wrong:
        complain(wrong)
        raise click.exceptions.Exit(UNUSABLE)
    from lab.views import lacking
    from lab.views.pictures.film import animation

    recorded = read(trace)
    if why := lacking(recorded, "film"):
        complain(f"{output}: not drawn, for {why}")
        raise click.exceptions.Exit(UNUSABLE)
    try:
        with at_work("drawing the film"):
            animation(recorded, seconds).save(output)
    except OSError as error:
        complain(f"{output}: {error.strerror or error}")
        raise click.exceptions.Exit(UNUSABLE) from None
    say(f"drawn: {output}")


@click.command()
@click.argument("trace", type=click.Path())
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), default="replay.html", show_default=True,
    help="The page.",
)  # fmt: skip
def replay(trace: str, output: str) -> None:
    """Make one HTML page that plays the run of TRACE, a trace.jsonl: no network, no server."""
    from lab.views import lacking
    from lab.views.replay import LONGEST_REPLAY, write_replay

    events = read(trace)
    if why := lacking(events, "replay"):
        complain(f"{output}: not written, for {why}")
        raise click.exceptions.Exit(UNUSABLE)
    if len(events) > LONGEST_REPLAY:
        click.echo(
            f"lab: note: {trace}: the page plays the first {LONGEST_REPLAY:,} events "
            f"of {len(events):,}; it would be too long for a browser",
            err=True,
        )
    try:
        with at_work("packing the trace"):
            write_replay(events, output)
    except OSError as error:
        complain(f"{output}: the page cannot be written ({error.strerror or error})")
        raise click.exceptions.Exit(UNUSABLE) from None
    click.echo(f"written: {output}")
