"""Time stamp lines as they lie above the text of mail (section 4.1.2): which they are, and when."""

from __future__ import annotations

from functools import lru_cache

from lab.analysis.invariants.copies import KnownBytes
from lab.protocol import SyntaxFault, TimeStamp, parse_daytime, parse_time_stamp_line


def stamps_above(octets: bytes | bytearray, text: KnownBytes, begin: int = 0) -> int:
    """The number of time stamp lines before the text; -1 where there is anything else.

    The lines begin at ``begin``.
    """
    above = len(octets) - text.size - begin
    if above < 0 or not text.ends(octets):
        return -1
    if not above:
        return 0
    stamps = time_stamps(bytes(octets[begin : begin + above]))
    return -1 if stamps is None else len(stamps)


def own_stamp(octets: bytes | bytearray, host: str) -> bytes:
    """The time stamp line of a host on mail of its own user, for a private list; b"" if none."""
    if not octets.startswith(b"Received: from %b by %b " % (host.encode(), host.encode())):
        return b""
    line = bytes(octets[: octets.find(b"\r\n") + 2])
    return line if time_stamps(line) else b""


@lru_cache(maxsize=4096)
def time_stamps(above: bytes) -> tuple[TimeStamp, ...] | None:
    """The time stamps of lines, the latest first; None if any of them is something else."""
    *lines, rest = above.split(b"\r\n")
    try:
        return None if rest else tuple([parse_time_stamp_line(line) for line in lines])
    except SyntaxFault:
        return None


@lru_cache(maxsize=65536)
def seconds(daytime: str, first_year: int) -> float:
    """Seconds of a ``<daytime>`` (4.1.2), from any beginning.

    Its two digits are a year from that of the run's start on.
    """
    return parse_daytime(daytime).moment(first_year).timestamp()
