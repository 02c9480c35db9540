"""Sessions whose ends are in two partitions: what each end posts to the other, by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
from helpers.fake_driver import FakeDriver, host
from helpers.host_by_hand import path
from helpers.wires import route

from lab.hosts.sending import QueueSender
from lab.protocol import SenderSMTP
from lab.simulation.partitioned.remote import (
    ANSWERED,
    CALL,
    CONTROL,
    FINISHED,
    FORGET,
    SENT,
    CalledConnection,
    CallingConnection,
    RemoteReceiverEnd,
    RemoteReceiverSession,
    RemoteSessions,
)
from lab.simulation.session import Session

A, B = "A.ARPA", "B.ARPA"
KEY = 5
NAMES = {
    CALL: "call", CONTROL: "control", SENT: "sent", ANSWERED: "answered", FINISHED: "finished",
    FORGET: "forget",
}  # fmt: skip


class Partition:
    """One of two partitions: a driver, and what it posts to the other."""

    def __init__(self) -> None:
        self.driver = FakeDriver()
        self.remote = RemoteSessions({A: 0, B: 1})

    def run_to(self, at: float) -> None:
        self.driver.env.run_to(at)

    def posted(self) -> list[str]:
        """When, and what was posted since the last time; with the octets, if there are any."""
        found = []
        for outbox in self.remote.outboxes:
            for message in outbox:
                octets = message[4] if message[2] in (SENT, ANSWERED) else b""
                text = f"{message[0]:.1f} {NAMES[message[2]]} {octets.decode()}"
                found.append(text.splitlines()[0].strip())
            outbox.clear()
        return found


class Calling(Partition):
    """A's partition: A has mail for bob at B."""

    def __init__(self, **link: Any) -> None:
        super().__init__()
        a = host(A, "ann")
        a.submit(0.0, 1, path(f"ann@{A}"), [path(f"bob@{B}")], b"Hello\r\n", "MAIL")
        queue_sender = QueueSender(a, a.spool.queue(B, "net"))
        over = route(**link)
        self.connection = CallingConnection(self.driver.env, over, self.remote, KEY)
        self.session = Session(
            self.driver, a, host(B), over, SenderSMTP(A, queue_sender), queue_sender,
            self.connection, RemoteReceiverEnd(self.connection),
        )  # fmt: skip
        self.session.open()

    def answer(self, at: float, octets: bytes | None) -> None:
        self.connection.arrive(at, 0, octets, at - 0.1)
        self.run_to(at)


class Called(Partition):
    """B's partition, which A calls; A waits for 300 s."""

    def __init__(self, *, opens: bool, **link: Any) -> None:
        super().__init__()
        self.connection = CalledConnection(
            self.driver.env, route(**link), self.remote, KEY, 0.0, 300.0
        )
        self.host = host(B, "bob")
        self.session = RemoteReceiverSession(self.driver, A, self.host, self.connection)
        self.connection.call(0.3, 0, opens=opens)

    def receive(self, at: float, octets: bytes, ids: list[str] | None = None) -> None:
        self.session.arrive(at, 0, (octets, at - 0.1, 7, 1, ids, 300.0))
        self.run_to(at)


def test_the_sender_posts_its_call_its_commands_and_the_close() -> None:
    calling = Calling()
    assert calling.posted() == ["0.3 call"], "which is open when that arrives"
    calling.run_to(0.35)
    assert calling.remote.aliases == [(KEY, 7)]
    calling.answer(0.4, b"220 B.ARPA ready\r\n")
    assert calling.posted() == ["0.5 sent HELO A.ARPA"]
    assert [row[:4] for _, row in calling.remote.sent] == [(0.5, "command", B, A)]
    calling.answer(0.6, b"999 what?\r\n")
    assert calling.posted() == ["0.7 finished"]
    assert calling.remote.calling == {}
    assert calling.driver.crossed()[-1] == "0.6 close (closed)"


def test_control_messages_are_posted_in_turn_where_a_link_has_a_bandwidth() -> None:
    """TCP has three: the first and the last are the caller's, and the last opens both ends."""
    calling, called = Calling(bandwidth=1e9), Called(opens=False, bandwidth=1e9)
    calling.run_to(0.05)
    assert calling.posted() == ["0.1 call"]
    called.run_to(0.35)
    assert called.posted() == ["0.4 control"]
    calling.answer(0.4, None)
    assert calling.posted() == ["0.5 control"]
    assert calling.session.number is None
    calling.run_to(0.55)
    assert calling.session.number == 7


def test_a_call_that_does_not_open_is_to_be_forgotten() -> None:
    calling = Calling()
    calling.posted()
    calling.run_to(0.1)
    calling.session.cut("the link is down")
    assert calling.posted() == ["inf forget"]
    calling.run_to(1.0)
    assert calling.driver.crossed() == ["0.1 unreachable (the link is down)"]


def test_the_receiver_answers_and_closes() -> None:
    called = Called(opens=True)
    called.run_to(0.3)
    assert called.posted() == ["0.4 answered 220 B.ARPA Simple Mail Transfer Service Ready"]
    assert called.session.number == -KEY, "its number is not known here yet"
    called.receive(0.5, b"HELO A.ARPA\r\n")
    assert called.session.number == 7
    assert called.posted() == ["0.6 answered 250 B.ARPA"]
    called.receive(0.7, b"QUIT\r\n")
    assert called.posted() == ["0.8 answered 221 B.ARPA Service closing transmission channel"]
    assert called.remote.called == {}
    assert called.host.open_sessions == 0


def test_the_receiver_finds_out_at_its_time_that_the_other_end_has_closed() -> None:
    called = Called(opens=True)
    called.run_to(0.3)
    called.connection.finish(0.7, 0)
    called.run_to(0.65)
    assert called.host.open_sessions == 1
    called.run_to(0.7)
    assert called.host.open_sessions == 0


def test_mail_data_comes_with_the_ids_of_its_recipients() -> None:
    called = Called(opens=True)
    called.run_to(0.3)
    lines = [b"HELO A.ARPA", b"MAIL FROM:<ann@A.ARPA>", b"RCPT TO:<bob@B.ARPA>", b"DATA"]
    for number, line in enumerate(lines):
        called.receive(0.5 + number, line + b"\r\n")
    called.receive(5.0, b"Hello\r\n.\r\n", ["4"])
    accepted = next(row for row in called.host.port.rows if row[1] == "accept")  # type: ignore[attr-defined]
    assert accepted[4:7] == (7, 1, ("4",))


@pytest.mark.parametrize("opened", [True, False])
def test_a_fault_cuts_each_end_in_its_own_partition(opened: bool) -> None:
    called = Called(opens=True)
    called.run_to(0.3 if opened else 0.2)
    called.posted()
    called.session.cut("the link is down")
    called.run_to(1.0)
    assert called.posted() == []
    assert called.host.open_sessions == 0
    assert called.remote.called == {}


def test_a_reply_that_would_come_too_late_is_not_given() -> None:
    """The sender-SMTP has closed the channel by then; its word of that is under way."""
    called = Called(opens=True)
    called.run_to(0.3)
    called.posted()
    called.session.arrive(400.0, 0, (b"NOOP\r\n", 0.4, 7, 1, None, 300.0))
    called.run_to(math.nextafter(400.0, 500))
    assert called.posted() == []
