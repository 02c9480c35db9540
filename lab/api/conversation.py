"""Talk by hand to a host's receiver-SMTP (``lab talk``): the driver without time."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from lab.analysis.account import Account
from lab.api.played_host import PlayedHost
from lab.api.run import Run
from lab.hosts.behaving import session_class
from lab.hosts.receiving import from_outside, receiver_smtp, reply_script
from lab.hosts.reply_script import ReplyWriter
from lab.protocol import Crossing, Transaction
from lab.protocol.arriving import ArrivingReplies
from lab.quantities import clock_time
from lab.runtime.escaping import visible_lines
from lab.simulation.plugins import Plugins
from lab.simulation.simulation import Simulation
from lab.topology.model import Topology
from lab.topology.problems import did_you_mean, join_some
from lab.trace.closes import END_OF_INPUT, QUIT

YOU = "you"
"""The name in the trace of the person or program at the other end."""


@dataclass(frozen=True)
class Finished:
    """A conversation that is over, with the run in which its mail went on.

    ``ended_within_line``: the input ended in the middle of a line.
    """

    run: Run
    ended_within_line: bool

    def sentences(self) -> Iterator[str]:
        """Say what became of the mail that was accepted, one line for each recipient."""
        if self.ended_within_line:
            yield "lab: the input ended in the middle of a line; a line ends with CRLF (\\r\\n)"
        for recipient in self.run.summary["recipients"]:
            settled_at = recipient["settled_at"]
            when = "" if settled_at is None else f" at {clock_time(settled_at)}"
            about = f"message {recipient['message']} to {recipient['recipient']}"
            yield f"lab: {about}: {recipient['outcome']}{when}"


class Conversation:
    """One session with a host of a topology, byte by byte.

    The host has its users, lists and routes; the mail of the file is not sent. If the host changes
    roles at TURN, the person plays the host whose name HELO gave: what the person takes with 250 is
    that host's. ``plugins`` is code of users that the host and the network call; what it raises is
    a :class:`lab.runtime.plugins.PluginFailed`. ``within`` is a simulation that other sessions are
    of too, in which a name alone proves nothing, and ``caller`` is who speaks, in the trace. Raises
    ValueError if there is no such host or environment.
    """

    def __init__(
        self,
        topology: Topology,
        host: str,
        seed: int = 0,
        environment: str | None = None,
        plugins: Plugins | None = None,
        *,
        within: Simulation | None = None,
        caller: str = YOU,
    ) -> None:
        spec = topology.host(host)
        if spec is None or spec.kind != "host":
            hosts = [host.name for host in topology.hosts.values() if host.kind == "host"]
            raise ValueError(f"there is no host {host}; {_hint(host, hosts)}")
        if environment is not None and environment not in topology.environments:
            known = list(topology.environments)
            raise ValueError(f"there is no environment {environment}; {_hint(environment, known)}")
        self.topology = topology
        self.simulation = within or Simulation(topology, seed, plugins=plugins)
        if within is None:
            self.simulation.schedule.leave_out()
        if self.simulation.plugins is not None:
            self.simulation.plugins.begin()
        self.host = self.simulation.hosts[spec.name]
        self._environment = environment or self._first_environment(spec.name)
        self._caller = caller
        self._number = self.simulation.next_session(caller)
        self._receiving = session_class(self.host)(
            self.host, self._environment, from_outside, self._number, caller, self._enter
        )
        self._receiving.trusts_names = within is None
        self._script = script = reply_script(self.host)
        self.receiver = receiver_smtp(self._receiving, script=script)
        self._writer: ReplyWriter | None = None
        if script is not None:
            self._writer = ReplyWriter(script, self._send, self._end, _at_once)
        self._pieces = ArrivingReplies()
        self._sent = b""
        self._is_ended = False
        self._turned: PlayedHost | None = None
        self._ended_within_line = False
        self._unfinished = b""
        self._recorded = 0

    def _first_environment(self, host: str) -> str:
        joined = (link.environment for link in self.topology.links if host in (link.a, link.b))
        return next(joined, next(iter(self.topology.environments)))

    def _enter(self, transaction: Transaction) -> tuple[int, list[str]]:
        # in the trace, what crossed the wire comes before what became of it
        self._record_crossings(self.receiver.crossed)
        return self.simulation.foreign(self.host, transaction)

    def open(self) -> bytes:
        """Open the session; return the greeting."""
        transport = self.topology.environments[self._environment].transport
        row = (0.0, "open", self._caller, self.host.name, self._number, None)
        nodes = (self._caller, self.host.name)
        self.simulation.record((*row, self._environment, transport, nodes, 0.0))
        self.host.open_sessions += 1
        return self._record(self.receiver.open())

    @property
    def has_turned(self) -> bool:
        """Whether the roles have changed, by TURN: the host sends commands, the person replies."""
        return self._turned is not None

    @property
    def is_over(self) -> bool:
        """Whether the host has ended the session."""
        if self._turned is not None:
            return self._turned.is_over
        return self._is_ended if self._writer is not None else self.receiver.closing

    def receive(self, octets: bytes) -> bytes:
        """Give bytes to the host; return what it replies, or after TURN what it sends."""
        if not self.host.settings.turn:
            return self._record(self.receiver.receive(octets))
        # line by line, as what follows TURN is for the host in its other role
        sent = b""
        for line in octets.splitlines(keepends=True):
            if self._turned is not None:
                sent += self._reply(line)
                continue
            sent += self._record(self.receiver.receive(line))
            if self.receiver.turned:
                self._turn()
        return sent

    def _turn(self) -> None:
        """Change roles (section 3.8): the person plays the host whose name HELO gave."""
        known = self._receiving.known_peer
        assert known is not None, "TURN is granted to hosts of the topology only"
        played = self.simulation.hosts[known]
        self._turned = PlayedHost(self.host, played, self._environment, self._number)

    def _reply(self, line: bytes) -> bytes:
        """Give a line of a reply to the host; return what it sends."""
        assert self._turned is not None
        self._unfinished += line
        if line[3:4] == b"-" or not line.endswith(b"\r\n"):
            return b""
        octets, self._unfinished = self._unfinished, b""
        if self._turned.is_over:
            return b""
        self._cross("reply", octets)
        sent = self._turned.receive(octets)
        for kind, crossed in sent:
            self._cross(kind, crossed)
        return b"".join(crossed for _, crossed in sent)

    def _cross(self, kind: str, octets: bytes) -> None:
        """Record what crossed: a reply goes to the sender-SMTP, anything else to the receiver."""
        to_you = (kind in ("reply", "piece")) != self.has_turned
        ends = self._caller, self.host.name
        ends = ends if to_you else ends[::-1]
        self.simulation.record((0.0, kind, *ends, self._number, None, 0.0, octets))

    def _record(self, events: list[Crossing]) -> bytes:
        if self._writer is not None:
            return self._by_script(events, self._writer)
        self._record_crossings(events)
        self._recorded = 0
        return b"".join(octets for kind, octets in events if kind == "reply")

    def _record_crossings(self, events: list[Crossing]) -> None:
        """Record those events of one call that are not in the trace yet."""
        for kind, octets in events[self._recorded :]:
            if kind == "reply" and self._writer is not None:
                self._writer.write(octets, 0.0)
            else:
                self._cross(kind, octets)
        self._recorded = len(events)

    # -- replies that the file sets ---------------------------------------------------------------

    def _by_script(self, events: list[Crossing], writer: ReplyWriter) -> bytes:
        """Return what the host sends in place of its own replies, without the pauses."""
        self._record_crossings(events)
        self._recorded = 0
        if self.receiver.closing:
            writer.close(0.0)
        sent, self._sent = self._sent, b""
        return sent

    def _send(self, octets: bytes, _: float) -> None:
        self._sent += octets
        for kind, crossed in self._pieces.take(octets):
            self._cross(kind, crossed)

    def _end(self, how: str, _: float) -> None:
        """End the session as the script says; a host that falls silent still reads."""
        self.receiver.end_of_input()
        self._is_ended = how != "silence"

    def close(self) -> None:
        """End the session, after QUIT or at the end of the input."""
        reason = QUIT if self.is_over else END_OF_INPUT
        self._ended_within_line = self.receiver.is_within_line or bool(self._unfinished)
        self.receiver.end_of_input()
        if self._turned is not None:
            self._turned.close()
        self.host.open_sessions -= 1
        self.simulation.record(
            (0.0, "close", self._caller, self.host.name, self._number, None, reason)
        )

    def talk(self, source: BinaryIO | None = None, sink: BinaryIO | None = None) -> None:
        """Talk until QUIT or the end of the input; on a terminal, Enter is CRLF."""
        source = source or sys.stdin.buffer
        sink = sink or sys.stdout.buffer
        is_terminal = source.isatty()
        _write(sink, self.open())
        while not self.is_over:
            try:
                octets = os.read(source.fileno(), 65536)
            except KeyboardInterrupt:
                break
            if not octets:
                break
            if is_terminal:
                octets = octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
            _write(sink, self.receive(octets))
        self.close()

    def finish(self) -> Finished:
        """Let the network carry the accepted mail on, until nothing is left to do."""
        self.simulation.run()
        findings, plugins = self.simulation.findings(), self.simulation.world.plugins
        run = Run(self.topology, self.simulation.trace, None, findings, plugins)
        return Finished(run, self._ended_within_line)

    @property
    def account(self) -> Account:
        """What has become of each recipient so far."""
        return Account(self.simulation.trace.rows)


def _hint(name: str, known: list[str]) -> str:
    """Return what was meant, or what there is."""
    return did_you_mean(name, known, f"; there are {join_some(known, 10)}").removeprefix("; ")


def _at_once(_: float, call: Callable[[float], None]) -> None:
    """Do without the pauses of a script: there is no time in a conversation."""
    call(0.0)


def _write(sink: BinaryIO, octets: bytes) -> None:
    if sink.isatty():
        text = octets.decode("latin-1").replace("\r\n", "\n")
        octets = visible_lines(text).replace("\n", "\r\n").encode("latin-1", "replace")
    if octets:
        sink.write(octets)
        sink.flush()
