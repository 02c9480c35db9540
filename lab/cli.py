"""The command line: ``lab run``, ``check``, ``show``, ``talk``, ``plot``, ``bench``.

Exit status: 0 all well; 1 the run broke an [expect] or lost mail; 2 unusable arguments or file;
130 interrupted. No traceback reaches a user for bad input: one sentence a problem, on stderr.
Heavy imports are made where they are used, so that ``lab --help`` answers at once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from lab.api import Run
    from lab.network.topology import Topology

FAILED, UNUSABLE, INTERRUPTED = 1, 2, 130


class Duration(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on only
    """A time such as "90 s" or "2 h", in seconds."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Seconds."""
        from lab.network.units import parse_duration

        try:
            return parse_duration(value)
        except ValueError as why:
            self.fail(str(why), param, ctx)


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
    try:
        # the exit status of a click.exceptions.Exit comes back as the result
        status = cli.main(prog_name="lab", standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        complain("interrupted")
        status = INTERRUPTED
    except BrokenPipeError:
        # whoever read our output has read enough; the interpreter must not try to flush it again
        sys.stdout = open("/dev/null", "w")  # noqa: SIM115
        status = 0
    except OSError as error:
        complain(str(error))
        status = FAILED
    raise SystemExit(status)


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
    done, interrupted = simulate(described, seed, until, quiet=quiet)
    if transcript and not as_json:
        for line in done.transcript_lines():
            click.echo(line)
        click.echo()
    if as_json:
        click.echo(json.dumps(done.summary))
    elif not quiet:
        show_summary(done.summary)
    if out is not None:
        leave(done, out, quiet=quiet or as_json)
    if interrupted:
        complain(f"interrupted at {done.summary['simulated_seconds']:g} s of simulated time")
        raise click.exceptions.Exit(INTERRUPTED)
    judge(topology, done, until is None)


def judge(topology: str, done: Run, whole: bool) -> None:
    """Exit status 1, with the reasons, where mail was lost or an expectation did not come true."""
    wrong = done.unmet() if whole else []
    if done.summary["lost"]:
        wrong.append(
            f"{done.summary['lost']} recipients' mail was lost: an error of smtp-lab's own"
        )
    for sentence in wrong:
        complain(f"{topology}: {sentence}")
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
    with progress_bar(total, quiet) as progress:
        try:
            simulation.run(until, progress)
        except KeyboardInterrupt:
            simulation.stop("interrupted")
            interrupted = True
    return Run(topology, simulation.trace), interrupted


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


def show_summary(summary: dict[str, Any]) -> None:
    """Print the summary as tables."""
    from rich.console import Console

    from lab.views.table import summary_table

    Console().print(summary_table(summary))


def leave(done: Run, out: str, *, quiet: bool) -> None:
    """Write the artefacts, or say in one sentence why not and what there is."""
    try:
        paths = done.save(out)
    except OSError as error:
        complain(f"{out}: the artefacts could not all be written ({error.strerror or error})")
        raise click.exceptions.Exit(UNUSABLE) from None
    if not quiet:
        click.echo(f"left in {out}: " + ", ".join(path.name for path in paths))


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
    from rich.console import Console

    from lab import views
    from lab.plan import planned
    from lab.views.listing import listing

    ways, trace = planned(described, seed)
    Console().print(listing(described, ways))
    path = Path(output or f"{Path(topology).stem}-map.png")
    views.save(trace, "map", path)
    click.echo(f"drawn: {path}")


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
        complain(str(why))
        raise click.exceptions.Exit(UNUSABLE) from None
    conversation.hold()
    done = conversation.settle()
    for line in done.outcomes():
        click.echo(line, err=True)
    if out is not None:
        leave(done.run, out, quiet=True)


@cli.command()
@click.argument("trace", type=click.Path())
@click.argument("kind", type=click.Choice(["timeline", "map"]))
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Picture file, .png or .svg.")
def plot(trace: str, kind: str, output: str | None) -> None:
    """Draw a picture from the trace.jsonl that a run left."""
    from lab import views
    from lab.trace import Trace

    try:
        events = Trace.read_jsonl(trace)
    except (OSError, ValueError) as why:
        complain(f"{trace}: {getattr(why, 'strerror', None) or why}")
        raise click.exceptions.Exit(UNUSABLE) from None
    path = Path(output or f"{kind}.png")
    views.save(events, kind, path)
    click.echo(f"drawn: {path}")


@cli.command()
@click.option("--sessions", default=20000, show_default=True, help="Simulated sessions to time.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object.")
def bench(sessions: int, as_json: bool) -> None:
    """Measure the simulation beside real mail software, in one run; figures as ratios."""
    from lab.bench import measure, table

    figures = measure(sessions, lambda what: click.echo(f"lab bench: {what}", err=True))
    if as_json:
        click.echo(json.dumps(figures))
        return
    from rich.console import Console

    Console().print(table(figures))
