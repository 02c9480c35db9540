"""The rule that no reply is outside the table of section 4.3, for each session by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lab.analysis.invariants.breach import MOST, REPLY, Breach
from lab.protocol import COMMAND_REPLIES, COMMANDS
from lab.protocol.replies import (
    CONNECTION,
    MAIL_DATA,
    OUT_OF_ORDER,
    code_of,
    grants_turn,
)
from lab.protocol.syntax import verb_of
from lab.trace.rows import FAULT_NAME, MESSAGE, OCTETS, PEER, SESSION, START_META, Row, T

WrongReply = tuple[float, int, int | None, str, str, str]
"""A wrong reply: its time in seconds, session, message, host, octets, and what is wrong."""


def _codes(row: str, *more: int) -> frozenset[bytes]:
    return frozenset(b"%d" % code for code in (*COMMAND_REPLIES[row], 421, *more))


_NOTHING: Final = frozenset((b"421",))
"""What may come though nothing has been asked: a host that must shut down says so (4.2.2)."""
_GREETING: Final = _codes(CONNECTION)
_AFTER_DATA: Final = _codes(MAIL_DATA)
_UNKNOWN: Final = frozenset((b"500", b"421"))
_ROWS: Final = {
    # 4.1.1 wants 503 for what comes before HELO, though 4.3 does not list it (see OUT_OF_ORDER)
    verb.encode(): _codes(verb, *([OUT_OF_ORDER] if COMMAND_REPLIES[verb].keys() & {552} else []))
    for verb in COMMANDS
}
_TURN: Final = _ROWS[b"TURN"]


class Replies:
    """Checks rows one by one; ``wrong`` are the replies that break the rule.

    ``contrary`` are the hosts whose replies the file sets, and hosts outside the lab; ``scripted``
    are those that may also reply to nothing. Of a session it needs the last command before each
    reply, and nothing of other sessions. It keeps the first :data:`MOST` wrong replies, and those
    at the same time as the last of them.
    """

    def __init__(self) -> None:
        self.wrong: list[WrongReply] = []
        self._due: dict[int | None, frozenset[bytes]] = {}
        self.contrary: set[str] = set()
        self.scripted: set[str] = set()
        self._altered: set[int | None] = set()

    def handlers(self) -> dict[str, Callable[[Row], None]]:
        """Return what checks a row, for each kind of row that the rule needs."""
        return {
            "start": self._start,
            "open": self._open,
            "command": self._command,
            "data": self._mail_data,
            "reply": self._reply,
            "close": self._close,
            "fault": self._fault,
        }

    def _start(self, row: Row) -> None:
        for host in row[START_META].get("hosts", ()):
            if host.get("answers") or host.get("external"):
                self.contrary.add(host["name"])
            if host.get("reply"):
                self.scripted.add(host["name"])

    def _open(self, row: Row) -> None:
        self._due[row[SESSION]] = _GREETING

    def _command(self, row: Row) -> None:
        verb = row[OCTETS][:4]
        codes = _ROWS.get(verb)
        if codes is None:
            codes = _ROWS.get(verb_of(verb).encode("latin-1"), _UNKNOWN)
        self._due[row[SESSION]] = codes

    def _mail_data(self, row: Row) -> None:
        self._due[row[SESSION]] = _AFTER_DATA

    def _close(self, row: Row) -> None:
        self._due.pop(row[SESSION], None)

    def _fault(self, row: Row) -> None:
        if row[FAULT_NAME] in ("change-reply", "change-command"):
            self._altered.add(row[SESSION])

    def _reply(self, row: Row) -> None:
        session, code = row[SESSION], row[OCTETS][:3]
        codes = self._due.pop(session, _NOTHING)
        if code not in codes:
            self._wrong_reply(row, codes)
        if codes is _TURN and grants_turn("TURN", code_of(code)):
            self._due[session] = _GREETING

    def _wrong_reply(self, row: Row, codes: frozenset[bytes]) -> None:
        if (codes is not _NOTHING and row[PEER] in self.contrary) or row[SESSION] in self._altered:
            return
        if row[PEER] in self.scripted:
            return  # its replies are set by the file, or by a fault
        if len(self.wrong) >= MOST and row[T] > self.wrong[-1][0]:
            return
        if codes is _NOTHING:
            why = "though nothing had been asked"
        else:
            allowed = " ".join(sorted(code.decode() for code in codes))
            why = f"where section 4.3 permits {allowed}"
        text = row[OCTETS].decode("latin-1").strip()
        self.wrong.append((row[T], row[SESSION], row[MESSAGE], row[PEER], text, why))


def breach_of(wrong: WrongReply) -> Breach:
    """Return the breach that a wrong reply is."""
    t, session, message, host, text, why = wrong
    sentence = f"{host} said {text!r} in session {session}, {why}"
    return Breach(REPLY, t, sentence, message)
