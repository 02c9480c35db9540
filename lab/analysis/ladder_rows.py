"""The rows of a ladder: what crossed between hosts and what happened at them, in order of time.

The ladder picture, the replay page and the stepper take them from here. A row says what it is; how
it looks is up to the view.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

from lab.analysis.cuts import cut_off, stretch
from lab.analysis.narrative import ending, piece_text, summary_line
from lab.analysis.shown_names import NAMES, ShownNames, shown_names
from lab.protocol import HostName
from lab.protocol.lines import ends_mail_data
from lab.protocol.replies import is_refusal
from lab.protocol.syntax import in_capitals
from lab.quantities import clock_time, count_noun, duration, time_taken
from lab.trace.closes import is_cut
from lab.trace.rows import (
    CLOSE_REASON,
    CROSSING,
    HOST,
    KIND,
    MESSAGE,
    NOTIFY_ABOUT,
    PEER,
    SESSION,
    Event,
    Row,
    event_of,
)
from lab.trace.trace import Trace

CROSSINGS: Final = frozenset({"command", "reply", "piece", "error", "data"})
"""The kinds of row in which bytes go from one host to another."""

FAILURES: Final = frozenset({
    "error", "cut", "loss", "unreachable", "reject", "refuse", "abandon", "forget", "fault",
})  # fmt: skip
"""The kinds of row that show a failure."""

CROSSED: Final = FAILURES - {"error", "forget", "fault"}
"""The failures that the replay page marks on the map, with a cross between the two hosts."""


@dataclass(frozen=True, slots=True)
class LadderRow:
    """One line of a ladder: something crosses from a host to another, or happens at one.

    ``t`` is when it arrives or happens, ``sent`` when it left, in seconds. ``kind`` is that of the
    event, but for an error (a reply that refuses), a cut (a channel that is lost), a deliver
    (on a terminal too), a wait (nothing happens for so long) and what is stopped: bytes that were
    on their way when their channel was lost. ``seq`` is the place of the event in the trace; of
    what is stopped, that of the cut. ``stretch`` is where its tail and its head were then, as
    shares of the way, and ``stops`` what it was: command, reply or data.
    """

    t: float
    kind: str
    host: str
    peer: str | None
    text: str
    seq: int
    sent: float | None = None
    session: int | None = None
    stops: str = ""
    stretch: tuple[float, float] | None = None

    @property
    def crosses(self) -> bool:
        """Whether bytes went from one host to another."""
        return self.kind in CROSSINGS

    @property
    def tag(self) -> str:
        """What crosses in a few letters: the verb, the code, or "mail"; "" for other rows."""
        return tag(self.kind, self.text) if self.crosses else ""


def tag(kind: str, text: str) -> str:
    """Return a crossing in a few letters; ``text`` is its first line."""
    if kind == "data":
        return "mail"
    return in_capitals(text[:4].strip()) if kind == "command" else text[:3]


class NothingToShow(ValueError):
    """Raised if a trace has no such message, session or host; the text says which it has."""


def ladder_rows(
    trace: Trace,
    *,
    message: int | None = None,
    session: int | None = None,
    between: tuple[str, str] | None = None,
    host: str | None = None,
    in_hosts: bool = False,
) -> list[LadderRow]:
    """Return the rows of a whole trace, or of a message, a session, two hosts' sessions, a host.

    A message takes its notifications with it. ``in_hosts``: also what happens inside a host, such
    as mail that is handed over, stored or refused. Raises :class:`NothingToShow`.
    """
    chosen = _Chosen(trace, message, session, between, host)
    return _first(trace, None, chosen, in_hosts)[0]


def first_ladder_rows(
    trace: Trace,
    most: int | None,
    *,
    message: int | None = None,
    session: int | None = None,
    between: tuple[str, str] | None = None,
) -> tuple[list[LadderRow], int]:
    """Return the first ``most`` rows (None: all), and how many more there are but for waits.

    Those that are only counted cost little, whatever the length of the trace.
    """
    return _first(trace, most, _Chosen(trace, message, session, between, None), in_hosts=False)


def chosen_rows(
    trace: Trace,
    *,
    message: int | None = None,
    session: int | None = None,
    between: tuple[str, str] | None = None,
) -> Iterator[tuple[int, Row]]:
    """Yield the numbered rows of a whole trace, or of a message, a session, two hosts' sessions.

    They are those that a ladder has, and all others of the same choice. Raises
    :class:`NothingToShow` at once.
    """
    chosen = _Chosen(trace, message, session, between, None)
    numbered = enumerate(trace.rows, trace.first_seq)
    return (each for each in numbered if chosen.is_all or chosen.has(each[1]))


def row_of(event: Event, shown: ShownNames = NAMES) -> LadderRow | None:
    """Return the row of an event, as with ``in_hosts``; None for an event that no ladder shows.

    ``shown`` are the names of hosts as people see them, for the text of the row.
    """
    maker = _MAKERS.get(event.kind) or _IN_HOSTS.get(event.kind)
    if maker is None:
        return None
    kind, text = maker(event)
    if event.kind in ("unreachable", "close", "reject"):
        text = shown.reason(text)
    host, peer = event.host, event.peer
    if event.kind in CROSSING:
        host, peer = str(peer), host  # recorded where it arrives; drawn from where it left
    sent = event["sent"] if "sent" in event.extra else None
    return LadderRow(event.t, kind, host, peer, text, event.seq, sent, event.session)


def with_notifications(trace: Trace, message: int) -> set[int]:
    """Return the numbers of a message and of all notifications that it led to."""
    numbers = {message}
    for row in trace.of(("notify",)):
        if row[NOTIFY_ABOUT] in numbers:
            numbers.add(row[MESSAGE])
    return numbers


def sessions_of_messages(rows: Iterable[Row]) -> dict[int, set[int]]:
    """Return the sessions that each message was in: what happened in them belongs to its ladder."""
    sessions: dict[int, set[int]] = {}
    for row in rows:
        if row[MESSAGE] is not None:
            sessions_met = sessions.setdefault(row[MESSAGE], set())
            if row[SESSION] is not None:
                sessions_met.add(row[SESSION])
    return sessions


def _first(
    trace: Trace, most: int | None, chosen: _Chosen, in_hosts: bool
) -> tuple[list[LadderRow], int]:
    shown_by = shown_names(trace.meta)
    kinds = _MAKERS.keys() | (_IN_HOSTS if in_hosts else {})
    drawn: list[LadderRow] = []
    unseen = shown = 0
    for seq, row in enumerate(trace.rows):
        if row[KIND] not in kinds or not chosen.has(row):
            continue
        is_shown = row[KIND] != "close" or _is_cut(row)
        if most is None or len(drawn) < most:
            made = row_of(event_of(row, trace.first_seq + seq), shown_by)
            drawn += [made] if made else []
            shown += is_shown
        elif chosen.is_all:
            unseen = _count(trace) - shown
            break
        else:
            unseen += is_shown
    drawn.sort(key=lambda row: (row.t, row.seq))
    of = " of this message" if chosen.messages is not None else ""
    return list(_with_waits(_with_stopped(drawn, trace), of)), unseen


def _with_stopped(rows: list[LadderRow], trace: Trace) -> Iterator[LadderRow]:
    """Yield the rows, and before each cut the bytes that it stopped on their way."""
    lost = {row.seq for row in rows if row.kind == "cut"}
    stopped = {cut.closed + trace.first_seq: cut for cut in (cut_off(trace) if lost else ())}
    for row in rows:
        cut = stopped.get(row.seq) if row.kind == "cut" else None
        if cut is not None:
            words = f"{_STOPPED[cut.kind]}, cut off on its way"
            yield LadderRow(
                cut.at, "stopped", cut.path[0], cut.path[-1], words, row.seq, cut.left,
                row.session, cut.kind, stretch(cut),
            )  # fmt: skip
        yield row


_STOPPED: Final = {"command": "a command", "reply": "a reply", "data": "mail data"}


def _is_cut(row: Row) -> bool:
    return is_cut(str(row[CLOSE_REASON]))


def _count(trace: Trace) -> int:
    """Return how many rows of a trace a ladder shows, waits left out."""
    return trace.count(_MAKERS.keys() - {"close"}) + sum(map(_is_cut, trace.of(("close",))))


class _Chosen:
    """Which rows of a trace are asked for."""

    def __init__(
        self,
        trace: Trace,
        message: int | None,
        session: int | None,
        between: tuple[str, str] | None,
        host: str | None,
    ) -> None:
        self.session = session
        self.pair = frozenset(_host(trace, name) for name in between) if between else None
        self.host = None if host is None else _host(trace, host)
        self.messages: set[int] | None = None
        self.sessions: set[int] = set()
        if session is not None:
            self._find(trace, "session", session, ("open",), SESSION)
        elif self.pair is None and message is not None:
            self._find(trace, "message", message, ("submit", "notify"), MESSAGE)
            self._follow(trace, message)

    @property
    def is_all(self) -> bool:
        """Whether every row is asked for."""
        return (self.session, self.pair, self.messages, self.host) == (None, None, None, None)

    def _find(
        self, trace: Trace, noun: str, number: int, kinds: tuple[str, ...], column: int
    ) -> None:
        last = 0
        for row in trace.of(kinds):
            if row[column] == number:
                return
            last = max(last, row[column])
        raise NothingToShow(f"there is no {noun} {number}; {_there_are(last)}")

    def _follow(self, trace: Trace, message: int) -> None:
        """Take a message with the notifications about it, and the sessions that either was in."""
        messages = self.messages = with_notifications(trace, message)
        met = sessions_of_messages(row for row in trace.rows if row[MESSAGE] in messages)
        self.sessions.update(*met.values())

    def has(self, row: Row) -> bool:
        """Whether a row is among them."""
        if self.session is not None:
            return bool(row[SESSION] == self.session)
        if self.pair is not None:
            return row[PEER] is not None and row[HOST] in self.pair and row[PEER] in self.pair
        if self.messages is not None:
            return row[MESSAGE] in self.messages or (
                row[MESSAGE] is None and row[SESSION] in self.sessions
            )
        return self.host is None or self.host in (row[HOST], row[PEER])


def _there_are(last: int) -> str:
    return f"they are 1 to {last}" if last > 1 else "there is 1" if last else "there is none"


def _host(trace: Trace, name: str) -> str:
    hosts = [host["name"] for host in trace.meta.get("hosts", ())]
    wanted = HostName(name)
    for host in hosts:
        if HostName(host) == wanted:
            return str(host)
    known = shown_names(trace.meta).host(name)
    if known is not None:
        return known
    first = ", ".join(hosts[:5]) + (" ..." if len(hosts) > 5 else "")
    raise NothingToShow(f"there is no host {name!r}; there are {first}")


def _command(event: Event) -> tuple[str, str]:
    return "command", summary_line("command", event["octets"])


def _reply(event: Event) -> tuple[str, str]:
    octets: bytes = event["octets"]
    return ("error" if is_refusal(octets) else "reply"), summary_line("reply", octets)


def _data(event: Event) -> tuple[str, str]:
    octets: bytes = event["octets"]
    lines = octets.count(b"\r\n")
    size = f"{count_noun(lines, 'line')}, {count_noun(len(octets), 'byte')}"
    return "data", f"mail data: {size}" + ("" if ends_mail_data(octets) else ", not its end")


def _close(event: Event) -> tuple[str, str]:
    reason = str(event["reason"])
    if is_cut(reason):
        return "cut", ending(reason)
    return "close", ""


def _defer(event: Event) -> tuple[str, str]:
    again = event["retry_at"]
    return "defer", "put off" if again is None else f"tries again at {clock_time(again)}"


def _fault(event: Event) -> tuple[str, str]:
    words = f"{event['name']} {event['what']}".strip()
    return "fault", words + ("" if event["on"] else " is over")


_Maker = Callable[[Event], tuple[str, str]]

_MAKERS: Final[dict[str, _Maker]] = {
    "open": lambda event: ("open", f"session {event.session} ({event['transport']})"),
    "command": _command,
    "reply": _reply,
    "piece": lambda event: ("piece", f"piece: {piece_text(event['octets'])}"),
    "data": _data,
    "close": _close,
    "loss": lambda event: ("loss", f"a segment is lost; again after {duration(event['delay'])}"),
    "unreachable": lambda event: ("unreachable", f"no channel: {event['reason']}"),
    "deliver": lambda event: ("deliver", f"delivered: {event['user']}"),
    "terminal": lambda event: ("deliver", f"at the terminal: {event['user']}"),
    "notify": lambda event: ("notify", f"notification about message {event['about']}"),
    "abandon": lambda event: ("abandon", f"given up: {event['reason']}"),
    "reject": lambda event: ("reject", f"rejected: {event['reason']}"),
    "defer": _defer,
    "fault": _fault,
}

_IN_HOSTS: Final[dict[str, _Maker]] = {
    "submit": lambda event: ("submit", f"message {event.message} handed over"),
    "accept": lambda event: ("accept", f"message {event.message} stored"),
    "refuse": lambda event: ("refuse", f"message {event.message} refused"),
    "forget": lambda event: ("forget", f"message {event.message} forgotten in the crash"),
}
"""What happens inside a host, which is shown only where it is asked for."""


def _with_waits(unspaced: Iterable[LadderRow], of: str) -> Iterator[LadderRow]:
    """Yield the rows, with the waits between them that are long compared with the rest.

    A wait is from when all was over until something is sent again: what is on its way is no wait.
    """
    rows = list(unspaced)
    gaps = sorted(b.t - a.t for a, b in pairwise(rows) if b.t > a.t)
    usual = gaps[len(gaps) // 2] if gaps else 0.0
    begins = [row.t if row.sent is None else min(row.sent, row.t) for row in rows]
    # what arrives later may have been sent before
    next_begins = list(accumulate(reversed(begins), min))[::-1]
    last: LadderRow | None = None
    for row, begin in zip(rows, next_begins, strict=True):
        if last is not None and begin - last.t > max(1.0, 20 * usual):
            words = f"nothing{of} for {time_taken(begin - last.t)}"
            yield LadderRow(begin, "wait", "", None, words, last.seq, sent=last.t)
        yield row
        last = row
