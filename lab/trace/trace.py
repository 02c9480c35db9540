"""The trace: everything that happened in a run, each event once, with a time and a place.

The one written account of a run. Summary, checks, transcript, pictures, replay and capture read
it; none of them holds a live host. A run appends flat tuples (an append is the whole cost of
tracing); a reader sees them as frozen :class:`Event` records.

Wire events (``command``, ``reply``, ``data``) are recorded where and when they *arrive*, with the
time at which they were ``sent``: one record a crossing tells both ends.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from lab.trace.digests import digest
from lab.trace.rows import KIND, KINDS, START_META, Event, Row, T, event_of

if TYPE_CHECKING:
    import pandas

__all__ = ["KINDS", "Event", "Row", "Trace", "event_of", "gaps", "thaw"]


class Trace:
    """An ordered record of the events of one run.

    ``record`` appends one row. Indexing and iterating give :class:`Event`; ``rows`` are the raw
    tuples, for readers that go through a million of them: a list, or what reads them from a store
    (:mod:`lab.trace.parquet`). ``level`` says how much of the run is here: "wire" is everything.
    ``base``
    is the number of rows that came before and have been taken away. ``missing`` are the sequence
    numbers, from first to last, of events that were written and are not in what was read.
    """

    __slots__ = ("_last", "base", "level", "missing", "record", "recorded", "rows")

    def __init__(
        self,
        rows: Iterable[Row] | Sequence[Row] = (),
        level: str = "wire",
        recorded: str | None = None,
    ) -> None:
        stored = isinstance(rows, Sequence) and not isinstance(rows, (list, tuple))
        self.rows: Any = rows if stored else list(rows)
        self.record: Callable[[Row], None] = getattr(self.rows, "append", _closed)
        self.level = level
        self.recorded = recorded
        self.base = 0
        self.missing: list[tuple[int, int]] = []
        self._last = 0.0

    def __getstate__(self) -> tuple[list[Row], str, str | None]:
        return list(self.rows), self.level, self.recorded

    def __setstate__(self, state: tuple[list[Row], str, str | None]) -> None:
        self.__init__(*state)  # type: ignore[misc]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Event:
        seq = index if index >= 0 else len(self.rows) + index
        return event_of(self.rows[seq], self.base + seq)

    def __iter__(self) -> Iterator[Event]:
        return (event_of(row, seq) for seq, row in enumerate(self.rows))

    def of(self, kinds: Collection[str]) -> Iterable[Row]:
        """The rows of some kinds, in the order of the trace."""
        stored: Callable[[Collection[str]], Iterator[Row]] | None = getattr(self.rows, "of", None)
        if stored is not None:
            return stored(kinds)
        return (row for row in self.rows if row[KIND] in kinds)

    def count(self, kinds: Collection[str]) -> int:
        """How many rows there are of some kinds."""
        stored: Callable[[Collection[str]], int] | None = getattr(self.rows, "count_of", None)
        if stored is not None:
            return stored(kinds)
        return sum(row[KIND] in kinds for row in self.rows)

    @property
    def meta(self) -> dict[str, Any]:
        """What the run was made from: title, seed, start, hosts, links, environments."""
        for row in self.rows[:1]:
            if row[KIND] == "start":
                meta: dict[str, Any] = row[START_META]
                return meta
        return {}

    @property
    def last(self) -> float:
        """The time of the last row, in seconds."""
        return float(self.rows[-1][T]) if self.rows else self._last

    @property
    def folder(self) -> Path | None:
        """Where a stored trace lies; None of one that is in memory."""
        folder: Path | None = getattr(self.rows, "folder", None)
        return folder

    def take_away(self) -> None:
        """Let go of the rows that are here; those that come go on from them."""
        self._last = self.last
        self.base += len(self.rows)
        self.rows.clear()

    def digest(self) -> str:
        """The SHA-256 of the run's whole trace in the canonical form of :mod:`lab.trace.digests`.

        Where not all of it is here, it is what was recorded with it.
        """
        return self.recorded or digest(self.rows)

    def events(self) -> pandas.DataFrame:
        """The events as a table: :func:`lab.analysis.tables.events` documents the columns."""
        from lab.analysis import tables

        return tables.events(self)

    def deliveries(self) -> pandas.DataFrame:
        """What became of each recipient, as a table; see :func:`lab.analysis.tables.deliveries`."""
        from lab.analysis import tables

        return tables.deliveries(self)

    def sessions(self) -> pandas.DataFrame:
        """The transmission channels that opened: see :func:`lab.analysis.tables.sessions`."""
        from lab.analysis import tables

        return tables.sessions(self)

    def write_jsonl(self, file: IO[str]) -> None:
        """Write one JSON object a line, in the order of the trace.

        The first line tells the ``level`` where that is not everything, the last the ``digest``.
        """
        dump = json.JSONEncoder(separators=(",", ":")).encode
        for event in self:
            flat = event.as_dict()
            if event.kind == "start" and self.level != "wire":
                flat["level"] = self.level
            elif event.kind == "end":
                flat["digest"] = self.digest()
            file.write(dump(flat) + "\n")

    @classmethod
    def read_jsonl(cls, path: str | Path) -> Trace:
        """The trace that :meth:`write_jsonl` wrote.

        A last line that was cut off in the middle (a killed run) is left out; of lines that are
        not there, ``missing`` tells the numbers. Raises ValueError in one sentence naming file and
        line for anything else that is no trace.
        """
        trace = cls()
        seqs: list[int] = []
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    flat = json.loads(line)
                    row, seq = _row(flat), int(flat["seq"])
                    trace.record(row)
                    seqs.append(seq)
                    if trace.level == "wire":
                        trace.level = flat.get("level", "wire")
                    else:
                        trace.recorded = flat.get("digest")
                except (ValueError, KeyError, TypeError) as error:
                    if not line.endswith("\n"):
                        break
                    raise ValueError(
                        f"{path}, line {number}: no event of a trace ({_amiss(error)}); each line "
                        "is one JSON object with t, seq, kind, host, as `lab run --out` writes it"
                    ) from None
        trace._put_in_order(seqs)
        return trace

    def _put_in_order(self, seqs: Sequence[int]) -> None:
        """Have rows that were read follow their sequence numbers, and note which are missing."""
        if all(seq == place for place, seq in enumerate(seqs)):
            return
        rows = dict(zip(seqs, self.rows, strict=True))
        order = sorted(rows)
        self.rows[:] = [rows[seq] for seq in order]
        self.missing = gaps((seq, seq) for seq in order)


def gaps(stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The sequence numbers that stretches of them, in order from 0, leave out: first and last."""
    found = []
    due = 0
    for first, last in stretches:
        if first > due:
            found.append((due, first - 1))
        due = last + 1
    return found


def _amiss(error: Exception) -> str:
    """What is wrong with a line, in words of the file's and not of Python's."""
    if isinstance(error, json.JSONDecodeError):
        return f"no JSON: {error.msg.lower()} at column {error.colno}"
    if isinstance(error, KeyError):
        return f"the key {error.args[0]!r} is missing, or its value is none that there is"
    return "a value is of another type than that key has"


def _closed(_: Row) -> None:
    raise TypeError("a stored trace is read only")


def _row(flat: dict[str, Any]) -> Row:
    kind = flat["kind"]
    extras = (thaw(name, flat[name]) for name in KINDS[kind])
    return (
        float(flat["t"]),
        kind,
        flat["host"],
        flat["peer"],
        flat["session"],
        flat["message"],
        *extras,
    )


def thaw(name: str, value: Any) -> Any:
    """A value of an event as it was before JSON made bytes into texts and tuples into lists."""
    if name == "octets":
        return value.encode("latin-1") if isinstance(value, str) else value
    return _tuples(value) if name != "meta" else value


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
