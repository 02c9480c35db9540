"""The sender-SMTP: replies in, commands out. It takes its mail from an agenda.

Like the receiver, it does no I/O: :meth:`SenderSMTP.receive` takes bytes and returns what crossed
and what to send, a list of :class:`~lab.protocol.events.Crossing` in order. What a reply means is
looked up in section 4.3's table. A code that the table does not list counts by its first digit, as
for appendix E's unsophisticated sender-SMTP.

A reply counts only for a command that has left completely. One that comes before (doubled, too
early, in the middle of the mail data) breaks the channel, because nobody can tell which command
the next reply would be for: the mail stays, as after a temporary error.

A session is: greeting, HELO, then for each transaction MAIL, RCPT for each recipient, DATA, the
data; or RSET if no recipient was accepted; QUIT when the agenda is empty.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from mypy_extensions import mypyc_attr

from lab.protocol.events import Crossing
from lab.protocol.interfaces import Agenda
from lab.protocol.lines import dot_stuff
from lab.protocol.replies import (
    CONNECTION,
    MAIL_DATA,
    MAX_REPLY_LINE,
    Outcome,
    ReplyParser,
    first_word,
    meaning_of,
    single_reply,
)
from lab.protocol.states import State
from lab.protocol.transactions import Answer, Misuse, Outgoing

# bound once: looking up a member of an Enum is expensive in code that every reply goes through
_OPENED: Final = State.OPENED
_READY: Final = State.READY
_MAIL: Final = State.MAIL
_RCPT: Final = State.RCPT
_DATA: Final = State.DATA
_CLOSED: Final = State.CLOSED
_SUCCESS: Final = Outcome.S
_INTERMEDIATE: Final = Outcome.I

_FROM: Final = {verb: f"{verb} FROM:" for verb in ("MAIL", "SEND", "SOML", "SAML")}

Sent = tuple[str, bytes]
"""What follows a reply: the kind and the octets of a :class:`Crossing`; no octets: nothing."""

BROKEN: Final[Answer] = (451, "the transmission channel was lost")
"""The answer to a transaction whose channel is lost: "a temporary error" (4.1.1, QUIT)."""

EARLY: Final = "the receiver-SMTP replied before it was asked"
WRONG_HOST: Final = "another host has answered:"
_NOT_SMTP: Final = "the receiver-SMTP does not speak SMTP"


@mypyc_attr(allow_interpreted_subclasses=True)
class SenderSMTP:
    """One session's sender-SMTP.

    ``domain`` is the name that HELO gives, ``agenda`` the source of the mail. ``awaiting`` is the
    row of section 4.3 whose reply is due, ``state`` the state of the session, ``outgoing`` the
    transaction in progress. ``peer`` is the name by which the receiver-SMTP has greeted. ``turned``
    is set when the roles have changed, and ``has_quit`` when QUIT has succeeded.
    """

    __slots__ = (
        "_meets", "_next_recipient", "_parser", "agenda", "awaiting", "domain",
        "has_quit", "outgoing", "peer", "state", "turned",
    )  # fmt: skip

    def __init__(self, domain: str, agenda: Agenda) -> None:
        self.domain = domain
        self.agenda = agenda
        self._meets: Any = getattr(agenda, "meets", None)
        self.peer = ""
        self.awaiting = CONNECTION
        self.state = _OPENED
        self.outgoing: Outgoing | None = None
        self._parser: ReplyParser | None = None
        self._next_recipient = 0
        self.turned = False
        self.has_quit = False

    @property
    def closing(self) -> bool:
        """Whether the session is over and this side closes the channel."""
        return self.state is _CLOSED

    def receive(self, octets: bytes, *, has_left: bool = True) -> list[Crossing]:
        """Take bytes from the channel; return what crossed and what to send, in order.

        ``has_left``: whether all that the last call returned has been sent. If not, these bytes
        answer nothing, and the channel is broken.
        """
        if self.state is _CLOSED or not octets:
            return []
        parser = self._parser
        if parser is None:
            parser = self._parser = ReplyParser()
        try:
            replies = parser.feed(octets)
        except ValueError as why:
            return self._give_up((451, f"{_NOT_SMTP}: {why}"))
        if not has_left:
            return self._broken(replies)
        if not replies:
            return []
        code, lines, whole = replies[0]
        events = [Crossing("reply", whole)]
        crossing = self._reply(code, lines)
        if self.closing and not self.turned:
            self._parser = None
            return events
        if len(replies) > 1 or parser.is_broken or not parser.is_fresh:
            self.turned = False
            return [*events, *self._broken(replies[1:])]
        self._parser = None
        if crossing[1]:
            events.append(Crossing(*crossing))
        return events

    def _broken(self, early: list[tuple[int, tuple[str, ...], bytes]]) -> list[Crossing]:
        """End the session: replies, or parts of some, have come before what they could answer."""
        answer: Answer = (451, EARLY)
        for code, lines, octets in early[:1]:
            text = octets.decode("latin-1").strip()
            answer = (code, "\n".join(lines)) if code == 421 else (451, f"{EARLY}: {text}")
        self._give_up(answer)
        return [Crossing("reply", octets) for _, _, octets in early[:1]]

    def respond(self, octets: bytes, *, has_left: bool = True) -> bytes:
        """Take bytes from the channel as :meth:`receive` does; return the bytes to send."""
        events = self.receive(octets, has_left=has_left)
        return b"".join([sent for kind, sent in events if kind != "reply"])

    def answer(self, octets: bytes) -> bytes | None:
        """Take one whole reply of one line, and return what to send: the fast way for a driver that
        knows where replies end. For any other bytes do nothing and return None; give them to
        :meth:`receive`.
        """
        if self._parser is not None or self.state is _CLOSED:
            return None
        step = _step(self.awaiting, octets) if len(octets) <= MAX_REPLY_LINE else None
        if step is None:
            return None
        follow, code, lines, meaning = step
        return follow(self, code, lines, meaning)[1]

    def end_of_input(self) -> None:
        """End the session: the channel is gone, and the transaction in progress gets a temporary
        error (4.1.1, QUIT).
        """
        if self.state is not State.CLOSED:
            self._give_up(BROKEN)

    def give_up(self, why: str) -> None:
        """Close the channel after a timeout: the transaction in progress gets a temporary error."""
        if self.state is not State.CLOSED:
            self._give_up((451, why))

    def _give_up(self, answer: Answer) -> list[Crossing]:
        self.state = _CLOSED
        self._parser = None
        outgoing, self.outgoing = self.outgoing, None
        if outgoing is not None:
            outgoing.answer = answer
            outgoing.failed_at = self.awaiting
            outgoing.channel_lost = True
            self.agenda.settled(outgoing)
        elif self.awaiting != "QUIT":
            self.agenda.refused(answer)
        return []

    def _reply(self, code: int, lines: tuple[str, ...]) -> Sent:
        if code == 421:
            # "closing transmission channel": a QUIT would draw no reply
            self._give_up((code, "\n".join(lines)))
            return "command", b""
        meaning = meaning_of(self.awaiting, code)
        return _NEXT[self.awaiting](self, code, lines, meaning)

    # -- what follows the reply to each command -------------------------------------------------

    def _send(self, awaiting: str, octets: bytes) -> Sent:
        self.awaiting = awaiting
        return "command", octets

    def _greeted(self, code: int, lines: tuple[str, ...], meaning: Outcome) -> Sent:
        if meaning is not _SUCCESS:
            return self._session_failed(code, lines)
        self.peer = first_word(lines[0])
        self.awaiting = "HELO"
        return "command", _line("HELO ", self.domain)

    def _welcomed(self, code: int, lines: tuple[str, ...], meaning: Outcome) -> Sent:
        if meaning is not _SUCCESS:
            return self._session_failed(code, lines)
        self.state = _READY
        if self._meets is not None and not self._meets(self.peer, first_word(lines[0])):
            return self._session_failed(451, (f"{WRONG_HOST} {self.peer}",))
        return self._next()

    def _session_failed(self, code: int, lines: tuple[str, ...]) -> Sent:
        self.agenda.refused((code, "\n".join(lines)))
        return self._send("QUIT", b"QUIT\r\n")

    def _next(self) -> Sent:
        self.outgoing = outgoing = self.agenda.next()
        if outgoing is None:
            if self.agenda.turns():
                return self._send("TURN", b"TURN\r\n")
            return self._send("QUIT", b"QUIT\r\n")
        self._next_recipient = 0
        self.awaiting = verb = outgoing.verb
        return "command", _line(_FROM[verb], outgoing.reverse_path.text)

    def _begun(self, code: int, lines: tuple[str, ...], meaning: Outcome) -> Sent:
        if meaning is not _SUCCESS:
            return self._failed(code, lines)
        self.state = _MAIL
        return self._recipient()

    def _recipient(self) -> Sent:
        outgoing = self.outgoing or self._current()
        path = outgoing.forward_paths[self._next_recipient]
        self._next_recipient += 1
        self.awaiting = "RCPT"
        return "command", _line("RCPT TO:", path.text)

    def _named(self, code: int, lines: tuple[str, ...], meaning: Outcome) -> Sent:
        outgoing = self.outgoing or self._current()
        outgoing.answers.append((code, lines[0] if len(lines) == 1 else "\n".join(lines)))
        if meaning is _SUCCESS:
            self.state = _RCPT
        if self._next_recipient < len(outgoing.forward_paths):
            return self._recipient()
        if outgoing.any_taken and not (outgoing.redirects and outgoing.any_251):
            self.awaiting = "DATA"
            return "command", b"DATA\r\n"
        # A recipient with a 251 that is redirected is still in the receiver's forward-path buffer,
        # and only RSET clears that: the recipients accepted besides go in another transaction
        return self._settle(self._reset)

    def _go_ahead(self, code: int, lines: tuple[str, ...], meaning: Outcome) -> Sent:
        outgoing = self.outgoing or self._current()
        if meaning is not _INTERMEDIATE:
            return self._failed(code, lines)
        self.awaiting = MAIL_DATA
        self.state = _DATA
        return "data", dot_stuff(outgoing.mail_data)

    def _confirmed(self, code: int, lines: tuple[str, ...], meaning: Outcome) -> Sent:
        self.state = _READY
        outgoing = self.outgoing or self._current()
        outgoing.answer = (code, lines[0] if len(lines) == 1 else "\n".join(lines))
        if meaning is not _SUCCESS:
            outgoing.failed_at = MAIL_DATA
        self.outgoing = None
        self.agenda.settled(outgoing)
        return self._next()

    def _failed(self, code: int, lines: tuple[str, ...]) -> Sent:
        outgoing = self._current()
        outgoing.answer = (code, "\n".join(lines))
        outgoing.failed_at = self.awaiting
        return self._settle(self._reset)

    def _settle(self, then: Callable[[], Sent]) -> Sent:
        outgoing, self.outgoing = self._current(), None
        self.agenda.settled(outgoing)
        return then()

    def _reset(self) -> Sent:
        return self._send("RSET", b"RSET\r\n")

    def _was_reset(self, code: int, lines: tuple[str, ...], meaning: Outcome) -> Sent:
        if meaning is not _SUCCESS:
            # a receiver-SMTP that cannot even reset gets no more mail
            return self._send("QUIT", b"QUIT\r\n")
        self.state = _READY
        return self._next()

    def _turned(self, code: int, lines: tuple[str, ...], meaning: Outcome) -> Sent:
        if meaning is not _SUCCESS:
            return self._send("QUIT", b"QUIT\r\n")
        # 4.1.1: this program is now the receiver-SMTP, and sends the 220; this engine is done
        self.turned = True
        self.state = State.CLOSED
        return "command", b""

    def _left(self, code: int, lines: tuple[str, ...], meaning: Outcome) -> Sent:
        self.state = _CLOSED
        self.has_quit = meaning is _SUCCESS
        return "command", b""

    def _current(self) -> Outgoing:
        if self.outgoing is None:
            raise Misuse("there is no transaction in progress")
        return self.outgoing


@lru_cache(maxsize=4096)
def _step(awaiting: str, octets: bytes) -> Step | None:
    """What follows one whole reply of one line, with its arguments; None for anything else."""
    reply = single_reply(octets)
    if reply is None or reply[0] == 421:
        return None
    code, lines, _ = reply
    return _NEXT[awaiting], code, lines, meaning_of(awaiting, code)


@lru_cache(maxsize=16384)
def _line(word: str, argument: str) -> bytes:
    """A command line. Raises :class:`Misuse` for an argument with CR or LF, which is never sent."""
    octets = (word + argument).encode("ascii")
    if b"\r" in octets or b"\n" in octets:
        raise Misuse(f"a command line cannot hold CR or LF: {octets!r}")
    return octets + b"\r\n"


Follow = Callable[[SenderSMTP, int, tuple[str, ...], Outcome], Sent]
Step = tuple[Follow, int, tuple[str, ...], Outcome]

_NEXT: Final[dict[str, Follow]] = {
    CONNECTION: SenderSMTP._greeted,
    "HELO": SenderSMTP._welcomed,
    "MAIL": SenderSMTP._begun,
    "SEND": SenderSMTP._begun,
    "SOML": SenderSMTP._begun,
    "SAML": SenderSMTP._begun,
    "RCPT": SenderSMTP._named,
    "DATA": SenderSMTP._go_ahead,
    MAIL_DATA: SenderSMTP._confirmed,
    "RSET": SenderSMTP._was_reset,
    "TURN": SenderSMTP._turned,
    "QUIT": SenderSMTP._left,
}
