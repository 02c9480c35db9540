"""The trace: everything that happened in a run, each event once, with its time and host.

It is the one written record of a run. Summary, checks, transcript, pictures, replay and capture
read it, and none of them holds a live host. A run appends rows, which are flat tuples; a reader
sees them as frozen :class:`~lab.trace.rows.Event` records.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from lab.runtime import arguments
from lab.runtime.arguments import shown
from lab.trace import jsonl, table_maker
from lab.trace.digests import digest
from lab.trace.levels import checked_level
from lab.trace.parquet import StoredRows
from lab.trace.rows import KIND, START_META, Event, Row, T, event_of

if TYPE_CHECKING:
    import pandas

    from lab.trace.meta import Meta


class Trace:
    """An ordered record of the events of one run.

    ``record`` appends one row. Indexing and iterating give :class:`~lab.trace.rows.Event`; ``rows``
    are the raw tuples, for code that goes through a million of them: a list, or
    :class:`~lab.trace.parquet.StoredRows`. ``level`` says how much of the run is recorded
    (:data:`lab.trace.levels.LEVELS`), and ``recorded`` is the digest of the whole run, if it is
    known. ``first_seq`` is the sequence number of the first row: how many came before and have been
    removed. ``missing`` are the ranges of sequence numbers, first and last, of events that were
    written and are not in the file that was read.
    """

    __slots__ = (
        "__weakref__", "_last", "first_seq", "level", "missing", "record", "recorded", "rows",
    )  # fmt: skip

    def __init__(
        self,
        rows: Iterable[Row] | Sequence[Row] = (),
        level: str = "wire",
        recorded: str | None = None,
    ) -> None:
        checked_level(level)
        arguments.many("rows", rows, "rows of a trace, such as run.trace.rows")
        self.rows: Sequence[Row] = rows if isinstance(rows, StoredRows) else list(rows)
        self.record: Callable[[Row], None] = getattr(self.rows, "append", _refuse)
        self.level = level
        self.recorded = recorded
        self.first_seq = 0
        self.missing: list[tuple[int, int]] = []
        self._last = 0.0

    def __getstate__(self) -> tuple[list[Row], str, str | None]:
        return list(self.rows), self.level, self.recorded

    def __setstate__(self, state: tuple[list[Row], str, str | None]) -> None:
        self.__init__(*state)  # type: ignore[misc]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Event:
        n = index if index >= 0 else len(self.rows) + index
        return event_of(self.rows[n], self.first_seq + n)

    def __iter__(self) -> Iterator[Event]:
        return (event_of(row, seq) for seq, row in enumerate(self.rows, self.first_seq))

    def of(self, kinds: Collection[str]) -> Iterable[Row]:
        """Return the rows of some kinds, in the order of the trace."""
        _check_kinds(kinds)
        if isinstance(self.rows, StoredRows):
            return self.rows.of(kinds)
        return (row for row in self.rows if row[KIND] in kinds)

    def count(self, kinds: Collection[str]) -> int:
        """Return how many rows of some kinds there are."""
        _check_kinds(kinds)
        if isinstance(self.rows, StoredRows):
            return self.rows.count_of(kinds)
        return sum(row[KIND] in kinds for row in self.rows)

    @property
    def meta(self) -> Meta:
        """What the run was made from: title, seed, start, hosts, links, environments."""
        for row in self.rows[:1]:
            if row[KIND] == "start":
                meta: Meta = row[START_META]
                return meta
        return {}

    @property
    def last(self) -> float:
        """The time of the last row, in seconds."""
        return float(self.rows[-1][T]) if self.rows else self._last

    @property
    def folder(self) -> Path | None:
        """The folder of Parquet files that the rows are in; None if they are in memory."""
        return self.rows.folder if isinstance(self.rows, StoredRows) else None

    @property
    def growing(self) -> list[Row]:
        """The rows of a trace in memory, for those who record it."""
        assert isinstance(self.rows, list), "rows in files do not grow"
        return self.rows

    def clear(self) -> None:
        """Remove the rows that are here; the rows recorded next go on with their numbers."""
        self._last = self.last
        self.first_seq += len(self.rows)
        self.growing.clear()

    def digest(self) -> str:
        """Return the SHA-256 of the run's whole trace, in the form of :mod:`lab.trace.digests`.

        If the trace was recorded with a digest, that is returned, because some of the run's events
        may be missing here.
        """
        return self.recorded or digest(self.rows)

    # -- tables, for users ------------------------------------------------------------------------

    def events(self) -> pandas.DataFrame:
        """Return the events as a table: :func:`lab.analysis.tables.events` lists the columns."""
        return self._table("events")

    def deliveries(self) -> pandas.DataFrame:
        """Return what became of each recipient: see :func:`lab.analysis.tables.deliveries`."""
        return self._table("deliveries")

    def sessions(self) -> pandas.DataFrame:
        """Return the channels that opened, as a table: see :func:`lab.analysis.tables.sessions`."""
        return self._table("sessions")

    def links(self) -> pandas.DataFrame:
        """Return what crossed each link each way: see :func:`lab.analysis.tables.links`."""
        return self._table("links")

    def phases(self) -> pandas.DataFrame:
        """Return where the time of each recipient went: see :func:`lab.analysis.tables.phases`."""
        return self._table("phases")

    def utilisation(self, every: float | None = None) -> pandas.DataFrame:
        """Return how busy links were in each interval of ``every`` seconds, and what waited.

        By default there are a hundred intervals. See :func:`lab.analysis.tables.utilisation`.
        """
        return self._table("utilisation", every=every)

    def queues(self, every: float | None = None) -> pandas.DataFrame:
        """Return how much mail lay in each spool in each interval of ``every`` seconds.

        By default there are a hundred intervals. See :func:`lab.analysis.tables.queues`.
        """
        return self._table("queues", every=every)

    def _table(self, name: str, **options: object) -> pandas.DataFrame:
        assert table_maker.make is not None, "lab/__init__.py sets it"
        table: pandas.DataFrame = table_maker.make(name, self, **options)
        return table

    # -- files ------------------------------------------------------------------------------------

    def write_jsonl(self, file: IO[str]) -> None:
        """Write a line of JSON for each event, in order (:mod:`lab.trace.jsonl`)."""
        if not hasattr(file, "write"):
            raise TypeError(f"file must be a file that is open for text, not {shown(file)}")
        jsonl.write(file, self, self.level, self.digest)

    @classmethod
    def read_jsonl(cls, path: str | os.PathLike[str]) -> Trace:
        """Return the trace that :meth:`write_jsonl` wrote.

        A last line that was cut off in the middle (a killed run) is left out; ``missing`` has the
        numbers of lines that are not there. Raises OSError if the file cannot be read, and
        ValueError in one sentence if it is not a trace.
        """
        contents = jsonl.read(Path(arguments.path("path", path, "the path of a trace")))
        trace = cls(contents.rows, contents.level, contents.digest)
        trace.missing = contents.missing
        return trace

    # -- old names --------------------------------------------------------------------------------

    @property
    def base(self) -> int:
        """The old name of ``first_seq``."""
        _warn_renamed("base", "first_seq")
        return self.first_seq

    def take_away(self) -> None:
        """Remove the rows: the old name of :meth:`clear`."""
        _warn_renamed("take_away", "clear")
        self.clear()


def check_trace(value: object) -> None:
    """Raise TypeError in one sentence if a value is not a :class:`Trace`."""
    if not isinstance(value, Trace):
        kind = type(value).__name__
        raise TypeError(f"trace must be a lab.Trace, such as run.trace, not of the type {kind}")


def open_trace(path: str | os.PathLike[str]) -> Trace:
    """Return the trace in a file of JSON lines, a folder of Parquet files, or a run's artefacts.

    The last is a folder that ``lab run --out`` left, with a trace.jsonl or a trace.parquet in it.
    Rows in Parquet files are read when they are needed; JSON lines are read at once. Raises
    OSError if the file cannot be read, and ValueError in one sentence if it is not a trace.
    """
    path = Path(arguments.path("path", path, "that of a trace or of a folder with one"))
    if not path.exists():
        raise FileNotFoundError(
            f"{path}: there is no such file or folder; give what `lab run --out` leaves"
        )
    trace = _stored(path) if path.is_dir() else _lines(path)
    if not len(trace) or trace.rows[0][KIND] != "start":
        raise ValueError(
            f"{path}: not a trace, because it does not begin with the first event of a run, "
            "seq 0; give what `lab run --out` leaves"
        )
    return trace


def _lines(path: Path) -> Trace:
    if path.suffix == ".parquet":
        raise ValueError(f"{path}: one part of a stored trace; give the folder that it is in")
    return Trace.read_jsonl(path)


def _stored(folder: Path) -> Trace:
    """Return the trace in a folder of Parquet files, or in a folder of artefacts."""
    if not any(folder.glob("part-*.parquet")):
        if (folder / "trace.jsonl").is_file():
            return Trace.read_jsonl(folder / "trace.jsonl")
        if (folder / "trace.parquet").is_dir():
            folder = folder / "trace.parquet"
    rows = StoredRows(folder)
    trace = Trace(rows, rows.about.get("level", "wire"), rows.about.get("digest"))
    trace.missing = rows.missing
    return trace


def _check_kinds(kinds: object) -> None:
    arguments.many("kinds", kinds, 'kinds of event, such as {"deliver"}')


def _refuse(_: Row) -> None:
    raise TypeError("a stored trace is read only")


def _warn_renamed(old: str, new: str) -> None:
    warnings.warn(f"Trace.{old} is now Trace.{new}", DeprecationWarning, stacklevel=3)
