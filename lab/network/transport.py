"""Transport services: what opening a transmission channel costs in each (appendices A to D).

SMTP asks for "a reliable ordered data stream channel". The services differ in how they open one,
and in how they cut a stream into pieces. The appendices name the services and leave the rest to
their own documents; where those leave a size open, it is that of an implementation of the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Transport:
    """A transport service.

    ``opening``: the sizes in bytes, on the wire, of the control messages before the receiver-SMTP
    may greet. The first comes from the sender's host, the second from the receiver's, and so on.
    ``setup``: seconds that the service takes in addition. ``segment`` and ``header``: bytes of the
    pieces in which data travels. ``under``: the service that carries those pieces, if any.
    ``is_simplex``: each direction is a connection of its own.
    """

    name: str
    opening: tuple[int, ...]
    segment: int
    header: int
    setup: float = 0.0
    under: Transport | None = None
    is_simplex: bool = False

    def on_the_wire(self, size: int) -> int:
        """Return how many bytes ``size`` bytes of data are on a link, with their headers."""
        if self.under is None:
            return size + self.header * -(-size // self.segment)
        whole, octets_left = divmod(size, self.segment)
        carried = whole * self.under.on_the_wire(self.segment + self.header)
        return carried + (self.under.on_the_wire(octets_left + self.header) if octets_left else 0)

    @property
    def piece(self) -> int:
        """Bytes of the largest piece on the wire: a switch sends it on once it has all of it."""
        return self.segment + self.header if self.under is None else self.under.piece


# Appendix A. RFC 793's handshake: SYN, SYN with ACK, ACK. 536 bytes is the segment that every
# host takes (RFC 879), 40 the headers of TCP and IP.
_TCP: Final = Transport("tcp", (40, 40, 40), 536, 40)

# Appendix B. The Initial Connection Protocol: RTS to the contact socket, and STR back; ALL, which
# allows one number to be sent; then that number, a new socket, with RTS and STR for a pair of
# simplex connections there; then STR and RTS for the same pair, and ALL, after which the receiver
# may speak. RTS and STR are 10 bytes, ALL 8, the number 4; a message has a leader of 4 and a header
# of 5 bytes (9), and holds up to 8063 bits.
_NCP: Final = Transport("ncp", (19, 19, 17, 42, 37), 1007, 9, is_simplex=True)

# Appendix C. CONNECT; the receiver-SMTP may greet as soon as it has executed ACCEPT.
_NITS: Final = Transport("nits", (32,), 256, 8)

# Appendix D, used "directly". CALL REQUEST to the public data network, which takes some time to
# switch the call; the side that accepts it may speak at once. Packets of 128 bytes in frames.
_X25: Final = Transport("x25", (26,), 128, 9, setup=1.0)

# Appendix D, as "it is suggested": TCP "on top of X.25 connections". The call is made and
# confirmed; then TCP's handshake goes through it, a packet for each message, and TCP's segments are
# cut into packets.
_TCP_ON_X25: Final = Transport(
    "tcp-on-x25", (26, 12, 49, 49, 49), _TCP.segment, _TCP.header, _X25.setup, _X25
)

TRANSPORTS: Final = {
    transport.name: transport for transport in (_TCP, _NCP, _NITS, _X25, _TCP_ON_X25)
}
"""The transport services by the names that a topology file uses."""
