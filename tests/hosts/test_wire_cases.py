"""The wire cases that lie beside the repository, spoken to a host of a simulated network."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import pytest
from helpers.places import SHARED

import lab
from lab.api.conversation import Conversation
from lab.trace.rows import Event

CASES, FIXTURE = SHARED / "wire_cases.jsonl", SHARED / "wire_fixture.toml"
HOST = "BETA.ARPA"

Case = dict[str, Any]
REPLY_LINE = re.compile(rb"([1-5][0-9][0-9])([- ])([^\r\n]*)\r\n")


def read_cases() -> list[Case]:
    if not CASES.exists():
        return []
    return [json.loads(line) for line in CASES.read_text("ascii").splitlines() if line.strip()]


ALL = read_cases()
needs_cases = pytest.mark.skipif(not ALL, reason="the wire cases do not lie beside the repository")


@cache
def topology() -> lab.Topology:
    return lab.load(FIXTURE)


def octets(text: str) -> bytes:
    """The bytes that a string of a case stands for."""
    return text.encode("latin-1").decode("unicode_escape").encode("latin-1")


def replies_in(answered: bytes) -> list[tuple[str, list[str]]]:
    """Code and lines of each reply; every byte must belong to one."""
    replies: list[tuple[str, list[str]]] = []
    lines: list[str] = []
    at = 0
    while at < len(answered):
        match = REPLY_LINE.match(answered, at)
        assert match, f"no line of a reply: {answered[at : at + 80]!r}"
        at = match.end()
        lines.append(match[3].decode("ascii"))
        if match[2] == b" ":
            replies.append((match[1].decode(), lines))
            lines = []
    assert not lines, "a reply of several lines that does not end"
    return replies


def aslist(codes: str | list[str]) -> list[str]:
    return [codes] if isinstance(codes, str) else codes


def pieces_of(case: Case, size: int | None = None) -> list[bytes]:
    if "chunks" in case and size is None:
        return [octets(piece) for piece in case["chunks"]]
    sent = octets(case["send"])
    if "repeat_first_line" in case:
        first, rest = sent.split(b"\r\n", 1)
        sent = (first + b"\r\n") * case["repeat_first_line"] + rest
    size = size or int(case.get("chunk", 65536))
    return [sent[at : at + size] for at in range(0, len(sent), size)]


class TypedSession:
    """A case being spoken."""

    def __init__(self, case: Case, size: int | None = None) -> None:
        self.case = case
        self.size = size
        self.conversation = Conversation(topology(), HOST)
        self.greeting = self.conversation.open()
        assert [code for code, _ in replies_in(self.greeting)] == ["220"]

    def say(self, sent: bytes) -> list[tuple[str, list[str]]]:
        return replies_in(self.conversation.receive(sent))

    def run(self) -> None:
        case = self.case
        for entry in case["setup"]:
            replies = self.say(octets(entry.removeprefix("?")))
            assert len(replies) == 1, entry
            assert entry.startswith("?") or replies[0][0][0] in "23", (entry, replies)
        answered = b"".join(map(self.conversation.receive, pieces_of(case, self.size)))
        replies = replies_in(answered)
        if case.get("early"):
            # it came before the greeting was read: that comes first, and one reply to the command
            assert len(replies_in(self.greeting + answered)) == 2
        if case.get("close"):
            self.conversation.close()
        self.check(replies)
        self.follow(replies)
        if "relayed_as" in case:
            assert [self.say(line)[0][0] for line in (b"DATA\r\n", b"Hi\r\n.\r\n")] == [
                "354",
                "250",
            ]
        if not case.get("close"):
            self.conversation.close()
        self.check_mail([code for code, _ in replies])

    def check(self, replies: list[tuple[str, list[str]]]) -> None:
        case = self.case
        codes = [code for code, _ in replies]
        if "NONE" in aslist(case["expect_code"]) and not codes:
            return
        assert codes
        expected = case.get("expect_seq")
        if expected is not None:
            assert len(codes) == len(expected)
            assert all(code in each for code, each in zip(codes, expected, strict=True)), codes
        else:
            assert len(codes) == case.get("expect_replies", 1), codes
            assert codes[0] in aslist(case["expect_code"])
        if "prefer" in case:
            assert codes[0] == case["prefer"]
        text = replies[0][1]
        if "text_contains" in case:
            assert case["text_contains"] in "\n".join(text)
        if "text_first_word" in case:
            assert text[0].split()[0] == case["text_first_word"]
        if case.get("multiline"):
            assert len(text) > 1
            assert all(re.fullmatch(r"[^<>]*<[^<>]+@[^<>]+>", line) for line in text)

    def follow(self, replies: list[tuple[str, list[str]]]) -> None:
        case = self.case
        further = list(case.get("then", ()))
        by_code = case.get("if_code", {})
        further += by_code.get(replies[0][0], []) if replies and isinstance(by_code, dict) else []
        for step in further:
            closed = self.conversation.receiver.closing
            answered = self.say(octets(step["send"]))
            if closed:
                assert "CLOSED" in aslist(step["expect_code"])
                assert answered == []
                continue
            assert len(answered) == 1, (step, answered)
            assert answered[0][0] in aslist(step["expect_code"]), (step, answered)

    # -- what came of it

    def check_mail(self, codes: list[str]) -> None:
        case = self.case
        trace = self.conversation.finish().run.trace
        accepted = [event for event in trace if event.kind == "accept" and event.host == HOST]
        here = [event for event in trace if event.kind == "deliver" and event.host == HOST]
        if "expect_delivered" in case:
            assert len(accepted) == case["expect_delivered"]
        if "expect_messages" in case:
            most = case["expect_messages"]
            assert len(accepted) in (most if isinstance(most, list) else [most])
        if "expect_data" in case:
            assert len(accepted) == codes.count("250")
        if "expect_data" in case and accepted:
            assert [under_the_trace_lines(event["octets"]) for event in here] == [
                octets(case["expect_data"])
            ]
        if "relayed_as" in case:
            self.check_relayed(trace)

    def check_relayed(self, trace: lab.Trace) -> None:
        wanted = self.case["relayed_as"]
        lines = [
            event["octets"].decode("ascii").rstrip()
            for event in trace
            if event.kind == "command" and event.peer == HOST and event.host == wanted["next"]
        ]
        assert wanted["mail"] in lines
        assert wanted["rcpt"] in lines


def under_the_trace_lines(delivered: bytes) -> bytes:
    """The mail data without the return path line and our time stamp line (4.1.1 DATA)."""
    first, second, rest = delivered.split(b"\r\n", 2)
    assert first.startswith(b"Return-Path: <")
    assert second.startswith(b"Received: from ")
    return rest


KNOWN = {
    "id", "section", "setup", "send", "expect_code", "why", "lenient", "then", "tags", "fixture",
    "expect_replies", "expect_data", "expect_messages", "prefer", "expect_seq", "expect_delivered",
    "close", "needs", "relayed_as", "chunk", "chunks", "repeat_first_line", "text_contains",
    "text_first_word", "multiline", "early", "if_code",
}  # fmt: skip


@needs_cases
def test_every_key_of_the_cases_is_heeded() -> None:
    """A case that asks for what this runner does not look at would pass for nothing."""
    assert {key for case in ALL for key in case} <= KNOWN
    assert len({case["id"] for case in ALL}) == len(ALL) >= 225


@needs_cases
@pytest.mark.parametrize("case", ALL, ids=lambda case: case["id"])
def test_a_wire_case(case: Case) -> None:
    """Each case names the section that decides it, and `prefer` where that leaves a choice."""
    if case["id"] == "data-tenmb":
        assert sum(map(len, pieces_of(case))) > 10_000_000
    TypedSession(case).run()


@needs_cases
@pytest.mark.parametrize(
    "case", [case for case in ALL if "repeat_first_line" not in case], ids=lambda case: case["id"]
)
def test_a_wire_case_byte_by_byte(case: Case) -> None:
    """4.1.1: what arrives decides, and not in which pieces it came."""
    TypedSession(case, size=1).run()


@needs_cases
def test_the_notification_of_a_relayed_case_reaches_its_originator() -> None:
    """3.6: the conversation's mail goes on through the network like any other."""
    talk = TypedSession({"setup": []})
    for line in (
        b"HELO ALPHA.ARPA\r\n",
        b"MAIL FROM:<Smith@ALPHA.ARPA>\r\n",
        b"RCPT TO:<FullLater@BETA.ARPA>\r\n",
        b"RCPT TO:<Jones@BETA.ARPA>\r\n",
        b"DATA\r\n",
        b"Hi\r\n.\r\n",
    ):
        talk.say(line)
    talk.conversation.close()
    settled = talk.conversation.finish()
    assert settled.run.summary["returned"] == 1
    places = [(event.host, event["user"]) for event in delivered(settled.run.trace)]
    assert places == [("BETA.ARPA", "Jones"), ("ALPHA.ARPA", "Smith")]


def delivered(trace: lab.Trace) -> list[Event]:
    return [event for event in trace if event.kind == "deliver"]
