"""A handle of a host's process, as the network has it."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from lab.hosts.control import HostControl
from lab.hosts.settings import HostSettings
from lab.live.control import Control, MailSent, channel
from lab.live.driver import LiveDriver
from lab.live.failures import how_process_ended, reason_of_failure
from lab.live.handed_over import HandedOver
from lab.live.host_arguments import HostArguments
from lab.live.host_main import main
from lab.live.mail_file import MailFile
from lab.live.row_ring import RowRing, outbox
from lab.live.spool_rows import last_marked
from lab.live.storage import left_in
from lab.live.unsure_rows import UnsureRows
from lab.protocol import Path as MailPath
from lab.runtime.spawn import start
from lab.trace.rows import Row

_SENT_AGAIN: Final = ("busy", "full", "refusing", "skew")
"""The faults that a host's process must know when it starts again."""

START_TIMEOUT: Final = 60.0
"""Seconds that a process may take to start."""

_ROUTINE: Final = frozenset(("look", "rows", "state", "void", "mail", "receiver", "call", "octets"))
"""The kinds of message after which nothing is to be done but what happens to the links."""

_SHUT_DOWN: Final = 1.0
"""Seconds for which the network waits for a host that a fault shuts down."""

_END_TIMEOUT: Final = 2.0
"""Seconds that it may take to end."""

_UNKNOWN: Final = 255
"""The status of a process of which Python cannot know more: the one that forked it has ended."""

_END_NOTICED: Final = 1.0
"""Seconds that may pass from the end of its control channel until it has ended."""

_LASTS: Final = 10.0
"""Seconds after which a process that was started again counts as one that runs."""


class HostHandle(HostControl):
    """A host's process, as its network, its sessions and the faults see it.

    ``number`` is its place among the hosts. ``external`` is the address of the real mail server
    that is this host, if one is: then there is no process. ``port`` is where the host listens, and
    ``ready`` is set while it does. ``lives`` counts how often the process was started.
    """

    def __init__(self, network: LiveDriver, settings: HostSettings, number: int) -> None:
        super().__init__(settings, network.record)
        self.network = network
        self.number = number
        self.port = (network.settings.ports or {}).get(self.name, 0)
        where, _, at = settings.external.rpartition(":")
        self.external = (where.strip("[]"), int(at)) if where else None
        self.bound = asyncio.Event()
        self.ready = asyncio.Event()
        self.control: Control | None = None
        self.lives = 0
        self._why = ""
        self._attempts = 0
        self._started_at = 0.0
        self._process: Any = None
        self._outbox: RowRing | None = None
        self._unsure = UnsureRows()
        self._mail: MailFile | None = None
        self._sent = 0
        self._handed_over = HandedOver()
        self._is_stopping = False
        self._state = (0, False, 0)
        self._handlers: dict[str, Callable[..., None]] = {
            "look": self._fetch, "rows": self._add_rows, "state": self._take_state,
            "octets": self._add_mail,
            "void": self._unsure.void,
            "bound": self._take_bound, "ready": self.ready.set,
            "broken": self._take_broken, "failed": self._take_failed,
            "unstored": self._take_unstored, "call": self._take_call,
            "mail": lambda session, *sent: network.report_mail(session, MailSent(*sent)),
            "gave up": network.report_timeout, "receiver": network.report_receiver,
        }  # fmt: skip

    # -- what faults and the network ask --------------------------------------------------------

    def submit(
        self,
        now: float,
        message: int,
        sender: MailPath,
        to: Sequence[MailPath],
        mail_data: bytes,
        verb: str = "MAIL",
    ) -> None:
        """Take mail that a user hands in; a host with software of its own takes none from us."""
        if self.external:
            row = (now, "late", self.name, None, None, None, sender.bare)
            texts = tuple(path.bare for path in to)
            self.network.record((*row, texts, verb, True, f"{self.name} is external"))
            return
        self.hand_over("submit", message, sender, to, mail_data, verb)

    @property
    def has_work(self) -> bool:
        """Whether the host has something to do of its own accord, or messages to handle."""
        handled, work, _ = self._state
        if self.external:
            return False
        return work or handled != self._sent or not self.ready.is_set()

    @property
    def has_queued_mail(self) -> bool:
        """Whether there is mail in its spool, or something waits to be handed over."""
        return self.queued > 0 or bool(self._handed_over) or self._unsure.is_doubtful

    def change_fault(self, name: str, by: int) -> None:
        """Count one fault more, or one less, and let the process know."""
        super().change_fault(name, by)
        self.send("fault", name, getattr(self.faults, name))

    def shift_clock(self, seconds: float) -> None:
        """Put the host's clock forward or back, and let the process know."""
        super().shift_clock(seconds)
        if seconds:
            self.send("fault", "skew", self.faults.skew)

    def shut_down(self) -> None:
        """Have the process end in order, after it has said 421; it gets a moment for that."""
        if self._process is not None and self.control is not None and not self.faults.down:
            self._try(self._take)
            self._is_stopping = True
            self.send("stop")
            self._process.join(_SHUT_DOWN)

    def go_down(self) -> None:
        """Run nothing from now on: the process is killed."""
        is_up = not self.faults.down
        super().go_down()
        if is_up:
            self.kill()

    def resume(self, now: float) -> None:
        """Start the process again, with what its stable storage holds."""
        if self._process is not None and self.control is None:
            try:
                self.start()
            except Exception as error:
                self.network.host_died(self, f"it cannot be started: {reason_of_failure(error)}")
                return
            if math.isinf(self.network.clock.epoch):
                return  # the run has not begun; it gets the rest with the other hosts
            self.send("links", [link.downs for link in self.network.world.links])
            for name in _SENT_AGAIN:
                if value := getattr(self.faults, name):
                    self.send("fault", name, value)
            self.send("start", self.network.clock.epoch)
            if not self._unsure.is_doubtful:  # else the new process tells first what is stored
                self._hand_over_again()

    def _hand_over_again(self) -> None:
        """Hand over what the last process has not done."""
        for message in self._handed_over.take_all():
            self.hand_over(*message)

    def hand_over(self, *message: Any) -> None:
        """Give the host something to do; the next process does what this one leaves undone."""
        if self.external:
            return
        order = self._handed_over.add(message)
        if self.control is not None and not self.control.ended:
            self.send(*message)
            self._handed_over.note_sent(order, self._sent)

    def _forget_done(self, rows: Sequence[Row] = ()) -> None:
        """Forget what was handed over and is done: of mail, rows say that it is stored."""
        handled = -1 if self._is_stopping else self._state[0]
        self._handed_over.forget_done(rows, handled)

    @property
    def queued(self) -> int:
        """How many mails are in its spool."""
        return self._state[2]

    @property
    def _file(self) -> Path:
        """Its stable storage."""
        assert self.network.settings.storage is not None
        return self.network.settings.storage / f"{self.name}.sqlite"

    # -- the process ----------------------------------------------------------------------------

    def start(self) -> None:
        """Start the host's process."""
        network, settings = self.network, self.network.settings
        if self.external:
            self.bound.set()
            self.ready.set()
            return
        ours, theirs = channel()
        self._outbox = outbox()
        arguments = HostArguments(
            self.name, network.topology, network.seed, network.clock, settings.address,
            self.port, network.relay_port, network.relay_secret, str(self._file), self.number,
            self.lives, settings.durable, settings.idle, self._outbox, settings.budgets,
            settings.trusts_external, network.room.kept,
        )  # fmt: skip
        self.lives += 1
        self._why = ""
        self._started_at = time.monotonic()
        self._sent = 0
        self._mail = None
        self._is_stopping = False
        self._state = (0, True, self.queued)
        made = partial(
            network.processes.Process, target=main, args=(arguments, theirs), daemon=True
        )
        try:
            self._process = start(made)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self.control = Control(ours)
        self.control.count = self._outbox.count_sent_to_host
        asyncio.get_running_loop().add_reader(self.control, self._readable)

    def send(self, *message: Any) -> None:
        """Send the host a message; what it cannot take now it gets later."""
        if self.control is None or self.control.ended:
            return
        self._sent += 1
        self.control.send(*message)
        if self.control.has_unsent:
            asyncio.get_running_loop().add_writer(self.control, self._flush)

    def _flush(self) -> None:
        assert self.control is not None
        self.control.flush()
        if not self.control.has_unsent:
            asyncio.get_running_loop().remove_writer(self.control)

    def _readable(self) -> None:
        self.network.advance()
        self.receive_messages()
        self.network.pump()

    def receive_what_was_sent(self) -> None:
        """Handle what the host has said until now, if it has said something."""
        control, outbox = self.control, self._outbox
        if control is None or outbox is None:
            return
        if outbox.sent_by_host != control.received or self._unsure.has(outbox.stored):
            self.receive_messages()

    def receive_messages(self) -> None:
        """Handle the messages of the host; if its process has ended, that is a crash."""
        if self.control is None:
            return
        is_ending = self.network.over or self.network.interrupted
        try:
            self._take()
        except Exception as error:  # what the host knows and what is known of it may differ now
            self._why = f"its messages cannot be handled: {reason_of_failure(error)}"
            if is_ending:
                self.network.note_failure(self._why, host=self.name)
            else:
                self.control.ended = True
        if self.control.ended and not (self.faults.down or is_ending):
            self.network.host_died(self, self._obituary())

    def _obituary(self) -> str:
        """Return why the process has ended, in words."""
        if self._why:
            return self._why
        self._process.join(_END_NOTICED)
        return how_process_ended(self._process.exitcode)

    def pause_before_restart(self) -> float:
        """Return the seconds to wait before the process is started again: at first, none."""
        now = time.monotonic()
        if self.ready.is_set() and now - self._started_at > _LASTS:
            self._attempts = 0
        self._attempts += 1
        return 0.0 if self._attempts == 1 else 0.1 * 2.0 ** (self._attempts - 2)

    def _take(self) -> None:
        assert self.control is not None
        network = self.network
        urgent = self.control.ended
        # before the messages: if a batch with a number up to this one is void, they say so
        stored = self._outbox.stored if self._outbox is not None else 0
        for kind, *content in self.control.receive():
            urgent = urgent or kind not in _ROUTINE
            self._handlers[kind](*content)
        self._take_stored(stored)
        if urgent or not network.settings.serve:
            network.changed.set()

    def _take_state(self, *state: Any) -> None:
        self._state = state
        if self._handed_over.are_sent:
            self._forget_done()

    def _add_mail(self, octets: bytes) -> None:
        """Take a piece of mail, whose row comes later."""
        if self._mail is None:
            self._mail = MailFile(self._file.parent, self.network.room)
        self._mail.append(octets)

    def _add_rows(self, batch: int, rows: list[Row]) -> None:
        if self._mail is not None:
            rows, self._mail = self._mail.completed(rows), None
        self._unsure.add(batch, rows)

    def _fetch(self, until: int | None = None) -> None:
        outbox = self._outbox
        assert outbox is not None
        for batch, rows in outbox.fetch(until):
            self._unsure.add(batch, rows)
        if outbox.unreadable:
            count, outbox.unreadable = outbox.unreadable, 0
            why = f"{count} records of what it did cannot be read, and are missing from the trace"
            self.network.note_failure(why, "trace", host=self.name)

    def _take_stored(self, stored: int) -> None:
        while self._unsure.has(stored):
            rows = self._unsure.take(stored)
            known = len(self.network.trace.rows)
            try:
                self._take_rows(rows)
            except Exception:
                if len(self.network.trace.rows) == known:
                    self._unsure.put_back(rows)  # another time, then
                else:
                    self._forget_done(rows)
                raise

    def _take_rows(self, rows: list[Row]) -> None:
        self.network.take_rows(rows)
        if self._handed_over:
            self._forget_done(rows)

    def _inherit(self) -> None:
        """Take what the host had recorded when its process ended, as far as it came true.

        Its storage shows what that is, and how much mail it left. If it cannot be read now, the
        next process tells when it has begun.
        """
        if self._outbox is None:
            return
        self._decide_by_process()
        self._fetch()
        self._unsure.end_process()
        self._outbox.close()
        self._outbox = None
        if (left := left_in(self._file)) is not None:
            self._decide(*left)

    def _decide_by_process(self) -> None:
        """Take the last rows of the process before this one, if this one has read the storage."""
        assert self._outbox is not None
        if self._unsure.is_doubtful and (stored := self._outbox.stored_before) is not None:
            self._decide(stored, self.queued)

    def _decide(self, stored: int, queued: int) -> None:
        """Take the rows in doubt as far as they came true, up to the last batch that was stored."""
        for rows in self._unsure.decide(stored):
            self._try(self._take_rows, rows)
        if stored:
            self._state = (*self._state[:2], queued)

    def _try(self, call: Callable[..., None], *arguments: Any) -> None:
        """Call something; if it fails, record that."""
        try:
            call(*arguments)
        except Exception as error:
            self.network.note_failure(reason_of_failure(error), host=self.name)

    def kill(self) -> None:
        """Kill the process by SIGKILL, and handle what it had sent."""
        if self._process is None or self.control is None:
            return
        if self._process.is_alive() or self._process.exitcode == _UNKNOWN:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)
        self._process.join(5)
        self._take_last()
        self.control = None
        self.bound.clear()
        self.ready.clear()

    def _take_last(self) -> None:
        """Handle what the process had sent when it ended, as far as it can be handled, and close
        the channel to it.
        """
        assert self.control is not None
        loop = asyncio.get_running_loop()
        loop.remove_reader(self.control)
        loop.remove_writer(self.control)
        until = time.monotonic() + _END_TIMEOUT
        try:
            while not self.control.ended and time.monotonic() < until:
                self._take()
        except Exception as error:
            self.network.note_failure(reason_of_failure(error), host=self.name)
        self._try(self._inherit)
        self.control.close()

    async def end(self) -> None:
        """Wait for the process to end; kill it if it takes too long, or if there is no time to
        wait.
        """
        if self._process is None:
            return
        until = time.monotonic() + _END_TIMEOUT
        while self._process.is_alive() and time.monotonic() < until:
            if self.network.interrupted > 1:
                break
            await asyncio.sleep(0.01)
        if self._process.is_alive():
            self._process.kill()
        self._process.join(2)
        if self.control is not None:
            self._take_last()
        if self._unsure.is_doubtful:
            self._decide(*(left_in(self._file) or (last_marked(self._file), self.queued)))
        self._process.close()

    # -- what the process reports ---------------------------------------------------------------

    def _take_bound(self, port: int) -> None:
        self.port = port
        self.bound.set()
        if self._unsure.is_doubtful:
            self._decide_by_process()
            self._hand_over_again()

    def _take_broken(self, why: str) -> None:
        self._why = why

    def _take_failed(self, why: str) -> None:
        if not self.network.is_up:
            self.network.failures.append(why)
        self._why = why

    def _take_unstored(self, unstored: dict[int, tuple[int, tuple[str, ...]]]) -> None:
        real = self.network.real_message
        self.unstored = {real(key): (real(n), ids) for key, (n, ids) in unstored.items()}

    def _take_call(
        self, call_number: int, port: int, peer: str, environment: str, is_mail: bool
    ) -> None:
        self.network.host_called(self, call_number, port, peer, environment, is_mail=is_mail)

    # -- being called ---------------------------------------------------------------------------

    async def join(
        self, relay: asyncio.Protocol, number: int, caller: str, environment: str, *, is_mail: bool
    ) -> None:
        """Open TCP to the host for a session that another host has called for.

        ``relay`` handles the connection; ``number`` is the session's. Raises OSError.
        """
        loop = asyncio.get_running_loop()
        if self.external:
            host, port = self.external
            await loop.create_connection(lambda: relay, host, port)
            return
        await asyncio.wait_for(self.ready.wait(), START_TIMEOUT)
        address = self.network.settings.reach
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        sock.setblocking(False)
        try:
            sock.bind((address, 0))
            self.send("session", sock.getsockname()[:2], number, caller, environment, is_mail)
            await loop.sock_connect(sock, (address, self.port))
            transport, _ = await loop.create_connection(lambda: relay, sock=sock)
        except BaseException:  # the end of the run among them
            self.send("no session", sock.getsockname()[:2])
            sock.close()
            raise
        if transport.is_closing():
            sock.detach()  # it was closed beneath us, before the loop took it for its own
