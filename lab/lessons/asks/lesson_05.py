"""What lesson 5 asks for: people who have moved, and lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from lab.lessons.answers import Address, Code, Number, Selection, Several, Table, Truth, hinted

if TYPE_CHECKING:
    from lab.api.run import Run
    from lab.lessons.typed_session import TypedSession
    from lab.topology.model import Topology


@hinted("Who carries it?")
def predict(crossings: Callable[[int], int]) -> Several:
    """Return how often the text of the first two messages crossed a channel."""
    counted = [Number(crossings(message), units=["time"]) for message in (1, 2)]
    return Several(counted, ["Fred", "Gill"])


@hinted("Would you build a list that writes to itself for ever?")
def break_it(copies: Sequence[str]) -> Number:
    """Return the number of copies in Sam's mailbox."""
    return Number(len(copies), units=["copy", "copies", "message"])


@hinted("The codes are those of RCPT. How many Smiths are there?")
def exercise_1(session: TypedSession, strings: tuple[str, ...]) -> Table:
    """Return the codes that VRFY drew for these strings, after 220 and HELO."""
    return Table(dict(zip(strings, map(Code, session.codes[2:]), strict=True)))


def mailboxes_reached(run: Run) -> set[str]:
    """Return the mailboxes in which the third message ended."""
    return {f"{e['user']}@{e.host}" for e in run.trace if e.kind == "deliver" and e.message == 3}


@hinted("Ask with EXPN and VRFY, step by step.")
def exercise_2(mailboxes: Iterable[str], network: Topology) -> Selection:
    """Return these mailboxes of a network, in any order."""
    return Selection(Address(mailbox, network.hosts) for mailbox in sorted(mailboxes))


@hinted("Write down the commands: which is the last that Ann's host needs at OLD?")
def exercise_3(run: Run, seen: Sequence[Any]) -> Several:
    """Return the sessions, the texts that crossed, and whether OLD saw one."""
    saw = Truth(any(event.host == "OLD.ARPA" for event in seen))
    sessions = Number(run.summary["sessions"], units=["session"])
    right = [sessions, Number(len(seen), units=["text"]), saw]
    return Several(right, ["the sessions", "the text", "what OLD sees"])
