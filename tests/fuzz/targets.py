"""What is fuzzed: five functions of bytes, each of which fails where a rule is broken.

They are run by `fuzz.py` beside this file, guided by coverage, and by the tests on the corpus that
is made from our own dialogues. Each compares two ways to the same end, so that more is found than
exceptions: bytes cut anywhere give the same events, and what is parsed is written as it was read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from scripted import SCRIPTED_SEEDS, scripted

from lab.hosts.directory import Directory, Forward, MailingList, Member, User
from lab.hosts.help import help_reply
from lab.protocol import (
    COMMAND_REPLIES,
    Limits,
    Outgoing,
    Path,
    ReceiverSMTP,
    Reply,
    SenderSMTP,
    SyntaxFault,
    Transaction,
    parse_path,
    reply,
)
from lab.protocol.replies import ReplyParser
from lab.protocol.syntax import GRAMMARS

BOUND = 200_000
"""Bytes that an engine may hold of what a peer sent, with the limits below."""

LIMITS = Limits(line=512, message=20_000, recipients=20, text_line=1000)


DIRECTORY = Directory(
    "B",
    (User("Smith"), User("smith", "Jo Smith"), User('a "b"')),
    (MailingList("y", (Member(parse_path('<"a\\\r\\\n"@B>')), Member(parse_path("<@C:c@B>")))),),
    (Forward("x", parse_path('<"a\\\r\\\n"@B>')), Forward("z", parse_path("<a@C>"), "refer")),
)


class Post:
    """An installation that takes everything, and keeps what it took."""

    def __init__(self) -> None:
        self.stored: list[tuple[str, str, tuple[str, ...], bytes]] = []

    def greeting(self) -> Reply:
        return reply(220, "ready")

    def hello(self, domain: str) -> Reply:
        return reply(250, "B")

    def begin(self, verb: str, reverse_path: Path) -> Reply:
        return reply(250, "OK")

    def recipient(self, transaction: Transaction, forward_path: Path) -> Reply:
        return reply(550 if forward_path.local.startswith("no") else 250, "OK")

    def accept(self, transaction: Transaction) -> Reply:
        paths = tuple(path.text for path in transaction.forward_paths)
        octets = transaction.mail_data
        self.stored.append((transaction.verb, transaction.reverse_path.text, paths, octets))
        return reply(250, "OK")

    def verify(self, string: str) -> Reply:
        return DIRECTORY.verify(string)

    def expand(self, string: str) -> Reply:
        return DIRECTORY.expand(string)

    def help(self, string: str) -> Reply:
        return help_reply("B", string, lambda: "well")

    def turn(self) -> Reply:
        return reply(502, "no")

    def goodbye(self) -> Reply:
        return reply(221, "bye")


def pieces(octets: bytes, size: int) -> Iterator[bytes]:
    for n in range(0, len(octets), size):
        yield octets[n : n + size]


def receiver(octets: bytes) -> None:
    """Whatever is sent is answered by what 4.3 permits, the same however it was cut."""
    size = octets[0] % 7 + 1 if octets else 1
    settings = octets[0] // 7 if octets else 0
    said = [_received(octets[1:], cut, settings) for cut in (len(octets) + 1, size)]
    assert said[0] == said[1], "the answers depend on the cut"


def _received(octets: bytes, size: int, settings: int) -> tuple[list[bytes], object]:
    post = Post()
    grammar, eight_bit = GRAMMARS[settings % 3], ("refuse", "clear")[settings // 3 % 2]
    engine = ReceiverSMTP(post, LIMITS, grammar=grammar, eight_bit=eight_bit)
    replies = [crossed for _, crossed in engine.open()]
    for piece in pieces(octets, size):
        for kind, crossed in engine.receive(piece):
            if kind == "reply":
                replies.append(crossed)
                assert int(crossed[:3]) in _CODES, crossed
                assert len(crossed.split(b"\r\n")[0]) <= 510
    engine.end_of_input()
    assert not any(len(data) > 20_000 for *_, data in post.stored), "more than the limit was kept"
    return replies, post.stored


_CODES = {code for row in COMMAND_REPLIES.values() for code in row}


class Bag:
    """An agenda of two letters."""

    def __init__(self) -> None:
        to = [parse_path("<a@B>"), parse_path("<b@B>"), parse_path("<@C:c@B>")]
        self.mail = [
            Outgoing(parse_path("<x@Y>"), to, b".Hi\r\n.\r\n", "MAIL"),
            Outgoing(parse_path("<>", null=True), to[:1], b"", "SEND"),
        ]
        self.log: list[object] = []
        self.delivered = 0

    def next(self) -> Outgoing | None:
        return self.mail.pop(0) if self.mail else None

    def turns(self) -> bool:
        return False

    def settled(self, outgoing: Outgoing) -> None:
        self.log.append((outgoing.answers, outgoing.answer))
        answer = outgoing.answer
        self.delivered += answer is not None and answer[0] < 300 and not outgoing.failed_at

    def refused(self, answer: object) -> None:
        self.log.append(answer)


def sender(octets: bytes) -> None:
    """Whatever a receiver says, the sender goes on or leaves: the same however a line was cut, and
    without a word about mail that it had not sent yet.
    """
    size = octets[0] % 7 + 1 if octets else 1
    lines = [line + b"\r\n" for line in octets[1:].split(b"\r\n")]
    said = [_sent(lines, cut) for cut in (len(octets) + 2, size)]
    assert said[0] == said[1], "what is sent depends on the cut"
    _sent([octets[1:]], len(octets) + 1)


def _sent(lines: list[bytes], size: int) -> tuple[bytes, object]:
    bag = Bag()
    engine = SenderSMTP("A", bag)
    out = b""
    for line in lines:
        for piece in pieces(line, size):
            for kind, crossed in engine.receive(piece):
                if kind != "reply":
                    out += crossed
    engine.end_of_input()
    assert all(len(line) <= 510 for line in out.split(b"\r\n"))
    assert bag.delivered <= out.count(b"\r\n.\r\n"), "mail is said to be taken that was not sent"
    return out, bag.log


def path(octets: bytes) -> None:
    """What is read as a path is written as it was read, and read as the same again."""
    text = octets.decode("latin-1")
    for strict in (False, True):
        try:
            found = parse_path(text, null=True, strict=strict)
        except SyntaxFault:
            continue
        assert found.text == str(found)
        assert parse_path(found.text, null=True, strict=strict) == found
        assert "\r" not in found.text.replace("\\\r", "") or '"' in found.text
        if strict:
            assert parse_path(text, null=True) == found


def replies(octets: bytes) -> None:
    """The same replies at any cut, or the same refusal to read on; never more memory than allowed."""
    size = octets[0] % 7 + 1 if octets else 1
    found = [_parsed(octets[1:], cut) for cut in (len(octets) + 1, size)]
    assert found[0] == found[1]


def _parsed(octets: bytes, size: int) -> tuple[list[object], bool]:
    parser = ReplyParser(4096)
    found: list[object] = []
    for piece in pieces(octets, size):
        try:
            found += parser.feed(piece)
        except ValueError:
            return found, True
    return found, parser.is_broken


TARGETS: dict[str, Callable[[bytes], None]] = {
    "receiver": receiver,
    "sender": sender,
    "path": path,
    "replies": replies,
    "scripted": scripted,
}

SEEDS: dict[str, list[bytes]] = {
    "scripted": SCRIPTED_SEEDS,
    "receiver": [
        b"\x03HELO A\r\nMAIL FROM:<x@Y>\r\nRCPT TO:<@C,@D:a@B>\r\nDATA\r\nHi\r\n..\r\n.\r\nQUIT\r\n",
        b"\x00HELO A\r\nVRFY x\r\nEXPN y\r\nHELP\r\nNOOP\r\nTURN\r\nRSET\r\nEHLO B\r\nNOOP x\r\n",
        b'\x02HELO A\r\nSEND FROM:<>\r\nRCPT TO:<"a b\\""@[1.2.3.4]>\r\nDATA\r\na\n.\nb\r.\rc\r\n.\r\n',
        b"\x05helo a\r\nsoml from:<a\\ b@#12>\r\nrcpt to:<no@B>\r\nDATA\r\nSAML FROM:<x@Y.Z>\r\n",
        b"\x01HELO A\r\nMAIL FROM:<x@Y>\r\nRCPT TO:<a@B>\r\nDATA\r\n\x00\x7f\xff\r\r\n\n.\r\n.\r\nQUIT\r\n",
        b"\x08HELO ABC\r\nHELP a\\\rb\r\nVRFY x\r\nVRFY z\r\nEXPN y\r\nVRFY SMITH\r\n",
        b"\x0fHELO 1_a\r\nMAIL FROM: x@Y \r\nRCPT TO: a@B\t\r\nDATA \r\n\x8d\x8a.\r\n.\r\nNOOP x\r\n",
    ],
    "sender": [
        b"\x03220 B\r\n250 B\r\n250 OK\r\n250 OK\r\n550 no\r\n251 <z@Q>\r\n354 go\r\n250 OK\r\n221 bye\r\n",
        b"\x02220-a\r\n220 b\r\n250 B\r\n250 OK\r\n552 no\r\n450 no\r\n551 <z@Q>\r\n250 OK\r\n421 x\r\n",
        b"\x01421 no\r\n",
        b"\x00220 B\r\n500 x\r\n",
        b"\x04220 B\r\n250 B\r\n451 x\r\n250 y\r\n554\r\n",
    ],
    "path": [
        b"<>",
        b"<a@B>",
        b"<@ONE.ARPA,@[1.2.3.4],@#7:Joe\\,Smith@JOES.ARPA>",
        b'<"a\\"b@c"@D-E.F1>',
        b"<a.b.c@X>",
    ],
    "replies": [
        b"\x03250-a\r\n250-b\r\n250 c\r\n",
        b"\x01354 go\r\n",
        b"\x02250 a\rb\nc\r\n",
        b"\x05250\r\n",
        b"\x00999 x\r\n",
    ],
}
