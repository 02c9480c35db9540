"""A receiver-SMTP that does not do all it could: commands left out, and answers that were set.

RFC 821 asks for seven commands only (section 4.5.1) and lets a receiver-SMTP say much that an
installation in good order never says. A host that is set so shows what the other side makes of it:
every reply of section 4.3 can be had from some host, and those that it does not permit too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lab.protocol import TRANSITIONS, Crossing, MailData, ReceiverSMTP, Reply, State, reply
from lab.protocol.replies import CONNECTION, MAIL_DATA, TEXTS, Outcome
from lab.protocol.sender import meaning_of
from lab.protocol.syntax import parse_command

if TYPE_CHECKING:
    from lab.hosts.receiving import ReceivingSession

ANSWERED: Final = (CONNECTION, "HELO", "MAIL", "RCPT", "DATA", MAIL_DATA, "RSET", "SEND", "SOML",
                   "SAML", "VRFY", "EXPN", "HELP", "NOOP", "QUIT", "TURN")  # fmt: skip
"""What ``answers`` of a host may set: the rows of section 4.3."""

OPTIONAL: Final = ("SEND", "SOML", "SAML", "VRFY", "EXPN", "HELP", "TURN")
"""The commands that a host may leave out (section 4.5.1), and then answers 502."""

NOT_IMPLEMENTED: Final = reply(502, "Command not implemented")


class ScriptedReceiver(ReceiverSMTP):
    """A receiver-SMTP with a will of its own: its host's ``unimplemented`` and ``answers``.

    What is unimplemented draws 502 whatever its argument. An answer that is set stands in the
    place of what would be said to a command in order: of one that means success to the command the
    code is said and the command done as ever; of any other the code is said and nothing is done.
    A list of answers is used up, one a command, over all sessions of the host.
    """

    __slots__ = ("_answers", "_said", "_unimplemented")

    def __init__(self, reception: ReceivingSession) -> None:
        identity = reception.host.identity
        super().__init__(
            reception, identity.limits, grammar=identity.grammar, eight_bit=identity.eight_bit
        )
        self._answers = identity.answers
        self._unimplemented = identity.unimplemented
        self._said = reception.host.said

    def open(self) -> list[Crossing]:
        """The greeting; after any but 421 the sender-SMTP can still say QUIT."""
        greeted = super().open()
        code = self._next(CONNECTION)
        if code is None or code == 220:
            return greeted
        self.state = State.CLOSED if code == 421 else State.OPENED
        return [("reply", _reply(code).octets)]

    def _next(self, row: str) -> int | None:
        """The answer that is set for a row of 4.3, if there is one (left)."""
        codes = self._answers.get(row)
        if codes is None:
            return None
        if isinstance(codes, int):
            return codes
        number = self._said[row] = self._said.get(row, 0) + 1
        return codes[number - 1] if number <= len(codes) else None

    def _verdict(self, line: bytes) -> Reply:
        verb = line[:4].decode("latin-1").upper()
        if verb in self._unimplemented and not line[4:5].isalpha():
            return NOT_IMPLEMENTED
        if verb in self._answers and verb in TRANSITIONS[self.state]:
            command = parse_command(line[:-2], self.grammar)
            code = None if command.fault else self._next(verb)
            if code is not None:
                return self._as_set(verb, code, line)
        return super()._verdict(line)

    def _as_set(self, verb: str, code: int, line: bytes) -> Reply:
        if meaning_of(verb, code) is (Outcome.I if verb == "DATA" else Outcome.S):
            natural = super()._verdict(line)
            return natural if natural.code in (code, 421) or natural.code >= 400 else _reply(code)
        if code == 421:
            self.state = State.CLOSED
        return _reply(code)

    def _end_of_mail_data(self, data: MailData) -> Reply | None:
        code = self._next(MAIL_DATA)
        if code is None or meaning_of(MAIL_DATA, code) is Outcome.S:
            return super()._end_of_mail_data(data)
        return _reply(code)


def _reply(code: int) -> Reply:
    return reply(code, TEXTS[code].replace("<forward-path>", "another path"))
