"""A network whose hosts answer programs of this process, where there are no processes or sockets.

That is so in a browser. While such a network is up, ``socket.create_connection`` leads to its
hosts, so that ``smtplib`` and a program with a socket of its own work as with a live network. Time
stands still during a session; accepted mail goes on when the network ends.
"""

from __future__ import annotations

import io
import socket
from typing import Any, Final

from lab.api.conversation import Conversation
from lab.api.run import Run
from lab.api.served_network import ServedNetwork
from lab.simulation.simulation import Simulation
from lab.topology.model import Topology
from lab.trace.rows import OUTSIDE

_FIRST_PORT: Final = 2501


class ServedHere(ServedNetwork):
    """A network for a ``with`` block, with all that :class:`lab.api.serve.LiveServer` has."""

    def __init__(self, topology: Topology, seed: int) -> None:
        super().__init__(topology, "127.0.0.1")
        hosts = [name for name, spec in topology.hosts.items() if spec.kind == "host"]
        self.ports = {name: _FIRST_PORT + number for number, name in enumerate(hosts)}
        self._simulation = Simulation(topology, seed)
        self._open: list[Connection] = []
        self._connect = socket.create_connection

    def __enter__(self) -> ServedHere:
        self._simulation.begin()
        connect: Any = self._connected
        self._connect, socket.create_connection = socket.create_connection, connect
        return self

    def _end(self) -> None:
        socket.create_connection = self._connect
        for connection in self._open:
            connection.close()
        self._simulation.run()
        findings = self._simulation.findings()
        self._run = Run(self.topology, self._simulation.trace, None, findings)

    def _connected(self, address: tuple[str, int], *_: Any, **__: Any) -> Any:
        """Return a connection to the host with a port; another address is refused."""
        host = {port: name for name, port in self.ports.items()}.get(int(address[1]))
        if host is None:
            raise ConnectionRefusedError(f"nothing listens at port {address[1]}")
        talk = Conversation(self.topology, host, within=self._simulation, caller=OUTSIDE)
        self._open.append(Connection(talk))
        return self._open[-1]


class Connection:
    """What a program uses as a socket, with a host at its other end."""

    def __init__(self, talk: Conversation) -> None:
        self._talk = talk
        self._came = talk.open()
        self._is_open = True

    def sendall(self, octets: bytes) -> None:
        """Give bytes to the host; what it answers can then be read."""
        if not self._is_open or self._talk.is_over:
            raise BrokenPipeError("the host has closed the connection")
        self._came += self._talk.receive(bytes(octets))

    def send(self, octets: bytes) -> int:
        """Give bytes to the host; return how many it took, which is all."""
        self.sendall(octets)
        return len(octets)

    def recv(self, most: int) -> bytes:
        """Return what has come, or b"" if the host has closed the connection.

        Raises TimeoutError if nothing has come: more never comes before something is sent.
        """
        if not self._came and not self._talk.is_over:
            raise TimeoutError("timed out: the host waits for you")
        octets, self._came = self._came[:most], self._came[most:]
        return octets

    def makefile(self, mode: str = "r", *_: Any, **__: Any) -> Any:
        """Return the connection as a file; ``mode`` is as for a socket."""
        file = io.BufferedReader(_Reading(self))
        return file if "b" in mode else io.TextIOWrapper(file, encoding="ascii", newline="\r\n")

    def settimeout(self, seconds: float | None) -> None:
        """Take a limit of time, which is never needed here."""

    def shutdown(self, how: int) -> None:
        """End one direction or both."""

    def close(self) -> None:
        """End the connection."""
        if self._is_open:
            self._is_open = False
            self._talk.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Reading(io.RawIOBase):
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        octets = self._connection.recv(len(buffer))
        buffer[: len(octets)] = octets
        return len(octets)
