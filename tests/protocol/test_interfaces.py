"""What a program that uses the engines has to write, and what it is told when it is wrong."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from lab.protocol import (
    LATER,
    Agenda,
    Crossing,
    Installation,
    Misuse,
    Outgoing,
    Path,
    ReceiverSMTP,
    Reply,
    SenderSMTP,
    State,
    Transaction,
    reply,
)
from lab.testing import FakeAgenda, FakeInstallation, mail_to, play


class Smallest(Installation):
    """A host of which only its name and two verdicts are its own."""

    domain = "HERE.ARPA"

    def recipient(self, transaction: Transaction, forward_path: Path) -> Reply:
        return reply(250, "OK")

    def accept(self, transaction: Transaction) -> Reply:
        return reply(250, "OK")


def begun(installation: Any, *lines: bytes) -> ReceiverSMTP:
    receiver = ReceiverSMTP(installation)
    receiver.greet()
    for line in lines:
        receiver.respond(line + b"\r\n")
    return receiver


LINES = (b"HELO A", b"MAIL FROM:<a@A>", b"RCPT TO:<b@HERE.ARPA>", b"DATA", b".")


@pytest.mark.rule("4.5.1-1")
def test_the_smallest_installation_has_the_minimum_and_502_for_the_rest() -> None:
    """4.5.1: HELO, MAIL, RCPT, DATA, RSET, NOOP and QUIT, and nothing else, is required."""
    receiver = ReceiverSMTP(Smallest())
    assert receiver.greet() == b"220 HERE.ARPA Simple Mail Transfer Service Ready\r\n"
    assert receiver.respond(b"HELO A\r\n") == b"250 HERE.ARPA\r\n"
    for line in (b"SEND FROM:<>", b"SOML FROM:<>", b"SAML FROM:<>", b"VRFY a", b"EXPN a", b"HELP"):
        assert receiver.respond(line + b"\r\n") == b"502 Command not implemented\r\n"
    assert receiver.respond(b"TURN\r\n")[:3] == b"502"
    codes = [receiver.respond(line + b"\r\n")[:3] for line in (*LINES[1:], b"RSET", b"NOOP")]
    assert codes == [b"250", b"250", b"354", b"250", b"250", b"250"]
    assert (
        receiver.respond(b"QUIT\r\n") == b"221 HERE.ARPA Service closing transmission channel\r\n"
    )
    assert receiver.closing


def test_an_installation_must_say_who_is_a_recipient_and_accept_mail() -> None:
    class Half(Installation):
        def recipient(self, transaction: Transaction, forward_path: Path) -> Reply:
            return reply(250)

    with pytest.raises(TypeError, match="accept"):
        Half()  # type: ignore[abstract]


def test_an_agenda_must_give_mail_and_take_its_outcome() -> None:
    class Empty(Agenda):
        def next(self) -> Outgoing | None:
            return None

        def settled(self, outgoing: Outgoing) -> None:
            """Never called."""

    sender = SenderSMTP("A", Empty())
    assert sender.respond(b"220 B\r\n") == b"HELO A\r\n"
    assert sender.respond(b"250 B\r\n") == b"QUIT\r\n"
    refused = SenderSMTP("A", Empty())
    assert refused.respond(b"421 B\r\n") == b""
    assert refused.closing

    class Half(Agenda):
        def next(self) -> Outgoing | None:
            return None

    with pytest.raises(TypeError, match="settled"):
        Half()  # type: ignore[abstract]


def test_an_installation_without_a_name_is_told_where_to_put_it() -> None:
    class Nameless(Smallest):
        domain = ""

    with pytest.raises(Misuse, match=r'Nameless has no name .* set domain = "YOUR-HOST.ARPA"'):
        ReceiverSMTP(Nameless()).greet()


METHODS = {
    "greeting": (),
    "hello": LINES[:1],
    "begin": LINES[:2],
    "recipient": LINES[:3],
    "accept": LINES,
    "verify": (b"VRFY a",),
    "expand": (b"EXPN a",),
    "help": (b"HELP",),
    "turn": (b"HELO A", b"TURN"),
    "goodbye": (b"QUIT",),
}
"""The lines after which a method of an installation is asked for its verdict."""


@pytest.mark.parametrize("verdict", [None, 250, "250 OK", (250, "OK")])
@pytest.mark.parametrize("method", METHODS)
def test_a_verdict_that_is_no_reply_is_an_error_that_says_so(method: str, verdict: object) -> None:
    """The method, what it returned, and what would be right."""
    mistaken = type("Mistaken", (Smallest,), {method: lambda self, *arguments: verdict})
    described = "nothing \\(None\\)" if verdict is None else "\\(?.*250"
    with pytest.raises(Misuse, match=f"Mistaken.{method}\\(\\) returned {described}.* reply\\("):
        begun(mistaken(), *METHODS[method])


def test_a_verdict_that_comes_later_is_asked_for_by_name() -> None:
    class Slow(Smallest):
        def accept(self, transaction: Transaction) -> Reply:
            return LATER

    receiver = begun(Slow(), *LINES)
    assert receiver.is_waiting
    assert receiver.respond(b"NOOP\r\n") == b""
    assert receiver.answer(reply(250, "Stored"))[0] == ("reply", b"250 Stored\r\n")
    with pytest.raises(Misuse, match="none is open"):
        receiver.answer(reply(250))


@pytest.mark.parametrize("lines", [(), LINES[:2], LINES[:4], (*LINES[:1], b"MAI")])
def test_a_service_that_shuts_down_says_421_and_keeps_nothing(lines: tuple[bytes, ...]) -> None:
    """4.2.2: "This may be a reply to any command if the service knows it must shut down"."""
    receiver = begun(Smallest(), *lines)
    assert receiver.shut_down() == (
        b"421 HERE.ARPA Service not available, closing transmission channel\r\n"
    )
    assert receiver.closing
    assert (receiver.shut_down(), receiver.respond(b".\r\n")) == (b"", b"")


def test_a_service_may_shut_down_after_an_error_of_its_own() -> None:
    """An exception of a verdict comes out of respond(); the session can still end in order."""

    class Failing(Smallest):
        def accept(self, transaction: Transaction) -> Reply:
            raise OSError("the disk is gone")

    receiver = begun(Failing(), *LINES[:-1])
    with pytest.raises(OSError, match="the disk is gone"):
        receiver.respond(b".\r\n")
    assert receiver.shut_down("Local error")[:24] == b"421 HERE.ARPA Local erro"
    assert receiver.closing
    assert not receiver.transaction.is_begun


def test_a_service_may_shut_down_before_it_has_greeted() -> None:
    receiver = ReceiverSMTP(Smallest())
    assert receiver.shut_down("Too many sessions") == b"421 HERE.ARPA Too many sessions\r\n"
    with pytest.raises(Misuse, match="begun"):
        receiver.greet()


def test_the_bytes_to_send_are_those_of_the_events() -> None:
    """greet() and respond() leave out what came from the other side."""
    post, bag = FakeInstallation(), FakeAgenda(mail_to("Jones"))
    receiver, sender = ReceiverSMTP(post), SenderSMTP("ALPHA.ARPA", bag)
    replies, commands = receiver.greet(), b"?"
    while replies and commands:
        commands = sender.respond(replies)
        replies = receiver.respond(commands)
    assert sender.state is receiver.state is State.CLOSED
    assert [each.mail_data for each in post.stored] == [b"Hi\r\n"]


def test_each_recipient_has_the_reply_that_decided() -> None:
    """The one to its RCPT if that refused it, else the one that settled the whole."""
    _, agenda = play(FakeInstallation(Green=[550], data=[452]), mail_to("Jones", "Green"))
    (outgoing,) = agenda.finished
    assert [outgoing.answer_to(n) for n in (0, 1)] == [(452, "no"), (550, "no")]
    _, agenda = play(FakeInstallation(MAIL=[451]), mail_to("Jones", "Green"))
    assert [agenda.finished[0].answer_to(n) for n in (0, 1)] == [(451, "no")] * 2
    with pytest.raises(Misuse, match="not settled"):
        mail_to("Jones").answer_to(0)


def test_a_recipient_beside_a_redirected_one_is_to_be_tried_again() -> None:
    """3.2: the sender sends to the path of a 251 itself, and had the transaction aborted."""
    mail = mail_to("Jones", "Smith")
    mail.redirects = True
    _, agenda = play(FakeInstallation(Smith=[251]), mail)
    (outgoing,) = agenda.finished
    assert [outgoing.answer_to(n)[0] for n in (0, 1)] == [450, 251]


def test_the_events_are_named_tuples_with_a_docstring() -> None:
    """A pair as before, and the two have names."""
    receiver = ReceiverSMTP(Smallest())
    sender = SenderSMTP("A", FakeAgenda(mail_to("b")))
    events = [*receiver.open()]
    for octets in (b"HELO A\r\nMAIL FROM:<a@A>\r\n", b"RCPT TO:<b@B>\r\nDATA\r\nx\r\n", b".\r\n"):
        events += receiver.receive(octets)
    for code in (220, 250, 250, 250, 354, 250):
        events += sender.receive(b"%d said\r\n" % code)
    assert {type(event) for event in events} == {Crossing}
    assert {event.kind for event in events} == {"command", "data", "reply"}
    assert events[0] == ("reply", events[0].octets)
    assert "mail data as it crosses" in (Crossing.__doc__ or "")


class Unnamed(Smallest):
    """A service without a ``domain``, whose greeting does not begin with a name either."""

    domain = ""

    def hello(self, domain: str) -> Reply:
        return reply(250, "OK")

    def goodbye(self) -> Reply:
        return reply(221, "Bye")

    def greeting(self) -> Reply:
        return reply(220, "-- good day --")


def test_a_service_may_have_no_name() -> None:
    receiver = ReceiverSMTP(Unnamed())
    assert receiver.greet() == b"220 -- good day --\r\n"
    assert receiver.domain == ""


def test_a_session_that_is_over_expects_no_mail_data() -> None:
    receiver = ReceiverSMTP(FakeInstallation())
    receiver.greet()
    receiver.respond(b"QUIT\r\n")
    receiver.expect_mail_data()
    assert (receiver.closing, receiver.respond(b"hi\r\n.\r\n")) == (True, b"")


def test_classes_to_derive_from_show_what_they_take() -> None:
    """In ``help()`` and in an editor: what a derived class that has no ``__init__`` takes, too."""
    for interface in (Installation, Agenda, type("Mine", (Installation,), {})):
        assert not inspect.signature(interface).parameters
        for name, method in inspect.getmembers(interface, inspect.isfunction):
            if not name.startswith("_") or name == "__init__":
                assert inspect.getdoc(method), name
                kinds = {each.kind for each in inspect.signature(method).parameters.values()}
                assert kinds <= {inspect.Parameter.POSITIONAL_OR_KEYWORD}, name


def test_a_class_beside_an_interface_is_made_as_well() -> None:
    class Counting:
        def __init__(self) -> None:
            self.count = 0

    class Both(Installation, Counting):
        def recipient(self, transaction: Transaction, forward_path: Path) -> Reply:
            return reply(250)

        def accept(self, transaction: Transaction) -> Reply:
            return reply(250)

    assert Both().count == 0
