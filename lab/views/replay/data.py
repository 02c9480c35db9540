"""What the replay page holds of a trace: columns of numbers, every text once.

The page looks up and draws. What a trace means (words, rows of the ladder, spools, faults, states,
outcomes, places on the map) comes from :mod:`lab.analysis` and stands in the data. Times are whole
microseconds, each the difference from the event before; hosts, kinds and texts go by number. Mail
is kept in full while there is room for it, and then cut: its beginning, and how long it was.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, islice, pairwise
from typing import Any, Final

from lab.analysis.channels import (
    LEAVES,
    Path,
    channel_paths,
    flights,
    latencies,
    session_spans,
    shares,
    traffic,
    way_of,
)
from lab.analysis.conditions import VERBS
from lab.analysis.cuts import cut_off
from lab.analysis.faults import FaultSpan, fault_spans, what_shown
from lab.analysis.itineraries import Itinerary, itineraries
from lab.analysis.ladder_rows import (
    CROSSED,
    CROSSINGS,
    FAILURES,
    sessions_of_messages,
    with_notifications,
)
from lab.analysis.narrative import LETTERS, ending
from lab.analysis.shown_names import shown_names
from lab.analysis.spools import ENTRY, NEXT_TRY, spans_and_changes
from lab.analysis.spools import KINDS as SPOOL_KINDS
from lab.analysis.stages import ARRIVALS, CROSSING, over_at, stages
from lab.analysis.tallies import tally_changes
from lab.analysis.waits import skips
from lab.protocol.names import canonical
from lab.protocol.states import COMMANDS
from lab.quantities import DURATION_UNITS, TIME_STEPS, count_noun
from lab.runtime.escaping import visible_lines
from lab.trace.rows import (
    HOST,
    KIND,
    KINDS,
    LINES,
    MESSAGE,
    NOTIFY_ABOUT,
    OCTETS_COLUMNS,
    OWN,
    PEER,
    SESSION,
    START_META,
    Row,
    T,
)
from lab.trace.trace import Trace
from lab.views import visual_language
from lab.views.replay.messages import Messages
from lab.views.replay.places import hosts_of, labelled_of, links_of
from lab.views.replay.sides import states_of
from lab.views.replay.texts import Texts, shown
from lab.views.replay.wording import Wording

LONGEST_REPLAY: Final = 200_000
"""Events of a page that plays a run; of a longer one it plays the beginning."""

MOST_LANES: Final = 120
"""Messages up to which the timeline has a lane for each."""

LEAST_SENDING: Final = 0.02
"""Seconds of waiting and sending from which a page shows them apart from the latency."""

CROSSING_KINDS: Final = ("command", "reply", "piece", "data")

_TIMES: Final = ("sent", "started", "retry_at")
"""Columns that are times, written as how long before their event they are (less than 0: after)."""

COLUMNS: Final = {
    "command": ("sent", "octets"),
    "reply": ("sent", "octets"),
    "piece": ("sent", "octets"),
    "data": ("sent", "octets"),
    "open": ("started",),
    "close": ("reason",),
    "queue": ("recipients", "size"),
    "defer": ("retry_at",),
    "deliver": ("user", "octets"),
}
"""The columns of each kind that the page looks up; all others are told in its words."""


def beginning(trace: Trace) -> Trace:
    """Return as much of a trace as a page can play; its title says so, if that is not all."""
    if len(trace.rows) <= LONGEST_REPLAY:
        return trace
    first, *rows = islice(trace.rows, LONGEST_REPLAY)
    title = f"{trace.meta.get('title', '')} (the first {LONGEST_REPLAY:,} events)"
    return Trace([(*first[:OWN], {**first[START_META], "title": title}), *rows], trace.level)


def replay_data(trace: Trace) -> dict[str, object]:
    """Return a trace as the player reads it, or the :func:`beginning` of it; JSON can hold it.

    The verdict, and what became of each recipient, are of the whole trace in either case.
    """
    return Page(beginning(trace), trace).data()


def pack(data: Mapping[str, object]) -> str:
    """Return the data as one text of letters that are safe in HTML: base64 of deflated JSON."""
    plain = json.dumps(data, separators=(",", ":")).encode()
    return base64.b64encode(zlib.compress(plain, 6)).decode()


def packed(trace: Trace) -> str:
    """Return what the player plays of a trace, as one text."""
    return pack(replay_data(trace))


class Page:
    """The data of one page: of what it plays of a trace, with the verdict about the ``whole``.

    ``growing.py`` derives from it the page of a run that goes on.
    """

    def __init__(self, trace: Trace, whole: Trace) -> None:
        self.trace = trace
        self.whole = whole
        self.meta = trace.meta
        self.rows: list[Row] = list(trace.rows)
        self.names = [str(host["name"]) for host in self.meta.get("hosts", ())]
        self.number: dict[str | None, int] = {name: k for k, name in enumerate(self.names)}
        self.by_kind: dict[str, list[int]] = defaultdict(list)
        for n, row in enumerate(self.rows):
            self.by_kind[row[KIND]].append(n)
        self.times = list(accumulate((round(row[T] * 1e6) for row in self.rows), max))
        self.spans, self.changes = spans_and_changes(self.rows)
        self.flights = {flight.seq: flight for flight in flights(self.rows)}
        self.paths = channel_paths(self.rows)
        self.ways: dict[Path, int] = {}
        self.texts = Texts(self.rows)
        self.shown = shown_names(self.meta)
        self.wording = Wording(trace)

    def data(self) -> dict[str, Any]:
        """Return all of it."""
        rows = self.rows
        kinds = {kind: k for k, kind in enumerate(self.by_kind)}
        crossings = traffic(self.trace).crossings
        data = {
            "version": 2,
            "looks": visual_language.as_data(),
            "title": str(self.meta.get("title", "")),
            "kinds": list(kinds),
            "t": [after - before for before, after in pairwise((0, *self.times))],
            "k": [kinds[row[KIND]] for row in rows],
            "h": self._hosts_of(HOST),
            "p": self._hosts_of(PEER),
            "s": [-1 if row[SESSION] is None else row[SESSION] for row in rows],
            "m": [-1 if row[MESSAGE] is None else row[MESSAGE] for row in rows],
            "extra": {kind: self._extra(kind) for kind in self.by_kind if kind in COLUMNS},
            "words": {kind: _once(self._words(kind)) for kind in self.by_kind},
            "patterns": self.wording.patterns,
            "wordings": self._wordings(),
            "letters": LETTERS,
            "units": DURATION_UNITS,
            "steps": TIME_STEPS,
            "leaves": LEAVES,
            "ways": self._ways(),
            "pace": self._pace(),
            "failures": sorted(FAILURES),
            "crossed": sorted(CROSSED),
            "crossings": sorted(CROSSINGS),
            "spools": self._spools(),
            "lengths": self._lengths(),
            "sessions": _until(session_spans(rows)),
            "tally": self._tally(),
            "faults": self._faults(),
            "states": states_of(self.trace, self._host),
            "conditions": {
                "verbs": VERBS,
                "commands": COMMANDS,
                "kinds": list(KINDS),
                "names": self.names,
                "keys": [canonical(name) for name in self.names],
            },
            **self.of_the_whole(),
            "hosts": hosts_of(self.meta, self.names, crossings),
            "labelled": labelled_of(self.meta, self.names, crossings),
        }
        return {
            **{name: shown(value) for name, value in data.items()},
            "strings": [visible_lines(text) for text in self.texts.strings],
            "cut": self.texts.cut,
            "notes": self._notes(),
        }

    def of_the_whole(self) -> dict[str, Any]:
        """Return the parts of the data that only all of the run tells: its rows do not add up."""
        messages = Messages(self.trace, self.shown, self._host, self.texts.number, self.whole)
        return {
            "waits": self._waits(),
            "notifications": self._notifications(),
            "met": self._met(),
            "lanes": self._lanes(),
            "verdict": messages.verdict(),
            "recipients": messages.data(),
            "hops": messages.ways(),
            "notices": messages.about(),
            "links": links_of(self.trace, self.number),
            "cuts": self._cuts(),
        }

    def _cuts(self) -> list[dict[str, Any]]:
        """Return what was cut off on its way, as :mod:`lab.analysis.cuts` has it.

        ``lines`` are, for each link of the way, when the first byte went onto it and when the last
        one had, in seconds after they left, and its latency.
        """
        return [
            {
                "closed": cut.closed, "at": cut.at, "left": cut.left, "after": cut.after,
                "kind": cut.kind, "message": cut.message, "needed": cut.needed,
                "hosts": [self._host(host) for host in cut.path],
                "lines": [[line.began, line.ended, line.latency] for line in cut.lines],
            }
            for cut in cut_off(self.trace)
        ]  # fmt: skip

    # -- events ------------------------------------------------------------------------------------

    def _host(self, name: str | None) -> int:
        """Return the number of a host; one that no topology named gets a number too."""
        if not name:
            return -1
        if name not in self.number:
            self.number[name] = len(self.names)
            self.names.append(name)
        return self.number[name]

    def _hosts_of(self, column: int) -> list[int]:
        known = {name: self._host(name) for name in {row[column]: None for row in self.rows}}
        return [known[row[column]] for row in self.rows]

    def _extra(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the columns of a kind that the page looks up, each with how it is written."""
        columns = {}
        for name in COLUMNS[kind]:
            place = OWN + KINDS[kind].index(name)
            values = [self.rows[n][place] for n in self.by_kind[kind]]
            if name in _TIMES:
                coded = self._before(kind, values)
                columns[name] = {"type": "before", "values": coded}
            elif name == "octets":
                columns[name] = {"type": "text", "values": self.texts.of_wire(kind, values)}
            elif name in ("reason", "user"):
                word: Callable[[str], str] = ending if name == "reason" else str
                coded = [self.texts.number(word(text)) for text in values]
                columns[name] = {"type": "text", "values": coded}
            elif name == "size":
                columns[name] = {"type": "number", "values": values}
            else:
                json_of = self.texts.of_json
                columns[name] = {"type": "json", "values": [json_of(value) for value in values]}
        if kind in LEAVES:
            columns |= self._flights(kind)
        return columns

    def _flights(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return of events at whose end something has come a way: which of the ways it was, and how
        many events before the event that was which made it leave.
        """
        ways, after = [], []
        for n in self.by_kind[kind]:
            flight = self.flights.get(n)
            way = way_of(self.rows[n], self.paths)
            ways.append(self.ways.setdefault(way, len(self.ways)))
            after.append(-1 if flight is None else n - flight.after)
        return {
            "way": {"type": "number", "values": _once(ways)},
            "after": {"type": "number", "values": _once(after)},
        }

    def _ways(self) -> list[list[list[float]]]:
        """Return the ways over the links: hosts, and the shares of the time to each of them."""
        latency = latencies(self.meta)
        return [
            [
                [self._host(host) for host in way],
                [round(share, 6) for share in shares(way, latency)],
            ]
            for way in self.ways
        ]

    def _pace(self) -> dict[int, list[int]]:
        """Return when what crossed lines waited and was sent, by the number of the event.

        For each line, in microseconds after it left its host: when it came to the line, when it
        began to go onto it, and when its last byte had. What was neither held up nor took long is
        left out: its place on the way follows from the time alone.
        """
        pace_of = {}
        for n, flight in self.flights.items():
            row = self.rows[n]
            lines = row[LINES] if row[KIND] in CROSSING_KINDS and len(row) > LINES else ()
            if any(end - since >= LEAST_SENDING for _, _, since, _, end, _, _ in lines):
                pace_of[n] = [
                    moment
                    for _, _, *moments, _, _ in lines
                    for moment in _micro(*(t - flight.left for t in moments))
                ]
        return pace_of

    def _waits(self) -> dict[str, Any]:
        """Return the waits that playing skips, and the seconds that it stays at each of them."""
        busy = []
        for n, t in enumerate(self.times):
            flight = self.flights.get(n)
            busy.append((t if flight is None else round(flight.left * 1e6), t))
        last = self.times[-1] if self.times else 0
        seconds = ((begin / 1e6, end / 1e6) for begin, end in busy)
        skipped, lasting = skips(seconds, last / 1e6)
        return {"skipped": [_micro(*wait) for wait in skipped], "lasting": lasting}

    def _before(self, kind: str, times: Sequence[float | None]) -> list[int | None]:
        at = [self.times[n] for n in self.by_kind[kind]]
        return [
            None if time is None else now - round(time * 1e6)
            for now, time in zip(at, times, strict=True)
        ]

    def _words(self, kind: str) -> list[int]:
        """Return for each event of a kind how analysis words it."""
        of_wire, strings, column = self.texts.of_wire, self.texts.strings, OCTETS_COLUMNS.get(kind)
        rows = (self.rows[n] for n in self.by_kind[kind])
        if kind not in ("command", "reply") or column is None:
            return self.wording.of(rows, lambda row: "")
        return self.wording.of(rows, lambda row: strings[of_wire(kind, (row[column],))[0]])

    def _wordings(self) -> list[list[Any]]:
        return [list(pattern) for pattern in self.wording.words]

    # -- what analysis makes of them ---------------------------------------------------------------

    def _spools(self) -> dict[str, Any]:
        """Return what lay in the spools, as :mod:`lab.analysis.spools` has it.

        ``until`` is for each event that put mail into a spool how many events later it left for
        some recipients at least, -1 if never. ``parts`` are what then stayed for others: the number
        of that first event, from which event until which, and the recipients. ``retries`` are the
        events that put the mail off, by the place in the list of all (the first ones, then parts).
        ``words`` are templates of what is said of each.
        """
        spans = self.spans
        whole = [span for span in spans if span.first == span.queued]
        parts = [span for span in spans if span.first != span.queued]
        return {
            "words": [ENTRY, NEXT_TRY],
            "until": _until(whole),
            "parts": [
                [part.queued, part.first, len(self.rows) if part.last is None else part.last,
                 list(part.mail.recipients)]
                for part in parts
            ],
            "retries": {
                place: [n for n, _ in span.mail.retries]
                for place, span in enumerate([*whole, *parts]) if span.mail.retries
            },
        }  # fmt: skip

    def _lengths(self) -> dict[str, Any]:
        """Return by how much each event changes the length of its host's spool, kind by kind."""
        by = {change.n: change.by for change in self.changes}
        return {
            kind: _once([by.get(n, 0) for n in ns])
            for kind, ns in self.by_kind.items() if kind in SPOOL_KINDS
        }  # fmt: skip

    def _tally(self) -> dict[str, Any]:
        """Return how many recipients came to what, as :mod:`lab.analysis.tallies` has it."""
        changes: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for n, name, count in tally_changes(self.rows):
            changes[name].append((n, count))
        return {
            name: {
                "events": _steps(n for n, _ in changed),
                "counts": _once([count for _, count in changed]),
            }
            for name, changed in changes.items()
        }

    def _notifications(self) -> dict[int, list[int]]:
        """Return the messages that led to notifications, and these: the scope of a ladder."""
        about = {self.rows[n][NOTIFY_ABOUT] for n in self.by_kind.get("notify", ())}
        return {
            message: sorted(with_notifications(self.trace, message) - {message})
            for message in sorted(about)
        }

    def _met(self) -> dict[int, list[int]]:
        """Return the sessions that each message was in."""
        sessions = sessions_of_messages(self.rows)
        return {message: _steps(sorted(sessions[message])) for message in sorted(sessions)}

    def _lanes(self) -> list[dict[str, Any]]:
        """Return what each message did when, as :mod:`lab.analysis.itineraries` has it.

        ``waits`` are from when to when it lay in a spool, ``hops`` when it crossed a session,
        ``ends`` when it was delivered (1) or failed, for now or for good (0). Microseconds.
        """
        if len({row[MESSAGE] for row in self.rows}) > MOST_LANES:
            return []
        return [self._lane(itinerary) for itinerary in itineraries(self.trace)]

    def _lane(self, itinerary: Itinerary) -> dict[str, Any]:
        last = self.trace.last
        ends = [(end.t, end.kind in ARRIVALS) for end in itinerary.ends]
        ends += [(attempt.ended, False) for hop in itinerary.hops for attempt in hop.attempts]
        crossings = [
            (begin, end)
            for hop in itinerary.hops
            for kind, begin, end in stages(hop, last)
            if kind == CROSSING
        ]
        return {
            "message": itinerary.number,
            "waits": [_micro(hop.queued, over_at(hop, last)) for hop in itinerary.hops],
            "hops": [_micro(*span) for span in sorted(crossings)],
            "ends": [[*_micro(t), int(good)] for t, good in sorted(ends)],
        }

    def _faults(self) -> list[dict[str, Any]]:
        """The fault intervals, as :mod:`lab.analysis.faults` has them.

        ``enter`` and ``leave`` are the numbers of the events that began and ended it: the same for
        a fault that was over at once, and the number of all events as ``leave`` of one that nothing
        ended. ``places`` are the hosts and links where it is, by number: ``[a, -1]`` or ``[a, b]``;
        where ``down``, nothing gets through there.
        """
        links = self.meta.get("links", ())
        return [
            {
                "name": fault.kind,
                "words": fault.kind
                + (f" ({detail})" if (detail := what_shown(fault, self.shown)) else ""),
                "host": self._host(fault.host),
                "peer": self._host(fault.peer),
                "what": what_shown(fault, self.shown),
                "enter": first,
                "leave": len(self.rows) if last is None else last,
                "down": fault.is_down,
                "places": [[self._host(a), self._host(b)] for a, b in fault.places(links)],
            }
            for first, last, fault in self._fault_spans()
        ]

    def _fault_spans(self) -> list[FaultSpan]:
        return fault_spans(self.rows)

    # -- the rest ---------------------------------------------------------------------------------

    def _notes(self) -> list[str]:
        if not self.texts.cut:
            return []
        limits = self.texts.limits
        return [
            f"This page has no room for {count_noun(len(self.texts.cut), 'text')} in full: it "
            f"holds the first {limits[True]:,} bytes of a mail, and {limits[False]:,} of a "
            "command or reply. The trace has everything."
        ]


def _once(values: list[Any]) -> Any:
    """Return a column of numbers, or the one number that all of them are."""
    return values[0] if len(set(values)) == 1 else values


def _steps(numbers: Iterable[int]) -> list[int]:
    return [after - before for before, after in pairwise((0, *numbers))]


def _until(spans: Iterable[Any]) -> list[int]:
    """Return how many events each span takes; -1 for one that nothing ends."""
    return [-1 if span.last is None else span.last - span.first for span in spans]


def _micro(*seconds: float) -> list[int]:
    return [round(t * 1e6) for t in seconds]
