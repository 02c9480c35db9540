"""What became of each message: its hops, failed tries and ends, from a trace in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from lab.trace import Row, Trace

Key = tuple[int, str, str]
"""A message in the spool of a host for the next one: (message, host, peer)."""


@dataclass(slots=True, eq=False)
class Try:
    """An attempt at a hop that did not move the mail; times in seconds.

    ``began`` is when the channel began to be opened, ``ended`` when the mail was put off;
    ``retry_at`` is the time set for the next, or None where there is to be none.
    """

    began: float
    ended: float
    retry_at: float | None
    reason: str


@dataclass(slots=True, eq=False)
class Hop:
    """A message's way from one host to the next; times in seconds, None where not reached.

    It lies in the spool from ``queued``; the channel that took it opens from ``opening`` on;
    ``sending`` is when its transaction begins, ``ended`` when the receiver-SMTP has accepted it,
    refused it, or the sender gave up. ``outcome`` is one of transfer, refuse, expired, queued.
    """

    message: int
    host: str
    peer: str
    recipients: tuple[str, ...]
    queued: float
    ordinal: int = 1
    parent: Hop | None = None
    tries: list[Try] = field(default_factory=list)
    opening: float | None = None
    opened: float | None = None
    sending: float | None = None
    ended: float | None = None
    outcome: str = "queued"


@dataclass(slots=True, eq=False)
class Mark:
    """An end reached at a host: deliver, terminal, reject, refuse or abandon."""

    t: float
    kind: str
    host: str
    hop: Hop | None


@dataclass(slots=True, eq=False)
class Story:
    """A message from hand-over to its ends; ``about`` is set where it is a notification."""

    number: int
    t: float
    host: str
    sender: str
    recipients: tuple[str, ...]
    hops: list[Hop] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    about: Story | None = None
    cause: Hop | None = None
    notices: list[Story] = field(default_factory=list)

    @property
    def last(self) -> float:
        """The last time at which something happened to the message itself."""
        times = [self.t, *(mark.t for mark in self.marks)]
        times += [t for hop in self.hops for t in (hop.ended or hop.queued,)]
        times += [attempt.ended for hop in self.hops for attempt in hop.tries]
        return max(times)


_TOLD = (
    *("submit", "queue", "attempt", "open", "command", "accept", "transfer", "refuse", "defer"),
    *("deliver", "terminal", "reject", "abandon", "notify"),
)


class _Teller:
    """One pass over the rows of a trace; each kind that matters has a method of its name."""

    def __init__(self) -> None:
        self.stories: dict[int, Story] = {}
        self.pending: dict[Key, Hop] = {}
        self.arrived: dict[tuple[int, str], Hop] = {}
        self.attempts: dict[tuple[str, str], float] = {}
        self.sessions: dict[int, tuple[float, float]] = {}
        self.sent: dict[tuple[int, int], float] = {}
        self.first: dict[int, int] = {}

    def submit(self, row: Row) -> None:
        self.stories[row[5]] = Story(row[5], row[0], row[2], row[6], tuple(row[7]))

    def queue(self, row: Row) -> None:
        t, _, host, peer, _, message, recipients, *_ = row
        story = self._story(row)
        pending = self.pending.get((message, host, peer))
        if pending is not None:
            pending.recipients = (*pending.recipients, *recipients)
            return
        parent = self.arrived.get((message, host))
        ordinal = parent.ordinal + 1 if parent else 1
        hop = Hop(message, host, peer, tuple(recipients), t, ordinal, parent)
        self.pending[message, host, peer] = hop
        story.hops.append(hop)

    def attempt(self, row: Row) -> None:
        self.attempts[row[2], row[3]] = row[0]

    def open(self, row: Row) -> None:
        self.sessions[row[4]] = (row[9], row[0])

    def command(self, row: Row) -> None:
        session, message = row[4], row[5]
        if message is not None and (session, message) not in self.sent:
            self.sent[session, message] = row[6]
            self.first.setdefault(session, message)

    def accept(self, row: Row) -> None:
        t, _, host, peer, session, message, recipients, reverse_path, *_ = row
        hop = self.pending.get((message, peer, host))
        if message not in self.stories:  # a script's mail: nobody handed it over
            self.stories[message] = Story(message, t, host, reverse_path, tuple(recipients))
        if hop is not None:
            self._sent(hop, session)
            hop.ended = t
            self.arrived[message, host] = hop

    def transfer(self, row: Row) -> None:
        hop = self._finish(row, "transfer")
        if hop is not None:
            self.arrived.setdefault((hop.message, hop.peer), hop)

    def refuse(self, row: Row) -> None:
        hop = self._finish(row, "refuse")
        self._story(row).marks.append(Mark(row[0], "refuse", row[2], hop))

    def defer(self, row: Row) -> None:
        t, _, host, peer, session, message, _, reason, retry_at = row
        hop = self.pending.get((message, host, peer))
        if hop is not None:
            attempt = self.attempts.get((host, peer))
            began = self._began(session, message, hop.queued if attempt is None else attempt)
            began = max(began, hop.queued)
            hop.tries.append(Try(began, t, retry_at, str(reason)))
            hop.ended = None

    def deliver(self, row: Row) -> None:
        self._story(row).marks.append(self._mark(row))

    terminal = reject = abandon = deliver

    def notify(self, row: Row) -> None:
        t, _, host, _, _, message, about, recipients, path, *_ = row
        origin = self.stories.get(about)
        story = self.stories[message] = Story(message, t, host, "<>", (str(path),), about=origin)
        if origin is not None:
            story.cause = self._cause(origin, host, recipients, t)
            origin.notices.append(story)

    def _cause(self, origin: Story, host: str, recipients: Iterable[str], t: float) -> Hop | None:
        """The hop that failed for these recipients: refused, or given up just now."""
        wanted = set(recipients)
        for hop in reversed(origin.hops):
            if hop.host == host and wanted & set(hop.recipients) and hop.outcome != "transfer":
                if hop.outcome == "queued":
                    hop.outcome, hop.ended = "expired", t
                    self.pending.pop((hop.message, hop.host, hop.peer), None)
                return hop
        return self.arrived.get((origin.number, host))

    def _began(self, session: int | None, message: int, attempt: float) -> float:
        if session is None or session not in self.sessions:
            return attempt
        return self.sent.get((session, message), self.sessions[session][0])

    def _story(self, row: Row) -> Story:
        message = row[5]
        if message not in self.stories:
            self.stories[message] = Story(message, row[0], row[2], "", ())
        return self.stories[message]

    def _mark(self, row: Row) -> Mark:
        return Mark(row[0], row[1], row[2], self.arrived.get((row[5], row[2])))

    def _finish(self, row: Row, outcome: str) -> Hop | None:
        """Take recipients out of the spool; where some stay behind, the hop parts in two."""
        t, _, host, peer, session, message, recipients, *_ = row
        hop = self.pending.get((message, host, peer))
        if hop is None:
            return None
        rest = tuple(one for one in hop.recipients if one not in set(recipients))
        if rest and len(rest) < len(hop.recipients):
            later = Hop(message, host, peer, rest, hop.queued, hop.ordinal, hop.parent)
            self.pending[message, host, peer] = later
            self.stories[message].hops.append(later)
            hop.recipients = tuple(recipients)
        else:
            del self.pending[message, host, peer]
        if hop.ended is None or hop.sending is None:
            self._sent(hop, session)
        hop.ended = t if hop.ended is None or outcome != "transfer" else hop.ended
        hop.outcome = outcome
        return hop

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


def stories(trace: Trace) -> list[Story]:
    """The stories of all messages, notifications among them, in the order in which they began."""
    teller = _Teller()
    tell: dict[str, Callable[[Row], Any]] = {kind: getattr(teller, kind) for kind in _TOLD}
    for row in trace.rows:
        told = tell.get(row[1])
        if told is not None:
            told(row)
    return list(teller.stories.values())
