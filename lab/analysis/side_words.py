"""A side of a session in words: its state, its buffers, and the row of the transition table.

The stepper and the replay page show the same; each cuts what is too long for its own room.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from lab.protocol.dialogue import SideState
from lab.protocol.replies import CONNECTION, MAIL_DATA
from lab.protocol.states import COMMANDS, Buffers
from lab.quantities import count_noun

EMPTY: Final = "empty"

_DOES: Final = {
    Buffers.KEEP: "the buffers stay as they are",
    Buffers.CLEAR: "the buffers are cleared",
    Buffers.REVERSE_PATH: "the buffers are cleared, the reverse-path is inserted",
    Buffers.FORWARD_PATH: "the forward-path is appended",
    Buffers.MAIL_DATA: "mail data is appended from now on",
}


class SideWords(NamedTuple):
    """What is said of a side: a text each, and the forward-paths one by one.

    ``row`` is the row of the transition table that decided the last command, and ``buffers`` what
    the row does to the buffers; "" where no row did.
    """

    state: str
    reverse_path: str
    forward_paths: tuple[str, ...]
    mail_data: str
    row: str
    buffers: str

    @property
    def are_empty(self) -> bool:
        """Whether all three buffers are empty."""
        return not self.forward_paths and self.reverse_path == self.mail_data == EMPTY


def side_words(side: SideState) -> SideWords:
    """Return a side of a session in words."""
    waits = f", waits for the reply to {_named(side.awaiting)}" if side.awaiting else ""
    path = EMPTY if side.reverse_path is None else f"{side.verb} {side.reverse_path}"
    return SideWords(
        side.state.value + waits,
        path,
        tuple(map(str, side.forward_paths)),
        count_noun(len(side.mail_data), "byte") if side.mail_data else EMPTY,
        _row(side),
        _DOES[side.row.buffers] if side.row and side.command != CONNECTION else "",
    )


def _row(side: SideState) -> str:
    if side.command == CONNECTION:
        return "the channel opens, and the receiver-SMTP greets (3.5, 4.3)"
    if not side.command:
        return ""
    asked = f"{side.was.value} × {_named(side.command)}"
    if side.row is None:
        is_known = side.command in COMMANDS or side.command == MAIL_DATA
        why = "out of order (4.1.1, 4.3)" if is_known else "not a command of RFC 821 (4.2.2)"
        return f"{asked}: {side.code}, {why}" if side.code else f"{asked}: {why}"
    means = f": {side.code}" if side.code else ""
    means += f", {side.meaning.value}" if side.code and side.meaning else ""
    return f"{asked} → {side.row.next.value} ({side.row.section}){means}"


def _named(command: str) -> str:
    return {CONNECTION: "the opening", MAIL_DATA: "the mail data"}.get(command, command)
