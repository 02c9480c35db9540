"""Go on with a run from where it stopped, as often as wanted, without running it again.

The state of the run is kept: its simulation, which cannot be copied within a process, as it is full
of functions that refer to it. The first time that a run goes on, its own simulation does. Before
that, a copy of the process (a fork) is put aside; it holds the state as it was, and makes a copy of
itself for each further branch. Such a process is idle, shares its memory with this one, and ends
with the run that it belongs to. Where processes cannot be copied (on Windows), a further branch is
made again from the beginning.
"""

from __future__ import annotations

import marshal
import os
import pickle
import signal
import socket
import sys
import traceback
import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lab.api.progress import Progress, check_progress, shown
from lab.api.run import Paused, Run, RunFailed
from lab.api.run_file import Leg
from lab.quantities import clock_time
from lab.runtime import arguments
from lab.runtime.plugins import PluginFailed
from lab.runtime.signals import interruptible, not_ignored
from lab.simulation.limits import UNLIMITED, Limits
from lab.simulation.plugins import NONE, Plugins
from lab.simulation.simulation import Simulation
from lab.topology.model import FaultSpec, Topology
from lab.trace.rows import Row
from lab.trace.trace import Trace

if TYPE_CHECKING:  # what a run that does not go on need not import
    from multiprocessing.connection import Connection

SOME_ROWS: Final = 20_000
"""Events that a branch sends at a time."""


class Onwards(NamedTuple):
    """How a run goes on: its topology with all faults, and which of them are added now."""

    topology: Topology
    added: tuple[FaultSpec, ...]
    until: float | None
    limits: Limits
    legs: tuple[Leg, ...]


def advance(
    simulation: Simulation,
    until: float | None,
    progress: Progress | None,
    limits: Limits,
    signals: Sequence[int],
) -> tuple[str, bool]:
    """Go on with a simulation; return why it ended, and whether it could go on from there.

    The first of ``signals`` ends it after the present instant, between two events. A second one
    ends it at once, and nothing can go on from there.
    """
    in_order = False

    def interrupt(_: object) -> None:
        nonlocal in_order
        in_order = True
        raise KeyboardInterrupt

    try:
        # the last of this instant, so that the trace ends between two events
        with interruptible(lambda: simulation.at(simulation.env.now, interrupt, None), *signals):
            return simulation.advance(until, progress, limits), True
    except KeyboardInterrupt:
        return "interrupted", in_order


def has_more(reason: str, can_go_on: bool) -> bool:
    """Return whether a run that stopped for a reason has more to do, and can do it."""
    return can_go_on and reason != "settled"


def made(
    simulation: Simulation,
    topology: Topology,
    until: float | None,
    progress: Progress | None,
    limits: Limits,
    signals: Sequence[int],
    legs: Sequence[Leg] = (),
) -> Run:
    """Go on with a simulation; return the run so far, which can go on from there.

    Raises RunFailed if code of a user fails.
    """
    with failing(simulation, topology, legs):
        reason, can_go_on = advance(simulation, until, progress, limits, signals)
        return kept(simulation, topology, reason, can_go_on, legs)


def kept(
    simulation: Simulation, topology: Topology, reason: str, can_go_on: bool, legs: Sequence[Leg]
) -> Run:
    """Return the run of a simulation that has stopped, from which it can go on."""
    plugins = simulation.world.plugins
    goes_on = has_more(reason, can_go_on)
    failed = reason == "failed"
    findings = {} if failed else simulation.findings_at_end(reason, goes_on=goes_on)
    trace = Trace([*simulation.trace.rows, simulation.last_row(reason)])
    if goes_on:
        state: State | None = Here(simulation)
    else:
        simulation.close()
        state = Settled() if can_go_on else None
    return Run(topology, trace, None, findings, plugins, state, tuple(legs))


@contextmanager
def failing(simulation: Simulation, topology: Topology, legs: Sequence[Leg]) -> Iterator[None]:
    """Raise RunFailed, with the run so far, if code of a user fails."""
    try:
        yield
    except PluginFailed as why:
        run = kept(simulation, topology, "failed", False, legs)
        raise RunFailed(str(why), run) from why.__cause__


class State(Paused):
    """What a run that was made here goes on from."""

    def go_on(
        self,
        run: Run,
        until: float | str | None,
        faults: Sequence[FaultSpec],
        max_events: int | None,
        max_seconds: float | str | None,
        progress: Progress | bool | None,
    ) -> Run:
        """Check what the user gives, and go on."""
        seconds = arguments.seconds("until", until)
        limits = limits_of(max_events, max_seconds)
        check_progress(progress, "the number of messages so far")
        onwards = onwards_of(run, seconds, faults, limits)
        with shown(progress, run.topology.messages) as bar:
            return self.branch(run, onwards, bar, not_ignored())

    @abstractmethod
    def branch(
        self, run: Run, onwards: Onwards, progress: Progress | None, signals: Sequence[int]
    ) -> Run:
        """Return the run that goes on."""


class Settled(State):
    """The state of a run that has nothing left to do: it goes on to the same end."""

    def branch(
        self, run: Run, onwards: Onwards, progress: Progress | None, signals: Sequence[int]
    ) -> Run:
        """Return the same run, of the topology with more faults: none of them happens."""
        return replace(run, topology=onwards.topology, legs=onwards.legs)


class Here(State):
    """The state of a run in this process, until it goes on; and then what makes further branches.

    ``simulation`` is at the end of the run. It is closed when the run is not needed any more.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation: Simulation | None = simulation
        self._plugins = simulation.world.plugins
        self._branches: Branches | None = None

    def __reduce__(self) -> Any:
        return Gone, (self._plugins,)

    def __del__(self, at_exit: Callable[[], bool] = sys.is_finalizing) -> None:
        # the names of this module may be gone by then, and a default is not
        if self._simulation is not None and not at_exit():
            self._simulation.close()

    def branch(
        self, run: Run, onwards: Onwards, progress: Progress | None, signals: Sequence[int]
    ) -> Run:
        """Go on with the simulation itself the first time, and with a copy of it later."""
        simulation, self._simulation = self._simulation, None
        if simulation is not None:
            self._branches = put_aside(simulation)
        elif self._branches is not None:
            return self._branches.branch(run, onwards, progress, signals)
        else:
            simulation = again(run, self._plugins)
        simulation.add_faults(onwards.added)
        return made(
            simulation, onwards.topology, onwards.until, progress, onwards.limits, signals,
            onwards.legs,
        )  # fmt: skip


class Gone(State):
    """The state of a run that has been written to a file, or sent to another process."""

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins

    def branch(
        self, run: Run, onwards: Onwards, progress: Progress | None, signals: Sequence[int]
    ) -> Run:
        """Make the run again, and go on from there."""
        return Here(again(run, self._plugins)).branch(run, onwards, progress, signals)


def again(run: Run, plugins: Plugins) -> Simulation:
    """Return the simulation of a run, made again up to the end of the run."""
    seed = int(run.trace.meta.get("seed", 0))
    simulation = with_legs(run.topology, seed, run.legs, plugins)
    if run.ending == "until":
        simulation.advance(run.trace.last)
    else:
        simulation.advance(None, None, Limits(len(run.trace) - 1))
    return simulation


def with_legs(
    topology: Topology, seed: int, legs: Sequence[Leg], plugins: Plugins = NONE
) -> Simulation:
    """Return a simulation that has begun, and gone as far as the last time faults were added.

    Raises RunFailed if code of a user fails.
    """
    first = len(topology.faults) - sum(leg.faults for leg in legs)
    begun = replace(topology, faults=topology.faults[:first])
    simulation = Simulation(begun, seed, plugins=plugins, may_go_on=True)
    with failing(simulation, topology, legs):
        simulation.begin()
        for leg in legs:
            limits = UNLIMITED if leg.until is not None else Limits(leg.events)
            simulation.advance(leg.until, None, limits)
            simulation.add_faults(topology.faults[first : first + leg.faults])
            first += leg.faults
    return simulation


# -- branches in other processes -------------------------------------------------------------------


def put_aside(simulation: Simulation) -> Branches | None:
    """Have a copy of this process hold a simulation as it is; None where that is impossible."""
    if not hasattr(os, "fork") or sys.platform in ("emscripten", "wasi"):
        return None
    ours, theirs = socket.socketpair()

    def hold() -> None:
        os.closerange(3, theirs.fileno())
        os.closerange(theirs.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        make_branches(simulation, theirs)

    with theirs:
        try:
            in_a_copy(hold)
        except OSError:  # too many processes, or too little memory
            ours.close()
            return None
    return Branches(ours, simulation.world.plugins)


def in_a_copy(call: Callable[[], None]) -> None:
    """Call something in a copy of this process, which ends then and is nobody's to wait for."""
    with warnings.catch_warnings():
        # the copy has this thread alone, and does nothing but simulate
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        if not os.fork():
            call()
    finally:
        os._exit(0)


def make_branches(simulation: Simulation, requests: socket.socket) -> None:
    """Make a copy of this process for each socket that comes, until there are no more."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    while True:
        octets, descriptors, _, _ = socket.recv_fds(requests, 1, 1)
        if not octets:
            return
        with socket.socket(fileno=descriptors[0]) as channel:

            def branch(channel: socket.socket = channel) -> None:
                requests.close()
                make_branch(simulation, channel)

            in_a_copy(branch)


def make_branch(simulation: Simulation, channel: socket.socket) -> None:
    """Go on as asked, send what happens, and hold the state that this leads to."""
    from multiprocessing.connection import Connection

    connection = Connection(os.dup(channel.fileno()))
    try:
        onwards: Onwards = connection.recv()
        connection.send(os.getpid())
        before = len(simulation.trace.rows)
        simulation.add_faults(onwards.added)
        end = advance_branch(
            simulation, onwards, lambda messages: connection.send(("progress", messages))
        )
        rows = simulation.trace.growing
        for first in range(before, len(rows), SOME_ROWS):
            connection.send(("rows", marshal.dumps(rows[first : first + SOME_ROWS])))
        connection.send(("end", end))
    except Exception:
        connection.send(("failed", traceback.format_exc()))
        return
    if end.goes_on:
        make_branches(simulation, channel)


class BranchEnd(NamedTuple):
    """How a branch has ended: with which row, what its probes have found, and in which of their
    code it has failed.
    """

    reason: str
    can_go_on: bool
    last: bytes
    findings: bytes
    failure: str = ""

    @property
    def goes_on(self) -> bool:
        """Whether there is something left to do, and it can be done."""
        return has_more(self.reason, self.can_go_on)


def advance_branch(simulation: Simulation, onwards: Onwards, progress: Progress) -> BranchEnd:
    """Go on with a simulation in a process of its own; return how that ended."""
    failure, findings = "", b""
    try:
        reason, can_go_on = advance(
            simulation, onwards.until, progress, onwards.limits, (signal.SIGTERM,)
        )
        findings = pickled(simulation.findings_at_end(reason, goes_on=has_more(reason, can_go_on)))
    except PluginFailed as why:
        reason, can_go_on, failure = "failed", False, str(why)
    last = marshal.dumps(simulation.last_row(reason))
    return BranchEnd(reason, can_go_on, last, findings, failure)


def pickled(findings: dict[str, object]) -> bytes:
    """Return what probes have found as bytes; raises PluginFailed where that is impossible."""
    try:
        return pickle.dumps(findings)
    except Exception as why:
        raise PluginFailed(
            "what a probe found cannot be sent from the process of a branch "
            f"({type(why).__name__}: {why}); return plain data from result()"
        ) from None


class Branches(State):
    """The state of a run in another process, which makes a branch of it whenever it is asked."""

    def __init__(self, requests: socket.socket, plugins: Plugins) -> None:
        # a number, since a socket warns if it is collected before this
        self._requests = requests.detach()
        self._plugins = plugins

    def __reduce__(self) -> Any:
        return Gone, (self._plugins,)

    def __del__(self) -> None:
        os.close(self._requests)

    def branch(
        self, run: Run, onwards: Onwards, progress: Progress | None, signals: Sequence[int]
    ) -> Run:
        """Return the run that a new branch makes."""
        from multiprocessing.connection import Connection

        ours, theirs = socket.socketpair()
        try:
            with theirs, socket.socket(fileno=os.dup(self._requests)) as requests:
                socket.send_fds(requests, [b"+"], [theirs.fileno()])
            connection = Connection(os.dup(ours.fileno()))
            try:
                connection.send(onwards)
                rows, end = self._take(connection, progress, signals)
            finally:
                connection.close()
        except (OSError, EOFError) as why:
            ours.close()
            raise RunFailed(f"the process of this branch has ended ({why})", run) from None
        except BaseException:
            ours.close()
            raise
        trace = Trace([*run.trace.rows[:-1], *rows, marshal.loads(end.last)])
        if end.goes_on:
            state: State | None = Branches(ours, self._plugins)
        else:
            ours.close()
            state = Settled() if end.can_go_on else None
        findings = pickle.loads(end.findings) if end.findings else {}
        done = Run(onwards.topology, trace, None, findings, self._plugins, state, onwards.legs)
        if end.failure:
            raise RunFailed(end.failure, done)
        return done

    @staticmethod
    def _take(
        connection: Connection, progress: Progress | None, signals: Sequence[int]
    ) -> tuple[list[Row], BranchEnd]:
        """Take what a branch sends, to its end; an interruption is passed on to it."""
        process: int = connection.recv()

        def interrupt() -> None:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)

        rows: list[Row] = []
        with interruptible(interrupt, *signals):
            while True:
                kind, *content = connection.recv()
                if kind == "rows":
                    rows += marshal.loads(content[0])
                elif kind == "end":
                    return rows, content[0]
                elif kind == "failed":
                    raise pickle.UnpicklingError(content[0])
                elif progress is not None:
                    progress(content[0])


def limits_of(max_events: object, max_seconds: object) -> Limits:
    """Return limits that users give; raises TypeError or ValueError for what is none."""
    if max_events is not None:
        max_events = arguments.whole_number("max_events", max_events, 1, example=100_000)
    return Limits(max_events, arguments.seconds("max_seconds", max_seconds))


def onwards_of(
    run: Run, until: float | None, faults: Sequence[FaultSpec], limits: Limits
) -> Onwards:
    """Return how a run is to go on; raises ValueError or TopologyError for what is impossible."""
    now = run.trace.last
    if until is not None and until < now and not run.is_settled:
        raise ValueError(
            f"until must be {now:g} or more, where this run has stopped, not {until:g}"
        )
    if isinstance(faults, (list, tuple)):
        faults = [_from_now_on(fault, now) for fault in faults]
    topology = run.topology.with_faults(faults)
    first = len(run.topology.faults)
    added = tuple(topology.faults[first:])
    for place, fault in enumerate(added):
        _check(fault, place, now)
    legs = run.legs
    if added:
        stopped_at = now if run.ending == "until" else None
        legs = (*legs, Leg(stopped_at, len(run.trace) - 1, len(added)))
    return Onwards(topology, added, until, limits.started(), legs)


def _from_now_on(fault: Any, now: float) -> Any:
    """Return a fault with the present time, if it says in no way when it happens."""
    if not isinstance(fault, FaultSpec):
        return fault  # it is refused
    says_when = fault.at is not None or fault.rate or fault.when or fault.schedule or fault.line
    return fault if says_when else replace(fault, at=now)


def _check(fault: FaultSpec, place: int, now: float) -> None:
    """Raise ValueError for a fault that cannot be added to a run that has come to a time."""
    if fault.line is not None:
        raise ValueError(
            f"faults[{place}]: {fault.kind} cannot be added to a run that has begun; give it to "
            "lab.simulate"
        )
    if fault.at is not None and fault.at < now and not (fault.rate or fault.when):
        raise ValueError(
            f"faults[{place}].at must be {now:g} or more, because the run has come to "
            f"{clock_time(now)}, not {fault.at:g}"
        )
