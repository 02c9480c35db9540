"""One side of a session, as a host's process keeps it, whichever side that is."""

from __future__ import annotations

import asyncio
import math
from abc import ABC, abstractmethod

from lab.hosts.sending import QueueSender
from lab.protocol import Outgoing


class OpenSession(ABC):
    """One side of a session, as the host's process keeps it.

    ``number`` is the session's, 0 while it has none. ``peer`` is the other host. ``queue_sender``
    is the queue whose mail is sent, None on a receiver-SMTP's side and for a script. ``over`` is
    set when this side has ended. ``is_early``: what comes next has come before all that this side
    sent has left.
    """

    def __init__(self, peer: str, queue_sender: QueueSender | None) -> None:
        self.number = 0
        self.peer = peer
        self.queue_sender = queue_sender
        self.over = False
        self.is_early = False

    @property
    def sends(self) -> Outgoing | None:
        """The mail of the transaction in progress, if this side is a sender-SMTP."""
        return None

    @property
    def deadline(self) -> float:
        """The time of the run by which something has to come."""
        return math.inf

    @property
    def is_work(self) -> bool:
        """Whether the host has work while this is open; a script that hears nothing is none."""
        return self.queue_sender is not None

    # -- what its connection tells it -----------------------------------------------------------

    @abstractmethod
    def connected(self, transport: asyncio.Transport) -> None:
        """Begin: there is a connection now."""

    @abstractmethod
    def hear_network(self) -> None:
        """Handle what the network has said before what comes next on the connection."""

    @abstractmethod
    def received(self, octets: bytes) -> None:
        """Handle bytes from the other end."""

    @abstractmethod
    def go_on(self) -> None:
        """Read on: what was written has left."""

    @abstractmethod
    def input_ended(self) -> bool:
        """Note that nothing more comes; return whether replies still have to be sent."""

    @abstractmethod
    def disconnected(self, *, has_all_left: bool) -> None:
        """End the session: the connection is gone; ``has_all_left``: in good order."""

    @abstractmethod
    def failed(self, error: Exception) -> None:
        """End the session, and nothing else, as something in it has failed."""

    # -- what the host's process tells it -------------------------------------------------------

    @abstractmethod
    def check_timeout(self, now: float) -> None:
        """End the session if nothing has come for too long."""

    @abstractmethod
    def fail(self) -> None:
        """End the session at once: something in it has failed, whatever that was."""

    def shut_down(self) -> None:  # noqa: B027  most sessions are ended by the network
        """End the session in order because the host ends, unless the network does so."""
