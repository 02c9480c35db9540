"""A breach by a peer is blamed on the peer, in pieces too, and hides no breach of ours."""

from __future__ import annotations

from typing import Any

import pytest

from lab.analysis.account import Account
from lab.analysis.invariants import Invariants
from lab.trace.rows import Row

META = {
    "hosts": [{"name": "OURS", "external": ""}, {"name": "THEIRS", "external": "x:1"}],
    "links": [],
}
START: Row = (0.0, "start", "", None, None, None, META)
SCRIPTED: Row = (
    *START[:-1],
    {"hosts": [{"name": "OURS"}, {"name": "THEIRS", "reply": [{"to": "MAIL"}]}], "links": []},
)
OUT: Row = (1.0, "open", "OURS", "THEIRS", 1, None, "arpanet", "tcp", ("OURS", "THEIRS"), 0.0)
IN: Row = (1.0, "open", "outside", "OURS", 2, None, "arpanet", "tcp", ("10.0.0.9", "OURS"), 0.0)


def close(session: int) -> Row:
    ends = ("OURS", "THEIRS") if session == 1 else ("outside", "OURS")
    return (9.0, "close", *ends, session, None, "closed")


def says(kind: str, octets: bytes, peer: str = "THEIRS") -> Row:
    """A reply or piece of a peer in session 1; or what "outside" sends or gets in session 2."""
    if peer == "THEIRS":
        return (2.0, kind, "OURS", peer, 1, None, 2.0, octets)
    host = "OURS" if peer == "outside" else "outside"
    return (2.0, kind, host, peer, 2, None, 2.0, octets)


def judged(*rows: Row, start: Row = START) -> tuple[list[str], list[bytes]]:
    """The sentences about ours, and the octets that others are blamed for."""
    rules = Invariants()
    rules.take_all([start, OUT, IN, *rows])
    ours = [breach.sentence for breach in rules.breaches(Account(rows))]
    return ours, [breach.octets for breach in rules.peers.breaches]


@pytest.mark.parametrize(
    ("pieces", "blamed"),
    [
        ([b"220 th", b"eirs\r\n"], []),
        ([b"220-theirs\r\n22"], []),
        ([b"220-theirs\r\n220 hello\r\n25"], [b"25"]),
        ([b"220-theirs\r\n220 hello\r\n42"], []),
        ([b"2", b"2"], []),
        ([b"220 theirs\n"], [b"220 theirs\n"]),
        ([b"220 ", b"theirs\n"], [b"220 theirs\n"]),
        ([b"220 theirs\r\nhel"], [b"hel"]),
        ([b"hel", b"lo"], [b"hello"]),
        ([b"hello\r\n", b"more\r\n"], [b"hello\r\n"]),
        ([b"220 a\r\nhello\r\n"], [b"220 a\r\nhello\r\n"]),
    ],
)
def test_what_an_external_host_began_to_say(pieces: list[bytes], blamed: list[bytes]) -> None:
    """To hang up within a reply is no breach; to say what cannot become one is.

    A scripted host stands for the program of somebody else.
    """
    said = [*[says("piece", piece) for piece in pieces], close(1)]
    assert judged(*said) == ([], blamed)
    assert judged(*said, start=SCRIPTED) == ([], blamed)


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize(
    ("pieces", "blamed"),
    [
        ([b"25", b"0 OK\r\n"], b"25"),
        ([b"250-OK\r\n"], b"250-OK\r\n"),
        ([b"4", b"21 bye"], None),
        ([b"421 bye", b"\r\n"], None),
    ],
)
def test_the_beginning_of_a_reply_that_nobody_asked_for(
    pieces: list[bytes], blamed: bytes | None, asked: bool
) -> None:
    """A reply to no command breaks the channel before it is whole; only 421 may come unasked."""
    rows = [says("reply", b"220 THEIRS\r\n")]
    if asked:
        rows.append(says("command", b"HELO OURS\r\n", "THEIRS"))
    rows += [says("piece", piece) for piece in pieces]
    expected = [] if asked or blamed is None else [blamed]
    assert judged(*rows, close(1)) == ([], expected)


def test_a_wrong_line_end_is_shown() -> None:
    """Without it, the sentence would say of a reply that it is not one."""
    rules = Invariants()
    rules.take_all([START, OUT, says("piece", b"\r\n220 ours\r\n"), close(1)])
    rules.take_all([OUT, says("piece", b"220 ours\n"), close(1)])
    sentences = [breach.sentence for breach in rules.peers.breaches]
    assert sentences == [
        r"THEIRS said '\r\n220 ours', which is not a reply, in session 1",
        r"THEIRS said '220 ours\n', which is not a reply, in session 1",
    ]


@pytest.mark.parametrize(
    ("line", "blamed"), [(b"NOOP", []), (b"NOOP\r", []), (b"NOOP\nNOOP", [b"NOOP\nNOOP"])]
)
def test_a_line_of_a_caller_that_no_crlf_ends(line: bytes, blamed: list[bytes]) -> None:
    greeting = says("reply", b"220 OURS\r\n", "OURS")
    assert judged(greeting, says("command", line, "outside"), close(2)) == ([], blamed)


@pytest.mark.parametrize("closing", [b"421 OURS Nothing came\r\n", b"421 OURS\r\n"])
@pytest.mark.parametrize("before", [[], [(b"HELO me\r\n", b"250 OURS\r\n")]])
def test_our_421_is_no_breach_of_anybody(closing: bytes, before: list[Any]) -> None:
    """When nothing has come, after some commands, and in the middle of one (4.2.1)."""
    rows = [says("reply", b"220 OURS\r\n", "OURS")]
    for command, reply in before:
        rows += [says("command", command, "outside"), says("reply", reply, "OURS")]
    assert judged(*rows, says("reply", closing, "OURS"), close(2)) == ([], [])
    begun = says("command", b"MAIL FR", "outside")
    assert judged(*rows, begun, says("reply", closing, "OURS"), close(2)) == ([], [])


def test_what_others_do_does_not_hide_what_we_do() -> None:
    """If both sides of a session break the rules, each is blamed for its own breach."""
    rows = [
        says("reply", b"220 OURS\r\n", "OURS"),
        says("command", b"GET /\r\n", "outside"),
        says("reply", b"500 what?\r\n", "OURS"),
        says("command", b"NOOP\r\n", "outside"),
        says("reply", b"354 go on\r\n", "OURS"),
        says("reply", b"250 OK\r\n", "OURS"),
        says("piece", b"garbage\r\n"),
    ]
    ours, theirs = judged(*rows, close(1), close(2))
    said = sorted(sentence.partition(" in session")[0] for sentence in ours)
    assert said == ["OURS said '250 OK'", "OURS said '354 go on'"]
    assert theirs == [b"GET /\r\n", b"garbage\r\n"]


@pytest.mark.parametrize(
    ("command", "reply", "is_blamed"),
    [
        (b"NOOP\r\n", b"500 what?\r\n", False),
        (b"MAIL FROM:<a@me.x>\r\n", b"501 what?\r\n", False),
        (b"MAIL FROM:a\r\n", b"501 what?\r\n", True),
        (b"NOPE\r\n", b"500 what?\r\n", True),
        (b"DATA\r\n", b"503 not now\r\n", True),
        (b"NOPE\r\n", b"421 OURS\r\n", False),
    ],
)
def test_our_reply_alone_blames_nobody(command: bytes, reply: bytes, is_blamed: bool) -> None:
    """If the line is right by the grammar of 4.1.2, the fault is not that of who sent it."""
    rows = [says("command", command, "outside"), says("reply", reply, "OURS")]
    assert judged(says("reply", b"220 OURS\r\n", "OURS"), *rows)[1] == [command] * is_blamed


BEGUN = [(b"HELO me\r\n", b"250 OURS\r\n"), (b"MAIL FROM:<a@me>\r\n", b"250 OK\r\n")]
TAKEN = [*BEGUN, (b"RCPT TO:<ann@OURS>\r\n", b"250 OK\r\n")]
SENT = [*TAKEN, (b"DATA\r\n", b"354 Go\r\n"), (b"Hi\r\n.\r\n", b"250 OK\r\n")]


@pytest.mark.parametrize(
    ("before", "command", "is_ours"),
    [
        ([], b"MAIL FROM:<a@me>\r\n", False),
        ([], b"NOOP\r\n", None),
        (BEGUN[:1], b"rcpt TO:<ann@OURS>\r\n", False),
        (BEGUN, b"RCPT TO:<ann@OURS>\r\n", True),
        ([*BEGUN, (b"RCPT TO:<b@OURS>\r\n", b"550 No\r\n")], b"DATA\r\n", False),
        (TAKEN, b"data\r\n", True),
        ([*TAKEN, (b"RSET\r\n", b"250 OK\r\n")], b"DATA\r\n", False),
        (SENT, b"DATA\r\n", False),
        ([*SENT, *BEGUN[1:]], b"RCPT TO:<ann@OURS>\r\n", True),
        ([*SENT[:3], (b"DATA\r\n", b"451 No\r\n")], b"DATA\r\n", True),
    ],
)
def test_a_503_of_ours_is_wrong_where_the_command_was_in_order(
    before: list[tuple[bytes, bytes]], command: bytes, is_ours: bool | None
) -> None:
    """Then it is ours that broke a rule, and not the caller. 4.3 has no 503 for NOOP (None)."""
    rows = [says("reply", b"220 OURS\r\n", "OURS")]
    for said, reply in before:
        kind = "data" if said.startswith(b"Hi") else "command"
        rows += [says(kind, said, "outside"), says("reply", reply, "OURS")]
    rows += [says("command", command, "outside"), says("reply", b"503 Bad\r\n", "OURS")]
    ours, blamed = judged(*rows, close(2))
    if is_ours is False:
        assert (ours, blamed) == ([], [command])
    elif is_ours:
        verb = command[:4].decode().upper()
        assert (ours, blamed) == (
            [f"OURS said '503 Bad' in session 2, though {verb} is in order there"], []
        )  # fmt: skip
    else:
        assert len(ours) == 1
        assert not blamed
