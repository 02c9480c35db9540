"""``lab plot``: pictures of a trace."""

from __future__ import annotations

from pathlib import Path

import click

from lab.cli.common import echo, exit_with_error, read_trace, reason_of, status_line
from lab.cli.files import save_picture
from lab.views import PICTURES
from lab.views.pictures import LONGEST_FILM


@click.command()
@click.argument("trace", type=click.Path())
@click.argument("kind", metavar="KIND", type=click.Choice(list(PICTURES)))
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(dir_okay=False),
    help="Picture file, .png or .svg.  [default: KIND.png, and map.svg for a film]",
)  # fmt: skip
@click.option(
    "--message", type=click.IntRange(min=1), metavar="N",
    help="Ladder: only message number N.  [default: all]",
)  # fmt: skip
@click.option(
    "--session", type=click.IntRange(min=1), metavar="N",
    help="Ladder: only session number N.  [default: all]",
)  # fmt: skip
@click.option(
    "--between", nargs=2, metavar="HOST HOST",
    help="Ladder: only the sessions of these two hosts.  [default: all]",
)  # fmt: skip
@click.option("--to-scale", is_flag=True, help="Ladder: distances are seconds, not events.")
@click.option(
    "--animate", type=float, metavar="SECONDS",
    help="Map: draw an SVG film of the run, of this many seconds.  [default: a still picture]",
)  # fmt: skip
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

    TRACE is the trace.jsonl or trace.parquet that a run left, or the directory of it. KIND is
    timeline, ladder, queues, latency, map, states or utilisation.
    """
    if animate is not None:
        film(trace, kind, animate, Path(output or f"{kind}.svg"))
        return
    options = {
        "message": message, "session": session, "between": between, "to_scale": to_scale or None,
    }  # fmt: skip
    chosen = {name: value for name, value in options.items() if value is not None}
    if chosen and kind != "ladder":
        word = next(iter(chosen)).replace("_", "-")
        exit_with_error(f"--{word} is for a ladder: lab plot {trace} ladder --{word} ...")
    recorded = read_trace(trace)
    from lab.analysis.ladder_rows import NothingToShow

    try:
        save_picture(recorded, kind, Path(output or f"{kind}.png"), **chosen)
    except NothingToShow as why:
        exit_with_error(f"{trace}: {why}")


def film(trace: str, kind: str, seconds: float, output: Path) -> None:
    """Write an SVG film of the map of a run; ``seconds`` is how long it lasts."""
    wrong = (
        f"--animate is for a map: lab plot {trace} map --animate {seconds:g}"
        if kind != "map"
        else f"--animate {seconds:g}: use seconds greater than 0 and at most {LONGEST_FILM}, for "
        "example --animate 20"
        if not 0 < seconds <= LONGEST_FILM
        else f"{output}: a film is an SVG file; use -o {output.stem}.svg"
        if output.suffix.lower() != ".svg"
        else None
    )
    if wrong:
        exit_with_error(wrong)
    from lab.views import why_unavailable
    from lab.views.pictures.film import animation

    recorded = read_trace(trace)
    if why := why_unavailable(recorded, "film"):
        exit_with_error(f"{output}: not drawn: {why}")
    try:
        with status_line("drawing the film"):
            animation(recorded, seconds).save(output)
    except OSError as error:
        exit_with_error(f"{output}: the film cannot be written ({reason_of(error)})")
    echo(f"wrote {output}")
