"""The engines at their edges: texts of refusals, limits to the byte, codes between those known."""

from __future__ import annotations

import pytest

from lab.protocol import (
    COMMAND_REPLIES,
    NO_LIMITS,
    Limits,
    Outcome,
    Path,
    ReceiverSMTP,
    Reply,
    ReplyParser,
    SenderSMTP,
    State,
    Transaction,
)
from lab.protocol.receiver import _read
from lab.protocol.replies import meaning_of
from lab.testing import FakeAgenda, FakeInstallation, mail_to

BEGIN = [b"HELO A.ARPA\r\n", b"MAIL FROM:<a@A.ARPA>\r\n", b"RCPT TO:<b@B.ARPA>\r\n", b"DATA\r\n"]


def receiver(*lines: bytes, limits: Limits = NO_LIMITS, **says: list[int | Reply]) -> ReceiverSMTP:
    """A receiver-SMTP that has had these lines."""
    made = ReceiverSMTP(FakeInstallation(**says), limits)
    made.open()
    for line in lines:
        made.receive(line)
    return made


def said(to: ReceiverSMTP, line: bytes) -> bytes:
    return b"".join(octets for kind, octets in to.receive(line) if kind == "reply")


def sender(bag: FakeAgenda, *replies: bytes) -> SenderSMTP:
    """A sender-SMTP that has had these replies."""
    made = SenderSMTP("A.ARPA", bag)
    for octets in replies:
        made.receive(octets)
    return made


# -- the receiver-SMTP


def test_a_receiver_tells_how_much_it_holds() -> None:
    """Of a line that has not ended, and of mail data; nothing once that has been taken."""
    made = receiver()
    assert made.held == 0
    made.receive(b"HELO A.AR")
    assert made.held == 9
    made.receive(b"PA\r\n")
    for line in BEGIN[1:]:
        made.receive(line)
    before = made.held
    made.receive(b"x" * 1000)
    assert made.held == before + 1000
    made.receive(b"\r\n.\r\n")
    assert made.held == 0


@pytest.mark.rule("4.1.1-22", "4.1.1-23", "4.2.1-7")
@pytest.mark.parametrize(
    ("before", "line", "why"),
    [
        (0, b"MAIL FROM:<a@A.ARPA>\r\n", b"HELO comes before MAIL"),
        (0, b"RCPT TO:<b@B.ARPA>\r\n", b"HELO comes before RCPT"),
        (1, b"RCPT TO:<b@B.ARPA>\r\n", b"MAIL comes before RCPT"),
        (1, b"DATA\r\n", b"RCPT comes before DATA"),
        (2, b"TURN\r\n", b"no TURN in a transaction"),
    ],
)
def test_503_says_what_comes_before_what(before: int, line: bytes, why: bytes) -> None:
    """4.1.1: "If the commands are out of order" 503; and a person reads which."""
    to = receiver(*BEGIN[:before])
    assert said(to, line) == b"503 Bad sequence of commands: " + why + b"\r\n"


@pytest.mark.rule("4.5.3-9")
@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (Limits(path=11), b"Path too long"),
        (Limits(user=2), b"User name too long"),
        (Limits(domain=4), b"Domain too long"),
    ],
)
@pytest.mark.parametrize("keyword", [b"MAIL FROM:", b"RCPT TO:"])
def test_501_says_which_part_of_a_path_is_too_long(
    limits: Limits, why: bytes, keyword: bytes
) -> None:
    """4.5.3: for MAIL and for RCPT; a path that just fits is taken."""
    to = receiver(b"HELO A\r\n", *([b"MAIL FROM:<>\r\n"] if keyword[0] == ord("R") else []),
                  limits=limits)  # fmt: skip
    long, fits = b"<abc@B.ARPA>", b"<ab@B.C>"
    assert said(to, keyword + long + b"\r\n") == b"501 " + why + b"\r\n"
    assert said(to, keyword + fits + b"\r\n") == b"250 OK\r\n"


@pytest.mark.rule("4.5.3-9")
def test_a_domain_of_a_route_and_of_helo_is_measured_too() -> None:
    to = receiver(limits=Limits(domain=4))
    assert said(to, b"HELO AAAAA\r\n") == b"501 Domain too long.\r\n"
    assert said(to, b"HELO AAAA\r\n").startswith(b"250 ")
    assert said(to, b"MAIL FROM:<@AAAAA:b@C>\r\n") == b"501 Domain too long\r\n"


@pytest.mark.rule("4.1.1-8")
def test_what_crossed_as_mail_data_ends_with_its_end() -> None:
    """4.1.1: the commands behind the end of mail data are commands, also in what is recorded."""
    to = receiver(*BEGIN)
    crossed = to.receive(b"Hi\r\n.\r\nNOOP\r\nQU")
    assert crossed == [
        ("data", b"Hi\r\n.\r\n"), ("reply", b"250 OK\r\n"),
        ("command", b"NOOP\r\n"), ("reply", b"250 OK\r\n"),
    ]  # fmt: skip
    assert to.receive(b"IT\r\n")[0] == ("command", b"QUIT\r\n")


def test_a_receiver_has_no_peer_before_helo() -> None:
    to = receiver()
    assert to.peer == ""
    to.receive(BEGIN[0])
    assert to.peer == "A.ARPA"


@pytest.mark.rule("4.5.3-8")
def test_long_lines_are_not_kept_in_a_cache() -> None:
    """4.5.3: nobody fills our memory with commands that are each read once."""
    to = receiver(BEGIN[0])
    _read.cache_clear()
    to.receive(b"NOOP\r\n")
    assert _read.cache_info().currsize == 1
    for n in range(3):
        to.receive(b"HELP %d%b\r\n" % (n, b"x" * 600))
    assert _read.cache_info().currsize == 1


def test_a_transaction_and_a_reply_show_themselves() -> None:
    one = Transaction("MAIL", Path((), "a", "A"))
    one.forward_paths += [Path((), "b", "B"), Path(("C",), "d", "D")]
    assert repr(one) == "<MAIL <a@A> to <b@B> <@C:d@D>: 0 bytes>"
    assert repr(Reply(250, "OK", "more")) == "Reply(250, 'OK', 'more')"
    assert str(Reply(250, "OK", "more")) == "250 OK more"
    assert Reply(250, "OK", "more").text == "OK\nmore"


def test_replies_are_equal_by_what_they_say() -> None:
    assert Reply(250, "OK") == Reply(250, "OK")
    assert Reply(250, "OK") != Reply(250, "Yes")
    assert Reply(250, "OK") != Reply(251, "OK")
    assert Reply(250, "OK") != "250 OK"
    assert len({Reply(250, "OK"), Reply(250, "OK"), Reply(550, "OK")}) == 2


@pytest.mark.rule("4.2-2")
def test_a_reply_has_a_question_mark_for_what_is_not_ascii() -> None:
    """1: the characters are ASCII's; a full name in a reply may have others."""
    assert Reply(250, "Zoë Ångström").octets == b"250 Zo? ?ngstr?m\r\n"


# -- replies, read


@pytest.mark.rule("E-2")
def test_a_reply_of_several_lines_in_chunks_of_lines() -> None:
    """E: a chunk that would be a reply for itself is the last line of one."""
    chunks = [b"250-one\r\n", b"250-2\r\n", b"250 three\r\n", b"250 next\r\n"]
    parser = ReplyParser()
    found = [reply for chunk in chunks for reply in parser.feed(chunk)]
    whole = (250, ("one", "2", "three"), b"".join(chunks[:3]))
    assert found == [whole, (250, ("next",), chunks[3])]


@pytest.mark.rule("4.2-3")
def test_a_code_alone_is_a_reply_and_other_signs_are_none() -> None:
    """4.2: three digits, a space; a host that leaves the space out is understood."""
    assert ReplyParser().feed(b"250\r\n") == [(250, ("",), b"250\r\n")]
    for octets in (b"250?\r\n", b"950 OK\r\n", b"2x0 OK\r\n", b"\r\n", b"25\r\n"):
        with pytest.raises(ValueError, match="not a reply of RFC 821"):
            ReplyParser().feed(octets)


@pytest.mark.rule("4.5.3-8")
@pytest.mark.parametrize("lines", [(b"250 0123456789\r\n",), (b"250-012\r\n", b"250 3\r\n")])
def test_a_reply_may_be_as_long_as_its_limit_and_no_longer(lines: tuple[bytes, ...]) -> None:
    """Each reply anew, in one chunk or byte by byte."""
    octets = b"".join(lines)
    for chunks in ([octets], [*lines], [bytes([octet]) for octet in octets]):
        parser = ReplyParser(limit=len(octets))
        for _ in range(3):
            assert [len(found) for found in map(parser.feed, chunks)][-1] == 1
        short = ReplyParser(limit=len(octets) - 1)
        with pytest.raises(ValueError, match=f"a reply longer than {len(octets) - 1} bytes"):
            [short.feed(chunk) for chunk in chunks]


# -- the sender-SMTP


@pytest.mark.rule("4.3-6", "E-1")
@pytest.mark.parametrize(
    ("code", "taken"), [(199, False), (200, True), (299, True), (300, False), (301, False)]
)
def test_a_recipient_is_taken_by_any_code_of_the_second_hundred(code: int, taken: bool) -> None:
    """E: "2yz Positive Completion reply", which 4.3 lists or not."""
    one = mail_to("b")
    one.answers.append((code, ""))
    assert (one.taken(0), one.any_taken) == (taken, taken)
    assert not one.taken(1)


@pytest.mark.rule("4.3-4")
def test_a_reply_of_several_lines_is_told_whole_wherever_it_ends_something() -> None:
    """E: each line of the text, for who is told why."""
    bag = FakeAgenda(mail_to("b"))
    sender(bag, b"421-we are\r\n421 closing\r\n")
    sender(bag, b"220 B\r\n", b"550-not\r\n550 you\r\n")
    assert bag.refusals == [(421, "we are\nclosing"), (550, "not\nyou")]
    sender(bag, b"220 B\r\n", b"250 B\r\n", b"552-too\r\n552 much\r\n")
    (over,) = bag.finished
    assert (over.answer, over.failed_at) == ((552, "too\nmuch"), "MAIL")


@pytest.mark.rule("4.2-3")
def test_who_does_not_speak_smtp_is_told_of_as_such() -> None:
    bag = FakeAgenda()
    assert sender(bag, b"SSH-2.0-OpenSSH\r\n").closing
    ((code, why),) = bag.refusals
    assert (code, why.startswith("the receiver-SMTP does not speak SMTP: not a reply")) == (
        451,
        True,
    )


@pytest.mark.rule("4.3-5")
def test_where_a_transaction_failed_is_told_also_of_its_end() -> None:
    bag = FakeAgenda(mail_to("b"))
    ready = [b"220 B\r\n", *[b"250 OK\r\n"] * 3, b"354 Go\r\n"]
    by = sender(bag, *ready, b"554 No\r\n")
    assert [(outgoing.answer, outgoing.failed_at) for outgoing in bag.finished] == [
        ((554, "No"), "data")
    ]
    assert by.outgoing is None


@pytest.mark.rule("3.8-1")
def test_a_sender_whose_turn_is_granted_is_done() -> None:
    """3.8: what comes then is for the receiver-SMTP that it has become."""

    class Polling(FakeAgenda):
        def turns(self) -> bool:
            return True

    by = sender(Polling(), b"220 B\r\n", b"250 B\r\n")
    assert by.awaiting == "TURN"
    by.receive(b"250 OK\r\n")
    assert (by.turned, by.closing, by.receive(b"220 B\r\n")) == (True, True, [])
    assert State.CLOSED is by.state


@pytest.mark.rule("4.3-6", "4.4-3", "E-1", "E-4")
@pytest.mark.parametrize("row", COMMAND_REPLIES)
def test_a_code_that_a_row_does_not_list_means_what_its_first_digit_says(row: str) -> None:
    """E and the diagrams of 4.4: from the first of a hundred to the last."""
    meant = {
        digit: {meaning_of(row, code) for code in range(100 * digit, 100 * digit + 100)
                if code not in COMMAND_REPLIES[row]}
        for digit in range(1, 6)
    }  # fmt: skip
    assert all(len(each) == 1 for each in meant.values())
    assert meant[1] == {Outcome.E}
    assert meant[2] == {Outcome.E if row == "DATA" else Outcome.S}
    assert meant[3] == {Outcome.I if row == "DATA" else Outcome.E}
    assert meant[4] == meant[5] == {Outcome.F}
