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

WIDTH_OF_NO_TERMINAL = 1000
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


the_seed = click.option("--seed", default=0, show_default=True, help="What every draw comes from.")
the_sets = click.option(
    "--set", "sets", metavar="KEY=VALUE", multiple=True,
    help="Override a value of the file, as in link.0.latency='1 s'; may be repeated.",
)  # fmt: skip
the_level = click.option(
    "--trace", "level", type=click.Choice(["wire", "session", "delivery", "none"]), default="wire",
    show_default=True, help="How much is recorded.",
)  # fmt: skip
the_topology = click.argument("topology", type=click.Path())


def forget_output() -> None:
    """Let what is printed from here on, and what is buffered, go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def a_reader_may_leave() -> Iterator[None]:
    """Go on without printing where whoever reads our output has read enough (``| head -1``)."""
    try:
        yield
    except BrokenPipeError:
        forget_output()


def complain(sentence: str) -> None:
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
            complain(problem)
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
def heeding(answer: Callable[..., None], *numbers: int) -> Iterator[None]:
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
def at_work(what: str) -> Iterator[Callable[[str], None]]:
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
    console.width = WIDTH_OF_NO_TERMINAL
    with console.capture() as captured:
        console.print(what)
    click.echo("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()), nl=False)


def make_directory(out: str) -> None:
    """See to it before a long run that its artefacts will have a place."""
    try:
        Path(out).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        complain(f"{out}: no directory can be made there ({error.strerror or error})")
        raise click.exceptions.Exit(UNUSABLE) from None
    if not os.access(out, os.W_OK | os.X_OK):
        complain(f"{out}: this directory may not be written to; write the name of another")
        raise click.exceptions.Exit(UNUSABLE)


def leave(done: Run, out: str) -> str:
    """Write the artefacts: a sentence about them, or "" where not all could be written."""
    from lab.api.run import ARTEFACTS, WANTING
    from lab.views import lacking

    try:
        with at_work(f"writing to {out}") as tell:
            paths = done.save(out, lambda name: tell(f"writing {name} to {out}"))
    except OSError as error:
        where = error.filename2 or error.filename or out
        whole = ", ".join(name for name in ARTEFACTS if (Path(out) / name).exists())
        complain(
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
        complain(f"interrupted before all artefacts were written; left in {out}: {left}")
    except OSError as error:
        complain(f"{error.filename or out}: interrupted, and {error.strerror or error}")


def draw(trace: Trace, kind: str, path: Path, **options: Any) -> None:
    """Draw a picture into a file, or say in one sentence why not."""
    from lab import views

    if why := views.lacking(trace, kind):
        complain(f"{path}: not drawn, for {why}")
        raise click.exceptions.Exit(UNUSABLE)
    try:
        with at_work(f"drawing the {kind}"):
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
    complain(f"{path}: the picture could not be drawn ({why})")
    raise click.exceptions.Exit(UNUSABLE)


def read(path: str) -> Trace:
    """The trace of a trace.jsonl or trace.parquet; or what is wrong, and exit status 2."""
    from lab.trace.trace import open_trace

    try:
        with at_work(f"reading {path}"):
            trace = open_trace(path)
    except OSError as error:
        complain(f"{path}: {error.strerror or error}")
        raise click.exceptions.Exit(UNUSABLE) from None
    except ValueError as error:
        complain(str(error))
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
        for first, last in trace.missing[:_GAPS_TOLD]
    ]
    more = len(trace.missing) - len(some)
    which = ", ".join(some) + (f" and {more:,} more stretches" if more else "")
    return (
        f"{count:,} event{'s are' if count > 1 else ' is'} missing from the trace, seq {which}; "
        "what follows is without what they told"
    )


_GAPS_TOLD = 6
