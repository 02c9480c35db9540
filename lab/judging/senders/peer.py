"""A receiver-SMTP for senders under test: it says what a case says, and keeps what crossed."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from lab.judging.listening import Listening
from lab.judging.record import Line
from lab.judging.senders.cases import ROWS, USUAL, Odd
from lab.protocol.lines import dot_unstuff, end_of_mail_data
from lab.protocol.syntax import verb_of

_MOST: Final = 8 * 1024**2
_NEEDS: Final = {"HELO": "CONNECT", "MAIL": "HELO", "RCPT": "MAIL", "DATA": "RCPT"}
"""Which row must have had a success before each: otherwise 503, as any receiver would say."""
_SESSIONS: Final = 50
"""Sessions that a program may have with it."""
SILENCE: Final = 0.6
"""Seconds that a silent receiver is silent before it closes the channel."""


@dataclass
class Seen:
    """What a sender did in one session.

    ``early``: what it sent while a reply was due, by the row. ``text`` is its mail data, with the
    transparency taken away, and ``raw`` what there was of it; ``is_taken``: that was answered 250.
    ``after_421``: what it sent after a 421.
    """

    lines: list[Line] = field(default_factory=list)
    commands: list[bytes] = field(default_factory=list)
    text: bytes | None = None
    raw: bytes = b""
    is_taken: bool = False
    early: dict[str, bytes] = field(default_factory=dict)
    unread: bytes = b""
    after_421: bytes = b""
    has_replied_to_quit: bool = False


class Peer:
    """A receiver-SMTP that listens on a port of this machine, for one case.

    ``odds``: how each session is odd in turn; the last holds for all that follow. ``is_down``: it
    takes no connections until :meth:`open` is called.
    """

    def __init__(self, *odds: Odd, is_down: bool = False) -> None:
        self.odds = odds
        self.sessions: list[Seen] = []
        self._listening = Listening(self._begin, _SESSIONS, is_down=is_down)
        self.port = self._listening.port

    def _begin(self, client: socket.socket) -> Callable[[], None]:
        client.settimeout(30)
        odd = self.odds[min(len(self.sessions), len(self.odds) - 1)]
        self.sessions.append(Seen())
        return _Session(client, self.sessions[-1], odd).run

    def open(self) -> None:
        """Take connections from now on."""
        self._listening.open()

    def close(self) -> None:
        """Close the port and all sessions, and wait until they have ended."""
        self._listening.close()


class _Over(Exception):
    """The session is over."""


class _Session:
    """One session of the peer."""

    def __init__(self, client: socket.socket, seen: Seen, odd: Odd) -> None:
        self.client, self.seen, self.odd = client, seen, odd
        self.buffer = b""
        self.is_data = False
        self.successes: set[str] = set()

    def run(self) -> None:
        """Speak until the sender goes away, or the case says so."""
        with suppress(_Over):
            self._reply("CONNECT")
            while True:
                self._next()

    def _read(self) -> None:
        piece = self.client.recv(65536)
        self.buffer += piece
        if not piece or len(self.buffer) > _MOST:
            self.seen.unread = self.buffer
            self.seen.raw = self.buffer if self.is_data else self.seen.raw
            raise _Over

    def _next(self) -> None:
        if self.is_data:
            self._mail_data()
            return
        while b"\r\n" not in self.buffer:
            self._read()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        self.seen.lines.append(Line("S", line + b"\r\n"))
        self.seen.commands.append(line)
        verb = verb_of(line).strip()
        self._reply(verb if verb in USUAL else "other")

    def _mail_data(self) -> None:
        while (end := end_of_mail_data(self.buffer)) < 0:
            self._read()
        raw, self.buffer = self.buffer[:end], self.buffer[end:]
        self.is_data = False
        self.seen.raw = raw
        self.seen.text = dot_unstuff(raw[:-3])
        self.seen.lines.append(Line("S", raw))
        self._reply("data")

    def _reply(self, row: str) -> None:
        is_odd = row == self.odd.row
        if self.buffer and row in ROWS[:5] and not self.seen.raw:
            self.seen.early.setdefault(row, self.buffer)
        octets = (USUAL.get(row) or "500 Syntax error, command unrecognized\r\n").encode("latin-1")
        if _NEEDS.get(row, row) not in (row, *self.successes):
            octets = b"503 Bad sequence of commands\r\n"
        elif is_odd and self.odd.octets is not None:
            octets = self.odd.octets.encode("latin-1")
        if is_odd and self.odd.pause:
            self._watch(row)
        self._send(octets, is_bytewise=is_odd and self.odd.is_bytewise)
        self._note(row, octets)
        if is_odd and self.odd.then:
            self._then()
        if row == "QUIT":
            raise _Over

    def _watch(self, row: str) -> None:
        """Wait before a reply, and note what comes meanwhile."""
        until = time.monotonic() + self.odd.pause
        self.client.settimeout(0.05)
        while time.monotonic() < until:
            with suppress(TimeoutError):
                self._read()
        self.client.settimeout(30)
        if self.buffer:
            self.seen.early[row] = self.buffer

    def _send(self, octets: bytes, *, is_bytewise: bool) -> None:
        for at in range(len(octets)) if is_bytewise else ():
            self.client.sendall(octets[at : at + 1])
        if not is_bytewise:
            self.client.sendall(octets)
        if octets:
            self.seen.lines.append(Line("R", octets))

    def _note(self, row: str, octets: bytes) -> None:
        first = octets.rsplit(b"\r\n", 2)[-2][:1] if octets.endswith(b"\r\n") else b""
        if first == b"2":
            self.successes.add(row)
        if row == "DATA" and first == b"3":
            self.is_data = True
        if row == "data" and first == b"2":
            self.seen.is_taken = True
        if row == "QUIT" and first == b"2":
            self.seen.has_replied_to_quit = True
        if octets.startswith(b"421"):
            self._after_421()

    def _after_421(self) -> None:
        self.client.settimeout(0.2)
        with suppress(TimeoutError, _Over, OSError):
            while True:
                self._read()
        self.seen.after_421 = self.buffer
        raise _Over

    def _then(self) -> None:
        """Lose the channel as the case says."""
        if self.odd.then == "half-close":
            self.client.shutdown(socket.SHUT_WR)
            self.client.settimeout(SILENCE * 4)
        elif self.odd.then == "silence":
            self.client.settimeout(SILENCE)
        if self.odd.then != "cut":
            with suppress(TimeoutError):
                while True:
                    self._read()
        raise _Over
