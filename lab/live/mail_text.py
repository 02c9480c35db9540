"""Mail as people read it: its header fields, and its text, decoded where it is MIME.

What a program outside the lab has sent may be anything. Nothing here raises for it; what cannot be
decoded is shown as it is, with control characters escaped.
"""

from __future__ import annotations

from email import message_from_bytes, policy
from email.header import decode_header, make_header
from typing import Final

from lab.runtime import escaping

LONGEST: Final = 1 << 20
"""Bytes of a message that are shown; the rest can be downloaded."""

_KEPT: Final = "\n\t"


def visible(octets: bytes | str) -> str:
    """Return bytes or text with lines that end with a newline, and other control bytes escaped."""
    text = octets if isinstance(octets, str) else octets.decode("utf-8", "backslashreplace")
    text = text.replace("\r\n", "\n")
    return escaping.visible(text, _KEPT)


def header_fields(octets: bytes) -> list[tuple[str, str]]:
    """Return the names and values of the fields of a message's header, unfolded and decoded."""
    fields: list[list[str]] = []
    for line in visible(octets).split("\n"):
        if not line:
            break
        name, colon, value = line.partition(":")
        if line[0] in " \t":
            if fields:
                fields[-1][1] += " " + line.strip()
        elif colon and " " not in name.rstrip():
            fields.append([name.rstrip(), value.strip()])
        else:
            break  # not a field: the message has no more header
    return [(name, _decoded(value)) for name, value in fields]


def field(fields: list[tuple[str, str]], name: str) -> str:
    """Return the value of the first field of a name; "" if there is none."""
    return next((value for key, value in fields if key.lower() == name.lower()), "")


def _decoded(value: str) -> str:
    if "=?" not in value:
        return value
    try:
        return visible(str(make_header(decode_header(value)))).replace("\n", " ")
    except Exception:
        return value


def text_of(octets: bytes) -> tuple[str, str]:
    """Return the text of a message, and what it is: "text", or "HTML source".

    Of a message in several parts it is the first that is text, plain text before HTML.
    """
    octets = octets[:LONGEST]
    body = octets.partition(b"\r\n\r\n")[2]
    if b"\ncontent-type:" in b"\n" + octets[: len(octets) - len(body)].lower():
        try:
            return _text_part(octets)
        except Exception:  # it says that it is MIME, and is not
            return visible(body), "text"
    return visible(body), "text"


def _text_part(octets: bytes) -> tuple[str, str]:
    message = message_from_bytes(octets, policy=policy.default)
    part = message.get_body(("plain", "html"))
    if part is None:
        return visible(octets.partition(b"\r\n\r\n")[2]), "text"
    is_html = part.get_content_type() == "text/html"
    return visible(part.get_content()), "HTML source" if is_html else "text"
