"""The network as a program sees it that sends all its mail to one port.

The first recipient of a mail decides which host the program speaks with: the next one on the way
there, as the host tables of the topology have it. From then on its commands go to that host, and
that host's replies to it, byte for byte. Until then the answers are ours.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from lab.hosts.host import Host
from lab.judging.listening import Listening
from lab.judging.networks.faults import Faults
from lab.judging.networks.front import IDLE, Units
from lab.judging.record import Line
from lab.protocol.lines import dot_unstuff
from lab.protocol.syntax import parse_command, verb_of
from lab.quantities import parse_size

_OTHER: Final = b"452 Another next host; send it in a session of its own\r\n"
_LOST: Final = b"421 The next host cannot be reached\r\n"


@dataclass
class Sent:
    """What a program sent in one session. ``texts`` are the mails that were answered 250.

    ``wrong`` are commands that RFC 821 does not have, or whose form is wrong, with the reason.
    ``ended_at`` is when the session ended, on the monotonic clock.
    """

    lines: list[Line] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    wrong: list[tuple[bytes, str]] = field(default_factory=list)
    ended_at: float = float("inf")


class Switch:
    """The port to which a program sends its mail.

    ``host`` is the host that it speaks for, with its tables; ``address_of`` returns the port of a
    host by its name. ``faults`` are those of the network.
    """

    def __init__(self, host: Host, address_of: Callable[[str], int | None], faults: Faults) -> None:
        self.host = host
        self.address_of = address_of
        self.faults = faults
        self.sessions: list[Sent] = []
        self._listening = Listening(self._begin)
        self.port = self._listening.port

    def close(self) -> None:
        """Close the port, and wait until the sessions have ended."""
        self._listening.close()

    def _begin(self, client: socket.socket) -> Callable[[], None]:
        client.settimeout(IDLE)
        self.sessions.append(Sent())
        return _Session(self, client, self.sessions[-1]).serve


class _Session:
    def __init__(self, switch: Switch, client: socket.socket, sent: Sent) -> None:
        self.switch, self.client, self.sent = switch, client, sent
        self.next_host: socket.socket | None = None
        self.next_name = ""
        self.replies = b""
        self.cut_after = ""
        self.before: list[bytes] = []

    def serve(self) -> None:
        """Speak until the program goes away, then let go of the next host."""
        try:
            self._speak()
        finally:
            self.sent.ended_at = time.monotonic()
            if self.next_host is not None:
                self.next_host.close()

    def _speak(self) -> None:
        units = Units(self.client)
        self._reply(f"220 {self.switch.host.name} the network of this host\r\n".encode())
        is_data = False
        while unit := units.next(is_data=is_data):
            self.sent.lines.append(Line("S", unit))
            reply = self._text(unit) if is_data else self._command(unit)
            if is_data and reply.startswith(b"250"):
                self.sent.texts.append(dot_unstuff(unit[:-3]))
                self.switch.faults.note("transfer", self.switch.host.name)
            is_data = not is_data and reply.startswith(b"354")
            self._reply(reply)
            self._cut_if(reply[:3].decode("latin-1"))
            if not is_data and verb_of(unit) == "QUIT":
                return

    def _reply(self, octets: bytes) -> None:
        self.sent.lines.append(Line("R", octets))
        self.client.sendall(octets)

    def _text(self, octets: bytes) -> bytes:
        """Pass mail data on, or the part of it that is sent before the channel is cut."""
        assert self.next_host is not None
        if self.cut_after.endswith("B") and (size := parse_size(self.cut_after)) < len(octets):
            with suppress(OSError):
                self.next_host.sendall(octets[:size])
            raise ConnectionError("the link is cut")
        reply = self._pass_on(octets)
        self._cut_if(".")
        return reply

    def _cut_if(self, place: str) -> None:
        """Cut the channel if a fault says so after that; raises ConnectionError."""
        if self.cut_after == place:
            raise ConnectionError("the link is cut")

    def _command(self, line: bytes) -> bytes:
        """Return the reply to a command: ours, or that of the next host."""
        command = parse_command(line.removesuffix(b"\r\n"), "tolerant")
        is_of_today = verb_of(line) == "EHLO"
        if (command.fault or not line.endswith(b"\r\n")) and not is_of_today:
            why = command.text if command.fault else "no CRLF at its end"
            self.sent.wrong.append((line, why))
        if command.verb == "RCPT" and not command.fault:
            destination = self.switch.host.destinations.of(command.path)
            if destination.hop is None:
                return destination.refusal.octets if destination.refusal else b"550 It is yours\r\n"
            return self._recipient(line, destination.hop.name)
        if self.next_host is not None and not is_of_today:
            reply = self._pass_on(line)
            self._cut_if(command.verb)
            return reply
        if command.verb in ("HELO", "MAIL"):
            self.before = [*(self.before if command.verb == "MAIL" else []), line]
        if command.verb == "QUIT":
            return f"221 {self.switch.host.name} bye\r\n".encode()
        if command.fault or is_of_today:
            return f"{command.fault or 500} {command.text or 'not known'}\r\n".encode("latin-1")
        return b"250 OK\r\n" if command.verb in ("HELO", "MAIL", "RSET", "NOOP") else b"503 No\r\n"

    def _recipient(self, line: bytes, name: str) -> bytes:
        if self.next_host is not None and name != self.next_name:
            return _OTHER
        if self.next_host is None:
            port = self.switch.address_of(name)
            if port is None:
                return _LOST
            self.next_name = name
            self.cut_after = self.switch.faults.hang_up(self.switch.host.name, name)
            self._cross_link()
            try:
                self.next_host = socket.create_connection(("127.0.0.1", port), 30)
            except OSError:
                return _LOST
            for octets in (b"", *self.before):
                reply = self._pass_on(octets)
                if not reply.startswith(b"2"):
                    return reply
            if self.cut_after in ("HELO", "MAIL", "RCPT"):
                raise ConnectionError("the link is cut")
        return self._pass_on(line)

    def _cross_link(self) -> None:
        """Wait as long as a fault says; raises ConnectionError if the link carries nothing."""
        faults, names = self.switch.faults, (self.switch.host.name, self.next_name)
        time.sleep(faults.seconds(*names))
        if faults.is_cut(*names):
            raise ConnectionError("the link is down")

    def _pass_on(self, octets: bytes) -> bytes:
        """Send octets to the next host and return its reply."""
        assert self.next_host is not None
        self._cross_link()
        with suppress(OSError):
            self.next_host.sendall(octets)
            reply = b""
            while True:
                line, newline, rest = self.replies.partition(b"\n")
                if newline:
                    self.replies = rest
                    reply += line + newline
                    if line[3:4] != b"-":
                        return reply
                    continue
                piece = self.next_host.recv(65536)
                if not piece:
                    break
                self.replies += piece
        return _LOST
