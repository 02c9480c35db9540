"""What became of each message: its hops, failed attempts and ends, from a trace in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lab.protocol.syntax import verb_of
from lab.runtime.deprecation import renamed
from lab.trace.rows import (
    FORWARD_MODE,
    HOST,
    KIND,
    KINDS,
    MESSAGE,
    OCTETS,
    OPEN_STARTED,
    PEER,
    RECIPIENT,
    RECIPIENTS,
    SENT,
    SESSION,
    SUBMIT_RECIPIENTS,
    SUBMIT_REVERSE_PATH,
    Row,
    T,
)
from lab.trace.trace import Trace

Key = tuple[int, str, str]
"""A message in the spool of a host for the next one: (message, host, peer)."""


@dataclass(slots=True, eq=False)
class Attempt:
    """An attempt at a hop that failed; times in seconds.

    ``began`` is when the channel began to be opened, ``ended`` when the mail was put off, and
    ``retry_at`` the time set for the next attempt; None if there is to be none.
    """

    began: float
    ended: float
    retry_at: float | None
    reason: str


@dataclass(slots=True, eq=False)
class Hop:
    """A message's way from one host to the next; times in seconds, None for what did not happen.

    It lies in the spool from ``queued`` on. The channel that it crossed began to open at
    ``opening`` and was open at ``opened``, its transaction began at ``sending``, and at ``ended``
    the receiver-SMTP accepted it or refused it, or the sender gave up. ``outcome`` is transfer,
    discarded (a scripted or external host replied 250 and did not take it), refuse, redirect,
    expired, round (it goes to another next host instead) or queued. ``parent`` is the hop before.
    """

    message: int
    host: str
    peer: str
    recipients: tuple[str, ...]
    queued: float
    ordinal: int = 1
    parent: Hop | None = None
    attempts: list[Attempt] = field(default_factory=list)
    opening: float | None = None
    opened: float | None = None
    sending: float | None = None
    ended: float | None = None
    outcome: str = "queued"

    if not TYPE_CHECKING:  # type checkers know the new names only

        def __getattr__(self, name: str) -> object:
            return renamed(self, {"tries": "attempts"}, name)


@dataclass(slots=True, eq=False)
class End:
    """An end that a message came to at a host: deliver, terminal, reject, refuse or abandon.

    ``t`` is in seconds, and ``hop`` the one that brought it there.
    """

    t: float
    kind: str
    host: str
    hop: Hop | None


@dataclass(slots=True, eq=False)
class Itinerary:
    """A message from submission, at ``t`` seconds, to its ends.

    ``about`` is set if it is a notification: the message that it is about, of which the hop
    ``cause`` failed.
    """

    number: int
    t: float
    host: str
    sender: str
    recipients: tuple[str, ...]
    hops: list[Hop] = field(default_factory=list)
    ends: list[End] = field(default_factory=list)
    about: Itinerary | None = None
    cause: Hop | None = None
    notifications: list[Itinerary] = field(default_factory=list)

    @property
    def last(self) -> float:
        """The last time at which something happened to the message itself."""
        times = [self.t, *(end.t for end in self.ends)]
        times += [t for hop in self.hops for t in (hop.ended or hop.queued,)]
        times += [attempt.ended for hop in self.hops for attempt in hop.attempts]
        return max(times)


_REPLIED_250 = ("transfer", "discarded")
"""The outcomes of a hop whose sender-SMTP was told that the mail was accepted."""

_OPENINGS = ("MAIL", "SEND", "SOML", "SAML")
"""The commands that begin a transaction (RFC 821, 4.1.1)."""


class _Builder:
    """Builds itineraries from the rows of a trace; each kind that matters has a method."""

    def __init__(self) -> None:
        self.itineraries: dict[int, Itinerary] = {}
        self.pending: dict[Key, list[Hop]] = {}
        self.discarded: dict[Key, list[Hop]] = {}
        self.next_hosts: dict[tuple[int, str], dict[str, None]] = {}
        self.arrived: dict[tuple[int, str], list[Hop]] = {}
        self.openings: dict[tuple[str, str], float] = {}
        self.sessions: dict[int, tuple[float, float]] = {}
        self.sent: dict[tuple[int, int], float] = {}
        self.first: dict[int, int] = {}

    def submit(self, row: Row) -> None:
        self.itineraries[row[MESSAGE]] = Itinerary(
            row[MESSAGE], row[T], row[HOST], row[SUBMIT_REVERSE_PATH], tuple(row[SUBMIT_RECIPIENTS])
        )

    def queue(self, row: Row) -> None:
        t, _, host, peer, _, message, recipients, *_ = row
        itinerary = self._itinerary(row)
        given_up = self._detoured(row)
        parent = given_up or self._arrival(message, host, recipients)
        ordinal = 1 if parent is None else parent.ordinal + (given_up is None)
        hop = Hop(message, host, peer, tuple(recipients), t, ordinal, parent)
        self.pending.setdefault((message, host, peer), []).append(hop)
        self.next_hosts.setdefault((message, host), {})[peer] = None
        itinerary.hops.append(hop)

    def _detoured(self, row: Row) -> Hop | None:
        """Return the hop that is given up because the mail goes to another next host instead.

        The same recipients are in the spool of a host twice only then, or for a duplicate, which
        goes to the same next host, or for mail whose 250 is still on its way.
        """
        t, _, host, peer, _, message, recipients, *_ = row
        for next_host in self.next_hosts.get((message, host), ()):
            for hop in self.pending[message, host, next_host] if next_host != peer else ():
                if hop.ended is None and set(recipients) <= set(hop.recipients):
                    hop = self._take((message, host, next_host), recipients)[0]
                    self._settle(hop)
                    hop.ended, hop.outcome = t, "round"
                    return hop
        return None

    def attempt(self, row: Row) -> None:
        self.openings[row[HOST], row[PEER]] = row[T]

    def open(self, row: Row) -> None:
        self.sessions[row[SESSION]] = (row[OPEN_STARTED], row[T])

    def command(self, row: Row) -> None:
        session, message = row[SESSION], row[MESSAGE]
        if message is not None and verb_of(row[OCTETS]) in _OPENINGS:
            # the last one: mail that was put off may be tried again in the same session
            self.sent[session, message] = row[SENT]
            self.first.setdefault(session, message)

    def accept(self, row: Row) -> None:
        t, _, host, peer, session, message, recipients, reverse_path, *_ = row
        if message not in self.itineraries:  # mail of a script, which no user submitted
            self.itineraries[message] = Itinerary(message, t, host, reverse_path, tuple(recipients))
        key = message, peer, host
        for hop in self._taken_late(key, recipients) or self._take(key, recipients):
            self._sent(hop, session)
            hop.ended = t
            self._arrive(hop)

    def transfer(self, row: Row) -> None:
        key = row[MESSAGE], row[HOST], row[PEER]
        for hop in self._take(key, row[RECIPIENTS]):
            if self._has_arrived(hop):
                self._finish(hop, row, "transfer")
            else:
                self._finish(hop, row, "discarded")
                self.discarded.setdefault(key, []).append(hop)

    def refuse(self, row: Row) -> None:
        t, _, host, peer, session, message, recipients, reply = row
        for hop in self._take((message, host, peer), recipients):
            if session is None:  # no more attempts are made
                began = self._began(hop, None)
                if not hop.attempts or began > hop.attempts[-1].began:
                    hop.attempts.append(Attempt(began, t, None, str(reply)))
                self._finish(hop, row, "expired")
            else:
                self._finish(hop, row, "refuse")
                self._itinerary(row).ends.append(End(t, "refuse", host, hop))

    def forward(self, row: Row) -> None:
        """Finish the hop to a host that replied 251 or 551: the sender goes to another."""
        if row[FORWARD_MODE] == "redirect" and row[SESSION] is not None:
            for hop in self._take((row[MESSAGE], row[HOST], row[PEER]), (row[RECIPIENT],)):
                self._finish(hop, row, "redirect")

    def defer(self, row: Row) -> None:
        t, _, host, peer, session, message, recipients, reason, retry_at = row
        for hop in self._take((message, host, peer), recipients):
            hop.attempts.append(Attempt(self._began(hop, session), t, retry_at, str(reason)))
            hop.opening = hop.opened = hop.sending = hop.ended = None

    def deliver(self, row: Row) -> None:
        self._itinerary(row).ends.append(self._end(row))

    terminal = reject = abandon = deliver

    def notify(self, row: Row) -> None:
        t, _, host, _, _, message, about, recipients, path, *_ = row
        origin = self.itineraries.get(about)
        itinerary = self.itineraries[message] = Itinerary(
            message, t, host, "<>", (str(path),), about=origin
        )
        if origin is not None:
            itinerary.cause = self._cause(origin, host, recipients, t)
            origin.notifications.append(itinerary)

    def _cause(
        self, origin: Itinerary, host: str, recipients: Iterable[str], t: float
    ) -> Hop | None:
        """Return the hop that failed for these recipients: refused, or given up just now."""
        wanted = set(recipients)
        for hop in reversed(origin.hops):
            failed = hop.host == host and hop.outcome not in _REPLIED_250
            if failed and wanted & set(hop.recipients):
                if hop.outcome == "queued":
                    hop.outcome, hop.ended = "expired", t
                    self._settle(hop)
                return hop
        return self._arrival(origin.number, host, recipients)

    def _began(self, hop: Hop, session: int | None) -> float:
        """Return when the attempt began that has just failed: its transaction, or its channel."""
        if session is not None and session in self.sessions:
            began = self.sent.get((session, hop.message), self.sessions[session][0])
        else:
            began = self.openings.get((hop.host, hop.peer), hop.queued)
        return max(began, hop.queued)

    def _arrive(self, hop: Hop) -> None:
        arrivals = self.arrived.setdefault((hop.message, hop.peer), [])
        if hop not in arrivals:
            arrivals.append(hop)

    def _has_arrived(self, hop: Hop) -> bool:
        """Return whether the receiver-SMTP took the mail, whatever it replied."""
        return hop in self.arrived.get((hop.message, hop.peer), ())

    def _arrival(self, message: int, host: str, recipients: Iterable[str]) -> Hop | None:
        """Return the hop that brought mail for these recipients; None if it was submitted here."""
        arrivals = self.arrived.get((message, host), ())
        if len(arrivals) > 1:
            # "2.1" is a member of the list that recipient "2" was
            wanted = {part for name in recipients for part in (name, name.partition(".")[0])}
            arrivals = [hop for hop in arrivals if wanted & set(hop.recipients)] or arrivals
        return arrivals[-1] if arrivals else None

    def _itinerary(self, row: Row) -> Itinerary:
        message = row[MESSAGE]
        if message not in self.itineraries:
            self.itineraries[message] = Itinerary(message, row[T], row[HOST], "", ())
        return self.itineraries[message]

    def _end(self, row: Row) -> End:
        return End(
            row[T],
            row[KIND],
            row[HOST],
            self._arrival(row[MESSAGE], row[HOST], row[RECIPIENT : RECIPIENT + 1]),
        )

    def _take(self, key: Key, recipients: Iterable[str]) -> list[Hop]:
        """Return the hops of these recipients; one that others share is split in two."""
        return self._of_these(self.pending, key, recipients) or list(self.pending.get(key, ()))

    def _taken_late(self, key: Key, recipients: Iterable[str]) -> list[Hop]:
        """Return the hops of mail that a host takes only after its 250: transfers after all."""
        late = self._of_these(self.discarded, key, recipients)
        for hop in late:
            self.discarded[key].remove(hop)
            hop.outcome = "transfer"
        return late

    def _of_these(
        self, hops: dict[Key, list[Hop]], key: Key, recipients: Iterable[str]
    ) -> list[Hop]:
        """Return those of the hops that have these recipients, split as above."""
        wanted = set(recipients)
        matching = [hop for hop in hops.get(key, ()) if wanted & set(hop.recipients)]
        for hop in matching:
            others_left = tuple(name for name in hop.recipients if name not in wanted)
            if others_left:
                hop.recipients = tuple(name for name in hop.recipients if name in wanted)
                later = replace(hop, recipients=others_left, attempts=list(hop.attempts))
                hops[key].append(later)
                self.itineraries[hop.message].hops.append(later)
                if self._has_arrived(hop):
                    self._arrive(later)
        return matching

    def _settle(self, hop: Hop) -> None:
        self.pending[hop.message, hop.host, hop.peer].remove(hop)

    def _finish(self, hop: Hop, row: Row, outcome: str) -> None:
        """Take a hop out of the spool, for whatever reason."""
        self._settle(hop)
        if hop.ended is None:
            self._sent(hop, row[SESSION])
        if hop.ended is None or outcome != "transfer":
            hop.ended = row[T]
        hop.outcome = outcome

    def _sent(self, hop: Hop, session: int | None) -> None:
        if session is None or session not in self.sessions:
            return
        started, opened = self.sessions[session]
        hop.sending = max(self.sent.get((session, hop.message), opened), hop.queued)
        if hop.queued <= opened:
            hop.opening = max(started, hop.queued)
            # the greeting and HELO belong to the opening, for the message that waited for them
            leads = self.first.get(session, hop.message) == hop.message
            hop.opened = hop.sending if leads else opened


def itineraries(trace: Trace) -> list[Itinerary]:
    """Return the itineraries of all messages, with notifications, in the order of submission."""
    builder = _Builder()
    handlers: dict[str, Callable[[Row], Any]] = {
        kind: getattr(builder, kind) for kind in KINDS if hasattr(builder, kind)
    }
    for row in trace.of(handlers):
        handlers[row[KIND]](row)
    return list(builder.itineraries.values())
