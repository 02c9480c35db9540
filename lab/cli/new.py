"""``lab new``: a small topology file to start from."""

from __future__ import annotations

from pathlib import Path

import click

import lab
from lab.cli.common import echo, exit_with_error, reason_of, until_reader_leaves

STARTER = Path(lab.__file__).parent / "topology" / "starter.toml"
"""The file that ``lab new`` copies."""


@click.command()
@click.argument("file", type=click.Path())
def new(file: str) -> None:
    """Write a small topology file, with comments, to start from.

    FILE is the file to write, which must not exist; - is standard output.
    """
    text = STARTER.read_text(encoding="utf-8")
    if file == "-":
        with until_reader_leaves():
            echo(text, nl=False)
        return
    # a name without a suffix that is safe in a comment is the file's own
    text = text.replace("FILE", Path(file).name if Path(file).name.isprintable() else "FILE")
    try:
        with open(file, "x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        exit_with_error(f"{file}: exists already; name a file that does not")
    except OSError as error:
        exit_with_error(f"{file}: cannot be written ({reason_of(error)}); name another place")
    echo(f"wrote {file}; run it with: lab run {file} --transcript")
