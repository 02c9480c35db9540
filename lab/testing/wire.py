"""The wire: two engines, and the bytes that they send each other, in whatever pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Protocol

from lab.protocol import Crossing, Limits, Outgoing, ReceiverSMTP, SenderSMTP
from lab.testing.fakes import FakeAgenda, FakeInstallation

Pieces = Callable[[bytes], Iterable[bytes]]
"""How bytes are cut into pieces on their way."""


def whole(octets: bytes) -> Iterator[bytes]:
    """Leave bytes in one piece."""
    yield octets


def bytewise(octets: bytes) -> Iterator[bytes]:
    """Make every byte a piece of its own."""
    for n in range(len(octets)):
        yield octets[n : n + 1]


def by(size: int) -> Pieces:
    """Cut bytes into pieces of ``size`` bytes."""
    return lambda octets: (octets[n : n + size] for n in range(0, len(octets), size))


def at(*positions: int) -> Pieces:
    """Cut whatever is sent at once at these byte counts: ``at(3, 10)``."""

    def cut(octets: bytes) -> Iterator[bytes]:
        ends = [0, *sorted(each for each in positions if 0 < each < len(octets)), len(octets)]
        for begin, end in pairwise(ends):
            yield octets[begin:end]

    return cut


class SendingSide(Protocol):
    """What a wire asks of a sender-SMTP: :class:`~lab.protocol.SenderSMTP`, or your own."""

    def receive(self, octets: bytes) -> Sequence[Crossing]:
        """Take bytes of replies; return what crossed and what to send, in order."""

    def end_of_input(self) -> None:
        """Note that the channel is gone."""


class ReceivingSide(SendingSide, Protocol):
    """What a wire asks of a receiver-SMTP: :class:`~lab.protocol.ReceiverSMTP`, or your own."""

    def open(self) -> Sequence[Crossing]:
        """Begin the session; return the greeting."""


class Wire:
    """A channel between a sender-SMTP and a receiver-SMTP.

    ``log`` has a line for whatever one side sent at once, in the RFC's manner: "R: 220 ..." and
    "S: HELO ..."; a "|" stands for a CRLF within. ``carried`` counts the bytes that have arrived,
    both ways. ``is_lost``: the channel was lost.
    """

    def __init__(
        self, sender: SendingSide, receiver: ReceivingSide, pieces: Pieces = whole
    ) -> None:
        self.sender = sender
        self.receiver = receiver
        self.pieces = pieces
        self.log: list[str] = []
        self.carried = 0
        self.is_lost = False
        self._to_sender: list[bytes] = []
        self._to_receiver: list[bytes] = []
        self._begun = False

    def play(self, *, lost_after: int | None = None, crossings: int | None = None) -> list[str]:
        """Carry bytes until nothing is left to send; return the log.

        The channel is lost when ``lost_after`` bytes, or ``crossings`` lines of the log, have
        arrived: both sides learn that it is gone. Without them a wire may be played again, after
        :meth:`send_reply` or :meth:`send_command`.
        """
        if not self._begun:
            self._begun = True
            self._to_sender += [octets for _, octets in self.receiver.open()]
        while (self._to_sender or self._to_receiver) and not self.is_lost:
            for label in "RS":
                self._carry(label, lost_after, crossings)
        return self.log

    def send_reply(self, octets: bytes) -> None:
        """Put bytes on the wire as the receiver-SMTP would: a verdict that comes later, or what no
        command has asked for.
        """
        self._to_sender.append(octets)

    def send_command(self, octets: bytes) -> None:
        """Put bytes on the wire as the sender-SMTP would."""
        self._to_receiver.append(octets)

    def lose(self) -> None:
        """Lose the channel: both sides learn that it is gone."""
        self.is_lost = True
        self.sender.end_of_input()
        self.receiver.end_of_input()

    def _carry(self, label: str, lost_after: int | None, crossings: int | None) -> None:
        """Carry what one side has sent: "R", the receiver-SMTP, or "S", the sender-SMTP."""
        stream = self._to_sender if label == "R" else self._to_receiver
        while stream and not self.is_lost:
            octets = stream.pop(0)
            room = len(octets) if lost_after is None else max(0, lost_after - self.carried)
            if crossings is not None and len(self.log) >= crossings:
                room = 0
            arriving = octets[:room]
            if arriving:
                self._note(label, arriving)
                self.carried += len(arriving)
                self._deliver(label, arriving)
            if room < len(octets):
                self.lose()

    def _deliver(self, label: str, octets: bytes) -> None:
        engine = self.sender if label == "R" else self.receiver
        answers = self._to_receiver if label == "R" else self._to_sender
        for piece in self.pieces(octets):
            for kind, out in engine.receive(piece):
                if (kind == "reply") == (label == "S") and out:
                    answers.append(out)

    def _note(self, label: str, octets: bytes) -> None:
        text = octets.decode("latin-1").removesuffix("\r\n").replace("\r\n", "|")
        self.log.append(f"{label}: {text}")


def every_loss(make: Callable[[], Wire]) -> Iterator[Wire]:
    """Yield a wire for each byte after which the channel may be lost: played until then, both
    sides told.

    ``make`` returns a new wire with new engines; it is called once for each byte, and once more.
    """
    complete = make()
    complete.play()
    for count in range(complete.carried + 1):
        wire = make()
        wire.play(lost_after=count)
        if not wire.is_lost:
            wire.lose()
        yield wire


def play(
    installation: FakeInstallation,
    *mail: Outgoing,
    pieces: Pieces = whole,
    limits: Limits | None = None,
    grammar: str = "standard",
    eight_bit: str = "refuse",
) -> tuple[list[str], FakeAgenda]:
    """Send mail from ALPHA.ARPA to an installation; return the log and the sender's agenda.

    ``limits``, ``grammar`` and ``eight_bit`` are those of :class:`~lab.protocol.ReceiverSMTP`.
    """
    agenda = FakeAgenda(*mail)
    receiver = ReceiverSMTP(installation, limits, grammar=grammar, eight_bit=eight_bit)
    return Wire(SenderSMTP("ALPHA.ARPA", agenda), receiver, pieces).play(), agenda


def outline(log: Iterable[str]) -> str:
    """Return a log in one line: commands by word, replies by code, mail data as "..."."""
    words = []
    for line in log:
        label, text = line[0], line[3:]
        words.append(text[:3] if label == "R" else text[:4] if text[-1:] != "." else "...")
    return " ".join(words)
