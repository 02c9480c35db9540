"""Reply codes, their meaning, and the replies permitted to each command.

Three tables own this: :data:`TEXTS` (section 4.2.2), :data:`COMMAND_REPLIES` (section 4.3, row for
row) and the digits of appendix E (:class:`Severity`, :class:`Category`). No other file says which
reply may follow which command.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from functools import lru_cache
from typing import Final

from lab.protocol.states import DIAGRAMS

MAX_REPLY_LINE: Final = 512
"""Bytes of a reply line with its code and CRLF that may be sent (section 4.5.3)."""


class Severity(IntEnum):
    """The first digit of a reply code: good, incomplete or bad (appendix E)."""

    PRELIMINARY = 1  # "SMTP does not have any commands that allow this type of reply"
    COMPLETION = 2
    INTERMEDIATE = 3
    TRANSIENT = 4
    PERMANENT = 5


class Category(IntEnum):
    """The second digit of a reply code: what it is about (appendix E)."""

    SYNTAX = 0
    INFORMATION = 1
    CONNECTIONS = 2
    UNSPECIFIED = 3  # "x3z Unspecified as yet", x4z alike
    MAIL_SYSTEM = 5


def severity_of(code: int) -> Severity:
    """Return what the first digit of a code says; raises ValueError if it is not one of 1 to 5.

    A sender-SMTP "that receives an unexpected code, will be able to determine its next action by
    examining the first digit" (appendix E).
    """
    return Severity(code // 100)


def category_of(code: int) -> Category:
    """Return what the second digit of a code says, for a sender-SMTP "that wants to know
    approximately what kind of error occurred" (appendix E).
    """
    digit = code // 10 % 10
    return Category(digit) if digit in (0, 1, 2, 5) else Category.UNSPECIFIED


class Outcome(Enum):
    """What a reply means to the command that drew it (sections 4.3 and 4.4)."""

    I = "intermediate"  # noqa: E741  the RFC's own letters
    S = "success"
    F = "failure"
    E = "error"


# 4.2.2. NUMERIC ORDER LIST OF REPLY CODES
TEXTS: Final[dict[int, str]] = {
    211: "System status, or system help reply",
    214: "Help message",
    220: "Service ready",
    221: "Service closing transmission channel",
    250: "Requested mail action okay, completed",
    251: "User not local; will forward to <forward-path>",
    354: "Start mail input; end with <CRLF>.<CRLF>",
    421: "Service not available, closing transmission channel",
    450: "Requested mail action not taken: mailbox unavailable",
    451: "Requested action aborted: local error in processing",
    452: "Requested action not taken: insufficient system storage",
    500: "Syntax error, command unrecognized",
    501: "Syntax error in parameters or arguments",
    502: "Command not implemented",
    503: "Bad sequence of commands",
    504: "Command parameter not implemented",
    550: "Requested action not taken: mailbox unavailable",
    551: "User not local; please try <forward-path>",
    552: "Requested mail action aborted: exceeded storage allocation",
    553: "Requested action not taken: mailbox name not allowed",
    554: "Transaction failed",
}
"""Every reply code of RFC 821 with the text of section 4.2.2."""

CONNECTION = "CONNECT"
"""The row of section 4.3 for connection establishment, which no command draws."""
MAIL_DATA = "data"
"""The row of section 4.3 for the end of mail data indication."""

# 4.3. COMMAND-REPLY SEQUENCES: success, failure and error replies, in the order of the print.
_ROWS: Final[dict[str, dict[str, tuple[int, ...]]]] = {
    CONNECTION: {"S": (220,), "F": (421,)},
    "HELO": {"S": (250,), "E": (500, 501, 504, 421)},
    "MAIL": {"S": (250,), "F": (552, 451, 452), "E": (500, 501, 421)},
    "RCPT": {
        "S": (250, 251),
        "F": (550, 551, 552, 553, 450, 451, 452),
        "E": (500, 501, 503, 421),
    },
    "DATA": {"I": (354,), "F": (451, 554), "E": (500, 501, 503, 421)},
    # 421 "may be given to any command": so also to what follows DATA's 354
    MAIL_DATA: {"S": (250,), "F": (552, 554, 451, 452), "E": (421,)},
    "RSET": {"S": (250,), "E": (500, 501, 504, 421)},
    "SEND": {"S": (250,), "F": (552, 451, 452), "E": (500, 501, 502, 421)},
    "SOML": {"S": (250,), "F": (552, 451, 452), "E": (500, 501, 502, 421)},
    "SAML": {"S": (250,), "F": (552, 451, 452), "E": (500, 501, 502, 421)},
    "VRFY": {"S": (250, 251), "F": (550, 551, 553), "E": (500, 501, 502, 504, 421)},
    "EXPN": {"S": (250,), "F": (550,), "E": (500, 501, 502, 504, 421)},
    "HELP": {"S": (211, 214), "E": (500, 501, 502, 504, 421)},
    "NOOP": {"S": (250,), "E": (500, 421)},
    "QUIT": {"S": (221,), "E": (500,)},
    "TURN": {"S": (250,), "F": (502,), "E": (500, 503)},
}

COMMAND_REPLIES: Final[dict[str, dict[int, Outcome]]] = {
    command: {code: Outcome[prefix] for prefix, codes in row.items() for code in codes}
    for command, row in _ROWS.items()
}
"""The replies permitted to each command, with what each means to it (section 4.3)."""

OUT_OF_ORDER: Final = 503
"""The reply to a command out of order (4.1.1), which 4.3 lists for RCPT, DATA and TURN only.

4.1.1 says "must" for MAIL before HELO too, so we answer 503 to any command out of order.
"""


class Reply:
    """A reply: a three-digit code and its text, one line or several (section 4.2, appendix E).

    ``lines`` are the lines of text without the code; ``octets`` is what is sent. A line longer than
    section 4.5.3 allows is cut. Raises ValueError for a code that RFC 821 does not have, and for a
    text with CR or LF.
    """

    __slots__ = ("code", "lines", "octets")
    code: int
    lines: tuple[str, ...]
    octets: bytes

    def __init__(self, code: int, *lines: str) -> None:
        if code not in TEXTS:
            raise ValueError(f"{code} is not a reply code of RFC 821; section 4.2.2 lists them")
        self.code = code
        self.lines = lines or (TEXTS[code],)
        self.octets = _format(code, self.lines)

    @property
    def severity(self) -> Severity:
        """How good or bad the reply is, by the first digit of its code (appendix E)."""
        return severity_of(self.code)

    @property
    def category(self) -> Category:
        """What the reply is about, by the second digit of its code (appendix E)."""
        return category_of(self.code)

    @property
    def text(self) -> str:
        """The text as one string, with a newline between lines."""
        return "\n".join(self.lines)

    def __str__(self) -> str:
        return f"{self.code} {' '.join(self.lines)}".rstrip()

    def __repr__(self) -> str:
        return f"Reply({self.code}, {', '.join(map(repr, self.lines))})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Reply):
            return NotImplemented
        return self.octets == other.octets

    def __hash__(self) -> int:
        return hash(self.octets)


def _format(code: int, lines: tuple[str, ...]) -> bytes:
    room = MAX_REPLY_LINE - len("250 \r\n")
    out = []
    for number, line in enumerate(lines, 1):
        octets = line.encode("ascii", "replace")[:room]
        if b"\r" in octets or b"\n" in octets:
            raise ValueError(f"a line of a reply holds CR or LF: {line!r}")
        sign = b" " if number == len(lines) else b"-"
        out.append(b"%d%b%b\r\n" % (code, sign, octets))
    return b"".join(out)


@lru_cache(maxsize=4096)
def reply(code: int, *lines: str) -> Reply:
    """Return the :class:`Reply` of a code and its lines of text, made once and shared."""
    return Reply(code, *lines)


LATER: Final = Reply(451, "The verdict comes later")
"""Returned by :meth:`Installation.accept`: the verdict comes later. It is never sent."""


def code_of(octets: bytes) -> int:
    """Return the code of a reply, given its octets or those of its first line; 0 if the first
    three bytes are not a code, as in a piece of a reply.
    """
    code = octets[:3]
    return int(code) if len(code) == 3 and code.isdigit() else 0


def first_word(text: str) -> str:
    """Return the first word of a reply's text, which names the host in 220, 221, 250 and 421."""
    return text.split(" ", 1)[0]


def is_refusal(octets: bytes) -> bool:
    """Return whether a reply is a failure or an error by its first digit, 4 or 5 (appendix E)."""
    return octets[:1] in (b"4", b"5")


def outcome(command: str, code: int) -> Outcome | None:
    """Return what a code means as the reply to a command; None if section 4.3 does not permit it,
    or has no such command.
    """
    return COMMAND_REPLIES.get(command, {}).get(code)


def _outcomes(ends: dict[int, str]) -> dict[int, Outcome]:
    return {digit: Outcome.I if end == "data" else Outcome[end] for digit, end in ends.items()}


_BY_DIGIT: Final[dict[str, dict[int, Outcome]]] = {
    **dict.fromkeys(COMMAND_REPLIES, _outcomes(DIAGRAMS[0].ends())),
    "DATA": _outcomes(DIAGRAMS[1].ends()),
    MAIL_DATA: _outcomes(DIAGRAMS[1].ends("W data")),
}


_OTHERS: Final = _BY_DIGIT["NOOP"]
_SUCCESS: Final = Outcome.S
_INTERMEDIATE: Final = Outcome.I


def meaning_of(command: str, code: int) -> Outcome:
    """Return what a code means to a row of section 4.3; if that does not list it, where its first
    digit leads in the diagram of section 4.4 (appendix E, an unsophisticated sender-SMTP). A
    preliminary reply (1yz), which no command of SMTP allows, is an error.
    """
    row = COMMAND_REPLIES.get(command)
    if row is None:
        return _OTHERS[code // 100]
    return row.get(code) or _BY_DIGIT[command][code // 100]


def is_success(command: str, code: int) -> bool:
    """Return whether a code means that a command has done what it is for (section 4.4): for DATA
    that is an intermediate reply, for any other command a success.
    """
    return meaning_of(command, code) is (_INTERMEDIATE if command == "DATA" else _SUCCESS)


def asks_for_mail_data(command: str, code: int) -> bool:
    """Return whether what the sender-SMTP sends next is mail data: after 354 to DATA, and only
    there (section 4.1.1).
    """
    return command == "DATA" and is_success(command, code)


def grants_turn(command: str, code: int) -> bool:
    """Return whether the two sides change roles: TURN has succeeded (section 3.8)."""
    return command == "TURN" and is_success(command, code)


def ends_session(command: str, code: int) -> bool:
    """Return whether the receiver-SMTP closes the channel after this reply: 421 to any command, or
    a success of QUIT.
    """
    return code == 421 or (command == "QUIT" and is_success(command, code))


class ReplyParser:
    """Cuts the bytes that a receiver-SMTP sends into replies (appendix E).

    Feed it the bytes in any pieces; it returns ``(code, lines, octets)`` for each whole reply. Only
    CRLF ends a line. It raises ValueError for bytes that are not a reply; the caller should treat
    the channel as broken. If replies came before them in the same piece, it returns those first and
    sets ``is_broken``: the next call raises. It holds at most ``limit`` bytes of a reply.
    """

    __slots__ = ("_buffer", "_code", "_fault", "_lines", "_octets", "_scanned", "_taken", "limit")

    def __init__(self, limit: int = 1_048_576) -> None:
        self.limit = limit
        self._buffer = bytearray()
        self._scanned = 0
        self._code = -1
        self._lines: list[str] = []
        self._octets: list[bytes] = []
        self._taken = 0
        self._fault: ValueError | None = None

    @property
    def is_broken(self) -> bool:
        """Whether the bytes after the last reply are not a reply."""
        return self._fault is not None

    @property
    def is_fresh(self) -> bool:
        """Whether no part of a reply is held."""
        return not self._buffer and not self._lines

    def feed(self, octets: bytes) -> list[tuple[int, tuple[str, ...], bytes]]:
        """Return the replies that these bytes complete; raises ValueError as the class says."""
        if self._fault is not None:
            raise self._fault
        if not self._buffer and not self._lines:
            whole = single_reply(octets)
            if whole is not None and len(octets) <= self.limit:
                return [whole]
        self._buffer += octets
        done: list[tuple[int, tuple[str, ...], bytes]] = []
        try:
            self._read(done)
        except ValueError as fault:
            self._fault = fault
            if not done:
                raise
        return done

    def _read(self, done: list[tuple[int, tuple[str, ...], bytes]]) -> None:
        while (end := self._buffer.find(b"\r\n", self._scanned)) >= 0:
            line = bytes(self._buffer[: end + 2])
            del self._buffer[: end + 2]
            self._scanned = 0
            whole = self._line(line)
            if whole is not None:
                done.append(whole)
        self._scanned = max(0, len(self._buffer) - 1)
        self._bound(len(self._buffer))

    def _bound(self, size: int) -> None:
        if self._taken + size > self.limit:
            raise ValueError(f"a reply longer than {self.limit} bytes")

    def _line(self, line: bytes) -> tuple[int, tuple[str, ...], bytes] | None:
        self._bound(len(line))
        code, sign = line[:3], line[3:4]
        # "250" alone is tolerated: the grammar requires <SP>, and many hosts forgot it
        if not (code.isdigit() and code[:1] in b"12345" and sign in (b" ", b"-", b"\r")):
            raise ValueError(f"not a reply of RFC 821: {line[:80]!r}")
        if self._lines and int(code) != self._code:
            raise ValueError(f"a reply that begins with {self._code} continues with {line[:80]!r}")
        self._code = int(code)
        text = line[:-2]
        self._lines.append(text[4:].decode("latin-1"))
        self._octets.append(line)
        self._taken += len(line)
        if sign == b"-":
            return None
        whole = (self._code, tuple(self._lines), b"".join(self._octets))
        self._lines, self._octets, self._taken = [], [], 0
        return whole


def single_reply(octets: bytes) -> tuple[int, tuple[str, ...], bytes] | None:
    """Return the code, lines and octets of bytes that are one reply of one line; else None."""
    return _single(octets) if len(octets) <= MAX_REPLY_LINE else None


@lru_cache(maxsize=4096)
def _single(octets: bytes) -> tuple[int, tuple[str, ...], bytes] | None:
    if octets.find(b"\r\n") != len(octets) - 2 or octets[3:4] != b" ":
        return None
    if not (octets[:3].isdigit() and octets[:1] in b"12345"):
        return None
    return int(octets[:3]), (octets[4:-2].decode("latin-1"),), octets
