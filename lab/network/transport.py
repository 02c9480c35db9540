"""Transport services: what opening a transmission channel costs in each (appendices A to D).

SMTP asks for "a reliable ordered data stream channel"; the four services differ in how one comes
to be, and in how they cut a stream into pieces.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Transport:
    """A transport service.

    ``opening``: the sizes in bytes of the control messages before the receiver-SMTP may greet;
    the first from the sender's host, then turn about. ``setup``: seconds that the service takes
    beside them. ``segment`` and ``header``: bytes of the pieces in which data travels.
    """

    name: str
    opening: tuple[int, ...]
    segment: int
    header: int
    setup: float = 0.0

    def on_the_wire(self, size: int) -> int:
        """Bytes that ``size`` bytes of data take on a link, with a header for each segment."""
        return size + self.header * -(-size // self.segment)


TRANSPORTS: Final[dict[str, Transport]] = {
    # Appendix A. RFC 793's handshake: SYN, SYN with ACK, ACK. 536 bytes is the segment that every
    # host takes (RFC 879), 40 the headers of TCP and IP.
    "tcp": Transport("tcp", (40, 40, 40), 536, 40),
    # Appendix B. The Initial Connection Protocol: RTS to the contact socket and STR back, ALL and
    # the number of a new socket; then RTS and STR for the pair of simplex connections, the same
    # back, and ALL. Messages hold up to 8063 bits, their leader 32 and the host header 40.
    "ncp": Transport("ncp", (19, 19, 15, 13, 28, 28, 15), 1007, 9),
    # Appendix C. CONNECT; the receiver-SMTP may greet as soon as it has executed ACCEPT.
    "nits": Transport("nits", (32,), 256, 8),
    # Appendix D. CALL REQUEST to the public data network, which takes its time to switch the call;
    # packets of 128 bytes in frames.
    "x25": Transport("x25", (26,), 128, 9, setup=1.0),
}
"""The transport services by the names that a topology file uses."""
