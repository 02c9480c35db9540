"""A part of a run: a simulation that moves its own hosts, window by window."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from lab.hosts.errand import Errand
from lab.hosts.host import Host
from lab.network.topology import Topology
from lab.parts.books import Books, Entries
from lab.parts.far import (
    ANSWERED,
    CALL,
    CONTROL,
    ENTRIES,
    FINISHED,
    FORGET,
    SAID,
    TREE,
    FarCalled,
    FarCalling,
    Message,
)
from lab.parts.marks import Marks, run_window
from lab.parts.share import NUMBERS, RANKS, Saying, home_of
from lab.protocol import SenderSMTP
from lab.protocol.script import ScriptedSender
from lab.session import Pathway, Session
from lab.simulation import Simulation
from lab.trace import Row


class PartSimulation(Simulation):
    """A simulation of all hosts that moves those of one part.

    ``parts`` are the parts of the hosts by name, ``part`` this one's number. ``outboxes`` hold what
    is to be told to each part; ``calling`` and ``called`` are the sessions with an end in another,
    by key. Sessions and messages are numbered host by host, with the host's rank above
    :data:`RANKS` bits. ``sayings`` are the commands and mail data that arrive in other parts,
    ``aliases`` the pairs of a session's key and number, ``begun`` is the first row of the run.
    ``books`` are of the messages whose home this part is.
    ``all_idle`` is set before each instant of faults: whether nothing was left to do in any part.
    """

    def __init__(self, topology: Topology, seed: int, parts: Mapping[str, int], part: int) -> None:
        self.parts = parts
        self.part = part
        self.outboxes: list[list[Message]] = [[] for _ in range(max(parts.values()) + 1)]
        self.calling: dict[int, FarCalling] = {}
        self.called: dict[int, FarCalled] = {}
        self.aliases: list[tuple[int, int]] = []
        self.sayings: list[Saying] = []
        self.all_idle = False
        self.books = Books(len(self.outboxes))
        ranks = ((name, rank << RANKS) for rank, name in enumerate(topology.hosts))
        self._numbers = {name: [first, first, first] for name, first in ranks}
        super().__init__(topology, seed)
        self.routes.on_tree = self._tell_tree
        self.begun: Row = self.trace.rows[0]
        if part:
            self.trace.rows.clear()  # how it began is told once

    def is_here(self, host: str) -> bool:
        """Whether a host is of this part; what is of no host is of the first."""
        return self.parts.get(host, 0) == self.part

    def channels(self) -> list[Session]:
        """The sessions that a fault may befall: also those with one end here."""
        return [*super().channels(), *self.called.values()]

    @property
    def is_idle(self) -> bool:
        """Whether nothing was left to do in any part when this instant began."""
        return self.all_idle

    @property
    def is_idle_here(self) -> bool:
        """Whether nothing is left to do in this part."""
        return self._has_nothing_to_do()

    # -- numbers --------------------------------------------------------------------------------

    def _next(self, host: str, of: int) -> int:
        numbers = self._numbers[host]
        numbers[of] += 1
        return numbers[of]

    def next_session(self, host: str = "") -> int:
        """The number of a session that a host opens."""
        return self._next(host, 0)

    def next_message(self, host: str = "", about: int | None = None) -> int:
        """The number of a message that first appears at a host, which tells where its home is."""
        home = self.part if about is None else home_of(about)
        return self._next(host, 1) | home << NUMBERS

    def next_key(self, host: str) -> int:
        """The key of a session that a host would open."""
        return self._next(host, 2)

    # -- other parts ----------------------------------------------------------------------------

    def _session(
        self,
        host: Host,
        peer: Host,
        way: Pathway,
        sender: SenderSMTP | ScriptedSender,
        errand: Errand | None,
    ) -> Session:
        if self.is_here(peer.name):
            return super()._session(host, peer, way, sender, errand)
        assert isinstance(sender, SenderSMTP), "a script is of the same part as whom it talks to"
        assert errand is not None, "a sender-SMTP has an errand"
        return FarCalling(self, host, peer, way, sender, errand)

    def post(self, host: str, message: Message) -> None:
        """Tell the part of a host something."""
        self.outboxes[self.parts[host]].append(message)

    def _tell_tree(self, there: int, octets: bytes) -> None:
        """Let the others have a tree of next hops that has been grown here."""
        for part, outbox in enumerate(self.outboxes):
            if part != self.part:
                outbox.append((math.inf, 0, TREE, there, octets))

    def enter(self, part: int, entries: Entries) -> None:
        """Have rows of this part be entered in the books of one."""
        if part == self.part:
            self.books.enter(part, entries)
        else:
            self.outboxes[part].append((math.inf, 0, ENTRIES, self.part, *entries))

    def said(self, row: Row) -> None:
        """Note what a sender-SMTP of this part has said to a receiver-SMTP of another."""
        self.sayings.append((len(self.trace.rows), row))

    def take(self, messages: list[Message]) -> None:
        """Put on the clock what another part has told."""
        for message in messages:
            _HANDLERS[message[2]](self, message)

    def _take_call(self, message: Message) -> None:
        FarCalled(self, message).called(message[0], message[1], opens=message[9])

    def _take_control(self, message: Message) -> None:
        at, place, _, key, *more = message
        if key in self.called:
            self.called[key].called(at, place, opens=more[0])
        elif key in self.calling:
            self.calling[key].answered(at, place, None, more[1])

    def _take_said(self, message: Message) -> None:
        session = self.called.get(message[3])
        if session is not None:
            session.said(message[0], message[1], message[4:])

    def _take_answered(self, message: Message) -> None:
        at, place, _, key, octets, sent = message
        session = self.calling.get(key)
        if session is not None:
            session.answered(at, place, octets, sent)

    def _take_finished(self, message: Message) -> None:
        session = self.called.get(message[3])
        if session is not None:
            session.finished(message[0], message[1])

    def _take_forget(self, message: Message) -> None:
        session = self.called.get(message[3])
        if session is not None:
            session._depart()

    def _take_tree(self, message: Message) -> None:
        self.routes.know({message[3]: message[4]})

    def _take_entries(self, message: Message) -> None:
        self.books.enter(message[3], message[4:])


_HANDLERS: Final[dict[int, Callable[[PartSimulation, Message], None]]] = {
    CALL: PartSimulation._take_call,
    CONTROL: PartSimulation._take_control,
    SAID: PartSimulation._take_said,
    ANSWERED: PartSimulation._take_answered,
    FINISHED: PartSimulation._take_finished,
    FORGET: PartSimulation._take_forget,
    TREE: PartSimulation._take_tree,
    ENTRIES: PartSimulation._take_entries,
}


MOST_ROWS: Final = 16_384
"""Rows of all parts in a window from which on it is too long."""

FIRST_SPAN: Final = 0.1
"""Seconds that the first window has at the most."""

LEAST_SPAN: Final = 1e-6
"""Seconds that a window is shortened to: what happens at one instant cannot be parted."""


WINDOWS_AHEAD: Final = 1
"""Windows that a part goes through before it must have heard what the others did in the first."""

FEW_ROWS: Final = 250
MANY_ROWS: Final = 1_000
"""Rows of all parts in a window below which to be ahead is not worth shorter ones, and above which
it is.
"""


class Windows:
    """The windows of a part: how far it may go before the parts meet again.

    ``lookahead`` in seconds is how long what is sent to another part takes at the least; none
    begins at ``until`` or later. ``end`` is how far this part has come.

    Before a window a part has heard from the others up to ``ahead`` windows ago. What they have
    sent since, they have sent no sooner than all that could happen next then, the ``first``; and it
    arrives the lookahead later. So the window may end there; and its length is such that this
    leaves room for one after it, where much happens in them.
    """

    def __init__(self, simulation: PartSimulation, lookahead: float, until: float | None) -> None:
        self.simulation = simulation
        self.lookahead = lookahead
        self.ahead = 0
        self._rows = 0
        self._span = min(lookahead, FIRST_SPAN)
        self.until = math.inf if until is None else until
        self.end = -math.inf
        self.marks = Marks()
        self._told = [math.inf] * (WINDOWS_AHEAD + 1)

    def pace(self, rows: int) -> None:
        """Have the next window be longer or shorter, by the rows of all parts in the last one.

        All that is recorded in a window waits in memory until its end.
        """
        if rows > MOST_ROWS:
            self._span = max(self._span / 2, LEAST_SPAN)
        elif rows < MOST_ROWS // 4:
            self._span *= 2
        self._rows = (self._rows + rows) // 2  # of some of the last windows: they vary
        if self._rows < FEW_ROWS:
            self.ahead = 0
        elif self._rows > MANY_ROWS:
            self.ahead = WINDOWS_AHEAD
        self._span = min(self._span, self.lookahead / (self.ahead + 1))

    def next_time(self) -> float:
        """The time of what happens next here, or elsewhere by what was done here.

        To be asked once a window: another part may not have heard yet of what was done in the last.
        """
        outboxes = self.simulation.outboxes
        told = min((one[0] for outbox in outboxes for one in outbox), default=math.inf)
        self._told = [*self._told[1:], told]
        peek: float = self.simulation.env.peek()
        return min(peek, *self._told)

    def is_of_faults(self, first: float) -> bool:
        """Whether faults strike or end where the next window would begin."""
        start = max(first, self.end)
        return self.simulation.faults.next_time(start) == start

    def is_over(self, first: float) -> bool:
        """Whether nothing is left to do in any part before the end of the run."""
        return first >= self.until

    def run(self, first: float) -> None:
        """Go through the next window, where all that can happen in any part is no sooner than
        ``first``, for all that has been heard.

        An instant in which faults strike is a window of its own, and ends the one before it.
        """
        start = max(first, self.end)
        fault = self.simulation.faults.next_time(start)
        end = math.nextafter(start, math.inf)
        if fault > start:
            furthest = max(first + self.lookahead, math.nextafter(first, math.inf))
            end = min(max(start + self._span, end), furthest, fault, self.until)
        if end > self.end:
            simulation = self.simulation
            run_window(simulation.env, end, simulation.trace.rows, self.marks, simulation.ranks)
            self.end = end
