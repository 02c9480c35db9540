"""The data that the page of a run that goes on gets: its beginning, then what is new, in pieces.

Events, words, spools, sessions, faults and states come with the events. What takes hindsight (the
phases and ends of recipients, the ways of messages, the load of links, the verdict) is worked out
now and then from all of the run so far, as for a page that is made at the end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any, Final

from lab.analysis.account import Account
from lab.analysis.channels import FlightFinder, channel_paths
from lab.analysis.faults import FaultSpan, fault_spans
from lab.analysis.session_states import OF_SESSIONS, history_of
from lab.analysis.spools import KINDS as SPOOL_KINDS
from lab.analysis.spools import SpoolSpan, spool_changes
from lab.analysis.tallies import tally_changes
from lab.protocol.names import canonical
from lab.runtime.escaping import visible_lines
from lab.trace.closes import cut_cause, is_hang_up
from lab.trace.rows import CLOSE_REASON, HOST, KIND, MESSAGE, NOTIFY_ABOUT, PEER, SESSION, Row, T
from lab.trace.trace import Trace
from lab.views.replay.data import COLUMNS, Page
from lab.views.replay.sides import MOST_FILMED, Sides
from lab.views.replay.texts import shown

_OFTEN: Final = 100
"""Events up to which the states of a session are worked out after each of them."""


class GrowingPage(Page):
    """The data of a page that grows with its run; ``start`` is the trace's first row alone."""

    def __init__(self, start: Trace) -> None:
        super().__init__(start, start)
        self._finder = FlightFinder()
        self._account = Account()
        self._there: dict[tuple[str, int], list[SpoolSpan]] = {}
        self._numbers: dict[tuple[int, int], int] = {}
        self._failed: list[tuple[int, Row]] = []
        self._open: dict[int, list[tuple[int, Row]]] = {}
        self._closed: set[int] = set()
        self._shown_of: dict[int, int] = {}
        self._sides = Sides(self._host)
        self._kinds = dict.fromkeys(self.by_kind)
        for row in self.rows:
            self._finder.take(row)

    def beginning(self) -> dict[str, Any]:
        """Return the data of the page before anything has happened."""
        data = self.data()
        self._lengths_sent = self._lists()
        return data

    def additions(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Return what some more events add to the page, in the order in which they happened."""
        first = len(self.rows)
        self._take(rows, first)
        self._kinds |= dict.fromkeys(self.by_kind)
        kinds = {kind: k for k, kind in enumerate(self._kinds)}
        micro = self.times[first - 1 :]
        grown: dict[str, Any] = {
            "first": first,
            "kinds": list(kinds),
            "t": [after - before for before, after in pairwise(micro)],
            "k": [kinds[row[KIND]] for row in rows],
            "h": [self._host(row[HOST]) for row in rows],
            "p": [self._host(row[PEER]) for row in rows],
            "s": [-1 if row[SESSION] is None else row[SESSION] for row in rows],
            "m": [-1 if row[MESSAGE] is None else row[MESSAGE] for row in rows],
            "extra": {kind: self._extra(kind) for kind in self.by_kind if kind in COLUMNS},
            "words": {kind: self._words(kind) for kind in self.by_kind},
            "pace": self._pace(),
            "tally": [list(change) for change in tally_changes(rows, self._account, first)],
            "closed": self._closes(rows, first),
            **self._spooled(rows, first),
        }
        if any(_fails(row) for row in rows):
            failed = self._faults()
            for fault in failed:
                fault["leave"] = None if fault["leave"] >= len(self.rows) else fault["leave"]
            grown["faults"] = failed
        if len(self.rows) <= MOST_FILMED:
            grown["states"] = self._changed_states(rows)
        grown = {name: shown(value) for name, value in grown.items()}
        return {**grown, **self._new()}

    def hindsight(self, trace: Trace) -> dict[str, Any]:
        """Return what all of a run so far makes of it; texts in it count from 0, in ``strings``."""
        page = Page(trace, trace)
        page.names, page.number = list(self.names), dict(self.number)
        of_the_whole = {name: shown(value) for name, value in page.of_the_whole().items()}
        return {**of_the_whole, "strings": [visible_lines(text) for text in page.texts.strings]}

    # -- the events ----------------------------------------------------------------------------

    def _take(self, rows: Sequence[Row], first: int) -> None:
        self.rows += rows
        self.by_kind = defaultdict(list)
        for n, row in enumerate(rows, first):
            self.by_kind[row[KIND]].append(n)
        times = accumulate((round(row[T] * 1e6) for row in rows), max, initial=self.times[-1])
        self.times += list(times)[1:]
        flown = filter(None, [self._finder.take(row) for row in rows])
        self.flights = {flight.seq: flight for flight in flown}
        self.paths |= channel_paths(rows)
        for n, row in enumerate(rows, first):
            if _fails(row):
                self._failed.append((n, row))
            if row[KIND] == "close":
                self._closed.add(row[SESSION])
            elif row[KIND] == "accept" and row[SESSION] in self._closed:
                self.wording.never_heard(row)

    def _lists(self) -> dict[str, int]:
        """Return how long the lists are that only ever grow."""
        return {
            "strings": len(self.texts.strings), "patterns": len(self.wording.patterns),
            "wordings": len(self.wording.words), "ways": len(self.ways), "sides": len(self._sides),
            "hosts": len(self.names),
        }  # fmt: skip

    def _new(self) -> dict[str, Any]:
        """Return what has been added to these lists since the last time."""
        lengths, self._lengths_sent = self._lengths_sent, self._lists()
        new = {
            "strings": [visible_lines(text) for text in self.texts.strings[lengths["strings"] :]],
            "cut": {n: cut for n, cut in self.texts.cut.items() if n >= lengths["strings"]},
            "patterns": shown(self.wording.patterns[lengths["patterns"] :]),
            "wordings": shown([list(words) for words in self.wording.words[lengths["wordings"] :]]),
            "ways": self._ways()[lengths["ways"] :] if lengths["ways"] < len(self.ways) else [],
            "sides": shown(self._sides.texts(lengths["sides"])),
            "hosts": shown([(name, canonical(name)) for name in self.names[lengths["hosts"] :]]),
        }
        return {name: value for name, value in new.items() if value}

    # -- what lies in spools, fails, and is open -----------------------------------------------

    def _spooled(self, rows: Sequence[Row], first: int) -> dict[str, Any]:
        """Return what entered spools and left them, and by how much each event changed a length.

        Each entry has a number, from 0 on: ``entries`` are the event that queued it, the event from
        which on it lay there, and its recipients; ``left`` and ``retries`` are numbers and events.
        """
        entries: list[list[Any]] = []
        left: list[list[int]] = []
        retries: list[list[int]] = []
        by: dict[int, int] = {}
        for n, row in enumerate(rows, first):
            if row[KIND] == "defer":
                here = self._there.get((row[HOST], row[MESSAGE]), ())
                retries += [[self._entry(span), n] for span in here if span.mail.peer == row[PEER]]
            for change in spool_changes([row], self._there, n):
                by[n] = change.by
                left += [[self._entry(span), n] for span in change.left]
                entries += self._entered(n)
        lengths = {
            kind: [by.get(n, 0) for n in ns] for kind, ns in self.by_kind.items()
            if kind in SPOOL_KINDS
        }  # fmt: skip
        return {"entries": entries, "left": left, "retries": retries, "lengths": lengths}

    def _entered(self, n: int) -> list[list[Any]]:
        """Return the entries of the spool that event n changed which begin with it."""
        row = self.rows[n]
        message = row[NOTIFY_ABOUT if row[KIND] == "notify" else MESSAGE]
        begun = [span for span in self._there.get((row[HOST], message), ()) if span.first == n]
        for span in begun:
            self._entry(span)
        return [[span.queued, n, list(span.mail.recipients)] for span in begun]

    def _entry(self, span: SpoolSpan) -> int:
        return self._numbers.setdefault((span.queued, span.first), len(self._numbers))

    def _fault_spans(self) -> list[FaultSpan]:
        """Return the faults so far, of the few rows that are about any."""
        numbers = [n for n, _ in self._failed]
        return [
            FaultSpan(numbers[first], None if last is None else numbers[last], interval)
            for first, last, interval in fault_spans(row for _, row in self._failed)
        ]

    def _closes(self, rows: Sequence[Row], first: int) -> list[list[int]]:
        return [[row[SESSION], n] for n, row in enumerate(rows, first) if row[KIND] == "close"]

    def _changed_states(self, rows: Sequence[Row]) -> dict[int, list[list[int]]]:
        """Return the states of both sides of the sessions in which something happened."""
        first = len(self.rows) - len(rows)
        changed: dict[int, None] = {}
        for n, row in enumerate(rows, first):
            session = row[SESSION]
            if row[KIND] == "open":
                self._open[session] = []
            if row[KIND] in OF_SESSIONS and session in self._open:
                self._open[session].append((n, row))
                changed[session] = None
        snapshots = {}
        for session in changed:
            session_rows = self._open[session]
            is_over = session_rows[-1][1][KIND] == "close"
            if (
                is_over
                or len(session_rows) <= _OFTEN
                or len(session_rows) > 1.1 * self._shown_of[session]
            ):
                snapshots[session] = self._sides.snapshots(history_of(session_rows))
                self._shown_of[session] = len(session_rows)
            if is_over:
                del self._open[session]
        return snapshots


def _fails(row: Row) -> bool:
    """Return whether an event begins a fault, or ends one."""
    if row[KIND] == "close":
        return is_hang_up(cut_cause(str(row[CLOSE_REASON])))
    return bool(row[KIND] == "fault")
