"""Which command may follow which, and where each reply leads (sections 4.1.1 and 4.4).

One table, :data:`TRANSITIONS`, decides the order of commands. The receiver-SMTP obeys it, the
sender-SMTP stays within it, and drawings are made from it. A command that the table does not have
for a state is out of order and draws 503. :data:`DIAGRAMS` has the two diagrams of section 4.4,
arrow by arrow: where the first digit of a reply leads.

Where the RFC leaves a choice:

- 3.1 and 4.1.1 say that MAIL (SEND, SOML, SAML) clears the buffers and starts anew, and 4.3 gives
  it no 503: a second one inside a transaction starts anew. So does HELO later in a session.
- RSET "must" be answered OK, yet the first command "must" be HELO: before HELO it changes nothing.
- TURN draws 503 inside a transaction, as 4.3 allows: roles change only between transactions.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Final, NamedTuple


class State(StrEnum):
    """The state of a session, as both sides know it between command and reply."""

    OPENED = "opened"  # greeted, no HELO yet
    READY = "ready"  # HELO given, no transaction
    MAIL = "mail"  # a transaction has begun: a reverse-path and no forward-path
    RCPT = "rcpt"  # at least one forward-path
    DATA = "data"  # mail data is on its way
    CLOSED = "closed"


MAIL_COMMANDS: Final = ("MAIL", "SEND", "SOML", "SAML")
"""The commands that begin a transaction."""


class Buffers(Enum):
    """What a successful command does to the three buffers of section 4.1.1."""

    KEEP = "keep"
    CLEAR = "clear"
    REVERSE_PATH = "clear, then insert the reverse-path"
    FORWARD_PATH = "append to the forward-path buffer"
    MAIL_DATA = "append to the mail data buffer"


class Transition(NamedTuple):
    """A row of the table: the state after success, the buffers, and the section that says so."""

    next: State
    buffers: Buffers
    section: str


def _rows() -> dict[State, dict[str, Transition]]:
    table: dict[State, dict[str, Transition]] = {state: {} for state in State}
    talking = (State.OPENED, State.READY, State.MAIL, State.RCPT)
    for state in talking:
        row = table[state]
        row["HELO"] = Transition(State.READY, Buffers.CLEAR, "4.1.1 HELLO")
        for inquiry in ("NOOP", "HELP", "EXPN", "VRFY"):
            row[inquiry] = Transition(state, Buffers.KEEP, "4.1.1 at any time")
        aborted = State.OPENED if state is State.OPENED else State.READY
        row["RSET"] = Transition(aborted, Buffers.CLEAR, "4.1.1 RESET")
        row["QUIT"] = Transition(State.CLOSED, Buffers.CLEAR, "4.1.1 QUIT")
    for state in (State.READY, State.MAIL, State.RCPT):
        for beginning in MAIL_COMMANDS:
            table[state][beginning] = Transition(
                State.MAIL, Buffers.REVERSE_PATH, f"4.1.1 {beginning}"
            )
    for state in (State.MAIL, State.RCPT):
        table[state]["RCPT"] = Transition(State.RCPT, Buffers.FORWARD_PATH, "4.1.1 RECIPIENT")
    table[State.RCPT]["DATA"] = Transition(State.DATA, Buffers.MAIL_DATA, "4.1.1 DATA")
    # the mail data itself; its end confirms or fails the transaction, and empties the buffers
    table[State.DATA]["data"] = Transition(State.READY, Buffers.CLEAR, "4.1.1 DATA")
    table[State.READY]["TURN"] = Transition(State.OPENED, Buffers.CLEAR, "4.1.1 TURN")
    return table


TRANSITIONS: Final[dict[State, dict[str, Transition]]] = _rows()
"""``TRANSITIONS[state][command]``: what a command does in a state, if it may be given there."""

COMMANDS: Final = (
    "HELO", "MAIL", "RCPT", "DATA", "RSET", "SEND", "SOML",
    "SAML", "VRFY", "EXPN", "HELP", "NOOP", "QUIT", "TURN",
)  # fmt: skip
"""The fourteen commands, in the order of section 4.1.2."""

MINIMUM: Final = ("HELO", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "QUIT")
"""The commands that every receiver-SMTP must implement (section 4.5.1)."""


def why_out_of_order(state: State, command: str) -> str:
    """Return the text of the reply to a command that the table does not have in a state."""
    if state is State.OPENED:
        return f"Bad sequence of commands: HELO comes before {command}"
    missing = {"RCPT": "MAIL comes before RCPT", "DATA": "RCPT comes before DATA"}
    return "Bad sequence of commands: " + missing.get(command, f"no {command} in a transaction")


class Arrow(NamedTuple):
    """An arrow of a diagram of section 4.4: from a node to a node, under a label.

    The label is that of the print: what is sent, or the first digits of the reply. Nodes are "B"
    (begin), "W" (wait for reply), and the outcomes "E" (error), "S" (success) and "F" (failure).
    In the diagram of DATA, "data" is the node without a letter, and "W data" the second "W".
    """

    start: str
    label: str
    end: str


class Diagram(NamedTuple):
    """A diagram of section 4.4, and the commands that it models."""

    commands: tuple[str, ...]
    arrows: tuple[Arrow, ...]

    def ends(self, wait: str = "W") -> dict[int, str]:
        """Return the node that each first digit of a reply leads to from a node that waits."""
        return {
            int(digit): arrow.end
            for arrow in self.arrows
            if arrow.start == wait
            for digit in arrow.label.split(",")
        }


DIAGRAMS: Final = (
    Diagram(
        tuple(command for command in COMMANDS if command != "DATA"),
        (
            Arrow("B", "cmd", "W"),
            Arrow("W", "1,3", "E"),
            Arrow("W", "2", "S"),
            Arrow("W", "4,5", "F"),
        ),
    ),
    Diagram(
        ("DATA",),
        (
            Arrow("B", "DATA", "W"),
            Arrow("W", "1,2", "E"),
            Arrow("W", "3", "data"),
            Arrow("W", "4,5", "F"),
            Arrow("data", "data", "W data"),
            Arrow("W data", "1,3", "E"),
            Arrow("W data", "2", "S"),
            Arrow("W data", "4,5", "F"),
        ),
    ),
)
"""The two diagrams of section 4.4: of all commands but DATA, and of DATA with the mail data."""
