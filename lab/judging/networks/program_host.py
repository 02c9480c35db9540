"""A program as the receiver-SMTP of a host in a simulated network.

The host itself is one of the lab's. In each session a program says what its receiver-SMTP would
say, and the host carries out what the program has answered with a success. So the program needs
no clock, and the same seed makes the same network again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from lab.hosts.host import Host
from lab.hosts.reply_script import ForeignScript
from lab.judging.cases import Case, Say, codes, row_of
from lab.judging.channel import Channel
from lab.judging.receivers.player import finish
from lab.judging.record import Asked, Record
from lab.judging.replies import Counter, read
from lab.protocol.lines import CRLF, dot_unstuff, end_of_mail_data
from lab.protocol.names import HostName
from lab.protocol.syntax import parse_command

MOST_SESSIONS: Final = 60
"""Sessions of a program in one network."""

_STORING: Final = 5
_WANTED: Final = {
    "HELO": ("4.1.1-4", "250"),
    "MAIL": ("3.1-11", "250"),
    "RCPT": ("3.1-10", "250 251"),
    "DATA": ("3.1-5", "354"),
    "data": ("4.1.1-12", "250 ~451 ~452 ~552 ~554"),
    "RSET": ("4.1.1-13", "250"),
    "NOOP": ("4.1.1-16", "250"),
    "QUIT": ("4.1.1-17", "221"),
    "SEND": ("4.5.1-1", "250 500 502"),
    "SOML": ("4.5.1-1", "250 500 502"),
    "SAML": ("4.5.1-1", "250 500 502"),
}  # fmt: skip
"""The rule that an answer to a command of our senders may break, and what it may be."""

_ELSEWHERE: Final = "550 250 251 551 553 554 450 451 452"
_ANYTHING: Final = "211 214 250 251 500 501 502 503 504 550 551 553 ~252 ~554"


class TooMany(Exception):
    """A program has had too many sessions in one network."""


class ProgramHost:
    """The program of one host, in all sessions of a run.

    ``open_channel`` starts it, or connects to it. ``name`` is its host, ``users`` are the users
    that it knows, ``case`` is the case that its dialogues belong to. ``host`` is the simulated host
    that it speaks for, None on real TCP. There, ``kills`` says when the program was killed,
    ``is_down`` whether its host is down, and ``has_accepted`` is called when mail has got a 250.
    """

    def __init__(
        self,
        case: Case,
        name: str,
        open_channel: Callable[[], Channel],
        users: Sequence[str],
        timeout: float,
    ) -> None:
        self.name = name
        self.case = case
        self.open_channel = open_channel
        self.users = users
        self.timeout = timeout
        self.silences = 0
        self.all_sessions: list[ProgramSession] = []
        self.host: Host | None = None
        self.kills: list[float] = []
        self.is_down: Callable[[], bool] = lambda: False
        self.has_accepted: Callable[[], None] = lambda: None

    def attach(self, host: Host) -> None:
        """Let the program speak for a host."""
        self.host = host
        host.program = self.script

    def script(self) -> ForeignScript:
        """Return the replies of the program in a new session."""
        session = self.session()
        return ForeignScript(session.ask, session.hang_up)

    def session(self) -> ProgramSession:
        """Return a new session of it."""
        session = ProgramSession(self)
        self.all_sessions.append(session)
        return session

    @property
    def sessions(self) -> list[ProgramSession]:
        """The sessions in which it was spoken to."""
        return [each for each in self.all_sessions if each.channel is not None]

    def close(self) -> None:
        """End all that is still open."""
        for session in self.all_sessions:
            session.hang_up()

    def knows(self, line: bytes) -> bool | None:
        """Return whether the recipient of a RCPT is its user; None if mail is for another host."""
        path = parse_command(line).path
        if path.route or path.host != HostName(self.name):
            return None
        return path.local in self.users


class ProgramSession:
    """One session. ``record`` is what happened; ``accepted`` are the texts that got a 250.

    ``begun`` is the text of mail that did not: it was lost on the way, or refused. ``is_data``:
    what comes next is mail data. ``has_quit``: QUIT was the last command. ``kills_before`` is how
    often the program had been killed before.
    """

    def __init__(self, owner: ProgramHost) -> None:
        self.owner = owner
        self.channel: Channel | None = None
        self.record = Record(owner.case)
        self.accepted: list[bytes] = []
        self.begun: list[bytes] = []
        self._counter = Counter()
        self._due = 1
        self._read = 0
        self.kills_before = len(owner.kills)
        self.is_data = self.has_quit = self._is_over = self._is_closed = False

    def ask(self, octets: bytes) -> tuple[bytes, str]:
        """Give the program what has come; return what it says, and how the session ends."""
        if self._is_over:
            return b"", "silence"
        if self.channel is None:
            if len(self.owner.sessions) >= MOST_SESSIONS:
                raise TooMany
            self.channel = self.owner.open_channel()
        say = self._say(octets) if octets else None
        if say is not None:
            self.record.asked.append(Asked(say, octets))
            self._due += bool(say.wanted)
        goes_on = self._exchange(self.channel, octets, say)
        reply_octets = bytes(self.channel.received[self._read :])
        self._read += len(reply_octets)
        if say is not None:
            self._note(say, octets, reply_octets)
        self.has_quit = say is not None and say.row == "QUIT"
        self.owner.silences += not goes_on and not self.channel.has_ended
        ending = "" if self.has_quit or (goes_on and not self.channel.has_ended) else "silence"
        if ending and self.channel.has_ended:
            ending = "cut"
        self._is_over = bool(ending)
        return reply_octets, ending

    def _exchange(self, channel: Channel, octets: bytes, say: Say | None) -> bool:
        seconds = self.owner.timeout / (1 + 4 * self.owner.silences)
        seconds *= _STORING if say is not None and say.row == "data" else 1
        if say is not None and not say.wanted:
            return channel.exchange(octets, lambda: True, seconds)
        due = self._due
        return channel.exchange(octets, lambda: self._counter.of(channel.received) >= due, seconds)

    def _say(self, octets: bytes) -> Say:
        """Return what octets are to the program, and what it may answer."""
        if self.is_data:
            if end_of_mail_data(octets) != len(octets):
                self.begun.append(octets)
                return Say("", row="data")
            return _say("data", *_WANTED["data"])
        if not octets.endswith(CRLF):
            return Say("", row="a part of a command")
        row = row_of(octets.decode("latin-1"))
        rule, answer = _WANTED.get(row, ("4.2-1", _ANYTHING))
        if row == "RCPT" and not self.owner.knows(octets[:-2]):
            answer = _ELSEWHERE
        return _say(row, rule, answer)

    def _note(self, say: Say, octets: bytes, reply_octets: bytes) -> None:
        """Follow the session, as the sender-SMTP will understand the reply."""
        replies = read(reply_octets)
        code = replies[0].code if replies and replies[0].is_whole else 0
        if say.row == "data" and say.wanted:
            self.is_data = False
            (self.accepted if code == 250 else self.begun).append(dot_unstuff(octets[:-3]))
        if say.row == "DATA":
            self.is_data = code == 354

    def hang_up(self) -> None:
        """End the session: as the channel is closed or lost, or as its host crashes."""
        channel = self.channel
        if channel is None or self._is_closed:
            return
        self._is_closed = True
        host = self.owner.host
        try:
            if self.kills_before != len(self.owner.kills):
                self._forget_unanswered(channel)
            elif host is not None and host.faults.down:
                self.record.received = bytes(channel.received)
                self.record.has_ended = True
                self.record.is_silent = not self._goes_on(channel)
            else:
                finish(self.record, channel, self.owner.timeout, self._goes_on(channel))
        finally:
            channel.close()

    def _forget_unanswered(self, channel: Channel) -> None:
        """Leave out what the program could not answer, because we killed it."""
        record = self.record
        record.received = bytes(channel.received)
        record.has_ended = True
        whole = [reply for reply in record.replies() if reply.is_whole]
        while len(record.expecting()) > max(1, len(whole)):
            record.asked.pop()
        if not whole:
            self.channel = None

    def _goes_on(self, channel: Channel) -> bool:
        return self._counter.of(channel.received) >= self._due or channel.has_ended


def _say(row: str, rule: str, answer: str) -> Say:
    wanted, choices, strict = codes(answer)
    return Say("", wanted, choices, strict, rule, row)
