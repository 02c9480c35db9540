"""A reply counts only for a command that has left completely; any other breaks the channel."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.protocol import Outgoing, SenderSMTP
from lab.protocol.dialogue import Exchange, Spoken, replies_to
from lab.protocol.replies import TEXTS
from lab.protocol.script import ScriptedSender
from lab.testing import FakeAgenda, mail_to

SUCCESS = [220, 250, 250, 250, 354, 250, 250, 250, 354, 250, 221]
"""What a receiver-SMTP replies to two letters."""

STAGES = ["CONNECT", "HELO", "MAIL", "RCPT", "DATA", "data"]


def said(code: int) -> bytes:
    return b"%d BETA.ARPA\r\n" % code


def at(stage: str) -> tuple[SenderSMTP, FakeAgenda]:
    """A sender-SMTP of two letters that waits for the reply to that."""
    bag = FakeAgenda(mail_to("Jones"), mail_to("Brown"))
    sender = SenderSMTP("ALPHA.ARPA", bag)
    for code in SUCCESS[: STAGES.index(stage)]:
        sender.receive(said(code))
    assert sender.awaiting == stage
    return sender, bag


def commands(events: list[tuple[str, bytes]]) -> list[bytes]:
    return [octets for kind, octets in events if kind != "reply"]


def is_delivered(outgoing: Outgoing) -> bool:
    return outgoing.answer is not None and outgoing.answer[0] < 300 and not outgoing.failed_at


# -- stories


@pytest.mark.rule("4.2-1", "4.1.1-20")
def test_a_250_behind_the_354_does_not_take_mail_that_has_not_been_sent() -> None:
    sender, bag = at("DATA")
    assert commands(sender.receive(b"354 go on\r\n250 OK\r\n")) == []
    assert sender.closing
    (outgoing,) = bag.finished
    assert outgoing.answer == (451, "the receiver-SMTP replied before it was asked: 250 OK")


@pytest.mark.rule("4.2-1")
def test_a_doubled_reply_settles_one_mail_and_leaves_the_next_as_it_was() -> None:
    sender, bag = at("data")
    assert commands(sender.receive(b"250 OK\r\n250 OK, queued as 7\r\n")) == []
    first, second = bag.finished
    assert first.answer == (250, "OK")
    assert (second.answers, second.failed_at) == ([], "MAIL")
    assert second.answer is not None
    assert second.answer[0] == 451
    assert sender.receive(b"550 No such user\r\n") == []


def test_a_reply_in_the_middle_of_the_mail_data_is_early() -> None:
    """A driver says that the last bytes it was given have not all been sent yet."""
    sender, bag = at("data")
    sender.receive(b"250 OK\r\n", has_left=False)
    assert [outgoing.answer for outgoing in bag.finished] == [
        (451, "the receiver-SMTP replied before it was asked: 250 OK")
    ]


@pytest.mark.parametrize("octets", [b"354 go\r\n421 BETA.ARPA bye\r\n", b"421 BETA.ARPA bye\r\n"])
@pytest.mark.rule("4.3-4")
def test_a_421_needs_no_command(octets: bytes) -> None:
    """4.2.2: the service "knows it must shut down", and says so whenever that is."""
    sender, bag = at("DATA")
    sender.receive(octets, has_left=octets.startswith(b"354"))
    assert bag.finished[0].answer == (421, "BETA.ARPA bye")


def test_what_follows_the_reply_to_quit_is_ignored() -> None:
    sender = SenderSMTP("ALPHA.ARPA", bag := FakeAgenda())
    for code in (220, 250):
        sender.receive(said(code))
    sender.receive(b"221 bye\r\n250 what?\r\n")
    assert sender.closing
    assert bag.refusals == []


def test_what_follows_a_granted_turn_is_early() -> None:
    """3.8: the other side is the sender-SMTP from here on, and waits for a greeting."""

    class Polling(FakeAgenda):
        def turns(self) -> bool:
            return True

    for tail, turned in ((b"", True), (b"HELO", False), (b"220 x\r\n", False)):
        sender = SenderSMTP("ALPHA.ARPA", Polling())
        for code in (220, 250):
            sender.receive(said(code))
        sender.receive(b"250 OK\r\n" + tail)
        assert (sender.closing, sender.turned) == (True, turned)


@pytest.mark.parametrize("octets", [b"250 a\r\n250 b\r\n", b"250 a\r\n2", b"250 a\r\n421 b\r\n"])
def test_a_script_hangs_up_at_an_early_reply(octets: bytes) -> None:
    script = ScriptedSender(["HELO A", "NOOP", "QUIT"])
    script.receive(b"220 B\r\n")
    assert commands(script.receive(octets)) == []
    assert script.closing


# -- tables: stages and codes

CODES = [199, 211, 220, 221, 250, 251, 299, 354, 399, 421, 450, 451, 500, 503, 550, 552, 599]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("tail", [b"250 OK\r\n", b"550 no\r\n", b"354-", b"2", b"\0"])
def test_whatever_comes_before_its_command_changes_nothing(
    stage: str, code: int, tail: bytes
) -> None:
    """At each stage: the first reply counts as if it were alone, and nothing after it counts."""
    sender, bag = at(stage)
    alone, its_bag = at(stage)
    alone.receive(said(code))
    sender.receive(said(code) + tail)
    assert sender.closing
    assert sum(map(is_delivered, bag.finished)) == sum(map(is_delivered, its_bag.finished))
    for outgoing, its in zip(bag.finished, its_bag.finished, strict=False):
        assert (outgoing.answers, outgoing.answer) == (its.answers, its.answer)
    for outgoing in bag.finished[len(its_bag.finished) :]:
        assert outgoing.answer is not None
        assert outgoing.answer[0] == 451
    kept = len(bag.finished) + len(bag.mail)
    assert kept == 2, "mail has vanished"


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("code", [*TEXTS, *CODES])
def test_engine_script_and_tracker_read_every_code_alike(stage: str, code: int) -> None:
    """They agree on what is outstanding, and whether mail data is due, after each reply."""
    sender, _ = at("CONNECT")
    exchange, script = (
        Exchange(),
        ScriptedSender(
            ["HELO A", "MAIL FROM:<a@A>", "RCPT TO:<b@B>", "DATA", "x", ".", "NOOP", "QUIT"]
        ),
    )
    for success in [*SUCCESS[: STAGES.index(stage)], code]:
        out = commands(sender.receive(said(success)))
        mine = commands(script.receive(said(success)))
        exchange.receive(said(success))
        assert exchange.takes_mail_data == (mine == [b"x\r\n.\r\n"])
        for octets in out:
            exchange.ask_next(octets)
        assert sender.closing or exchange.awaiting == sender.awaiting
    assert exchange.is_over == (code == 421) == script.closing


@pytest.mark.parametrize(
    ("code", "granted"),
    [(250, True), (251, True), (299, True)]
    + [(code, False) for code in (199, 354, 421, 500, 502, 503)],
)
@pytest.mark.rule("3.8-1")
def test_all_agree_on_whether_a_turn_was_granted(code: int, granted: bool) -> None:
    """3.8: by 250, or another 2yz, which counts by its first digit (appendix E)."""
    exchange = Exchange()
    exchange.receive(said(220))
    exchange.ask_next(b"turn\r\n")
    exchange.receive(said(code))
    script = ScriptedSender(["TURN", "NOOP"])
    script.receive(said(220))
    sent = commands(script.receive(said(code)))
    assert exchange.is_turned is granted
    assert sent == ([] if granted or code == 421 else [b"NOOP\r\n"])


@pytest.mark.parametrize(("code", "over"), [(221, True), (250, True), (500, False), (354, False)])
def test_a_script_ends_when_quit_has_succeeded(code: int, over: bool) -> None:
    """4.1.1: the receiver-SMTP closes the channel after its reply; a refused QUIT is nothing."""
    script = ScriptedSender(["QUIT", "NOOP"])
    script.receive(said(220))
    assert commands(script.receive(said(code))) == ([] if over else [b"NOOP\r\n"])
    assert script.closing is over


# -- any bytes

PIECES = st.lists(
    st.one_of(
        st.sampled_from(CODES).map(said),
        st.sampled_from([b"250-a\r\n250 b\r\n", b"250-a\r\n", b"354", b"\r\n", b"x\r\n", b"\0"]),
        st.binary(max_size=6),
    ),
    max_size=14,
)


@given(PIECES, st.randoms(use_true_random=False))
def test_a_sender_and_the_tracker_agree_after_every_byte(pieces: list[bytes], cuts) -> None:  # type: ignore[no-untyped-def]
    """Any bytes, cut anywhere: the sender ends, and says nothing false of what it had not sent."""
    bag = FakeAgenda(mail_to("Jones", "Green"), mail_to("Brown"))
    sender, exchange = SenderSMTP("ALPHA.ARPA", bag), Exchange()
    octets = b"".join(said(code) for code in SUCCESS[: cuts.randrange(7)]) + b"".join(pieces)
    at_once = cuts.choice([1, 1, 3, 40])
    sent_data = 0
    while octets and not sender.closing:
        # whole replies one by one, or bytes in any pieces
        size = octets.find(b"\r\n") + 2 if at_once == 40 else cuts.randint(1, at_once)
        piece, octets = octets[: size or 1], octets[size or 1 :]
        exchange.receive(piece)
        for kind, crossed in sender.receive(piece):
            if kind != "reply":
                assert not exchange.has_ended
                assert kind == ("data" if exchange.takes_mail_data else "command")
                exchange.ask_next(crossed)
                sent_data += kind == "data"
        if exchange.is_broken or exchange.is_over:
            assert sender.closing
        assert sender.closing or sender.awaiting == exchange.awaiting
        assert sum(map(is_delivered, bag.finished)) <= sent_data
        for outgoing in bag.finished:
            if outgoing.failed_at not in ("", "data") and outgoing.answer is not None:
                assert not outgoing.answers or outgoing.failed_at in ("RCPT", "DATA")
    sender.end_of_input()
    assert sender.closing
    assert bag.refusals or bag.finished or sender.awaiting == "QUIT"


def test_the_tracker_tells_an_early_reply_from_the_answer_to_a_command() -> None:
    exchange = Exchange()
    (greeting,) = exchange.receive(b"220 B\r\n")
    assert not greeting.is_early
    assert (exchange.outstanding, exchange.awaiting) == (None, "")
    (early,) = exchange.receive(b"250 B\r\n")
    assert (early.is_early, exchange.is_broken) == (True, True)
    assert exchange.receive(b"250 B\r\n") == []
    asked = [
        (0, "reply", b"220 B\r\n"), (1, "command", b"NOOP\r\n"),
        (2, "reply", b"250 a\r\n250 b\r\n"), (3, "command", b"NOOP\r\n"),
        (4, "reply", b"250 c\r\n"),
    ]  # fmt: skip
    assert replies_to(asked) == {1: 250}


def test_a_command_is_read_as_any_host_may_have_read_it() -> None:
    """The path of a sloppy command is the one that a tolerant host has put into its buffer."""
    for line, argument in (
        (b"MAIL FROM:<joe@ONE.ARPA>\r\n", "<joe@ONE.ARPA>"),
        (b"MAIL FROM: joe@ONE.ARPA\r\n", "<joe@ONE.ARPA>"),
        (b"rcpt to: <bob@TWO.ARPA> \t\r\n", "<bob@TWO.ARPA>"),
        (b"RCPT TO:<bob@TWO.ARPA> NOTIFY=NEVER\r\n", "<bob@TWO.ARPA> NOTIFY=NEVER"),
    ):
        assert Spoken.read(line, data=False).argument == argument
    words = [
        (b"DATAX\r\n", "DATAX"),
        (b"EHLO A\r\n", "EHLO"),
        (b"\r\n", "empty line"),
        (b"NOOP x\r\n", "NOOP"),
    ]
    for line, word in words:
        assert Spoken.read(line, data=False).command == word
