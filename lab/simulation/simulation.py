"""The simulated driver: a topology and a seed make a run, and the run makes a trace.

SimPy keeps the time. Everything is a callback on its clock: there is no process for each message
and no store for each channel. Whatever is drawn comes from a generator of its own, seeded by the
seed and by the name of what it is for, so that one purpose never disturbs another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from lab.hosts.control import HostControl
from lab.hosts.host import Host
from lab.hosts.port import HostPort
from lab.hosts.sending import QueueSender
from lab.hosts.sessions import sender_smtp
from lab.hosts.spool import Queue
from lab.network.channel import ChannelRoute, NoRoute
from lab.protocol import SenderSMTP
from lab.protocol.script import ScriptedSender
from lab.runtime.gc_pause import gc_pause
from lab.simulation.agenda import submission_of
from lab.simulation.any_session import AnySession
from lab.simulation.driver import Driver
from lab.simulation.faults import Faults
from lab.simulation.limits import LOOK, UNLIMITED, Limits
from lab.simulation.numbering import Numbering, RunNumbering
from lab.simulation.plugins import NONE, Plugins
from lab.simulation.plugins_running import RunningPlugins
from lab.simulation.reply_timeouts import ReplyTimeouts
from lab.simulation.schedule import Schedule
from lab.simulation.session import Session
from lab.simulation.world import World
from lab.topology.describe import describe
from lab.topology.model import FaultSpec, MailSpec, PollSpec, ScriptSpec, Topology
from lab.trace.closes import NO_PATH, unreachable
from lab.trace.rows import Row
from lab.trace.trace import Trace

INF: Final = math.inf


class _Port(HostPort):
    """The side of a simulation that its hosts see."""

    def __init__(self, simulation: Simulation) -> None:
        super().__init__(simulation.record)
        self._simulation = simulation

    def wake(self, host: str, queue: Queue, at: float) -> None:
        """Look at a queue of a host at a time in seconds: it then has mail to be tried."""
        self._simulation.wake(host, queue, at)

    def next_message(self, host: str, about: int | None = None) -> int:
        """Return the number of a message that first appears at a host."""
        return self._simulation.numbering.next_message(host, about)

    def later(self, host: str, seconds: float, call: Callable[[float], None]) -> None:
        """Call with the time after ``seconds``, unless the host has crashed meanwhile."""
        self._simulation.later(host, seconds, call)


class Simulation(Driver):
    """A topology set up to run in simulated time.

    ``run`` goes on until nothing is left to do, or ``until`` seconds. With ``may_go_on``,
    :meth:`advance` may be called several times, with more faults in between. Everything that
    happens is in ``trace``.
    """

    def __init__(
        self,
        topology: Topology,
        seed: int = 0,
        numbering: Numbering | None = None,
        plugins: Plugins | None = None,
        *,
        may_go_on: bool = False,
    ) -> None:
        plugins = NONE if plugins is None else plugins
        world = World(topology, seed, plugins)
        trace = Trace()
        described = describe(topology, seed)
        if plugins.described:
            described["plugins"] = list(plugins.described)
        trace.record((0.0, "start", "", None, None, None, described))
        self.faults = faults = Faults(topology.faults, bool(plugins.faults), may_grow=may_go_on)
        self.plugins = RunningPlugins(plugins, seed) if plugins else None
        record = faults.recorder(trace)
        if self.plugins is not None:
            record = self.plugins.recorder(record, trace)
        super().__init__(world, trace, record, numbering or RunNumbering(), faults.interceptions)
        faults.attach(self)
        port = _Port(self)
        self.hosts: dict[str, Host] = {}
        for settings in world.host_settings:
            self.hosts[settings.name] = world.make_host(settings, port)
        if self.plugins is not None:
            self.plugins.attach(self, self.hosts, faults)
        shortest = min([host.settings.timeouts.least for host in self.hosts.values()], default=INF)
        self.timeouts = ReplyTimeouts(
            self.env, self.watch_orders, self.sessions, world.ranks, shortest
        )
        self.schedule = Schedule(self, faults)
        self._pending = 0

    def host_control(self, name: str) -> HostControl:
        """Return a host, as faults see it."""
        return self.hosts[name]

    def register(self, session: AnySession) -> None:
        """Add a session to those that faults can cut, and watch its reply timeouts."""
        self.sessions[id(session)] = session
        if not self.timeouts.is_watching:
            self.timeouts.watch()

    # -- running --------------------------------------------------------------------------------

    def begin(self) -> None:
        """Put on the clock what the file has planned: faults, mail, traffic, scripts and polls."""
        self.faults.begin()  # first: a fault at the start affects the first mail too
        if self.plugins is not None:
            self.plugins.begin()
        self.schedule.begin()

    def run(
        self,
        until: float | None = None,
        progress: Callable[[int], None] | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Go on until nothing is left to do, until a time in seconds, or until a limit is reached.

        ``progress`` is called with the number of messages so far, now and then.
        """
        self.stop(self.advance(until, progress, limits))

    def advance(
        self,
        until: float | None = None,
        progress: Callable[[int], None] | None = None,
        limits: Limits | None = None,
    ) -> str:
        """Go on as :meth:`run` does; return why it ends, which is not recorded yet."""
        with gc_pause():
            reached = self._run(until, progress, UNLIMITED if limits is None else limits)
        if reached:
            return reached
        cut = until is not None and not self.is_idle
        return "until" if cut else "settled"

    def add_faults(self, faults: Sequence[FaultSpec]) -> None:
        """Let more faults happen, from now on."""
        self.faults.add(faults)

    def add_mail(self, mail: MailSpec) -> None:
        """Have a user hand in one more message, at its time, which has not come yet."""
        self.schedule.add(submission_of(self.topology, mail))

    def _run(
        self, until: float | None, progress: Callable[[int], None] | None, limits: Limits
    ) -> str:
        env, last, reached = self.env, INF if until is None else until, ""
        limited = limits.is_set
        if progress is not None or limited:
            while env.peek() < last and not reached:
                if limits.max_events is not None:
                    self._run_to_event(limits.max_events, last, exactly=bool(limits.ending))
                else:
                    env.run_some(LOOK if limited else 20_000, last)
                if progress is not None:
                    progress(self.numbering.messages)
                if limited and env.peek() < last:
                    reached = limits.reached(self.events)
        if limits.ending and not reached:
            reached = limits.reached(self.events)
        if not reached:
            env.run_before(last)
        return reached

    def _run_to_event(self, most: int, last: float, *, exactly: bool) -> None:
        """Make some steps of the clock, and none after the one that records the event of a number.

        What that one records after it is dropped if ``exactly`` so many events are asked for.
        """
        rows, here = self.trace.growing, most - self.trace.first_seq
        self.env.run_some_while_fewer(LOOK, last, rows, here)
        if exactly:
            del rows[max(here, 0) :]

    @property
    def events(self) -> int:
        """How many events have been recorded."""
        return self.trace.first_seq + len(self.trace.rows)

    def stop(self, reason: str) -> None:
        """Write the last record of the trace."""
        self.record(self.last_row(reason))

    def last_row(self, reason: str) -> Row:
        """Return the last record of a trace that ends now."""
        last = self.env.now if reason == "until" else self.trace.last
        return (last, "end", "", None, None, None, reason)

    def findings(self) -> dict[str, object]:
        """Return what the probes of the run have found, by their names."""
        return {} if self.plugins is None else self.plugins.results()

    def findings_at_end(self, reason: str, *, goes_on: bool) -> dict[str, object]:
        """Return what the probes have found in a run that ends now for a reason.

        They see its last row. If the run goes on, copies of them do.
        """
        if self.plugins is None:
            return {}
        last = self.last_row(reason)
        if goes_on:
            return self.plugins.results_so_far(last, self.events)
        self.plugins.show(last, self.events)
        return self.plugins.results()

    def close(self) -> None:
        """Let go of everything, when the run is over for good.

        A simulation and its hosts refer to each other: without this, they would stay in memory
        until Python looks for such cycles.
        """
        self.env.stop()
        for session in [*self.sessions.values()]:
            session.discard()
        self.sessions.clear()
        self.hosts.clear()
        self.schedule.close()
        self.faults.close()
        if self.plugins is not None:
            self.plugins.close()

    @property
    def is_idle(self) -> bool:
        """Whether no mail is on its way anywhere, and none is to come."""
        return self.has_nothing_to_do()

    def has_nothing_to_do(self) -> bool:
        """Return whether no mail is on its way at the hosts that are here, and none is to come."""
        if self._pending or self.sessions or not self.schedule.is_over:
            return False
        is_at_work = self.faults.is_at_work
        return not any(map(is_at_work, self.hosts.values()))

    def later(self, host: str, seconds: float, call: Callable[[float], None]) -> None:
        """Call with the time after ``seconds``, unless the host has crashed meanwhile."""
        condition = self.hosts[host].faults
        life = condition.lives

        def done(_: Any) -> None:
            self._pending -= 1
            if condition.lives == life:
                call(self.env.now)

        self._pending += 1
        self.at(self.env.now + seconds, done, None, self.world.sequencers[host])

    # -- sessions -------------------------------------------------------------------------------

    def wake(self, host: str, queue: Queue, at: float) -> None:
        """Look at a queue of a host at a time in seconds: it then has mail to be tried."""
        if at <= self.env.now:
            self._start(self.hosts[host], queue)
        else:
            self.at(at, self._woken, (self.hosts[host], queue, at), self.world.sequencers[host])

    def _woken(self, value: tuple[Host, Queue, float]) -> None:
        host, queue, at = value
        if queue.wake_at == at:
            self._start(host, queue)

    def _start(self, host: Host, queue: Queue) -> None:
        """Open channels for a queue, as many as it may have and has mail to try on now."""
        queue.wake_at = None
        now = self.env.now
        if host.faults.down:
            return
        if not queue.wants_session(now):
            host.schedule_retry(now, queue)
            return
        for _ in range(queue.channels):
            self._call(host, queue)
            if not queue.wants_session(now):
                return

    def _call(self, host: Host, queue: Queue, *, turn: bool = False) -> None:
        now = self.env.now
        row = (now, "attempt", host.name, queue.host, None, None)
        self.record((*row, queue.environment, queue.failures + 1))
        route = self.faults.route_now(host.name, queue.host, queue.environment)
        if isinstance(route, NoRoute):
            reason = route.reason
            self.record((now, "unreachable", host.name, queue.host, None, None, reason))
            cut_off = not self.hosts[queue.host].faults.down
            host.defer_all(now, queue, unreachable(queue.host, reason), cut_off=cut_off)
            host.schedule_retry(now, queue)
            return
        sender, queue_sender = sender_smtp(host, queue, turn=turn)
        self.new_session(host, self.hosts[queue.host], route, sender, queue_sender).open()

    def poll(self, poll: PollSpec) -> None:
        """Call a host, and ask it to change roles when there is nothing more to send it."""
        host, peer = self.hosts[poll.sender], self.hosts[poll.to]
        neighbour = self.world.routes.neighbours_of(host.name).get(peer.name)
        if neighbour is None or host.faults.down:
            return
        queue = host.spool.queue(peer.name, neighbour.environment)
        if queue.sessions:
            queue.polled = True
        else:
            queue.not_before = self.env.now
            self._call(host, queue, turn=True)

    def new_session(
        self,
        host: Host,
        peer: Host,
        route: ChannelRoute,
        sender: SenderSMTP | ScriptedSender,
        queue_sender: QueueSender | None,
    ) -> Session:
        """Return a new session, not open yet, in which a host sends to a peer.

        A derived class may put the peer's end into another process.
        """
        return Session(self, host, peer, route, sender, queue_sender)

    def run_script(self, script: ScriptSpec) -> None:
        """Open a session in which a host sends the lines of a script, whatever the replies."""
        now = self.env.now
        host, peer = self.hosts[script.sender], self.hosts[script.to]
        neighbour = self.world.routes.neighbours_of(host.name).get(peer.name)
        if neighbour is None:
            row = (now, "unreachable", host.name, peer.name, None, None)
            self.record((*row, NO_PATH))
            return
        self.record((now, "attempt", host.name, peer.name, None, None, neighbour.environment, 1))
        route = self.faults.route_now(host.name, peer.name, neighbour.environment)
        if isinstance(route, NoRoute):
            self.record((now, "unreachable", host.name, peer.name, None, None, route.reason))
            return
        self.new_session(host, peer, route, ScriptedSender(script.lines), None).open()


def simulate(
    topology: Topology,
    seed: int = 0,
    until: float | None = None,
    progress: Callable[[int], None] | None = None,
) -> Trace:
    """The trace of a run of a topology from a seed (seconds; None: until all is settled)."""
    simulation = Simulation(topology, seed)
    simulation.begin()
    simulation.run(until, progress)
    trace = simulation.trace
    simulation.close()
    return trace
