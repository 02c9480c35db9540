"""The command line. ``main`` runs it; each module beside this one is the command of its name.

A command's module is imported when the command is asked for, and what the command needs is
imported when it runs, so ``lab --help`` answers at once.

Exit status: 0 for success; 1 if the run broke an [expect] or an invariant; 2 for unusable
arguments or files; 130 if interrupted. Bad input never causes a traceback: each problem is one
sentence on stderr.
"""

from __future__ import annotations

import atexit
import gc
import io
import os
import re
import sys
from importlib import import_module
from keyword import iskeyword
from typing import Any, NoReturn

import click

import lab
from lab.cli.common import (
    FAILED,
    INTERRUPTED,
    UNUSABLE,
    discard_output,
    echo,
    print_error,
    reason_of,
)
from lab.runtime import compiled, startup
from lab.runtime.extras import MissingPackage

COMMANDS = {
    "new": "Write a small topology file, with comments, to start from.",
    "examples": "List the topologies and experiments that ship, or copy one.",
    "run": "Simulate TOPOLOGY and print what became of the mail.",
    "live": "Run TOPOLOGY on real TCP, each host in its own process.",
    "watch": "Watch a run of TOPOLOGY in a browser, and change it by clicking.",
    "spool": "List, read or export the mail that a live run has stored.",
    "compare": "Run TOPOLOGY simulated and live, and compare the two runs.",
    "diff": "Compare two runs: where they part, and whose mail fared otherwise.",
    "step": "Step through a run: forward, back, to a breakpoint.",
    "check": "Validate topology files; run nothing.",
    "show": "Draw the map of TOPOLOGY, and list hosts, links and routes.",
    "talk": "Be the sender-SMTP: type commands to HOST's receiver-SMTP.",
    "plot": "Draw a picture of TRACE.",
    "why": "Say where each recipient's time went, and what it waited for.",
    "replay": "Make an HTML page that plays the run of TRACE.",
    "read": "Read the SMTP in CAPTURE, and print what became of the mail in it.",
    "export": "Write TRACE in the format of another tool.",
    "explore": "Run TOPOLOGY again and again, broken at every step in turn.",
    "storm": "Run random networks with random mail and faults, and check them.",
    "sweep": "Make many runs: every combination of values and seeds.",
    "judge": "Hold a mail program against the rules of RFC 821.",
    "rfc": "Print RFC 821's rules, their code, and the tests that prove them.",
    "lessons": "Open the lessons in JupyterLab.",
    "grade": "Grade lessons that were handed in, by running their checks.",
    "class": "Release exercises to a class, and grade what it hands in.",
    "site": "Write guides, reference, gallery and course as a folder of pages.",
    "bench": "Compare the speed of the lab with that of real mail software.",
    "help": "Show a guide, or list the guides.",
}
"""The commands in the order of ``lab --help``, each with the first sentence of its own help."""


NEW_OBJECTS = 50_000
"""How many new objects there must be before garbage is collected."""

LONGEST_MESSAGE = 500
"""Characters of an error message that are printed."""


class LazyGroup(click.Group):
    """The group of all commands, which imports the module of a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import a command and return it; None if there is no such command."""
        if name not in COMMANDS:
            return None
        module = f"{name}_" if iskeyword(name) else name
        command = getattr(import_module(f"lab.cli.{module}"), module)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments name; a usage error suggests a similar one."""
        name = args[0]
        if name not in COMMANDS and not ctx.resilient_parsing and not name.startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(name, COMMANDS, n=1)
            ctx.fail(
                f"there is no command {name!r}" + (f"; did you mean {close[0]}?" if close else "")
            )
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an option that lacks its argument is an error of that command."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            name = ctx.invoked_subcommand
            command = self.get_command(ctx, name) if name is not None else None
            if error.ctx is None and command is not None:  # click's parser does not say which
                error.ctx = click.Context(command, parent=ctx, info_name=name)
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text.removesuffix(".")) for name, text in COMMANDS.items()])


def print_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Print the version, and whether its compiled modules are in use, and exit."""
    if wanted and not context.resilient_parsing:
        how = "compiled" if compiled.in_use() else "plain Python"
        echo(f"lab, version {lab.__version__} ({how})")
        context.exit()


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
)  # fmt: skip
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=print_version,
    help="Show the version and exit.",
)  # fmt: skip
@click.pass_context
def cli(context: click.Context) -> None:
    """Simulate, step through and watch mail as RFC 821 moves it, byte by byte.

    Begin with:  lab run topologies/rfc821/scenario-03.toml --transcript
    """
    if context.invoked_subcommand is None:
        echo(context.get_help(), err=True)
        context.exit(UNUSABLE)


def usage_sentence(error: click.UsageError) -> str:
    """Return what is wrong with the arguments in one sentence, and where to read more."""
    if isinstance(error, click.NoSuchOption):
        close = " or ".join(sorted(error.possibilities or ())[:3])
        message = f"there is no option {error.option_name}"
        message += f"; did you mean {close}?" if close else ""
    else:
        message = _range_in_words(" ".join(error.format_message().split()).rstrip("."))
    if len(message) > LONGEST_MESSAGE:  # it may quote an argument
        message = message[:LONGEST_MESSAGE] + " ..."
    command = error.ctx.command_path if error.ctx else "lab"
    return f"{message[:1].lower()}{message[1:]} (see {command} --help)"


def _range_in_words(message: str) -> str:
    """Return a message of click with the range of a number said in words.

    >>> _range_in_words("-1 is not in the range x>=1")
    '-1 is not allowed; use 1 or more'
    """
    match = re.search(r" is not in the range (?:(\S+?)(<=?))?x(?:(<=?|>=?)(\S+))?$", message)
    if match is None:
        return message
    least, above, bound, value = match.groups()
    if least is not None:
        allowed = f"{'more than ' if above == '<' else ''}{least} to {value}"
    else:
        words = {">=": "{} or more", ">": "more than {}", "<=": "{} or less", "<": "less than {}"}
        allowed = words[bound].format(value)
    return f"{message[: match.start()]} is not allowed; use {allowed}"


def open_closed_streams() -> None:
    """Open the null device in place of each standard stream that is closed (``lab run >&-``).

    Processes that a command starts have it too.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode)  # noqa: SIM115 - it stays open
            os.set_inheritable(stream.fileno(), True)
            setattr(sys, name, stream)


def collect_rarely() -> None:
    """Spare the process most of its garbage collections, which are a tenth of a short command.

    What a command imports is not garbage, nor does it matter at exit what is.
    """
    gc.set_threshold(NEW_OBJECTS, 10, 10)
    atexit.register(gc.freeze)


def main() -> NoReturn:
    """Run the command line, and end the process with its exit status."""
    try:
        collect_rarely()
        startup.begin()
        status = _run_command()
        startup.end_at_once()
    except KeyboardInterrupt:  # while an error was being printed, say
        startup.end_at_once()
        status = INTERRUPTED
    raise SystemExit(status)


def _run_command() -> int:
    """Run the command; return its exit status, with what is wrong printed in one sentence."""
    open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        # a character that the terminal's encoding lacks is printed as a question mark
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    status: int
    try:
        # the exit status of a click.exceptions.Exit comes back as the result
        status = cli.main(prog_name="lab", standalone_mode=False) or 0
    except click.UsageError as error:
        print_error(usage_sentence(error))
        status = UNUSABLE
    except click.ClickException as error:
        print_error(error.format_message())
        status = UNUSABLE
    except (click.Abort, KeyboardInterrupt):
        startup.end_at_once()
        print_error("interrupted")
        status = INTERRUPTED
    except MissingPackage as error:
        print_error(str(error))
        status = UNUSABLE
    except (ImportError, RuntimeError) as error:
        if not isinstance(error.__cause__, KeyboardInterrupt):  # in the midst of an import
            raise
        startup.end_at_once()
        print_error("interrupted")
        status = INTERRUPTED
    except SystemExit:
        # click exits this way if the reader of our output has left (`| head -1`): not a failure
        discard_output()
        status = 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print_error(where + reason_of(error))
        status = FAILED
    return status
