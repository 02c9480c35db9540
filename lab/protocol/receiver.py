"""The receiver-SMTP: commands in, replies out. It asks its installation for verdicts.

It does no I/O: :meth:`ReceiverSMTP.receive` takes bytes in any pieces and returns what crossed and
what to send, a list of :class:`~lab.protocol.events.Crossing` in order. It knows no clock and no
channel. It never raises an error for what a peer sends; it raises :class:`Misuse` for a mistake of
its driver or its installation.

Commands that arrive before the reply to the last one wait, and are answered one at a time. A
verdict that takes time (storing mail) may be given later, by :meth:`ReceiverSMTP.answer`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from mypy_extensions import mypyc_attr

from lab.protocol.events import Crossing
from lab.protocol.interfaces import Installation, domain_of
from lab.protocol.lines import CRLF, PIECE, TOO_LONG, LineBuffer, MailData
from lab.protocol.replies import (
    CONNECTION,
    LATER,
    MAIL_DATA,
    OUT_OF_ORDER,
    TEXTS,
    Reply,
    reply,
)
from lab.protocol.sizes import MAX_COMMAND_LINE, NO_LIMITS, Limits
from lab.protocol.states import TRANSITIONS, Buffers, State, Transition, why_out_of_order
from lab.protocol.syntax import Command, Path, parse_command
from lab.protocol.transactions import Misuse, Transaction
from lab.protocol.verdicts import (
    PLAIN,
    domain_in,
    returned_by,
    why_not_a_reply,
    why_not_permitted,
    with_domain,
    with_path,
)

OK: Final = reply(250, "OK")
GO_AHEAD: Final = reply(354)
_TOO_LONG: Final = reply(500, "Line too long.")
_NO_RECIPIENT_LEFT: Final = reply(552, "Recipient storage full, try again in another transaction")
_TOO_MUCH: Final = reply(552, "Too much mail data.")
_TEXT_LINE: Final = reply(552, "Text line too long.")
CLEARED: Final = bytes(octet & 0x7F for octet in range(256))
"""The table with which ``bytes.translate`` clears the high-order bit of each byte."""
_NOT_ASCII: Final = reply(
    554,
    "Mail data holds bytes that are not ASCII, and RFC 821 carries 7 bits; "
    "encode the text as quoted-printable or base64 (MIME).",
)


# bound once: looking up a member of an Enum is expensive in code that every line goes through
_CLOSED: Final = State.CLOSED
_DATA: Final = State.DATA
_FORWARD_PATH: Final = Buffers.FORWARD_PATH
_KEEP: Final = Buffers.KEEP
_REVERSE_PATH: Final = Buffers.REVERSE_PATH
_MAIL_DATA: Final = Buffers.MAIL_DATA
_AFTER_DATA: Final = TRANSITIONS[State.DATA]["data"].next


@lru_cache(maxsize=16384)
def _read(line: bytes, grammar: str, state: State) -> tuple[Command, Transition | None]:
    """Return the command of a line with its CRLF, and its row of the table, if it has one."""
    command = parse_command.__wrapped__(line[:-2], grammar)
    return command, TRANSITIONS[state].get(command.verb)


@mypyc_attr(allow_interpreted_subclasses=True)
class ReceiverSMTP:
    """One session's receiver-SMTP.

    ``installation`` gives verdicts, ``limits`` the largest sizes (4.5.3; None: no limits).
    ``state`` is the state of the session by :data:`~lab.protocol.states.TRANSITIONS`;
    ``transaction`` holds the buffers; ``peer`` is the name that HELO gave; ``turned`` is set when
    the roles have changed.

    ``grammar`` is how commands are read: "strict", "standard" or "tolerant", as
    :mod:`lab.protocol.syntax` says. ``eight_bit`` is what happens to mail data with a high-order
    bit set, which RFC 821 does not allow: "refuse" (554), or "clear". The bits are cleared after
    the lines have been separated, so that no byte becomes a line end or a period that ends the
    mail. In a command such a byte is always a syntax error.

    A verdict that section 4.3 does not permit to a command raises :class:`Misuse`. A 220, 221 or
    421 that does not begin with the host's name gets it.

    A derived class may override :meth:`reply_to` and :meth:`reply_to_mail_data`, to reply
    otherwise; what it replies is not held against section 4.3.
    """

    __slots__ = (
        "_ask", "_begun", "_data", "_events", "_greeted_as", "_line", "_measures_paths", "_waiting",
        "eight_bit", "grammar", "installation", "limits", "peer", "state", "transaction", "turned",
    )  # fmt: skip

    def __init__(
        self,
        installation: Installation,
        limits: Limits | None = None,
        *,
        grammar: str = "standard",
        eight_bit: str = "refuse",
    ) -> None:
        self.installation = installation
        # of any type: what a method returns is checked here, with a sentence that names the method
        self._ask: Any = installation
        limits = NO_LIMITS if limits is None else limits
        self.limits = limits
        self.grammar = grammar
        self.eight_bit = eight_bit
        self._measures_paths = limits is not NO_LIMITS and not (
            limits.path is limits.user is limits.domain is None
        )
        self.state = State.CLOSED
        self.transaction = Transaction()
        self.peer = ""
        self.turned = False
        self._line: LineBuffer | None = None
        self._data: MailData | None = None
        self._events: list[Crossing] = []
        self._waiting = False
        self._begun = False
        self._greeted_as = ""

    def open(self) -> list[Crossing]:
        """Begin the session, when the channel has opened, and return the greeting (section 3.5)."""
        if self._begun:
            raise Misuse("open() begins a session, and this one has begun")
        self._begun = True
        greeting = self._verdict(CONNECTION, "greeting", self._ask.greeting())
        if not self.domain:
            self._greeted_as = domain_in(greeting)
        self.state = State.OPENED if greeting.code == 220 else State.CLOSED
        return [Crossing("reply", greeting.octets)]

    @property
    def closing(self) -> bool:
        """Whether the last reply was one after which this side closes the channel (221, 421)."""
        return self.state is State.CLOSED

    @property
    def held(self) -> int:
        """How many bytes it holds of a line or of mail data that has not ended."""
        return len(self._line or b"") + len(self._data or b"")

    @property
    def crossed(self) -> list[Crossing]:
        """What the present call of :meth:`receive` will return, so far: for a driver that records
        what crossed before what its installation makes of it.
        """
        return self._events

    @property
    def is_waiting(self) -> bool:
        """Whether a verdict is open, for :meth:`answer` to give; bytes are kept until then."""
        return self._waiting

    @property
    def is_within_line(self) -> bool:
        """Whether bytes have arrived that no CRLF has ended yet."""
        if self.state is _CLOSED:
            return False
        return self._data is not None or (self._line is not None and not self._line.is_fresh)

    @property
    def begun_line(self) -> bytes:
        """The bytes of a command that no CRLF has ended yet, as far as they are held."""
        if self._data is not None or self._line is None:
            return b""
        return self._line.peek(len(self._line))

    def receive(self, octets: bytes) -> list[Crossing]:
        """Take bytes from the channel; return what crossed and what to send, in order.

        After :attr:`closing` or :attr:`turned` bytes are ignored.
        """
        events: list[Crossing] = []
        self._events = events
        if self.state is _CLOSED or self.turned:
            return events
        if self._data is not None:
            octets = self._mail_data(self._data, octets)
        elif self._line is None and not self._waiting and _is_a_line(octets):
            # most chunks are one command, which goes through no buffer
            events.append(Crossing("command", octets))
            events.append(Crossing("reply", self.reply_to(octets).octets))
            return events
        if octets:
            if self._line is None:
                self._line = LineBuffer(self.limits.line)
            self._line.feed(octets)
        if self._line is not None:
            self._proceed()
        return events

    def greet(self) -> bytes:
        """Begin the session as :meth:`open` does; return the bytes to send."""
        return _to_send(self.open())

    def respond(self, octets: bytes) -> bytes:
        """Take bytes from the channel as :meth:`receive` does; return the bytes to send."""
        return _to_send(self.receive(octets))

    def shut_down(self, why: str = "") -> bytes:
        """End the session with 421, as "the service knows it must shut down" (4.2.2), and return
        the bytes to send; none if the session is over. Mail without its 250 is not accepted.

        ``why`` is the text after the host's name, by default that of 4.2.2.
        """
        if self.closing and self._begun:
            return b""
        self._begun = True
        self.end_of_input()
        self._waiting = False
        domain = self.domain or domain_of(self.installation)
        return reply(421, f"{domain} {why or TEXTS[421]}").octets

    def command(self, line: bytes) -> bytes:
        """Take one whole command line, its CRLF included, and return the reply's octets: the fast
        way for a driver that knows where lines end.

        Raises :class:`Misuse` when no command is due: within mail data or a line, while a verdict
        is open, after the end of the session.
        """
        if self._data is not None or self._line is not None or self._waiting:
            raise Misuse("command() takes a line when a command is due")
        if line[-2:] != CRLF or self.state is _CLOSED or self.turned:
            raise Misuse("command() takes a whole line, with CRLF, of a session that goes on")
        return self.reply_to(line).octets

    def expect_mail_data(self) -> None:
        """Take what comes next as mail data, although DATA was refused: for a receiver-SMTP that
        replies 354 all the same.
        """
        if self.state is not _CLOSED:
            self.state = _DATA
            self._data = MailData(self.limits)

    def answer(self, verdict: Reply) -> list[Crossing]:
        """Give the verdict that the installation's ``accept`` left open; return what crossed and
        what to send, in order.
        """
        if not self._waiting:
            raise Misuse("answer() gives a verdict that was asked for, and none is open")
        answer = self.checked_answer(verdict)
        events: list[Crossing] = []
        self._events = events
        self._waiting = False
        self._send(answer)
        self._proceed()
        return events

    def checked_answer(self, verdict: Reply) -> Reply:
        """Return what :meth:`answer` sends. A derived class may reply otherwise."""
        return self._verdict(MAIL_DATA, "answer", verdict)

    def end_of_input(self) -> None:
        """End the session, because the channel is gone, as if RSET had come (section 4.1.1,
        QUIT).
        """
        self.transaction = Transaction()
        self.state = State.CLOSED
        self._line = self._data = None

    # -- command lines --------------------------------------------------------------------------

    def _proceed(self) -> None:
        buffer = self._line
        while buffer is not None and not self._waiting and self.state is not State.CLOSED:
            if self.turned:
                # the bytes that follow are for the other side's new role
                break
            if self._data is not None:
                if not len(buffer):
                    break
                # a piece at a time, so that what follows the data is not copied
                piece = buffer.peek(PIECE)
                buffer.drop(len(piece) - len(self._mail_data(self._data, piece)))
                continue
            line = buffer.take()
            if line is None:
                break
            self._command(line)
        if buffer is not None and buffer.is_fresh:
            self._line = None

    def _command(self, line: bytes) -> None:
        crossed_line = line if line is TOO_LONG else line + CRLF
        self._events.append(Crossing("command", crossed_line))
        self._events.append(Crossing("reply", self.reply_to(crossed_line).octets))

    def reply_to(self, line: bytes) -> Reply:
        """Carry out a command line, its CRLF included, and return the reply: by the transition
        table, and by the installation. A derived class may reply otherwise.
        """
        most = self.limits.line
        if line is TOO_LONG or (most is not None and len(line) > most):
            return _TOO_LONG
        read = _read if len(line) <= MAX_COMMAND_LINE else _read.__wrapped__
        command, transition = read(line, self.grammar, self.state)
        if command.fault:
            return reply(command.fault, command.text)
        verb = command.verb
        if transition is None:
            return reply(OUT_OF_ORDER, why_out_of_order(self.state, verb))
        verdict = _VERDICTS[verb](self, command)
        if verdict.code < 400:
            self.state = transition.next
            buffers = transition.buffers
            if buffers is _FORWARD_PATH:
                self.transaction.forward_paths.append(command.path)
            elif buffers is _REVERSE_PATH:
                self.transaction = Transaction(verb, command.path)
            elif buffers is not _KEEP:
                self._buffers(buffers, command)
        elif verdict.code == 421:
            self.state = _CLOSED
        return verdict

    def _buffers(self, buffers: Buffers, command: Command) -> None:
        if buffers is _MAIL_DATA:
            self._data = MailData(self.limits)
        else:
            if self.transaction.is_begun:
                self.transaction = Transaction()
            self.turned = command.verb == "TURN"

    def _send(self, verdict: Reply) -> None:
        self._events.append(Crossing("reply", verdict.octets))
        if verdict.code == 421:
            self.state = State.CLOSED

    # -- mail data ------------------------------------------------------------------------------

    def _mail_data(self, data: MailData, octets: bytes) -> bytes:
        """Take bytes into the mail data buffer; return those that follow its end."""
        following = data.feed(octets)
        crossed = octets[: len(octets) - len(following)] if following else octets
        self._events.append(Crossing("data", crossed))
        if following is None:
            return b""
        self._data = None
        verdict = self.reply_to_mail_data(data)
        self.state = _AFTER_DATA
        self.transaction = Transaction()
        if verdict is None:
            self._waiting = True
        else:
            self._send(verdict)
        return following

    def reply_to_mail_data(self, data: MailData) -> Reply | None:
        """Take the mail data, now that its end has come, and return the reply; None if the
        installation gives it later (:data:`LATER`). A derived class may reply otherwise.
        """
        if data.too_large:
            return _TOO_MUCH
        if data.line_too_long:
            return _TEXT_LINE
        octets = data.octets
        data.clear()  # mail may be large, and is copied once more under its time stamp line
        if not octets.isascii():
            if self.eight_bit == "refuse":
                return _NOT_ASCII
            octets = octets.translate(CLEARED)
        self.transaction.mail_data = octets
        verdict = self._ask.accept(self.transaction)
        return None if verdict is LATER else self._verdict(MAIL_DATA, "accept", verdict)

    # -- a verdict for each command -------------------------------------------------------------

    def _verdict(self, row: str, method: str, verdict: Any) -> Reply:
        """Return the reply that the installation's method gave for a row of section 4.3.

        Raises :class:`Misuse` if it is not a reply, or not one for that row.
        """
        if verdict is LATER:
            raise Misuse(
                f"{returned_by(self.installation, method)} LATER, which only accept() may return"
            )
        if isinstance(verdict, Reply):
            if verdict.code in PLAIN[row]:
                return verdict
            why = why_not_permitted(row, verdict)
            if not why:
                return with_domain(verdict, self.domain)
            raise Misuse(f"{returned_by(self.installation, method)} {verdict}: {why}")
        raise Misuse(f"{returned_by(self.installation, method)} {why_not_a_reply(method, verdict)}")

    @property
    def domain(self) -> str:
        """The official name of the host: the installation's ``domain``, or else the first word of
        its greeting; "" before that.
        """
        own = getattr(self.installation, "domain", "")
        return own if isinstance(own, str) and own else self._greeted_as

    def completed(self, verdict: Reply, path: str = "") -> Reply:
        """Return a reply with what section 4.2.2 has in its text: the host's name in a 220, 221 and
        421, and ``path`` in a 251 or 551 that has none. For derived classes that reply otherwise.
        """
        return with_path(with_domain(verdict, self.domain), path or f"<postmaster@{self.domain}>")

    def _helo(self, command: Command) -> Reply:
        if _beyond(len(command.text), self.limits.domain):
            return reply(501, "Domain too long.")
        verdict = self._verdict("HELO", "hello", self._ask.hello(command.text))
        if verdict.code == 250:
            self.peer = command.text
        return verdict

    def _begin(self, command: Command) -> Reply:
        fault = self._path_fault(command.path) if self._measures_paths else None
        if fault:
            return fault
        return self._verdict(command.verb, "begin", self._ask.begin(command.verb, command.path))

    def _rcpt(self, command: Command) -> Reply:
        fault = self._path_fault(command.path) if self._measures_paths else None
        if fault:
            return fault
        most = self.limits.recipients
        if most is not None and len(self.transaction.forward_paths) >= most:
            return _NO_RECIPIENT_LEFT
        return self._verdict(
            "RCPT", "recipient", self._ask.recipient(self.transaction, command.path)
        )

    def _path_fault(self, path: Path) -> Reply | None:
        limits = self.limits
        if _beyond(len(path.text), limits.path):
            return reply(501, "Path too long")
        if _beyond(len(path.user), limits.user):
            return reply(501, "User name too long")
        if any(_beyond(len(name), limits.domain) for name in (*path.route, path.domain)):
            return reply(501, "Domain too long")
        return None

    def _data_verdict(self, command: Command) -> Reply:
        return GO_AHEAD

    def _rset(self, command: Command) -> Reply:
        return OK

    def _noop(self, command: Command) -> Reply:
        return OK

    def _quit(self, command: Command) -> Reply:
        return self._verdict("QUIT", "goodbye", self._ask.goodbye())

    def _vrfy(self, command: Command) -> Reply:
        return self._verdict("VRFY", "verify", self._ask.verify(command.text))

    def _expn(self, command: Command) -> Reply:
        return self._verdict("EXPN", "expand", self._ask.expand(command.text))

    def _help(self, command: Command) -> Reply:
        return self._verdict("HELP", "help", self._ask.help(command.text))

    def _turn(self, command: Command) -> Reply:
        return self._verdict("TURN", "turn", self._ask.turn())


def _to_send(events: list[Crossing]) -> bytes:
    return b"".join([octets for kind, octets in events if kind == "reply"])


def _is_a_line(octets: bytes) -> bool:
    size = len(octets)
    return size <= MAX_COMMAND_LINE and octets.find(CRLF) == size - 2 and size > 1


def _beyond(size: int, limit: int | None) -> bool:
    return limit is not None and size > limit


_VERDICTS: Final = {
    "HELO": ReceiverSMTP._helo,
    "MAIL": ReceiverSMTP._begin,
    "SEND": ReceiverSMTP._begin,
    "SOML": ReceiverSMTP._begin,
    "SAML": ReceiverSMTP._begin,
    "RCPT": ReceiverSMTP._rcpt,
    "DATA": ReceiverSMTP._data_verdict,
    "RSET": ReceiverSMTP._rset,
    "NOOP": ReceiverSMTP._noop,
    "QUIT": ReceiverSMTP._quit,
    "VRFY": ReceiverSMTP._vrfy,
    "EXPN": ReceiverSMTP._expn,
    "HELP": ReceiverSMTP._help,
    "TURN": ReceiverSMTP._turn,
}
