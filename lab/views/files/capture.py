"""The capture: a run as the packets that a listener on all links at once would have recorded.

It is a ``.pcap`` of IPv4 and TCP, whatever transport service a channel used, so that today's tools
can read it; segments are as long as that service's. Hosts have addresses from 10.0.0.1 on, in the
order of the topology file, and a file like ``/etc/hosts`` names them. What a link lost is sent
again; a channel that was cut ends with RST.
"""

from __future__ import annotations

import heapq
import math
import struct
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import IO, Final
from zlib import crc32

from lab.analysis.channel_records import ChannelRecord, as_they_began
from lab.analysis.link_delays import LinkDelays
from lab.analysis.narrative import piece_text, summary_line
from lab.analysis.shown_names import ShownNames, shown_names
from lab.network.transport import TRANSPORTS
from lab.protocol.lines import END_OF_MAIL_DATA
from lab.trace.closes import cut_cause, is_cut
from lab.trace.rows import (
    HOST,
    KIND,
    LINES,
    LOSS_AGAIN,
    LOSS_DELAY,
    MESSAGE,
    OCTETS,
    PEER,
    SENT,
    SESSION,
    Row,
    T,
)
from lab.trace.trace import Trace
from lab.trace.waiting_rows import RowFile

SMTP_PORT: Final = 25
_LAST_DATE: Final = 2**32 - 1
"""The last second since 1970 that a capture can hold: in 2106."""
_LONGEST_PACKET: Final = 86400.0
"""Seconds that a packet may arrive after the last event."""
_FIRST_PORT: Final = 1024
_PORTS: Final = 60_000
_WINDOW: Final = 65_535
RAW_IP: Final = 101
"""The link type of packets that begin with their IP header."""

_FIN, _SYN, _RST, _PUSH, _ACK = 1, 2, 4, 8, 16

Packet = tuple[float, int, bytes, str]
"""When a packet was sent (seconds of the run), the number of its channel, its octets, and what it
is, in words.
"""

_Made = tuple[float, bytes, str]
"""A packet of one channel: when it was sent, its octets, and what it is."""

_Next = tuple[float, int, bytes, str, Iterator[_Made]]
"""A packet that waits for its time, as :data:`Packet`, and those of its channel that follow."""


def address(number: int) -> bytes:
    """Return the IPv4 address of the host of that number, from 0: 10.0.0.1, 10.0.0.2 ..."""
    return struct.pack(">I", (10 << 24) + number + 1)


def addresses(trace: Trace) -> dict[str, str]:
    """Return the address of each host, by its name."""
    hosts = trace.meta.get("hosts", ())
    return {host["name"]: ".".join(map(str, address(n))) for n, host in enumerate(hosts)}


def write_hosts(trace: Trace, file: IO[str]) -> None:
    """Write the addresses and names of the hosts, one on each line, and how dates are shifted."""
    if shift := note_of_shift(trace):
        file.write(f"# {shift}\n")
    for name, address in addresses(trace).items():
        file.write(f"{address}\t{name}\n")


def first_date(trace: Trace) -> datetime:
    """Return the date at which a run begins."""
    return datetime.fromisoformat(trace.meta.get("start", "1982-08-01T00:00:00+00:00"))


def shift_of(trace: Trace) -> float:
    """Return the seconds by which the dates of a capture are later than those of the run.

    A capture has dates from 1970 to 2106. One of a run with other dates begins in 1970 or, if it
    is a run of dates after that, ends in 2106. Raises ValueError for a run that is longer.
    """
    first = first_date(trace).timestamp()
    last = first + trace.last + _LONGEST_PACKET
    if last - first > _LAST_DATE:
        years = _LAST_DATE // (365 * 86400)
        raise ValueError(f"the run is longer than the {years} years that a capture can hold")
    return -first if first < 0 else min(0.0, math.floor(_LAST_DATE - last))


def note_of_shift(trace: Trace) -> str:
    """Return a sentence that says by how much the dates of a capture are shifted, or nothing."""
    try:
        shift = shift_of(trace)
    except ValueError:  # no capture is made
        return ""
    if not shift:
        return ""
    first = first_date(trace)
    begins = datetime.fromtimestamp(first.timestamp() + shift, UTC)
    return (
        f"the dates of the capture begin at {begins:%Y-%m-%d %H:%M:%S} instead of "
        f"{first:%Y-%m-%d %H:%M:%S}: a capture has dates from 1970 to 2106"
    )


def write_capture(trace: Trace, file: IO[bytes]) -> None:
    """Write the packets of a run in the order of time, as a ``.pcap``.

    Times are the dates of the run; sizes are bytes. Memory grows only with how many channels are
    open at once.
    """
    import dpkt

    writer = dpkt.pcap.Writer(file, linktype=RAW_IP)
    epoch = first_date(trace).timestamp() + shift_of(trace)
    for t, _, octets, _ in packets_in_order(trace, described=False):
        writer.writepkt(octets, ts=round(epoch + t, 6))  # dpkt's own rounding may give 1,000,000 µs


def packets_in_order(trace: Trace, *, described: bool = True) -> Iterator[Packet]:
    """Yield all packets in the order of time; ``described``: with what bytes of mail say."""
    numbers = {host["name"]: n for n, host in enumerate(trace.meta.get("hosts", ()))}
    delays, shown = LinkDelays(trace), shown_names(trace.meta)
    going: list[_Next] = []
    with RowFile() as file:
        for number, channel in enumerate(as_they_began(trace.rows, file)):
            yield from _before(channel.started, going)
            packets = _Packets(channel, numbers, delays, shown, described=described).all()
            _go_on(going, number, packets)
        yield from _before(math.inf, going)


def _before(until: float, going: list[_Next]) -> Iterator[Packet]:
    """Yield the packets of all channels that come before a time, in order."""
    while going and going[0][0] < until:
        t, number, octets, about, packets = heapq.heappop(going)
        yield t, number, octets, about
        _go_on(going, number, packets)


def _go_on(going: list[_Next], number: int, packets: Iterator[_Made]) -> None:
    """Have the next packet of a channel wait for its time."""
    for t, octets, about in packets:
        heapq.heappush(going, (t, number, octets, about, packets))
        return


_AGAIN: Final = "sent again, because it was lost"


def _about(row: Row) -> str:
    """Return what a packet carries, in words: its session, its message, and what is said."""
    message = "" if row[MESSAGE] is None else f", message {row[MESSAGE]}"
    kind = row[KIND]
    summary = piece_text(row[OCTETS]) if kind == "piece" else summary_line(kind, row[OCTETS])
    return f"session {row[SESSION]}{message}: {summary}"


class _Side:
    """One end of a TCP connection: its address, port, and what it has sent and acknowledged."""

    __slots__ = ("acked", "address", "next", "port")

    def __init__(self, address: bytes, port: int, first: int) -> None:
        self.address = address
        self.port = port
        self.next = first
        self.acked = 0


class _Packets:
    """The packets of one channel."""

    def __init__(
        self,
        channel: ChannelRecord,
        numbers: Mapping[str, int],
        delays: LinkDelays,
        shown: ShownNames,
        *,
        described: bool,
    ) -> None:
        self.channel = channel
        self.described = described
        self.segment = TRANSPORTS[channel.transport].segment
        self.delays = delays
        self.shown = shown
        port = _FIRST_PORT + channel.number % _PORTS
        self.sides = {
            name: _Side(
                address(numbers.get(name, 0)),
                port if name == channel.client else SMTP_PORT,
                crc32(f"{channel.number}/{name}".encode()),
            )
            for name in (channel.server, channel.client)
        }
        self.identification = channel.number * 7919

    def delay(self, sender: str, at: float) -> float:
        """Return how long a byte of one side takes over the links, if nothing is in its way."""
        return self.delays.of(self.channel.number, at, back=sender != self.channel.client)

    def all(self) -> Iterator[_Made]:
        """Yield when each packet is sent, its octets and what it is, in the order of time."""
        waiting: list[tuple[float, int, bytes, str]] = []
        count = 0
        for last, packets in self._parts():
            for t, octets, about in packets:
                count += 1
                heapq.heappush(waiting, (t, count, octets, about))
            while waiting and waiting[0][0] <= last:
                t, _, octets, about = heapq.heappop(waiting)
                yield t, octets, about
        self.channel.wire.close()

    def _parts(self) -> Iterator[tuple[float, Iterable[_Made]]]:
        """Yield the packets part by part, and with each a time before which no others are sent."""
        channel = self.channel
        if channel.opened is None:
            client, server = channel.client, channel.server
            about = f"{self.shown[client]} tries to open a channel to {self.shown[server]}"
            yield math.inf, [(channel.started, self._packet(client, server, _SYN), about)]
            return
        losses, first = channel.losses_of_chunks(), self._first_after()
        yield first.pop(), self._handshake(channel.started, channel.opened)
        before: Row | None = None
        for place, row in enumerate(channel.wire):
            if before is not None:
                chunk = self._chunk(
                    before, losses.get(place - 1, ()), self._is_answered(before, row)
                )
                yield first.pop(), chunk
            before = row
        if before is not None:
            place = len(channel.wire) - 1
            chunk = self._chunk(before, losses.get(place, ()), self._is_answered(before, None))
            yield first.pop(), chunk
        yield math.inf, self._end()

    def _first_after(self) -> array[float]:
        """Return the first time at which what follows each part is sent, last part first."""
        channel = self.channel
        last = math.inf if channel.closed is None else channel.closed
        times = array("d", [row[SENT] for row in channel.wire])
        times.reverse()
        first = array("d", [last])
        for sent in times:
            last = min(last, sent)
            first.append(last)
        return first

    def _end(self) -> Iterator[_Made]:
        """Yield the packets with which the channel was closed, or cut."""
        channel = self.channel
        client, server = channel.client, channel.server
        if channel.closed is None:
            return
        if is_cut(channel.reason):
            about = f"session {channel.number} is lost: {cut_cause(channel.reason)}"
            yield channel.closed, self._packet(client, server, _RST | _ACK), about
            return
        yield from self._ending(channel.closed)

    def _handshake(self, started: float, opened: float) -> Iterator[_Made]:
        client, server = self.channel.client, self.channel.server
        losses = [row for row in self.channel.losses if row[T] < opened]
        late = min(sum(row[LOSS_DELAY] for row in losses), opened - started)
        there, back = self.delay(client, started), self.delay(server, started)
        total = 2 * there + back
        shares = (there / total, back / total) if total else (1 / 3, 1 / 3)
        trip, trip_back = ((opened - started - late) * share for share in shares)
        syn = self._packet(client, server, _SYN)
        yield started, syn, f"session {self.channel.number} is opened by {self.shown[client]}"
        times = sum(row[LOSS_AGAIN] for row in losses)
        for k in range(1, times + 1):
            yield started + late * k / times, syn, _AGAIN
        self.sides[client].next += 1
        self.sides[server].acked = self.sides[client].next
        yield opened - trip - trip_back, self._packet(server, client, _SYN | _ACK), ""
        self.sides[server].next += 1
        self.sides[client].acked = self.sides[server].next
        yield opened - trip, self._packet(client, server, _ACK), ""

    def _is_answered(self, row: Row, after: Row | None) -> bool:
        """Return whether what arrives is acknowledged by an answer that is sent at once."""
        if after is None:
            return bool(self.channel.closed == row[T] and row[HOST] == self.channel.client)
        return bool(after[PEER] == row[HOST] and after[SENT] == row[T])

    def _chunk(self, row: Row, losses: Sequence[Row], answered: bool) -> Iterator[_Made]:
        """Yield what was sent at once, cut into segments, and its acknowledgement."""
        arrived, _, to, sender, _, _, sent, octets = row[:LINES]
        about = _about(row) if self.described else ""
        pieces = _pieces(octets, self.segment)
        late = sum(loss[LOSS_DELAY] for loss in losses)
        spread = max(0.0, arrived - sent - self.delay(sender, sent) - late) / max(1, len(pieces))
        for k, piece in enumerate(pieces):
            flags = _ACK | (_PUSH if k == len(pieces) - 1 else 0)
            packet = self._packet(sender, to, flags, piece)
            part = f" (part {k + 1} of {len(pieces)})" if len(pieces) > 1 else ""
            yield sent + k * spread, packet, about + part
            if k < len(losses):
                again, delay = losses[k][LOSS_AGAIN], losses[k][LOSS_DELAY]
                for n in range(1, again + 1):
                    yield sent + k * spread + delay * n / again, packet, _AGAIN
            self.sides[sender].next += len(piece)
        self.sides[to].acked = self.sides[sender].next
        if not answered:
            yield arrived, self._packet(to, sender, _ACK), ""

    def _ending(self, t: float) -> Iterator[_Made]:
        client, server = self.channel.client, self.channel.server
        about = f"session {self.channel.number} ends: {self.channel.reason}"
        yield t, self._packet(client, server, _FIN | _ACK), about
        self.sides[client].next += 1
        self.sides[server].acked = self.sides[client].next
        there, back = self.delay(client, t), self.delay(server, t)
        yield t + there, self._packet(server, client, _FIN | _ACK), ""
        self.sides[server].next += 1
        self.sides[client].acked = self.sides[server].next
        yield t + there + back, self._packet(client, server, _ACK), ""

    def _packet(self, sender: str, to: str, flags: int, octets: bytes = b"") -> bytes:
        """Return the next packet of one side to the other: IPv4 (RFC 791), TCP (RFC 793), data."""
        a, b = self.sides[sender], self.sides[to]
        options = _SEGMENT_SIZE.pack(2, 4, self.segment) if flags & _SYN else b""
        size = 20 + len(options) + len(octets)
        self.identification = (self.identification + 1) & 0xFFFF
        ip = bytearray(_IP.pack(
            0x45, 0, 20 + size, self.identification, 0, _TTL, _TCP_NUMBER, 0, a.address, b.address
        ))  # fmt: skip
        ip[10:12] = _checksum(ip)
        offset = (20 + len(options)) << 2
        tcp = bytearray(_TCP.pack(
            a.port, b.port, a.next & 0xFFFFFFFF, a.acked & 0xFFFFFFFF, offset, flags, _WINDOW, 0, 0
        ))  # fmt: skip
        tcp += options
        tcp += octets
        pseudo = a.address + b.address + _PSEUDO.pack(_TCP_NUMBER, size)
        tcp[16:18] = _checksum(pseudo + tcp)
        return bytes(ip + tcp)


# Packed here, because dpkt takes thirty times as long to make a packet
_IP: Final = struct.Struct(">BBHHHBBH4s4s")
_TCP: Final = struct.Struct(">HHIIBBHHH")
_PSEUDO: Final = struct.Struct(">HH")
_SEGMENT_SIZE: Final = struct.Struct(">BBH")
_TTL: Final = 64
_TCP_NUMBER: Final = 6


def _checksum(octets: bytes | bytearray) -> bytes:
    """Return the complement of the ones' complement sum of the 16-bit words (RFC 1071).

    The sum is the remainder of the whole number by 65,535, but 65,535 instead of 0.
    """
    number = int.from_bytes(octets, "big") << (8 * (len(octets) % 2))
    return (0xFFFF - (number % 0xFFFF or 0xFFFF)).to_bytes(2, "big")


def _pieces(octets: bytes, size: int) -> list[bytes]:
    """Return bytes cut into segments; the end of mail data is not divided, or tools miss it.

    The last segment but one is then shorter, which TCP allows.
    """
    if len(octets) <= size:
        return [octets]
    cuts = list(range(size, len(octets), size))
    if cuts and len(octets) - cuts[-1] < len(END_OF_MAIL_DATA):
        cuts[-1] = len(octets) - len(END_OF_MAIL_DATA)
    return [octets[a:b] for a, b in pairwise([0, *cuts, len(octets)])]
