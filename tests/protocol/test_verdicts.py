"""What an installation's verdicts must be: a code that 4.3 permits, the host's name, a path."""

from __future__ import annotations

import re

import pytest

from lab.protocol import (
    COMMAND_REPLIES,
    LATER,
    TEXTS,
    Installation,
    Misuse,
    Path,
    ReceiverSMTP,
    Reply,
    Transaction,
    reply,
)
from lab.protocol.replies import CONNECTION, MAIL_DATA
from lab.protocol.verdicts import with_domain, with_path

HELO = b"HELO A\r\n"
MAIL = b"MAIL FROM:<a@A>\r\n"
RCPT = b"RCPT TO:<b@B>\r\n"
LINES = {
    "HELO": (HELO,),
    "MAIL": (HELO, MAIL),
    "SEND": (HELO, b"SEND FROM:<a@A>\r\n"),
    "SOML": (HELO, b"SOML FROM:<a@A>\r\n"),
    "SAML": (HELO, b"SAML FROM:<a@A>\r\n"),
    "RCPT": (HELO, MAIL, RCPT),
    MAIL_DATA: (HELO, MAIL, RCPT, b"DATA\r\n", b"Hi\r\n.\r\n"),
    "VRFY": (b"VRFY b\r\n",),
    "EXPN": (b"EXPN b\r\n",),
    "HELP": (b"HELP\r\n",),
    "TURN": (HELO, b"TURN\r\n"),
    "QUIT": (b"QUIT\r\n",),
    CONNECTION: (),
}
"""What a sender-SMTP sends up to a row of section 4.3, the line of that row last."""


class Gives(Installation):
    """An installation that gives a reply to a row of 4.3, whatever it is."""

    domain = "BETA.ARPA"

    def __init__(self, row: str, verdict: Reply) -> None:
        self.row, self.verdict = row, verdict

    def _or(self, row: str, usual: Reply) -> Reply:
        return self.verdict if row == self.row else usual

    def greeting(self) -> Reply:
        return self._or(CONNECTION, super().greeting())

    def hello(self, domain: str) -> Reply:
        return self._or("HELO", super().hello(domain))

    def begin(self, verb: str, reverse_path: Path) -> Reply:
        return self._or(verb, reply(250, "OK"))

    def recipient(self, transaction: Transaction, forward_path: Path) -> Reply:
        return self._or("RCPT", reply(250, "OK"))

    def accept(self, transaction: Transaction) -> Reply:
        return self._or(MAIL_DATA, reply(250, "OK"))

    def verify(self, string: str) -> Reply:
        return self._or("VRFY", super().verify(string))

    def expand(self, string: str) -> Reply:
        return self._or("EXPN", super().expand(string))

    def help(self, string: str) -> Reply:
        return self._or("HELP", super().help(string))

    def turn(self) -> Reply:
        return self._or("TURN", super().turn())

    def goodbye(self) -> Reply:
        return self._or("QUIT", super().goodbye())


def answer_to(row: str, verdict: Reply) -> bytes:
    """The reply that a receiver-SMTP sends to a row of 4.3, if its installation gives that."""
    engine = ReceiverSMTP(Gives(row, verdict))
    sent = engine.greet()
    for line in LINES[row]:
        sent = engine.respond(line)
    return sent


@pytest.mark.parametrize("row", LINES)
@pytest.mark.parametrize("code", TEXTS)
@pytest.mark.rule("4.3-1", "4.3-4")
def test_a_verdict_outside_its_row_of_4_3_is_misuse(row: str, code: int) -> None:
    """4.3: the permitted replies are sent; 421 is permitted everywhere; another is our mistake."""
    verdict = reply(code, "see <fred@GAMMA.ARPA>")
    if code in COMMAND_REPLIES[row] or code == 421:
        assert answer_to(row, verdict).startswith(b"%d " % code)
        return
    with pytest.raises(Misuse) as caught:
        answer_to(row, verdict)
    said = str(caught.value)
    assert f"returned {code} see <fred@GAMMA.ARPA>" in said
    assert f"as the reply to {row}" in said
    for permitted in COMMAND_REPLIES[row]:
        assert str(permitted) in said


@pytest.mark.rule("4.3-4", "4.3-8")
@pytest.mark.parametrize(("row", "code"), [(CONNECTION, 220), ("QUIT", 221)]
                         + [(row, 421) for row in LINES])  # fmt: skip
def test_220_221_and_421_begin_with_the_hosts_name(row: str, code: int) -> None:
    """4.2.2: "220 <domain> Service ready"; whoever words the reply, and however."""
    for text, sent in (
        ("too busy", "BETA.ARPA too busy"),
        ("", "BETA.ARPA"),
        ("BETA.ARPA too busy", "BETA.ARPA too busy"),
        ("beta.arpa", "beta.arpa"),
        ("BETA.ARPANET", "BETA.ARPA BETA.ARPANET"),
    ):
        assert answer_to(row, reply(code, text)) == f"{code} {sent}\r\n".encode()
    lines = answer_to(row, reply(code, "one", "two"))
    assert lines == f"{code}-BETA.ARPA one\r\n{code} two\r\n".encode()


def test_a_host_without_a_domain_is_called_as_it_greets() -> None:
    """3.5: the greeting has the name; an installation need not say it twice."""

    class Duck:
        def greeting(self) -> Reply:
            return reply(220, "BETA.ARPA ready")

        def goodbye(self) -> Reply:
            return reply(221)

    engine = ReceiverSMTP(Duck())  # type: ignore[arg-type]
    engine.open()
    assert engine.respond(b"QUIT\r\n") == b"221 BETA.ARPA Service closing transmission channel\r\n"


@pytest.mark.parametrize(
    ("row", "code"), [("RCPT", 251), ("RCPT", 551), ("VRFY", 251), ("VRFY", 551)]
)
@pytest.mark.rule("3.2-1")
def test_251_and_551_without_a_path_are_misuse(row: str, code: int) -> None:
    """3.2: the sender is told where to send instead; "<forward-path>" itself is not a path."""
    for text in (TEXTS[code], "moved", "see fred@GAMMA.ARPA", "see <fred>"):
        with pytest.raises(Misuse, match=f"returned {code} .*its text must hold a path"):
            answer_to(row, reply(code, text))
    assert answer_to(row, reply(code, 'see <"a>b"@C>')) == b'%d see <"a>b"@C>\r\n' % code


def test_a_verdict_that_comes_later_is_held_against_4_3_too() -> None:
    engine = ReceiverSMTP(Gives(MAIL_DATA, LATER))
    engine.greet()
    for line in LINES[MAIL_DATA]:
        engine.respond(line)
    assert engine.is_waiting
    with pytest.raises(Misuse, match=r"answer\(\) was given 550 no: section 4.3 permits"):
        engine.answer(reply(550, "no"))
    with pytest.raises(
        Misuse, match=r"answer\(\) was given LATER, which only accept\(\) may return"
    ):
        engine.answer(LATER)
    assert engine.is_waiting
    assert engine.answer(reply(250, "OK")) == [("reply", b"250 OK\r\n")]


@pytest.mark.parametrize("row", [row for row in LINES if row != MAIL_DATA])
def test_only_the_verdict_on_mail_data_may_come_later(row: str) -> None:
    """What stands for a verdict to come is never sent, although its code may be permitted."""
    with pytest.raises(Misuse, match="returned LATER, which only accept"):
        answer_to(row, LATER)


@pytest.mark.parametrize("row", LINES)
def test_what_a_sentence_suggests_is_permitted(row: str) -> None:
    """A verdict that is not a reply: the sentence has replies that would do."""
    with pytest.raises(Misuse) as caught:
        answer_to(row, None)  # type: ignore[arg-type]
    codes = [int(code) for code in re.findall(r"reply\(([0-9]+)", str(caught.value))]
    assert codes
    assert set(codes) <= set(COMMAND_REPLIES[row])


@pytest.mark.parametrize(
    "line", [b"EHLO A\r\n", b"\xff\r\n", b"QUIT now\r\n", b"DATA\r\n", b"421\r\n"]
)
def test_nothing_that_a_peer_sends_is_misuse(line: bytes) -> None:
    engine = ReceiverSMTP(Gives("", reply(250)))
    engine.greet()
    assert engine.respond(line + b"\r\n")[:1] == b"5"


def test_other_replies_are_left_as_they_are() -> None:
    for code in set(TEXTS) - {220, 221, 421}:
        assert with_domain(reply(code, "x"), "B") == reply(code, "x")
    for code in set(TEXTS) - {251, 551}:
        assert with_path(reply(code, "x"), "<a@B>") == reply(code, "x")
    assert with_domain(reply(421, "x"), "") == reply(421, "x")
    assert with_path(reply(551), "<a@B>") == reply(551, "User not local; please try <a@B>")
    assert with_path(reply(251, "gone", "far"), "<a@B>").lines == ("gone <a@B>", "far")
