"""Mail of any kind as people read it."""

from __future__ import annotations

from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.live.mail_text import field, header_fields, text_of, visible


def mime(text: str, html: str = "") -> bytes:
    message = EmailMessage()
    message["Subject"] = "Grüße"
    if text:
        message.set_content(text, cte="quoted-printable")
        if html:
            message.add_alternative(html, subtype="html", cte="base64")
    else:
        message.set_content(html, subtype="html", cte="base64")
    return message.as_bytes().replace(b"\n", b"\r\n")


def test_mail_of_1982_is_shown_as_it_is() -> None:
    octets = b"Return-Path: <ann@A>\r\nSubject: one\r\n two\r\nTo: bob\r\n\r\nHi: there\r\n.\r\n"
    fields = header_fields(octets)
    assert fields == [("Return-Path", "<ann@A>"), ("Subject", "one two"), ("To", "bob")]
    assert (field(fields, "subject"), field(fields, "cc")) == ("one two", "")
    assert text_of(octets) == ("Hi: there\n.\n", "text")


@pytest.mark.parametrize("octets", [b"", b"no header at all\r\n", b"\r\nSubject: below\r\n"])
def test_mail_without_a_header_has_no_fields(octets: bytes) -> None:
    assert header_fields(octets) == []


def test_mime_is_decoded_plain_text_before_html() -> None:
    assert field(header_fields(mime("Grüße")), "Subject") == "Grüße"
    assert text_of(mime("Grüße", "<p>Hi</p>")) == ("Grüße\n", "text")
    assert text_of(mime("", "<p onclick=x>Hi</p>")) == ("<p onclick=x>Hi</p>\n", "HTML source")


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Type: multipart/mixed; boundary=x",
        b"Content-Type: text/plain; charset=no-such-thing",
        b"Content-Type: image/png",
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64",
        b"Content-Type:",
    ],
)
def test_what_says_that_it_is_mime_and_is_not_is_shown_all_the_same(header: bytes) -> None:
    text, kind = text_of(header + b"\r\n\r\nab!\r\n")
    assert kind == "text"
    assert text


def test_control_characters_are_escaped() -> None:
    assert visible(b"\x1b[31m\tred\r\n\x07\xff\r") == "\\x1b[31m\tred\n\\x07\\xff\\r"
    assert field(header_fields(b"Subject: =?utf-8?q?=1b=5b31m?=\r\n\r\n"), "Subject") == "\\x1b[31m"


@given(st.binary() | st.binary().map(lambda octets: b"Content-Type: " + octets))
def test_no_bytes_are_too_strange(octets: bytes) -> None:
    text, _ = text_of(octets)
    shown = text + "".join(name + value for name, value in header_fields(octets))
    assert all(char.isprintable() or char in "\n\t" for char in shown)
