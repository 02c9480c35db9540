"""A scripted sender-SMTP sends the lines that it is given, each after the reply to the last."""

from __future__ import annotations

from lab.protocol import Crossing
from lab.protocol.script import ScriptedSender


def sent(sender: ScriptedSender, *replies: bytes) -> list[bytes]:
    """What the script sends upon replies."""
    events: list[Crossing] = []
    for octets in replies:
        events += sender.receive(octets)
    return [octets for kind, octets in events if kind != "reply"]


def test_a_script_sends_a_line_for_each_reply_and_then_hangs_up() -> None:
    script = ScriptedSender(["HELO A", "NOOP"])
    assert sent(script, b"220 B\r\n", b"250-B\r\n", b"250 B\r\n") == [b"HELO A\r\n", b"NOOP\r\n"]
    assert not script.closing
    assert sent(script, b"250 OK\r\n") == []
    assert script.closing


def test_after_354_the_lines_up_to_the_period_go_out_at_once() -> None:
    script = ScriptedSender(["DATA", "..x", "", ".", "QUIT"])
    out = sent(script, b"220 B\r\n", b"354 go\r\n", b"250 OK\r\n")
    assert out == [b"DATA\r\n", b"..x\r\n\r\n.\r\n", b"QUIT\r\n"]


def test_mail_data_that_is_never_ended_is_sent_and_the_channel_closed() -> None:
    script = ScriptedSender(["DATA", "x"])
    assert sent(script, b"220 B\r\n", b"354 go\r\n") == [b"DATA\r\n", b"x\r\n"]
    assert script.closing


def test_a_script_hangs_up_when_its_turn_is_granted_and_goes_on_when_it_is_not() -> None:
    """3.8: it plays no receiver-SMTP."""
    for reply, out in ((b"250 OK\r\n", []), (b"502 no\r\n", [b"QUIT\r\n"])):
        script = ScriptedSender(["turn", "QUIT"])
        assert sent(script, b"220 B\r\n", reply) == [b"turn\r\n", *out]
        assert script.closing is (not out)


def test_a_script_ends_with_the_session_or_with_what_is_no_reply() -> None:
    """421, and 221 to QUIT, end a session; so do bytes that are not a reply."""
    for lines, octets in (
        ("NOOP", b"421 not now\r\n"),
        ("NOOP", b"hello\r\n"),
        ("QUIT", b"221 x\r\n"),
    ):
        script = ScriptedSender([lines, "NOOP"])
        sent(script, b"220 B\r\n")
        assert sent(script, octets) == []
        assert script.closing


def test_a_script_ends_with_the_channel() -> None:
    script = ScriptedSender(["QUIT"])
    script.end_of_input()
    assert script.closing
