"""What a scripted receiver-SMTP sends in place of its own replies: which bytes, and how.

A :class:`ScriptedReply` is a ``[[host.reply]]`` of a topology file. A :class:`ReplyScript` follows
one session: it says which code stands for a command's own verdict, and turns each reply of the
engine into :class:`Step` objects. A :class:`ReplyWriter` carries those out for a driver.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from lab.hosts.checked import checked
from lab.hosts.setting import setting
from lab.protocol.replies import CONNECTION, MAIL_DATA, ReplyParser, is_success

OPEN: Final = "open"
"""The stage of the greeting, as a file names it."""

DATA_SENT: Final = "mail data"
"""The stage of the reply to mail data, as a file names it."""

_MAILS: Final = ("MAIL", "SEND", "SOML", "SAML")

STAGES: Final = (OPEN, "HELO", "MAIL", "RCPT", "DATA", DATA_SENT, "RSET", "SEND", "SOML", "SAML",
                 "VRFY", "EXPN", "HELP", "NOOP", "QUIT", "TURN")  # fmt: skip
"""What a reply may be to: the greeting, a command, or mail data."""

_NOTHING: Final = "nothing"

_ROWS: Final = {OPEN: CONNECTION, DATA_SENT: MAIL_DATA}
"""The rows of section 4.3 that a file names otherwise."""

_AFTER_NO_MAIL: Final = (DATA_SENT, "RSET")
_AFTER_HELO: Final = ("HELO", *_AFTER_NO_MAIL)

COMES_AFTER: Final = {
    "HELO": (OPEN,),
    **dict.fromkeys((*_MAILS, "VRFY", "EXPN", "HELP", "NOOP", "TURN"), _AFTER_HELO),
    "RCPT": (*_MAILS, "RCPT"),
    "DATA": ("RCPT",),
    DATA_SENT: ("DATA",),
    "RSET": ("RCPT", "DATA"),
    "QUIT": _AFTER_NO_MAIL,
}
"""For each stage, those after which it usually comes: an early reply goes with the reply there."""


@checked
@dataclass(frozen=True, slots=True)
class ScriptedReply:
    """A reply that a host sends in place of its own, as the file says."""

    to: str = field(
        metadata=setting(
            "stage",
            "What it is the reply to: `open` (the greeting), a command such as `RCPT`, or "
            "`mail data`.",
            "4.3",
            example='"RCPT"',
        )
    )
    nth: int | None = field(
        default=None,
        metadata=setting(
            "ordinal",
            "To which of these commands, counted over all sessions of the host.",
            default_text="every one",
            example="2",
        ),
    )
    octets: bytes | None = field(
        default=None,
        metadata=setting(
            "octets",
            "The bytes to send, as they are: CRLF is written `\\r\\n`, and each other byte as the "
            "character of its number, such as `\\u0000` or `\\u00FF`. Empty: no reply.",
            "4.2",
            default_text="the host's own reply",
            example='"250 OK\\r\\n"',
        ),
    )
    repeat: int = field(
        default=1, metadata=setting("ordinal", "How many times to send the bytes.", example="2")
    )
    pieces: tuple[int, ...] = field(
        default=(),
        metadata=setting(
            "sizes", "The bytes of each piece but the last, which has the rest.", example="[1, 3]"
        ),
    )
    pause: float = field(
        default=0.0,
        metadata=setting(
            "duration",
            "Time between the pieces; without pieces, before the reply.",
            example='"2 s"',
        ),
    )
    early: bool = field(
        default=False,
        metadata=setting("flag", "Send it with the reply before, and nothing when its turn comes."),
    )
    then: str = field(
        default=_NOTHING,
        metadata=setting(
            "choice",
            "What the host does after it.",
            words={
                _NOTHING: "go on",
                "cut": "close the connection",
                "half-close": "close its own direction of the connection, and reply no more",
                "silence": "keep the connection open, and reply no more",
            },
            example='"cut"',
        ),
    )

    @property
    def code(self) -> int | None:
        """The code that a sender-SMTP reads in the bytes; None for the host's own reply, for no
        reply, and for bytes that are not a reply.
        """
        return code_in(self.octets) if self.octets is not None else None

    @property
    def whole(self) -> bytes | None:
        """All its bytes; None for the host's own reply."""
        return self.octets * self.repeat if self.octets is not None else None

    @property
    def ends(self) -> str:
        """How the host ends the session after it; "" if it goes on."""
        return "" if self.then == _NOTHING else self.then

    @property
    def sets_nothing(self) -> bool:
        """Whether it leaves the host's own reply as it is."""
        own = self.octets is None and self.repeat == 1
        return own and not (self.pieces or self.pause or self.ends)


@lru_cache(maxsize=256)
def code_in(octets: bytes) -> int | None:
    """Return the code of the first reply in some bytes; None if there is no whole one."""
    try:
        replies = ReplyParser().feed(octets)
    except ValueError:
        return None
    return replies[0][0] if replies else None


def carries_out(stage: str, code: int) -> bool:
    """Return whether a sender-SMTP takes a code for success: the host then does what it says."""
    return is_success(_ROWS.get(stage, stage), code)


class Step(NamedTuple):
    """What to do next: wait ``pause`` seconds, send ``octets``, and end as ``then`` says."""

    pause: float
    octets: bytes
    then: str = ""


class _Due(NamedTuple):
    """A reply that the engine is about to give, and what the file puts in its place."""

    stage: str
    spec: ScriptedReply | None
    is_sent: bool


class ReplyScript:
    """The replies of a host in one session, as its file sets them.

    ``counts`` says how often each stage has come in all sessions of the host. Before the engine
    carries a command out it calls :meth:`next`, and then gives :meth:`steps` its reply.

    ``reported`` has an entry for each RCPT of the transaction to which the sender-SMTP has been
    told a success: whether the host has taken that recipient.
    """

    def __init__(self, replies: Sequence[ScriptedReply], counts: dict[str, int]) -> None:
        self.is_over = False
        self.reported: list[bool] = []
        self._replies = replies
        self._counts = counts
        self._due: deque[_Due] = deque()
        self._early: set[str] = set()

    def next(self, stage: str) -> int | None:
        """Return the code that stands for the host's verdict at a stage; None leaves it."""
        if stage not in STAGES:
            self._due.append(_Due(stage, None, False))
            return None
        is_sent = stage in self._early  # and it counted when it was sent
        self._counts[stage] = number = self._counts.get(stage, 0) + (not is_sent)
        if stage in _MAILS:
            self.reported = []
        spec = self._spec(stage, number)
        self._due.append(_Due(stage, spec, is_sent))
        self._early.discard(stage)
        return spec.code if spec is not None else None

    def _spec(self, stage: str, number: int) -> ScriptedReply | None:
        """Return the reply to the command of that number: one for this number before any other."""
        to_any = None
        for spec in self._replies:
            if spec.to == stage:
                if spec.nth == number:
                    return spec
                if spec.nth is None and to_any is None:
                    to_any = spec
        return to_any

    def answered(self, own: int) -> None:
        """Note the code of the host's own verdict on the command that came last."""
        stage, spec, _ = self._due[-1]
        code = own if spec is None or spec.octets is None else spec.code
        if stage == "RCPT" and code is not None and carries_out(stage, code):
            self.reported.append(own < 300)

    def taken(self, ids: Sequence[str]) -> list[str] | None:
        """Return those recipients, of all that a sender-SMTP takes to be accepted, that the host
        has taken; None if their number says that they are others.
        """
        if len(ids) != len(self.reported):
            return None
        return [
            recipient for recipient, is_taken in zip(ids, self.reported, strict=True) if is_taken
        ]

    def receive(self, octets: bytes) -> None:
        """Take what has arrived, before the engine does. What a file sets does not depend on it."""

    def end(self) -> None:
        """Take note that the channel is closed or lost."""

    def steps(self, octets: bytes) -> list[Step]:
        """Return what to do in place of sending the engine's reply."""
        # a reply that a fault has set did not ask for one
        due = self._due.popleft() if self._due else _Due("", None, False)
        spec = due.spec
        steps = [] if due.is_sent else [Step(0.0, octets)] if spec is None else _steps(spec, octets)
        if spec is None or due.is_sent or not spec.ends:
            self._add_early(due.stage, steps)
        self.is_over = any(step.then for step in steps)
        return steps

    def _add_early(self, stage: str, steps: list[Step]) -> None:
        """Add the early replies to what usually follows a stage."""
        for spec in self._replies:
            if not spec.early or spec.to in self._early or stage not in COMES_AFTER[spec.to]:
                continue
            coming = self._counts.get(spec.to, 0) + 1
            if self._spec(spec.to, coming) is not spec:
                continue
            self._early.add(spec.to)
            self._counts[spec.to] = coming
            added = _steps(spec, b"")
            if steps and added and not added[0].pause and not spec.pieces:
                first = added.pop(0)
                added.insert(
                    0, Step(steps[-1].pause, steps.pop().octets + first.octets, first.then)
                )
            steps += added


def _steps(spec: ScriptedReply, own: bytes) -> list[Step]:
    """Return the steps of a reply; ``own`` is the host's own."""
    octets = spec.whole if spec.whole is not None else own * spec.repeat
    ends = [0]
    for size in spec.pieces:
        ends.append(min(len(octets), ends[-1] + size))
    pieces = [octets[start:end] for start, end in pairwise([*ends, len(octets)]) if end > start]
    first = 0.0 if spec.pieces else spec.pause
    steps = [Step(spec.pause if number else first, piece) for number, piece in enumerate(pieces)]
    return [*steps, Step(0.0 if steps else first, b"", spec.ends)] if spec.ends else steps


class ForeignScript(ReplyScript):
    """The replies of a mail program of others, in one session.

    ``ask`` gives the program what has arrived, at first nothing, for its greeting. It returns what
    the program has said, and "" or how the session ends, as in ``then`` of a :class:`Step`.
    ``hang_up`` tells the program that the channel is gone.
    """

    def __init__(
        self, ask: Callable[[bytes], tuple[bytes, str]], hang_up: Callable[[], None]
    ) -> None:
        super().__init__((), {})
        self._ask, self._hang_up = ask, hang_up
        self._answer: tuple[bytes, str] | None = None

    def receive(self, octets: bytes) -> None:
        """Give the program what has arrived."""
        self._answer = self._ask(octets)

    def next(self, stage: str) -> int | None:
        """Return the code that the program said; None if what has arrived is not a command."""
        if self._answer is None:
            self._answer = self._ask(b"")
        octets, then = self._answer
        spec = ScriptedReply(OPEN, octets=octets, then=then or _NOTHING)
        self._due.append(_Due(stage, spec, False))
        if stage in _MAILS:
            self.reported = []
        return spec.code if stage in STAGES else None

    def end(self) -> None:
        """Tell the program that the channel is closed or lost."""
        self._hang_up()


class ReplyWriter:
    """Carries out the steps of a session's :class:`ReplyScript`, one after another.

    ``send`` sends bytes, and ``finish`` ends the session as a ``then`` of the file says, or with
    "close" after the engine has closed it: both take the time as well. ``later`` calls a function
    with the time, after a number of seconds.
    """

    def __init__(
        self,
        script: ReplyScript,
        send: Callable[[bytes, float], None],
        finish: Callable[[str, float], None],
        later: Callable[[float, Callable[[float], None]], None],
    ) -> None:
        self.script = script
        self._send = send
        self._finish = finish
        self._later = later
        self._steps: deque[Step] = deque()
        self._is_waiting = False
        self._is_closing = False

    def write(self, octets: bytes, now: float) -> None:
        """Send what the script has in place of a reply of the engine, or begin to."""
        if not self.script.is_over:
            self._steps += self.script.steps(octets)
            self._go_on(now)

    def close(self, now: float) -> None:
        """Close the session when everything has been sent, because the engine has closed it."""
        if not self.script.is_over and not self._is_closing:
            self._is_closing = True
            self._steps.append(Step(0.0, b"", "close"))
            self._go_on(now)

    def stop(self) -> None:
        """Send nothing more: the connection is gone."""
        self._steps.clear()

    def _go_on(self, now: float) -> None:
        while self._steps and not self._is_waiting:
            step = self._steps.popleft()
            if step.pause:
                self._is_waiting = True
                self._steps.appendleft(step._replace(pause=0.0))
                self._later(step.pause, self._resume)
                return
            if step.octets:
                self._send(step.octets, now)
            if step.then:
                self._steps.clear()
                self._finish(step.then, now)

    def _resume(self, now: float) -> None:
        self._is_waiting = False
        self._go_on(now)
