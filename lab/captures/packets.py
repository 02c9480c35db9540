"""The TCP segments in a file of packets: pcap or pcapng, as tcpdump and Wireshark write them."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import IO, Any, Final, NamedTuple, cast

FIN, SYN, RST, PUSH, ACK = 1, 2, 4, 8, 16

Address = tuple[str, int]
"""An IP address and a port."""


class Segment(NamedTuple):
    """A TCP segment: when it was seen (seconds since 1970), its ends and its content."""

    t: float
    source: Address
    target: Address
    sequence: int
    acknowledged: int
    flags: int
    octets: bytes


class CaptureError(ValueError):
    """A file cannot be read as a capture; the message says why, in one sentence."""


def segments(file: IO[bytes]) -> Iterator[Segment]:
    """Yield the TCP segments of a capture in the order of the file; other packets are left out.

    The file may be compressed with gzip. A packet that was cut off when it was captured, or a last
    one that is not whole, ends with what is there. Raises :class:`CaptureError`.
    """
    import dpkt

    start = file.read(2)
    file.seek(0)
    if start == b"\x1f\x8b":
        file = cast("IO[bytes]", gzip.GzipFile(fileobj=file))
    with _in_one_sentence():
        reader = dpkt.pcap.UniversalReader(file)
        to_ip = _LINKS.get(reader.datalink())
    if to_ip is None:
        raise CaptureError(
            f"its packets are of link type {reader.datalink()}, which cannot be read; capture on "
            "Ethernet, on loopback or on the interface any"
        )
    packets = iter(reader)
    while (packet := _next(packets)) is not None:
        try:
            segment = _segment(packet[0], to_ip(packet[1]))
        except (dpkt.UnpackError, IndexError, ValueError):
            continue  # not whole, or not IP
        if segment is not None:
            yield segment


def _next(packets: Iterator[tuple[float, bytes]]) -> tuple[float, bytes] | None:
    """Return the next packet; None at the end, or where what follows is not whole."""
    import dpkt

    try:
        t, octets = next(packets)
    except (StopIteration, dpkt.UnpackError, EOFError):
        return None
    except (OSError, zlib.error) as why:
        raise CaptureError(f"it is not a whole gzip file ({why})") from None
    return float(t), octets


@contextmanager
def _in_one_sentence() -> Iterator[None]:
    import struct

    import dpkt

    try:
        yield
    except (ValueError, dpkt.UnpackError, struct.error, EOFError):
        raise CaptureError(
            "it is not a capture; give a pcap or pcapng file, such as `tcpdump -w` writes"
        ) from None
    except (OSError, zlib.error) as why:
        raise CaptureError(f"it is not a whole gzip file ({why})") from None


def _segment(t: float, packet: Any) -> Segment | None:
    """Return the segment in an IP packet; None if there is none, or only a part of one."""
    import dpkt

    tcp = getattr(packet, "data", None)
    if not isinstance(tcp, dpkt.tcp.TCP):
        return None
    octets = bytes(tcp.data)
    return Segment(
        t,
        (_text(packet.src), tcp.sport),
        (_text(packet.dst), tcp.dport),
        tcp.seq,
        tcp.ack,
        tcp.flags,
        octets,
    )


def _text(address: bytes) -> str:
    return str(ip_address(address))


def _ip(octets: bytes) -> Any:
    """Return the IP packet in these bytes, version 4 or 6; None if they are something else."""
    import dpkt

    version = octets[0] >> 4
    if version == 4:
        return dpkt.ip.IP(octets)
    return dpkt.ip6.IP6(octets) if version == 6 else None


def _ethernet(octets: bytes) -> Any:
    import dpkt

    data = dpkt.ethernet.Ethernet(octets).data
    return data if isinstance(data, (dpkt.ip.IP, dpkt.ip6.IP6)) else None


def _after(size: int) -> Callable[[bytes], Any]:
    """Return a reader of IP packets that follow a number of bytes."""
    return lambda octets: _ip(octets[size:])


_LINKS: Final[dict[int, Callable[[bytes], Any]]] = {
    0: _after(4),  # BSD loopback
    108: _after(4),  # OpenBSD loopback
    1: _ethernet,
    12: _ip,
    14: _ip,
    101: _ip,  # raw IP
    228: _ip,
    229: _ip,
    113: _after(16),  # Linux, the interface any
    276: _after(20),  # the same, second version
}
"""How the IP packet is found, by link type (https://www.tcpdump.org/linktypes.html)."""
