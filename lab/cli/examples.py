"""``lab examples``: the topologies that ship with the lab."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.common import echo, exit_with_error, reason_of, until_reader_leaves

if TYPE_CHECKING:
    from lab.api.examples import Example


@click.command()
@click.argument("name", required=False)
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(),
    help="File to copy to; - is standard output; with --all, a folder.  [default: NAME.toml here, "
    "with --all topologies]",
)  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="Copy all of them into a folder.")
def examples(name: str | None, output: str | None, everything: bool) -> None:
    """List the topologies and experiments that ship, or copy one.

    NAME is as listed ("rfc821/scenario-03"), its last part ("scenario-03"), or a folder, whose
    files are listed. A file that exists is never overwritten.
    """
    from lab.api.examples import NoExample, find
    from lab.api.examples import examples as all_examples

    if everything:
        if name is not None:
            exit_with_error(f"--all copies every example; leave out {name!r} or --all")
        _copy_all(output)
        return
    try:
        matches = find(name) if name else all_examples()
    except NoExample as why:
        exit_with_error(str(why))
    if name and len(matches) == 1:
        _copy(matches[0], output)
    elif output:
        exit_with_error(f"-o needs the name of one example, not {name or 'none'}; or --all")
    else:
        _list(matches)


def _list(examples: list[Example]) -> None:
    width = max((len(each.name) for each in examples), default=0)
    with until_reader_leaves():
        for each in examples:
            kind = "experiment: " if each.is_experiment else ""
            echo(f"{each.name:{width}}  {kind}{each.title}")


def _copy(example: Example, output: str | None) -> None:
    if output == "-":
        with until_reader_leaves():
            echo(example.path.read_text(encoding="utf-8"), nl=False)
        return
    from lab.api.examples import copy_to

    target = Path(output or example.path.name)
    if target.is_dir() or (output or "").endswith("/"):
        target /= example.path.name
    try:
        written = copy_to(example, target)
    except FileExistsError as why:
        exit_with_error(f"{why}; name another file: lab examples {example.name} -o FILE")
    except OSError as error:
        exit_with_error(
            f"{target}: cannot be written ({reason_of(error)}); name another place: "
            f"lab examples {example.name} -o FILE"
        )
    for path in written:
        echo(f"wrote {path}")


def _copy_all(output: str | None) -> None:
    from lab.api.examples import copy_all

    target = Path(output or "topologies")
    try:
        count = copy_all(target)
    except OSError as error:
        exit_with_error(
            f"{target}: cannot be written ({reason_of(error)}); name another place: "
            "lab examples --all -o FOLDER"
        )
    echo(f"wrote {count} files to {target}" if count else f"{target} has them all")
