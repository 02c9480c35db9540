"""A receiver-SMTP whose settings leave commands out, or prescribe replies.

RFC 821 requires only seven commands (section 4.5.1), and permits replies that a healthy
installation never gives. With these settings a lesson can show how the other side handles every
reply of section 4.3, and replies that it does not permit.
"""

from __future__ import annotations

from typing import Final

from lab.hosts.reply_script import DATA_SENT, OPEN, ReplyScript, carries_out
from lab.hosts.settings import HostSettings
from lab.hosts.verdicts import NOT_IMPLEMENTED
from lab.protocol import (
    TRANSITIONS,
    Crossing,
    Installation,
    MailData,
    ReceiverSMTP,
    Reply,
    State,
    reply,
)
from lab.protocol.replies import CONNECTION, MAIL_DATA, TEXTS, is_success
from lab.protocol.syntax import parse_command, path_in, verb_of

NO_RECIPIENTS: Final = reply(554, "No recipient was accepted.")
"""The reply to mail data that a script has asked for, though no recipient was taken."""

ANSWERED: Final = (CONNECTION, "HELO", "MAIL", "RCPT", "DATA", MAIL_DATA, "RSET", "SEND", "SOML",
                   "SAML", "VRFY", "EXPN", "HELP", "NOOP", "QUIT", "TURN")  # fmt: skip
"""What ``answers`` of a host may prescribe: the rows of section 4.3."""

OPTIONAL: Final = ("SEND", "SOML", "SAML", "VRFY", "EXPN", "HELP", "TURN")
"""The commands that a host may leave out (section 4.5.1); it then replies 502."""


class ScriptedReceiver(ReceiverSMTP):
    """A receiver-SMTP that follows its host's ``unimplemented`` and ``answers``.

    An unimplemented command draws 502 whatever its argument. A prescribed answer replaces the reply
    to a command in order. If its code means success to the command, the code is sent and the
    command is carried out as usual; otherwise only the code is sent. The answers of a list are
    used one after another, over all sessions of the host: ``answers_given`` counts them, by the
    row of section 4.3.

    With a ``script``, the reply at a stage may be any bytes, which its driver sends; here their
    code decides whether the command is carried out, as with a prescribed answer. If it means
    success and the host refuses, it refuses all the same: the sender-SMTP gets a reply that is not
    true.
    """

    __slots__ = ("_answers", "_answers_given", "_data_code", "_script", "_unimplemented")

    def __init__(
        self,
        installation: Installation,
        settings: HostSettings,
        answers_given: dict[str, int],
        script: ReplyScript | None = None,
    ) -> None:
        super().__init__(
            installation, settings.limits, grammar=settings.grammar, eight_bit=settings.eight_bit
        )
        self._answers = settings.answers
        self._unimplemented = settings.unimplemented
        self._answers_given = answers_given
        self._data_code: int | None = None
        self._script = script

    def open(self) -> list[Crossing]:
        """Return the greeting; after any but 421 the sender-SMTP can still send QUIT."""
        greeted = super().open()
        code = self._script.next(OPEN) if self._script is not None else None
        if code is None:
            code = self._next(CONNECTION)
        if code is None or code == 220:
            return greeted
        self.state = State.CLOSED if code == 421 else State.OPENED
        return [Crossing("reply", self.completed(_reply(code)).octets)]

    def _next(self, row: str) -> int | None:
        """Return the next prescribed answer for a row of 4.3; None if there is none left."""
        codes = self._answers.get(row)
        if codes is None:
            return None
        if isinstance(codes, int):
            return codes
        number = self._answers_given[row] = self._answers_given.get(row, 0) + 1
        return codes[number - 1] if number <= len(codes) else None

    def reply_to(self, line: bytes) -> Reply:
        """Carry out a command line, and return the reply: the prescribed one, if there is one."""
        if self._script is None:
            return self._answer(line)
        code = self._script.next(verb_of(line).strip())
        verdict = self._answer(line) if code is None else self._by_script(line, code)
        self._script.answered(verdict.code)
        return verdict

    def _by_script(self, line: bytes, code: int) -> Reply:
        """Carry out a command if the code that the script sends means success."""
        verb = verb_of(line).strip()
        if not carries_out(verb, code):
            if code == 421:
                self.state = State.CLOSED
            return _reply(code)
        verdict = self._answer(line)
        if verb == "DATA" and self.state is not State.DATA:
            self.expect_mail_data()
        return verdict

    def _answer(self, line: bytes) -> Reply:
        verb = verb_of(line)
        if verb in self._unimplemented and not line[4:5].isalpha():
            return NOT_IMPLEMENTED
        if verb in self._answers and verb in TRANSITIONS[self.state]:
            command = parse_command(line[:-2], self.grammar)
            code = None if command.fault else self._next(verb)
            if code is not None:
                return self._prescribed(verb, code, line)
        return super().reply_to(line)

    def _prescribed(self, verb: str, code: int, line: bytes) -> Reply:
        if is_success(verb, code):
            natural = super().reply_to(line)
            if natural.code in (code, 421) or natural.code >= 400:
                return natural
        elif code == 421:
            self.state = State.CLOSED
        return self.completed(reply(code), self.path_of(line))

    def path_of(self, line: bytes) -> str:
        """Return the path for a 251 or 551 that is to tell one: that which the command asks about,
        so that nobody is sent elsewhere; "" if it asks about none.
        """
        command = parse_command(line[:-2], self.grammar)
        if command.verb == "VRFY":
            asked = path_in(f"<{command.text}>") or path_in(f"<{command.text}@{self.domain}>")
            return asked.text if asked is not None else ""
        return command.path.text if command.verb == "RCPT" and not command.fault else ""

    def reply_to_mail_data(self, data: MailData) -> Reply | None:
        """Take the mail data, and return the reply: the prescribed one, if there is one."""
        script = self._script
        code = script.next(DATA_SENT) if script is not None else None
        if code is not None and not carries_out(DATA_SENT, code):
            return _reply(code)
        if script is not None and not self.transaction.forward_paths:
            return NO_RECIPIENTS
        code = self._next(MAIL_DATA)
        if code is not None and not is_success(MAIL_DATA, code):
            return self.completed(reply(code))
        self._data_code = code
        verdict: Reply | None = super().reply_to_mail_data(data)
        return verdict if verdict is None else self._instead(verdict)

    def checked_answer(self, verdict: Reply) -> Reply:
        """Return the reply to the mail data that was given later: the prescribed one, if any."""
        return self._instead(super().checked_answer(verdict))

    def _instead(self, verdict: Reply) -> Reply:
        """Return the prescribed reply to mail data that has been stored."""
        code, self._data_code = self._data_code, None
        if code is None or code == verdict.code or verdict.code >= 400:
            return verdict
        return self.completed(reply(code))


def _reply(code: int) -> Reply:
    return reply(code if code in TEXTS else 500)  # a script sends its own bytes
