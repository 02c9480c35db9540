"""What a case is: what is said to a program, and what it may answer.

Octets are text in which each character is a byte, with places for names in braces: see
:class:`Names`. What may be answered is written in short: ``"250 251"`` are the codes that RFC 821
permits; ``"~502"`` is a code that today's servers give on purpose, a choice; ``"!250"`` is a choice
of a server of today (one that takes EHLO), and a breach of any other; ``"-"``: no reply may come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from lab.protocol.states import COMMANDS
from lab.protocol.syntax import SyntaxFault, parse_path, verb_of

STAGES: Final = (
    "greet", "HELO and QUIT", "MAIL and RCPT", "DATA and the dot", "transparency",
    "errors and order", "RSET, VRFY, HELP", "sizes", "relaying with paths",
    "the queue and retries", "notifications", "crash safety",
)  # fmt: skip
"""The stages of the course, the first of which is 1."""


class Names(NamedTuple):
    """The names in what is said: two mailboxes of the program, the sender and its host, a word."""

    to: str = "Jones@BETA.ARPA"
    to2: str = "Brown@BETA.ARPA"
    sender: str = "Smith@ALPHA.ARPA"
    me: str = "ALPHA.ARPA"
    token: str = "token"

    def put_into(self, template: str) -> bytes:
        """Return octets with the names in their places."""
        user, _, host = self.to.rpartition("@")
        places = {
            "{to}": self.to, "{to2}": self.to2, "{from}": self.sender, "{me}": self.me,
            "{to_small}": f"{user}@{host.lower()}", "{user}": user,
            "{host}": host, "{token}": self.token,
        }  # fmt: skip
        for place, name in places.items():
            template = template.replace(place, name)
        return template.encode("latin-1")


@dataclass(frozen=True, slots=True)
class Say:
    """Something said to a program, with the codes that may answer it.

    ``wanted``: the codes that RFC 821 permits; none if no reply may come. ``choices``: those of
    today's servers; ``strict`` are choices of servers of today only. ``rule``: what another code
    breaks. ``pieces``: sizes of the pieces in which it is sent, the last repeated. ``is_joined``:
    it goes out together with what is said next. ``may_refuse``: if the answer is 5yz, the rest of
    the case is left out.
    """

    octets: str
    wanted: tuple[int, ...] = ()
    choices: tuple[int, ...] = ()
    strict: tuple[int, ...] = ()
    rule: str = ""
    row: str = ""
    pieces: tuple[int, ...] = ()
    is_joined: bool = False
    is_setup: bool = False
    may_refuse: bool = False
    times: int = 1


@dataclass(frozen=True, slots=True)
class Case:
    """A case: a dialogue with a program.

    ``rule`` is the number of the rule that it is about, ``stage`` that of the course. ``ending``:
    "quit" (QUIT, and the channel closes), "close" (the sender goes away) or "none" (the dialogue
    has ended by itself). ``because`` says why a choice is one. ``mail`` is the text that must be in
    the mail drop afterwards; ``is_delivered`` False: none may be there.
    ``owns_extra``: a reply too many breaks the rule of this case.
    """

    name: str
    rule: str
    stage: int
    title: str
    says: tuple[Say, ...] = ()
    ending: str = "quit"
    hint: str = ""
    because: str = ""
    mail: str | None = None
    is_delivered: bool | None = None
    owns_extra: bool = False
    greeting: tuple[int, ...] = (220,)
    tags: tuple[str, ...] = field(default=())


def is_mailbox(text: str) -> bool:
    """Return whether a text is a mailbox: user@host."""
    try:
        return bool(parse_path(f"<{text}>").mailbox)
    except SyntaxFault:
        return False


def codes(text: str) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Return the codes that are wanted, those that are choices, and those of today's servers."""
    words = [word for word in text.split() if word != "-"]
    wanted = tuple(int(word) for word in words if word.isdigit())
    choices = tuple(int(word[1:]) for word in words if word.startswith("~"))
    strict = tuple(int(word[1:]) for word in words if word.startswith("!"))
    return wanted, choices, strict


def row_of(octets: str) -> str:
    """Return the row of section 4.3 of a line, or that it is none."""
    verb = verb_of(octets.encode("latin-1").rstrip(b"\r\n")).strip()
    return verb if verb in COMMANDS else "an unknown command"


def line(octets: str, answer: str, **fields: object) -> Say:
    """Return a command line, with CRLF, and its answers."""
    return raw(f"{octets}\r\n", answer, **fields)


def raw(octets: str, answer: str, **fields: object) -> Say:
    """Return octets as they are, and their answers."""
    wanted, choices, strict = codes(answer)
    say = Say(octets, wanted, choices, strict, row=row_of(octets))
    return replace(say, **fields)  # type: ignore[arg-type]  # the names are those of Say


def text(octets: str, answer: str = "250", **fields: object) -> Say:
    """Return mail data with its end, and the answers to it."""
    return raw(octets, answer, **{"row": "data", **fields})


_SETUP: Final = (
    line("HELO {me}", "250", rule="4.1.1-4"),
    line("MAIL FROM:<{from}>", "250", rule="3.1-11"),
    line("RCPT TO:<{to}>", "250 251", rule="3.1-10"),
    line("DATA", "354", rule="3.1-5"),
)
AFTER: Final = {
    after: tuple(replace(say, is_setup=True) for say in _SETUP[:length])
    for length, after in enumerate(("start", "helo", "mail", "rcpt", "data"))
}
"""What is said before a case begins, by the command after which it does."""

QUIT: Final = line("QUIT", "221", rule="4.1.1-17", is_setup=True)


def case(
    name: str, rule: str, stage: int, title: str, after: str, *says: Say, **fields: object
) -> Case:
    """Return a case that begins after a command; its own says break its rule."""
    own = [replace(say, rule=say.rule or rule) for say in says]
    made = Case(name, rule, stage, title, (*AFTER[after], *own))
    return replace(made, **fields)  # type: ignore[arg-type]  # the names are those of Case


def each(
    prefix: str, rule: str, stage: int, after: str, rows: Sequence[tuple[str, str, str, str]],
    then: Sequence[Say] = (), **fields: object,
) -> list[Case]:  # fmt: skip
    """Return a case for each row of name, line, answers and title; ``then`` follows the line."""
    return [
        case(f"{prefix}-{name}", rule, stage, title, after, line(octets, answer), *then, **fields)
        for name, octets, answer, title in rows
    ]
