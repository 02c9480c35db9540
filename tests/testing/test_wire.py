"""The wire on which others test their programs: what it carries, logs, cuts and loses."""

from __future__ import annotations

import pytest

from lab.protocol import LATER, Limits, ReceiverSMTP, Reply, SenderSMTP, Transaction, reply
from lab.protocol.script import ScriptedSender
from lab.testing import (
    FakeAgenda,
    FakeInstallation,
    Pieces,
    Wire,
    at,
    by,
    bytewise,
    every_loss,
    mail_to,
    outline,
    play,
    whole,
)

SESSION = "220 HELO 250 MAIL 250 RCPT 250 DATA 354 ... 250 QUIT 221"


def test_the_pieces_of_bytes_are_all_of_them() -> None:
    assert list(whole(b"abcde")) == [b"abcde"]
    assert list(bytewise(b"abc")) == [b"a", b"b", b"c"]
    assert list(by(2)(b"abcde")) == [b"ab", b"cd", b"e"]
    assert list(at(3, 1)(b"abcde")) == [b"a", b"bc", b"de"]
    assert list(at(0, 5, 9)(b"abcde")) == [b"abcde"]


@pytest.mark.parametrize("pieces", [whole, bytewise, by(7), at(1, 2, 17)])
def test_a_session_has_the_same_log_in_any_pieces(pieces: Pieces) -> None:
    log, agenda = play(FakeInstallation(), mail_to("Jones", data=b".a\r\nb\r\n"), pieces=pieces)
    assert outline(log) == SESSION
    assert log[:3] == ["R: 220 BETA.ARPA ready", "S: HELO ALPHA.ARPA", "R: 250 BETA.ARPA"]
    assert log[9] == "S: ..a|b|."
    assert [outgoing.answer for outgoing in agenda.finished] == [(250, "OK")]


def test_the_bytes_that_have_arrived_are_counted_both_ways() -> None:
    wire = Wire(SenderSMTP("A", FakeAgenda()), ReceiverSMTP(FakeInstallation("B")))
    log = wire.play()
    assert log == ["R: 220 B ready", "S: HELO A", "R: 250 B", "S: QUIT", "R: 221 B closing"]
    assert wire.carried == sum(len(line) - len("R: ") + len("\r\n") for line in log)
    assert not wire.is_lost


def test_replies_are_given_one_after_another_and_the_last_one_again() -> None:
    fake = FakeInstallation(RCPT=[550, 250], Green=[reply(450, "Busy")], data=[452])
    log, agenda = play(fake, mail_to("a", "b", "Green", "c"))
    assert outline(log) == "220 HELO 250 MAIL 250 RCPT 550 RCPT 250 RCPT 450 RCPT 250" + (
        " DATA 354 ... 452 QUIT 221"
    )
    assert agenda.finished[0].answers[2] == (450, "Busy")
    assert fake.stored == []


def test_a_refused_session_leaves_the_mail_in_the_agenda() -> None:
    _, agenda = play(FakeInstallation(CONNECT=[421]), mail_to("a"))
    assert (len(agenda.mail), agenda.finished) == (1, [])
    assert agenda.refusals == [(421, "BETA.ARPA no")]


def test_limits_and_settings_are_those_of_the_receiver() -> None:
    log, _ = play(FakeInstallation(), mail_to("a", "b"), limits=Limits(recipients=1))
    assert "R: 552 " in " ".join(log)
    _, agenda = play(FakeInstallation(), mail_to("a", data=b"\xe1\r\n"), eight_bit="clear")
    assert agenda.finished[0].answer == (250, "OK")


def test_a_channel_is_lost_after_any_byte_and_both_sides_are_told() -> None:
    """Every byte of a session is an end once: what the sender takes for sent has been stored."""
    made: list[tuple[FakeInstallation, FakeAgenda]] = []

    def make() -> Wire:
        made.append((FakeInstallation(), FakeAgenda(mail_to("Jones"))))
        fake, agenda = made[-1]
        return Wire(SenderSMTP("A", agenda), ReceiverSMTP(fake), by(5))

    wires = list(every_loss(make))
    assert [wire.carried for wire in wires] == list(range(wires[-1].carried + 1))
    assert outline(wires[-1].log) == SESSION
    outcomes = set()
    for wire, (fake, agenda) in zip(wires, made[1:], strict=True):
        assert wire.is_lost
        codes = [outgoing.answer[0] for outgoing in agenda.finished if outgoing.answer]
        outcomes.add((len(fake.stored), *codes))
    assert outcomes == {(0,), (0, 451), (1, 451), (1, 250)}


def test_a_channel_is_lost_after_so_many_lines_of_the_log() -> None:
    agenda = FakeAgenda(mail_to("Jones"))
    wire = Wire(SenderSMTP("A", agenda), ReceiverSMTP(FakeInstallation()))
    assert outline(wire.play(crossings=4)) == "220 HELO 250 MAIL"
    assert wire.is_lost
    assert agenda.finished[0].failed_at == "MAIL"


def test_a_verdict_that_comes_later_is_put_on_the_wire() -> None:
    class Slow(FakeInstallation):
        def accept(self, transaction: Transaction) -> Reply:
            return LATER

    receiver = ReceiverSMTP(Slow())
    wire = Wire(SenderSMTP("A", FakeAgenda(mail_to("a"))), receiver)
    assert outline(wire.play()).endswith("354 ...")
    for _, octets in receiver.answer(reply(250, "Stored")):
        wire.send_reply(octets)
    assert outline(wire.play()) == SESSION


def test_bytes_of_the_tester_reach_both_sides() -> None:
    wire = Wire(ScriptedSender(["HELO A", "NOOP", "QUIT"]), ReceiverSMTP(FakeInstallation()))
    wire.send_command(b"NOOP\r\n")
    assert outline(wire.play()) == "220 NOOP HELO 250 250 NOOP QUIT 250 221"
