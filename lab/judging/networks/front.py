"""Ports in front of the programs of a judged network, which record what is said."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from lab.judging.listening import Listening
from lab.judging.networks.program_host import ProgramHost, ProgramSession, TooMany
from lab.judging.program import NotStarted
from lab.protocol.lines import CRLF, end_of_mail_data

_MOST: Final = 8 * 1024**2
IDLE: Final = 60.0
"""Seconds after which a connection that says nothing is given up."""


class Units:
    """Commands and mail data, one at a time, from a connection."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client
        self.buffer = b""

    def next(self, *, is_data: bool) -> bytes:
        """Return the next command line, or mail data with its end; what is left at the end."""
        while (end := self._end(is_data=is_data)) < 0:
            piece = self._client.recv(65536)
            if not piece or len(self.buffer) > _MOST:
                unit, self.buffer = self.buffer, b""
                return unit
            self.buffer += piece
        unit, self.buffer = self.buffer[:end], self.buffer[end:]
        return unit

    def _end(self, *, is_data: bool) -> int:
        if is_data:
            return end_of_mail_data(self.buffer)
        at = self.buffer.find(CRLF)
        return at + 2 if at >= 0 else -1


def front_of(program: ProgramHost) -> Listening:
    """Return a port in front of a program, which records each of its sessions."""

    def begin(client: socket.socket) -> Callable[[], None]:
        client.settimeout(IDLE)
        return partial(serve, client)

    def serve(client: socket.socket) -> None:
        with suppress(NotStarted, TooMany):
            converse(client, program.session())

    def converse(client: socket.socket, session: ProgramSession) -> None:
        units = Units(client)
        try:
            unit = b""
            while not program.is_down():
                accepted = len(session.accepted)
                reply, ending = session.ask(unit)
                client.sendall(reply)
                if len(session.accepted) > accepted:
                    program.has_accepted()
                if ending or session.has_quit:
                    return
                unit = units.next(is_data=session.is_data)
                if not unit:
                    return
        finally:
            session.hang_up()

    return Listening(begin)
