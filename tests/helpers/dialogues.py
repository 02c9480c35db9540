"""The driver by hand, for tests: two engines and a pair of buffers between them.

``play`` carries bytes in whatever pieces and keeps one log of what crossed, in the RFC's manner:
"R: 220 ..." and "S: HELO ..."; mail data as it crossed. ``Post`` is a receiver's installation with
a list of replies to give, ``Bag`` a sender's agenda with a list of mail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from lab.protocol import (
    Answer,
    Limits,
    Outgoing,
    Path,
    ReceiverSMTP,
    Reply,
    SenderSMTP,
    Transaction,
    parse_path,
    reply,
)

Chop = Callable[[bytes], Iterable[bytes]]
"""How bytes are cut on their way."""


def whole(octets: bytes) -> Iterator[bytes]:
    """All at once."""
    yield octets


def bytewise(octets: bytes) -> Iterator[bytes]:
    """Every byte alone."""
    for n in range(len(octets)):
        yield octets[n : n + 1]


def by(size: int) -> Chop:
    """So many bytes at a time."""
    return lambda octets: (octets[n : n + size] for n in range(0, len(octets), size))


class Post:
    """An installation that takes everything, but for the replies that it is given.

    ``says`` maps a command ("CONNECT", "data" and "RCPT <path>" among them) to codes or replies,
    given one after the other, the last one for good.
    """

    def __init__(self, **says: Sequence[int | Reply]) -> None:
        self.says: dict[str, list[int | Reply]] = {key: list(value) for key, value in says.items()}
        self.stored: list[Transaction] = []

    def say(self, verb: str, otherwise: int = 250, text: str = "OK") -> Reply:
        """The next reply to a command."""
        mine = self.says.get(verb)
        if not mine:
            return reply(otherwise, text)
        one = mine.pop(0) if len(mine) > 1 else mine[0]
        return one if isinstance(one, Reply) else reply(one, "no" if one >= 400 else text)

    def greeting(self) -> Reply:
        return self.say("CONNECT", 220, "BETA.ARPA ready")

    def hello(self, domain: str) -> Reply:
        return self.say("HELO", text="BETA.ARPA")

    def begin(self, verb: str, reverse_path: Path) -> Reply:
        return self.say(verb)

    def recipient(self, transaction: Transaction, forward_path: Path) -> Reply:
        known = forward_path.local
        return self.say(known if known in self.says else "RCPT")

    def accept(self, transaction: Transaction) -> Reply | None:
        verdict = self.say("data")
        if verdict.code < 300:
            self.stored.append(transaction)
        return verdict

    def verify(self, string: str) -> Reply:
        return self.say("VRFY")

    def expand(self, string: str) -> Reply:
        return self.say("EXPN")

    def help(self, string: str) -> Reply:
        return self.say("HELP", 214)

    def turn(self) -> Reply:
        return self.say("TURN", 502)

    def goodbye(self) -> Reply:
        return self.say("QUIT", 221, "BETA.ARPA closing")


class Bag:
    """An agenda: mail to be sent, and a log of what became of it."""

    def __init__(self, *mail: Outgoing) -> None:
        self.mail = list(mail)
        self.over: list[Outgoing] = []
        self.refusals: list[Answer] = []

    def next(self) -> Outgoing | None:
        return self.mail.pop(0) if self.mail else None

    def turns(self) -> bool:
        return False

    def settled(self, outgoing: Outgoing) -> None:
        self.over.append(outgoing)

    def refused(self, answer: Answer) -> None:
        self.refusals.append(answer)


def letter(
    *to: str, data: bytes = b"Hi\r\n", sender: str = "Smith@ALPHA.ARPA", verb: str = "MAIL"
) -> Outgoing:
    """Mail from Smith; recipients are paths, or names at BETA.ARPA."""
    paths = [parse_path(f"<{one}>" if "@" in one else f"<{one}@BETA.ARPA>") for one in to]
    return Outgoing(parse_path(f"<{sender}>", null=True), paths, data, verb)


class Play:
    """A session by hand: the two engines, and the log of what crossed."""

    def __init__(
        self, post: Post, bag: Bag, chop: Chop = whole, limits: Limits | None = None
    ) -> None:
        self.receiver = ReceiverSMTP(post, limits or Limits())
        self.sender = SenderSMTP("ALPHA.ARPA", bag)
        self.chop = chop
        self.log: list[str] = []

    def run(self, crossings: float = float("inf")) -> list[str]:
        """Play until nobody has anything to say, or the channel is lost after so many crossings."""
        there = [octets for _, octets in self.receiver.open()]
        back: list[bytes] = []
        while there or back:
            for label, line, engine, answers in (
                ("R", there, self.sender, back),
                ("S", back, self.receiver, there),
            ):
                while line:
                    if len(self.log) >= crossings:
                        self.sender.end_of_input()
                        self.receiver.end_of_input()
                        return self.log
                    octets = line.pop(0)
                    self._note(label, octets)
                    mine = {"reply"} if label == "S" else {"command", "data"}
                    for piece in self.chop(octets):
                        events = engine.receive(piece)
                        answers += [out for kind, out in events if kind in mine and out]
        return self.log

    def _note(self, label: str, octets: bytes) -> None:
        text = octets.decode("latin-1").removesuffix("\r\n").replace("\r\n", "|")
        self.log.append(f"{label}: {text}")


def play(
    post: Post, *mail: Outgoing, chop: Chop = whole, limits: Limits | None = None
) -> tuple[list[str], Bag]:
    """The log of a session in which the mail is sent to the post, and the sender's agenda."""
    bag = Bag(*mail)
    return Play(post, bag, chop, limits).run(), bag


def told(log: list[str]) -> str:
    """A log in one line: commands by their word, replies by their code, mail data as "..."."""
    words = []
    for line in log:
        label, text = line[0], line[3:]
        words.append(text[:3] if label == "R" else text[:4] if text[-1:] != "." else "...")
    return " ".join(words)
