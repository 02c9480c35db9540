"""Talking by hand to a host's receiver-SMTP: the driver without time (``lab talk``)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from lab.analysis.account import Account
from lab.api.run import Run
from lab.hosts.receiving import ReceivingSession, receiver_smtp
from lab.protocol import Crossing, Transaction
from lab.quantities import clock_time
from lab.simulation.simulation import Simulation
from lab.topology.model import Topology
from lab.topology.problems import did_you_mean, join_some

YOU = "you"
"""How the trace names the person or program at the other end."""


@dataclass(frozen=True)
class Settled:
    """A conversation that is over, and the run that carried on its mail."""

    run: Run
    unended: bool

    def outcomes(self) -> Iterator[str]:
        """What became of the mail that was accepted, a line a recipient."""
        if self.unended:
            yield "lab: the input ended in the middle of a line; a line ends with CRLF (\\r\\n)"
        for one in self.run.summary["recipients"]:
            when = "" if one["settled_at"] is None else f" at {clock_time(one['settled_at'])}"
            yield f"lab: message {one['message']} to {one['recipient']}: {one['outcome']}{when}"


class Conversation:
    """One session with a host of a topology, byte by byte.

    The host is its whole self; the file's own mail is not sent. Raises ValueError where there is
    no such host or environment.
    """

    def __init__(
        self, topology: Topology, host: str, seed: int = 0, environment: str | None = None
    ) -> None:
        spec = topology.host(host)
        if spec is None or spec.kind != "host":
            hosts = [name for name, one in topology.hosts.items() if one.kind == "host"]
            raise ValueError(f"there is no host {host}; {_hint(host, hosts)}")
        if environment is not None and environment not in topology.environments:
            known = list(topology.environments)
            raise ValueError(f"there is no environment {environment}; {_hint(environment, known)}")
        self.topology = topology
        self.simulation = Simulation(topology, seed)
        self.host = self.simulation.hosts[spec.name]
        self._environment = environment or self._first_environment(spec.name)
        self._number = self.simulation.next_session(YOU)
        self.reception = ReceivingSession(
            self.host, self._environment, self._identify, self._number, YOU
        )
        self.receiver = receiver_smtp(self.reception)
        self._unended = False
        self._noted = 0

    def _first_environment(self, host: str) -> str:
        joined = (link.environment for link in self.topology.links if host in (link.a, link.b))
        return next(joined, next(iter(self.topology.environments)))

    def _identify(self, transaction: Transaction) -> tuple[int, list[str]]:
        # what crossed comes before what became of it
        self._note(self.receiver.crossed)
        return self.simulation.foreign(self.host, transaction)

    def open(self) -> bytes:
        """The greeting."""
        transport = self.topology.environments[self._environment].transport
        row = (0.0, "open", YOU, self.host.name, self._number, None)
        nodes = (YOU, self.host.name)
        self.simulation.record((*row, self._environment, transport, nodes, 0.0))
        self.host.open_sessions += 1
        return self._record(self.receiver.open())

    def receive(self, octets: bytes) -> bytes:
        """Give bytes to the receiver-SMTP; what it answers."""
        return self._record(self.receiver.receive(octets))

    def _record(self, events: list[Crossing]) -> bytes:
        self._note(events)
        self._noted = 0
        return b"".join(octets for kind, octets in events if kind == "reply")

    def _note(self, events: list[Crossing]) -> None:
        """Record the events that have not been yet, of those of one call."""
        for kind, octets in events[self._noted :]:
            here, there = (YOU, self.host.name) if kind == "reply" else (self.host.name, YOU)
            self.simulation.record((0.0, kind, here, there, self._number, None, 0.0, octets))
        self._noted = len(events)

    def close(self) -> None:
        """The session is over, by QUIT or because the input ended."""
        quit_ = self.receiver.closing
        self._unended = self.receiver.is_within_line
        self.receiver.end_of_input()
        self.host.open_sessions -= 1
        reason = "quit" if quit_ else "end of input"
        self.simulation.record((0.0, "close", YOU, self.host.name, self._number, None, reason))

    def hold(self, source: BinaryIO | None = None, sink: BinaryIO | None = None) -> None:
        """Talk until QUIT or the end of the input; on a terminal Enter gives CRLF."""
        source = source or sys.stdin.buffer
        sink = sink or sys.stdout.buffer
        terminal = source.isatty()
        _say(sink, self.open())
        while not self.receiver.closing:
            try:
                octets = os.read(source.fileno(), 65536)
            except KeyboardInterrupt:
                break
            if not octets:
                break
            if terminal:
                octets = octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
            _say(sink, self.receive(octets))
        self.close()

    def settle(self) -> Settled:
        """Let the network carry on what was accepted, until nothing is left to do."""
        self.simulation.run()
        return Settled(Run(self.topology, self.simulation.trace), self._unended)

    @property
    def account(self) -> Account:
        """What became of each recipient so far."""
        return Account(self.simulation.trace.rows)


def _hint(name: str, known: list[str]) -> str:
    """What was meant, or what there is."""
    return did_you_mean(name, known, f"; there are {join_some(known, 10)}").removeprefix("; ")


def _say(sink: BinaryIO, octets: bytes) -> None:
    if octets:
        sink.write(octets)
        sink.flush()
