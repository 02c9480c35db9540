"""Interceptions on a connection without any engine: what they let arrive, and what they record."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.host_by_hand import path
from helpers.wires import A, B, route

from lab.network.clock import Clock
from lab.network.connection import Connection
from lab.network.events import Delivery
from lab.network.link import LinkDirection
from lab.protocol import Transaction
from lab.simulation.any_session import AnySession
from lab.simulation.interception import Interceptions, KnownRecipients
from lab.topology.model import FaultSpec


class Wire(AnySession):
    """A session of which the test sends both sides' bytes; it writes down what arrives."""

    def __init__(self, *faults: FaultSpec, replies: bool = False) -> None:
        self.clock = Clock()
        super().__init__(A, B, Connection(self.clock, route()))
        self.rows: list[tuple[Any, ...]] = []
        self.lines: list[str] = []
        self.is_data = False
        self.noticed: list[tuple[Any, ...]] = []
        self.faults = Interceptions(faults, self.noticed.append)
        self.faults.hang_ups += [fault for fault in faults if fault.kind == "hang-up"]
        self.replies = self.faults.changed_replies(self, self.rows.append)
        asked = self.faults.of(self, self.rows.append, self.replies if replies else None)
        self.connection.attach(self, asked)
        self.connection.open()
        self.clock.run_out()

    @property
    def is_in_mail_data(self) -> bool:
        return self.is_data

    def opened(self, _: Any) -> None:
        self.number = 1

    def at_receiver(self, delivery: Delivery) -> None:
        self.lines.append(f"> {delivery.octets.decode()}")

    def part_at_receiver(self, delivery: Delivery) -> None:
        self.lines.append(f"> {delivery.octets.decode()}...")

    def at_sender(self, delivery: Delivery) -> None:
        self.lines.append(f"< {delivery.octets.decode()}")

    def receiver_sees_close(self, _: Any) -> None:
        raise AssertionError("no end closes this one")

    def segment_lost(self, link: LinkDirection, times: int, delay: float) -> None:
        raise AssertionError("this link loses nothing")

    def cut(self, reason: str, crashed: str | None = None) -> None:
        self.lines.append(f"cut {reason}")
        self.discard()

    def shut_down(self) -> None:
        raise AssertionError("no host goes down")

    def discard(self) -> None:
        self.connection.close_sender_end()

    def command(self, *lines: str) -> None:
        for line in lines:
            self.connection.send_command(line.encode(), self.clock.now)
            self.clock.run_out()

    def reply(self, *lines: str) -> None:
        for line in lines:
            self.connection.send_reply(line.encode(), self.clock.now)
            self.clock.run_out()


def hang_up(after: str, **options: Any) -> FaultSpec:
    return FaultSpec("hang-up", link=(A, B), after=after, **options)


def test_without_faults_nothing_is_asked() -> None:
    assert Wire().connection.interceptions == ()


@pytest.mark.parametrize(
    ("after", "of", "lines"),
    [
        ("DATA", "sender", ["> MAIL\r\n", "> DATA\r\n", "cut after DATA"]),
        ("8 B", "sender", ["> MAIL\r\n", "> DA...", "cut after 8 B"]),
        ("6 B", "sender", ["> MAIL\r\n", "cut after 6 B"]),
        ("3 B", "sender", ["> MAI...", "cut after 3 B"]),
    ],
)
def test_a_hang_up_cuts_at_its_place(after: str, of: str, lines: list[str]) -> None:
    """After a command that has arrived, or in its midst after so many bytes."""
    wire = Wire(hang_up(after, of=of))
    wire.command("MAIL\r\n", "DATA\r\n", "QUIT\r\n")
    assert wire.lines == lines
    assert wire.faults.hang_ups == [], "it has happened"


@pytest.mark.parametrize(
    ("after", "lines"),
    [
        ("354", ["< 250 OK", "< 354 Go", "cut after 354"]),
        ("12 B", ["< 250 OK", "< 354 Go", "cut after 12 B of the receiver-SMTP"]),
        ("8 B", ["< 250 OK", "cut after 8 B of the receiver-SMTP"]),
    ],
)
def test_part_of_a_reply_is_none(after: str, lines: list[str]) -> None:
    wire = Wire(hang_up(after, of="receiver" if after.endswith("B") else "sender"))
    wire.reply("250 OK", "354 Go", "250 OK")
    assert wire.lines == lines


def test_after_the_mail_data_the_answer_is_lost() -> None:
    wire = Wire(hang_up("."))
    wire.command("DATA\r\n")
    wire.is_data = True
    wire.command("Hello\r\n.\r\n")
    wire.reply("250 OK")
    assert wire.lines == ["> DATA\r\n", "> Hello\r\n.\r\n", "cut after ."]


def test_a_hang_up_that_lasts_waits_for_the_next_session() -> None:
    wire = Wire(hang_up("DATA", duration=60.0))
    wire.command("DATA\r\n")
    assert wire.lines[-1] == "cut after DATA"
    assert len(wire.faults.hang_ups) == 1


def test_a_hang_up_of_another_session_or_link_is_not_triggered() -> None:
    other = FaultSpec("hang-up", link=(A, "C.ARPA"), after="DATA")
    wire = Wire(hang_up("DATA", session=2), other)
    wire.command("DATA\r\n")
    assert wire.lines == ["> DATA\r\n"]


def change(kind: str, host: str, number: int, line: str) -> FaultSpec:
    return FaultSpec(kind, host=host, session=1, number=number, line=line)


def test_a_command_is_changed_and_that_is_recorded() -> None:
    wire = Wire(change("change-command", A, 2, "RSET"), change("change-command", B, 1, "NOOP"))
    wire.command("MAIL\r\n", "DATA\r\n")
    assert wire.lines == ["> MAIL\r\n", "> RSET\r\n"]
    (row,) = wire.rows
    assert row[1:] == ("fault", A, B, 1, None, "change-command", True, "RSET in place of DATA")
    assert row[0] == pytest.approx(0.5)


def test_a_hang_up_waits_for_the_command_that_arrives() -> None:
    """Not for the one that was sent: a changed command is changed first."""
    wire = Wire(change("change-command", A, 1, "RSET"), hang_up("RSET"))
    wire.command("MAIL\r\n")
    assert wire.lines == ["> RSET\r\n", "cut after RSET"]


def test_a_reply_is_changed_when_it_is_given_and_recorded_when_it_arrives() -> None:
    wire = Wire(change("change-reply", B, 2, "550 No"), replies=True)
    assert wire.replies is not None
    assert wire.replies.next_reply() is None
    changed = wire.replies.next_reply()
    assert changed is not None
    assert (changed.code, wire.rows) == (550, [])
    wire.reply("220", "550 No")
    (row,) = wire.rows
    assert row[1:] == ("fault", B, A, 1, None, "change-reply", True, "550 No")


def test_a_fault_that_waits_for_a_reply_hears_of_each() -> None:
    """When the receiver-SMTP gives it, at its host; nothing is noticed where nothing is sent."""
    wire = Wire(FaultSpec("crash", host=A, when={"event": "reply"}))
    wire.reply("250 OK\r\n", "")
    (row,) = wire.noticed
    assert row[1:] == ("reply", B, A, 1, None, row[0], b"250 OK\r\n")
    assert wire.lines == ["< 250 OK\r\n"]


def test_recipients_are_known_by_what_both_sides_mean() -> None:
    known, transaction = KnownRecipients(), Transaction()
    known.follow(transaction, None)
    assert known.numbers() == []
    for asked in (0, 2):
        transaction.forward_paths.append(path("bob@B.ARPA"))
        known.follow(transaction, asked)
    assert known.numbers() == [0, 2]
    transaction.forward_paths.append(path("bob@B.ARPA"))
    known.follow(transaction, None)
    assert known.numbers() is None, "the sender-SMTP did not ask for this one"
    known.follow(Transaction(), None)
    assert known.numbers() == []
