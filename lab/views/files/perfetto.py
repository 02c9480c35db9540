"""A run as a Perfetto trace: protocol buffers of TrackEvent, for ui.perfetto.dev and its tools.

Each host is a process. Under it lie a counter (messages in its spool), a track of what happens at
the host, a track for each message in its spool, and a track for each session that it opened, with
a slice from each command to its reply. Where a message goes, arrows lead from spool to spool. Times
are nanoseconds since the start of the run.

Numbers of fields are those of ``perfetto_trace.proto``; the encoding is that of protocol buffers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO, Final

from lab.analysis.faults import place_of, shown_place
from lab.analysis.narrative import sentence, summary_line
from lab.analysis.shown_names import shown_names
from lab.analysis.spools import SpoolChange, spool_changes
from lab.runtime.escaping import visible
from lab.trace.rows import (
    FAULT_NAME,
    FAULT_ON,
    FAULT_WHAT,
    HOST,
    KIND,
    MESSAGE,
    OCTETS,
    OPEN_STARTED,
    PEER,
    SENT,
    SESSION,
    Row,
    T,
    event_of,
)
from lab.trace.trace import Trace

_BEGIN, _END, _INSTANT, _COUNTER = 1, 2, 3, 4
_SEQUENCE: Final = 1
_INCREMENTAL: Final = 1
"""Of ``sequence_flags``: nothing of what came before is needed."""

_AT_HOSTS: Final = frozenset({
    "submit", "reject", "expand", "forward", "unreachable", "misnamed", "accept", "refuse", "defer",
    "deliver", "terminal", "notify", "abandon", "forget", "failure",
})  # fmt: skip
"""Kinds of event that are an instant on the track of their host."""

_NETWORK: Final = "the network"


def write_perfetto(trace: Trace, file: IO[bytes]) -> None:
    """Write a run as a Perfetto trace, packet by packet, as the trace is read.

    Memory grows with the hosts, and with what is open and in spools at one time.
    """
    _Writer(trace, file).write()


class _Writer:
    """Writes the packets of a run."""

    def __init__(self, trace: Trace, file: IO[bytes]) -> None:
        self._trace = trace
        self._file = file
        self._shown = shown_names(trace.meta)
        self._tracks = 0
        self._hosts: dict[str, int] = {}
        self._happens: dict[str, int] = {}
        self._lengths: dict[str, tuple[int, int]] = {}
        self._sessions: dict[int, tuple[int, str]] = {}
        self._spooled: dict[tuple[str, int], int] = {}
        self._pending: set[int] = set()
        self._faults: dict[tuple[str, str, str], list[int]] = {}
        self._message: int | None = None
        self._now = 0.0
        self._flags = _varint_field(13, _INCREMENTAL)

    def write(self) -> None:
        """Write everything; what is still open at the end ends there."""
        for change in spool_changes(self._passed()):
            self._change(change)
        last = self._trace.last
        for session in list(self._sessions):
            self._end_session(session, last)
        for track in (*self._spooled.values(), *(t for ts in self._faults.values() for t in ts)):
            self._event(last, _END, track)

    def _passed(self) -> Iterator[Row]:
        """Yield the rows, and write what each tells besides what it changes in spools."""
        for row in self._trace.rows:
            self._now, self._message = row[T], row[MESSAGE]
            self._take(row)
            yield row

    def _take(self, row: Row) -> None:
        kind, session = row[KIND], row[SESSION]
        if kind == "open":
            self._open(row)
        elif kind == "fault":
            self._fault(row)
        elif kind in _AT_HOSTS:
            text = sentence(event_of(row), shown=self._shown)
            self._event(row[T], _INSTANT, self._happening(row[HOST]), text, row[MESSAGE])
        elif session in self._sessions:
            if kind in ("command", "data"):
                self._begin_command(row)
            elif kind == "reply":
                self._end_command(row)
            elif kind == "close":
                self._end_session(session, row[T])

    # -- sessions -------------------------------------------------------------------------------

    def _open(self, row: Row) -> None:
        session, peer = row[SESSION], row[PEER]
        name = f"session {session} to {self._shown[peer]}"
        track = self._track(name, self._host(row[HOST]))
        self._sessions[session] = track, row[HOST]
        self._event(row[OPEN_STARTED], _BEGIN, track, name)

    def _begin_command(self, row: Row) -> None:
        track, _ = self._sessions[row[SESSION]]
        if row[SESSION] in self._pending:  # mail data in several pieces, or a command at once
            return
        self._pending.add(row[SESSION])
        self._event(row[SENT], _BEGIN, track, summary_line(row[KIND], row[OCTETS]), row[MESSAGE])

    def _end_command(self, row: Row) -> None:
        track, _ = self._sessions[row[SESSION]]
        text = summary_line("reply", row[OCTETS])
        if row[SESSION] in self._pending:
            self._pending.discard(row[SESSION])
            self._event(row[T], _END, track, reply=text)
        else:
            self._event(row[T], _INSTANT, track, text)

    def _end_session(self, session: int, at: float) -> None:
        track, _ = self._sessions.pop(session)
        if session in self._pending:
            self._pending.discard(session)
            self._event(at, _END, track)
        self._event(at, _END, track)

    # -- spools and faults ----------------------------------------------------------------------

    def _change(self, change: SpoolChange) -> None:
        host, now = change.host, self._now
        if change.by:
            track, length = self._lengths.get(host, (0, 0))
            if not track:
                track = self._track("messages in the spool", self._host(host), is_counter=True)
            self._lengths[host] = track, length + change.by
            self._packet(now, _varint_field(9, _COUNTER), _varint_field(11, track),
                         _varint_field(30, length + change.by))  # fmt: skip
        if change.by < 0:
            message = change.left[0].mail.message
            self._event(now, _END, self._spooled.pop((host, message)))
        elif change.by > 0 and self._message is not None:
            name = f"message {self._message} in the spool"
            track = self._spooled[host, self._message] = self._track(name, self._host(host))
            self._event(now, _BEGIN, track, name, self._message)

    def _fault(self, row: Row) -> None:
        key = (row[FAULT_NAME], place_of(row[HOST], row[PEER]), row[FAULT_WHAT])
        place = shown_place(row[HOST], row[PEER], self._shown)
        name = " ".join(part for part in (row[FAULT_NAME], place, row[FAULT_WHAT]) if part)
        if row[FAULT_ON]:
            track = self._track(f"fault: {name}", self._host(_NETWORK))
            self._faults.setdefault(key, []).append(track)
            self._event(row[T], _BEGIN, track, name)
        elif self._faults.get(key):
            self._event(row[T], _END, self._faults[key].pop(0))

    # -- tracks and packets ---------------------------------------------------------------------

    def _host(self, name: str) -> int:
        """Return the track of a host, which is a process; declared when it is first needed."""
        if name not in self._hosts:
            process = _varint_field(1, len(self._hosts) + 1) + _text_field(6, self._shown[name])
            self._hosts[name] = self._declare(_field(3, process))
        return self._hosts[name]

    def _happening(self, host: str) -> int:
        name = host or _NETWORK
        if name not in self._happens:
            self._happens[name] = self._track("what happens", self._host(name))
        return self._happens[name]

    def _track(self, name: str, parent: int, *, is_counter: bool = False) -> int:
        counter = _field(8, b"") if is_counter else b""
        return self._declare(_text_field(2, name) + _varint_field(5, parent) + counter)

    def _declare(self, descriptor: bytes) -> int:
        self._tracks += 1
        packet = _field(60, _varint_field(1, self._tracks) + descriptor)
        self._write_packet(packet)
        return self._tracks

    def _event(
        self,
        t: float,
        kind: int,
        track: int,
        name: str = "",
        message: int | None = None,
        reply: str = "",
    ) -> None:
        parts = [_varint_field(9, kind), _varint_field(11, track)]
        if name:
            parts.append(_text_field(23, name))
        if message is not None:
            parts.append(_field(4, _text_field(10, "message") + _varint_field(4, message)))
            parts.append(_fixed_field(47, message))
        if reply:
            parts.append(_field(4, _text_field(10, "reply") + _text_field(6, reply)))
        self._packet(t, *parts)

    def _packet(self, t: float, *event: bytes) -> None:
        time = _varint_field(8, max(0, round(t * 1e9)))
        self._write_packet(time + _field(11, b"".join(event)))

    def _write_packet(self, content: bytes) -> None:
        sequence = _varint_field(10, _SEQUENCE) + self._flags
        self._flags = b""
        self._file.write(_field(1, content + sequence))


# -- protocol buffers ------------------------------------------------------------------------------


def _varint(number: int) -> bytes:
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def _varint_field(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _fixed_field(number: int, value: int) -> bytes:
    return _varint(number << 3 | 1) + struct.pack("<Q", value)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _text_field(number: int, text: str) -> bytes:
    return _field(number, visible(text).encode("utf-8", "replace"))
