"""Faults within a session: hang-ups, changed replies and commands, and noticing of replies.

Each is an object that a connection asks about what arrives (:class:`~lab.network.connection
.Interception`). :class:`Interceptions` holds what the faults of a run have set, and makes the
objects for each session.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lab.hosts.interception import command_line, reply_of
from lab.hosts.reply_script import code_in
from lab.network.connection import Interception
from lab.network.events import Delivery
from lab.protocol import Reply, Transaction
from lab.protocol.syntax import verb_of
from lab.quantities import parse_size
from lab.simulation.any_session import AnySession
from lab.topology.model import FaultSpec
from lab.trace.closes import hung_up_after
from lab.trace.rows import Row

Record = Callable[[Row], None]
"""Takes a row of the trace."""


class Interceptions:
    """What the faults of a run do within sessions.

    ``changes`` are the changed replies and commands, by kind, session and number within it.
    ``hang_ups`` are those that wait for their place in a session; ``one_ways`` the pairs of hosts
    of which the first cannot send to the second over NCP. ``notice`` is called with a row
    for each reply that is sent, in runs with faults that wait for one. ``more``: others may come.
    """

    def __init__(
        self, specs: Sequence[FaultSpec], notice: Record | None = None, may_come: bool = False
    ) -> None:
        self.notice = _ignore if notice is None else notice
        self.hang_ups: list[FaultSpec] = []
        self.one_ways: list[tuple[str, str]] = []
        self.changes = {
            (spec.kind, spec.session, spec.number): spec for spec in specs if spec.line is not None
        }
        self._have_hang_ups = may_come or any(
            spec.kind == "hang-up" and spec.after for spec in specs
        )
        self._have_one_ways = may_come or any(spec.kind == "one-way" for spec in specs)
        self._await_replies = any((spec.when or {}).get("event") == "reply" for spec in specs)

    def add(self, specs: Sequence[FaultSpec], sessions: Sequence[AnySession]) -> None:
        """Take more faults during a run, also into the sessions that are open.

        Changed replies and commands cannot be added: they are told apart by numbers that are
        counted from the beginning of a session.
        """
        additional = Interceptions(specs)
        for session in sessions:
            added: list[Interception] = []
            if additional._have_hang_ups and not self._have_hang_ups:
                added.append(HangUps(self, session))
            if additional._have_one_ways and not self._have_one_ways:
                added.append(SimplexFailures(self, session))
            if additional._await_replies and not self._await_replies:
                added.append(NoticedReplies(self, session))
            connection = session.connection
            connection.interceptions = (*connection.interceptions, *added)
        self._have_hang_ups = self._have_hang_ups or additional._have_hang_ups
        self._have_one_ways = self._have_one_ways or additional._have_one_ways
        self._await_replies = self._await_replies or additional._await_replies

    def close(self) -> None:
        """Notice nothing any more, at the end of a run."""
        self.notice = _ignore
        self.hang_ups.clear()
        self.one_ways.clear()

    def changed_replies(self, session: AnySession, record: Record) -> ChangedReplies | None:
        """Return what changes replies of a session, and records them; None for most runs."""
        return ChangedReplies(self, session, record) if self.changes else None

    def of(
        self, session: AnySession, record: Record, replies: ChangedReplies | None = None
    ) -> tuple[Interception, ...]:
        """Return what intercepts a session, in the order in which it is asked.

        ``replies``: the changed replies of the session, if they are recorded in this process.
        """
        if not (self.changes or self._have_hang_ups or self._have_one_ways or self._await_replies):
            return ()
        interceptions: list[Interception] = []
        if replies is not None:
            interceptions.append(replies)
        if self.changes:
            interceptions.append(ChangedCommands(self, session, record))
        if self._have_hang_ups:
            interceptions.append(HangUps(self, session))
        if self._have_one_ways:
            interceptions.append(SimplexFailures(self, session))
        if self._await_replies:
            interceptions.append(NoticedReplies(self, session))
        return tuple(interceptions)

    def change(self, kind: str, session: int | None, number: int, host: str) -> FaultSpec | None:
        """Return the fault that changes a host's reply or command, by its number in a session."""
        spec = self.changes.get((kind, session, number))
        return spec if spec is not None and spec.host == host else None

    def hang_ups_of(self, session: AnySession) -> list[FaultSpec]:
        """Return the hang-ups that wait for a session between these hosts, or for this one."""
        ends = {session.sender_host, session.receiver_host}
        return [
            spec
            for spec in self.hang_ups
            if set(spec.link or ()) == ends and spec.session in (None, session.number)
        ]

    def triggered(self, spec: FaultSpec) -> None:
        """Remove a hang-up that has happened, unless it lasts for some time."""
        if spec.duration is None and spec in self.hang_ups:
            self.hang_ups.remove(spec)


def _ignore(_: Row) -> None:
    """Do nothing: the run is over."""


class ChangedCommands(Interception):
    """Changes commands on their way: the sender-SMTP takes the reply for one to its own command."""

    __slots__ = ("_interceptions", "_number", "_record", "_session")

    def __init__(self, interceptions: Interceptions, session: AnySession, record: Record) -> None:
        self._interceptions = interceptions
        self._session = session
        self._record = record
        self._number = 0

    def before_receiver(self, delivery: Delivery) -> int | None:
        """Replace a command that is to be changed, and record that."""
        session = self._session
        self._number += 1
        spec = self._interceptions.change(
            "change-command", session.number, self._number, session.sender_host
        )
        if spec is not None:
            own = delivery.octets.split(b"\r\n", 1)[0].decode("latin-1")
            row = (delivery.at, "fault", spec.host, session.receiver_host, session.number, None)
            self._record((*row, spec.kind, True, f"{spec.line} in place of {own}"))
            delivery.octets = command_line(spec.line or "")
        return None


class ChangedReplies(Interception):
    """Changes replies of the receiver-SMTP, which asks for :meth:`next_reply`.

    A changed reply is recorded when it arrives. Live, this only records: the receiver-SMTP is in
    another process, which asks :meth:`Interceptions.change`.
    """

    __slots__ = ("_arrived", "_interceptions", "_record", "_sent", "_session")

    def __init__(self, interceptions: Interceptions, session: AnySession, record: Record) -> None:
        self._interceptions = interceptions
        self._session = session
        self._record = record
        self._sent = self._arrived = 0

    def next_reply(self) -> Reply | None:
        """Return what replaces the next reply of the receiver-SMTP; None to leave its own."""
        self._sent += 1
        spec = self._change(self._sent)
        return reply_of(spec.line or "") if spec is not None else None

    def before_sender(self, delivery: Delivery) -> int | None:
        """Record a reply that has been changed."""
        self._arrived += 1
        spec = self._change(self._arrived)
        if spec is not None:
            session = self._session
            row = (delivery.at, "fault", spec.host, session.sender_host, session.number, None)
            self._record((*row, spec.kind, True, spec.line or ""))
        return None

    def _change(self, number: int) -> FaultSpec | None:
        session = self._session
        return self._interceptions.change(
            "change-reply", session.number, number, session.receiver_host
        )


class HangUps(Interception):
    """Cuts a session at the place that a hang-up names.

    A hang-up ``after`` a command cuts when the command has arrived; after a reply code, when that
    reply has arrived; after ".", when the mail data has arrived and been answered, so that the
    answer is lost; after a size, when that many bytes of the sender-SMTP (or of the receiver-SMTP)
    have arrived.
    """

    __slots__ = ("_due", "_from_receiver", "_from_sender", "_interceptions", "_session")

    def __init__(self, interceptions: Interceptions, session: AnySession) -> None:
        self._interceptions = interceptions
        self._session = session
        self._from_sender = self._from_receiver = 0
        self._due: FaultSpec | None = None

    def before_receiver(self, delivery: Delivery) -> int | None:
        """Return how many bytes still arrive, if they trigger a hang-up."""
        octets = delivery.octets
        word = "." if self._session.is_in_mail_data else verb_of(octets).strip()
        arriving = self._find("sender", self._from_sender, octets, word)
        self._from_sender += len(octets)
        return arriving

    def after_receiver(self) -> None:
        """Cut the session, if a hang-up was triggered."""
        self._hang_up()

    def before_sender(self, delivery: Delivery) -> int | None:
        """Return how many bytes still arrive, if they trigger a hang-up."""
        octets = delivery.octets
        word = octets[:3].decode("latin-1")
        arriving = self._find("receiver", self._from_receiver, octets, word)
        self._from_receiver += len(octets)
        return arriving

    def after_sender(self) -> None:
        """Cut the session, if a hang-up was triggered."""
        self._hang_up()

    def _find(self, of: str, crossed: int, octets: bytes, word: str) -> int | None:
        """Find the hang-up that these bytes trigger; return how many of them still arrive."""
        for spec in self._interceptions.hang_ups_of(self._session):
            size = _size(spec.after)
            if size is None and spec.after == word:
                self._due = spec
                return len(octets)
            if size is not None and spec.of == of and crossed + len(octets) >= size:
                self._due = spec
                return max(0, size - crossed)
        return None

    def _hang_up(self) -> None:
        spec, self._due = self._due, None
        if spec is not None:
            self._interceptions.triggered(spec)
            whose = " of the receiver-SMTP" if spec.of == "receiver" else ""
            self._session.cut(hung_up_after(f"{spec.after}{whose}"))


class SimplexFailures(Interception):
    """Loses what one end of a session sends, while the other end is heard as before.

    Over NCP a channel is "a pair of simplex connections" (appendix B), and each can fail alone.
    Once it has, nothing more crosses it, also when the fault is over.
    """

    __slots__ = ("_broken", "_interceptions", "_session")

    def __init__(self, interceptions: Interceptions, session: AnySession) -> None:
        self._interceptions = interceptions
        self._session = session
        self._broken: set[str] = set()

    def before_receiver(self, delivery: Delivery) -> int | None:
        """Return 0, so that nothing arrives, if the sender-SMTP's connection has failed."""
        return self._arriving(self._session.sender_host, self._session.receiver_host)

    def before_sender(self, delivery: Delivery) -> int | None:
        """Return 0, so that nothing arrives, if the receiver-SMTP's connection has failed."""
        return self._arriving(self._session.receiver_host, self._session.sender_host)

    def _arriving(self, sent_by: str, to: str) -> int | None:
        fails = (sent_by, to) in self._interceptions.one_ways
        if fails and self._session.connection.route.transport.is_simplex:
            self._broken.add(sent_by)
        return 0 if sent_by in self._broken else None


class NoticedReplies(Interception):
    """Reports each reply when the receiver-SMTP sends it, for faults that wait for one."""

    __slots__ = ("_interceptions", "_session")

    def __init__(self, interceptions: Interceptions, session: AnySession) -> None:
        self._interceptions = interceptions
        self._session = session

    def reply_sent(self, octets: bytes, now: float) -> None:
        """Report the reply as a row of the receiver-SMTP's host."""
        session = self._session
        kind = "reply" if code_in(octets) is not None else "piece"
        row = (
            now, kind, session.receiver_host, session.sender_host, session.number,
            session.message, now, octets,
        )  # fmt: skip
        self._interceptions.notice(row)


class KnownRecipients:
    """Which recipients of the sender-SMTP a receiver-SMTP has taken, where commands are changed.

    A changed command may add a recipient that the sender-SMTP does not know, or take one away.
    """

    __slots__ = ("_taken", "_transaction")

    def __init__(self) -> None:
        self._taken: list[int | None] = []
        self._transaction: Transaction | None = None

    def follow(self, transaction: Transaction, asked: int | None) -> None:
        """Take note of what a command has changed in the receiver-SMTP's transaction.

        ``asked`` is the number of the sender-SMTP's recipient that the command was to be about,
        from 0; None if it was to be about none.
        """
        if transaction is not self._transaction:
            self._transaction = transaction
            self._taken = []
        if len(transaction.forward_paths) > len(self._taken):
            self._taken.append(asked)

    def numbers(self) -> list[int] | None:
        """Return the numbers of the recipients that were taken; None if one is not known."""
        known = [number for number in self._taken if number is not None]
        return known if len(known) == len(self._taken) else None


def _size(after: str | None) -> int | None:
    """Return the bytes of a hang-up after a size; None for one after anything else."""
    if after is None or after == "." or after.isalpha() or after.isdecimal():
        return None
    return parse_size(after)
