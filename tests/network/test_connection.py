"""A connection from its opening to its close, without any engine at its ends."""

from __future__ import annotations

import gc
import weakref

import pytest
from helpers.wires import A, B, Log, connected, route

from lab.network.clock import Clock
from lab.network.connection import Connection, Interception
from lab.network.events import Delivery
from lab.runtime.streams import Stream


def test_it_opens_carries_and_closes() -> None:
    """TCP's three control messages take 0.1 s each; then bytes do, and word of the close."""
    clock = Clock()
    connection, log = connected(clock, route())
    connection.send_reply(b"220", clock.now)
    clock.run_out()
    connection.send_command(b"QUIT", clock.now)
    clock.run_out()
    connection.receiver_closed = False
    connection.close_sender_end()
    connection.announce_close(clock.now)
    clock.run_out()
    assert log.lines == ["0.3 opened", "0.4 < 220", "0.5 > QUIT", "0.6 receiver sees close"]


@pytest.mark.parametrize(("service", "opens_at"), [("tcp", 0.3), ("ncp", 0.5), ("x25", 1.1)])
def test_control_messages_take_their_time_one_by_one_too(service: str, opens_at: float) -> None:
    """With a bandwidth, however large, each is an event of its own; without one, all are one."""
    for bandwidth in (None, 1e12):
        _, log = connected(Clock(), route(bandwidth=bandwidth, service=service))
        assert log.lines == [f"{opens_at} opened"]


def test_what_is_under_way_when_it_is_cut_does_not_arrive() -> None:
    clock = Clock()
    connection, log = connected(clock, route())
    connection.send_command(b"NOOP", clock.now)
    clock.run_to(0.35)
    connection.cut()
    clock.run_out()
    assert not connection.is_alive
    connection.send_command(b"NOOP", clock.now)
    clock.run_out()
    assert log.lines == ["0.3 opened"]


@pytest.mark.parametrize("bandwidth", [None, 1e6])
def test_one_that_is_cut_while_it_opens_is_not_used(bandwidth: float | None) -> None:
    clock = Clock()
    connection, log = Connection(clock, route(bandwidth=bandwidth)), Log(clock)
    connection.attach(log)
    connection.open()
    clock.run_to(0.15)
    connection.close_sender_end()
    clock.run_out()
    assert log.lines == []


def test_segments_that_are_lost_are_sent_again_and_reported() -> None:
    clock = Clock()
    over = route(loss=0.5)
    over.to_receiver.links[0].losses = Stream(0, "loss")
    over.to_sender.links[0].loss = 0.0
    _, log = connected(clock, over)
    losses = [line for line in log.lines if "lost" in line]
    assert losses
    assert all(f"on {A} - {B}" in line for line in losses)
    late = float(log.lines[-1].split()[0])
    assert late == pytest.approx(0.3 + sum(float(line.split()[-2]) for line in losses))


def test_roles_change_on_the_open_channel() -> None:
    """TURN: bytes to the receiver-SMTP now go the other way; what was under way is lost."""
    clock = Clock()
    connection, log = connected(clock, route())
    before = connection.to_receiver.route, connection.to_sender.route
    connection.swap_ends()
    assert (connection.to_sender.route, connection.to_receiver.route) == before
    assert connection.is_alive
    connection.send_command(b"HELO", clock.now)
    clock.run_out()
    assert log.lines == ["0.3 opened", "0.4 > HELO"]


class Shortens(Interception):
    """Lets only so many bytes of the next chunk arrive, and writes down when it is asked."""

    def __init__(self, most: int | None, calls: list[str]) -> None:
        self.most = most
        self.calls = calls

    def before_receiver(self, delivery: Delivery) -> int | None:
        self.calls.append("before receiver")
        return self.most

    def after_receiver(self) -> None:
        self.calls.append("after receiver")

    def before_sender(self, delivery: Delivery) -> int | None:
        self.calls.append("before sender")
        return self.most

    def after_sender(self) -> None:
        self.calls.append("after sender")

    def reply_sent(self, octets: bytes, now: float) -> None:
        self.calls.append(f"reply sent at {now:.1f}")


@pytest.mark.parametrize(
    ("most", "arrives"),
    [
        (None, ["0.4 > NOOP", "0.5 < 250"]),
        (99, ["0.4 > NOOP", "0.5 < 250"]),
        (2, ["0.4 > NO..."]),
        (0, []),
    ],
)
def test_an_interception_says_how_much_arrives(most: int | None, arrives: list[str]) -> None:
    """Part of a reply is no reply: it does not arrive at all."""
    clock, calls = Clock(), list[str]()
    connection, log = connected(clock, route(), Interception(), Shortens(most, calls))
    connection.send_command(b"NOOP", clock.now)
    clock.run_out()
    connection.send_reply(b"250", clock.now)
    clock.run_out()
    assert log.lines[1:] == arrives
    assert calls == [
        "before receiver", "after receiver", "reply sent at 0.4", "before sender", "after sender",
    ]  # fmt: skip


def test_interceptions_are_not_asked_about_control_messages() -> None:
    calls = list[str]()
    connected(Clock(), route(bandwidth=1e6), Shortens(0, calls))
    assert calls == []


@pytest.mark.parametrize("sender_first", [True, False])
def test_when_both_ends_are_closed_it_refers_to_its_user_no_more(sender_first: bool) -> None:
    """Its user refers to it: they would lie about until the collector of cycles comes by."""
    clock = Clock()
    connection, log = connected(clock, route(loss=1e-9), Interception())
    connection.receiver_closed = False
    log.connection = connection  # type: ignore[attr-defined]
    known = weakref.ref(log.token)
    del log
    gc.disable()
    try:
        first, second = connection.close_sender_end, connection.close_receiver_end
        if not sender_first:
            first, second = second, first
        first()
        assert known() is not None
        second()
        del first, second
        assert known() is None
    finally:
        gc.enable()
