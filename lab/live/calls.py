"""The calls of a host to others: each is a session as soon as the network has opened a channel."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable

from lab.hosts.host import Host
from lab.hosts.sending import QueueSender
from lab.hosts.sessions import sender_smtp
from lab.hosts.spool import Queue
from lab.live.host_connection import HostConnection
from lab.live.open_session import OpenSession
from lab.live.output import Output
from lab.live.settings import LOOPBACK
from lab.protocol import SenderSMTP
from lab.protocol.script import ScriptedSender
from lab.simulation.numbering import NUMBERS_OF_A_LIFE
from lab.topology.model import PollSpec, ScriptSpec
from lab.trace.closes import NO_PATH, unreachable


class PendingCall(OpenSession):
    """The sender-SMTP's side of a session. It is a call until the channel is open."""

    def __init__(self, peer: str, call_number: int, queue_sender: QueueSender | None) -> None:
        super().__init__(peer, queue_sender)
        self.call_number = call_number

    @abstractmethod
    def protocol(self) -> HostConnection:
        """Return what handles its TCP connection to the network."""

    @abstractmethod
    def opened(self, number: int) -> None:
        """Begin the session: the channel to the other host is open."""

    @abstractmethod
    def take_over(self, channel: HostConnection, number: int, replies: int) -> None:
        """Begin on a connection that there is, after TURN; ``replies``: so far."""

    @abstractmethod
    def abort(self) -> None:
        """Close the connection: no channel can be opened."""


NewCall = Callable[[str, str, SenderSMTP | ScriptedSender, QueueSender | None], PendingCall]
"""Makes a call: the peer, the environment, the engine, and whose mail it sends."""


class Calls:
    """The calls of one host. ``new_call`` makes them, and ``relay_port`` is the network's.

    ``pending`` are those, by number, whose channel the network has not opened yet. ``life`` is how
    often the host's process was started again: no two of its processes use the same numbers, as
    what the network says of a call may arrive when another process runs.
    """

    def __init__(
        self, output: Output, host: Host, new_call: NewCall, relay_port: int, life: int
    ) -> None:
        self.pending: dict[int, PendingCall] = {}
        self._output = output
        self._host = host
        self.new_call = new_call
        self._relay_port = relay_port
        self._number = NUMBERS_OF_A_LIFE * life

    def next_number(self) -> int:
        """Return the number of a new call."""
        self._number += 1
        return self._number

    def call(self, queue: Queue, *, turn: bool = False) -> None:
        """Call the next host of a queue; ``turn``: to ask it to change roles."""
        host = self._host
        self._attempt(queue.host, queue.environment, queue.failures + 1)
        sender, queue_sender = sender_smtp(host, queue, turn=turn)
        self._call_host(queue.host, queue.environment, sender, queue_sender)

    def _attempt(self, peer: str, environment: str, times: int) -> None:
        row = (self._output.now, "attempt", self._host.name, peer, None, None, environment, times)
        self._output.record(row)

    def _call_host(
        self,
        peer: str,
        environment: str,
        sender: SenderSMTP | ScriptedSender,
        queue_sender: QueueSender | None,
    ) -> None:
        call = self.new_call(peer, environment, sender, queue_sender)
        asyncio.get_running_loop().create_task(self._connect(call))
        self.pending[call.call_number] = call  # only if it has begun: else its mail would wait

    async def _connect(self, call: PendingCall) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(call.protocol, LOOPBACK, self._relay_port)
        except OSError as error:
            self.refused(call.call_number, f"no channel to the network: {error.strerror}", True)
        except Exception as error:
            self.refused(call.call_number, "no channel to the network", True)
            self._output.failed(error)

    def poll(self, poll: PollSpec) -> None:
        """Call a host, and ask it to change roles; or do so in the session that there is."""
        neighbour = self._host.routes.neighbours_of(self._host.name).get(poll.to)
        if neighbour is None:
            return
        queue = self._host.spool.queue(neighbour.name, neighbour.environment)
        if queue.sessions:
            queue.polled = True
        else:
            queue.not_before = self._output.now
            self.call(queue, turn=True)

    def send_script(self, script: ScriptSpec) -> None:
        """Call a host, to send the lines of a script."""
        neighbour = self._host.routes.neighbours_of(self._host.name).get(script.to)
        if neighbour is None:
            row = (self._output.now, "unreachable", self._host.name, script.to, None, None)
            self._output.record((*row, NO_PATH))
            return
        self._attempt(neighbour.name, neighbour.environment, 1)
        self._call_host(neighbour.name, neighbour.environment, ScriptedSender(script.lines), None)

    def refused(self, call_number: int, reason: str, cut_off: bool) -> None:
        """Give up a call, as the network has no way to the other host; record that."""
        call = self.pending.pop(call_number, None)
        if call is not None:
            now = self._output.now
            row = (now, "unreachable", self._host.name, call.peer, None, None, reason)
            self._output.record(row)
            self._defer(call, unreachable(call.peer, reason), cut_off)

    def failed(self, call_number: int, why: str, cut_off: bool) -> None:
        """Give up a call whose channel was not opened; its mail waits for the next try."""
        call = self.pending.pop(call_number, None)
        if call is not None:
            self._defer(call, why, cut_off)

    def _defer(self, call: PendingCall, why: str, cut_off: bool) -> None:
        call.abort()
        if call.queue_sender is not None:
            queue = call.queue_sender.queue
            now = self._output.now
            queue.sessions -= 1
            self._host.defer_all(now, queue, why, cut_off=cut_off)
            self._host.schedule_retry(now, queue)

    def hold(self, queue: Queue) -> None:
        """Have a queue wait, because something of this host has failed with its mail."""
        queue.failures += 1
        delay = self._host.spooling.delay(queue.failures, queue.host, "its mail failed here")
        queue.not_before = self._output.now + delay
