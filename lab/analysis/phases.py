"""Where the time of each recipient went: phases with their causes, from submission to settlement.

The phases follow one another without gap or overlap. ``spool``: the mail lay in a host's spool, for
another reason than a failure. ``retry``: it waited for the next attempt after a failure.
``opening``: a channel was being opened, greeting and HELO included. ``line``: bytes waited for a
line, behind others. ``sending``: mail data was on its way. ``dialogue``: commands and replies were.

The hops of a message come from :mod:`lab.analysis.itineraries`, their stages from
:mod:`lab.analysis.stages`, and what crossed from :mod:`lab.analysis.session_times`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, zip_longest
from typing import Final, NamedTuple

from lab.analysis.account import Account
from lab.analysis.causes import Causes
from lab.analysis.itineraries import Attempt, Hop, Itinerary, itineraries
from lab.analysis.recipients import Recipient
from lab.analysis.session_times import (
    DIALOGUE,
    LINE,
    OPENING,
    READ,
    SENDING,
    Piece,
    Sessions,
    SessionTimes,
)
from lab.analysis.shown_names import shown_names
from lab.analysis.stages import ATTEMPT, CROSSING, WAIT, Stage, stages
from lab.analysis.stages import OPENING as OPENS
from lab.trace.levels import includes
from lab.trace.rows import (
    DEFER_REASON,
    DEFER_RETRY_AT,
    HOST,
    KIND,
    MESSAGE,
    NOTIFY_ABOUT,
    NOTIFY_RECIPIENTS,
    PEER,
    RECIPIENT,
    T,
)
from lab.trace.trace import Trace

SPOOL: Final = "spool"
RETRY: Final = "retry"

PHASES: Final = (SPOOL, RETRY, OPENING, LINE, SENDING, DIALOGUE)
"""The phases in the order in which a message comes to them first."""


class Phase(NamedTuple):
    """A phase of a recipient's mail: what it did from ``begin`` to ``end``, in seconds, and why.

    ``phase`` is one of :data:`PHASES`. Of a ``line``, ``host`` and ``peer`` are its ends; of
    others, where the mail was and for which host it was; ``peer`` is "" where it had come to its
    end.
    ``message`` is the number of the notification once there is one.
    """

    phase: str
    host: str
    peer: str
    begin: float
    end: float
    because: str
    message: int

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.begin


class RecipientPhases(NamedTuple):
    """A recipient, what became of it, and its phases in their order."""

    message: int
    id: str
    recipient: str
    outcome: str
    submitted_at: float
    settled_at: float | None
    phases: tuple[Phase, ...]


Where = tuple[int, str, str]
"""A message, the host where it is, and the next one."""


class _Part(NamedTuple):
    """A part of a phase, before what is alike is joined."""

    phase: str
    host: str
    peer: str
    begin: float
    end: float
    because: str
    session: SessionTimes | None = None
    piece: Piece | None = None


class Phases:
    """The phases of the recipients of a run. Times are whole microseconds, in seconds.

    Raises ValueError in a sentence for a trace that was recorded without what crossed the wire.
    """

    def __init__(self, trace: Trace) -> None:
        if not includes(trace.level, "wire"):
            raise ValueError(
                "where the time went requires --trace wire; "
                f"this run was recorded with --trace {trace.level}"
            )
        self._last = trace.last
        self._shown = shown_names(trace.meta)
        self._sessions = Sessions(trace.of(READ))
        self._causes = Causes(trace, self._sessions)
        self._itineraries = {itinerary.number: itinerary for itinerary in itineraries(trace)}
        self._account = Account(trace.rows)
        self._account.counts()
        self._ends: dict[tuple[int, str], list[tuple[float, str]]] = {}
        self._notices: dict[tuple[int, str], tuple[float, str, int]] = {}
        self._put_off: dict[tuple[str, str], list[tuple[float, float, int, str]]] = {}
        for row in trace.of(("deliver", "terminal", "notify", "defer")):
            if row[KIND] == "notify":
                for name in row[NOTIFY_RECIPIENTS]:
                    notice = row[T], row[HOST], row[MESSAGE]
                    self._notices[row[NOTIFY_ABOUT], name] = notice
            elif row[KIND] != "defer":
                key = row[MESSAGE], row[RECIPIENT]
                self._ends.setdefault(key, []).append((row[T], row[HOST]))
            elif row[DEFER_RETRY_AT] is not None:
                put_off = row[T], row[DEFER_RETRY_AT], row[MESSAGE], str(row[DEFER_REASON])
                self._put_off.setdefault((row[HOST], row[PEER]), []).append(put_off)

    def everyone(self) -> Iterator[RecipientPhases]:
        """Yield all recipients, in the order of their messages."""
        return map(self._of, self._account.everyone())

    def of(self, message: int) -> list[RecipientPhases]:
        """Return the recipients of a message; ValueError if there is no such message."""
        recipients = [
            recipient for recipient in self._account.everyone() if recipient.message == message
        ]
        origin = self._itineraries.get(message)
        if not recipients and origin is not None and origin.about is not None:
            recipients = [self._of_notification(origin)]
        if not recipients:
            last = max(self._itineraries, default=0)
            there = f"they are 1 to {last}" if last > 1 else "there is 1" if last else "it has none"
            raise ValueError(f"there is no message {message} in this run; {there}")
        return [self._of(recipient) for recipient in recipients]

    def of_hop(self, hop: Hop) -> tuple[Phase, ...]:
        """Return the phases of a message's way from one host to the next, for all recipients."""
        until = self._last if hop.ended is None else hop.ended
        return tuple(self._joined((hop.message, part) for part in self._of_hop(hop, until)))

    def of_session(self, number: int) -> tuple[Phase, ...]:
        """Return the phases of a session, from when its channel began to open until it closed.

        Raises ValueError if there is no such session.
        """
        session = self._sessions.sessions.get(number)
        if session is None:
            raise ValueError(f"there is no session {number} in this run")
        end = min(session.closed, self._last)
        stage = Stage(CROSSING, session.started, end)
        parts = list(self._in_session((0, session.host, session.peer), stage, session, ""))
        return tuple(self._joined((0, part) for part in parts))

    def line_before(self, host: str, peer: str) -> tuple[str, str] | None:
        """Return the line for which mail in a spool really waits: that of the mail before it."""
        return self._causes.lines_before.get((host, peer))

    def of_line(self, host: str, peer: str) -> tuple[Phase, ...]:
        """Return what was on a line from a host or router to the next, in order, and when.

        Each is of the kind "sending", and ``because`` says what it was. There is none for a link
        without a bandwidth, on which nothing waits.
        """
        phases = [
            Phase(SENDING, host, peer, round(line[3], 6), round(line[4], 6), subject, message)
            for subject, message, line in self._sessions.on_lines()
            if line[:2] == (host, peer)
        ]
        return tuple(sorted(phases, key=lambda phase: phase.begin))

    def _of_notification(self, notice: Itinerary) -> Recipient:
        ends = sorted(self._ends.get((notice.number, "1"), ()))
        path = notice.recipients[0]
        recipient = Recipient(notice.number, "1", path, notice.t)
        if ends:
            recipient.settle("delivered", ends[0][0])
        return recipient

    def _of(self, recipient: Recipient) -> RecipientPhases:
        ended = recipient.ended_at
        end = self._last if ended is None else ended
        parts = list(self._parts(recipient, max(end, recipient.submitted_at)))
        return RecipientPhases(
            recipient.message, recipient.id, recipient.address, recipient.outcome,
            round(recipient.submitted_at, 6), None if ended is None else round(ended, 6),
            tuple(self._joined(parts)),
        )  # fmt: skip

    # -- from submission to settlement ------------------------------------------------------------

    def _parts(self, recipient: Recipient, end: float) -> Iterator[tuple[int, _Part]]:
        key = recipient.message, recipient.id
        at, last = recipient.submitted_at, end
        notice = self._notices.get(key)
        if notice is not None and recipient.outcome != "delivered":
            last = min(max(notice[0], at), end)
        host = self._where(recipient, last)
        yield from self._along(recipient.message, recipient.id, at, last, host)
        if last < end and notice is not None:
            _, _, number = notice
            ends = self._ends.get((number, "1"), [])
            place = next((where for t, where in sorted(ends) if t <= end), None)
            yield from self._along(number, "1", last, end, place)

    def _where(self, recipient: Recipient, end: float) -> str | None:
        """Return the host at which a message came to its end for a recipient; None: not known."""
        key = recipient.message, recipient.id
        if recipient.outcome == "delivered":
            return next((host for t, host in sorted(self._ends.get(key, ())) if t <= end), None)
        return self._notices[key][1] if key in self._notices else None

    def _along(
        self, message: int, name: str, begin: float, end: float, host: str | None
    ) -> Iterator[tuple[int, _Part]]:
        """Yield the parts of the way of a message for a recipient."""
        itinerary = self._itineraries[message]
        hops = _chain(itinerary, name, host, end)
        at, place = begin, itinerary.host
        for hop, following in zip_longest(hops, hops[1:]):
            if hop.queued > at:
                yield message, self._at_rest(place, at, min(hop.queued, end))
            at = max(at, min(hop.queued, end))
            limit = end if following is None else min(following.queued, end)
            for part in self._of_hop(hop, max(limit, at)):
                first, until = max(part.begin, at), min(part.end, limit)
                if until > first:
                    yield message, part._replace(begin=first, end=until)
                    at = until
            place = hop.peer if hop.ended is not None and hop.outcome != "round" else hop.host
        if end > at:
            yield message, self._at_rest(place, at, end)

    def _at_rest(self, host: str, begin: float, end: float) -> _Part:
        for fault in self._causes.down(host, begin, end):
            return _Part(SPOOL, host, "", begin, end, f"{host} is down ({fault.kind})")
        return _Part(SPOOL, host, "", begin, end, f"{host} stores it")

    # -- one hop ----------------------------------------------------------------------------------

    def _of_hop(self, hop: Hop, until: float) -> Iterator[_Part]:
        """Yield the parts of a hop without gaps, from when it was queued on."""
        attempts = iter(hop.attempts)
        attempt: Attempt | None = None
        at = hop.queued
        for stage in stages(hop, max(until, hop.queued)):
            if stage.kind == ATTEMPT:
                attempt = next(attempts)
            if stage.begin < at:  # an attempt may have begun before the mail before it was put off
                stage = stage._replace(begin=at)
            if stage.end <= stage.begin:
                continue
            at = stage.end
            if stage.kind == ATTEMPT and attempt is not None:
                yield from self._attempt(hop, stage, attempt)
            elif stage.kind == WAIT and attempt is not None:
                yield from self._retry(hop, stage, attempt)
            elif stage.kind in (OPENS, CROSSING):
                yield from self._crossing(hop, stage)
            else:
                yield from self._before_attempt(hop, stage)

    def _before_attempt(self, hop: Hop, stage: Stage) -> Iterator[_Part]:
        """Yield a time in the spool; at its end a channel may have been opened for an attempt."""
        session = self._sessions.leading(hop.message, hop.host, hop.peer, stage.end)
        opens = stage.end if session is None else max(session.started, stage.begin)
        if opens > stage.begin:
            yield from self._spool(hop, stage._replace(end=opens))
        if session is not None and opens < stage.end:
            opening = Stage(OPENS, opens, stage.end)
            yield from self._in_session(_place(hop), opening, session, "")

    def _spool(self, hop: Hop, stage: Stage) -> Iterator[_Part]:
        for begin, end, down in self._without_down(hop.host, stage.begin, stage.end):
            if down:
                yield _Part(SPOOL, hop.host, hop.peer, begin, end, down)
                continue
            held = self._put_off_before(hop, begin)
            at = begin
            if held is not None and hop.queued >= stage.begin:
                until, reason = held
                at = min(until, end)
                yield _Part(RETRY, hop.host, hop.peer, begin, at, reason)
            if end > at:
                why = self._why_in_spool(hop, at, end)
                yield _Part(SPOOL, hop.host, hop.peer, at, end, why)

    def _why_in_spool(self, hop: Hop, begin: float, end: float) -> str:
        behind = self._causes.behind(hop.message, hop.host, hop.peer, begin, end)
        if (hop.host, hop.peer) in self._causes.holds:
            held = f"{hop.host} holds it until {hop.peer} calls (polling)"
            return f"{held}; then {behind}" if behind else held
        return behind or f"for {hop.peer}, until a channel is opened"

    def _put_off_before(self, hop: Hop, at: float) -> tuple[float, str] | None:
        """Return until when all mail for the next host was put off as a message came, and why."""
        for t, until, message, reason in self._put_off.get((hop.host, hop.peer), ()):
            if t <= at < until and message != hop.message:
                faults = self._causes.blocking(hop.host, hop.peer, t, t)
                return until, self._causes.next_try(reason, until, faults)
        return None

    def _without_down(
        self, host: str, begin: float, end: float
    ) -> Iterator[tuple[float, float, str]]:
        """Yield a span in pieces, each with why the host did not run; "" while it did."""
        at = begin
        for fault in self._causes.down(host, begin, end):
            first, last = max(fault.begin, at), min(fault.end, end)
            if last <= first:
                continue
            if first > at:
                yield at, first, ""
            yield first, last, f"{host} is down ({fault.kind})"
            at = last
        if end > at:
            yield at, end, ""

    def _retry(self, hop: Hop, stage: Stage, attempt: Attempt) -> Iterator[_Part]:
        """Yield the wait for the next attempt: as long as what failed lasts, and after that."""
        host, peer, causes = hop.host, hop.peer, self._causes
        faults = causes.blocking(host, peer, attempt.began, attempt.ended)
        faults = faults or causes.blocking(host, peer, attempt.ended, stage.end)[:1]
        because = causes.next_try(attempt.reason, attempt.retry_at, faults)
        lasting = [fault for fault in faults if fault.lasts]
        last = max(lasting, key=lambda fault: fault.end, default=None)
        alone = ""
        if last is not None:
            alone = causes.only_retry(attempt.reason, attempt.retry_at, last)
        for begin, end, down in self._without_down(host, stage.begin, stage.end):
            if down:
                yield _Part(SPOOL, host, peer, begin, end, down)
            elif last is None or last.end >= end or last.end <= begin:
                is_over = last is not None and last.end <= begin
                yield _Part(RETRY, host, peer, begin, end, alone if is_over else because)
            else:
                yield _Part(RETRY, host, peer, begin, last.end, because)
                yield _Part(RETRY, host, peer, last.end, end, alone)

    def _attempt(self, hop: Hop, stage: Stage, attempt: Attempt) -> Iterator[_Part]:
        """Yield what an attempt that failed went by on."""
        session = self._sessions.of_hop(hop.message, hop.host, hop.peer, stage.begin, stage.end)
        faults = self._causes.blocking(hop.host, hop.peer, stage.begin, stage.end)
        reason = self._causes.next_try(attempt.reason, None, faults)
        yield from self._in_session(_place(hop), stage, session, f"failed: {reason}")

    def _crossing(self, hop: Hop, stage: Stage) -> Iterator[_Part]:
        end = hop.ended if hop.ended is not None else stage.end
        session = self._sessions.of_hop(hop.message, hop.host, hop.peer, stage.begin, end)
        yield from self._in_session(_place(hop), stage, session, "")

    def _in_session(
        self, where: Where, stage: Stage, session: SessionTimes | None, failed: str
    ) -> Iterator[_Part]:
        (_, host, peer), causes = where, self._causes
        base = OPENING if stage.kind == OPENS else DIALOGUE
        if session is None:
            phase = base if stage.kind == CROSSING else OPENING
            because = causes.not_opened(peer, failed.removeprefix("failed: "))
            yield _Part(phase, host, peer, stage.begin, stage.end, because)
            return
        for begin, end, kind in _opening_first(session, stage, base):
            for piece in session.pieces(begin, end, kind):
                if piece.line is not None:
                    a, b, *_ = piece.line
                    yield _Part(LINE, a, b, piece.begin, piece.end, causes.waiting(piece.line))
                else:
                    yield _Part(
                        piece.kind, host, peer, piece.begin, piece.end, failed, session, piece
                    )

    # -- what is alike ----------------------------------------------------------------------------

    def _joined(self, parts: Iterable[tuple[int, _Part]]) -> Iterator[Phase]:
        """Yield phases of parts that follow one another; times are whole microseconds."""
        for message, part_of_message in groupby(parts, key=lambda numbered: numbered[0]):
            alike = groupby(
                (part for _, part in part_of_message),
                key=lambda part: (*part[:3], part.because, id(part.session)),
            )
            for _, group in alike:
                yield from self._phase(message, list(group))

    def _phase(self, message: int, parts: Sequence[_Part]) -> Iterator[Phase]:
        first = parts[0]
        begin, end = round(first.begin, 6), round(parts[-1].end, 6)
        if end <= begin:
            return
        because = first.because
        pieces = [part.piece for part in parts if part.piece is not None]
        if first.session is not None and pieces:
            cause = (
                self._causes.opening(first.session, pieces, first.peer)
                if first.phase == OPENING
                else self._causes.crossing(first.session, pieces, is_mail=first.phase == SENDING)
            )
            because = f"{cause}; {because}" if because else cause
        words = self._shown.reason(because)
        yield Phase(first.phase, first.host, first.peer, begin, end, words, message)


def _place(hop: Hop) -> Where:
    return hop.message, hop.host, hop.peer


def _opening_first(
    session: SessionTimes, stage: Stage, base: str
) -> Iterator[tuple[float, float, str]]:
    """Yield a stage in two parts: until the channel was open, and from then on."""
    opened = min(max(session.opened, stage.begin), stage.end)
    if opened > stage.begin:
        yield stage.begin, opened, OPENING
    if stage.end > opened:
        yield opened, stage.end, base


def _chain(itinerary: Itinerary, name: str, host: str | None, end: float) -> list[Hop]:
    """Return the hops by which mail for a recipient came to a host by a time, in their order."""
    names = {name.rsplit(".", n)[0] for n in range(name.count(".") + 1)}
    mine = [hop for hop in itinerary.hops if hop.queued <= end and names & set(hop.recipients)]
    here = [hop for hop in mine if host in (None, hop.peer)]
    if host is not None and itinerary.host == host and not any(hop.peer == host for hop in mine):
        here = []
    leaving = [hop for hop in mine if hop.host == host]
    hop = max(here or leaving, key=lambda hop: hop.queued, default=None)
    if host is not None and leaving and here:
        latest = max(leaving, key=lambda hop: hop.queued)
        hop = latest if hop is None or latest.queued >= hop.queued else hop
    chain: list[Hop] = []
    while hop is not None and hop not in chain:
        chain.append(hop)
        hop = hop.parent or _before(hop, mine, itinerary.host)
    return chain[::-1]


def _before(hop: Hop, hops: Iterable[Hop], origin: str) -> Hop | None:
    """Return the hop that may have brought mail to where another begins."""
    if hop.host == origin:
        return None
    before = [
        earlier for earlier in hops if earlier.peer == hop.host and earlier.queued < hop.queued
    ]
    return max(before, key=lambda earlier: earlier.queued, default=None)
