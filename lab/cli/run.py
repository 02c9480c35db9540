"""``lab run``: simulate a topology."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from lab.cli.common import (
    FAILED,
    INTERRUPTED,
    UNUSABLE,
    artefacts_option,
    exit_with_status,
    handling_signals,
    level_option,
    load,
    make_directory,
    print_error,
    print_note,
    progress_bar,
    quiet_option,
    report_run,
    seed_option,
    set_option,
    summary_as_json_option,
    topology_argument,
    trace_folder,
    transcript_option,
    until_option,
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
@topology_argument
@seed_option
@set_option
@until_option
@transcript_option
@summary_as_json_option
@artefacts_option
@level_option
@click.option(
    "--processes", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
    help="Number of processes that share the hosts. If that would not be faster, one process is "
    "used, and a note says why.",
)  # fmt: skip
@quiet_option
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
    with trace_folder(out, transcript) as folder, gc_pause():
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
        written = report_run(done, transcript, as_json, out, quiet)
        exit_with_status(topology, done, status)
    if not written:
        raise click.exceptions.Exit(UNUSABLE)


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
        print_note(f"one process makes this run: {partition}")
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
            print_error(str(why))
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

    with handling_signals(interrupt, signal.SIGINT, signal.SIGTERM):
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

    with handling_signals(interrupt, signal.SIGINT, signal.SIGTERM):
        yield
