"""The simulated driver: a topology and a seed make a run, and the run makes a trace.

SimPy keeps the time. Everything is a callback on its clock: no process a message, no store a
channel. Whatever is drawn comes from a generator of its own, seeded by the seed and by the
name of what it is for, so that one purpose never disturbs another.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from lab.hosts.host import Host
from lab.hosts.port import HostPort
from lab.hosts.sending import QueueSender
from lab.hosts.spool import Queue
from lab.network.channel import ChannelRoute
from lab.network.clock import Clock
from lab.network.events import CALLS, MAIL, WATCHES, Sequencer, Timer, sequencer
from lab.protocol import SenderSMTP, Transaction
from lab.protocol.script import ScriptedSender
from lab.runtime.gc_pause import gc_pause
from lab.simulation.agenda import Submission, submissions
from lab.simulation.any_session import AnySession
from lab.simulation.driver import Driver
from lab.simulation.faults import Faults
from lab.simulation.interception import Interceptions
from lab.simulation.numbering import Numbering, RunNumbering
from lab.simulation.reply_timeouts import ReplyTimeouts
from lab.simulation.session import Session
from lab.simulation.world import World
from lab.topology.describe import describe
from lab.topology.model import PollSpec, ScriptSpec, Topology
from lab.trace.trace import Trace


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
        return self._simulation.next_message(host, about)

    def later(self, host: str, seconds: float, call: Callable[[float], None]) -> None:
        """Call with the time after so many seconds, unless the host has crashed meanwhile."""
        self._simulation.later(host, seconds, call)


class Simulation(Driver):
    """A topology set up to run in simulated time.

    ``run`` goes on until nothing is left to do, or ``until`` seconds; it may be called again to go
    further. Everything that happens is in ``trace``.
    """

    def __init__(
        self, topology: Topology, seed: int = 0, numbering: Numbering | None = None
    ) -> None:
        self.topology = topology
        self.seed = seed
        self.trace = Trace()
        super().__init__(Clock(), self.trace.record, Interceptions(topology.faults))
        self.record((0.0, "start", "", None, None, None, describe(topology, seed)))
        self.world = world = World(topology, seed)
        self.links = world.links
        self.routes = world.routes
        self.ranks = world.ranks
        self._mail_orders = sequencer(MAIL)
        self._call_orders = sequencer(CALLS)
        self._watch_orders = sequencer(WATCHES)
        self.faults = Faults(self, topology.faults)
        self.sessions: dict[int, AnySession] = {}
        self.numbering = numbering or RunNumbering()
        port = _Port(self)
        self.hosts: dict[str, Host] = {}
        for spec in world.host_settings:
            self.hosts[spec.name] = world.make_host(spec, port)
        timeouts = [host.settings.timeouts.least for host in self.hosts.values()]
        self.timeouts = ReplyTimeouts(
            self.env, self._watch_orders, self.sessions, self.ranks, min(timeouts, default=math.inf)
        )
        self._scenario = submissions(topology, seed, self.routes, self.is_here)
        self._due = sum(self.is_here(script.sender) for script in topology.scripts)
        self._due += sum(poll.times for poll in topology.polls if self.is_here(poll.sender))
        self._exhausted = False

    def is_here(self, host: str) -> bool:
        """Whether what happens at a host (or, for "", at none) is this simulation's affair."""
        return True

    def channels(self) -> list[AnySession]:
        """Return the sessions that a fault can cut: host by host, as they began."""
        return sorted(self.sessions.values(), key=lambda one: self.ranks[one.sender_host])

    def register(self, session: AnySession) -> None:
        """Add a session to those that faults can cut, and watch its reply timeouts."""
        self.sessions[id(session)] = session
        if not self.timeouts.is_watching:
            self.timeouts.watch()

    def unregister(self, session: AnySession) -> None:
        """Remove a session, as its sender-SMTP's end is closed."""
        self.sessions.pop(id(session), None)

    # -- numbers --------------------------------------------------------------------------------

    def next_session(self, host: str = "") -> int:
        """Return the number of a session that a host opens."""
        return self.numbering.next_session(host)

    def next_message(self, host: str = "", about: int | None = None) -> int:
        """Return the number of a message that first appears at a host.

        ``about``: the message that a notification reports on.
        """
        return self.numbering.next_message(host, about)

    def foreign(self, host: Host, transaction: Transaction) -> tuple[int, list[str]]:
        """Enter mail that comes from outside the scenario as submitted where it is accepted."""
        number = self.next_message(host.name)
        texts = tuple(path.bare for path in transaction.forward_paths)
        row = (self.env.now, "submit", host.name, None, None, number)
        path = transaction.reverse_path.bare
        self.record((*row, path, texts, transaction.verb, len(transaction.mail_data)))
        return number, [str(n) for n in range(1, len(texts) + 1)]

    # -- running --------------------------------------------------------------------------------

    def begin(self) -> None:
        """Put the scenario on the clock: mail, traffic and scripts."""
        self.faults.begin()  # first: what is wrong from the start is wrong for the first mail
        self._arrange_next()
        for script in self.topology.scripts:
            if self.is_here(script.sender):
                self.at(script.at, self._run_script, script, self._call_orders)
        for poll in self.topology.polls:
            for number in range(poll.times if self.is_here(poll.sender) else 0):
                at = poll.at + number * (poll.every or 0.0)
                self.at(at, self._poll, poll, self._call_orders)

    def run(
        self, until: float | None = None, progress: Callable[[int], None] | None = None
    ) -> None:
        """Go on until nothing is left to do, or until a time in seconds.

        ``progress`` is called with the number of messages so far, every so many events.
        """
        with gc_pause():
            self._run(until, progress)
        cut = until is not None and not self.is_idle
        self.stop("until" if cut else "settled")

    def _run(self, until: float | None, progress: Callable[[int], None] | None) -> None:
        env = self.env
        if progress is not None:
            last = math.inf if until is None else until
            while env.peek() < last:
                env.run_some(20_000, last)
                progress(self.numbering.messages)
        if until is None:
            env.run_out()
        elif until > env.now:
            env.run(until=until)

    def stop(self, reason: str) -> None:
        """Write the last record of the trace."""
        last = self.env.now if reason == "until" else self.trace.last
        self.record((last, "end", "", None, None, None, reason))

    def close(self) -> None:
        """Let go of everything, when the run is over for good.

        A simulation and its hosts refer to each other: else they would lie about until Python looks
        for such cycles.
        """
        self.env.stop()
        for session in [*self.sessions.values()]:
            session.discard()
        self.sessions.clear()
        self.interceptions = Interceptions(())
        self.hosts.clear()
        self._scenario = iter(())
        self.faults.__dict__.clear()

    @property
    def is_idle(self) -> bool:
        """Whether no mail is anywhere on its way, and none is to come."""
        return self._has_nothing_to_do()

    def _has_nothing_to_do(self) -> bool:
        waiting = self._due or not self._exhausted or self.sessions
        return not waiting and not any(self._has_work(host) for host in self.hosts.values())

    def _has_work(self, host: Host) -> bool:
        """Whether a host will do something of itself; mail that it holds for others to fetch is
        none, nor is what lies on a host that is down for good.
        """
        if host.unstored:
            return True
        queues = [queue for queue in host.spool.queues.values() if queue.entries]
        if host.faults.down:
            return bool(queues) and self.faults.mending > 0
        return any(queue.wake_at is not None for queue in queues)

    def later(self, host: str, seconds: float, call: Callable[[float], None]) -> None:
        """Call with the time after so many seconds, unless the host has crashed meanwhile."""
        condition = self.hosts[host].faults
        life = condition.lives

        def done(_: Any) -> None:
            self._due -= 1
            if condition.lives == life:
                call(self.env.now)

        self._due += 1
        self.at(self.env.now + seconds, done, None, self.world.sequencers[host])

    def at(
        self,
        at: float,
        call: Callable[[Any], None],
        value: Any,
        next_order: Sequencer | None = None,
    ) -> None:
        """Have something done at a time in seconds, or now if that is past.

        ``next_order`` is the sequencer of its source; without one it comes last in its instant.
        """
        Timer(self.env, at, call, value, (next_order or self._watch_orders)())

    def _arrange_next(self) -> None:
        for submission in self._scenario:
            place = self._mail_orders()
            if self.is_here(submission.host):
                Timer(self.env, submission.at, self._submit, submission, place)
                return
        self._exhausted = True

    def _submit(self, submission: Submission) -> None:
        host = self.hosts[submission.host]
        if host.faults.down:
            # nobody can hand mail to a host that does not run; the user does so when it does
            self.faults.when_up(host, lambda: self._hand_over(host, submission))
        else:
            self._hand_over(host, submission)
        self._arrange_next()

    def _hand_over(self, host: Host, submission: Submission) -> None:
        now = self.env.now
        octets = submission.mail_data(self.world.calendar.daytime(now))
        number = self.next_message(host.name)
        host.submit(now, number, submission.sender, submission.to, octets, submission.verb)

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
        """Open a channel for a queue, if it has mail to try now."""
        queue.wake_at = None
        now = self.env.now
        if host.faults.down:
            return
        if queue.session or queue.ready(now) is None:
            host.schedule_retry(now, queue)
            return
        self._call(host, queue)

    def _call(self, host: Host, queue: Queue, *, turn: bool = False) -> None:
        now = self.env.now
        row = (now, "attempt", host.name, queue.host, None, None)
        self.record((*row, queue.environment, queue.failures + 1))
        way = self._way_or_reason(host.name, queue.host, queue.environment)
        if isinstance(way, str):
            self.record((now, "unreachable", host.name, queue.host, None, None, way))
            cut_off = not self.hosts[queue.host].faults.down
            host.defer_all(now, queue, f"{queue.host} cannot be reached: {way}", cut_off=cut_off)
            host.schedule_retry(now, queue)
            return
        queue.session = True
        errand = QueueSender(host, queue, turn=turn)
        sender = SenderSMTP(host.settings.name_in(queue.environment), errand)
        self.new_session(host, self.hosts[queue.host], way, sender, errand).open()

    def _poll(self, poll: PollSpec) -> None:
        """Call a host, and ask it to change roles when there is nothing more to send it."""
        self._due -= 1
        host, peer = self.hosts[poll.sender], self.hosts[poll.to]
        near = self.routes.neighbours_of(host.name).get(peer.name)
        if near is None or host.faults.down:
            return
        queue = host.spool.queue(peer.name, near.environment)
        if queue.session:
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

    def _run_script(self, script: ScriptSpec) -> None:
        self._due -= 1
        now = self.env.now
        host, peer = self.hosts[script.sender], self.hosts[script.to]
        near = self.routes.neighbours_of(host.name).get(peer.name)
        if near is None:
            row = (now, "unreachable", host.name, peer.name, None, None)
            self.record((*row, "no path of links of one environment joins them"))
            return
        self.record((now, "attempt", host.name, peer.name, None, None, near.environment, 1))
        way = self._way_or_reason(host.name, peer.name, near.environment)
        if isinstance(way, str):
            self.record((now, "unreachable", host.name, peer.name, None, None, way))
            return
        self.new_session(host, peer, way, ScriptedSender(script.lines), None).open()

    def _way_or_reason(self, host: str, peer: str, environment: str) -> ChannelRoute | str:
        """How a channel would go, or why none can be opened now."""
        if self.faults.spoil and (reason := self.faults.obstacle(host, peer)):
            return reason
        try:
            return self.world.channel_route(host, peer, environment)
        except KeyError:
            return f"no path of links between {host} and {peer} is up"

    def links_changed(self) -> None:
        """Links have gone down, come up or changed: find the ways anew."""
        self.world.links_changed()


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
