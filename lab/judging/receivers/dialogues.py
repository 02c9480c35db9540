"""Random dialogues: commands in any order, each with the replies that its state permits.

The order comes from the seed. The same seed makes the same dialogues.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Final

from lab.judging.cases import Case, Say, case, line, text

DIALOGUES: Final = 24
_LENGTH: Final = 30


def dialogues(draws: random.Random) -> list[Case]:
    """Return random dialogues, half of them in pieces of random sizes."""
    return [
        case(f"dialogue-{number}", "4.4-1", 7, "commands in any order", "start",
             *_says(draws, in_pieces=number % 2 == 0),
             because="servers of today answer so", tags=("may-close",),
             hint="Keep the state of the session, and check it first.")
        for number in range(1, DIALOGUES + 1)
    ]  # fmt: skip


def _says(draws: random.Random, *, in_pieces: bool) -> list[Say]:
    says: list[Say] = []
    state = 0
    while len(says) < _LENGTH:
        now, state = _next(draws, state)
        sizes = tuple(draws.randint(1, 12) for _ in range(4)) if in_pieces else ()
        says += [replace(say, pieces=sizes) for say in now]
    return says


def _next(draws: random.Random, state: int) -> tuple[list[Say], int]:
    """Return what is said next in a state, and the state after it."""
    letter = draws.choice("HHMMMRRRRDDDDSNX")
    if letter == "H":
        return [line("HELO {me}", "250")], 1
    if letter == "M" and state == 1:
        return [line("MAIL FROM:<{from}>", "250")], 2
    if letter == "R":
        codes = "250 251" if state >= 2 else "503"
        return [line("RCPT TO:<{to}>", codes)], 3 if state >= 2 else state
    if letter == "D" and state == 3:
        return [line("DATA", "354"), text("Hello\r\n.\r\n")], 1
    if letter == "D":
        return [line("DATA", "503 ~554")], state
    if letter == "S" and state:
        return [line("RSET", "250")], 1
    if letter == "X":
        return [line("XYZZY", "500 ~502")], state
    return [line("NOOP", "250")], state
