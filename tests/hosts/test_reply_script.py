"""The script of a host's replies, as one session follows it; and how it is sent."""

from __future__ import annotations

from collections.abc import Callable

from lab.hosts.reply_script import ReplyScript, ReplyWriter, ScriptedReply


def test_a_line_that_is_no_stage_has_the_replies_of_the_host() -> None:
    script = ReplyScript([ScriptedReply("RCPT", octets=b"250 OK\r\n")], {})
    assert script.next("XYZZY") is None
    assert script.next("RCPT") == 250


def test_who_was_told_250_is_known_only_for_as_many_recipients() -> None:
    script = ReplyScript([ScriptedReply("RCPT", octets=b"250 OK\r\n")], {})
    for own in (550, 250):
        script.next("RCPT")
        script.answered(own)
    assert script.taken(["1", "2"]) == ["2"]
    assert script.taken(["1"]) is None


def test_a_script_that_is_over_sends_nothing_more() -> None:
    sent: list[bytes] = []

    def later(_seconds: float, _call: Callable[[float], None]) -> None:
        raise AssertionError("nothing is left to do later")

    script = ReplyScript([], {})
    writer = ReplyWriter(
        script, lambda octets, _now: sent.append(octets), lambda _then, _now: None, later
    )
    script.next("HELO")
    writer.write(b"250 B\r\n", 0.0)
    script.is_over = True
    writer.write(b"250 B\r\n", 1.0)
    assert sent == [b"250 B\r\n"]
