"""What lesson 17 asks for: the envelope of a message and its header."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING, Final

from lab.api.simulate import load, simulate
from lab.lessons import mailbox, talk, topology
from lab.lessons.answers import (
    Address,
    Code,
    Commands,
    Lines,
    Several,
    Truth,
    Verdict,
    Word,
    hinted,
)
from lab.lessons.functions import Function, Trial
from lab.lessons.trials import RANDOM

if TYPE_CHECKING:
    from lab.api.run import Run
    from lab.topology.model import Topology

PEOPLE: Final = ("ann", "bob", "cat", "dan", "director")

FILE: Final = "lessons/envelope.toml"


@hinted("Which of the two do hosts read?")
def predict(run: Run) -> Word:
    """Return the user in whose mailbox the second message is."""
    users = [e["user"] for e in run.trace if e.kind == "deliver" and e.message == 2]
    addresses = {f"{name}@{host}": name for name in PEOPLE for host in run.topology.hosts}
    return Word(users[0], PEOPLE, addresses)


@hinted("Lesson 8: which path leads back?")
def break_it() -> Address:
    """Return whom the notification goes to if the envelope names nobody who exists."""
    network = load(topology(FILE), ['mail.1.to=["@LISTS.ARPA:don@FAR.ARPA"]'])
    run = simulate(network)
    delivery = next(e for e in run.trace if e.kind == "deliver" and e.message == 3)
    return Address(f"{delivery['user']}@{delivery.host}", network.hosts)


@hinted("A space must be quoted; quotes are not part of the name.")
def exercise_1(paths: list[str]) -> Several:
    """Return the codes of the RCPT commands with these paths, in their order."""
    session = talk(FILE, "FAR.ARPA", quiet=True)
    session.say("HELO HOME.ARPA", "MAIL FROM:<ann@HOME.ARPA>")
    session.say(*(f"RCPT TO:{path}" for path in paths))
    return Several(map(Code, session.codes[3:]), paths)


@hinted("One has brackets, the other a sign before its number; neither has both.")
def exercise_2() -> Commands:
    """Return the RCPT commands for a host that has an address, and one that has a number."""
    return Commands(["RCPT TO:<bob@[10.0.3.17]>", "RCPT TO:<bob@#123456>"])


@hinted("Where does the header end? In how many ways can the name of the line be written?")
def exercise_3() -> Function:
    """Return the exercise for a function that finds copies by their Message-ID."""

    def trials() -> Iterator[Trial]:
        yield from (((a, b), _are_copies(a, b)) for a, b in _PAIRS)
        dice = Random("copies")
        for _ in range(RANDOM):
            first, second = (_drawn(dice) for _ in range(2))
            yield (first, second), _are_copies(first, second)

    return Function(trials, Truth(True).read, lambda a, b: f"For {a!r} and {b!r}")


def _identifier(message: str) -> str:
    for line in message.split("\n\n")[0].splitlines():
        name, colon, value = line.partition(":")
        if colon and name.strip().lower() == "message-id":
            return value.strip()
    return ""


def _are_copies(first: str, second: str) -> bool:
    return bool(_identifier(first)) and _identifier(first) == _identifier(second)


_LUNCH: Final = "From: ann@HOME.ARPA\nMessage-ID: <1@HOME.ARPA>\nSubject: Lunch\n\nAt one.\n"
_DINNER: Final = "From: ann@HOME.ARPA\nMessage-ID: <2@HOME.ARPA>\nSubject: Lunch\n\nAt one.\n"
_BARE: Final = "From: ann@HOME.ARPA\nSubject: Lunch\n\nAt one.\n"
_PAIRS: Final = [
    (_LUNCH, f"Received: from A by B ; 1 Aug 82 00:00:00 UT\n{_LUNCH}"),
    (_LUNCH, _DINNER),
    (_BARE, _BARE),
    (_LUNCH, _LUNCH.replace("Message-ID:", "Message-Id: ")),
    (_BARE + "\nMessage-ID: <1@HOME.ARPA>\n", _LUNCH),
    (_LUNCH, _LUNCH.replace("At one.", "At two.")),
    (_LUNCH.replace("Message-ID", "In-Reply-To"), _LUNCH),
    (_LUNCH, _LUNCH.replace("<1@", "<11@")),
]  # fmt: skip


def _drawn(dice: Random) -> str:
    name = dice.choice(["Message-ID", "message-id", "MESSAGE-ID", "References", "X-Message-ID"])
    lines = [f"{name}: <{dice.randint(1, 2)}@HOME.ARPA>", "From: ann@HOME.ARPA"]
    if dice.random() < 0.5:
        lines.insert(0, "Received: from HOME.ARPA by FAR.ARPA ; 1 Aug 82 00:00:00 UT")
    dice.shuffle(lines)
    text = dice.choice(["At one.", "At one.\n\nMessage-ID: <2@HOME.ARPA>", "Message-ID: none"])
    return "\n".join(lines) + f"\n\n{text}\n"


@hinted("The header is what you type after 354; an empty line ends it.")
def exercise_4() -> Lines:
    """Return the exercise for a session that gives Cat a message that says other names."""
    network = load(topology(FILE), ["mail=[]"])
    return Lines(lambda lines: _says_other_names(lines, network))


def _says_other_names(lines: list[str], network: Topology) -> Verdict:
    session = talk(network, "FAR.ARPA", quiet=True)
    session.say(*lines)
    run = session.settle()
    messages = mailbox(run, "cat")
    if not messages:
        return f"Cat has no message. The replies were {session.codes}."
    header = messages[-1].replace("\r\n", "\n").partition("\n\n")[0]
    fields = {name.lower(): text.lower() for name, _, text in _fields(header)}
    if "director@far.arpa" in fields.get("return-path", ""):
        return "The envelope names the director. Let the header alone do that."
    if "director@far.arpa" not in fields.get("from", ""):
        return "The header of Cat's message does not say that it is from the director."
    return "bob@far.arpa" in fields.get("to", "") or "The header does not say that it is for Bob."


def _fields(header: str) -> list[tuple[str, str, str]]:
    return [line.partition(":") for line in header.splitlines()]
