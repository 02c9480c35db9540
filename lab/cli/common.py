"""What the commands share: options, files read and written, and sentences about what is wrong."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import RenderableType

    from lab.api.run import Run
    from lab.topology.model import Topology
    from lab.trace.trace import Trace

FAILED, UNUSABLE, INTERRUPTED = 1, 2, 130

WIDTH_WITHOUT_TERMINAL = 1000
"""Columns that a table may take in a pipe or a file, where no line need be folded."""


class Duration(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on only
    """A time such as "90 s" or "2 h", in seconds."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Seconds."""
        from lab.quantities import parse_duration

        try:
            seconds = parse_duration(value)
        except ValueError as why:
            self.fail(str(why), param, ctx)
        if seconds < 0:
            self.fail(f"{value!r} is before the run begins; write 0 or more", param, ctx)
        return seconds


seed_option = click.option(
    "--seed", default=0, show_default=True, help="What every draw comes from."
)
set_option = click.option(
    "--set", "sets", metavar="KEY=VALUE", multiple=True,
    help="Override a value of the file, as in link.0.latency='1 s'; may be repeated.",
)  # fmt: skip
level_option = click.option(
    "--trace", "level", type=click.Choice(["wire", "session", "delivery", "none"]), default="wire",
    show_default=True, help="How much is recorded.",
)  # fmt: skip
processes_option = click.option(
    "--processes", type=click.IntRange(min=1), help="Processes; default: one a processor."
)
topology_argument = click.argument("topology", type=click.Path())


def discard_output() -> None:
    """Let what is printed from here on, and what is buffered, go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def until_reader_leaves() -> Iterator[None]:
    """Go on without printing where whoever reads our output has read enough (``| head -1``)."""
    try:
        yield
    except BrokenPipeError:
        discard_output()


def print_error(sentence: str) -> None:
    """Say one thing that is wrong, on stderr."""
    click.echo(f"lab: {sentence}", err=True)


def load(path: str, sets: tuple[str, ...], seed: int = 0) -> Topology:
    """The topology of a file, its notes told on stderr; or its problems, and exit status 2."""
    from lab.topology.model import TopologyError
    from lab.topology.model import load as load_topology

    try:
        topology = load_topology(path, sets=sets, seed=seed)
    except TopologyError as error:
        for problem in error.problems:
            print_error(problem)
        raise click.exceptions.Exit(UNUSABLE) from None
    for note in topology.notes:
        click.echo(f"lab: note: {note}", err=True)
    return topology


@contextmanager
def progress_bar(
    total: int, quiet: bool, what: str = "messages", least: int = 500
) -> Iterator[Callable[[int], None] | None]:
    """A bar on stderr where that is a terminal and there is enough to do to be worth one."""
    if quiet or total < least or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), what, TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda done: bar.update(task, completed=done)


@contextmanager
def handling_signals(answer: Callable[..., None], *numbers: int) -> Iterator[None]:
    """A stretch of code in which signals have another answer."""
    try:
        before = [(number, signal.signal(number, answer)) for number in numbers]
    except ValueError:  # not in the main thread, where no signal comes
        yield
        return
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def interrupt(*_: Any) -> None:
    """The answer to a signal that is Ctrl-C's."""
    raise KeyboardInterrupt


@contextmanager
def status_line(what: str) -> Iterator[Callable[[str], None]]:
    """A sign on stderr that something goes on, where that is a terminal; it can be told what."""
    if not sys.stderr.isatty():
        yield lambda what: None
        return
    from rich.console import Console

    with Console(stderr=True, markup=False).status(what) as status:
        yield status.update


def say(what: RenderableType) -> None:
    """Print a table; what users wrote in their files is text in it, and no markup.

    Into a pipe or a file it goes as wide as it is, with no spaces at the ends of its lines.
    """
    from rich.console import Console

    console = Console(markup=False, highlight=False, emoji=False)
    if console.is_terminal:
        console.print(what)
        return
    console.width = WIDTH_WITHOUT_TERMINAL
    with console.capture() as captured:
        console.print(what)
    click.echo("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()), nl=False)


def make_directory(out: str) -> None:
    """See to it before a long run that its artefacts will have a place."""
    try:
        Path(out).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print_error(f"{out}: no directory can be made there ({error.strerror or error})")
        raise click.exceptions.Exit(UNUSABLE) from None
    if not os.access(out, os.W_OK | os.X_OK):
        print_error(f"{out}: this directory may not be written to; write the name of another")
        raise click.exceptions.Exit(UNUSABLE)


def leave(done: Run, out: str) -> str:
    """Write the artefacts: a sentence about them, or "" where not all could be written."""
    from lab.api.run import ARTEFACTS, WANTING
    from lab.views import lacking

    try:
        with status_line(f"writing to {out}") as tell:
            paths = done.save(out, lambda name: tell(f"writing {name} to {out}"))
    except OSError as error:
        where = error.filename2 or error.filename or out
        whole = ", ".join(name for name in ARTEFACTS if (Path(out) / name).exists())
        print_error(
            f"{where}: the artefacts could not all be written ({error.strerror or error}); "
            f"whole in {out}: {whole or 'none'}"
        )
        return ""
    except KeyboardInterrupt:
        _leave_least(done, out)
        raise click.exceptions.Exit(INTERRUPTED) from None
    left = f"left in {out}: " + ", ".join(path.name for path in paths)
    missing = [name for name, view in WANTING.items() if lacking(done.trace, view)]
    if missing:
        left += f"; of --trace {done.trace.level} there is no " + ", ".join(missing)
    return left


def _leave_least(done: Run, out: str) -> None:
    """Write trace and summary, and nothing else, for somebody who does not want to wait."""
    with suppress(ValueError):  # not in the main thread, where no signal comes
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        left = ", ".join(path.name for path in done.save_least(out))
        print_error(f"interrupted before all artefacts were written; left in {out}: {left}")
    except OSError as error:
        print_error(f"{error.filename or out}: interrupted, and {error.strerror or error}")


def draw(trace: Trace, kind: str, path: Path, **options: Any) -> None:
    """Draw a picture into a file, or say in one sentence why not."""
    from lab import views

    if why := views.lacking(trace, kind):
        print_error(f"{path}: not drawn, for {why}")
        raise click.exceptions.Exit(UNUSABLE)
    try:
        with status_line(f"drawing the {kind}"):
            views.save(trace, kind, path, **options)
    except OSError as error:
        why = error.strerror or str(error)
    except ValueError as error:
        if path.suffix.lower() in (".png", ".svg", ".pdf"):
            raise
        why = str(error).splitlines()[0].rstrip(".") + "; write a name that ends with .png or .svg"
    else:
        click.echo(f"drawn: {path}")
        return
    print_error(f"{path}: the picture could not be drawn ({why})")
    raise click.exceptions.Exit(UNUSABLE)


def read(path: str) -> Trace:
    """The trace of a trace.jsonl or trace.parquet; or what is wrong, and exit status 2."""
    from lab.trace.trace import open_trace

    try:
        with status_line(f"reading {path}"):
            trace = open_trace(path)
    except OSError as error:
        print_error(f"{path}: {error.strerror or error}")
        raise click.exceptions.Exit(UNUSABLE) from None
    except ValueError as error:
        print_error(str(error))
        raise click.exceptions.Exit(UNUSABLE) from None
    if trace.missing:
        click.echo(f"lab: note: {path}: {_missing(trace)}", err=True)
    if trace[-1].kind != "end":
        click.echo(f"lab: note: {path}: {_cut_off(trace)}", err=True)
    return trace


def _cut_off(trace: Trace) -> str:
    """What is to be said of a trace without the event that ends each run."""
    last = trace[-1]
    return (
        f"the trace stops at event {last.seq + 1:,} (t={last.t:.6g} s), before the run ended; "
        "what became of later mail is not in it"
    )


def _missing(trace: Trace) -> str:
    """What is to be said of a trace that lines have gone from."""
    count = sum(last - first + 1 for first, last in trace.missing)
    some = [
        f"{first:,}" if first == last else f"{first:,} to {last:,}"
        for first, last in trace.missing[:_MOST_GAPS]
    ]
    more = len(trace.missing) - len(some)
    which = ", ".join(some) + (f" and {more:,} more stretches" if more else "")
    return (
        f"{count:,} event{'s are' if count > 1 else ' is'} missing from the trace, seq {which}; "
        "what follows is without what they told"
    )


_MOST_GAPS = 6


def tell(done: Run, transcript: bool, as_json: bool, out: str | None, quiet: bool) -> bool:
    """Leave the artefacts and print what was asked for; whether all could be written."""
    from lab.analysis.account import write_summary
    from lab.views import lacking

    # the artefacts first of all, for a reader of our output may go away
    left = leave(done, out) if out is not None else None
    why = lacking(done.trace, "transcript") if transcript and not as_json else ""
    with until_reader_leaves():
        if why:
            print_error(why)
        elif transcript and not as_json:
            for line in done.transcript_lines():
                click.echo(line)
            click.echo()
        if as_json:
            write_summary(done.summary, sys.stdout)
            click.echo()
        elif not quiet:
            from lab.views.text.summary import summary_table

            say(summary_table(done.summary))
            if left:
                click.echo(left)
    return left != ""


def ended(topology: str, done: Run, status: int) -> None:
    """The exit status of a run that came to no end of its own; else as :func:`judge` finds."""
    if status:
        how = "interrupted" if status == INTERRUPTED else "given up"
        print_error(f"{how} at {done.summary['simulated_seconds']:g} s of simulated time")
        raise click.exceptions.Exit(status)
    judge(topology, done)


@contextmanager
def trace_folder(out: str | None, wanted: bool) -> Iterator[Path | None]:
    """Where a trace goes that is too long for the memory: to the artefacts, or for a while."""
    if out is not None:
        yield Path(out) / "trace.parquet"
    elif wanted:
        from tempfile import TemporaryDirectory

        with TemporaryDirectory(prefix="smtp-lab-") as folder:
            yield Path(folder) / "trace.parquet"
    else:
        yield None


def judge(topology: str, done: Run) -> None:
    """Exit status 1, with the reasons, where a rule was broken or an [expect] did not come true.

    Of a run that was stopped before its end nothing is expected.
    """
    wrong = [str(breach) for breach in done.breaches] + (done.unmet() if done.is_settled else [])
    for sentence in wrong:
        print_error(f"{topology}: {sentence}")
    about = next((one.message for one in done.breaches if one.message is not None), None)
    if about is not None:
        if done.trace.level == "wire":
            print_error(f"what became of message {about}:")
            for sentence in done.story(about):
                click.echo(f"  {sentence}", err=True)
        else:
            print_error(
                f"run it with --trace wire --out DIR to read what became of message {about}"
            )
    if wrong:
        raise click.exceptions.Exit(FAILED)


def finish(breaches: list[str], interrupted: bool) -> None:
    """Exit status 1 with the reasons, where a rule was broken; 130 where it was interrupted."""
    for sentence in breaches[:20]:
        print_error(sentence)
    if len(breaches) > 20:
        print_error(f"... and {len(breaches) - 20} more")
    if interrupted:
        print_error("interrupted; the figures are of what was done until then")
        raise click.exceptions.Exit(INTERRUPTED)
    if breaches:
        raise click.exceptions.Exit(FAILED)


def need(*modules: str) -> None:
    """Exit status 2 with the way out, where what the lessons want is not installed."""
    from importlib.util import find_spec

    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        print_error(
            f"this wants {', '.join(missing)}, which is not installed; "
            "run: pip install 'smtp-lab[lessons]', or in a clone: pip install -e '.[lessons]'"
        )
        raise click.exceptions.Exit(UNUSABLE)
