"""The simulated driver: a topology and a seed make a run, and the run makes a trace.

SimPy keeps the time. Everything is a callback on one of its timeouts: no process a message, no
store a channel. Whatever is drawn comes from a generator of its own, seeded by the seed and by the
name of what it is for, so that one purpose never disturbs another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from simpy import Environment, Timeout

from lab.hosts.directory import Directory
from lab.hosts.errand import Errand
from lab.hosts.host import Host, Identity, Reception
from lab.hosts.message import Calendar, compose
from lab.hosts.routing import RoutingTable
from lab.hosts.spool import Queue
from lab.network.channel import Leg, Way
from lab.network.link import Direction, Link
from lab.network.reach import Reach
from lab.network.topology import LinkSpec, MailSpec, ScriptSpec, Topology
from lab.network.transport import TRANSPORTS, Transport
from lab.protocol import ReceiverSMTP, SenderSMTP, State, Transaction
from lab.protocol.script import ScriptedSender
from lab.scenario import Submission, submissions
from lab.trace import Trace

_DATA = State.DATA


def generator(seed: int, purpose: str) -> Random:
    """The random generator for one named purpose of a run."""
    return Random(f"{seed}/{purpose}")


class Pathway:
    """How channels from one host to another go: ways there and back, transport, nodes, links."""

    __slots__ = ("back", "environment", "forth", "links", "nodes", "opening", "transport")

    def __init__(
        self, reach: Reach, host: str, peer: str, environment: str, transport: Transport
    ) -> None:
        self.links = reach.path(host, peer, environment)
        there, nodes = reach.ways(host, self.links)
        back, _ = reach.ways(peer, tuple(reversed(self.links)))
        self.forth = Way(tuple(there), transport)
        self.back = Way(tuple(back), transport)
        self.nodes = tuple(nodes)
        self.environment = environment
        self.transport = transport
        self.opening = self._fixed_opening()

    def _fixed_opening(self) -> float | None:
        """Seconds that opening takes where only latency lies on the way; else None."""
        there, back = self.forth.delay, self.back.delay
        if there is None or back is None:
            return None
        trips = len(self.transport.opening)
        return self.transport.setup + there * (trips - trips // 2) + back * (trips // 2)


class Session:
    """Two engines with a channel between them.

    ``sender`` and ``receiver`` are the engines, ``errand`` what the sender is about (None for a
    script), ``reception`` what the receiver asks.
    """

    __slots__ = (
        "back", "closed", "env", "errand", "forth", "here", "host", "number", "peer",
        "receiver", "reception", "record", "sender", "simulation", "started", "there",
        "trips", "way",
    )  # fmt: skip

    def __init__(
        self,
        simulation: Simulation,
        host: Host,
        peer: Host,
        way: Pathway,
        sender: SenderSMTP | ScriptedSender,
        errand: Errand | None,
    ) -> None:
        self.simulation = simulation
        self.env = simulation.env
        self.record = simulation.record
        self.host = host
        self.peer = peer
        self.here = host.name
        self.there = peer.name
        self.way = way
        self.sender = sender
        self.errand = errand
        self.number: int | None = None
        self.trips = 0
        self.started = simulation.env.now
        self.closed = False
        env, on_loss = simulation.env, self._lost
        self.forth = Leg(env, way.forth, self._at_receiver, on_loss)
        self.back = Leg(env, way.back, self._at_sender, on_loss)

    def open(self) -> None:
        """Begin to open the channel: the control messages of the transport service."""
        way = self.way
        if way.opening is not None:
            event = Timeout(self.simulation.env, way.opening)
            event.callbacks.append(self._opened)
            return
        self.forth.deliver = self.back.deliver = self._set_up
        event = Timeout(self.simulation.env, way.transport.setup)
        event.callbacks.append(self._set_up)

    def _set_up(self, _: Any) -> None:
        """One control message has arrived (or none has been sent): send the next, or be open."""
        if not self.forth.alive:
            return
        done = self.trips
        opening = self.way.transport.opening
        self.trips += 1
        if done < len(opening):
            leg = self.forth if done % 2 == 0 else self.back
            leg.send(bytes(opening[done]), self.simulation.env.now)
            return
        self.forth.deliver, self.back.deliver = self._at_receiver, self._at_sender
        self._opened(None)

    def _opened(self, _: Any) -> None:
        simulation, host, peer, way = self.simulation, self.host, self.peer, self.way
        now = simulation.env.now
        self.number = number = simulation.next_session()
        row = (
            now, "open", host.name, peer.name, number, None,
            way.environment, way.transport.name, way.nodes, self.started,
        )  # fmt: skip
        simulation.record(row)
        errand = self.errand
        if errand is not None:
            errand.session = number
            identify: Callable[[Transaction], tuple[int, list[str]]] = errand.identify
        else:
            identify = self._foreign
        self.reception = reception = Reception(peer, way.environment, identify, number, host.name)
        reception.now = now
        self.receiver = receiver = ReceiverSMTP(reception, peer.identity.limits)
        peer.open_sessions += 1
        for _, octets in receiver.open():
            self.back.send(octets, now)

    def _foreign(self, transaction: Transaction) -> tuple[int, list[str]]:
        """Number mail that no user of a simulated host handed in: a script's, or a person's."""
        return self.simulation.foreign(self.peer, transaction)

    def _at_receiver(self, arrival: Any) -> None:
        if not self.forth.alive:
            return
        octets, receiver, reception = arrival.octets, self.receiver, self.reception
        now = reception.now = arrival.at
        message = self.errand.message if self.errand is not None else None
        # A sender of ours sends one command, or the mail data, in one piece: it is recorded before
        # what the host makes of it
        data = receiver.state is _DATA
        row = (
            now, "data" if data else "command", self.there, self.here,
            self.number, message, arrival.sent, octets,
        )  # fmt: skip
        self.record(row)
        if not data:
            self.back.send(receiver.command(octets), now)
            return
        for kind, crossed in receiver.receive(octets):
            if kind == "reply":
                self.back.send(crossed, now)

    def _at_sender(self, arrival: Any) -> None:
        if not self.back.alive:
            return
        octets, sender, errand = arrival.octets, self.sender, self.errand
        now = arrival.at
        message = None
        if errand is not None:
            errand.now = now
            message = errand.message
        row = (now, "reply", self.here, self.there, self.number, message, arrival.sent, octets)
        self.record(row)
        out = sender.answer(octets)
        if out is None:
            for kind, crossed in sender.receive(octets):
                if kind != "reply":
                    self.forth.send(crossed, now)
        elif out:
            self.forth.send(out, now)
            return
        if sender.closing:
            self.close("quit" if octets.startswith(b"221") else "closed")

    def close(self, reason: str) -> None:
        """The channel is closed by both sides, or gone."""
        if self.closed:
            return
        self.closed = True
        simulation = self.simulation
        now = simulation.env.now
        self.forth.cut()
        self.back.cut()
        self.peer.open_sessions -= 1
        self.receiver.end_of_input()
        simulation.record((now, "close", self.host.name, self.peer.name, self.number, None, reason))
        if self.errand is not None:
            self.host.session_over(now, self.errand.queue)

    def _lost(self, link: Direction, again: int, delay: float) -> None:
        simulation = self.simulation
        now = simulation.env.now
        simulation.record((now, "loss", link.a, link.b, self.number, None, again, delay))


class Simulation:
    """A topology set up to run in simulated time.

    ``run`` goes on until nothing is left to do, or ``until`` seconds; it may be called again to go
    further. Everything that happens is in ``trace``.
    """

    def __init__(self, topology: Topology, seed: int = 0) -> None:
        self.topology = topology
        self.seed = seed
        self.env = Environment()
        self.trace = Trace()
        self.record = self.trace.record
        self.record((0.0, "start", "", None, None, None, describe(topology, seed)))
        self._sessions = 0
        self._messages = 0
        self._pathways: dict[tuple[str, str], Pathway] = {}
        self.links = [self._link(n, spec) for n, spec in enumerate(topology.links)]
        hosts = [spec for spec in topology.hosts.values() if spec.kind == "host"]
        routers = {spec.name for spec in topology.hosts.values() if spec.kind == "router"}
        ranks = {name: rank for rank, name in enumerate(topology.environments)}
        costs = [_cost(spec) for spec in topology.links]
        self.reach = Reach(zip(self.links, costs, strict=True), routers, ranks)
        names = {name.upper(): h.name for h in hosts for name in (*h.names.values(), h.name)}
        relays = {spec.name for spec in hosts if spec.relay}
        self.routes = RoutingTable(self.reach.neighbours, relays, names)
        calendar = Calendar(topology.start)
        self.hosts: dict[str, Host] = {}
        for spec in hosts:
            directory = Directory(spec.name, spec.users, spec.lists, spec.forwards)
            identity = Identity(
                spec.name, directory, dict(spec.names), spec.relay,
                spec.limits, spec.on_251, spec.on_551,
            )  # fmt: skip
            self.hosts[spec.name] = Host(
                identity, self.routes, calendar, topology.retry,
                self.record, self._wake, self.next_message,
            )  # fmt: skip
        self._scenario: Iterator[Submission] = submissions(topology, seed, self.routes)
        self._calendar = calendar

    # -- numbers --------------------------------------------------------------------------------

    def next_session(self) -> int:
        """The number of a session that opens, from 1."""
        self._sessions += 1
        return self._sessions

    def next_message(self) -> int:
        """The number of a message, from 1."""
        self._messages += 1
        return self._messages

    def foreign(self, host: Host, transaction: Transaction) -> tuple[int, list[str]]:
        """Enter mail that comes from outside the scenario as submitted where it is accepted."""
        number = self.next_message()
        texts = tuple(path.bare for path in transaction.forward_paths)
        row = (self.env.now, "submit", host.name, None, None, number)
        path = transaction.reverse_path.bare
        self.record((*row, path, texts, transaction.verb, len(transaction.mail_data)))
        return number, [str(n) for n in range(1, len(texts) + 1)]

    # -- running --------------------------------------------------------------------------------

    def begin(self) -> None:
        """Put the scenario on the clock: mail, traffic and scripts."""
        self._arrange_next()
        for script in self.topology.scripts:
            self._at(script.at, self._run_script, script)

    def run(
        self, until: float | None = None, progress: Callable[[int], None] | None = None
    ) -> None:
        """Go on until nothing is left to do, or until a time in seconds.

        ``progress`` is called with the number of events so far, now and then.
        """
        env = self.env
        if until is not None and progress is None:
            env.run(until=max(until, env.now + 1e-9))
        else:
            self._run_watched(until, progress)
        cut = until is not None and env.peek() != float("inf")
        self.stop("until" if cut else "settled")

    def stop(self, reason: str) -> None:
        """Write the last record of the trace."""
        last = self.env.now if reason == "until" else self.trace.rows[-1][0]
        self.record((last, "end", "", None, None, None, reason))

    def _run_watched(self, until: float | None, progress: Callable[[int], None] | None) -> None:
        env = self.env
        if progress is None:
            env.run()
            return
        last = float("inf") if until is None else until
        while env.peek() < last:
            for _ in range(20000):
                if env.peek() >= last:
                    break
                env.step()
            progress(self._messages)

    def _at(self, at: float, call: Callable[[Any], None], value: Any) -> None:
        delay = max(0.0, at - self.env.now)
        event = Timeout(self.env, delay, value)
        event.callbacks.append(lambda event: call(event.value))

    def _arrange_next(self) -> None:
        submission = next(self._scenario, None)
        if submission is not None:
            event = Timeout(self.env, max(0.0, submission.at - self.env.now), submission)
            event.callbacks.append(self._submit)

    def _submit(self, event: Any) -> None:
        now = self.env.now
        submission: Submission = event.value
        host = self.hosts[submission.host]
        octets = submission.mail_data(self._calendar.daytime(now))
        number = self.next_message()
        host.submit(now, number, submission.sender, submission.to, octets, submission.verb)
        self._arrange_next()

    # -- sessions -------------------------------------------------------------------------------

    def _wake(self, host: Host, queue: Queue, at: float) -> None:
        if at <= self.env.now:
            self._start(host, queue)
        else:
            self._at(at, self._woken, (host, queue, at))

    def _woken(self, value: tuple[Host, Queue, float]) -> None:
        host, queue, at = value
        if queue.wake_at == at:
            self._start(host, queue)

    def _start(self, host: Host, queue: Queue) -> None:
        """Open a channel for a queue, if it has mail to try now."""
        queue.wake_at = None
        now = self.env.now
        if queue.session or queue.ready(now) is None:
            host.arrange(now, queue)
            return
        way = self.pathway(host.name, queue.host, queue.environment)
        row = (now, "attempt", host.name, queue.host, None, None)
        self.record((*row, queue.environment, queue.failures + 1))
        queue.session = True
        errand = Errand(host, queue)
        sender = SenderSMTP(host.identity.name_in(queue.environment), errand)
        Session(self, host, self.hosts[queue.host], way, sender, errand).open()

    def _run_script(self, script: ScriptSpec) -> None:
        now = self.env.now
        host, peer = self.hosts[script.sender], self.hosts[script.to]
        near = self.routes.near(host.name).get(peer.name)
        if near is None:
            row = (now, "unreachable", host.name, peer.name, None, None)
            self.record((*row, "no path of links of one environment joins them"))
            return
        way = self.pathway(host.name, peer.name, near.environment)
        self.record((now, "attempt", host.name, peer.name, None, None, near.environment, 1))
        Session(self, host, peer, way, ScriptedSender(script.lines), None).open()

    def pathway(self, host: str, peer: str, environment: str) -> Pathway:
        """How channels from a host to its neighbour go."""
        way = self._pathways.get((host, peer))
        if way is None:
            transport = TRANSPORTS[self.topology.environments[environment].transport]
            way = self._pathways[host, peer] = Pathway(
                self.reach, host, peer, environment, transport
            )
        return way

    def _link(self, number: int, spec: LinkSpec) -> Link:
        directions = []
        for a, b in ((spec.a, spec.b), (spec.b, spec.a)):
            random = generator(self.seed, f"link {number} {a} {b}")
            directions.append(
                Direction(a, b, spec.latency, spec.jitter, spec.bandwidth, spec.loss, random)
            )
        return Link(directions[0], directions[1], spec.environment)


def _cost(spec: LinkSpec) -> float:
    return spec.latency if spec.cost is None else spec.cost


def describe(topology: Topology, seed: int) -> dict[str, Any]:
    """What a trace tells of the topology that its run was made from, as plain JSON."""
    return {
        "title": topology.title,
        "seed": seed,
        "start": topology.start.isoformat(),
        "environments": [
            {"name": one.name, "transport": one.transport} for one in topology.environments.values()
        ],
        "hosts": [
            {
                "name": spec.name,
                "kind": spec.kind,
                "relay": spec.relay,
                "users": len(spec.users),
                "position": list(spec.position) if spec.position else None,
                "names": dict(spec.names),
                "careless": spec.careless,
                "title": spec.title,
            }
            for spec in topology.hosts.values()
        ],
        "links": [
            {
                "a": spec.a,
                "b": spec.b,
                "environment": spec.environment,
                "latency": spec.latency,
                "jitter": spec.jitter,
                "bandwidth": spec.bandwidth,
                "loss": spec.loss,
                "cost": spec.cost,
            }
            for spec in topology.links
        ],
    }


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
    return simulation.trace


__all__ = ["MailSpec", "Pathway", "Session", "Simulation", "compose", "describe", "simulate"]
