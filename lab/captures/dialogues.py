"""What was said on a connection: commands, mail data and replies, told apart by the tracker."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from lab.captures.streams import Connection, Piece, Side
from lab.protocol import Crossing
from lab.protocol.arriving import ArrivingReplies
from lab.protocol.dialogue import Exchange
from lab.protocol.lines import CRLF, END_OF_MAIL_DATA, end_of_mail_data
from lab.protocol.states import COMMANDS
from lab.protocol.syntax import verb_of
from lab.trace import closes

PORTS: Final = frozenset((25, 587, 2525, 1025))
"""Ports at which a server that says nothing is taken for a receiver-SMTP."""

_GREETING: Final = re.compile(rb"(?:220|421|554)[ -]")
_SAYS_SMTP: Final = re.compile(rb"SMTP", re.I)
_FIRST_LINES: Final = re.compile(rb"(?:[1-5][0-9]{2}-[^\r\n]*\r\n)+")
_VERBS: Final = frozenset((*COMMANDS, "EHLO", "LHLO", "AUTH", "STAR", "BDAT"))
_CHUNK: Final = re.compile(rb"BDAT +([0-9]+)", re.I)
_ENCRYPTS: Final = "STAR"
"""STARTTLS, as commands are told apart: by four characters."""


class TimedCrossing(NamedTuple):
    """A command, mail data, a reply, or a piece of an incomplete reply.

    ``t`` is when it arrived, ``sent`` when it was sent (seconds since 1970); ``by_client``: the end
    that opened the connection said it.
    """

    t: float
    sent: float
    by_client: bool
    kind: str
    octets: bytes


@dataclass(slots=True)
class Talk:
    """A session: what was said, in order, and how it ended.

    ``closed`` is when (None: the capture ends first), ``reason`` is why, as in rows of the trace.
    ``is_turned``: at its end the roles were changed, by TURN.
    ``notes`` say what could not be read.
    """

    connection: Connection
    crossings: list[TimedCrossing] = field(default_factory=list)
    closed: float | None = None
    reason: str = ""
    is_turned: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def greeting(self) -> str:
        """The name with which the server greets; "" if it does not."""
        for spoken in self.crossings:
            if spoken.kind == "reply" and not spoken.by_client:
                words = spoken.octets[4:].split(None, 1)
                return words[0].decode("latin-1") if words and spoken.octets[:1] == b"2" else ""
        return ""

    @property
    def hello(self) -> str:
        """The name by which the client calls itself in HELO or EHLO; "" if it does not."""
        for spoken in self.crossings:
            if spoken.kind == "command" and verb_of(spoken.octets) in ("HELO", "EHLO", "LHLO"):
                words = spoken.octets[4:].split()
                return words[0].decode("latin-1") if words else ""
        return ""


def is_smtp(connection: Connection) -> bool:
    """Return whether a connection is one of SMTP, by the first that each end says."""
    greeting, first = _beginning(connection.server), _beginning(connection.client)
    if first and verb_of(first.partition(b"\n")[0].strip()) in _VERBS:
        return not greeting or greeting[:1].isdigit()
    if greeting:
        known = connection.server.address[1] in PORTS or _SAYS_SMTP.search(greeting)
        return _GREETING.match(greeting) is not None and bool(known)
    return not first and connection.server.address[1] in PORTS


def _beginning(side: Side) -> bytes:
    return b"".join([piece.octets for piece in side.pieces[:4]])[:512]


def talk_of(connection: Connection) -> Talk:
    """Return what was said on a connection."""
    talk = Talk(connection)
    reader = _Reader(talk)
    for piece, by_client in _in_order(connection):
        reader.take(piece, by_client=by_client)
    reader.end()
    return talk


def _in_order(connection: Connection) -> Iterator[tuple[Piece, bool]]:
    """Yield what both ends sent at once, in the order of time; True with that of the client."""
    pieces = [
        *[(piece, True) for piece in _written(connection.client)],
        *[(piece, False) for piece in _written(connection.server)],
    ]
    return iter(sorted(pieces, key=lambda item: item[0].t))


def _written(side: Side) -> Iterable[Piece]:
    """Yield what one end sent at once: segments up to the one that says that no more follows."""
    begun: Piece | None = None
    for piece in side.pieces:
        if begun is None:
            begun = piece
        else:
            begun = Piece(begun.t, piece.end, begun.octets + piece.octets, piece.pushed)
        if begun.pushed:
            yield begun
            begun = None
    if begun is not None:
        yield begun


class _Reader:
    """Reads what was said on one connection."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.exchange = Exchange()
        self.replies = ArrivingReplies()
        self.is_turned = False
        self.is_hidden = False
        self._unread = bytearray()
        self._scanned = 0
        self._since = 0.0
        self._lines = b""
        self._lines_since = 0.0
        self._due = 1

    def take(self, piece: Piece, *, by_client: bool) -> None:
        """Take what one end has sent at once."""
        if self.is_hidden:
            return
        connection = self.talk.connection
        side = connection.client if by_client else connection.server
        arrived = side.arrived(piece.end, piece.t)
        if by_client is self.is_turned:
            self._take_replies(piece, arrived, by_client=by_client)
        else:
            self._take_commands(piece, arrived, by_client=by_client)

    # -- the receiver-SMTP -------------------------------------------------------------------------

    def _take_replies(self, piece: Piece, arrived: float, *, by_client: bool) -> None:
        if not self._lines:
            self._lines_since = piece.t
        octets, sent = self._lines + piece.octets, self._lines_since
        self._lines = b""
        if _FIRST_LINES.fullmatch(octets):
            self._lines = octets  # programs may write a reply line by line
            return
        self._say(self._crossings(octets), arrived, sent, by_client=by_client)
        for answered in self.exchange.receive(octets):
            self._due -= 1
            if answered.spoken and answered.spoken.command == _ENCRYPTS and answered.code == 220:
                self.is_hidden = True
                self.talk.notes.append("what follows STARTTLS is encrypted, and is not shown")
        if self.exchange.is_turned:
            self.is_turned = not self.is_turned
            self.exchange, self.replies, self._due = Exchange(), ArrivingReplies(), 1

    def _crossings(self, octets: bytes) -> list[Crossing]:
        """Return what bytes of the receiver-SMTP are; replies that were sent together are each a
        reply, if as many commands were outstanding.
        """
        first, *replies = self.replies.take(octets)
        whole = b"".join([reply.octets for reply in replies])
        return replies if whole == octets and len(replies) <= self._due else [first, *replies]

    def _say(
        self, crossings: Iterable[Crossing], arrived: float, sent: float, *, by_client: bool
    ) -> None:
        for kind, octets in crossings:
            self.talk.crossings.append(TimedCrossing(arrived, sent, by_client, kind, octets))

    # -- the sender-SMTP ---------------------------------------------------------------------------

    def _take_commands(self, piece: Piece, arrived: float, *, by_client: bool) -> None:
        if not self._unread:
            self._since = piece.t
        self._unread += piece.octets
        while self._unread and (size := self._size()):
            octets = bytes(self._unread[:size])
            del self._unread[:size]
            self._scanned = 0
            is_data = self.exchange.takes_mail_data
            kind = "data" if is_data else "command"
            self.talk.crossings.append(TimedCrossing(arrived, self._since, by_client, kind, octets))
            self.exchange.ask_next(octets)
            self._due += 1
            self._since = piece.t

    def _size(self) -> int:
        """Return how many of the bytes that are not read yet are a command or mail data; 0: more
        have to come.
        """
        octets = self._unread
        if self.exchange.takes_mail_data:
            end = end_of_mail_data(octets, self._scanned)
            self._scanned = max(0, len(octets) - len(END_OF_MAIL_DATA))
            return max(0, end)
        end = octets.find(CRLF) + len(CRLF)
        if end < len(CRLF):
            return 0
        chunk = _CHUNK.match(octets)
        whole = end + (int(chunk[1][:10]) if chunk else 0)
        return whole if len(octets) >= whole else 0

    # -- the end -----------------------------------------------------------------------------------

    def end(self) -> None:
        """Take the end of the capture, or of the connection."""
        connection, talk = self.talk.connection, self.talk
        if self._lines:
            by_client, lines = self.is_turned, self._lines
            side = connection.client if by_client else connection.server
            at = side.arrived(side.size, self._lines_since)
            self._say(self.replies.take(lines), at, self._lines_since, by_client=by_client)
        if self._unread and not self.is_hidden:
            kind = "data" if self.exchange.takes_mail_data else "command"
            sent = self._since
            end = connection.client.arrived(connection.client.size, sent)
            talk.crossings.append(
                TimedCrossing(end, sent, not self.is_turned, kind, bytes(self._unread))
            )
        if connection.client.missing or connection.server.missing:
            talk.notes.append("the capture lacks some of its bytes; it is shown as far as those")
        talk.crossings.sort(key=lambda spoken: spoken.t)
        talk.closed, talk.reason = self._close()
        talk.is_turned = self.is_turned
        if talk.closed is not None and talk.crossings:
            talk.closed = max(talk.closed, talk.crossings[-1].t)

    def _close(self) -> tuple[float | None, str]:
        connection = self.talk.connection
        client, server = connection.client.finished, connection.server.finished
        if connection.reset_at is not None and client is None and server is None:
            who = "the server" if connection.reset_by is connection.server else "the client"
            return connection.reset_at, closes.cut(f"{who} reset the connection")
        if client is None and server is None:
            return None, ""
        first = min(t for t in (client, server) if t is not None)
        if self.exchange.is_over or self.is_hidden:
            return first, closes.closed_by_sender(self.exchange.has_quit)
        if server is not None and (client is None or server < client):
            return first, closes.cut("the server hung up")
        return first, closes.CLOSED
