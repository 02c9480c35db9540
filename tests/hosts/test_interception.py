"""A reply in place of the host's own, as a fault prescribes it: what is sent, and what is done."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from helpers.host_by_hand import by_hand, port_of, session

from lab.hosts.interception import command_line, reply_of
from lab.hosts.receiving import ReceivingSession, receiver_smtp
from lab.protocol import Crossing, ReceiverSMTP, Reply, State

LINES = [b"HELO A\r\n", b"MAIL FROM:<ann@A>\r\n", b"RCPT TO:<bob@B>\r\n", b"DATA\r\n"]
MAIL = b"hi\r\n.\r\n"


def replaced(**places: str) -> Callable[[], Reply | None]:
    """The replies that stand in for others: ``_3`` is that of the third."""
    count = iter(range(1, 100))
    return lambda: (line := places.get(f"_{next(count)}")) and reply_of(line)


def begun(receiver: ReceiverSMTP, lines: list[bytes]) -> list[str]:
    """The codes of the greeting and of the replies to command lines."""
    events = receiver.open()
    for line in lines:
        if not receiver.closing:
            events = [*events, *receiver.receive(line)]
    return codes(events)


def codes(events: list[Crossing]) -> list[str]:
    return [octets[:3].decode() for kind, octets in events if kind == "reply"]


def served(**places: str) -> tuple[ReceiverSMTP, ReceivingSession]:
    receiving = session(by_hand("bob"))
    return receiver_smtp(receiving, replaced(**places)), receiving


def test_a_greeting_in_place_of_220() -> None:
    """After any but 421 the sender-SMTP may go on; 421 closes the channel."""
    receiver, _ = served(_1="554 No service here")
    assert begun(receiver, LINES[:1]) == ["554", "250"]
    receiver, _ = served(_1="421 Not now")
    assert begun(receiver, LINES) == ["421"]
    assert receiver.closing


def test_a_refusal_holds() -> None:
    """A recipient who is refused so is none; a 421 is the last reply."""
    receiver, _ = served(_4="550 No")
    assert begun(receiver, LINES) == ["220", "250", "250", "550", "503"]
    receiver, _ = served(_3="421 Not now")
    assert begun(receiver, LINES) == ["220", "250", "421"]
    assert receiver.closing


def test_any_other_reply_is_only_sent() -> None:
    """The command is carried out by the host's own verdict: nobody@B is no recipient."""
    receiver, _ = served(_4="250 Fine")
    lines = [*LINES[:2], b"RCPT TO:<nobody@B>\r\n", LINES[3]]
    assert begun(receiver, lines) == ["220", "250", "250", "250", "503"]


def test_a_refusal_after_the_mail_data_stores_nothing() -> None:
    receiver, receiving = served(_6="552 Too much")
    begun(receiver, LINES)
    assert codes(receiver.receive(MAIL)) == ["552"]
    assert port_of(receiving.host).rows == []


def test_a_250_after_the_mail_data_is_sent_and_the_mail_stored() -> None:
    receiver, receiving = served(_6="250 As you like")
    begun(receiver, LINES)
    assert receiver.receive(MAIL)[-1] == ("reply", b"250 As you like\r\n")
    assert port_of(receiving.host).kinds() == ["accept", "deliver"]


@pytest.mark.parametrize(("places", "message"), [({"_6": "250 Slowly"}, b"250 Slowly\r\n"),
                                              ({}, b"250 OK\r\n")])  # fmt: skip
def test_a_verdict_that_comes_late_is_replaced_too(places: dict[str, str], message: bytes) -> None:
    receiving = session(by_hand("bob", store=1.0))
    receiver = receiver_smtp(receiving, replaced(**places))
    late: list[Crossing] = []
    receiving.respond = lambda verdict: late.extend(receiver.answer(verdict))
    begun(receiver, LINES)
    assert codes(receiver.receive(MAIL)) == []
    port_of(receiving.host).calls[0][1](1.0)
    assert late == [("reply", message)]


def test_a_command_is_taken_in_whatever_state_a_changed_one_has_left() -> None:
    """A fault may have put DATA in the place of RCPT: what follows is mail data then."""
    receiver, _ = served()
    begun(receiver, LINES)
    assert receiver.state is State.DATA
    assert receiver.command(b"QUIT\r\n") == b""
    assert receiver.command(b".\r\n") == b"250 OK\r\n"


@pytest.mark.parametrize(
    ("line", "octets"), [("550 No such user", b"550 No such user\r\n"), ("250", None)]
)
def test_a_line_is_read_as_a_reply(line: str, octets: bytes | None) -> None:
    assert reply_of(line).octets == (octets or b"250 Requested mail action okay, completed\r\n")


@pytest.mark.parametrize("line", ["", "no", "299 no code of RFC 821", "２50 wide", "250 a\nb"])
def test_a_line_that_is_no_reply_is_refused_in_a_sentence(line: str) -> None:
    with pytest.raises(ValueError, match=r"write 550 No such user here|write one line"):
        reply_of(line)


def test_a_line_is_read_as_a_command() -> None:
    assert command_line("NOOP") == b"NOOP\r\n"
    assert len(command_line("X" * 510)) == 512
    for line in ("A\rB", "A\nB", "é", "X" * 511):
        with pytest.raises(ValueError, match=r"write one command|write ASCII, at most 510"):
            command_line(line)


def test_a_reply_in_place_of_the_one_to_turn_changes_no_roles_unless_it_grants_them() -> None:
    receiver, _ = served(_3="354 Perhaps")
    assert begun(receiver, [LINES[0], b"TURN\r\n"]) == ["220", "250", "354"]
    assert not receiver.turned
