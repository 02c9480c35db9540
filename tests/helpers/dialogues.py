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
    """All bytes in one piece."""
    yield octets


def bytewise(octets: bytes) -> Iterator[bytes]:
    """Every byte as a piece of its own."""
    for n in range(len(octets)):
        yield octets[n : n + 1]


def by(size: int) -> Chop:
    """Pieces of ``size`` bytes."""
    return lambda octets: (octets[n : n + size] for n in range(0, len(octets), size))


class Post:
    """An installation that accepts everything, except where it is given replies.

    ``replies`` maps a command (or "CONNECT", "data", a user's name for RCPT) to codes or replies.
    They are given one after another; the last one is repeated.
    """

    def __init__(self, **replies: Sequence[int | Reply]) -> None:
        self.replies: dict[str, list[int | Reply]] = {k: list(v) for k, v in replies.items()}
        self.stored: list[Transaction] = []

    def next_reply(self, verb: str, default: int = 250, text: str = "OK") -> Reply:
        """The next reply to a command."""
        replies = self.replies.get(verb)
        if not replies:
            return reply(default, text)
        chosen = replies.pop(0) if len(replies) > 1 else replies[0]
        if isinstance(chosen, Reply):
            return chosen
        return reply(chosen, "no" if chosen >= 400 else text)

    def greeting(self) -> Reply:
        return self.next_reply("CONNECT", 220, "BETA.ARPA ready")

    def hello(self, domain: str) -> Reply:
        return self.next_reply("HELO", text="BETA.ARPA")

    def begin(self, verb: str, reverse_path: Path) -> Reply:
        return self.next_reply(verb)

    def recipient(self, transaction: Transaction, forward_path: Path) -> Reply:
        user = forward_path.local
        return self.next_reply(user if user in self.replies else "RCPT")

    def accept(self, transaction: Transaction) -> Reply:
        verdict = self.next_reply("data")
        if verdict.code < 300:
            self.stored.append(transaction)
        return verdict

    def verify(self, string: str) -> Reply:
        return self.next_reply("VRFY")

    def expand(self, string: str) -> Reply:
        return self.next_reply("EXPN")

    def help(self, string: str) -> Reply:
        return self.next_reply("HELP", 214)

    def turn(self) -> Reply:
        return self.next_reply("TURN", 502)

    def goodbye(self) -> Reply:
        return self.next_reply("QUIT", 221, "BETA.ARPA closing")


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
    paths = [parse_path(f"<{name}>" if "@" in name else f"<{name}@BETA.ARPA>") for name in to]
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
        """Play until nothing is left to send, or the channel is lost after so many crossings."""
        to_sender = [octets for _, octets in self.receiver.open()]
        to_receiver: list[bytes] = []
        while to_sender or to_receiver:
            for label, stream, engine, answers in (
                ("R", to_sender, self.sender, to_receiver),
                ("S", to_receiver, self.receiver, to_sender),
            ):
                while stream:
                    if len(self.log) >= crossings:
                        self.sender.end_of_input()
                        self.receiver.end_of_input()
                        return self.log
                    octets = stream.pop(0)
                    self._note(label, octets)
                    kinds = {"reply"} if label == "S" else {"command", "data"}
                    for piece in self.chop(octets):
                        events = engine.receive(piece)
                        answers += [out for kind, out in events if kind in kinds and out]
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


def outline(log: list[str]) -> str:
    """A log in one line: commands by their word, replies by their code, mail data as "..."."""
    words = []
    for line in log:
        label, text = line[0], line[3:]
        words.append(text[:3] if label == "R" else text[:4] if text[-1:] != "." else "...")
    return " ".join(words)
