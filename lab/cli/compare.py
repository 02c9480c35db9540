"""``lab compare``: a simulated run beside a live one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.common import (
    FAILED,
    INTERRUPTED,
    echo,
    exit_with_error,
    figures_as_json_option,
    load,
    reason_of,
    seed_option,
    set_option,
    topology_argument,
    until_reader_leaves,
)
from lab.cli.diff import write_comparison
from lab.cli.files import writing_picture
from lab.cli.live import ProgressLine, check_speed, speed_option, warn_of_external_hosts
from lab.quantities import clock_time
from lab.runtime.private_files import writes_private_files

if TYPE_CHECKING:
    from lab.api.diff import Diff


@click.command()
@topology_argument
@seed_option
@set_option
@speed_option
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(dir_okay=False),
    help="Picture file, .png or .svg, or a page, .html, as `lab diff` writes it.  [default: "
    "NAME-compared.png for NAME.toml]",
)  # fmt: skip
@figures_as_json_option
@writes_private_files
def compare(
    topology: str,
    seed: int,
    sets: tuple[str, ...],
    speed: float,
    output: str | None,
    as_json: bool,
) -> None:
    """Run TOPOLOGY simulated and live, and compare the two runs.

    What became of each recipient, the mail delivered and the bytes of all sessions must be the
    same, dates and the choice of session aside. Each difference is named, and the exit status is 1
    if there is one. The picture is the slope chart of `lab diff`: how long each recipient took in
    the simulation and live, with the names of those that moved most.
    """
    check_speed(speed)
    described = load(topology, sets, seed)
    warn_of_external_hosts(described)
    from lab.analysis.likeness import likeness, sentence
    from lab.analysis.shown_names import shown_names
    from lab.api.diff import Diff as Comparison
    from lab.api.live import make_live_run
    from lab.api.run import Interrupted, RunFailed
    from lab.api.simulate import make_run
    from lab.live.settings import Settings
    from lab.views.pictures import plot_style
    from lab.views.pictures.comparison import sentences, write_figures

    try:
        simulated = make_run(described, seed).trace
        with ProgressLine(not as_json) as progress:
            live = make_live_run(described, seed, Settings(speed=speed), progress=progress).trace
    except Interrupted as stopped:
        exit_with_error(str(stopped), INTERRUPTED)
    except RunFailed as failed:
        exit_with_error(f"{topology}: {failed}", FAILED)
    except OSError as error:
        exit_with_error(f"{topology}: {reason_of(error)}", FAILED)
    path = Path(output or f"{Path(topology).stem}-compared.png")
    compared = Comparison(simulated, live, ("simulated", "live"))
    if path.suffix in (".html", ".htm", ".HTML"):
        write_comparison(compared, path)
    else:
        with plot_style.off_screen(), writing_picture(path):
            ax = compared.plot("slopes")
            write_figures(ax, likeness(simulated, live), 56)
            figure = ax.get_figure(root=True)
            assert figure is not None
            figure.savefig(path, bbox_inches="tight")
    alike = likeness(simulated, live)
    if as_json:
        echo(json.dumps({**alike, "first": compared.as_dict()["first"]}))
    else:
        with until_reader_leaves():
            shown = shown_names(simulated.meta)
            differences = (sentence(each, shown) for each in alike["differences"])
            for line in (*sentences(alike), *differences, *_first(compared)):
                echo(line)
            echo(f"wrote {path}")
    if not alike["same"]:
        raise click.exceptions.Exit(FAILED)


def _first(compared: Diff) -> Iterator[str]:
    """Yield the first event that only one of the runs has, in each."""
    first = compared.first
    if first is not None:
        for name, of in (("simulated", first.a), ("live", first.b)):
            if of is not None:
                yield f"first, {name}, at {clock_time(of.t)}: {of.sentence}"
