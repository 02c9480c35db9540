"""A partition of a run: a simulation that moves its own hosts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from lab.hosts.host import Host
from lab.hosts.sending import QueueSender
from lab.network.channel import ChannelRoute
from lab.protocol import SenderSMTP
from lab.protocol.script import ScriptedSender
from lab.simulation.any_session import AnySession
from lab.simulation.numbering import PartitionNumbering
from lab.simulation.partitioned.event_order import OrderedRows
from lab.simulation.partitioned.owned_results import OwnedResults
from lab.simulation.partitioned.remote import (
    ANSWERED,
    CALL,
    CONTROL,
    FINISHED,
    FORGET,
    ROWS,
    SENT,
    TREE,
    CalledConnection,
    CallingConnection,
    Message,
    RemoteReceiverEnd,
    RemoteReceiverSession,
    RemoteSessions,
)
from lab.simulation.plugins import Plugins
from lab.simulation.session import Session
from lab.simulation.simulation import Simulation
from lab.topology.model import Topology
from lab.trace.rows import Row


class PartitionSimulation(Simulation):
    """A simulation of all hosts that moves those of one partition.

    ``partitions`` are the numbers of the hosts' partitions by name, ``partition`` is this one's.
    ``remote`` holds the sessions with an end in another, and what is posted to it. ``numbers``
    counts sessions and messages host by host. ``begun`` is the first row of the run.
    ``owned_results`` are of the messages that this partition owns. ``all_idle`` is set before each
    instant of faults: whether nothing was left to do in any partition.
    """

    def __init__(
        self,
        topology: Topology,
        seed: int,
        partitions: Mapping[str, int],
        partition: int,
        plugins: Plugins | None = None,
    ) -> None:
        self.partitions = partitions
        self.partition = partition
        self.remote = RemoteSessions(partitions)
        self.all_idle = False
        self.owned_results = OwnedResults(len(self.remote.outboxes))
        self.numbers = PartitionNumbering(topology.hosts, partition)
        super().__init__(topology, seed, self.numbers, plugins)
        self.remote.rows = self.trace.growing
        self.world.routes.shortest.on_tree = self._share_tree
        self.begun: Row = self.trace.rows[0]
        if partition:
            self.trace.growing.clear()  # the beginning of the run is recorded once

    def is_here(self, host: str) -> bool:
        """Whether a host is in this partition; what belongs to no host is in the first."""
        return self.partitions.get(host, 0) == self.partition

    def cuttable_sessions(self) -> list[AnySession]:
        """Return the sessions that a fault can cut: also those with only one end here."""
        return [*super().cuttable_sessions(), *self.remote.called.values()]

    @property
    def is_idle(self) -> bool:
        """Whether nothing was left to do in any partition when this instant began."""
        return self.all_idle

    @property
    def is_idle_here(self) -> bool:
        """Whether nothing is left to do in this partition."""
        return self.has_nothing_to_do()

    # -- other partitions -----------------------------------------------------------------------

    def new_session(
        self,
        host: Host,
        peer: Host,
        route: ChannelRoute,
        sender: SenderSMTP | ScriptedSender,
        queue_sender: QueueSender | None,
    ) -> Session:
        """Return a new session, not open yet; its other end may be in another partition."""
        if self.is_here(peer.name):
            return super().new_session(host, peer, route, sender, queue_sender)
        key = self.numbers.next_key(host.name)
        connection = CallingConnection(self.env, route, self.remote, key)
        receiver = RemoteReceiverEnd(connection)
        return Session(self, host, peer, route, sender, queue_sender, connection, receiver)

    def _share_tree(self, destination: int, octets: bytes) -> None:
        """Send the others a tree of next hops that has been grown here."""
        for partition, outbox in enumerate(self.remote.outboxes):
            if partition != self.partition:
                outbox.append((math.inf, 0, TREE, destination, octets))

    def send_rows(self, partition: int, batch: OrderedRows) -> None:
        """Send rows of this partition to the owner of the messages that they are about."""
        if partition == self.partition:
            self.owned_results.take(partition, batch)
        else:
            outbox = self.remote.outboxes[partition]
            outbox.append((math.inf, 0, ROWS, self.partition, *batch))

    def take(self, messages: list[Message]) -> None:
        """Put on the clock what another partition has sent."""
        for message in messages:
            _HANDLERS[message[2]](self, message)

    def _take_call(self, message: Message) -> None:
        at, order, _, key, sender_host, receiver_host, environment, started, deadline, opens = (
            message
        )
        route = self.world.channel_route(sender_host, receiver_host, environment)
        connection = CalledConnection(self.env, route, self.remote, key, started, deadline)
        RemoteReceiverSession(self, sender_host, self.hosts[receiver_host], connection)
        connection.call(at, order, opens=opens)

    def _take_control(self, message: Message) -> None:
        at, order, _, key, *contents = message
        if key in self.remote.called:
            self.remote.called[key].called.call(at, order, opens=contents[0])
        elif key in self.remote.calling:
            self.remote.calling[key].arrive(at, order, None, *contents[1:])

    def _take_sent(self, message: Message) -> None:
        session = self.remote.called.get(message[3])
        if session is not None:
            session.arrive(message[0], message[1], message[4:])

    def _take_answered(self, message: Message) -> None:
        at, order, _, key, *contents = message
        connection = self.remote.calling.get(key)
        if connection is not None:
            connection.arrive(at, order, *contents)

    def _take_finished(self, message: Message) -> None:
        session = self.remote.called.get(message[3])
        if session is not None:
            session.called.finish(message[0], message[1])

    def _take_forget(self, message: Message) -> None:
        session = self.remote.called.get(message[3])
        if session is not None:
            session.discard()

    def _take_tree(self, message: Message) -> None:
        self.world.routes.shortest.know({message[3]: message[4]})

    def _take_rows(self, message: Message) -> None:
        self.owned_results.take(message[3], message[4:])


_HANDLERS: Final[dict[int, Callable[[PartitionSimulation, Message], None]]] = {
    CALL: PartitionSimulation._take_call,
    CONTROL: PartitionSimulation._take_control,
    SENT: PartitionSimulation._take_sent,
    ANSWERED: PartitionSimulation._take_answered,
    FINISHED: PartitionSimulation._take_finished,
    FORGET: PartitionSimulation._take_forget,
    TREE: PartitionSimulation._take_tree,
    ROWS: PartitionSimulation._take_rows,
}
