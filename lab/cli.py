"""The command line: ``lab run``, ``check``, ``show``, ``talk``, ``plot``, ``bench``.

Exit status: 0 all well; 1 the run broke an [expect] or lost mail; 2 unusable arguments or file;
130 interrupted. No traceback reaches a user for bad input: one sentence a problem, on stderr.
Heavy imports are made where they are used, so that ``lab --help`` answers at once.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from rich.console import RenderableType

    from lab.api import Run
    from lab.network.topology import Topology
    from lab.simulation import Simulation
    from lab.trace import Trace

FAILED, UNUSABLE, INTERRUPTED = 1, 2, 130

WIDTH_OF_NO_TERMINAL = 1000
"""Columns that a table may take in a pipe or a file, where no line need be folded."""


class Duration(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on only
    """A time such as "90 s" or "2 h", in seconds."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Seconds."""
        from lab.network.units import parse_duration

        try:
            seconds = parse_duration(value)
        except ValueError as why:
            self.fail(str(why), param, ctx)
        if seconds < 0:
            self.fail(f"{value!r} is before the run begins; write 0 or more", param, ctx)
        return seconds


_seed = click.option("--seed", default=0, show_default=True, help="What every draw comes from.")
_sets = click.option(
    "--set", "sets", metavar="KEY=VALUE", multiple=True,
    help="Override a value of the file, as in link.0.latency='1 s'; may be repeated.",
)  # fmt: skip
_topology = click.argument("topology", type=click.Path())


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="smtp-lab", prog_name="lab")
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
    from lab.network.topology import TopologyError
    from lab.network.topology import load as load_topology

    try:
        topology = load_topology(path, sets=sets, seed=seed)
    except TopologyError as error:
        for problem in error.problems:
            complain(problem)
        raise click.exceptions.Exit(UNUSABLE) from None
    for note in topology.notes:
        click.echo(f"lab: note: {note}", err=True)
    return topology


@cli.command()
@_topology
@_seed
@_sets
@click.option("--until", type=Duration(), help="Stop then; default: when nothing is left to do.")
@click.option("--transcript", is_flag=True, help="Print every session, S: and R:.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
@click.option("--out", type=click.Path(file_okay=False), help="Leave the artefacts in a directory.")
@click.option("--quiet", is_flag=True, help="Print nothing but what is wrong.")
def run(
    topology: str,
    seed: int,
    sets: tuple[str, ...],
    until: float | None,
    transcript: bool,
    as_json: bool,
    out: str | None,
    quiet: bool,
) -> None:
    """Simulate TOPOLOGY and print what became of the mail."""
    described = load(topology, sets, seed)
    if out is not None:
        make_directory(out)
    done, interrupted = simulate(described, seed, until, quiet=quiet)
    # first of all, for a reader of our output may go away
    left = leave(done, out) if out is not None else None
    with a_reader_may_leave():
        if transcript and not as_json:
            for line in done.transcript_lines():
                click.echo(line)
            click.echo()
        if as_json:
            click.echo(json.dumps(done.summary))
        elif not quiet:
            from lab.views.table import summary_table

            say(summary_table(done.summary))
            if left:
                click.echo(left)
    if interrupted:
        complain(f"interrupted at {done.summary['simulated_seconds']:g} s of simulated time")
        raise click.exceptions.Exit(INTERRUPTED)
    judge(topology, done)
    if left == "":
        raise click.exceptions.Exit(UNUSABLE)


def judge(topology: str, done: Run) -> None:
    """Exit status 1, with the reasons, where a rule was broken or an [expect] did not come true.

    Of a run that was stopped before its end nothing is expected.
    """
    wrong = [str(breach) for breach in done.breaches] + (done.unmet() if done.is_settled else [])
    for sentence in wrong:
        complain(f"{topology}: {sentence}")
    about = next((one.message for one in done.breaches if one.message is not None), None)
    if about is not None:
        complain(f"what became of message {about}:")
        for sentence in done.story(about):
            click.echo(f"  {sentence}", err=True)
    if wrong:
        raise click.exceptions.Exit(FAILED)


def simulate(
    topology: Topology, seed: int, until: float | None, *, quiet: bool
) -> tuple[Run, bool]:
    """The run, and whether it was interrupted; what has run until then is kept."""
    from lab.api import Run
    from lab.simulation import Simulation

    simulation = Simulation(topology, seed)
    simulation.begin()
    total = len(topology.mail) + sum(one.count for one in topology.traffic)
    interrupted = False
    with progress_bar(total, quiet) as progress, interrupts_between_events(simulation):
        try:
            simulation.run(until, progress)
        except KeyboardInterrupt:
            simulation.stop("interrupted")
            interrupted = True
    return Run(topology, simulation.trace), interrupted


@contextmanager
def interrupts_between_events(simulation: Simulation) -> Iterator[None]:
    """Have Ctrl-C stop the run where the trace is whole: after the event that is going on.

    The second time it stops at once.
    """

    def stop(_: Any) -> None:
        raise KeyboardInterrupt

    def interrupt(*_: Any) -> None:
        signal.signal(signal.SIGINT, before)
        simulation.at(simulation.env.now, stop, None)

    try:
        before = signal.signal(signal.SIGINT, interrupt)
    except ValueError:  # not in the main thread, where no signal comes
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def progress_bar(total: int, quiet: bool) -> Iterator[Callable[[int], None] | None]:
    """A bar on stderr where that is a terminal and there is enough to do to be worth one."""
    if quiet or total < 500 or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), "messages", TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda done: bar.update(task, completed=done)


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
    try:
        paths = done.save(out)
    except OSError as error:
        where = error.filename2 or error.filename or out
        complain(f"{where}: the artefacts could not all be written ({error.strerror or error})")
        return ""
    return f"left in {out}: " + ", ".join(path.name for path in paths)


def draw(trace: Trace, kind: str, path: Path) -> None:
    """Draw a picture into a file, or say in one sentence why not."""
    from lab import views

    try:
        views.save(trace, kind, path)
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


@cli.command()
@click.argument("topologies", nargs=-1, required=True, type=click.Path(), metavar="TOPOLOGY...")
@_sets
@click.option("--quiet", is_flag=True, help="Print nothing but what is wrong.")
def check(topologies: tuple[str, ...], sets: tuple[str, ...], quiet: bool) -> None:
    """Validate files and run nothing; every problem of every file in one pass."""
    bad = 0
    for path in topologies:
        try:
            topology = load(path, sets)
        except click.exceptions.Exit:
            bad += 1
            continue
        if not quiet:
            click.echo(f"{path}: {count(topology)}")
    if bad:
        raise click.exceptions.Exit(UNUSABLE)


def count(topology: Topology) -> str:
    """What a topology holds, in a line."""
    mail = len(topology.mail) + sum(one.count for one in topology.traffic)
    parts = [
        (len(topology.hosts), "host"),
        (len(topology.links), "link"),
        (mail, "message"),
        (len(topology.scripts), "script"),
        (len(topology.polls), "poll"),
        (len(topology.faults), "fault"),
    ]
    return ", ".join(f"{n} {what}{'' if n == 1 else 's'}" for n, what in parts if n) + "; well"


@cli.command()
@_topology
@_seed
@_sets
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Picture file, .png or .svg.")
def show(topology: str, seed: int, sets: tuple[str, ...], output: str | None) -> None:
    """Draw the map of TOPOLOGY: hosts, relays, links, environments, and the ways of its mail."""
    described = load(topology, sets, seed)
    from lab.plan import planned
    from lab.views.listing import listing

    ways, trace = planned(described, seed)
    say(listing(described, ways))
    draw(trace, "map", Path(output or f"{Path(topology).stem}-map.png"))


@cli.command()
@_topology
@click.argument("host")
@_seed
@_sets
@click.option(
    "--environment", help="The environment that you call from; default: the host's first."
)
@click.option("--out", type=click.Path(file_okay=False), help="Leave the artefacts in a directory.")
def talk(
    topology: str,
    host: str,
    seed: int,
    sets: tuple[str, ...],
    environment: str | None,
    out: str | None,
) -> None:
    """Be the sender-SMTP: talk to HOST's receiver-SMTP on stdin and stdout.

    Lines end with CRLF; on a terminal, Enter gives one. Mail that HOST accepts goes on through the
    simulated network afterwards, and what became of it is told on stderr.
    """
    described = load(topology, sets, seed)
    from lab.talk import Conversation

    try:
        conversation = Conversation(described, host, seed, environment)
    except ValueError as why:
        complain(f"{topology}: {why}")
        raise click.exceptions.Exit(UNUSABLE) from None
    if out is not None:
        make_directory(out)
    conversation.hold()
    done = conversation.settle()
    for line in done.outcomes():
        click.echo(line, err=True)
    if out is not None and not leave(done.run, out):
        raise click.exceptions.Exit(UNUSABLE)


@cli.command()
@click.argument("trace", type=click.Path())
@click.argument("kind", type=click.Choice(["timeline", "map"]))
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Picture file, .png or .svg.")
def plot(trace: str, kind: str, output: str | None) -> None:
    """Draw a picture from the trace.jsonl that a run left."""
    draw(read(trace), kind, Path(output or f"{kind}.png"))


def read(path: str) -> Trace:
    """The trace of a trace.jsonl; or what is wrong with it, and exit status 2."""
    from lab.trace import Trace

    try:
        trace = Trace.read_jsonl(path)
        if trace.meta:
            return trace
        problem = f"{path}: no trace; it does not begin with the event that begins each run"
    except UnicodeDecodeError:
        problem = f"{path}: no text; a trace is the trace.jsonl that `lab run --out` writes"
    except OSError as error:
        problem = f"{path}: {error.strerror or error}"
    except ValueError as error:
        problem = str(error)
    complain(problem)
    raise click.exceptions.Exit(UNUSABLE)


@cli.command()
@click.option(
    "--sessions", type=click.IntRange(min=10), default=20000, show_default=True,
    help="Simulated sessions to time.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object.")
def bench(sessions: int, as_json: bool) -> None:
    """Measure the simulation beside real mail software, in one run; figures as ratios."""
    from lab.bench import measure, table

    figures = measure(sessions, lambda what: click.echo(f"lab bench: {what}", err=True))
    if as_json:
        click.echo(json.dumps(figures))
        return
    say(table(figures))
