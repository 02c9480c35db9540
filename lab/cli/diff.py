"""``lab diff``: two runs compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.common import (
    FAILED,
    INTERRUPTED,
    echo,
    exit_with_error,
    load,
    print_table,
    read_trace,
    reason_of,
    set_option,
    until_option,
    until_reader_leaves,
)
from lab.runtime.private_files import writes_private_files

if TYPE_CHECKING:
    from lab.api.diff import Diff
    from lab.topology.model import Topology
    from lab.trace.trace import Trace


@click.command()
@click.argument("a", type=click.Path())
@click.argument("b", type=click.Path(), required=False)
@click.option(
    "--seed", type=int,
    help="Seed with which topologies are run: a whole number.  [default: that of the other run, or "
    "else 0]",
)  # fmt: skip
@set_option
@until_option
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(dir_okay=False),
    help="Also write a page, .html, or a picture, .png or .svg.  [default: write none]",
)  # fmt: skip
@click.option(
    "--plot", "kind", type=click.Choice(["slopes", "map"]), default="slopes", show_default=True,
    help="The picture: the times of recipients in both runs, or the load of links on the map.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as one JSON object.")
@writes_private_files
def diff(
    a: str,
    b: str | None,
    seed: int | None,
    sets: tuple[str, ...],
    until: float | None,
    output: str | None,
    kind: str,
    as_json: bool,
) -> None:
    """Compare two runs: where they part, and whose mail fared otherwise.

    A and B are each a trace, the directory that `lab run --out` left, or a topology file, which is
    run with the seed of the other run. Without B, the topology A is compared with itself as `--set`
    changes it. The exit status is 0 if the runs are the same, and 1 if they differ.
    """
    if b is None and not sets:
        exit_with_error(
            f"one run has nothing to be compared with; give two, or lab diff {a} --set KEY=VALUE"
        )
    from lab.api.diff import holds_trace

    paths = [a, b if b is not None else a]
    for path in paths:
        if sets and b is None and holds_trace(path):
            exit_with_error(f"{path} is a run, which --set cannot change; give a topology file")
    compared = _compared(paths, seed, (sets if b is not None else (), sets), until)
    if output is not None:
        write_comparison(compared, Path(output), kind)
    with until_reader_leaves():
        if as_json:
            echo(json.dumps(compared.as_dict()))
        else:
            print_table(compared.table())
            if output is not None:
                echo(f"wrote {output}")
    if not compared.same:
        raise click.exceptions.Exit(FAILED)


def write_comparison(compared: Diff, path: Path, kind: str = "slopes") -> None:
    """Write a page or a picture of a comparison; exit status 2 if that is not possible."""
    try:
        compared.save(path, kind)
    except OSError as error:
        made = "page" if path.suffix in (".html", ".htm", ".HTML") else "picture"
        exit_with_error(f"{path}: the {made} cannot be written ({reason_of(error)})")
    except ValueError as error:
        exit_with_error(str(error).replace("path must", "-o must"))


def _compared(
    paths: list[str], seed: int | None, sets: tuple[tuple[str, ...], ...], until: float | None
) -> Diff:
    """Return the comparison; exit status 2 if a file cannot be read."""
    from lab.api.diff import diff as compare
    from lab.api.diff import holds_trace
    from lab.api.run import Interrupted, RunFailed

    traces = {path: read_trace(path) for path in paths if holds_trace(path)}
    if seed is None:
        seed = next((int(trace.meta.get("seed", 0)) for trace in traces.values()), 0)
    opened: list[Trace | Topology] = [
        traces[path] if path in traces else load(path, own, seed)
        for path, own in zip(paths, sets, strict=True)
    ]
    names = [
        " ".join((path, *(f"--set {each}" for each in own if path not in traces)))
        for path, own in zip(paths, sets, strict=True)
    ]
    try:
        return compare(opened[0], opened[1], seed, until, (names[0], names[1]))
    except Interrupted as stopped:
        exit_with_error(str(stopped), INTERRUPTED)
    except RunFailed as failed:
        exit_with_error(str(failed), FAILED)
