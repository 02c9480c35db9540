"""Statements of RFC 821 about the engines, one a test, that no other file of this room proves."""

from __future__ import annotations

import pytest

from lab.protocol import Limits, MailData, ReceiverSMTP, Reply, SenderSMTP, reply
from lab.protocol.replies import TEXTS, Category
from lab.protocol.sizes import MINIMA
from lab.protocol.states import COMMANDS
from lab.testing import FakeAgenda, FakeInstallation, mail_to


def sender(*replies: bytes) -> tuple[SenderSMTP, FakeAgenda, list[bytes]]:
    """A sender-SMTP with a mail_to that has been told these replies, and what it said last."""
    bag = FakeAgenda(mail_to("Jones"))
    engine = SenderSMTP("ALPHA.ARPA", bag)
    said: list[bytes] = []
    for octets in replies:
        said = [out for kind, out in engine.receive(octets) if kind != "reply"]
    return engine, bag, said


WELCOME = (b"220 BETA.ARPA\r\n", b"250 BETA.ARPA\r\n")
MAILED = (*WELCOME, b"250 OK\r\n", b"250 OK\r\n", b"354 go\r\n", b"250 OK\r\n")


@pytest.mark.rule("4.1.1-27", "4.3-7")
@pytest.mark.parametrize(
    "replies",
    [
        MAILED,
        (b"554 no\r\n",),
        (WELCOME[0], b"550 no\r\n"),
        (*WELCOME, b"550 no\r\n", b"500 no RSET either\r\n"),
        (*MAILED[:5], b"554 no\r\n"),
    ],
)
def test_the_channel_is_closed_when_quit_has_been_answered(replies: tuple[bytes, ...]) -> None:
    """4.1.1 QUIT: "until it send a QUIT command and receives the reply (even if there was an error
    response to a previous command)".
    """
    engine, _, said = sender(*replies)
    assert said == [b"QUIT\r\n"]
    assert not engine.closing
    engine.receive(b"221 BETA.ARPA\r\n")
    assert engine.closing


@pytest.mark.rule("4.1.1-8")
@pytest.mark.parametrize("cut", range(18))
def test_the_first_line_that_is_a_period_ends_the_mail(cut: int) -> None:
    """4.1.1 DATA: what follows is commands, even if another such line is in the same piece."""
    octets = b"one\r\n.\r\nNOOP\r\n.\r\n"
    data = MailData()
    following = data.feed(octets[:cut])
    if following is None:
        following = data.feed(octets[cut:])
    else:
        following += octets[cut:]
    assert (data.octets, following) == (b"one\r\n", b"NOOP\r\n.\r\n")


ROUTE = "@" + "r" * 58 + ".ARPA"


@pytest.mark.rule("4.5.3-1", "4.5.3-2", "4.5.3-3", "4.5.3-4", "4.5.3-9")
@pytest.mark.parametrize(
    ("line", "code"),
    [
        (f"MAIL FROM:<{'u' * 64}@B>", "250"),
        (f"MAIL FROM:<{'u' * 65}@B>", "501"),
        (f"MAIL FROM:<a@{'d' * 64}>", "250"),
        (f"MAIL FROM:<a@{'d' * 65}>", "501"),
        (f"MAIL FROM:<@{'d' * 65}:a@B>", "501"),
        (f"HELO {'d' * 64}", "250"),
        (f"HELO {'d' * 65}", "501"),
        (f"MAIL FROM:<{ROUTE},{ROUTE},{ROUTE}:{'u' * 40}@{'d' * 18}>", "250"),
        (f"MAIL FROM:<{ROUTE},{ROUTE},{ROUTE}:{'u' * 40}@{'d' * 19}>", "501"),
        ("VRFY " + "x" * 505, "250"),
        ("VRFY " + "x" * 506, "500"),
    ],
)
def test_the_least_sizes_are_taken_and_a_host_may_refuse_more(line: str, code: str) -> None:
    """4.5.3: 64 characters of a user name and a domain, 256 of a path, 512 of a command line."""
    receiver = ReceiverSMTP(FakeInstallation(), Limits(**MINIMA))
    receiver.open()
    receiver.command(b"HELO ALPHA.ARPA\r\n")
    assert receiver.command(line.encode() + b"\r\n")[:3].decode() == code


@pytest.mark.rule("4.5.3-6", "4.5.3-9")
@pytest.mark.parametrize(
    ("line", "code"), [(b"x" * 998, 250), (b"." * 999, 250), (b"x" * 999, 552)]
)
def test_a_text_line_of_1000_characters_is_taken(line: bytes, code: int) -> None:
    """4.5.3: with its CRLF, and "not counting the leading dot duplicated for transparency"."""
    receiver = ReceiverSMTP(FakeInstallation(), Limits(**MINIMA))
    receiver.open()
    for command in (b"HELO A", b"MAIL FROM:<a@B>", b"RCPT TO:<c@D>", b"DATA"):
        receiver.command(command + b"\r\n")
    replies = [octets for kind, octets in receiver.receive(line + b"\r\n.\r\n") if kind == "reply"]
    assert [int(octets[:3]) for octets in replies] == [code]


@pytest.mark.rule("4.5.3-7", "4.5.3-9")
def test_a_hundred_recipients_are_taken_and_a_host_may_refuse_more() -> None:
    """4.5.3: "552 Too many recipients", after the 100 "that must be buffered"."""
    receiver = ReceiverSMTP(FakeInstallation(), Limits(**MINIMA))
    receiver.open()
    receiver.command(b"HELO A\r\n")
    receiver.command(b"MAIL FROM:<a@B>\r\n")
    codes = [receiver.command(b"RCPT TO:<c@D>\r\n")[:3] for _ in range(101)]
    assert codes == [b"250"] * 100 + [b"552"]


@pytest.mark.rule("4.2.1-1")
def test_500_is_for_a_word_that_is_no_command_and_for_a_line_too_long() -> None:
    """4.2.1, 500: "This may include errors such as command line too long"."""
    receiver = ReceiverSMTP(FakeInstallation(), Limits(line=512))
    receiver.open()
    for line in (b"EHLO A\r\n", b"NOOPE\r\n", b"HELP " + b"x" * 506 + b"\r\n"):
        assert receiver.command(line)[:4] == b"500 "
    assert receiver.command(b"HELP " + b"x" * 505 + b"\r\n")[:4] == b"214 "


@pytest.mark.rule("4.1.1-18", "4.1.1-24")
@pytest.mark.parametrize(
    "line", [b"EHLO A", b"HELO a b", b"DATA", b"RCPT TO:<a@B>", b"MAIL FROM:a", b"NOOP x", b"TURN"]
)
def test_after_an_error_the_session_goes_on_as_it_was(line: bytes) -> None:
    """4.1.1 QUIT: the channel stays open "even if there was an error"; the state is the same."""
    receiver = ReceiverSMTP(FakeInstallation())
    receiver.open()
    receiver.command(b"HELO ALPHA.ARPA\r\n")
    before = receiver.state
    assert receiver.command(line + b"\r\n")[:1] == b"5"
    assert (receiver.state, receiver.peer, receiver.closing) == (before, "ALPHA.ARPA", False)
    assert receiver.command(b"NOOP\r\n")[:3] == b"250"


@pytest.mark.rule("4.1.1-24")
@pytest.mark.parametrize("verb", COMMANDS)
def test_a_command_with_a_fault_leaves_the_buffers(verb: str) -> None:
    """4.1.1: after a 501 to a command, "the SMTP-receiver must stay in the same state"."""
    receiver = ReceiverSMTP(FakeInstallation())
    receiver.open()
    for line in (b"HELO A\r\n", b"MAIL FROM:<a@A>\r\n", b"RCPT TO:<b@BETA.ARPA>\r\n"):
        receiver.command(line)
    transaction, state = receiver.transaction, receiver.state
    assert receiver.command(f"{verb} \0\r\n".encode())[:2] == b"50"
    assert (receiver.transaction, receiver.state) == (transaction, state)
    assert transaction.reverse_path.text == "<a@A>"
    assert [path.text for path in transaction.forward_paths] == ["<b@BETA.ARPA>"]


@pytest.mark.rule("4.1.1-24")
def test_a_helo_that_is_refused_leaves_the_name() -> None:
    """4.1.1: a 501 to HELO leaves "the same state"; so does 504."""

    class Choosy(FakeInstallation):
        def hello(self, domain: str) -> Reply:
            return reply(504 if domain == "GAMMA.ARPA" else 250, "BETA.ARPA")

    receiver = ReceiverSMTP(Choosy())
    receiver.open()
    receiver.command(b"HELO ALPHA.ARPA\r\n")
    assert receiver.command(b"HELO GAMMA.ARPA\r\n")[:3] == b"504"
    assert receiver.peer == "ALPHA.ARPA"


@pytest.mark.rule("E-4")
@pytest.mark.parametrize("before", range(6))
def test_a_1yz_reply_is_an_error_wherever_it_comes(before: int) -> None:
    """E: SMTP "does not have any commands that allow this type of reply, and so does not have the
    continue or abort commands"; by 4.4, 1 leads to E. The mail is not taken to be sent.
    """
    engine, bag, said = sender(*MAILED[:before], b"150 wait\r\n")
    assert said == [b"RSET\r\n" if before in (2, 3, 4) else b"QUIT\r\n"]
    for outgoing in bag.finished:
        assert not (outgoing.any_taken and outgoing.answer == (250, "OK"))
    assert bag.refusals or bag.finished
    assert engine.state.value != "data"


@pytest.mark.rule("E-5")
def test_the_second_digit_says_what_a_reply_is_about() -> None:
    """E: x0z syntax, x1z information, x2z connections, x5z the mail system; x3z and x4z are
    unspecified, and no code has them, but 354 has the 5 of the mail system.
    """
    about: dict[str, list[int]] = {}
    for code in TEXTS:
        about.setdefault(Category(code // 10 % 10).name, []).append(code)
    assert about == {
        "SYNTAX": [500, 501, 502, 503, 504],
        "INFORMATION": [211, 214],
        "CONNECTIONS": [220, 221, 421],
        "MAIL_SYSTEM": [250, 251, 354, 450, 451, 452, 550, 551, 552, 553, 554],
    }
