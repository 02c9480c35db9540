"""A side of a session in words."""

from __future__ import annotations

from lab.analysis.side_words import EMPTY, side_words
from lab.protocol.dialogue import Dialogue


def test_each_state_of_a_session_is_said() -> None:
    """The state, what it waits for, the buffers, and the row of the transition table."""
    dialogue = Dialogue()
    opened = side_words(dialogue.receiver)
    assert (opened.are_empty, opened.buffers) == (True, "")
    assert opened.row.startswith("the channel opens")
    dialogue.reply(b"220 B\r\n")
    dialogue.command(b"HELO A\r\n", 250)
    dialogue.reply(b"250 B\r\n")
    dialogue.command(b"MAIL FROM:<a@A>\r\n", 250)
    sender, receiver = side_words(dialogue.sender), side_words(dialogue.receiver)
    assert sender.state.endswith("waits for the reply to MAIL")
    assert (sender.reverse_path, receiver.reverse_path) == (EMPTY, "MAIL <a@A>")
    assert not receiver.are_empty
    assert receiver.mail_data == EMPTY
    assert ": 250, success" in receiver.row
    dialogue.reply(b"250 OK\r\n")
    dialogue.command(b"RCPT TO:<b@B>\r\n", 550)
    assert side_words(dialogue.receiver).row.endswith(": 550, failure")


def test_a_command_out_of_order_has_no_row() -> None:
    dialogue = Dialogue()
    dialogue.reply(b"220 B\r\n")
    dialogue.command(b"MAIL FROM:<a@A>\r\n", 503)
    words = side_words(dialogue.receiver)
    assert words.row.endswith(": 503, out of order (4.1.1, 4.3)")
    assert words.buffers == ""


def test_what_is_not_a_command_is_not_out_of_order() -> None:
    """With the code that the reply had."""
    dialogue = Dialogue()
    dialogue.reply(b"220 B\r\n")
    dialogue.command(b"EHLO A\r\n", 500)
    words = side_words(dialogue.receiver)
    assert words.row.endswith(": 500, not a command of RFC 821 (4.2.2)")


def test_mail_data_is_said_by_its_size() -> None:
    dialogue = Dialogue()
    dialogue.reply(b"220 B\r\n")
    for line in (b"HELO A\r\n", b"MAIL FROM:<a@A>\r\n", b"RCPT TO:<b@B>\r\n"):
        dialogue.command(line, 250)
        dialogue.reply(b"250 OK\r\n")
    dialogue.command(b"DATA\r\n", 354)
    dialogue.reply(b"354 Go\r\n")
    dialogue.mail_data(b"Hi\r\n.\r\n", 250)
    words = side_words(dialogue.receiver)
    assert (words.forward_paths, words.mail_data) == (("<b@B>",), "4 bytes")
