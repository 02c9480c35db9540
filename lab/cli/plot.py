"""``lab plot``: pictures of a trace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.common import (
    UNUSABLE,
    draw,
    print_error,
    read,
    say,
    status_line,
)

if TYPE_CHECKING:
    pass


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
    """Draw a picture of TRACE.

    TRACE is the trace.jsonl or trace.parquet that a run left, or the directory of it.
    """
    if animate is not None:
        film(trace, kind, animate, Path(output or f"{kind}.svg"))
        return
    options = {
        "message": message, "session": session, "between": between, "to_scale": to_scale or None,
    }  # fmt: skip
    given = {name: value for name, value in options.items() if value is not None}
    if given and kind != "ladder":
        word = next(iter(given)).replace("_", "-")
        print_error(f"--{word} is for a ladder; write: lab plot {trace} ladder --{word} ...")
        raise click.exceptions.Exit(UNUSABLE)
    recorded = read(trace)
    from lab.analysis.ladder_rows import NothingToShow

    try:
        draw(recorded, kind, Path(output or f"{kind}.png"), **given)
    except NothingToShow as why:
        print_error(f"{trace}: {why}")
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
        print_error(wrong)
        raise click.exceptions.Exit(UNUSABLE)
    from lab.views import lacking
    from lab.views.pictures.film import animation

    recorded = read(trace)
    if why := lacking(recorded, "film"):
        print_error(f"{output}: not drawn, for {why}")
        raise click.exceptions.Exit(UNUSABLE)
    try:
        with status_line("drawing the film"):
            animation(recorded, seconds).save(output)
    except OSError as error:
        print_error(f"{output}: {error.strerror or error}")
        raise click.exceptions.Exit(UNUSABLE) from None
    say(f"drawn: {output}")
