"""What a record of a case says, where two rules could be named."""

from __future__ import annotations

from lab.judging.cases import Names
from lab.judging.receivers import commands, mail_text
from lab.judging.receivers.player import expanded
from lab.judging.receivers.verdict import finding
from lab.judging.record import Asked, Record

UNTIL_DATA = b"220 B.ARPA\r\n250 B.ARPA\r\n250 OK\r\n250 OK\r\n354 go\r\n"


def record(name: str, received: bytes) -> Record:
    """All that a case says has been said, and the program has closed the channel."""
    case = next(each for each in mail_text.CASES if each.name == name)
    asked = [Asked(say, Names().put_into(say.octets)) for say in expanded(case)]
    return Record(case, asked, received, has_ended=True)


def test_a_close_after_a_refused_pipeline_is_the_same_choice() -> None:
    """A server of today took LF . LF for the end, the next line for a command too early, and left:
    that is one choice, about the end of the mail, and no breach about a QUIT it never read."""
    received = UNTIL_DATA + b"500 5.5.1 Invalid command: Pipelining not supported\r\n"
    found = finding(record("end-lf-dot-lf", received), is_of_today=True)
    assert found is not None
    assert (found.rule, found.kind) == ("4.5.2-3", "choice")


def test_a_close_after_an_error_is_not_about_quit() -> None:
    """RFC 821, 4.1.1: the channel stays open until QUIT, "even if there was an error"."""
    found = finding(record("end-lf-dot-lf", UNTIL_DATA + b"554 no\r\n"), is_of_today=False)
    assert found is not None
    assert (found.rule, found.kind) == ("4.1.1-18", "breach")
    assert found.observed == "it closed the channel after 554, and without 221"


def test_a_close_in_place_of_221_is_about_quit() -> None:
    found = finding(record("data-plain", UNTIL_DATA + b"250 OK\r\n"), is_of_today=False)
    assert found is not None
    assert found.rule == "4.1.1-17"


def test_silence_after_a_refused_data_is_one_cause() -> None:
    """Without a 354 what follows are commands, whichever command it is."""
    case = next(each for each in commands.CASES if each.name == "order-data-without-mail")
    asked = [Asked(say, Names().put_into(say.octets)) for say in case.says]
    received = b"220 B.ARPA\r\n250 B.ARPA\r\n503 MAIL comes first\r\n"
    found = finding(Record(case, asked, received, is_silent=True), is_of_today=False)
    assert found is not None
    assert (found.rule, *found.signature[:2]) == ("3.1-5", "silence after DATA", "DATA")
