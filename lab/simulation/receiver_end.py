"""The receiver-SMTP's end of a session: the engine, and its host's side of the session."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Callable
from typing import Any, Final

from mypy_extensions import mypyc_attr

from lab.hosts.behaving import session_class
from lab.hosts.host import Host
from lab.hosts.receiving import Identity, receiver_smtp
from lab.hosts.reply_script import ReplyScript, ReplyWriter
from lab.hosts.verdicts import closing
from lab.network.connection import Connection
from lab.network.events import Delivery
from lab.protocol import Crossing, Reply, State, Transaction
from lab.trace.rows import Row

_CLOSED: Final = State.CLOSED
_DATA: Final = State.DATA

Identify = Callable[[Transaction], Identity | None]
"""Returns the number of the mail of a transaction and the ids of its recipients; None for mail from
outside.
"""

Enter = Callable[[Transaction], Identity]
"""Records mail from outside as submitted, and returns the same."""


def _too_late(_: Any) -> None:
    """Drop a verdict that comes after the end of the session."""


@mypyc_attr(allow_interpreted_subclasses=True)
class ReceiverEnd(metaclass=ABCMeta):
    """The receiver-SMTP's end as a session sees it: in this process, or in another."""

    __slots__ = ()

    @abstractmethod
    def open(self, now: float, number: int) -> None:
        """Begin: the channel is open, as the session of this number, and the receiver greets."""

    @abstractmethod
    def take(self, delivery: Delivery, number: int, message: int | None) -> None:
        """Take a command or mail data of a session, about a message."""

    @abstractmethod
    def take_part(self, delivery: Delivery, number: int, message: int | None) -> None:
        """Take the first bytes of a command or of mail data, whose rest is lost."""

    @abstractmethod
    def see_close(self) -> None:
        """Find out that the connection is closed or cut."""

    @abstractmethod
    def shut_down(self, now: float) -> None:
        """Say 421 and close the channel, as the host goes down in order."""

    @property
    @abstractmethod
    def is_in_mail_data(self) -> bool:
        """Whether what comes next is mail data."""


class LocalReceiverEnd(ReceiverEnd):
    """A receiver-SMTP in this process, and the host that it belongs to.

    ``sender_host`` is the name of the host at the other end. ``identify`` and ``enter``
    number its mail. ``override`` gives what replaces each reply. ``script`` has the replies that
    the file sets, and ``writer`` sends them.
    """

    __slots__ = (
        "connection", "engine", "enter", "host", "identify", "is_ending", "override", "record",
        "script", "sender_host", "session", "was_in_mail_data", "writer",
    )  # fmt: skip

    def __init__(
        self,
        host: Host,
        sender_host: str,
        connection: Connection,
        record: Callable[[Row], None],
        identify: Identify,
        enter: Enter | None = None,
        *,
        override: Callable[[], Reply | None] | None = None,
        script: ReplyScript | None = None,
    ) -> None:
        self.host = host
        self.sender_host = sender_host
        self.connection = connection
        self.record = record
        self.identify = identify
        self.enter = enter
        self.override = override
        self.script = script
        self.writer: ReplyWriter | None = None
        self.was_in_mail_data = False
        self.is_ending = False

    @property
    def is_in_mail_data(self) -> bool:
        """Whether what comes next is mail data."""
        return self.engine.state is _DATA or self.was_in_mail_data

    def open(self, now: float, number: int) -> None:
        """Begin: the channel is open, as the session of this number, and the receiver greets."""
        host, connection = self.host, self.connection
        environment = connection.route.environment
        self.session = session = session_class(host)(
            host, environment, self.identify, number, self.sender_host, self.enter
        )
        session.now = now
        if host.settings.replies_later:
            session.respond = self._respond
        self.engine = engine = receiver_smtp(session, self.override, self.script)
        host.open_sessions += 1
        connection.receiver_closed = False
        if self.script is not None:
            self.writer = ReplyWriter(self.script, connection.send_reply, self._finish, self._later)
            self._write(self.writer, engine.open(), now)
            return
        for _, octets in engine.open():
            connection.send_reply(octets, now)
        if engine.state is _CLOSED:
            self.close()

    def take(self, delivery: Delivery, number: int, message: int | None) -> None:
        """Take a command or mail data of a session, about a message."""
        if self.is_ending:
            return
        octets, engine, connection = delivery.octets, self.engine, self.connection
        now = delivery.at
        is_data = self._arrived(delivery, number, message)
        if self.writer is not None:
            self._take_into_script(octets)
            self._write(self.writer, engine.receive(octets), now)
            return
        if not is_data:
            connection.send_reply(engine.command(octets), now)
        else:
            for kind, crossed in engine.receive(octets):
                if kind == "reply":
                    connection.send_reply(crossed, now)
        if engine.state is _CLOSED:
            self._hang_up(now)

    def _arrived(self, delivery: Delivery, number: int, message: int | None) -> bool:
        """Record what has arrived, before what the host makes of it; return whether it is mail
        data. A sender of ours sends one command, or the mail data, in one piece.
        """
        now = self.session.now = delivery.at
        is_data = self.is_in_mail_data
        row: Row = (
            now, "data" if is_data else "command", self.host.name, self.sender_host, number,
            message, delivery.sent, delivery.octets,
        )  # fmt: skip
        self.record(row if delivery.lines is None else (*row, delivery.lines))
        return is_data

    def _hang_up(self, now: float) -> None:
        """Close the channel after the last reply, which a fault may hide from the sender-SMTP."""
        if self.override is not None and not self.engine.turned:
            self.connection.announce_close_to_sender(now)
        self.close()

    def take_part(self, delivery: Delivery, number: int, message: int | None) -> None:
        """Take the first bytes of a command or of mail data, whose rest is lost."""
        if self.is_ending:
            return
        self._arrived(delivery, number, message)
        self._take_into_script(delivery.octets)
        self.engine.receive(delivery.octets)

    def see_close(self) -> None:
        """Find out that the connection is closed or cut."""
        self.engine.end_of_input()
        self.close()

    def shut_down(self, now: float) -> None:
        """Say 421 and close the channel, as the host goes down in order; nothing more is read.

        Mail that is being stored gets its reply before.
        """
        self.is_ending = True
        if not self.engine.is_waiting:
            self._say_closing(now)

    def _say_closing(self, now: float) -> None:
        if self.writer is not None:
            self.writer.stop()
        self.connection.send_reply(closing(self.session.name).octets, now)
        self.see_close()

    def close(self) -> None:
        """End the receiver-SMTP's part: it has closed the channel, or seen that it is closed."""
        connection = self.connection
        if not connection.receiver_closed:
            self.host.open_sessions -= 1
            if self.session.respond is not None:
                self.session.respond = _too_late
            if self.writer is not None:
                self.writer.stop()
                self.writer.script.end()
            connection.close_receiver_end()

    # -- replies that the file sets ---------------------------------------------------------------

    def _take_into_script(self, octets: bytes) -> None:
        if self.script is not None:
            self.script.receive(octets)

    def _write(self, writer: ReplyWriter, crossed: list[Crossing], now: float) -> None:
        """Send what the script has in place of the replies among what crossed."""
        for kind, octets in crossed:
            if kind == "reply":
                writer.write(octets, now)
        if self.engine.state is _CLOSED:
            writer.close(now)

    def _later(self, seconds: float, call: Callable[[float], None]) -> None:
        self.host.port.later(self.host.name, seconds, call)

    def _finish(self, ending: str, now: float) -> None:
        """End the session's replies as the script says; after a cut, nothing arrives here."""
        connection = self.connection
        if connection.receiver_closed:
            return
        if ending != "silence":
            connection.announce_close_to_sender(now)
        self.was_in_mail_data = self.engine.state is _DATA
        self.engine.end_of_input()
        if ending in ("cut", "close"):
            self.close()

    def _respond(self, verdict: Reply) -> None:
        """Send the verdict that was waiting for the mail to be stored."""
        connection, now = self.connection, self.connection.env.now
        if self.writer is not None:
            self._write(self.writer, self.engine.answer(verdict), now)
        else:
            for _, octets in self.engine.answer(verdict):
                connection.send_reply(octets, now)
            if self.engine.state is _CLOSED:
                self.close()
        if self.is_ending and not connection.receiver_closed:
            self._say_closing(now)
