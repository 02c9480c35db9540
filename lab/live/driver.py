"""What the handles of hosts, and the sessions between hosts, ask of a live network."""

from __future__ import annotations

import asyncio
import math
import multiprocessing
import secrets
from abc import abstractmethod
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

from lab.hosts.control import HostControl
from lab.live.control import MailSent
from lab.live.settings import Settings
from lab.live.spare_room import SpareRoom
from lab.live.wallclock import WallClock
from lab.simulation.any_session import AnySession
from lab.simulation.driver import Driver
from lab.simulation.faults import Faults
from lab.simulation.numbering import Numbering
from lab.simulation.world import World
from lab.topology.describe import describe_live
from lab.topology.model import Topology
from lab.trace.rows import Row
from lab.trace.trace import Trace

SECRET: Final = 16
"""Bytes with which a host begins a connection to the network."""


class LiveDriver(Driver):
    """A driver whose hosts are processes.

    ``clock`` is the wall clock, with which that of the links is kept in step. ``relay_port`` is the
    port at which the network listens for its hosts, which begin with ``relay_secret``: any program
    of this machine can connect there. ``failures`` are sentences about what keeps the run from
    starting; once ``is_up``, nothing that fails ends it. ``changed`` is set when there may be
    something to do. ``over`` is set when the run has ended; ``interrupted`` counts the requests to
    end it. ``room`` is the disk that mail is stored on.
    """

    def __init__(
        self, topology: Topology, seed: int, settings: Settings, numbering: Numbering
    ) -> None:
        trace = Trace()
        trace.record((0.0, "start", "", None, None, None, describe_live(topology, seed)))
        self.faults = faults = Faults(topology.faults)
        world, record = World(topology, seed), faults.recorder(trace)
        super().__init__(world, trace, record, numbering, faults.interceptions)
        faults.attach(self)
        self.settings = settings
        self.room = SpareRoom(settings.storage or Path())
        self.processes = multiprocessing.get_context("forkserver")
        self.processes.set_forkserver_preload(["lab.runtime.fork_server", "lab.live.host_main"])
        self.clock = WallClock(math.inf, settings.speed)
        self.relay_port = 0
        self.relay_secret = secrets.token_bytes(SECRET)
        self.is_up = False
        self.over = False
        self.interrupted = 0
        self.failures: list[str] = []
        self.changed = asyncio.Event()

    @abstractmethod
    def catch_up(self) -> None:
        """Let everything happen that is due, and receive what the hosts have sent."""

    @abstractmethod
    def advance(self) -> None:
        """Let everything happen on the links that is due; nothing is before all hosts listen."""

    @abstractmethod
    def pump(self) -> None:
        """Let everything happen on the links that is due, and the rest when it is due."""

    @abstractmethod
    def spawn(self, task: Coroutine[Any, Any, None]) -> None:
        """Run a task beside the others; if it fails, the run goes on."""

    @abstractmethod
    def note_failure(
        self, reason: str, name: str = "network", session: AnySession | None = None, host: str = ""
    ) -> None:
        """Record that something has failed, while the run goes on."""

    # -- hosts ----------------------------------------------------------------------------------

    @abstractmethod
    def mail_leaves(self, mail_data: bytes, message: int, ids: Sequence[str]) -> None:
        """Tell all hosts of mail that goes to a real mail server: it may come back to any."""

    @abstractmethod
    def host_died(self, host: HostControl, why: str) -> None:
        """Handle the end of a host's process that no fault of the file has caused."""

    @abstractmethod
    def take_rows(self, rows: list[Row]) -> None:
        """Take what a host has recorded into the trace."""

    @abstractmethod
    def real_message(self, number: int) -> int:
        """Return the number in the run of a message that a host may have numbered itself."""

    @abstractmethod
    def host_called(
        self,
        host: HostControl,
        call_number: int,
        port: int,
        peer: str,
        environment: str,
        *,
        is_mail: bool,
    ) -> None:
        """Join a host to another, for mail or for a script. It has connected from ``port``."""

    @abstractmethod
    def report_mail(self, session: int, sent: MailSent) -> None:
        """Note what mail a session sends."""

    @abstractmethod
    def report_receiver(self, session: int, is_in_mail_data: bool, turned: bool) -> None:
        """Note what the receiver-SMTP of a session makes of a reply that it is about to give."""

    @abstractmethod
    def report_timeout(self, session: int, why: str) -> None:
        """Note that the sender-SMTP of a session has waited too long for a reply."""

    # -- sessions -------------------------------------------------------------------------------

    @abstractmethod
    def number_session(self, session: AnySession) -> int:
        """Return a number for a session that is open; hosts report on it by that."""

    # -- connections ----------------------------------------------------------------------------

    @abstractmethod
    def relay_opened(self, relay: asyncio.BaseProtocol) -> None:
        """Note a new TCP connection to a host, to be closed at the end of the run."""

    @abstractmethod
    def relay_closed(self, relay: asyncio.BaseProtocol) -> None:
        """Note that a TCP connection to a host is closed."""
