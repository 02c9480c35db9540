"""The command line. ``main`` runs it; each module beside this one holds some of its commands.

Exit status: 0 all well; 1 the run broke an [expect] or an invariant; 2 unusable arguments or file;
130 interrupted. No traceback reaches a user for bad input: one sentence a problem, on stderr.
Heavy imports are made where they are used, so that ``lab --help`` answers at once.
"""

from __future__ import annotations

import io
import sys
from typing import NoReturn

import click

import lab
from lab.cli.common import FAILED, INTERRUPTED, complain, forget_output
from lab.cli.living import compare, live
from lab.cli.looking import check, plot, replay, show
from lab.cli.reading import rfc
from lab.cli.running import run, talk
from lab.cli.stepping import step
from lab.cli.sweeping import sweep
from lab.cli.teaching import grade, lessons
from lab.cli.trying import bench, explore, storm
from lab.runtime import compiled


def tell_version(context: click.Context, _: click.Parameter, asked: bool) -> None:
    """Print which version this is, and whether its compiled modules are in use, and end."""
    if asked and not context.resilient_parsing:
        how = "compiled" if compiled.in_use() else "plain Python"
        click.echo(f"lab, version {lab.__version__} ({how})")
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=tell_version,
    help="Show the version and exit.",
)  # fmt: skip
def cli() -> None:
    """Simulate, step and see mail as RFC 821 moves it, every SMTP byte of it real.

    Begin with:  lab run topologies/rfc821/scenario-03.toml --transcript
    """


def main() -> NoReturn:
    """Run the command line, and end the process with its exit status."""
    for stream in (sys.stdout, sys.stderr):
        # a terminal that knows no such sign is shown a question mark, not a traceback
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        # the exit status of a click.exceptions.Exit comes back as the result
        status = cli.main(prog_name="lab", standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        complain("interrupted")
        status = INTERRUPTED
    except SystemExit:
        # click's own way out where whoever read our output has read enough: no failure of ours
        forget_output()
        status = 0
    except OSError as error:
        complain(str(error))
        status = FAILED
    raise SystemExit(status)


COMMANDS = (
    run, live, compare, step, check, show, talk, plot, replay, explore, storm, sweep, rfc, lessons,
    grade, bench,
)  # fmt: skip
for command in COMMANDS:
    cli.add_command(command)
