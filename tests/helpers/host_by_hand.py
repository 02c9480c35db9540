"""A host that is driven by hand: its port records what it asks for, and does nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from lab.hosts.directory import Forward, MailingList, Member, User
from lab.hosts.host import Host
from lab.hosts.port import HostPort
from lab.hosts.receiving import ReceivingSession, from_outside
from lab.hosts.retry import Retry
from lab.hosts.routing import Neighbour, RoutingTable
from lab.hosts.settings import HostSettings
from lab.hosts.spool import Queue
from lab.protocol import Calendar, HostName, Path, Transaction, parse_path


class HandPort(HostPort):
    """Records the rows, the queues to wake with their times, and the calls for later."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []
        super().__init__(self.rows.append)
        self.wakes: list[tuple[str, float]] = []
        self.calls: list[tuple[float, Callable[[float], None]]] = []
        self.messages = 100

    def wake(self, host: str, queue: Queue, at: float) -> None:
        self.wakes.append((queue.host, at))

    def next_message(self, host: str, about: int | None = None) -> int:
        self.messages += 1
        return self.messages

    def later(self, host: str, seconds: float, call: Callable[[float], None]) -> None:
        self.calls.append((seconds, call))

    def kinds(self) -> list[str]:
        """The kinds of the rows."""
        return [row[1] for row in self.rows]


def path(text: str) -> Path:
    """A path without its angle brackets."""
    return parse_path(f"<{text}>", null=True)


def people(**lists: list[str]) -> tuple[MailingList, ...]:
    """Mailing lists: the name of each with its members."""
    return tuple(
        MailingList(name, tuple(Member(path(member)) for member in members))
        for name, members in lists.items()
    )


def forward(user: str, to: str, mode: str = "forward") -> tuple[Forward, ...]:
    return (Forward(user, path(to), mode),)


def table(*links: str, relays: set[str] | None = None) -> RoutingTable:
    """The host tables of a network: "A B" or "A B 2" for a link and its cost."""
    joined: dict[str, list[Neighbour]] = {}
    for link in links:
        a, b, *cost = link.split()
        price = float(cost[0]) if cost else 1.0
        joined.setdefault(a, []).append(Neighbour(b, "arpanet", price))
        joined.setdefault(b, []).append(Neighbour(a, "arpanet", price))
    names = {HostName(name): name for name in joined}
    return RoutingTable(lambda name: joined[name], set(joined) if relays is None else relays, names)


def by_hand(*users: str, links: tuple[str, ...] = ("B A", "B C"), **settings: Any) -> Host:
    """Return the host B with these users; by default it is linked to A and C."""
    made = HostSettings("B", users=tuple(User(name) for name in users), **settings)
    calendar = Calendar(datetime(1982, 8, 1, tzinfo=UTC))
    return Host(made, table(*links), calendar, Retry(), HandPort())


def port_of(host: Host) -> HandPort:
    """Return the port of a host, which has what the host has asked for."""
    assert isinstance(host.port, HandPort)
    return host.port


def session(host: Host, *, enters: bool = False) -> ReceivingSession:
    """Return a session of A with the host; its verdicts come at once unless ``respond`` is set.

    ``enters``: the mail is from outside, and numbered when it is stored.
    """

    def enter(transaction: Transaction) -> tuple[int, list[str]]:
        return 1, _ids(transaction)

    identify = from_outside if enters else enter
    made = ReceivingSession(host, "arpanet", identify, 1, "A", enter)
    made.hello("A")
    return made


def _ids(transaction: Transaction) -> list[str]:
    return [str(number) for number, _ in enumerate(transaction.forward_paths, 1)]


def letter(receiving: ReceivingSession, *to: str, text: bytes = b"hi\r\n") -> Transaction:
    """Return a transaction from ann@A with the recipients that the host accepts."""
    transaction = Transaction("MAIL", path("ann@A"))
    receiving.begin("MAIL", transaction.reverse_path)
    for recipient in to:
        if receiving.recipient(transaction, path(recipient)).code < 300:
            transaction.forward_paths.append(path(recipient))
    transaction.mail_data = text
    return transaction
