"""Whole replies told from pieces of some, as they arrive."""

from __future__ import annotations

from lab.protocol import Crossing
from lab.protocol.arriving import ArrivingReplies


def test_pieces_complete_a_reply() -> None:
    arriving = ArrivingReplies()
    assert arriving.take(b"250 OK\r\n") == [Crossing("reply", b"250 OK\r\n")]
    assert arriving.take(b"22") == [Crossing("piece", b"22")]
    assert arriving.take(b"1 \r\n") == [
        Crossing("piece", b"1 \r\n"),
        Crossing("reply", b"221 \r\n"),
    ]
    assert arriving.last == b"221 \r\n"


def test_after_bytes_that_are_no_reply_everything_is_a_piece() -> None:
    arriving = ArrivingReplies()
    assert arriving.take(b"hello\r\n") == [Crossing("piece", b"hello\r\n")]
    assert arriving.take(b"250 OK\r\n") == [Crossing("piece", b"250 OK\r\n")]
    assert arriving.last == b""


def test_bytes_that_are_no_reply_may_follow_one() -> None:
    arriving = ArrivingReplies()
    assert [kind for kind, _ in arriving.take(b"250 OK\r\nhello\r\n")] == ["piece", "reply"]
    assert arriving.take(b"250 OK\r\n") == [Crossing("piece", b"250 OK\r\n")]
