"""The tracker of a dialogue: what each reply answers, and the states and buffers of both sides.

:class:`Exchange` follows one direction of roles by its bytes: which command is outstanding, and
what a reply to it means. :class:`Dialogue` follows a whole session, with the states and buffers of
section 4.1.1; pictures, the stepper and the replay page take the states of sessions from it. Both
go by the tables of :mod:`lab.protocol.states` and :mod:`lab.protocol.replies`.

A reply counts only for a command that has left completely. One that comes while no command is
outstanding (too early, doubled, or in the middle of the mail data) answers nothing: from there on
nobody can tell which command a reply is for, so the channel is broken (section 4.2: each command
has exactly one reply). 421 is the exception, because it closes the channel whenever it comes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from lab.protocol.lines import CRLF, dot_unstuff, ends_mail_data
from lab.protocol.replies import (
    COMMAND_REPLIES,
    CONNECTION,
    MAIL_DATA,
    Outcome,
    ReplyParser,
    asks_for_mail_data,
    ends_session,
    grants_turn,
    is_success,
    meaning_of,
)
from lab.protocol.states import COMMANDS, TRANSITIONS, Buffers, State, Transition
from lab.protocol.syntax import in_capitals, parse_command, verb_of


@dataclass(frozen=True, slots=True)
class Spoken:
    """A command or mail data that a sender-SMTP has sent, and that waits for its reply.

    ``command`` is the row of section 4.3 that it belongs to. A channel that has just opened waits
    for a greeting: then ``command`` is "CONNECT".
    """

    command: str
    argument: str = ""
    octets: bytes = b""

    @classmethod
    def read(cls, octets: bytes, *, data: bool) -> Spoken:
        """Return the command of a line, or the mail data, that has been sent.

        A command is read by the tolerant grammar. For every line that a host accepts by any
        grammar, that gives the path which the host has read.
        """
        if data:
            return cls(MAIL_DATA, octets=octets)
        line = octets.removesuffix(CRLF)
        command = parse_command(line, "tolerant")
        if not command.verb:
            return cls(_word(line))
        if command.fault:
            # a host outside the lab may accept it: what follows the colon is the closest to a path
            return cls(command.verb, line.partition(b":")[2].strip().decode("latin-1"))
        return cls(command.verb, command.path.text)


def _word(line: bytes) -> str:
    """The first word of a line that is not a command of RFC 821; never that of a command."""
    verb = verb_of(line).strip()
    if verb and verb not in COMMANDS:
        return verb
    return in_capitals(line[:16].decode("latin-1")) or "empty line"


OPENING: Final = Spoken(CONNECTION)
"""What waits for the greeting: the opening of the channel."""


class Answered(NamedTuple):
    """A reply, and the command that it answers (``spoken``): None if nothing had been asked."""

    spoken: Spoken | None
    code: int
    octets: bytes

    @property
    def is_early(self) -> bool:
        """Whether no command was outstanding when it came."""
        return self.spoken is None


class Exchange:
    """Which command each reply answers, until the roles change or the channel closes.

    Call :meth:`ask` with what the sender-SMTP has sent, once it has left completely, and
    :meth:`receive` with the bytes that arrive from the receiver-SMTP, in any pieces. ``is_broken``:
    they are not replies to what was asked. ``is_over``: the receiver-SMTP closes the channel, and
    ``has_quit``: it does so because QUIT has succeeded.
    ``is_turned``: TURN has been granted, and another exchange begins. After any of these (see
    :attr:`has_ended`), all that comes is ignored. ``takes_mail_data``: what the sender-SMTP sends
    next is mail data.
    """

    __slots__ = (
        "_asked", "_parser", "has_quit", "is_broken", "is_over", "is_turned", "takes_mail_data",
    )  # fmt: skip

    def __init__(self) -> None:
        self._asked: deque[Spoken] = deque([OPENING])
        self._parser = ReplyParser()
        self.is_broken = False
        self.is_over = False
        self.has_quit = False
        self.is_turned = False
        self.takes_mail_data = False

    @property
    def has_ended(self) -> bool:
        """Whether nothing more can be asked: it is broken or over, or the roles have changed."""
        return self.is_broken or self.is_over or self.is_turned

    @property
    def outstanding(self) -> Spoken | None:
        """What the next reply answers; None if nothing is outstanding."""
        return self._asked[0] if self._asked else None

    @property
    def awaiting(self) -> str:
        """The row of section 4.3 that the next reply belongs to; "" if nothing is outstanding."""
        return self._asked[0].command if self._asked else ""

    def ask(self, spoken: Spoken) -> None:
        """A command or mail data has left."""
        self._asked.append(spoken)
        self.takes_mail_data = False

    def ask_next(self, octets: bytes) -> Spoken:
        """A command line has left, or mail data if that is due; return how it is read."""
        spoken = Spoken.read(octets, data=self.takes_mail_data)
        self.ask(spoken)
        return spoken

    def receive(self, octets: bytes) -> list[Answered]:
        """Take bytes of the receiver-SMTP; return the replies that they complete."""
        answered: list[Answered] = []
        if self.is_broken or self.is_over or self.is_turned:
            return answered
        try:
            replies = self._parser.feed(octets)
        except ValueError:
            self.is_broken = True
            return answered
        for code, _, whole in replies:
            spoken = self._take(code)
            answered.append(Answered(spoken, code, whole))
            if spoken is None or self.is_over:
                return answered
        if self._parser.is_broken or not (self._asked or self._parser.is_fresh):
            self.is_broken = True  # part of a reply that is early, or what is not a reply
        return answered

    def _take(self, code: int) -> Spoken | None:
        spoken = self._asked.popleft() if self._asked else None
        command = "" if spoken is None else spoken.command
        if ends_session(command, code):
            self.is_over = True
            self.has_quit = code != 421
        elif spoken is None:
            self.is_broken = True
        self.is_turned = grants_turn(command, code)
        self.takes_mail_data = asks_for_mail_data(command, code)
        return spoken


@dataclass(frozen=True, slots=True)
class SideState:
    """The state and buffers of one side of a session.

    ``awaiting`` is the command (or "CONNECT", "data") whose reply is to come, "" if none.
    ``reverse_path``, ``forward_paths`` and ``mail_data`` are the three buffers of section 4.1.1.
    ``was``, ``command`` and ``code`` are the state before the last command, the command, and the
    code of its reply. ``row`` is the row of the transition table that decided it; None if the
    command was out of order.
    """

    state: State = State.OPENED
    awaiting: str = CONNECTION
    verb: str = ""
    reverse_path: str | None = None
    forward_paths: tuple[str, ...] = ()
    mail_data: bytes = b""
    was: State = State.OPENED
    command: str = CONNECTION
    code: int | None = None
    row: Transition | None = None

    @property
    def meaning(self) -> Outcome | None:
        """The meaning of the last reply to its command (section 4.3); None before the reply."""
        return None if self.code is None else _meaning(self.command, self.code)

    def ask(self, spoken: Spoken) -> SideState:
        """Return the side after a command has been sent or received, before the reply."""
        return replace(
            self,
            awaiting=spoken.command,
            was=self.state,
            command=spoken.command,
            code=None,
            row=TRANSITIONS[self.state].get(spoken.command),
        )

    def reply(self, spoken: Spoken | None, code: int) -> SideState:
        """Return the side after the reply to ``spoken``; None means the opening of the channel."""
        if spoken is None or spoken.command == CONNECTION:
            opened = replace(self, awaiting="", code=code, command=CONNECTION)
            return opened.close() if code == 421 else opened
        row = TRANSITIONS[self.state].get(spoken.command)
        after = replace(
            self, awaiting="", was=self.state, command=spoken.command, code=code, row=row
        )
        if code == 421:
            return replace(after._with_buffers(Buffers.CLEAR, spoken), state=State.CLOSED)
        if row is None:
            return after
        if spoken.command == MAIL_DATA:
            # accepted or not, the end of mail data ends the transaction
            return replace(after._with_buffers(Buffers.CLEAR, spoken), state=row.next)
        if not is_success(spoken.command, code):
            return after
        return replace(after._with_buffers(row.buffers, spoken), state=row.next)

    def close(self) -> SideState:
        """Return the side after the channel has closed, or broken."""
        return replace(self, state=State.CLOSED, awaiting="")

    def fill(self, octets: bytes) -> SideState:
        """Return the side with mail data, as it crossed, in its buffer; transparency is undone."""
        text = octets[:-3] if ends_mail_data(octets) else octets
        return replace(self, mail_data=dot_unstuff(text))

    def _with_buffers(self, buffers: Buffers, spoken: Spoken) -> SideState:
        """Return the side with its buffers as they are after a command that succeeded (4.1.1)."""
        if buffers is Buffers.CLEAR:
            return replace(self, verb="", reverse_path=None, forward_paths=(), mail_data=b"")
        if buffers is Buffers.REVERSE_PATH:
            path = spoken.argument
            cleared = self._with_buffers(Buffers.CLEAR, spoken)
            return replace(cleared, verb=spoken.command, reverse_path=path)
        if buffers is Buffers.FORWARD_PATH:
            return replace(self, forward_paths=(*self.forward_paths, spoken.argument))
        return self


def _meaning(command: str, code: int) -> Outcome | None:
    """Return the meaning of a code to a command; None for a command that RFC 821 does not have."""
    return meaning_of(command, code) if command in COMMAND_REPLIES else None


_GREETED: Final = SideState().reply(None, 220)
"""The receiver-SMTP once it has greeted."""


class Dialogue:
    """Both sides of a session, from what crosses the channel; call its methods as it arrives.

    ``sender`` and ``receiver`` are the two sides. ``is_turned`` says whether the hosts have changed
    roles, with TURN, since the channel opened. The receiver-SMTP moves when a command arrives, by
    the code that it is about to reply: see :func:`replies_to`. If it never replied, it waits. The
    sender-SMTP closes when a reply comes that answers nothing.
    """

    def __init__(self) -> None:
        self.sender = SideState()
        self.receiver = _GREETED
        self.is_turned = False
        self._exchange = Exchange()
        self._under_way: deque[Spoken] = deque()
        self._storing: tuple[Spoken, int] | None = None

    def sent(self, octets: bytes, *, data: bool) -> None:
        """A command or mail data has left, and a reply to it comes before it has arrived."""
        self._under_way.append(self._ask(octets, data=data))

    def command(self, octets: bytes, code: int | None) -> None:
        """A command arrives, and will be replied to with that code (None: never)."""
        spoken = self._arrived(octets, data=False)
        if code is None:
            self.receiver = self.receiver.ask(spoken)
        else:
            self.receiver = self.receiver.reply(spoken, code)

    def mail_data(self, octets: bytes, code: int | None) -> None:
        """Mail data arrives. The receiver-SMTP keeps it in its buffer until it is stored."""
        spoken = self._arrived(octets, data=True)
        self.receiver = self.receiver.ask(spoken).fill(octets)
        self._storing = None if code is None else (spoken, code)

    def stored(self) -> None:
        """The mail data has been processed, and the reply to it is on its way."""
        if self._storing is not None:
            self.receiver = self.receiver.reply(*self._storing)
            self._storing = None

    def reply(self, octets: bytes) -> None:
        """Bytes of the receiver-SMTP arrive at the sender-SMTP: a reply, as a rule."""
        exchange = self._exchange
        for answered in exchange.receive(octets):
            self.stored()
            if answered.spoken is not None:
                self.sender = self.sender.reply(answered.spoken, answered.code)
            if answered.spoken is OPENING and answered.code == 421:
                self.receiver = self.receiver.close()
        if exchange.is_broken or (exchange.is_over and self.sender.state is not State.CLOSED):
            self.sender = self.sender.close()
        elif exchange.is_turned:
            # 3.8: the roles change, and both sides are as after opening
            self._exchange = Exchange()
            self._under_way.clear()
            self.is_turned = not self.is_turned
            self.sender, self.receiver = SideState(), _GREETED

    def close(self) -> None:
        """The channel closes."""
        self.sender = self.sender.close()
        self.receiver = self.receiver.close()

    def _arrived(self, octets: bytes, *, data: bool) -> Spoken:
        return self._under_way.popleft() if self._under_way else self._ask(octets, data=data)

    def _ask(self, octets: bytes, *, data: bool) -> Spoken:
        spoken = Spoken.read(octets, data=data)
        self._exchange.ask(spoken)
        if self.sender.state is not State.CLOSED:
            self.sender = self.sender.ask(spoken)
        return spoken


def replies_to(crossings: Iterable[tuple[int, str, bytes]]) -> dict[int, int]:
    """Return the code that each command or mail data of a session drew, by its number.

    ``crossings`` are all that crossed, in the order in which the sender-SMTP sent or received it: a
    number, the kind (command, data or reply) and the octets. What drew no reply is left out.
    """
    exchange = Exchange()
    numbers: deque[int | None] = deque([None])
    codes: dict[int, int] = {}
    for number, kind, octets in crossings:
        if kind != "reply":
            exchange.ask(Spoken.read(octets, data=kind == "data"))
            numbers.append(number)
            continue
        for answered in exchange.receive(octets):
            asked = None if answered.is_early else numbers.popleft()
            if asked is not None:
                codes[asked] = answered.code
        if exchange.is_turned:
            exchange, numbers = Exchange(), deque([None])  # the other side greets now
    return codes
