"""Breaches of RFC 821 by others: external and scripted hosts, and mail programs that call in.

The trace shows only what crosses the channel. These are not breaches by the lab, so they are kept
apart from those of :mod:`lab.analysis.invariants.breach`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from lab.analysis.summary import PeerBreachSummary
from lab.protocol.lines import CRLF, dot_unstuff, fits_the_wire
from lab.protocol.replies import ReplyParser, is_success
from lab.protocol.sizes import MAX_TEXT_LINE
from lab.protocol.states import TRANSITIONS, State
from lab.protocol.syntax import parse_command, verb_of
from lab.trace.rows import KIND, OCTETS, OPEN_PATH, OUTSIDE, PEER, SESSION, Row, T

MOST_SHOWN: Final = 100
"""The most breaches of others that are kept; the rest are counted."""

REPLY: Final = "a receiver-SMTP replies once to each command, as section 4.3 permits"
COMMAND: Final = "a sender-SMTP sends commands of section 4.1 in their order"
MAIL_DATA: Final = "mail data is text of 7 bits in lines of at most 1000 characters"

UNASKED: Final = "though nothing had been asked"
"""Why a reply is wrong that comes before a command, or a second time."""

_UNASKED_CODE: Final = b"421"
"""What may come though nothing has been asked: a host that must shut down says so (4.2.2)."""

_OUT_OF_ORDER: Final = b"503"

_NOT_UNDERSTOOD: Final = {
    b"500": "which is not a command of RFC 821",
    b"501": "whose argument RFC 821 does not permit",
    _OUT_OF_ORDER: "which is out of order there",
}
_BEGINS_REPLY: Final = re.compile(
    rb"(?:[1-5][0-9]{2}-[^\r\n]*\r\n)*(?:[1-5](?:[0-9](?:[0-9](?:[ -][^\r\n]*\r?)?)?)?)?"
)
"""What may be the beginning of a reply: its sender has hung up, which is no breach."""

_KEPT: Final = 1000
"""The most bytes that a breach keeps of what was sent."""


@dataclass(frozen=True, slots=True)
class PeerBreach:
    """A rule that somebody else broke at ``t`` seconds, in a sentence.

    ``host`` is an external or a scripted host of the topology, or the address of a mail program
    from outside.
    ``octets`` is what it sent, or the beginning of that.
    """

    rule: str
    t: float
    host: str
    session: int | None
    octets: bytes
    sentence: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.sentence}"

    def summary(self) -> PeerBreachSummary:
        """Return the breach as the summary of a run shows it."""
        return {
            "rule": self.rule,
            "t": self.t,
            "host": self.host,
            "session": self.session,
            "octets": self.octets.decode("latin-1"),
            "sentence": self.sentence,
        }


class Peers:
    """Checks what others do. ``breaches`` are the first of them, ``count`` is how many there are.

    ``external`` are the hosts of the topology that are programs of others.
    """

    def __init__(self) -> None:
        self.breaches: list[PeerBreach] = []
        self.count = 0
        self.external: set[str] = set()
        self._addresses: dict[int | None, str] = {}
        self._asked: dict[int | None, bytes] = {}
        self._states: dict[int | None, State] = {}
        self._parsers: dict[int | None, ReplyParser | None] = {}
        self._begun: dict[int | None, bytes] = {}

    # -- mail programs that call in --------------------------------------------------------------

    def opened(self, row: Row) -> None:
        """Note that a program from outside has opened a channel."""
        self._addresses[row[SESSION]] = str(row[OPEN_PATH][0])
        self._states[row[SESSION]] = State.OPENED

    def asked(self, row: Row) -> None:
        """Check a command or mail data of a program from outside."""
        octets = row[OCTETS]
        if row[KIND] == "command":
            self._asked[row[SESSION]] = octets
            return
        if not octets.isascii():
            self._add(MAIL_DATA, row, octets, "sent mail data with bytes of 8 bits")
        elif not fits_the_wire(dot_unstuff(octets)):
            offence = f"sent a line of mail data longer than {MAX_TEXT_LINE - len(CRLF)} characters"
            self._add(MAIL_DATA, row, octets, offence)

    def answered(self, row: Row) -> str:
        """Check the command that a reply of ours is about: the reply says what is wrong with it.

        Return why it is the reply that is wrong, or "".
        """
        session = row[SESSION]
        asked, state = self._asked.pop(session, b""), self._states.get(session)
        if state is State.DATA:  # whatever is said to the mail data ends the transaction
            self._states[session] = State.READY
            return ""
        verb, code = verb_of(asked), row[OCTETS][:3]
        if state is not None and verb in (row_of_table := TRANSITIONS[state]):
            if code == _OUT_OF_ORDER:
                return f"though {verb} is in order there"
            if is_success(verb, int(code)):
                self._states[session] = row_of_table[verb].next
        why = _NOT_UNDERSTOOD.get(code)
        # every mail program of today says EHLO first: a choice, which RFC 821 provides 500 for
        if asked and why is not None and verb != "EHLO" and _may_be_wrong(asked, row):
            self._add(COMMAND, row, asked, f"sent {_shown(asked)}, {why}")
        return ""

    def closed(self, row: Row) -> None:
        """Check what was begun in a session and never ended, and forget the session."""
        session = row[SESSION]
        asked = self._asked.pop(session, b"")
        if b"\n" in asked and not asked.endswith(CRLF):
            self._add(COMMAND, row, asked, f"sent {_shown(asked)}, which CRLF does not end")
        begun = self._begun.pop(session, b"")
        if not _BEGINS_REPLY.fullmatch(begun):
            self._not_a_reply(row, begun)
        self._addresses.pop(session, None)
        self._states.pop(session, None)
        self._parsers.pop(session, None)

    # -- external and scripted hosts -------------------------------------------------------------

    def wrong_reply(self, row: Row, why: str) -> None:
        """Note a reply of such a host that section 4.3 does not permit."""
        self._add(REPLY, row, row[OCTETS], f"said {_shown(row[OCTETS])}, {why}", row[PEER])

    def piece(self, row: Row, *, is_due: bool) -> None:
        """Check bytes of such a host that are not one whole reply: they have to become one.

        ``is_due``: something has been asked and not been replied to.
        """
        session = row[SESSION]
        parser = self._parsers.setdefault(session, ReplyParser())
        if parser is None:
            return
        begun = self._begun.pop(session, b"") + row[OCTETS]
        if not (is_due or _may_come_unasked(begun)):
            self._unasked(row, begun)
            return
        try:
            whole = b"".join([octets for _, _, octets in parser.feed(row[OCTETS])])
        except ValueError:
            self._parsers[session] = None
        else:
            if not parser.is_broken:
                self._begun[session] = unfinished = begun[len(whole) :]
                if whole and not _may_come_unasked(unfinished):
                    self._unasked(row, unfinished)
                return
            self._parsers[session] = None
        self._not_a_reply(row, row[OCTETS])

    def _unasked(self, row: Row, begun: bytes) -> None:
        self._parsers[row[SESSION]] = None
        self._begun.pop(row[SESSION], None)
        self._add(REPLY, row, begun, f"said {_shown(begun)}, {UNASKED}", row[PEER])

    def _not_a_reply(self, row: Row, octets: bytes) -> None:
        why = "which is not a reply"
        self._add(REPLY, row, octets, f"said {_shown(octets)}, {why}", row[PEER])

    def _add(self, rule: str, row: Row, octets: bytes, offence: str, host: str = "") -> None:
        self.count += 1
        if len(self.breaches) < MOST_SHOWN:
            offender = host or self._addresses.get(row[SESSION]) or OUTSIDE
            sentence = f"{offender} {offence}, in session {row[SESSION]}"
            self.breaches.append(
                PeerBreach(rule, row[T], offender, row[SESSION], octets[:_KEPT], sentence)
            )


def _may_come_unasked(begun: bytes) -> bool:
    return begun.startswith(_UNASKED_CODE[: len(begun)])


def _may_be_wrong(asked: bytes, row: Row) -> bool:
    """Return whether a command may be as wrong as our reply says: by 4.1.2, its line is, or its
    place is.
    """
    is_out_of_order = row[OCTETS].startswith(_OUT_OF_ORDER)
    return is_out_of_order or bool(parse_command(asked.removesuffix(CRLF)).fault)


def _shown(octets: bytes) -> str:
    # a line end that is not CRLF is shown, as it may be what is wrong
    text = octets.removesuffix(CRLF).decode("latin-1")
    return repr(text if len(text) <= 80 else f"{text[:80]}...")
