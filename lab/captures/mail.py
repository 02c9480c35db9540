"""Which mail crossed the sessions of a capture, and what became of it as far as that shows.

Mail is submitted where it is first seen. If a host has accepted it and is not seen to send it on,
it has delivered it. Mail is known again by its text under the Received fields that relays add.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, NamedTuple

from lab.captures.dialogues import TimedCrossing
from lab.hosts.fingerprint import MailOutside, fingerprint
from lab.hosts.received import without_first_received
from lab.protocol.dialogue import Exchange, Spoken
from lab.protocol.lines import dot_unstuff, ends_mail_data
from lab.protocol.replies import MAIL_DATA, is_success
from lab.protocol.syntax import path_in
from lab.trace.rows import Row, T

_MAIL_VERBS: Final = ("MAIL", "SEND", "SOML", "SAML")
_REFUSED_WHOLE: Final = ("DATA", *_MAIL_VERBS)
_OPENING: Final = -1
_END: Final = 3
"""Bytes of the end of mail data after the CRLF of the last line."""


@dataclass(slots=True)
class Rcpt:
    """A recipient of a transaction: the path, and the reply to it."""

    path: str
    code: int = 0
    reply: str = ""
    at: float = 0.0


@dataclass(slots=True)
class Transaction:
    """A mail transaction: who sent what to whom, and what was said to it.

    ``first`` and ``last`` are the places in the session of its MAIL command and of its last reply.
    ``by_client``: the end that opened the connection sent it; after TURN it is the other one.
    ``data_at`` is when the mail data had arrived, None if it did not.
    """

    talk: int
    first: int
    verb: str
    reverse_path: str
    began: float
    by_client: bool
    last: int = 0
    recipients: list[Rcpt] = field(default_factory=list)
    mail_data: bytes = b""
    data: int = 0
    data_at: float | None = None
    code: int = 0
    reply: str = ""
    answered_at: float = 0.0
    message: int = 0
    ids: list[str] = field(default_factory=list)

    @property
    def taken(self) -> list[int]:
        """The numbers of the recipients that the receiver-SMTP has taken."""
        return [n for n, recipient in enumerate(self.recipients) if 200 <= recipient.code < 300]

    @property
    def is_accepted(self) -> bool:
        """Whether the whole was answered with 2yz."""
        return bool(self.code) and is_success(MAIL_DATA, self.code)


class _Transactions:
    """Finds the mail transactions of one session, in their order."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.transactions: list[Transaction] = []
        self._open = False
        self._exchange = Exchange()
        self._asked: deque[int] = deque([_OPENING])

    def take(self, place: int, spoken: TimedCrossing) -> None:
        """Take what was said at a place of the session."""
        if spoken.kind in ("command", "data"):
            self._asked.append(place)
            self._ask(place, spoken, self._exchange.ask_next(spoken.octets))
        elif spoken.kind == "reply":
            for answered in self._exchange.receive(spoken.octets):
                if answered.spoken is not None:
                    text = spoken.octets.decode("latin-1").strip()
                    self._answer(place, spoken.t, answered.spoken.command, answered.code, text)
            if self._exchange.is_turned:
                self._exchange, self._asked, self._open = Exchange(), deque([_OPENING]), False

    def _ask(self, place: int, crossing: TimedCrossing, spoken: Spoken) -> None:
        if spoken.command in _MAIL_VERBS:
            path = _path(spoken.argument)
            verb, number = spoken.command, self.number
            self.transactions.append(
                Transaction(number, place, verb, path, crossing.sent, crossing.by_client, place)
            )
            self._open = True
        elif not self._open:
            return
        elif spoken.command == "RCPT":
            self.transactions[-1].recipients.append(Rcpt(_path(spoken.argument), at=crossing.t))
        elif spoken.command == MAIL_DATA:
            current = self.transactions[-1]
            current.mail_data, current.data, current.data_at = crossing.octets, place, crossing.t

    def _answer(self, place: int, t: float, command: str, code: int, text: str) -> None:
        asked = self._asked.popleft()
        current = self.transactions[-1] if self._open else None
        if current is None or asked < current.first:
            return
        current.last = place
        if command == "RCPT":
            waiting = next((each for each in current.recipients if not each.code), None)
            if waiting is not None:
                waiting.code, waiting.reply, waiting.at = code, text, t
        elif command == MAIL_DATA or (command in _REFUSED_WHOLE and code >= 400):
            current.code, current.reply, current.answered_at = code, text, t
            self._open = False
        elif command in ("RSET", "HELO", "EHLO"):
            self._open = False


def transactions(number: int, crossings: Sequence[TimedCrossing]) -> list[Transaction]:
    """Return the mail transactions of a session, which has that number, in their order."""
    reader = _Transactions(number)
    for place, spoken in enumerate(crossings):
        reader.take(place, spoken)
    return reader.transactions


def _path(argument: str) -> str:
    """Return the path of an argument, without the parameters that today's programs add."""
    path = path_in(argument)
    if path is not None:
        return path.bare
    return argument.partition(">")[0].strip().removeprefix("<")


def _text(transaction: Transaction) -> bytes:
    octets = transaction.mail_data
    return dot_unstuff(octets[:-_END] if ends_mail_data(octets) else octets)


class _Known(NamedTuple):
    """A message, and the ids of its recipients."""

    number: int
    ids: Sequence[str]


class _Held(NamedTuple):
    """Mail that a host has accepted: when, in which transaction, and for which path."""

    t: float
    transaction: Transaction
    path: str


class _Refused(NamedTuple):
    """A recipient who was refused: the message, the id, and the place of the row that says so."""

    number: int
    ident: str
    row: int


class Mails:
    """Gives the mail of transactions its numbers, and makes the rows about it.

    Give it the transactions of all sessions in the order of time; ``ends`` are the names of client
    and server of each session.
    """

    def __init__(self, ends: Sequence[tuple[str, str]]) -> None:
        self._ends = ends
        self._count = 0
        self._mail_by_host: dict[str, MailOutside] = {}
        self._texts: dict[tuple[str, bytes], deque[_Known]] = {}
        self._waiting: dict[tuple[str, str, tuple[str, ...]], _Known] = {}
        self._holds: dict[tuple[str, int, str], _Held] = {}
        self._sent_to: dict[tuple[str, int, str], str] = {}
        self._settled: set[tuple[int, str]] = set()
        self._notifications: set[int] = set()
        self._refused: dict[tuple[str, str], list[_Refused]] = {}
        self.rows: list[tuple[tuple[float, float], Row]] = []

    def take(self, transaction: Transaction) -> None:
        """Take the next transaction."""
        if not transaction.recipients:
            return
        client, server = self._ends[transaction.talk]
        if not transaction.by_client:
            client, server = server, client
        text = _text(transaction) if transaction.data_at is not None else b""
        self._number(transaction, client, text)
        self._sent(transaction, client, server, len(text))
        for n, recipient in enumerate(transaction.recipients):
            if 500 <= recipient.code < 600:
                self._reject(transaction, client, n, recipient.at, recipient.reply)
        if transaction.is_accepted and transaction.taken:
            self._accepted(transaction, client, server, text)
        elif 500 <= transaction.code < 600:
            for n in transaction.taken:
                self._reject(transaction, client, n, transaction.answered_at, transaction.reply)

    def _number(self, transaction: Transaction, client: str, text: bytes) -> None:
        """Find which mail it is: one that the client has accepted, or tries again, or a new one."""
        paths = [recipient.path for recipient in transaction.recipients]
        tried = client, transaction.reverse_path, tuple(paths)
        known = self._waiting.pop(tried, None) or (self._known(client, text) if text else None)
        if known is not None:
            transaction.message = known.number
            transaction.ids = self._matched(client, known, paths)
        if known is None or not all(transaction.ids):
            self._submit(transaction, client, len(text))
        if not transaction.code or transaction.code // 100 == 4:
            self._waiting[tried] = _Known(transaction.message, transaction.ids)

    def _known(self, client: str, text: bytes) -> _Known | None:
        """Return the mail that a client has accepted before, and now sends on."""
        text_left: bytes | None = text
        while text_left is not None:
            alike = self._texts.get((client, sha256(text_left).digest()), ())
            for known in alike:
                if any((client, known.number, ident) in self._holds for ident in known.ids):
                    return known
            if alike:
                return alike[-1]
            text_left = without_first_received(text_left)
        place = self._mail_by_host[client].find(text) if client in self._mail_by_host else None
        return None if place is None else _Known(*place)

    def _matched(self, client: str, known: _Known, paths: Sequence[str]) -> list[str]:
        """Return the id of each path: of the recipient for whose mailbox the client has the mail,
        or has sent it before; else of one for whom it has the mail, which it forwards. "": for
        nobody, as where a list has several members.
        """
        number = known.number
        held = {
            i: self._holds[client, number, i]
            for i in known.ids
            if (client, number, i) in self._holds
        }
        by_mailbox = {self._sent_to.get((client, number, i), ""): i for i in known.ids}
        by_mailbox |= {_mailbox(member.path): i for i, member in held.items()}
        matched = [by_mailbox.get(_mailbox(path), "") for path in paths]
        unmatched = iter([i for i in held if i not in matched])
        return [ident or next(unmatched, "") for ident in matched]

    def _submit(self, transaction: Transaction, client: str, size: int) -> None:
        self._count += 1
        transaction.message = self._count
        paths = [recipient.path for recipient in transaction.recipients]
        transaction.ids = [str(n) for n in range(1, len(paths) + 1)]
        key = transaction.began, -1.0
        path, verb = transaction.reverse_path, transaction.verb
        if not path and self._notified(key, client, transaction):
            return
        self._add(key, "submit", client, None, None, transaction.message, path, paths, verb, size)

    def _notified(self, key: tuple[float, float], client: str, transaction: Transaction) -> bool:
        """Return whether mail with a null reverse-path is about mail that was refused before."""
        path = transaction.recipients[0].path
        refused = self._refused.get((client, _mailbox(path)), [])
        if not refused:
            return False
        about = refused[0].number
        ids = []
        while refused and refused[0].number == about:
            refusal_known = refused.pop(0)
            at, row = self.rows[refusal_known.row]
            *_, reply = row
            refusal = row[T], "refuse", client, None, None, about, [refusal_known.ident], reply
            self.rows[refusal_known.row] = at, refusal
            ids.append(refusal_known.ident)
        number = transaction.message
        self._notifications.add(number)
        self._add(key, "notify", client, None, None, number, about, ids, path, str(reply))
        return True

    def _sent(self, transaction: Transaction, client: str, server: str, size: int) -> None:
        """The client holds the mail for the server, from when it had it."""
        since = transaction.began, -0.5
        for ident, recipient in zip(transaction.ids, transaction.recipients, strict=True):
            self._sent_to[client, transaction.message, ident] = _mailbox(recipient.path)
            held = self._holds.pop((client, transaction.message, ident), None)
            if held is not None:
                since = held.t, held.transaction.data + 0.2
        number, ids = transaction.message, transaction.ids
        self._add(since, "queue", client, server, None, number, ids, size)

    def _reject(self, transaction: Transaction, client: str, n: int, t: float, reply: str) -> None:
        """A recipient is refused for good; not twice, if the mail is tried again."""
        number, ident, path = (
            transaction.message,
            transaction.ids[n],
            transaction.recipients[n].path,
        )
        if (number, ident) in self._settled:
            return
        self._settled.add((number, ident))
        key = t, transaction.last + 0.3
        if number in self._notifications:
            self._add(key, "abandon", client, None, None, number, reply)
            return
        if transaction.reverse_path:
            back = client, _mailbox(transaction.reverse_path)
            self._refused.setdefault(back, []).append(_Refused(number, ident, len(self.rows)))
        self._add(key, "reject", client, None, None, number, ident, path, reply)

    def _accepted(self, transaction: Transaction, client: str, server: str, text: bytes) -> None:
        ids = [transaction.ids[n] for n in transaction.taken]
        session, number = transaction.talk + 1, transaction.message
        assert transaction.data_at is not None
        at = transaction.data_at, transaction.data + 0.1
        path = transaction.reverse_path
        self._add(at, "accept", server, client, session, number, ids, path, len(text))
        done = transaction.answered_at, transaction.last + 0.1
        self._add(done, "transfer", client, server, session, number, ids)
        self._mail_by_host.setdefault(server, MailOutside()).add(fingerprint(text), number, ids)
        alike = self._texts.setdefault((server, sha256(text).digest()), deque())
        alike.append(_Known(number, ids))
        for n in transaction.taken:
            ident, recipient = transaction.ids[n], transaction.recipients[n]
            held = _Held(transaction.data_at, transaction, recipient.path)
            self._holds[server, number, ident] = held

    def finish(self) -> list[tuple[tuple[float, float], Row]]:
        """Deliver what no host was seen to send on; return all rows with the order of each."""
        for (host, number, ident), (t, transaction, path) in self._holds.items():
            mailbox = path_in(f"<{path}>")
            user = path if mailbox is None else mailbox.user
            key = t, transaction.data + 0.2
            self._add(key, "deliver", host, None, None, number, ident, user, _text(transaction))
        self._holds.clear()
        return self.rows

    def _add(self, key: tuple[float, float], kind: str, *columns: object) -> None:
        self.rows.append((key, (key[0], kind, *columns)))


def _mailbox(path: str) -> str:
    path_read = path_in(f"<{path}>")
    return path if path_read is None else str(path_read.mailbox)


def messages_of(sent: Sequence[Transaction]) -> Mapping[tuple[int, int], int]:
    """Return the number of the message to which each place of each session belongs."""
    return {
        (transaction.talk, place): transaction.message
        for transaction in sent
        for place in range(transaction.first, transaction.last + 1)
        if transaction.message
    }
