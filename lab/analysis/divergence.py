"""Where two runs part: the first event that is not the same in both, as each run has it.

Two simulated runs are the same as long as every host has the same events in the same order at the
same times. That is what their digests compare, too: events of different hosts at one instant may be
interleaved in any way, and sessions and messages are named by where they began.

A live run has measured times and its own choice of sessions. There, an event that the other run
does not have counts, wherever it comes.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from math import inf
from typing import Any, Final, NamedTuple

from lab.analysis.narrative import piece_text, sentence
from lab.analysis.session_parts import without_dates
from lab.analysis.shown_names import ShownNames, shown_names
from lab.quantities import clock_time
from lab.trace.digests import NumberNames
from lab.trace.levels import thinned
from lab.trace.rows import (
    ACCEPT_REVERSE_PATH,
    DELIVER_OCTETS,
    DIALOGUE,
    HOST,
    KIND,
    KINDS,
    MESSAGE,
    NOTIFY_ABOUT,
    OCTETS,
    OWN,
    PEER,
    SESSION,
    SUBMIT_VERB,
    Row,
    T,
    event_of,
)
from lab.trace.trace import Trace

BEFORE: Final = 3
"""The most events before the first difference that are kept."""

_SHOWN: Final = 40
"""Octets that are shown from the first on that differs."""


class Happening(NamedTuple):
    """An event of one run: its time in seconds, its place in the trace, and what it says."""

    t: float
    seq: int
    sentence: str


class Divergence(NamedTuple):
    """Where two runs part, at ``t`` seconds: what each has there, None for a run that is over.

    ``host`` is where it happens, "" if that is at no host. ``before`` are the last events there
    that both runs have.
    """

    t: float
    host: str
    a: Happening | None
    b: Happening | None
    before: tuple[Happening, ...] = ()

    def text(self, of: Happening | None) -> str:
        """Return what one of the runs has there as a sentence."""
        if of is not None:
            return of.sentence
        return f"Nothing more happens at {self.host}." if self.host else "Nothing more happens."


_Place = tuple[int, Row]
"""A row and its place in the trace."""


def first_divergence(a: Trace, b: Trace, level: str) -> Divergence | None:
    """Return where two runs part, as far as a level records them; None if they do not."""
    sides = _Side(a, level), _Side(b, level)
    while (t := min(side.next_time for side in sides)) < inf:
        ours, theirs = (side.take(t) for side in sides)
        if ours.keys == theirs.keys:
            continue
        parted = _parted(ours, theirs)
        if parted is not None:
            host, common, places = parted
            later_places = [
                place or side.later(host) for side, place in zip(sides, places, strict=True)
            ]
            before = [*sides[0].recent[host], *common][-BEFORE:]
            return _divergence(
                host, before, later_places, (shown_names(a.meta), shown_names(b.meta))
            )
        for side in sides:
            side.remember()
    return None


def _divergence(
    host: str,
    before: Sequence[_Place],
    places: Sequence[_Place | None],
    shown: Sequence[ShownNames],
) -> Divergence:
    a, b = (
        None if place is None else _happening(place, names)
        for place, names in zip(places, shown, strict=True)
    )
    rows = [place[1] for place in places if place is not None]
    if a is not None and b is not None and a.sentence == b.sentence:
        details = _details(rows[0], rows[1])
        a, b = (
            side._replace(sentence=f"{side.sentence.removesuffix('.')} ({detail}).")
            for side, detail in zip((a, b), details, strict=True)
        )
    t = min(row[T] for row in rows)
    return Divergence(t, shown[0][host], a, b, tuple(_happening(side, shown[0]) for side in before))


def _happening(place: _Place, shown: ShownNames) -> Happening:
    seq, row = place
    return Happening(row[T], seq, sentence(event_of(row, seq), shown=shown))


def _details(a: Row, b: Row) -> tuple[str, str]:
    """Return what tells two events apart that have the same sentence."""
    if a[T] != b[T]:
        return f"at {clock_time(a[T], 6)}", f"at {clock_time(b[T], 6)}"
    for name, ours, theirs in zip(KINDS[a[KIND]], a[OWN:], b[OWN:], strict=False):
        if ours == theirs:
            continue
        if isinstance(ours, bytes):
            at = next(
                (n for n, (x, y) in enumerate(zip(ours, theirs, strict=False)) if x != y),
                min(len(ours), len(theirs)),
            )
            texts = (piece_text(octets[at : at + _SHOWN]) for octets in (ours, theirs))
            first, second = (f"from octet {at} on: {text}" for text in texts)
        else:
            first, second = (f"{name.replace('_', ' ')} {_value(each)}" for each in (ours, theirs))
        return first, second
    first, second = (f"session {row[SESSION]}, message {row[MESSAGE]}" for row in (a, b))
    return first, second


def _value(value: object) -> str:
    if isinstance(value, float):
        return clock_time(value, 6)
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


class _Instant:
    """The rows of one run at an instant, with what must be the same in the other run."""

    def __init__(self) -> None:
        self.places: list[_Place] = []
        self.keys: list[tuple[Any, ...]] = []

    def of_hosts(self) -> dict[str, list[int]]:
        """Return which rows each host has, by their places in the instant."""
        numbers: dict[str, list[int]] = defaultdict(list)
        for number, (_, row) in enumerate(self.places):
            numbers[row[HOST]].append(number)
        return numbers


class _Side:
    """One of the two runs, read instant by instant.

    ``recent`` are the last rows about each host, before the instant that was read last.
    """

    def __init__(self, trace: Trace, level: str) -> None:
        self._rows = _places(trace, level)
        self._next = next(self._rows, None)
        self._sessions, self._messages = NumberNames(), NumberNames()
        self._instant = _Instant()
        self.recent: dict[str, deque[_Place]] = defaultdict(lambda: deque(maxlen=BEFORE))

    @property
    def next_time(self) -> float:
        return inf if self._next is None else float(self._next[1][T])

    def take(self, t: float) -> _Instant:
        """Return the rows up to a time, and go on behind them."""
        self.remember()
        while self._next is not None and self._next[1][T] <= t:
            self._instant.places.append(self._next)
            self._instant.keys.append(self._key(self._next[1]))
            self._next = next(self._rows, None)
        return self._instant

    def remember(self) -> None:
        """Add the rows of the last instant to those that came before."""
        for place in self._instant.places:
            for host in {place[1][HOST], place[1][PEER] or "", ""}:
                self.recent[host].append(place)
        self._instant = _Instant()

    def later(self, host: str) -> _Place | None:
        """Return the next row of a host, after those taken; of any host for ""."""
        while self._next is not None:
            place, self._next = self._next, next(self._rows, None)
            if not host or place[1][HOST] == host:
                return place
        return None

    def _key(self, row: Row) -> tuple[Any, ...]:
        """Return what a row says without the numbers of this run, as the digest takes it."""
        kind, host, session, message = row[KIND], row[HOST], row[SESSION], row[MESSAGE]
        columns = row[OWN : OWN + len(KINDS[kind])]  # an older trace lacks those that are optional
        if kind == "start":
            columns = ()  # what the runs were made from is compared by itself
        elif kind == "notify":
            columns = (self._messages.name(columns[0], host), *columns[1:])
        if session is not None and kind != "loss":
            session = self._sessions.name(session, host)
        if message is not None:
            message = self._messages.name(message, host)
        return (row[T], kind, host, row[PEER], session, message, columns)


def _places(trace: Trace, level: str) -> Iterator[_Place]:
    for seq, row in enumerate(trace.rows, trace.first_seq):
        for kept in thinned((row,), level):
            yield seq, kept


_Parted = tuple[str, list[_Place], tuple[_Place | None, _Place | None]]


def _parted(ours: _Instant, theirs: _Instant) -> _Parted | None:
    """Return the first host whose rows of an instant differ, those before, and the two that do."""
    a, b = ours.of_hosts(), theirs.of_hosts()
    parted_at: list[tuple[int, str, int]] = []
    for host in dict.fromkeys([*a, *b]):
        same = _same(
            [ours.keys[n] for n in a.get(host, ())], [theirs.keys[n] for n in b.get(host, ())]
        )
        left = [numbers[same] for numbers in (a.get(host, []), b.get(host, [])) if numbers[same:]]
        if left:
            parted_at.append((min(left), host, same))
    if not parted_at:
        return None
    _, host, same = min(parted_at)
    rows = [
        [instant.places[n] for n in numbers.get(host, ())]
        for instant, numbers in ((ours, a), (theirs, b))
    ]
    first = tuple(places[same] if places[same:] else None for places in rows)
    return host, rows[0][:same], (first[0], first[1])


def _same(ours: Sequence[object], theirs: Sequence[object]) -> int:
    """Return how many of the first of two sequences are the same."""
    pairs = zip(ours, theirs, strict=False)
    return next((n for n, (x, y) in enumerate(pairs) if x != y), min(len(ours), len(theirs)))


# -- times aside -----------------------------------------------------------------------------------

_TO: Final[Mapping[str, int | None]] = {
    "submit": SUBMIT_VERB + 1, "reject": None, "expand": None, "forward": None,
    "accept": ACCEPT_REVERSE_PATH + 1, "transfer": None, "refuse": None, "deliver": None,
    "terminal": None, "notify": None, "abandon": None, "forget": None,
}  # fmt: skip
"""The kinds of event about mail that two runs must have equally often, and where their columns end.

Sizes are left out: a date may be longer by a digit.
"""


def first_unlike(
    a: Trace, b: Trace, level: str, matched: Mapping[int, int], external: Collection[str] = ()
) -> Divergence | None:
    """Return the first event that only one of two runs has, whenever it is; None if there is none.

    Counted are events about mail; of commands, replies and mail data it is enough that the other
    run has the same between the same hosts, dates aside. ``matched`` are the numbers of messages in
    ``a`` by those in ``b``. What ``external`` hosts say is left out.
    """
    ours = _known(a, level, None, external)
    theirs = _known(b, level, matched, external)
    alone = [_first_alone(ours, theirs), _first_alone(theirs, ours)]
    begins = [each[1] for each in alone if each is not None]
    if not begins:
        return None
    first = min(begins, key=lambda row: row[T])
    # the other run's is shown if it is about the same
    places = [
        each if each is not None and _subject(each[1]) == _subject(first) else None
        for each in alone
    ]
    return _divergence(str(first[HOST]), (), places, (shown_names(a.meta), shown_names(b.meta)))


def _subject(row: Row) -> tuple[Any, ...]:
    return row[KIND] in DIALOGUE, row[HOST], row[PEER]


_Key = tuple[Any, ...]


def _known(
    trace: Trace, level: str, matched: Mapping[int, int] | None, external: Collection[str]
) -> list[tuple[_Key, _Place]]:
    known = []
    for seq, row in _places(trace, level):
        kind = row[KIND]
        number = _number(row[MESSAGE], matched)
        if kind in DIALOGUE and row[PEER] not in external:
            octets = without_dates(row[OCTETS])
            known.append(((kind, row[HOST], row[PEER], octets), (seq, row)))
        elif kind in _TO and row[HOST] not in external:
            known.append(
                ((kind, row[HOST], row[PEER], number, *_columns(row, matched)), (seq, row))
            )
    return known


def _number(message: int | None, matched: Mapping[int, int] | None) -> int | None:
    """Return the number of a message in the first run; one of its own if that has no such."""
    return message if message is None or matched is None else matched.get(message, -message)


def _columns(row: Row, matched: Mapping[int, int] | None) -> Iterator[object]:
    for place in range(OWN, len(row[: _TO[row[KIND]]])):
        value = row[place]
        if row[KIND] == "notify" and place == NOTIFY_ABOUT:
            value = _number(value, matched)
        elif row[KIND] in ("deliver", "terminal") and place == DELIVER_OCTETS:
            value = without_dates(value)
        yield value


def _first_alone(
    ours: Sequence[tuple[_Key, _Place]], theirs: Sequence[tuple[_Key, _Place]]
) -> _Place | None:
    """Return the first row of ours that is not in theirs, or not as often."""
    count = Counter(key for key, _ in theirs)
    for key, place in ours:
        is_known = key in count if key[0] in DIALOGUE else count[key] > 0
        if not is_known:
            return place
        if key[0] not in DIALOGUE:
            count[key] -= 1
    return None
