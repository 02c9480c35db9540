"""Events, times and sizes in words."""

from __future__ import annotations

import pytest
from helpers.places import TOPOLOGIES
from helpers.rows import one_of_each_kind

import lab
from lab.analysis.narrative import address, clock, counted, gist, length, lines_of, sentence
from lab.trace.rows import Event, event_of
from lab.trace.trace import Trace


def told(kind: str, host: str, peer: str | None, *columns: object) -> str:
    return sentence(event_of((1.0, kind, host, peer, 3, 7, *columns)))


def test_each_kind_of_event_has_a_sentence_of_its_own() -> None:
    sentences = {event.kind: sentence(event) for event in Trace(list(one_of_each_kind()))}
    assert len(set(sentences.values())) == len(sentences)
    for text in sentences.values():
        assert text.isprintable()
        assert not text.endswith("..")


NAMED = ["campus", "faults/crash", "faults/busy", "faults/refuse", "lessons/returned"]


@pytest.mark.parametrize("name", NAMED)
def test_a_sentence_names_the_hosts_and_the_mail_that_it_is_about(name: str) -> None:
    for event in lab.simulate(TOPOLOGIES / f"{name}.toml").trace:
        text = sentence(event)
        if event.kind not in ("start", "end", "close"):
            assert (event.peer if event.kind == "refuse" else event.host) in text
        if event.message is not None and event.kind not in ("command", "reply"):
            assert f"mail {event.message}" in text
        if event.kind in ("reply", "command"):
            assert f"{event.peer} " in text
            assert lines_of(event["octets"])[0] in text


def test_of_many_recipients_three_are_named_and_the_rest_counted() -> None:
    paths = tuple(f"<user{n}@B>" for n in range(1234))
    text = told("submit", "A", None, "<me@A>", paths, "MAIL", 100)
    assert "user0@B, user1@B, user2@B" in text
    assert "1,231" in text
    assert "user3@B" not in text


def test_a_list_that_the_mail_has_been_to_is_not_said_to_have_members() -> None:
    first = told("expand", "A", None, "1", "people", (("1.1", "<a@B>"),))
    again = told("expand", "A", None, "1", "people", ())
    assert "1 member" in first
    assert "member" not in again
    assert "people" in again


def test_a_forward_says_whether_the_host_or_the_sender_moves_the_mail_on() -> None:
    forward = told("forward", "A", "B", "1", "<old@A>", "<new@C>", "forward")
    redirect = told("forward", "A", "B", "1", "<old@A>", "<new@C>", "redirect")
    assert forward != redirect
    for text in (forward, redirect):
        assert "old@A" in text
        assert "new@C" in text


def test_mail_that_waits_has_a_time_where_it_is_known() -> None:
    assert clock(90.0, 1) in told("defer", "A", "B", ("1",), "451 busy", 90.0)
    assert "until" not in told("defer", "A", "B", ("1",), "451 busy", None)


def test_a_fault_has_a_place_and_what_it_sets() -> None:
    begins = told("fault", "A", "B", "loss", True, "0.2")
    ends = told("fault", "A", "B", "loss", False, "")
    assert begins != ends
    assert "A – B" in begins
    assert "0.2" in begins
    assert "(" not in ends
    assert "at" not in told("fault", "", None, "partition", True, "").split()


@pytest.mark.parametrize("name", ["change-reply", "change-command"])
def test_what_was_changed_by_hand_says_so(name: str) -> None:
    text = told("fault", "A", "B", name, True, "550 no")
    assert "hand" in text
    assert "550 no" in text


def test_a_session_ends_with_quit_or_with_a_reason() -> None:
    assert "cut: after RCPT" in told("close", "A", "B", "cut: after RCPT")
    assert "quit" not in told("close", "A", "B", "quit")


def test_control_bytes_are_escaped_and_lines_joined() -> None:
    text = told("reject", "A", None, "1", "<a@B>", "550 no\r\n\x1b[2J\x07")
    assert text.isprintable()
    assert "\\x1b[2J\\x07" in text


def test_a_kind_that_is_not_ours_is_told_with_its_host() -> None:
    assert sentence(Event(0, 0.0, "probe", "A", None, None, None, {})) == "probe at A."


def test_of_several_lines_the_first_is_given_and_the_others_are_counted() -> None:
    assert gist("reply", b"250 OK\r\n") == "250 OK"
    assert gist("reply", b"250-a\r\n250-b\r\n250 c\r\n") == "250-a (+2 lines)"
    assert gist("reply", b"250-a\r\n250 c\r\n") == "250-a (+1 line)"
    assert gist("data", b"x" * 1500) == "mail data, 1,500 octets"
    assert lines_of(b"a\x00b\r\n\xff\r\n") == ["a\\x00b", "\\xff"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("<a@B>", "a@B"),
        ("<@X,@Y:a@B>", "a@B"),
        ("<>", "<>"),
        ("a@B", "a@B"),
        ('<"a:b"@B>', '"a:b"@B'),
    ],
)
def test_an_address_is_a_path_without_its_route(path: str, text: str) -> None:
    assert address(path) == text


def test_numbers_have_their_noun() -> None:
    assert counted(1, "reply", "replies") == "1 reply"
    assert counted(2_000, "reply", "replies") == "2,000 replies"
    assert counted(0, "host") == "0 hosts"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (2e-6, "2 µs"),
        (0.04, "40 ms"),
        (1.5, "1.5 s"),
        (59.9999, "1 min"),
        (5400, "1.5 h"),
        (3 * 86400, "3 d"),
    ],
)
def test_lengths_of_time_have_three_figures_and_a_unit(seconds: float, text: str) -> None:
    assert length(seconds) == text


@pytest.mark.parametrize(
    ("t", "digits", "text"),
    [
        (1.25, 3, "1.250 s"),
        (61.5, 3, "0:01:01.500"),
        (3 * 86400 + 3661, 3, "3 d 1:01:01.000"),
        (3661, 0, "1:01:01"),
    ],
)
def test_times_of_a_run(t: float, digits: int, text: str) -> None:
    assert clock(t, digits) == text
