"""The tracker of a dialogue says of both sides what they know themselves (4.1.1, 4.3, 4.4)."""

from __future__ import annotations

import pytest
from helpers.dialogues import Bag, Post, letter

from lab.protocol import ReceiverSMTP, Reply, SenderSMTP, State
from lab.protocol.dialogue import SideState, Spoken
from lab.protocol.replies import CONNECTION, MAIL_DATA, Outcome

GREETED = SideState().reply(None, 220)


def after(*exchanges: tuple[bytes, int], side: SideState = GREETED) -> SideState:
    """A side after command lines and the codes that they drew."""
    for line, code in exchanges:
        spoken = Spoken.read(line, data=side.state is State.DATA)
        side = side.ask(spoken).reply(spoken, code)
    return side


HELO = (b"HELO A\r\n", 250)
MAIL = (b"MAIL FROM:<ann@A>\r\n", 250)
RCPT = (b"RCPT TO:<bob@B>\r\n", 250)
DATA = (b"DATA\r\n", 354)


def test_a_transaction_fills_the_buffers_and_its_end_clears_them() -> None:
    """4.1.1: each command's buffers, one after the other."""
    side = after(HELO, MAIL, RCPT, (b"rcpt to:<eve@B>\r\n", 250))
    assert (side.state, side.verb, side.reverse_path) == (State.RCPT, "MAIL", "<ann@A>")
    assert side.forward_paths == ("<bob@B>", "<eve@B>")
    side = after(DATA, side=side)
    assert side.state is State.DATA
    assert side.fill(b"..x\r\n.\r\n").mail_data == b".x\r\n"
    assert side.fill(b".\r\n").mail_data == b""
    assert side.fill(b"half a li").mail_data == b"half a li"
    for code in (250, 554):
        done = after((b"text\r\n.\r\n", code), side=side)
        assert (done.state, done.reverse_path, done.forward_paths) == (State.READY, None, ())
        assert done.meaning is (Outcome.S if code == 250 else Outcome.F)


def test_a_side_awaits_the_reply_to_what_was_asked() -> None:
    assert SideState().awaiting == CONNECTION
    assert GREETED.awaiting == ""
    assert SideState().meaning is None
    asked = GREETED.ask(Spoken.read(b"helo A\r\n", data=False))
    assert (asked.awaiting, asked.command, asked.code) == ("HELO", "HELO", None)
    assert asked.was is State.OPENED
    assert Spoken.read(b"a line\r\n", data=True) == Spoken(MAIL_DATA, octets=b"a line\r\n")


def test_a_command_that_fails_changes_nothing() -> None:
    """4.1.1: a buffer holds what a command put there that succeeded."""
    side = after(HELO, MAIL)
    failed = after((b"RCPT TO:<eve@B>\r\n", 550), side=side)
    assert (failed.state, failed.forward_paths) == (State.MAIL, ())
    assert failed.meaning is Outcome.F


def test_a_second_mail_clears_the_buffers_first() -> None:
    """3.1: it begins a transaction anew."""
    side = after(HELO, MAIL, RCPT, (b"SOML FROM:<>\r\n", 250))
    assert (side.verb, side.reverse_path, side.forward_paths) == ("SOML", "<>", ())


def test_a_command_out_of_order_or_unknown_has_no_row() -> None:
    for line in (b"DATA\r\n", b"EHLO A\r\n", b"\xff\r\n"):
        side = after((line, 503))
        assert (side.state, side.row) == (State.OPENED, None)
    assert after((b"EHLO A\r\n", 250)).meaning is None
    assert after(HELO, (b"NOOP\r\n", 250)).row is not None


def test_a_421_closes_whatever_it_answers() -> None:
    """4.3: it may be the reply to any command."""
    side = after(HELO, MAIL, (b"NOOP\r\n", 421))
    assert (side.state, side.reverse_path) == (State.CLOSED, None)


@pytest.mark.parametrize(("code", "state"), [(251, State.READY), (299, State.READY),
                                             (350, State.READY), (450, State.OPENED)])  # fmt: skip
def test_a_code_that_is_not_listed_counts_by_its_first_digit(code: int, state: State) -> None:
    """Appendix E, as the sender-SMTP reads it; 3yz to HELO is an intermediate reply."""
    assert after((b"HELO A\r\n", code)).state is state


@pytest.mark.parametrize(
    "answers", [{}, {"HELO": [251]}, {"RCPT": [550]}, {"data": [554]}, {"MAIL": [421]}]
)
def test_the_tracker_follows_the_engines(answers: dict[str, list[int | Reply]]) -> None:
    """Whatever crosses, it says of both sides what they do; a refusal ends the transaction."""
    answers = {row: [Reply(251, "B") if code == 251 else code for code in codes]
               for row, codes in answers.items()}  # fmt: skip
    receiver = ReceiverSMTP(Post(**answers))
    sender = SenderSMTP("A", Bag(letter("bob")))
    side = SideState()
    replies = [octets for _, octets in receiver.open()]
    spoken: Spoken | None = None
    while replies:
        octets = replies.pop(0)
        side = side.reply(spoken, int(octets[:3]))
        sent = [(kind, out) for kind, out in sender.receive(octets) if kind != "reply" and out]
        if side.state is not State.OPENED:
            assert (side.state, receiver.state) == (sender.state, sender.state)
        for kind, out in sent:
            spoken = Spoken.read(out, data=kind == "data")
            side = side.ask(spoken)
            assert side.awaiting == sender.awaiting
            replies += [back for what, back in receiver.receive(out) if what == "reply"]
    assert side.state is sender.state is receiver.state is State.CLOSED
