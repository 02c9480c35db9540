"""What the commands share: options, files read and written, tables, errors and notes."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from lab.quantities import clock_time
from lab.runtime.escaping import visible, visible_lines

if TYPE_CHECKING:
    from rich.console import RenderableType

    from lab.topology.model import Topology
    from lab.trace.trace import Trace

FAILED, UNUSABLE, BROKEN_BY_OTHERS, INTERRUPTED = 1, 2, 3, 130
"""Exit statuses: a broken rule or [expect]; unusable arguments or files; Ctrl-C."""

CUT_OFF = {"max-events": "--max-events", "max-seconds": "--max-seconds"}
"""The options that cut a run off, by how it then ends."""

WIDTH_WITHOUT_TERMINAL = 1000
"""Columns of a table in a pipe or a file: enough that no line is wrapped."""


class Duration(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on only
    """A time such as "90 s" or "2 h", in seconds; a bare number is seconds."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Return the seconds; a usage error if the text is not a time, or is negative."""
        from lab.quantities import parse_duration

        try:
            seconds = parse_duration(value)
        except ValueError as why:
            self.fail(str(why), param, ctx)
        if seconds < 0:
            self.fail(f"{value!r} is negative; use 0 or more", param, ctx)
        return seconds


seed_option = click.option(
    "--seed", default=0, show_default=True, help="Seed of all random numbers: a whole number."
)
set_option = click.option(
    "--set", "sets", metavar="KEY=VALUE", multiple=True,
    help="Override a value of the file, for example link.0.latency='1 s'. May be repeated.",
)  # fmt: skip
level_option = click.option(
    "--trace", "level", type=click.Choice(["wire", "session", "delivery", "none"]), default="wire",
    show_default=True, help="How much to record: wire is everything, none almost nothing.",
)  # fmt: skip
processes_option = click.option(
    "--processes", type=click.IntRange(min=1), metavar="N",
    help="Number of processes.  [default: one for each processor]",
)  # fmt: skip
scheduler_option = click.option(
    "--scheduler", metavar="ADDRESS", envvar="DASK_SCHEDULER_ADDRESS",
    help="Address of a Dask scheduler whose workers do the work, for example "
    "tcp://10.0.0.1:8786.  [default: this machine]",
)  # fmt: skip
until_option = click.option(
    "--until", type=Duration(),
    help="Stop at this time of the run, for example '90 s' or '2 h'.  [default: when nothing is "
    "left to do]",
)  # fmt: skip
max_events_option = click.option(
    "--max-events", type=click.IntRange(min=1), metavar="N",
    help="Cut a run off after this number of events of its trace.  [default: no limit]",
)  # fmt: skip
max_seconds_option = click.option(
    "--max-seconds", type=Duration(), metavar="TIME",
    help="Cut a run off after this time by the clock on the wall, for example 30 or '5 min'.  "
    "[default: no limit]",
)  # fmt: skip
transcript_option = click.option(
    "--transcript", is_flag=True, help="Print every session, with S: and R: as in RFC 821."
)
summary_as_json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the summary as one JSON object."
)
figures_as_json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the figures as one JSON object."
)
artefacts_option = click.option(
    "--out", metavar="DIRECTORY", type=click.Path(file_okay=False),
    help="Write the artefacts (summary, trace, pictures, ...) to a directory.  [default: write "
    "none]",
)  # fmt: skip
links_option = click.option(
    "--links", is_flag=True,
    help="Also print what crossed each link each way, how busy it was, and what waited.",
)  # fmt: skip
quiet_option = click.option("--quiet", is_flag=True, help="Print errors only.")
topology_argument = click.argument("topology", type=click.Path())


def discard_output() -> None:
    """Discard what is buffered for stdout, and what will be printed from now on."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def until_reader_leaves() -> Iterator[None]:
    """Print until the reader of our output is gone (``| head -1``), then go on without."""
    try:
        yield
    except BrokenPipeError:
        discard_output()


def echo(text: str = "", *, err: bool = False, nl: bool = True) -> None:
    """Print text, on stderr if ``err``; a terminal does not get control characters of others."""
    click.echo(visible_lines(text), err=err, nl=nl)


def print_error(sentence: str) -> None:
    """Print on stderr what is wrong."""
    echo(f"lab: {visible(sentence)}", err=True)


def print_note(sentence: str) -> None:
    """Print on stderr what a user should know, though nothing is wrong."""
    echo(f"lab: note: {visible(sentence)}", err=True)


class _Notes(logging.Handler):
    """Prints what a library of ours reports, such as letters for which there is no font."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print it as a note."""
        print_note(record.getMessage())


logging.getLogger("lab").addHandler(_Notes())


def exit_with_error(sentence: str, status: int = UNUSABLE) -> NoReturn:
    """Print on stderr what is wrong, and end the command with an exit status."""
    print_error(sentence)
    raise click.exceptions.Exit(status)


def reason_of(error: OSError) -> str:
    """Return the system's words for an error, without number and file name."""
    return error.strerror or str(error)


def load(path: str, sets: tuple[str, ...], seed: int = 0) -> Topology:
    """Read a topology file and print its notes; exit status 2, with all problems, if it is bad."""
    from lab.topology.model import TopologyError
    from lab.topology.model import load as load_topology

    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always", DeprecationWarning)
            topology = load_topology(path, sets=sets, seed=seed)
    except TopologyError as error:
        for problem in error.problems:
            print_error(problem)
        raise click.exceptions.Exit(UNUSABLE) from None
    for note in (*(str(warning.message) for warning in warned), *topology.notes):
        print_note(note)
    return topology


@contextmanager
def progress_bar(
    total: int, quiet: bool, noun: str = "messages", least: int = 500
) -> Iterator[Callable[[int], None] | None]:
    """Show a bar on stderr, if that is a terminal and there is enough to do.

    Yields a function that takes the number of things done, or None if no bar is shown. ``noun``
    names the things; with fewer than ``least`` of them there is no bar.
    """
    if quiet or total < least or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), noun, TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda done: bar.update(task, completed=done)


def count_off(runs: Iterable[object], progress: Callable[[int], None] | None) -> tuple[bool, str]:
    """Make runs one by one and count them; return whether Ctrl-C ended them, and why workers did.

    The second is a sentence if the workers were lost, "" otherwise.
    """
    from lab.runtime.workers import WorkersError

    try:
        for done, _ in enumerate(runs, 1):
            if progress is not None:
                progress(done)
    except KeyboardInterrupt:
        return True, ""
    except WorkersError as why:
        return False, str(why)
    return False, ""


def interrupt(*_: Any) -> None:
    """Handle a signal as Ctrl-C is handled."""
    raise KeyboardInterrupt


@contextmanager
def status_line(doing: str) -> Iterator[Callable[[str], None]]:
    """Show on stderr what is being done, if that is a terminal; yield a function to change it."""
    if not sys.stderr.isatty():
        yield lambda doing: None
        return
    from rich.console import Console

    with Console(stderr=True, markup=False).status(visible(doing)) as status:
        yield lambda doing: status.update(visible(doing))


def print_table(table: RenderableType, *, err: bool = False) -> None:
    """Print a table, on stderr if asked for. What users wrote is plain text, not markup.

    In a pipe or a file, lines are as long as they need to be, with no spaces at their ends.
    """
    from rich.console import Console

    from lab.views.text.shown import Shown

    table = Shown(table)
    console = Console(markup=False, highlight=False, emoji=False, stderr=err)
    if console.is_terminal:
        console.print(table)
        return
    console.width = WIDTH_WITHOUT_TERMINAL
    with console.capture() as captured:
        console.print(table)
    echo(
        "".join(f"{line.rstrip()}\n" for line in captured.get().split("\n")[:-1]), nl=False, err=err
    )


def read_trace(path: str) -> Trace:
    """Read a trace.jsonl, a trace.parquet or the directory of a run; exit status 2 if it is bad."""
    from lab.trace.trace import open_trace

    try:
        with status_line(f"reading {path}"):
            trace = open_trace(path)
    except OSError as error:
        exit_with_error(f"{path}: {reason_of(error)}" if error.strerror else str(error))
    except ValueError as error:
        exit_with_error(str(error))
    if trace.missing:
        print_note(f"{path}: {_missing(trace)}")
    if trace[-1].kind != "end":
        print_note(f"{path}: {_cut_off(trace)}")
    return trace


def _cut_off(trace: Trace) -> str:
    """Return a note about a trace without the event that ends each run."""
    last = trace[-1]
    stop = f"event {last.seq + 1:,} (t={clock_time(last.t)})"
    return (
        f"the trace stops at {stop}, before the run ended; what became of later mail is not in it"
    )


def _missing(trace: Trace) -> str:
    """Return a note about a trace from which lines are missing."""
    count = sum(last - first + 1 for first, last in trace.missing)
    gaps = [
        f"{first:,}" if first == last else f"{first:,} to {last:,}"
        for first, last in trace.missing[:_MOST_GAPS]
    ]
    unlisted = len(trace.missing) - len(gaps)
    numbers = ", ".join(gaps) + (f" and {unlisted:,} more gaps" if unlisted else "")
    return (
        f"{count:,} event{'s are' if count > 1 else ' is'} missing from the trace, seq {numbers}; "
        "what they recorded is left out"
    )


_MOST_GAPS = 6
"""Gaps of a trace that a note lists."""


def check_links(wanted: bool, level: str) -> None:
    """Exit with status 2 if the figures of links are asked for, and will not be recorded."""
    if wanted and level != "wire":
        exit_with_error(f"--links requires --trace wire, not --trace {level}")


@contextmanager
def trace_folder(out: str | None, wanted: bool) -> Iterator[Path | None]:
    """Yield the folder for a trace that is too long for memory; None if nobody needs the trace."""
    if out is not None:
        yield Path(out) / "trace.parquet"
    elif wanted:
        from tempfile import TemporaryDirectory

        with TemporaryDirectory(prefix="smtp-lab-") as folder:
            yield Path(folder) / "trace.parquet"
    else:
        yield None


def require_modules(*modules: str) -> None:
    """Exit with status 2, and what to install, if a module is missing."""
    from lab.runtime.extras import is_installed, sentence

    missing = [name for name in modules if not is_installed(name)]
    if missing:
        advice = sentence("this requires", *missing)
        in_clone = advice.rpartition("smtp-lab[")[2]
        exit_with_error(f"{advice}, or in a clone: pip install -e '.[{in_clone}")
