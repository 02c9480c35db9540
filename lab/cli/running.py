"""``lab run`` and ``lab talk``: one run of a topology."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from lab.cli.common import (
    FAILED,
    INTERRUPTED,
    UNUSABLE,
    Duration,
    a_reader_may_leave,
    complain,
    heeding,
    leave,
    load,
    make_directory,
    progress_bar,
    say,
    the_level,
    the_seed,
    the_sets,
    the_topology,
)
from lab.runtime.gc_pause import gc_pause
from lab.trace.rows import END_REASON

if TYPE_CHECKING:
    from lab.api.run import Run
    from lab.simulation.partitioned.coordinator import Coordinator
    from lab.simulation.partitioned.planning import PartitionPlan
    from lab.simulation.simulation import Simulation
    from lab.topology.model import Topology
    from lab.trace.retention import Retention


@click.command()
@the_topology
@the_seed
@the_sets
@click.option("--until", type=Duration(), help="Stop then; default: when nothing is left to do.")
@click.option("--transcript", is_flag=True, help="Print every session, S: and R:.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
@click.option("--out", type=click.Path(file_okay=False), help="Leave the artefacts in a directory.")
@the_level
@click.option(
    "--processes", type=click.IntRange(min=1), default=1, show_default=True,
    help="Processes that share the hosts out; where that cannot pay, one, and a note why.",
)  # fmt: skip
@click.option("--quiet", is_flag=True, help="Print nothing but what is wrong.")
def run(
    topology: str,
    seed: int,
    sets: tuple[str, ...],
    until: float | None,
    transcript: bool,
    as_json: bool,
    out: str | None,
    level: str,
    processes: int,
    quiet: bool,
) -> None:
    """Simulate TOPOLOGY and print what became of the mail."""
    described = load(topology, sets, seed)
    if out is not None:
        make_directory(out)
    with a_place_for(out, transcript) as folder, gc_pause():
        from lab.trace.retention import Retention

        retention = Retention(level, folder)
        partition = share(described, processes) if processes > 1 else None
        if partition is None:
            done, interrupted = simulate(described, seed, until, retention, quiet=quiet)
            status = INTERRUPTED if interrupted else 0
        else:
            from lab.simulation.partitioned.coordinator import Coordinator

            whole = Coordinator.of(described, seed, until, partition, retention)
            done, status = gather(whole, quiet=quiet)
        written = tell(done, transcript, as_json, out, quiet)
        ended(topology, done, status)
    if not written:
        raise click.exceptions.Exit(UNUSABLE)


def tell(done: Run, transcript: bool, as_json: bool, out: str | None, quiet: bool) -> bool:
    """Leave the artefacts and print what was asked for; whether all could be written."""
    from lab.analysis.account import write_summary
    from lab.views import lacking

    # the artefacts first of all, for a reader of our output may go away
    left = leave(done, out) if out is not None else None
    why = lacking(done.trace, "transcript") if transcript and not as_json else ""
    with a_reader_may_leave():
        if why:
            complain(why)
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
        complain(f"{how} at {done.summary['simulated_seconds']:g} s of simulated time")
        raise click.exceptions.Exit(status)
    judge(topology, done)


@contextmanager
def a_place_for(out: str | None, wanted: bool) -> Iterator[Path | None]:
    """Where a trace goes that is too long for the memory: to the artefacts, or for a while."""
    if out is not None:
        yield Path(out) / "trace.parquet"
    elif wanted:
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
        complain(f"{topology}: {sentence}")
    about = next((one.message for one in done.breaches if one.message is not None), None)
    if about is not None:
        if done.trace.level == "wire":
            complain(f"what became of message {about}:")
            for sentence in done.story(about):
                click.echo(f"  {sentence}", err=True)
        else:
            complain(f"run it with --trace wire --out DIR to read what became of message {about}")
    if wrong:
        raise click.exceptions.Exit(FAILED)


def simulate(
    topology: Topology, seed: int, until: float | None, retention: Retention, *, quiet: bool
) -> tuple[Run, bool]:
    """The run, and whether it was interrupted; what has run until then is kept."""
    from lab.analysis.streaming import StreamingAnalysis
    from lab.api.run import Run, carry_out
    from lab.simulation.simulation import Simulation

    simulation = Simulation(topology, seed)
    ledger = StreamingAnalysis(simulation.trace, retention)
    simulation.begin()
    with progress_bar(topology.messages, quiet) as progress, interrupts_between_events(simulation):
        try:
            return carry_out(simulation, ledger, until, progress), False
        except KeyboardInterrupt:
            simulation.stop("interrupted")
    return Run(topology, ledger.close(), ledger), True


def share(topology: Topology, processes: int) -> PartitionPlan | None:
    """The hosts shared out over processes; None, and a note why, where one is to do it all."""
    from lab.simulation.partitioned.planning import shared_out

    partition = shared_out(topology, processes)
    if isinstance(partition, str):
        click.echo(f"lab: note: one process makes this run: {partition}", err=True)
        return None
    return partition


def gather(whole: Coordinator, *, quiet: bool) -> tuple[Run, int]:
    """The run of several processes, and the exit status if it was interrupted or has failed.

    What has run until then is kept.
    """
    from lab.api.run import Run
    from lab.simulation.partitioned.coordinator import WorkerLost

    with progress_bar(whole.topology.messages, quiet) as progress, interrupts_between(whole):
        try:
            trace = whole.run(progress)
        except WorkerLost as why:
            complain(str(why))
            return Run(whole.topology, whole.salvage(), whole), FAILED
        except KeyboardInterrupt:
            trace = whole.salvage()
    interrupted = trace.rows[-1][END_REASON] == "interrupted"
    return Run(whole.topology, trace, whole), INTERRUPTED if interrupted else 0


@contextmanager
def interrupts_between(whole: Coordinator) -> Iterator[None]:
    """Have Ctrl-C, or a request to end, stop all processes at one time of the run.

    The second time it stops at once.
    """
    before = signal.getsignal(signal.SIGINT)

    def interrupt(*_: Any) -> None:
        signal.signal(signal.SIGINT, before)
        whole.interrupt()

    with heeding(interrupt, signal.SIGINT, signal.SIGTERM):
        yield


@contextmanager
def interrupts_between_events(simulation: Simulation) -> Iterator[None]:
    """Have Ctrl-C, or a request to end, stop the run where the trace is whole.

    That is after the event that is going on; the second time it stops at once.
    """

    def stop(_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)

    def interrupt(*_: Any) -> None:
        signal.signal(signal.SIGINT, before)
        simulation.at(simulation.env.now, stop, None)

    with heeding(interrupt, signal.SIGINT, signal.SIGTERM):
        yield


@click.command()
@the_topology
@click.argument("host")
@the_seed
@the_sets
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
    from lab.api.conversation import Conversation

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
