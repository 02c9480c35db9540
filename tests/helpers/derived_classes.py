"""A program of somebody who derives from the lab's classes: one session, and one host, by hand.

It prints what happened, the same whether the lab is compiled or not.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from lab.hosts.directory import User
from lab.hosts.host import Host
from lab.hosts.port import HostPort
from lab.hosts.retry import Retry
from lab.hosts.routing import RoutingTable
from lab.hosts.settings import HostSettings
from lab.hosts.spool import Queue
from lab.protocol import (
    Agenda,
    Calendar,
    Crossing,
    Installation,
    MailData,
    Misuse,
    Outgoing,
    Path,
    ReceiverSMTP,
    Reply,
    SenderSMTP,
    Transaction,
    parse_path,
    reply,
)
from lab.protocol.script import ScriptedSender

OK = reply(250, "OK")


class Post(Installation):
    """Accepts all mail; the rest is what an installation does by default."""

    domain = "B.ARPA"

    def __init__(self) -> None:
        self.stored: list[Transaction] = []

    def recipient(self, transaction: Transaction, forward_path: Path) -> Reply:
        return OK

    def accept(self, transaction: Transaction) -> Reply:
        self.stored.append(transaction)
        return OK


class Silent(Post):
    """Forgets to return the verdict on the mail data."""

    def accept(self, transaction: Transaction) -> Reply:  # type: ignore[return]
        self.stored.append(transaction)


class Grumpy(ReceiverSMTP):
    """A receiver-SMTP that refuses NOOP, and says which mail data it has taken."""

    def __init__(self, installation: Installation, mood: str = "bad") -> None:
        super().__init__(installation, grammar="tolerant")
        self.mood = mood

    def reply_to(self, line: bytes) -> Reply:
        if line.startswith(b"NOOP"):
            return reply(500, f"I am in a {self.mood} mood")
        return super().reply_to(line)

    def reply_to_mail_data(self, data: MailData) -> Reply | None:
        super().reply_to_mail_data(data)
        return reply(250, f"{len(data.octets)} bytes")


class Numbered(SenderSMTP):
    """A sender-SMTP that counts the replies that it has received."""

    def __init__(self, domain: str, agenda: Agenda) -> None:
        super().__init__(domain, agenda)
        self.replies = 0

    def receive(self, octets: bytes) -> list[Crossing]:
        self.replies += 1
        return super().receive(octets)


class Bag(Agenda):
    """One mail to send."""

    def __init__(self, *mail: Outgoing) -> None:
        self.mail = list(mail)

    def next(self) -> Outgoing | None:
        return self.mail.pop() if self.mail else None

    def settled(self, outgoing: Outgoing) -> None:
        print("settled", outgoing.answers, outgoing.answer, outgoing.taken(1))


class Letter(Outgoing):
    """A transaction that takes every recipient for accepted."""

    def taken(self, index: int) -> bool:
        return True


class Once(ScriptedSender):
    """A script that hangs up after its first reply."""

    def receive(self, octets: bytes) -> list[Crossing]:
        self.closing = True
        return super().receive(octets)


class Port(HostPort):
    """A driver without time."""

    def __init__(self) -> None:
        super().__init__(print)

    def wake(self, host: str, queue: Queue, at: float) -> None:
        print("wake", host, queue.host, at)

    def next_message(self, host: str, about: int | None = None) -> int:
        return 7

    def later(self, host: str, seconds: float, call: Callable[[float], None]) -> None:
        call(seconds)


def converse(sender: SenderSMTP | ScriptedSender, receiver: ReceiverSMTP) -> None:
    """Carry bytes between two engines until one closes."""
    replies = [octets for _, octets in receiver.open()]
    while replies and not sender.closing:
        for kind, octets in sender.receive(replies.pop(0)):
            print(kind, octets)
            if kind != "reply":
                answers = receiver.receive(octets)
                replies += [out for sort, out in answers if sort == "reply"]


def main() -> None:
    """Print what happens in three sessions and in one host."""
    path = parse_path("<ann@A.ARPA>")
    sender = Numbered("A.ARPA", Bag(Letter(path, [parse_path("<bob@B.ARPA>")], b".hi\r\n")))
    receiver = Grumpy(Post())
    converse(sender, receiver)
    print(sender.replies, receiver.closing)
    grumpy = Grumpy(Post(), mood="good")
    converse(ScriptedSender(["HELO A", "NOOP ", "QUIT"]), grumpy)
    print(grumpy.mood)
    converse(Once(["HELO A", "QUIT"]), ReceiverSMTP(Post()))
    lines = ["HELO A", "HELP", "SEND FROM:<>", "MAIL FROM:<>", "RCPT TO:<b@B>", "DATA", "x", "."]
    try:
        converse(ScriptedSender(lines), ReceiverSMTP(Silent()))
    except Misuse as why:
        print(why)
    settings = HostSettings("B.ARPA", users=(User("bob"),))
    calendar = Calendar(datetime(1982, 8, 1, tzinfo=UTC))
    host = Host(settings, RoutingTable(lambda name: (), set(), {}), calendar, Retry(), Port())
    host.submit(0.0, 1, path, [parse_path("<bob@b.arpa>"), parse_path("<eve@C>")], b"hello\r\n")


if __name__ == "__main__":
    main()
