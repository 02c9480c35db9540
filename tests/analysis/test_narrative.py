"""Events in sentences, and the stories of messages."""

from __future__ import annotations

import re
from typing import Any

import pytest

import lab
from lab.analysis.narrative import (
    FORMATS,
    WORDING,
    address,
    ending,
    form_of,
    lines_of,
    narrate,
    sentence,
    summary_line,
)
from lab.trace.rows import KINDS, Event, event_of
from lab.trace.trace import Trace
from tests.helpers.places import TOPOLOGIES
from tests.helpers.rows import one_of_each_kind

EVENTS = {  # for each template an event that has it, as columns, and the sentence
    "start": (({},), "The run begins."),
    "plan": ((("A", "R", "B"),), "Mail from A to B will go over A, R, B."),
    "late": (("u@A", ("v@C",), "MAIL", True, "A is down"),
        "u@A cannot hand mail for v@C to A: A is down."),
    "late/over": (("u@A", ("v@C",), "MAIL", False, "A is down"),
        "A is up again, for u@A to hand it mail."),
    "submit": (
        ("<u@A>", ("@R:v@B", "w@B", "x@B", "y@B"), "MAIL", 9),
        "u@A hands message 3 to A, for v@B, w@B, x@B and 1 more.",
    ),
    "reject": (("1", "v@B", "no such host"), "A does not accept message 3 for v@B: no such host."),
    "expand": (
        ("1", "all", (("1.1", "v@B"), ("1.2", "w@B"))),
        "A expands the mailing list all: message 3 is for v@B, w@B.",
    ),
    "expand/again": (
        ("1", "all", ()),
        "A does not expand the mailing list all again: message 3 has been there.",
    ),
    "forward": (("1", "v@B", "v@C", "forward"), "A takes message 3 for v@B on to v@C."),
    "forward/redirect": (
        ("1", "v@B", "v@C", "redirect"),
        "A sends message 3 to v@C in place of v@B.",
    ),
    "queue": ((("1",), 9), "A puts message 3 into its spool, for B."),
    "attempt": (("arpanet", 1), "A begins to open a transmission channel to B."),
    "unreachable": (("B is down",), "A cannot reach B: B is down."),
    "open": (("arpanet", "tcp", ("A", "B"), 0.0), "Session 7 is open, from A to B, over tcp."),
    "command": ((0.0, b"HELO B\x07\r\n"), "B says to A: HELO B\\x07"),
    "reply": ((0.0, b"250-A\r\n250 B\r\n"), "B answers A: 250-A (+1 line)"),
    "data": ((0.0, b"x\r\n.\r\n"), "B sends A the mail data of message 3, 6 bytes."),
    "data/unnumbered": ((0.0, b"x\r\n.\r\n"), "B sends A mail data, 6 bytes."),
    "close": (("cut: B is down",), "Session 7 between A and B ends: cut off: B is down."),
    "close/quit": (("quit",), "Session 7 is over."),
    "accept": (
        (("1",), "u@B", 9),
        "A accepts message 3 from B in session 7, and is responsible for it from now on.",
    ),
    "transfer": ((("1",),), "A removes message 3 from its spool: B has accepted it."),
    "refuse": ((("1",), "550 No"), "B refuses message 3 for good: 550 No."),
    "refuse/expired": ((("1",), "B is down"), "A stops trying to send message 3: B is down."),
    "defer": ((("1",), "451 Later", None), "A keeps message 3 for B: 451 Later."),
    "defer/retry": (
        (("1",), "451 Later", 90.0),
        "A keeps message 3 for B until 0:01:30.000: 451 Later.",
    ),
    "deliver": (("1", "sam", b""), "A delivers message 3 into the mailbox of sam."),
    "terminal": (("1", "sam", b""), "A shows message 3 on the terminal of sam."),
    "notify": (
        (2, ("1",), "@R:u@C", "550 No"),
        "A writes a notification, message 3, to u@C: message 2 cannot be delivered: 550 No.",
    ),
    "misnamed": (("C",), "A called B, but the host that answered gives the name C."),
    "abandon": (("550 No.",), "A discards message 3 without a notification: 550 No."),
    "piece": ((0.5, b"250-"), "B sends A a piece of what may be a reply: 250-"),
    "loss": ((1, 1.0), "A segment is lost between A and B; it is sent again."),
    "fault": (("loss", True, "0.2"), "Fault begins: loss at A - B (0.2)."),
    "fault/over": (("loss", False, ""), "Fault ends: loss at A - B."),
    "fault/change-reply": (
        ("change-reply", True, "451 Not now"),
        "A fault changes the reply of A to B to 451 Not now.",
    ),
    "fault/change-command": (
        ("change-command", True, "NOOP in place of DATA"),
        "A fault changes the command of A to B: NOOP in place of DATA.",
    ),
    "forget": ((("1",),), "A crashed before it had stored message 3."),
    "failure": (
        ("storage", "disk full"),
        "A has a failure, and the run goes on: disk full.",
    ),
    "failure/network": (
        ("network", "KeyError: 7"),
        "Something fails in the network, and the run goes on: KeyError: 7.",
    ),
    "end": (("until",), "The run was stopped here."),
    "end/settled": (("settled",), "Nothing is left to do."),
}  # fmt: skip


def row(form: str, columns: tuple[Any, ...]) -> Any:
    message = None if form == "data/unnumbered" else 3
    session = None if form == "refuse/expired" else 7
    host = "" if form == "failure/network" else "A"
    return (1.0, form.partition("/")[0], host, "B", session, message, *columns)


@pytest.mark.parametrize("form", EVENTS)
def test_each_template_is_a_sentence(form: str) -> None:
    columns, text = EVENTS[form]
    event = event_of(row(form, columns))
    assert form_of(event) == form
    assert sentence(event) == text


def test_every_kind_of_event_has_a_template_and_every_template_is_tested() -> None:
    assert set(KINDS) <= set(WORDING)
    assert set(WORDING) - set(EVENTS) == {"accept/unheard"}  # the event alone does not tell


@pytest.mark.parametrize("form", WORDING)
def test_a_template_names_columns_of_its_kind_and_formats_there_are(form: str) -> None:
    columns = {"host", "peer", "session", "message", "place", *KINDS[form.partition("/")[0]]}
    for name, used in re.findall(r"\{(\w+):?(\w*)\}", WORDING[form]):
        assert name in columns
        assert not used or used in FORMATS


def test_a_partition_is_at_no_host() -> None:
    event = event_of((1.0, "fault", "", None, None, None, "partition", True, "A | B"))
    assert sentence(event) == "Fault begins: partition (A | B)."


def test_a_story_has_the_sentences_of_its_events_with_their_times() -> None:
    trace = lab.simulate(TOPOLOGIES / "rfc821/scenario-03.toml").trace
    told = {f"{event.t:.3f} s: {sentence(event)}" for event in trace}
    story = narrate(trace, 1)
    assert len(story) == 6
    assert set(story) <= told


def test_repeated_deferrals_are_counted() -> None:
    """One sentence for the first, one with their number, and none for a message put off once."""
    put_off = [(t, "defer", "A", "B", None, 1, ("1",), "B is down", None) for t in (1.0, 2.0, 3.0)]
    once = (4.0, "defer", "A", "C", None, 1, ("2",), "C is down", None)
    assert narrate(Trace([*put_off, once]), 1) == [
        "1.000 s: A keeps message 1 for B: B is down.",
        "4.000 s: A keeps message 1 for C: C is down.",
        "A put off message 1 for B 3 times in all.",
    ]


def test_a_long_story_lacks_its_middle() -> None:
    rows = [(float(t), "deliver", "A", None, None, 1, "1", f"u{t}", b"") for t in range(50)]
    story = narrate(Trace(rows), 1)
    assert len(story) == 41
    assert story[20] == "... 10 more ..."
    assert story[-1].endswith("the mailbox of u49.")


def test_a_story_has_the_faults_of_hosts_where_the_message_was() -> None:
    rows: list[Any] = [
        (0.0, "fault", "A", None, None, None, "busy", True, ""),
        (1.0, "submit", "A", None, None, 1, "u@A", ("v@B",), "MAIL", 9),
        (2.0, "fault", "B", None, None, None, "busy", True, ""),
        (3.0, "fault", "B", "A", None, None, "loss", True, ""),
        (4.0, "fault", "B", "A", None, None, "loss", False, ""),
        (5.0, "deliver", "B", None, None, 2, "1", "v", b""),
    ]
    assert narrate(Trace(rows), 1) == [
        "1.000 s: u@A hands message 1 to A, for v@B.",
        "3.000 s: Fault begins: loss at B - A.",
    ]


# -- what a sentence says


NAMED = ["campus", "faults/crash", "faults/busy", "faults/refuse", "lessons/returned"]


@pytest.mark.parametrize("name", NAMED)
def test_a_sentence_names_the_hosts_and_the_message_that_it_is_about(name: str) -> None:
    for event in lab.simulate(TOPOLOGIES / f"{name}.toml").trace:
        text = sentence(event)
        if event.kind not in ("start", "end", "close"):
            assert (event.peer if form_of(event) == "refuse" else event.host) in text
        if event.message is not None and event.kind not in ("command", "reply"):
            assert f"message {event.message}" in text
        if event.kind in ("reply", "command"):
            assert f"{event.peer} " in text
            assert lines_of(event["octets"])[0] in text


def test_each_kind_of_event_has_a_sentence_of_its_own() -> None:
    sentences = {event.kind: sentence(event) for event in Trace(list(one_of_each_kind()))}
    assert len(set(sentences.values())) == len(sentences)
    for text in sentences.values():
        assert text.isprintable()
        assert not text.endswith("..")


def test_control_bytes_are_escaped_and_lines_joined() -> None:
    text = sentence(event_of(row("reject", ("1", "<a@B>", "550 no\r\n\x1b[2J\x07"))))
    assert text.isprintable()
    assert "550 no \\x1b[2J\\x07" in text


def test_a_kind_that_is_not_ours_is_told_with_its_host() -> None:
    assert sentence(Event(0, 0.0, "probe", "A", None, None, None, {})) == "probe at A."


def test_of_several_lines_the_first_is_given_and_the_others_are_counted() -> None:
    assert summary_line("reply", b"250 OK\r\n") == "250 OK"
    assert summary_line("reply", b"250-a\r\n250-b\r\n250 c\r\n") == "250-a (+2 lines)"
    assert summary_line("reply", b"250-a\r\n250 c\r\n") == "250-a (+1 line)"
    assert summary_line("data", b"x" * 1500) == "mail data, 1,500 bytes"
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


# -- whose story it is


def test_a_notification_belongs_to_the_story_of_the_mail_that_it_is_about() -> None:
    trace = lab.simulate(TOPOLOGIES / "lessons/returned.toml").trace
    notices = [event for event in trace if event.kind == "notify"]
    assert notices
    for notice in notices:
        story = narrate(trace, notice["about"])
        assert any(f"notification, message {notice.message}" in line for line in story)
        assert any(f"message {notice.message} " in line for line in story[-3:])
        assert not any("hands message" in line for line in narrate(trace, notice.message or 0))


def test_mail_of_another_message_is_not_told() -> None:
    trace = lab.simulate(TOPOLOGIES / "campus.toml").trace
    others = {event.message for event in trace if event.kind == "submit"} - {2}
    for line in narrate(trace, 2):
        assert not any(f"message {number} " in line for number in others)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("quit", "over"),
        ("closed", "closed"),
        ("end of input", "end of input"),
        ("cut", "cut off at t=2.500 s"),
        ("cut: link down", "cut off at t=2.500 s: link down"),
    ],
)
def test_the_end_of_a_session_is_said_from_its_reason(reason: str, said: str) -> None:
    """When is said of a channel that was lost, by those who do not show it otherwise."""
    assert ending(reason, 2.5) == said
    assert ending(reason) == said.replace(" at t=2.500 s", "")
