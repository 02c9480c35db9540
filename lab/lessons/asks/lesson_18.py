"""What lesson 18 asks for: what later standards added to SMTP."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from random import Random
from typing import TYPE_CHECKING, Any, Final

from lab.lessons import from_text, mail_today, mailbox, talk
from lab.lessons.answers import (
    Code,
    Host,
    Judged,
    Lines,
    Number,
    Several,
    Truth,
    Verdict,
    hinted,
    octets,
)
from lab.lessons.answers import Word as OneOf
from lab.lessons.functions import Function, Trial
from lab.lessons.trials import RANDOM
from lab.protocol import dot_stuff

if TYPE_CHECKING:
    from lab.api.run import Run
    from lab.topology.model import Topology

STRANGER: Final = "STRANGER.EXAMPLE"

GREETING: Final = "Grüße aus Köln"
"""What exercise 2 sends: two letters of it are not in ASCII."""

VERDICTS: Final = ("pass", "fail", "softfail", "neutral")


@hinted("Lesson 7: several recipients, one copy. Who makes the others?")
def predict(run: Run) -> Several:
    """Return how often the text crossed the stranger's line, and in how many mailboxes it is."""
    crossed = sum(e.kind == "accept" and e.peer == STRANGER for e in run.trace)
    delivered = sum(e.kind == "deliver" and e.message == 1 for e in run.trace)
    return Several(map(Number, (crossed, delivered)), ["the line", "the mailboxes"])


@hinted("Which of the two is relaying?")
def break_it(network: Topology, recipients: list[str]) -> Several:
    """Return the codes that RCPT draws for these recipients, when the stranger calls."""
    session = talk(network, "RELAY.EXAMPLE", quiet=True)
    session.say(f"HELO {STRANGER}", "MAIL FROM:<ann@A.EXAMPLE>")
    session.say(*(f"RCPT TO:<{recipient}>" for recipient in recipients))
    return Several(map(Code, session.codes[3:]), recipients)


@hinted("Sort first. 100 comes after 20.")
def exercise_1() -> Function:
    """Return the exercise for a function that chooses a host by its MX records."""

    def trials() -> Iterator[Trial]:
        yield ([(10, "MX1"), (20, "MX2")], {"MX1", "MX2"}), "MX1"
        yield ([(20, "MX2"), (10, "MX1")], {"MX2"}), "MX2"
        yield ([(5, "A"), (100, "B"), (20, "C")], {"B", "C"}), "C"
        yield ([(10, "MX1")], set()), None
        yield ([], {"MX1"}), None
        dice = Random("mx")
        for _ in range(RANDOM):
            hosts = dice.sample("ABCDEFG", dice.randint(1, 5))
            records = list(zip(dice.sample(range(1, 120), len(hosts)), hosts, strict=True))
            up = set(dice.sample(hosts, dice.randint(0, len(hosts))))
            best = min(((n, host) for n, host in records if host in up), default=(0, None))
            yield (records, up), best[1]

    return Function(trials, Host(known="ABCDEFG").or_none().read)


@hinted("Print your message: are all of its bytes ASCII, and does the header say how to read it?")
def exercise_2() -> Judged:
    """Return the exercise for a message that says the greeting over a line of seven bits."""
    return Judged(_greets, octets)


def _greets(message: bytes) -> Verdict:
    if not message.isascii():
        return "Your message has bytes of more than seven bits, and the host clears the eighth."
    arrived = sent_over(message, "clear")
    if not arrived:
        return "Bob has no message. Each line must end with CRLF."
    read = mail_today.as_read(arrived[0].encode("latin-1"))
    return GREETING in read or f"Bob's program shows {read[:60]!r}."


def sent_over(message: bytes, eight_bit: str) -> list[str]:
    """Return what is in Bob's mailbox after a message is sent to a host of seven bits.

    ``eight_bit`` is what the host does with the eighth: "refuse" or "clear".
    """
    text = f'[[host]]\nname = "B.EXAMPLE"\nusers = ["bob"]\neight_bit = {json.dumps(eight_bit)}\n'
    further_tables = (
        '[[host]]\nname = "A.EXAMPLE"\n[[link]]\nbetween = ["A.EXAMPLE", "B.EXAMPLE"]\n'
    )
    session = talk(from_text(text + further_tables), "B.EXAMPLE", quiet=True)
    session.say("HELO A.EXAMPLE", "MAIL FROM:<ann@A.EXAMPLE>", "RCPT TO:<bob@B.EXAMPLE>", "DATA")
    session.send(dot_stuff(message if message.endswith(b"\r\n") else message + b"\r\n"))
    return mailbox(session.settle(), "bob")


@hinted("Take off the sign first. What comes after `ip4:` is always a network.")
def exercise_3() -> Function:
    """Return the exercise for a function that reads an SPF record."""

    def trials() -> Iterator[Trial]:
        for record, address in (
            ("v=spf1 ip4:192.0.2.0/24 -all", "192.0.2.77"),
            ("v=spf1 ip4:192.0.2.0/24 -all", "192.0.3.77"),
            ("v=spf1 ip4:192.0.2.7 ~all", "192.0.2.7"),
            ("v=spf1 ip4:192.0.2.7 ~all", "192.0.2.70"),
            ("v=spf1 -ip4:192.0.2.7 ip4:192.0.2.0/24 -all", "192.0.2.7"),
            ("v=spf1 ip4:192.0.2.0/24 -ip4:192.0.2.7 -all", "192.0.2.7"),
            ("v=spf1 ip4:192.0.2.0/24", "198.51.100.1"), ("v=spf1 -all", "192.0.2.1"),
            ("v=spf1 +all", "192.0.2.1"), ("v=spf1 all", "192.0.2.1"),
            ("v=spf1 ?all", "192.0.2.1"), ("v=spf1 ip4:192.0.0.0/20 -all", "192.0.15.1"),
        ):  # fmt: skip
            yield (record, address), mail_today.may_send(record, address)
        dice = Random("spf")
        for _ in range(RANDOM):
            record, address = _record(dice), f"192.0.2.{dice.randint(0, 255)}"
            yield (record, address), mail_today.may_send(record, address)

    return Function(trials, OneOf("", VERDICTS).read)


def _record(dice: Random) -> str:
    terms = [
        dice.choice(["", "", "-", "~"]) + dice.choice([
            f"ip4:192.0.2.{dice.randrange(0, 256, 16)}/28", f"ip4:192.0.2.{dice.randint(0, 255)}",
            f"ip4:192.0.2.{dice.choice((0, 128))}/25",
        ])
        for _ in range(dice.randint(0, 3))
    ]  # fmt: skip
    return " ".join(["v=spf1", *terms, *dice.choice([[], ["-all"], ["~all"], ["?all"]])])


@hinted("What is covered, and is the envelope part of the message?")
def exercise_4(versions: Mapping[str, str], signature: int, key: mail_today.PublicKey) -> Several:
    """Return of which versions of a message the signature no longer holds."""
    right = [
        Truth(not mail_today.is_signed(version, signature, key)) for version in versions.values()
    ]
    return Several(right, versions)


@hinted("SPF looks at the envelope. What does Bob look at?")
def exercise_5(records: Mapping[str, str], address: str) -> Lines:
    """Return the exercise for a session that passes SPF, with another name in the header."""
    return Lines(lambda lines: _passes(lines, records, address))


def _passes(lines: list[str], records: Mapping[str, str], address: str) -> Verdict:
    network = from_text(
        '[[host]]\nname = "B.EXAMPLE"\nusers = ["bob"]\n[[host]]\nname = "SHOP.EXAMPLE"\n'
        '[[link]]\nbetween = ["B.EXAMPLE", "SHOP.EXAMPLE"]\n'
    )
    session = talk(network, "B.EXAMPLE", quiet=True)
    session.say(*lines)
    messages = mailbox(session.settle(), "bob")
    if not messages:
        return f"Bob has no message. The replies were {session.codes}."
    fields = _header(messages[-1])
    domain = fields.get("return-path", "").strip("<> ").rpartition("@")[2].upper()
    spf = mail_today.may_send(records.get(domain, "v=spf1"), address)
    if spf != "pass":
        return f"For the envelope's {domain or 'empty path'} SPF says {spf!r}."
    return "@bank.example" in fields.get("from", "").lower() or "The header does not say the bank."


def _header(message: str) -> dict[str, Any]:
    lines = message.replace("\r\n", "\n").partition("\n\n")[0].splitlines()
    return {name.lower(): text for name, _, text in (line.partition(":") for line in lines)}
