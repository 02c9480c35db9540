"""A part of a run: a simulation that moves its own hosts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from lab.hosts.host import Host
from lab.hosts.sending import QueueSender
from lab.protocol import SenderSMTP
from lab.protocol.script import ScriptedSender
from lab.simulation.numbering import PartitionNumbering
from lab.simulation.partitioned.event_order import Marked
from lab.simulation.partitioned.home_results import HomeResults
from lab.simulation.partitioned.local_results import Saying
from lab.simulation.partitioned.remote import (
    ANSWERED,
    CALL,
    CONTROL,
    ENTRIES,
    FINISHED,
    FORGET,
    SAID,
    TREE,
    Message,
    RemoteReceiverSession,
    RemoteSenderSession,
)
from lab.simulation.session import ChannelRoute, Session
from lab.simulation.simulation import Simulation
from lab.topology.model import Topology
from lab.trace.rows import Row


class PartitionSimulation(Simulation):
    """A simulation of all hosts that moves those of one part.

    ``parts`` are the parts of the hosts by name, ``part`` this one's number. ``outboxes`` hold what
    is to be told to each part; ``calling`` and ``called`` are the sessions with an end in another,
    by key. ``numbers`` counts sessions and messages host by host. ``sayings`` are the commands and
    mail data that arrive in other parts, ``aliases`` the pairs of a session's key and number,
    ``begun`` is the first row of the run.
    ``books`` are of the messages whose home this part is.
    ``all_idle`` is set before each instant of faults: whether nothing was left to do in any part.
    """

    def __init__(self, topology: Topology, seed: int, parts: Mapping[str, int], part: int) -> None:
        self.parts = parts
        self.part = part
        self.outboxes: list[list[Message]] = [[] for _ in range(max(parts.values()) + 1)]
        self.calling: dict[int, RemoteSenderSession] = {}
        self.called: dict[int, RemoteReceiverSession] = {}
        self.aliases: list[tuple[int, int]] = []
        self.sayings: list[Saying] = []
        self.all_idle = False
        self.books = HomeResults(len(self.outboxes))
        self.numbers = PartitionNumbering(topology.hosts, part)
        super().__init__(topology, seed, self.numbers)
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

    # -- other parts ----------------------------------------------------------------------------

    def _session(
        self,
        host: Host,
        peer: Host,
        way: ChannelRoute,
        sender: SenderSMTP | ScriptedSender,
        errand: QueueSender | None,
    ) -> Session:
        if self.is_here(peer.name):
            return super()._session(host, peer, way, sender, errand)
        assert isinstance(sender, SenderSMTP), "a script is of the same part as whom it talks to"
        assert errand is not None, "a sender-SMTP has an errand"
        return RemoteSenderSession(self, host, peer, way, sender, errand)

    def post(self, host: str, message: Message) -> None:
        """Tell the part of a host something."""
        self.outboxes[self.parts[host]].append(message)

    def _tell_tree(self, there: int, octets: bytes) -> None:
        """Let the others have a tree of next hops that has been grown here."""
        for part, outbox in enumerate(self.outboxes):
            if part != self.part:
                outbox.append((math.inf, 0, TREE, there, octets))

    def enter(self, part: int, entries: Marked) -> None:
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
        RemoteReceiverSession(self, message).called(message[0], message[1], opens=message[9])

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


_HANDLERS: Final[dict[int, Callable[[PartitionSimulation, Message], None]]] = {
    CALL: PartitionSimulation._take_call,
    CONTROL: PartitionSimulation._take_control,
    SAID: PartitionSimulation._take_said,
    ANSWERED: PartitionSimulation._take_answered,
    FINISHED: PartitionSimulation._take_finished,
    FORGET: PartitionSimulation._take_forget,
    TREE: PartitionSimulation._take_tree,
    ENTRIES: PartitionSimulation._take_entries,
}
