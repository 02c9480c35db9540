"""A session as its driver, the faults and the interceptions see it, whatever is at its ends."""

from __future__ import annotations

from abc import abstractmethod

from mypy_extensions import mypyc_attr

from lab.network.connection import Connection, ConnectionUser
from lab.network.link import Holder
from lab.trace.rows import Row


@mypyc_attr(allow_interpreted_subclasses=True)
class AnySession(ConnectionUser):
    """A session: a connection, and the sender-SMTP, the receiver-SMTP or both at its ends.

    ``sender_host`` and ``receiver_host`` are the names of the hosts, by their roles at present.
    ``number`` is None until the connection is open.
    """

    __slots__ = ("connection", "number", "receiver_host", "sender_host")

    def __init__(self, sender_host: str, receiver_host: str, connection: Connection) -> None:
        self.sender_host = sender_host
        self.receiver_host = receiver_host
        self.connection = connection
        self.number: int | None = None

    @property
    def message(self) -> int | None:
        """The number of the message on its way; None outside of a transaction."""
        return None

    @property
    @abstractmethod
    def is_in_mail_data(self) -> bool:
        """Whether the receiver-SMTP takes what comes next as mail data."""

    @abstractmethod
    def cut(self, reason: str, crashed: str | None = None) -> None:
        """Cut the connection. Both hosts find out, except ``crashed``, a host that has crashed."""

    @abstractmethod
    def shut_down(self) -> None:
        """Have the receiver-SMTP say 421 and close the channel: its host goes down in order."""

    @abstractmethod
    def discard(self) -> None:
        """Drop everything, at the end of a run."""

    def sender_holds(self) -> Holder:
        """Return whose bytes the sender-SMTP's end sends, for others that wait behind them."""
        return self.number, self.message

    def receiver_holds(self) -> Holder:
        """Return whose bytes the receiver-SMTP's end sends: those of the session."""
        return self.number, None

    def open_row(self, now: float, number: int) -> Row:
        """Return the row that records the opening of the session's channel."""
        route, lines = self.connection.route, self.connection.lines
        row: Row = (
            now, "open", self.sender_host, self.receiver_host, number, None,
            route.environment, route.transport.name, route.nodes, self.connection.started,
        )  # fmt: skip
        return (*row, lines) if lines else row

    def close_row(self, now: float, reason: str) -> Row:
        """Return the row that records the close of the session's channel."""
        return (now, "close", self.sender_host, self.receiver_host, self.number, None, reason)

    def unreachable_row(self, now: float, reason: str) -> Row:
        """Return the row that records that no channel could be opened."""
        return (now, "unreachable", self.sender_host, self.receiver_host, None, None, reason)
