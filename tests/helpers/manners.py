"""How a scripted receiver-SMTP may misbehave, at each stage of a session: the rows of a matrix."""

from __future__ import annotations

from typing import Any

STAGES = ("open", "HELO", "MAIL", "RCPT", "DATA", "mail data", "RSET", "QUIT")

_CODES = {"open": 220, "DATA": 354, "QUIT": 221}

MANNERS: dict[str, dict[str, Any]] = {
    "refusal": {"octets": "550 {mark}\r\n"},
    "cut": {"octets": "{code} {mark}\r\n", "then": "cut"},
    "half-close": {"octets": "{code} {mark}\r\n", "then": "half-close"},
    "silence": {"octets": "{code} {mark}\r\n", "then": "silence"},
    "no reply": {"octets": ""},
    "no reply, then cut": {"octets": "", "then": "cut"},
    "no reply, then silence": {"octets": "", "then": "silence"},
    "cut in mid-reply": {"octets": "{code}-{mark}\r\n25", "then": "cut"},
    "twice": {"octets": "{code} {mark}\r\n", "repeat": 2},
    "two at once": {"octets": "{code} {mark}\r\n550 no\r\n"},
    "in pieces": {"octets": "{code} {mark}\r\n", "pieces": [1, 1, 1], "pause": 0.05},
    "much too late": {"octets": "{code} {mark}\r\n", "pause": 2.5},
    "success": {"octets": "250 {mark}\r\n"},
    "go ahead": {"octets": "354 {mark}\r\n"},
    "local error": {"octets": "451 {mark}\r\n"},
    "closing": {"octets": "421 B {mark}\r\n"},
    "bare LF": {"octets": "{code} {mark}\n"},
    "bare CR": {"octets": "{code} {mark}\r"},
    "garbage": {"octets": "\x00\xff{mark}\r\n"},
    "endless": {"octets": "250-{mark}" + "x" * 500 + "\r\n", "repeat": 2_200},
    "two codes": {"octets": "250-{mark}\r\n251 b\r\n"},
    "other code": {"octets": "299 {mark}\r\n"},
    "1yz": {"octets": "199 {mark}\r\n"},
    "early": {"octets": "{code} {mark}\r\n", "early": True},
    "early refusal": {"octets": "550 {mark}\r\n", "early": True},
    "early, then cut": {"octets": "{code} {mark}\r\n", "early": True, "then": "cut"},
    "a little early": {"octets": "{code} {mark}\r\n", "early": True, "pause": 0.01},
}


def manners_of(stage: str) -> list[str]:
    """The names of the manners that there are at a stage: nothing comes before the greeting."""
    return [name for name, reply in MANNERS.items() if stage != "open" or "early" not in reply]


def mark(stage: str, manner: str) -> str:
    """A text in the reply of a cell of the matrix, by which it is found in a trace."""
    return f"m{STAGES.index(stage)}x{list(MANNERS).index(manner)}y"


def reply_table(stage: str, manner: str, nth: int) -> dict[str, Any]:
    """The ``[[host.reply]]`` of a cell of the matrix."""
    reply = {"to": stage, "nth": nth, **MANNERS[manner]}
    words = {"code": _CODES.get(stage, 250), "mark": mark(stage, manner)}
    return reply | {"octets": reply["octets"].format(**words)}
