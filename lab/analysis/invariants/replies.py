"""The rule that no reply is outside the table of section 4.3, for each session by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lab.analysis.invariants.breach import REPLY, Finding, Findings, of_session
from lab.analysis.invariants.peers import UNASKED, Peers
from lab.protocol import COMMAND_REPLIES, COMMANDS
from lab.protocol.replies import (
    CONNECTION,
    MAIL_DATA,
    OUT_OF_ORDER,
    code_of,
    grants_turn,
)
from lab.protocol.syntax import verb_of
from lab.trace.rows import (
    CHANGING,
    FAULT_NAME,
    HOST,
    OCTETS,
    OUTSIDE,
    PEER,
    SESSION,
    START_META,
    Row,
)


def _codes(row: str, *besides: int) -> frozenset[bytes]:
    return frozenset(b"%d" % code for code in (*COMMAND_REPLIES[row], 421, *besides))


_NOTHING: Final = frozenset((b"421",))
"""What may come though nothing has been asked: a host that must shut down says so (4.2.2)."""
_GREETING: Final = _codes(CONNECTION)
_AFTER_DATA: Final = _codes(MAIL_DATA)
_UNKNOWN: Final = frozenset((b"500", b"421"))
_ANY: Final = frozenset(b"%d" % code for code in range(100, 600))
_ROWS: Final = {
    # 4.1.1 requires 503 for what comes before HELO, though 4.3 does not list it (see OUT_OF_ORDER)
    verb.encode(): _codes(verb, *([OUT_OF_ORDER] if COMMAND_REPLIES[verb].keys() & {552} else []))
    for verb in COMMANDS
}
_TURN: Final = _ROWS[b"TURN"]


class Replies:
    """Checks rows one by one; ``findings`` are the replies that break the rule.

    ``contrary`` are the hosts whose codes the file sets; ``scripted`` are those whose bytes it
    sets. ``peers`` has the breaches of others: of these, of external hosts, and of mail programs
    from outside. Of a session it needs the last command before each reply, and nothing of other
    sessions.
    """

    def __init__(self) -> None:
        self._findings = Findings()
        self._due: dict[int | None, frozenset[bytes]] = {}
        self.contrary: set[str] = set()
        self.scripted: set[str] = set()
        self.peers = Peers()
        self._altered: set[int | None] = set()

    @property
    def findings(self) -> list[Finding]:
        """The first wrong replies, and those at the same time as the last of them."""
        return self._findings.all

    def handlers(self) -> dict[str, Callable[[Row], None]]:
        """Return what checks a row, for each kind of row that the rule needs."""
        return {
            "start": self._start,
            "open": self._open,
            "command": self._command,
            "data": self._mail_data,
            "reply": self._reply,
            "piece": self._piece,
            "close": self._close,
            "fault": self._fault,
        }

    def _start(self, row: Row) -> None:
        for host in row[START_META].get("hosts", ()):
            if host.get("external"):
                self.peers.external.add(host["name"])
            elif host.get("answers"):
                self.contrary.add(host["name"])
            if host.get("reply"):
                self.scripted.add(host["name"])

    def _open(self, row: Row) -> None:
        self._due[row[SESSION]] = _GREETING
        if self._is_others(row[HOST]):
            self.peers.opened(row)

    def _command(self, row: Row) -> None:
        verb = row[OCTETS][:4]
        codes = _ROWS.get(verb)
        if codes is None:
            codes = _ROWS.get(verb_of(verb).encode("latin-1"), _UNKNOWN)
            if codes is _UNKNOWN and row[HOST] in self.peers.external:
                codes = _ANY  # it may have commands that RFC 821 does not have, such as EHLO
        self._due[row[SESSION]] = codes
        if self._is_others(row[PEER]):
            self.peers.asked(row)

    def _mail_data(self, row: Row) -> None:
        self._due[row[SESSION]] = _AFTER_DATA
        if self._is_others(row[PEER]):
            self.peers.asked(row)

    def _is_others(self, name: str) -> bool:
        return name == OUTSIDE or name in self.peers.external

    def _says_what_it_likes(self, name: str) -> bool:
        return name in self.peers.external or name in self.scripted

    def _close(self, row: Row) -> None:
        self._due.pop(row[SESSION], None)
        if self._is_others(row[HOST]) or self._says_what_it_likes(row[PEER]):
            self.peers.closed(row)

    def _fault(self, row: Row) -> None:
        if row[FAULT_NAME] in CHANGING:
            self._altered.add(row[SESSION])

    def _reply(self, row: Row) -> None:
        session, code = row[SESSION], row[OCTETS][:3]
        codes = self._due.pop(session, _NOTHING)
        if code not in codes:
            why = UNASKED if codes is _NOTHING else _why(codes)
            self._wrong_reply(row, why, is_due=codes is not _NOTHING)
        elif self._is_others(row[HOST]) and (why := self.peers.answered(row)):
            self._wrong_reply(row, why)
        if codes is _TURN and code.isdigit() and grants_turn("TURN", code_of(code)):
            self._due[session] = _GREETING

    def _piece(self, row: Row) -> None:
        if self._says_what_it_likes(row[PEER]):
            self.peers.piece(row, is_due=row[SESSION] in self._due)

    def _wrong_reply(self, row: Row, why: str, *, is_due: bool = True) -> None:
        peer, session = row[PEER], row[SESSION]
        if (is_due and peer in self.contrary) or session in self._altered:
            return  # its replies are set by the file, or by a fault
        if self._says_what_it_likes(peer):
            self.peers.wrong_reply(row, why)
            return
        text = row[OCTETS].decode("latin-1").strip()
        words = (f"{peer} said {text!r} in session ", of_session(session), f", {why}")
        self._findings.add(REPLY, row, *words)


def _why(codes: frozenset[bytes]) -> str:
    """Return what is wrong with a reply where only these codes may come."""
    allowed = " ".join(sorted(code.decode() for code in codes))
    return f"where section 4.3 permits {allowed}"
