"""What sessions and faults ask of whatever runs the hosts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from mypy_extensions import mypyc_attr

from lab.hosts.control import HostControl
from lab.hosts.sessions import enter
from lab.network.clock import Clock
from lab.network.events import WATCHES, Sequencer, Timer, sequencer
from lab.protocol import Transaction
from lab.simulation.any_session import AnySession
from lab.simulation.interception import Interceptions
from lab.simulation.numbering import Numbering
from lab.simulation.world import World
from lab.topology.model import PollSpec, ScriptSpec
from lab.trace.rows import Row
from lab.trace.trace import Trace


@mypyc_attr(allow_interpreted_subclasses=True)
class Driver(ABC):
    """Runs the hosts of a ``world``: in simulated time, or live.

    ``env`` is the clock of the links. ``trace`` is the record of the run; ``record`` takes a row of
    it, and is an attribute, as sessions call it at every event. ``numbering`` numbers sessions and
    messages. ``interceptions`` are the hang-ups and changes that the faults have set. ``sessions``
    are open or opening, by id. ``watch_orders`` gives the order numbers of what only looks whether
    something is overdue.
    """

    def __init__(
        self,
        world: World,
        trace: Trace,
        record: Callable[[Row], None],
        numbering: Numbering,
        interceptions: Interceptions,
    ) -> None:
        self.world = world
        self.topology = world.topology
        self.seed = world.seed
        self.env = Clock()
        self.trace = trace
        self.record = record
        self.numbering = numbering
        self.interceptions = interceptions
        self.sessions: dict[int, AnySession] = {}
        self.watch_orders = sequencer(WATCHES)

    # -- time -----------------------------------------------------------------------------------

    def at(
        self,
        at: float,
        call: Callable[[Any], None],
        value: Any,
        next_order: Sequencer | None = None,
    ) -> None:
        """Call with a value at a time in seconds, or now if that is past.

        ``next_order`` gives the order number of the call; without it, the call comes last among
        the events of its instant.
        """
        Timer(self.env, at, call, value, (next_order or self.watch_orders)())

    @property
    @abstractmethod
    def is_idle(self) -> bool:
        """Whether no mail is on its way anywhere, and none is to come."""

    # -- hosts ----------------------------------------------------------------------------------

    @abstractmethod
    def host_control(self, name: str) -> HostControl:
        """Return a host, as faults see it."""

    def is_here(self, host: str) -> bool:
        """Whether this driver runs a host; "" stands for what belongs to no host."""
        return True

    def links_changed(self) -> None:
        """Find channel routes anew: links have gone down, come up, or changed."""
        self.world.links_changed()

    # -- what the file has planned --------------------------------------------------------------

    @abstractmethod
    def run_script(self, script: ScriptSpec) -> None:
        """Open a session in which a host sends the lines of a script, whatever the replies."""

    @abstractmethod
    def poll(self, poll: PollSpec) -> None:
        """Call a host, and ask it to change roles when there is nothing more to send it."""

    # -- sessions -------------------------------------------------------------------------------

    @abstractmethod
    def register(self, session: AnySession) -> None:
        """Add a session to those that faults can cut, and have its reply timeouts watched."""

    def unregister(self, session: AnySession) -> None:
        """Remove a session whose sender-SMTP's end is closed."""
        self.sessions.pop(id(session), None)

    def cuttable_sessions(self) -> list[AnySession]:
        """Return the sessions that a fault can cut: host by host, as they began."""
        ranks = self.world.ranks
        return sorted(self.sessions.values(), key=lambda session: ranks[session.sender_host])

    def next_session(self, host: str) -> int:
        """Return the number of a session that a host opens."""
        return self.numbering.next_session(host)

    def foreign(self, host: HostControl, transaction: Transaction) -> tuple[int, list[str]]:
        """Return a number for mail from outside the scenario, and the ids of its recipients.

        The mail is recorded as submitted at ``host``, which accepts it.
        """
        number = self.numbering.next_message(host.name)
        row, ids = enter(self.env.now, host.name, number, transaction)
        self.record(row)
        return number, ids
