"""The tracker of a dialogue says of both sides what they know themselves (4.1.1, 4.3, 4.4)."""

from __future__ import annotations

import pytest

from lab.protocol import ReceiverSMTP, Reply, SenderSMTP, State
from lab.protocol.dialogue import Dialogue, SideState, Spoken, replies_to
from lab.protocol.replies import CONNECTION, MAIL_DATA, Outcome, code_of, is_refusal, meaning_of
from lab.testing import FakeAgenda, FakeInstallation, mail_to

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


@pytest.mark.rule("4.1.1-3", "4.1.1-9")
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
                                             (350, State.OPENED), (450, State.OPENED)])  # fmt: skip
def test_a_code_that_is_not_listed_counts_by_its_first_digit(code: int, state: State) -> None:
    """Appendix E, as the sender-SMTP reads it; 3yz to HELO is an error (4.4)."""
    assert after((b"HELO A\r\n", code)).state is state


@pytest.mark.parametrize(
    "answers", [{}, {"RCPT": [251]}, {"RCPT": [550]}, {"data": [554]}, {"MAIL": [421]}]
)
def test_the_tracker_follows_the_engines(answers: dict[str, list[int | Reply]]) -> None:
    """Whatever crosses, it says of both sides what they do; a refusal ends the transaction."""
    receiver = ReceiverSMTP(FakeInstallation(**answers))
    sender = SenderSMTP("A", FakeAgenda(mail_to("bob")))
    side = SideState()
    replies = [octets for _, octets in receiver.open()]
    spoken: Spoken | None = None
    while replies:
        octets = replies.pop(0)
        side = side.reply(spoken, code_of(octets))
        sent = [(kind, out) for kind, out in sender.receive(octets) if kind != "reply" and out]
        if side.state is not State.OPENED:
            assert (side.state, receiver.state) == (sender.state, sender.state)
        for kind, out in sent:
            spoken = Spoken.read(out, data=kind == "data")
            side = side.ask(spoken)
            assert side.awaiting == sender.awaiting
            replies += [back for kind, back in receiver.receive(out) if kind == "reply"]
    assert side.state is sender.state is receiver.state is State.CLOSED


# -- whole sessions


def follow(*crossed: tuple[str, bytes]) -> Dialogue:
    """A dialogue after what crossed, each command with the reply that it draws."""
    codes = replies_to((n, *crossing) for n, crossing in enumerate(crossed))
    dialogue = Dialogue()
    for n, (kind, octets) in enumerate(crossed):
        if kind == "reply":
            dialogue.reply(octets)
        elif kind == "data":
            dialogue.mail_data(octets, codes.get(n))
        else:
            dialogue.command(octets, codes.get(n))
    return dialogue


GREETING = ("reply", b"220 B\r\n")
OPENED = (GREETING, ("command", b"HELO A\r\n"), ("reply", b"250 B\r\n"))
TRANSACTION = (
    *OPENED,
    ("command", b"MAIL FROM:<ann@A>\r\n"), ("reply", b"250 OK\r\n"),
    ("command", b"RCPT TO:<bob@B>\r\n"), ("reply", b"250 OK\r\n"),
    ("command", b"DATA\r\n"), ("reply", b"354 Go on\r\n"),
)  # fmt: skip


def test_a_receiver_moves_when_a_command_arrives_and_a_sender_when_its_reply_does() -> None:
    """A receiver-SMTP waits for nothing once it has greeted."""
    dialogue = follow(*OPENED[:2], ("reply", b"250 B\r\n"))
    assert dialogue.sender.state is dialogue.receiver.state is State.READY
    assert Dialogue().sender.awaiting == CONNECTION
    dialogue = follow(GREETING)
    dialogue.command(b"HELO A\r\n", 250)
    assert dialogue.receiver.state is State.READY
    assert (dialogue.sender.state, dialogue.sender.awaiting) == (State.OPENED, "HELO")
    unanswered = follow(*OPENED[:2])
    assert (unanswered.receiver.state, unanswered.receiver.awaiting) == (State.OPENED, "HELO")


def test_mail_data_lies_in_the_buffer_until_it_is_stored() -> None:
    """4.1.1: then the transaction is over for the receiver, and for the sender with the reply."""
    dialogue = follow(*TRANSACTION)
    dialogue.mail_data(b"Hi\r\n.\r\n", 250)
    assert dialogue.receiver.mail_data == b"Hi\r\n"
    dialogue.stored()
    assert (dialogue.receiver.state, dialogue.receiver.mail_data) == (State.READY, b"")
    assert dialogue.sender.state is State.DATA
    dialogue.reply(b"250 OK\r\n")
    assert dialogue.sender.state is State.READY
    cut = follow(*TRANSACTION, ("data", b"Hi\r\n"))
    cut.stored()
    assert cut.receiver.state is State.DATA


def test_a_reply_to_mail_data_that_was_refused_ends_the_transaction_too() -> None:
    dialogue = follow(*TRANSACTION, ("data", b"Hi\r\n.\r\n"), ("reply", b"554 No\r\n"))
    assert dialogue.sender.state is dialogue.receiver.state is State.READY
    assert dialogue.receiver.mail_data == b""


TURNED = (*OPENED, ("command", b"turn\r\n"), ("reply", b"250 OK\r\n"))


def test_a_turn_changes_the_roles_and_the_other_side_greets() -> None:
    """3.8: both are as after opening; a TURN that is refused changes nothing."""
    assert follow(*TURNED).is_turned
    assert follow(*TURNED).sender.awaiting == CONNECTION
    again = follow(*TURNED, *OPENED)
    assert again.sender.state is again.receiver.state is State.READY
    assert not follow(*TURNED, *TURNED).is_turned
    refused = follow(*OPENED, ("command", b"TURN\r\n"), ("reply", b"502 No\r\n"))
    assert not refused.is_turned
    assert refused.sender.state is State.READY


def test_mail_data_that_begins_with_a_command_is_none() -> None:
    dialogue = follow(*TRANSACTION, ("data", b"TURN\r\n.\r\n"), ("reply", b"250 OK\r\n"))
    assert not dialogue.is_turned


def test_a_dialogue_closes_for_both() -> None:
    dialogue = follow(*OPENED[:2])
    dialogue.close()
    assert dialogue.sender.state is dialogue.receiver.state is State.CLOSED
    assert dialogue.sender.awaiting == dialogue.receiver.awaiting == ""


def test_a_reply_that_nobody_asked_for_closes_the_channel_for_the_sender() -> None:
    """4.2: a command has one reply; after another, no reply can be told from the next."""
    dialogue = follow(*OPENED, ("reply", b"250 OK\r\n"))
    assert (dialogue.sender.state, dialogue.sender.command) == (State.CLOSED, "HELO")
    crossings = [(n, *crossing) for n, crossing in enumerate((*OPENED, GREETING))]
    assert replies_to(crossings) == {1: 250}


def test_codes_are_read_from_octets() -> None:
    """Appendix E: the first digit says whether a reply refuses."""
    assert code_of(b"250-B\r\n250 OK\r\n") == 250
    assert [is_refusal(b"%d 1\r\n" % code) for code in (250, 354, 450, 550)] == [0, 0, 1, 1]


def test_a_reply_may_come_before_its_command_has_arrived() -> None:
    """The command had left; the sender-SMTP has its reply before the receiver-SMTP has read it."""
    dialogue = Dialogue()
    dialogue.reply(b"220 B.ARPA ready\r\n")
    dialogue.sent(b"HELO A.ARPA\r\n", data=False)
    dialogue.reply(b"250 B.ARPA\r\n")
    assert (dialogue.sender.state, dialogue.sender.code) == (State.READY, 250)
    dialogue.command(b"HELO A.ARPA\r\n", 250)
    assert dialogue.receiver.state is State.READY
    assert not dialogue.sender.awaiting


def test_a_side_that_is_closed_asks_nothing_more() -> None:
    dialogue = Dialogue()
    dialogue.reply(b"220 B.ARPA ready\r\n")
    dialogue.reply(b"250 OK\r\n")
    assert dialogue.sender.state is State.CLOSED
    dialogue.command(b"NOOP\r\n", 250)
    assert dialogue.sender.state is State.CLOSED
    assert not dialogue.sender.awaiting


def test_a_word_that_is_no_command_is_read_by_the_first_digit() -> None:
    assert meaning_of("XYZZY", 250) is Outcome.S
    assert meaning_of("XYZZY", 550) is Outcome.F
