"""What a program said, read as replies, with everything that is wrong about their form.

The reader is tolerant, unlike :class:`lab.protocol.replies.ReplyParser`: a line that is not a reply
counts as one, so that one fault of form does not hide what follows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from lab.protocol.replies import MAX_REPLY_LINE

_LINE: Final = re.compile(rb"[^\n]*\n")
_CODE: Final = re.compile(rb"[1-5][0-9][0-9]")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong about the form of a reply.

    ``at`` is the offset in the reply of the first wrong byte; ``rule`` is the rule that it breaks.
    """

    rule: str
    at: int
    wanted: str


@dataclass(frozen=True, slots=True)
class ProgramReply:
    """A reply as it was said. ``code`` is 0 if it does not begin with one.

    ``is_whole``: it was not cut off in the middle.
    """

    code: int
    octets: bytes
    faults: tuple[Fault, ...] = ()
    is_whole: bool = True

    @property
    def text(self) -> str:
        """The text of the last line after the code."""
        return self.octets.splitlines()[-1][4:].decode("latin-1") if self.octets.strip() else ""


def read(octets: bytes) -> list[ProgramReply]:
    """Return the replies in what a program said; the last may be cut off."""
    replies: list[ProgramReply] = []
    lines: list[bytes] = []
    end = 0
    for match in _LINE.finditer(octets):
        end = match.end()
        lines.append(match[0])
        if not _continues(match[0]):
            replies.append(_reply(lines))
            lines = []
    rest = b"".join(lines) + octets[end:]
    if rest:
        code = int(rest[:3]) if _CODE.match(rest) else 0
        replies.append(ProgramReply(code, rest, is_whole=False))
    return replies


class Counter:
    """Counts whole replies in bytes that grow; each byte is looked at once.

    ``end`` is where the last of them ends.
    """

    def __init__(self) -> None:
        self.count = self.end = 0
        self._at = 0

    def of(self, octets: bytearray) -> int:
        """Return how many whole replies there are by now."""
        while (end := octets.find(b"\n", self._at)) >= 0:
            is_last = not _continues(bytes(octets[self._at : self._at + 4]))
            self._at = end + 1
            if is_last:
                self.count, self.end = self.count + 1, self._at
        return self.count


def _continues(line: bytes) -> bool:
    return bool(_CODE.match(line)) and line[3:4] == b"-"


def _reply(lines: list[bytes]) -> ProgramReply:
    faults: list[Fault] = []
    at = 0
    first = lines[0][:3]
    for line in lines:
        faults += _faults(line, at, first)
        at += len(line)
    code = int(first) if _CODE.match(first) else 0
    return ProgramReply(code, b"".join(lines), tuple(faults))


def _faults(line: bytes, at: int, first: bytes) -> list[Fault]:
    """Return the faults of a line of a reply that begins with the code ``first``."""
    faults = []
    digits = next((n for n in range(3) if not line[n : n + 1].isdigit()), 3)
    if digits < 3 or not _CODE.match(line):
        where = digits if digits < 3 else 0
        faults.append(Fault("4.2-2", at + where, "three digits, a space, text and CRLF"))
    elif line[:3] != first:
        where = next(n for n in range(3) if line[n] != first[n])
        wanted = f"the code {first.decode('latin-1')} on every line"
        faults.append(Fault("E-2", at + where, wanted))
    elif line[3:4] not in (b" ", b"-", b"\r"):  # a code alone is tolerated, as senders do
        faults.append(Fault("4.2-2", at + 3, "a space after the three digits"))
    if not line.endswith(b"\r\n"):
        faults.append(Fault("4.2-2", at + len(line) - 1, "CR and LF at the end of the line"))
    elif b"\r" in line[:-2]:
        faults.append(Fault("4.2-2", at + line.index(b"\r"), "no CR within a line"))
    if len(line) > MAX_REPLY_LINE:
        wanted = f"at most {MAX_REPLY_LINE} characters in a line, CRLF included"
        faults.append(Fault("4.5.3-5", at + MAX_REPLY_LINE, wanted))
    return faults
