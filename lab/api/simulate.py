"""Make a run: what Python, the command line, sweeps and the stepper call for a simulated one.

:func:`make_run` decides how much of the run is recorded and where, on how many processes it is
made, and what is left when it is interrupted. :func:`simulate` is the same with the arguments that
users give.
"""

from __future__ import annotations

import math
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lab.analysis.streaming import StreamingAnalysis
from lab.api.continuing import limits_of, made, with_legs
from lab.api.progress import Progress, check_progress, shown
from lab.api.run import Interrupted, Run, RunFailed
from lab.api.run_file import Leg
from lab.extend.given import (
    GivenBehaviours,
    GivenFault,
    GivenProbe,
    GivenRetry,
    GivenRouting,
    check_hosts,
    given_plugins,
    parted_faults,
)
from lab.hosts.retry import Retry as OwnRetry
from lab.runtime import arguments
from lab.runtime.extras import required
from lab.runtime.plugins import PluginFailed
from lab.runtime.signals import interruptible, not_ignored
from lab.simulation.limits import UNLIMITED, Limits
from lab.simulation.plugins import NONE, Plugins, why_one_process
from lab.simulation.simulation import Simulation
from lab.topology.model import Topology
from lab.topology.model import load as load_topology
from lab.trace.levels import LEVELS
from lab.trace.retention import Retention
from lab.trace.rows import KIND

# imported when several processes are asked for: what a run in one process does not need
if TYPE_CHECKING:
    from lab.simulation.partitioned.coordinator import Coordinator
    from lab.simulation.partitioned.planning import OneProcess, PartitionPlan
    from lab.simulation.partitioned.ranks import Ranks

AGAIN: Final = 10.0
"""Seconds after an interruption in a notebook within which another one raises an exception."""


def load(path: str | os.PathLike[str], sets: Sequence[str] = (), seed: int = 0) -> Topology:
    """Return the topology that a file describes.

    ``sets`` are overrides such as ``"link.0.latency=1 s"``; ``seed`` is for ``[generate]``. Raises
    :class:`lab.TopologyError` with every problem of the file, a sentence each.
    """
    return load_topology(path, sets=sets, seed=seed)


def topology_of(topology: object, seed: int) -> Topology:
    """Return a topology, or that of a file, for a seed; raises TypeError for anything else."""
    if isinstance(topology, Topology):
        return topology.ready().with_seed(seed)
    expected = "a lab.Topology or the path of a topology file"
    return load(arguments.path("topology", topology, expected), seed=seed)


def simulate(
    topology: Topology | str | os.PathLike[str],
    seed: int = 0,
    until: float | str | None = None,
    progress: Progress | bool | None = None,
    faults: Sequence[GivenFault] = (),
    trace: str = "wire",
    store: str | os.PathLike[str] | None = None,
    processes: int = 1,
    max_events: int | None = None,
    max_seconds: float | str | None = None,
    *,
    routing: GivenRouting = None,
    retry: GivenRetry = None,
    behaviours: GivenBehaviours = (),
    probes: Sequence[GivenProbe] = (),
) -> Run:
    """Return a run of a topology, or of the file of that name, from a seed.

    The same topology and seed give the same trace, byte for byte. ``until`` is in simulated
    seconds, or a text such as "2 h"; without it the run ends when nothing is left to do.
    ``progress`` is called now and then with the number of messages so far; True shows a bar, False
    none, and by default one appears after two seconds on a terminal or in a notebook. ``faults``
    happen in addition to those of the file:
    ``lab.Fault("crash", host="USC-ISIE.ARPA", at=10.0, duration=60.0)``.

    ``trace`` is how much is recorded: "wire", "session", "delivery" or "none"; summary, digest and
    breaches are the same for each. ``store`` is a folder for a trace that is too long for memory:
    its events go there as Parquet files.

    ``processes``: the hosts are shared out among this many processes, with the same result. Where
    that is impossible or would take longer, one process makes the run and a warning says why.

    ``max_events`` and ``max_seconds`` cut off a run that goes on too long: after that many events
    of the trace, or after that many seconds by the clock on the wall (a number, or a text such as
    "5 min"). It ends in good order between two events, ``run.ending`` is "max-events" or
    "max-seconds", and the summary says so. A few more events than allowed may be recorded.

    ``routing``, ``retry``, ``behaviours`` (a list, or a mapping of hosts to them) and ``probes``
    are code of your own, derived from the classes of :mod:`lab.extend`, or the names of installed
    ones; so may be each of ``faults``. ``retry`` may also be a :class:`lab.Retry`. What a probe
    found is in ``run.probes``, by its name.

    Raises :class:`lab.TopologyError` for a file with problems. Ctrl-C raises
    :class:`lab.Interrupted`, and :class:`lab.RunFailed` says that a process ended too early or code
    of your own failed; the ``run`` of either is what happened until then. In a notebook or at
    Python's prompt, an interruption returns that run, with a warning; a second one within ten
    seconds raises :class:`lab.Interrupted` there too, so that a loop can be stopped.
    """
    seed = arguments.whole_number("seed", seed)
    until = arguments.seconds("until", until)
    arguments.one_of("trace", trace, LEVELS)
    check_progress(progress, "the number of messages so far")
    processes = arguments.whole_number("processes", processes, 1, example=2)
    limits = limits_of(max_events, max_seconds)
    retention = None
    if trace != "wire" or store is not None:
        folder = None if store is None else Path(arguments.path("store", store, "a folder"))
        if folder is not None:
            required("pyarrow", "a trace in a folder (store=) requires")
        retention = Retention(trace, folder)
    specs, own_faults = parted_faults(faults)
    plugins = given_plugins(routing, retry, behaviours, own_faults, probes)
    topology = topology_of(topology, seed).with_faults(specs)
    check_hosts(plugins, topology)
    try:
        with shown(progress, topology.messages) as bar:
            return make_run(
                topology, seed, until, retention, processes=processes, progress=bar, limits=limits,
                report=lambda sentence: warnings.warn(sentence, stacklevel=4), plugins=plugins,
                may_go_on=True,
            )  # fmt: skip
    except Interrupted as stopped:
        if not _returns():
            raise
        warnings.warn(
            f"{stopped}; the run is what happened until then. Interrupt again within "
            f"{AGAIN:.0f} seconds to stop a loop",
            stacklevel=2,
        )
        return stopped.run


def _returns() -> bool:
    """Return whether an interrupted run is returned: to somebody at a prompt, the first time."""
    at_prompt = hasattr(sys, "ps1")  # IPython sets it too, in kernels of notebooks as well
    last, _Interruption.last = _Interruption.last, time.monotonic()
    return at_prompt and _Interruption.last - last > AGAIN


class _Interruption:
    """When a run was interrupted last, in seconds of ``time.monotonic``."""

    last = -math.inf


def make_run(
    topology: Topology,
    seed: int = 0,
    until: float | None = None,
    retention: Retention | None = None,
    *,
    processes: int = 1,
    progress: Progress | None = None,
    limits: Limits = UNLIMITED,
    report: Callable[[str], None] = warnings.warn,
    signals: Sequence[int] | None = None,
    plugins: Plugins = NONE,
    may_go_on: bool = False,
    legs: Sequence[Leg] = (),
    ranks: Ranks | None = None,
) -> Run:
    """Return the run of a topology that has its seed and all its faults.

    ``retention`` keeps the rows that its level keeps, and the run is analysed while it goes on;
    None keeps all rows in memory, and they are analysed when somebody asks. ``report`` is called
    with the reason if several processes are asked for and one makes the run. ``limits`` cut the run
    off. ``plugins`` is the code of users that the run calls. ``may_go_on`` keeps the state of a run
    without retention, from which it can go on. ``legs`` are how a run came to its last
    faults, if it is made again. ``ranks`` of MPI share the hosts, in place of processes of this
    machine, wherever hosts can be parted.

    Each of ``signals`` (default: Ctrl-C, unless it is ignored) stops the run between two events, a
    second Ctrl-C at once. What happened until then is kept: raises :class:`Interrupted`, or
    :class:`RunFailed` if a process of the run ends too early or code of a user fails, with the run
    so far.
    """
    signals = not_ignored() if signals is None else signals
    limits = limits.started()
    processes = processes if ranks is None else ranks.size
    if legs:
        processes = 1
    if isinstance(plugins.retry, OwnRetry):
        topology = replace(topology, retry=plugins.retry)
        plugins = replace(plugins, retry=None)
    if processes > 1 and (why := _why_one_process(limits, plugins)):
        report(f"one process makes this run: {why}")
        processes = 1
    if processes > 1:
        from lab.simulation.partitioned.coordinator import Coordinator
        from lab.simulation.partitioned.planning import PartitionPlan, shared_out

        best = shared_out(topology, processes)
        if isinstance(best, PartitionPlan):
            plan: PartitionPlan | None = best
        else:
            plan = _although_slower(best, ranks, report)
        if plan is not None:
            retention = retention or Retention(in_memory=True)
            coordinator = Coordinator.of(
                topology, seed, until, plan, retention, limits, plugins, ranks
            )
            return _on_several_processes(coordinator, progress, signals)
    if may_go_on and retention is None:
        simulation = with_legs(topology, seed, legs, plugins)
        run = made(simulation, topology, until, progress, limits, signals, legs)
        if run.interrupted:
            raise Interrupted(run)
        return run
    if legs:
        simulation = with_legs(topology, seed, legs, plugins)
    else:
        simulation = Simulation(topology, seed, plugins=plugins)
    has_begun = bool(legs)
    return _on_one_process(simulation, until, retention, progress, limits, signals, has_begun)


def _although_slower(
    estimate: OneProcess, ranks: Ranks | None, report: Callable[[str], None]
) -> PartitionPlan | None:
    """Report why one process should make a run; return how its hosts are shared out all the same,
    among ranks, which have been started for this.
    """
    if ranks is None or estimate.slower is None:
        report(f"one process makes this run: {estimate.reason}")
        return None
    report(f"one process would be faster: {estimate.reason}")
    return estimate.slower


def _why_one_process(limits: Limits, plugins: Plugins) -> str:
    """Return why several processes cannot make a run; "" if they can, as far as this goes."""
    if limits.max_events is not None:
        return "a limit of events is counted in one process"
    return why_one_process(plugins)


def _on_one_process(
    simulation: Simulation,
    until: float | None,
    retention: Retention | None,
    progress: Progress | None,
    limits: Limits,
    signals: Sequence[int],
    has_begun: bool,
) -> Run:
    analysis = None if retention is None else StreamingAnalysis(simulation.trace, retention)

    def each(messages: int) -> None:
        if analysis is not None:
            analysis.take()
        if progress is not None:
            progress(messages)

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    def run_so_far() -> Run:
        trace = simulation.trace if analysis is None else analysis.close()
        return Run(simulation.topology, trace, analysis, findings, plugins)

    findings: dict[str, object] = {}
    plugins = simulation.world.plugins
    try:
        if not has_begun:
            simulation.begin()
        # the last of this instant, so that the trace ends between two events
        with interruptible(lambda: simulation.at(simulation.env.now, interrupt, None), *signals):
            looks = progress is not None or analysis is not None
            simulation.run(until, each if looks else None, limits)
        findings |= simulation.findings()
    except KeyboardInterrupt:
        simulation.stop("interrupted")
        with suppress(PluginFailed):
            findings |= simulation.findings()
        raise Interrupted(run_so_far()) from None
    except PluginFailed as why:
        if simulation.trace.rows[-1][KIND] != "end":
            simulation.stop("failed")
        raise RunFailed(str(why), run_so_far()) from why.__cause__
    done = run_so_far()
    simulation.close()
    return done


def _on_several_processes(
    coordinator: Coordinator, progress: Progress | None, signals: Sequence[int]
) -> Run:
    from lab.simulation.partitioned.coordinator import WorkerLost

    try:
        with interruptible(coordinator.interrupt, *signals):
            trace = coordinator.run(progress)
    except WorkerLost as why:
        trace = coordinator.salvage()
        raise RunFailed(str(why), Run(coordinator.topology, trace, coordinator)) from None
    except KeyboardInterrupt:
        trace = coordinator.salvage()
    done = Run(coordinator.topology, trace, coordinator)
    if done.ending == "interrupted":
        raise Interrupted(done)
    return done
