"""A run as a ``.pcapng``: the packets of the capture, the hosts' names, and a comment on each.

The comment says to which session and message a packet belongs, and what it says or why it was sent:
Wireshark shows it, and filters by it (``frame.comment contains "message 7"``). Unlike a ``.pcap``
it holds any date, because times are counted from the start of the run.
"""

from __future__ import annotations

import struct
from math import floor
from typing import IO, Final

from lab.runtime.escaping import visible
from lab.trace.trace import Trace
from lab.views.files.capture import RAW_IP, address, first_date, packets_in_order

_SECTION, _INTERFACE, _NAMES, _PACKET = 0x0A0D0D0A, 1, 4, 6
"""Types of blocks."""

_COMMENT, _PROGRAM, _NAME, _RESOLUTION, _OFFSET = 1, 4, 2, 9, 14
"""Options: of any block, of a section, and of an interface."""

_MICROSECONDS: Final = 6
_IPV4: Final = 1


def write_pcapng(trace: Trace, file: IO[bytes]) -> None:
    """Write the packets of a run in the order of time, as a ``.pcapng``.

    Memory grows only with what is open at once.
    """
    epoch = first_date(trace).timestamp()
    first = floor(epoch)
    file.write(_section(str(trace.meta.get("title") or "")))
    file.write(_interface(first))
    file.write(_names(trace))
    for t, _, octets, about in packets_in_order(trace):
        ticks = max(0, round((t + epoch - first) * 1e6))
        high, low = divmod(ticks, 1 << 32)
        head = struct.pack("<IIIII", 0, high & 0xFFFFFFFF, low, len(octets), len(octets))
        options = _texts((_COMMENT, about)) if about else b""
        file.write(_block(_PACKET, head + _padded(octets) + options))


def _section(title: str) -> bytes:
    head = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
    return _block(_SECTION, head + _texts((_COMMENT, title), (_PROGRAM, "smtp-lab")))


def _interface(first: int) -> bytes:
    """Return the block of the one interface, whose times are counted from a second of 1970's."""
    options = _option(_NAME, b"all links") + _option(_RESOLUTION, bytes([_MICROSECONDS]))
    options += _option(_OFFSET, struct.pack("<q", first)) + _END
    return _block(_INTERFACE, struct.pack("<HHI", RAW_IP, 0, 0) + options)


def _names(trace: Trace) -> bytes:
    records = b""
    for number, host in enumerate(trace.meta.get("hosts", ())):
        name = _encoded(host["name"])[:1000] + b"\0"
        value = address(number) + name
        records += struct.pack("<HH", _IPV4, len(value)) + _padded(value)
    return _block(_NAMES, records + struct.pack("<HH", 0, 0))


_END: Final = struct.pack("<HH", 0, 0)


def _block(kind: int, content: bytes) -> bytes:
    size = len(content) + 12
    return struct.pack("<II", kind, size) + content + struct.pack("<I", size)


def _texts(*options: tuple[int, str]) -> bytes:
    """Return options that are texts, and the end of options; empty texts are left out."""
    return b"".join(_option(code, _encoded(text)) for code, text in options if text) + _END


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _encoded(text: str) -> bytes:
    """Return a text in UTF-8, cut to what an option can hold."""
    octets = visible(text).encode("utf-8", "replace")
    return octets[:60_000].decode("utf-8", "ignore").encode()


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)
