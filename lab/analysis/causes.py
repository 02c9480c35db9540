"""Why a phase of a message's way took its time, in words: faults, other mail, slow links."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from math import inf
from typing import Final

from lab.analysis.faults import FaultInterval, fault_intervals, value_in_words
from lab.analysis.session_times import Crossing, Piece, Sessions, SessionTimes, Transaction
from lab.network.transport import TRANSPORTS
from lab.quantities import bandwidth, clock_time, count_noun, duration
from lab.trace.closes import cut_cause
from lab.trace.rows import Line
from lab.trace.trace import Trace

_AT_PEER: Final = frozenset({"busy", "storage-full", "refuse"})
"""Faults of a host that make it refuse or defer mail."""

_OF_LINKS: Final = frozenset({"bandwidth", "latency", "jitter", "loss"})
"""Faults that make a link slower."""

_NAMED: Final = 3
"""Messages that are named one by one; of more, the first and the last."""

_NOTICED: Final = 0.02
"""Share of a phase that a reason must account for to be given."""


_MOSTLY: Final = 0.5
"""Share of a wait behind other mail from which on it is for the line that the other mail is on."""


class Causes:
    """The causes of delay in a run: what failed, where mail is held, what links are like.

    ``holds`` are the hosts that hold mail, each with the one that has to call. ``lines_before`` are
    the lines for which mail in a spool really waits, by host and next host, as far as that has been
    asked.
    """

    def __init__(self, trace: Trace, sessions: Sessions) -> None:
        self._sessions = sessions
        self.lines_before: dict[tuple[str, str], tuple[str, str]] = {}
        meta = trace.meta
        self._links = meta.get("links", ())
        self._faults = [_lasting(fault, trace.last) for fault in fault_intervals(trace)]
        self.holds = {
            (host["name"], peer) for host in meta.get("hosts", ()) for peer in host.get("holds", ())
        }
        self._jitter = {
            frozenset((str(link["a"]), str(link["b"])))
            for link in self._links
            if link.get("jitter") or link.get("back", {}).get("jitter")
        }
        self._latency = {
            frozenset((str(link["a"]), str(link["b"]))): float(link["latency"])
            for link in self._links
        }

    # -- faults -----------------------------------------------------------------------------------

    def down(self, host: str, begin: float, end: float) -> Iterator[FaultInterval]:
        """Yield when a host did not run in a span, in order."""
        for fault in self._faults:
            is_of_host = fault.host == host and fault.peer is None
            if is_of_host and fault.is_down and fault.begin < end and fault.end > begin:
                yield fault

    def path(self, host: str, peer: str) -> tuple[str, ...]:
        """Return the nodes on the way between two hosts, as a session went; at least the two."""
        for session in self._sessions.between.get((host, peer), ()):
            return session.path
        return host, peer

    def blocking(self, host: str, peer: str, begin: float, end: float) -> list[FaultInterval]:
        """Return the faults by which an attempt from a host to the next failed."""
        path = self.path(host, peer)
        return [
            fault
            for fault in self._faults
            if fault.begin <= end and fault.end >= begin and self._stops(fault, path, peer)
        ]

    def _stops(self, fault: FaultInterval, path: Sequence[str], peer: str) -> bool:
        if fault.kind in _AT_PEER:
            return fault.host == peer
        if not fault.is_down and fault.kind not in ("hang-up", "one-way"):
            return False
        return any(self._is_on(place, path) for place in fault.places(self._links))

    def _is_on(self, place: tuple[str, str | None], path: Sequence[str]) -> bool:
        host, peer = place
        if peer is None:
            return host in path
        return any({host, peer} == set(link) for link in pairwise(path))

    def _slower(self, path: Sequence[str], begin: float, end: float) -> Iterator[str]:
        for fault in self._faults:
            is_then = fault.begin < end and fault.end > begin
            places = fault.places(self._links) if fault.kind in _OF_LINKS and is_then else ()
            if any(self._is_on(place, path) for place in places):
                yield f"fault: {described(fault)}"

    # -- spool and retry --------------------------------------------------------------------------

    def behind(self, message: int, host: str, peer: str, begin: float, end: float) -> str:
        """Return behind which mail for the same next host a message waited; "" if behind none."""
        turns = self._sessions.turns.get((host, peer))
        if turns is None:
            return ""
        turns_before, on_lines = turns.within(begin, end)
        earlier = [turn for turn in turns_before if turn.message != message]
        if not earlier:
            return ""
        text = f"behind {_mails(earlier)} of {host} to {peer}"
        share = on_lines / (earlier[-1].end - earlier[0].begin or inf)
        line = _slowest(earlier)
        if line is not None and share > _MOSTLY:
            self.lines_before[host, peer] = line[:2]
        if line is not None and share > _NOTICED:
            percent = f"{100 * min(share, 1):.0f} %"
            text += f", {percent} of that time on the line {line[0]}-{line[1]}"
        return text

    def next_try(self, reason: str, retry_at: float | None, faults: Sequence[FaultInterval]) -> str:
        """Return why mail was put off, and until when."""
        text = _short(reason)
        for fault in faults[:2]:
            text += f" ({described(fault)})"
        if retry_at is None:
            return text
        return f"{text}, next try at {clock_time(retry_at)}"

    def only_retry(self, reason: str, retry_at: float | None, fault: FaultInterval) -> str:
        """Return that mail waits for its next try alone, as what stopped it is over."""
        until = "" if retry_at is None else f"next try at {clock_time(retry_at)}, though "
        return f"retry policy: {until}{over(fault)}; before: {_short(reason)}"

    # -- sessions ---------------------------------------------------------------------------------

    def waiting(self, line: Line) -> str:
        """Return behind what bytes waited for a line."""
        host, peer, _, _, _, session, message = line
        known = self._sessions.sessions.get(session) if session is not None else None
        obstacle = "the opening of another channel"
        if message is not None:
            obstacle = f"mail {message}"
        elif session is not None:
            obstacle = f"replies of session {session}"
        if known is not None:
            ends = self._ends_of(message, known)
            obstacle += f" of {ends[0]} to {ends[1]}"
        return f"behind {obstacle}, on the line {host}-{peer}"

    def _ends_of(self, message: int | None, session: SessionTimes) -> tuple[str, str]:
        """Return who sends a message to whom in a session, in which roles may have changed."""
        ends = session.host, session.peer
        for host, peer in (ends, ends[::-1]):
            for transaction in self._sessions.of_message.get((message or 0, host, peer), ()):
                if transaction.session is session:
                    return host, peer
        return ends

    def not_opened(self, peer: str, reason: str) -> str:
        """Return that a channel to a host was being opened, and why it failed, if it did."""
        return f"no channel to {peer}: {_short(reason)}" if reason else f"opens a channel to {peer}"

    def opening(self, session: SessionTimes, pieces: Sequence[Piece], peer: str) -> str:
        """Return what the opening of a channel took, greeting and HELO included."""
        begin, end = pieces[0].begin, pieces[-1].end
        crossed = [piece.crossing for piece in pieces if piece.crossing is not None]
        way = f"over {session.transport}, {duration(self._one_way(session.path))} one way"
        late = self._late_opening(session) if begin < session.opened else 0.0
        extras = self._extras(session, crossed, begin, end, late)
        return "; ".join([f"opens a channel to {peer} {way}", *extras])

    def _late_opening(self, session: SessionTimes) -> float:
        """Return how much later a channel was open than its links' latency and bandwidth say."""
        transport = TRANSPORTS[session.transport]
        took = transport.setup + len(transport.opening) * self._one_way(session.path)
        took += sum(line[4] - line[2] for line in session.lines)
        return max(session.opened - session.started - took, 0.0)

    def _one_way(self, path: Sequence[str]) -> float:
        return sum(self._latency.get(frozenset(link), 0.0) for link in pairwise(path))

    def crossing(self, session: SessionTimes, pieces: Sequence[Piece], *, is_mail: bool) -> str:
        """Return what pieces of a session went by on: mail data that was sent, or round trips."""
        begin, end = pieces[0].begin, pieces[-1].end
        crossed = [piece.crossing for piece in pieces if piece.crossing is not None]
        if is_mail and crossed:
            text = _mail_data(crossed[0], session)
            if (latency := self._one_way(session.path)) > _NOTICED * (end - begin):
                text += f", {duration(latency)} of latency"
        else:
            replies = len({each for each in crossed if each.kind == "reply"}) or 1
            text = f"{count_noun(replies, 'round trip')} with {session.peer}"
            text += f", {duration(2 * self._one_way(session.path))} of latency each"
            answering = (end - begin) - sum(p.end - p.begin for p in pieces if p.crossing)
            if answering > _NOTICED * (end - begin):
                text += f", {duration(answering)} until the hosts answered"
        return "; ".join([text, *self._extras(session, crossed, begin, end)])

    def _extras(
        self,
        session: SessionTimes,
        crossed: Iterable[Crossing],
        begin: float,
        end: float,
        late: float = 0.0,
    ) -> Iterator[str]:
        lost = session.losses_within(begin, end)
        if lost:
            yield f"{count_noun(len(lost), 'lost segment')} sent again {duration(sum(lost))} later"
        joined = [link for link in pairwise(session.path) if frozenset(link) in self._jitter]
        late += sum(self._late(session, crossing) for crossing in set(crossed)) - sum(lost)
        if joined and late > _NOTICED * (end - begin):
            places = ", ".join(f"{a}-{b}" for a, b in joined)
            yield f"jitter of {places} took {duration(late)} of it"
        yield from dict.fromkeys(self._slower(session.path, begin, end))

    def _late(self, session: SessionTimes, crossing: Crossing) -> float:
        """Return how much later something arrived than its way's latency and bandwidth say."""
        on_lines = max((line[4] - crossing.sent for line in crossing.lines), default=0.0)
        took = on_lines + self._one_way(session.path)
        return max(crossing.arrived - crossing.sent - took, 0.0)


def _lasting(fault: FaultInterval, last: float) -> FaultInterval:
    """Return a fault that ends with the run if nothing ended it before."""
    if fault.end < inf:
        return fault
    return FaultInterval(fault.kind, fault.host, fault.peer, fault.what, fault.begin, last)


def described(fault: FaultInterval) -> str:
    """Return a fault in words: its kind, where, and from when to when."""
    place = fault.place.replace(" - ", "-")
    times = f" from {clock_time(fault.begin)} to {clock_time(fault.end)}" if fault.lasts else ""
    value = f" {value_in_words(fault)}" if fault.kind in _OF_LINKS and fault.what else ""
    return f"{fault.kind.replace('-', ' ')}{value} at {place}{times}"


def over(fault: FaultInterval) -> str:
    """Return that a fault is over, in words."""
    states = {"host-down": "up again", "crash": "up again", "busy": "not busy any more"}
    state = states.get(fault.kind, "over" if fault.peer is None else "up again")
    place = fault.place.replace(" - ", "-")
    subject = place if state != "over" else f"{fault.kind} at {place}"
    kind = fault.kind.replace("-", " ")
    return f"{subject} is {state} since {clock_time(fault.end)} ({kind} until then)"


def _short(reason: str) -> str:
    """Return a reason as people read it in a table, in one line."""
    return (cut_cause(reason) or reason).partition("\r\n")[0]


def _mails(transactions: Sequence[Transaction]) -> str:
    numbers = list(dict.fromkeys(transaction.message for transaction in transactions))
    if len(numbers) == 1:
        return f"mail {numbers[0]}"
    if len(numbers) <= _NAMED:
        return f"mail {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
    return f"{len(numbers):,} mails ({numbers[0]} to {numbers[-1]})"


def _slowest(transactions: Iterable[Transaction]) -> Line | None:
    """Return the line on which the first mail data among these was longest."""
    for transaction in transactions:
        for crossing in transaction.session.within(transaction.begin, transaction.end):
            if crossing.kind == "data" and crossing.lines:
                return max(crossing.lines, key=lambda line: line[4] - line[3])
    return None


def _mail_data(crossing: Crossing, session: SessionTimes) -> str:
    size = count_noun(crossing.octets, "byte")
    line = max(crossing.lines, key=lambda line: line[4] - line[3], default=None)
    if line is None or line[4] <= line[3]:
        return f"{size} of mail data over {'-'.join(session.path)}"
    bits = TRANSPORTS[session.transport].on_the_wire(crossing.octets) * 8 / (line[4] - line[3])
    return f"{size} of mail data at {bandwidth(bits)} on the line {line[0]}-{line[1]}"
