"""What lesson 5 asks for: people who have moved, and lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.lessons import talk
from lab.lessons.answers import Address, Code, Number, Selection, Several, Table, Truth, hinted

if TYPE_CHECKING:
    from lab.api.run import Run


@hinted("Who carries it?")
def predict(run: Run) -> Several:
    """Return how often the text of the first two messages crossed a channel."""
    crossed = [e.message for e in run.trace if e.kind == "accept"]
    return Several([Number(crossed.count(message)) for message in (1, 2)], ["Fred", "Gill"])


@hinted("Would you build a list that writes to itself for ever?")
def break_it(run: Run) -> Number:
    """Return the number of copies in Sam's mailbox."""
    return Number(sum(e.kind == "deliver" and e["user"] == "sam" for e in run.trace))


@hinted("The codes are those of RCPT. How many Smiths are there?")
def exercise_1(run: Run, strings: tuple[str, ...]) -> Table:
    """Return the codes that VRFY draws for these strings."""
    session = talk(run.topology, "OLD.ARPA", quiet=True)
    session.say("HELO HOME.ARPA", *(f"VRFY {string}" for string in strings))
    return Table(dict(zip(strings, map(Code, session.codes[2:]), strict=True)))


@hinted("Ask with EXPN and VRFY, step by step.")
def exercise_2(run: Run) -> Selection:
    """Return the mailboxes in which the third message ended."""
    found = {f"{e['user']}@{e.host}" for e in run.trace if e.kind == "deliver" and e.message == 3}
    return Selection(Address(one, run.topology.hosts) for one in sorted(found))


@hinted("Write down the commands: which is the last that Ann's host needs at OLD?")
def exercise_3(run: Run) -> Several:
    """Return the sessions, the texts that crossed, and whether OLD saw one."""
    seen = [event for event in run.trace if event.kind == "data"]
    saw = Truth(any(event.host == "OLD.ARPA" for event in seen))
    right = [Number(run.summary["sessions"]), Number(len(seen)), saw]
    return Several(right, ["the sessions", "the text", "what OLD sees"])
