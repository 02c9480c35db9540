"""`lab talk` to a scripted host: it replies to a person as to any other sender-SMTP."""

from __future__ import annotations

from lab.api.conversation import Conversation
from lab.topology.model import from_dict


def talk_to(*replies: dict[str, object]) -> Conversation:
    return Conversation(
        from_dict({"host": [{"name": "B", "users": ["bob"], "reply": list(replies)}]}), "B"
    )


def test_the_bytes_of_the_file_are_sent_without_their_pauses() -> None:
    talk = talk_to({"to": "HELO", "octets": "250-a\r\n250 b\n", "pieces": [2, 2], "pause": "1 h"})
    assert talk.open() == b"220 B Simple Mail Transfer Service Ready\r\n"
    assert talk.receive(b"HELO me\r\nNOOP\r\n") == b"250-a\r\n250 b\n250 OK\r\n"


def test_what_follows_a_reply_ends_the_session_or_silences_the_host() -> None:
    cut = talk_to({"to": "RCPT", "octets": "25", "then": "cut"})
    cut.open()
    assert cut.receive(b"HELO me\r\nMAIL FROM:<>\r\nRCPT TO:<bob@B>\r\nDATA\r\n")[-2:] == b"25"
    assert cut.is_over
    silent = talk_to({"to": "NOOP", "then": "silence"})
    silent.open()
    assert silent.receive(b"NOOP\r\nQUIT\r\n") == b"250 OK\r\n"
    assert not silent.is_over


def test_mail_in_one_write_is_taken_and_each_reply_comes_once() -> None:
    talk = talk_to({"to": "DATA", "octets": "354 go\r\n"})
    said = talk.open() + talk.receive(
        b"HELO me\r\nMAIL FROM:<a@me>\r\nRCPT TO:<bob@B>\r\nDATA\r\nHi\r\n.\r\nQUIT\r\n"
    )
    assert [line[:3] for line in said.splitlines()] == [
        b"220", b"250", b"250", b"250", b"354", b"250", b"221"
    ]  # fmt: skip
    talk.close()
    assert talk.finish().run.summary["delivered"] == 1
