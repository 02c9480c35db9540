"""``lab read``: the SMTP in a capture of packets."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from lab.cli.common import (
    UNUSABLE,
    artefacts_option,
    echo,
    exit_with_error,
    print_error,
    print_note,
    print_table,
    quiet_option,
    reason_of,
    status_line,
    summary_as_json_option,
    transcript_option,
    until_reader_leaves,
)
from lab.cli.files import make_directory
from lab.runtime.private_files import writes_private_files

if TYPE_CHECKING:
    from lab.captures import Captured


@click.command()
@click.argument("capture", type=click.Path(dir_okay=False))
@click.option(
    "--hosts", metavar="FILE", type=click.Path(dir_okay=False),
    help="Names of addresses, in a file like /etc/hosts.  [default: the file beside CAPTURE whose "
    "name ends in .hosts; else what the programs call themselves]",
)  # fmt: skip
@transcript_option
@summary_as_json_option
@artefacts_option
@quiet_option
@writes_private_files
def read(
    capture: str, hosts: str | None, transcript: bool, as_json: bool, out: str | None, quiet: bool
) -> None:
    """Read the SMTP in CAPTURE, and print what became of the mail in it.

    CAPTURE is a pcap or pcapng file, as tcpdump and Wireshark write them. With `--out`, its trace,
    transcript, pictures and replay page are left as `lab run` leaves them, and other commands draw
    and export the trace. For each breach of RFC 821 the program that committed it is named.
    """
    captured = _read(capture, hosts)
    if out is not None:
        make_directory(out)
    written = _write(captured, out) if out is not None else ""
    if not quiet:
        for note in captured.notes:
            print_note(f"{capture}: {note}")
    with until_reader_leaves():
        if transcript and not as_json:
            from lab.views.text.transcript import transcript as lines_of

            for line in lines_of(captured.trace):
                echo(line)
            echo()
        if as_json:
            from lab.analysis.summarising import write_summary

            write_summary(captured.summary, sys.stdout)
            echo()
        elif not quiet:
            from lab.views.text.summary import summary_table

            print_table(summary_table(captured.summary, captured=True))
            if written:
                echo(written)


def _read(capture: str, hosts: str | None) -> Captured:
    from lab.captures import CaptureError, read_capture

    try:
        with status_line(f"reading {capture}"):
            return read_capture(capture, hosts)
    except CaptureError as why:
        exit_with_error(str(why))
    except OSError as error:
        exit_with_error(f"{error.filename or capture}: {reason_of(error)}")


def _write(captured: Captured, out: str) -> str:
    from lab.api.artefacts import write_artefacts

    try:
        with status_line(f"writing to {out}") as update:
            paths = write_artefacts(
                captured.trace, captured.summary, out,
                lambda name: update(f"writing {name} to {out}"), again=None, report=print_note,
            )  # fmt: skip
    except OSError as error:
        print_error(f"{error.filename or out}: not all could be written ({reason_of(error)})")
        raise click.exceptions.Exit(UNUSABLE) from None
    return f"wrote to {out}: " + ", ".join(path.name for path in paths)
