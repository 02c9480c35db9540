"""Traces on disk: how much is kept of a run, and columns for what is too long for lines.

A long trace is a folder of Parquet files, each whole as soon as it is there: a run that is killed
leaves all but its last part, and pandas, DuckDB and Arrow read the folder as one table. A row is an
event, with the columns ``seq``, ``t`` (s), ``kind``, ``host``, ``peer``, ``session``, ``message``,
of what crossed the wire ``sent`` (s) and ``octets``, and ``rest``: what else the kind has, as JSON.
Parquet, for an event takes a tenth of the bytes of its line, and a reader takes the columns that it
wants.
"""

from __future__ import annotations

import json
import shutil
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, overload

import msgspec

from lab.trace.rows import DELIVER_OCTETS, KIND, KINDS, OCTETS_COLUMNS, OWN, SENT, Row
from lab.trace.trace import Trace, gaps, thaw

if TYPE_CHECKING:
    import pyarrow

_WIRE: Final = frozenset({"command", "reply", "data", "loss"})
_CHANNELS: Final = frozenset({"attempt", "unreachable", "open", "close", "defer"})
_ALWAYS: Final = frozenset({"start", "fault", "end"})

LEVELS: Final = {
    "wire": frozenset(KINDS),
    "session": frozenset(KINDS) - _WIRE,
    "delivery": frozenset(KINDS) - _WIRE - _CHANNELS,
    "none": _ALWAYS,
}
"""How much of a run is recorded: the kinds of event that each level keeps.

``wire`` is everything; ``session`` leaves out what was said, and the bytes of the mail;
``delivery`` the channels as well; ``none`` keeps the beginning, the faults and the end. Account,
digest and invariants are taken from all events, whatever is kept of them.
"""

PART: Final = 262_144
"""Events in one file of a stored trace."""

HEAVIEST: Final = 128 << 20
"""Bytes of mail and words that wait in memory, however few events they are of."""

GROUP: Final = 16_384
"""Events that are read at once where a few are looked at."""

KEPT_GROUPS: Final = 8
"""Groups of events that a reader keeps."""


def thinned(rows: Iterable[Row], level: str) -> Iterable[Row]:
    """The rows that a level keeps."""
    if level == "wire":
        return rows
    kept = LEVELS[level]
    return (_without_octets(row) for row in rows if row[KIND] in kept)


def weight(rows: Iterable[Row]) -> int:
    """The bytes of mail and of words that rows hold."""
    return sum([len(row[-1]) for row in rows if type(row[-1]) is bytes])


def _without_octets(row: Row) -> Row:
    return (*row[:DELIVER_OCTETS], b"") if row[KIND] in ("deliver", "terminal") else row


def _schema() -> pyarrow.Schema:
    import pyarrow as pa

    name = pa.dictionary(pa.int32(), pa.string())
    return pa.schema([
        ("seq", pa.int64()), ("t", pa.float64()), ("kind", name), ("host", name), ("peer", name),
        ("session", pa.int64()), ("message", pa.int64()), ("sent", pa.float64()),
        ("octets", pa.binary()), ("rest", pa.string()),
    ])  # fmt: skip


_OTHERS: Final = {
    kind: tuple(
        (place, name) for place, name in enumerate(names, OWN) if name not in ("sent", "octets")
    )
    for kind, names in KINDS.items()
}
_SENT: Final = {kind: SENT for kind, names in KINDS.items() if "sent" in names}


class Store:
    """A folder that a trace is written to, part by part.

    ``level`` says how much of it; the rows given to :meth:`write` have been thinned.
    """

    def __init__(self, folder: Path, level: str = "wire") -> None:
        self.folder = folder
        self.level = level
        if folder.is_dir():
            shutil.rmtree(folder)
        else:
            folder.unlink(missing_ok=True)
        folder.mkdir(parents=True)
        self._rows: list[Row] = []
        self._weight = 0
        self._seq = 0
        self._parts = 0
        self._encode = msgspec.json.Encoder().encode

    def write(self, rows: Iterable[Row]) -> None:
        """Write the next rows of the trace."""
        known = len(self._rows)
        self._rows.extend(rows)
        self._weight += weight(self._rows[known:])
        while len(self._rows) >= PART or self._weight > HEAVIEST:
            self._write_part(self._rows[:PART])
            del self._rows[:PART]
            self._weight = weight(self._rows)

    def rows(self) -> Iterator[Row]:
        """What has been written so far."""
        if self._parts:
            yield from StoredRows(self.folder)
        yield from self._rows

    def close(self, digest: str, counts: dict[str, Any]) -> None:
        """Write what is left, with what the whole run came to."""
        self._write_part(self._rows, {"digest": digest, "counts": counts})
        self._rows = []

    def _write_part(self, rows: list[Row], more: dict[str, Any] | None = None) -> None:
        import pyarrow.parquet

        table = self._table(rows)
        about = json.dumps({"level": self.level, **(more or {})})
        table = table.replace_schema_metadata({"smtp-lab": about})
        path = self.folder / f"part-{self._parts:05}.parquet"
        beside = self.folder / f".{path.name}"
        pyarrow.parquet.write_table(
            table, beside, row_group_size=GROUP, compression="zstd", compression_level=1
        )
        beside.replace(path)
        self._parts += 1

    def _table(self, rows: list[Row]) -> pyarrow.Table:
        import pyarrow as pa

        encode = self._encode
        sent: list[float | None] = []
        octets: list[bytes | None] = []
        rest: list[str | None] = []
        for row in rows:
            kind = row[KIND]
            place = _SENT.get(kind)
            sent.append(row[place] if place is not None else None)
            place = OCTETS_COLUMNS.get(kind)
            octets.append(row[place] if place is not None else None)
            others = _OTHERS[kind]
            rest.append(encode({name: row[at] for at, name in others}).decode() if others else None)
        t, kinds, hosts, peers, sessions, messages = (
            zip(*(row[:OWN] for row in rows), strict=True) if rows else ((),) * 6
        )
        seqs = range(self._seq, self._seq + len(rows))
        self._seq += len(rows)
        schema = _schema()
        columns = [seqs, t, kinds, hosts, peers, sessions, messages, sent, octets, rest]
        return pa.table(
            {
                field.name: pa.array(column, field.type.value_type).dictionary_encode()
                if pa.types.is_dictionary(field.type)
                else pa.array(column, field.type)
                for field, column in zip(schema, columns, strict=True)
            },
            schema=schema,
        )


class StoredRows(Sequence[Row]):
    """The rows of a stored trace, read when they are looked at and not kept.

    Going through them reads group by group; a single row, the group that it is in. Raises
    ValueError in one sentence where the folder is no stored trace.
    """

    def __init__(self, folder: Path) -> None:
        import pyarrow.parquet

        self.folder = folder
        self._files = []
        self._starts: list[int] = []
        self._places: list[tuple[int, int]] = []
        self._kept: OrderedDict[int, list[Row]] = OrderedDict()
        self.about: dict[str, Any] = {}
        count = 0
        stretches: list[tuple[int, int]] = []
        for number, path in enumerate(sorted(folder.glob("part-*.parquet"))):
            try:
                file = pyarrow.parquet.ParquetFile(path)
                about = json.loads((file.schema_arrow.metadata or {})[b"smtp-lab"])
            except (OSError, KeyError, ValueError, pyarrow.ArrowException) as why:
                reason = str(why).splitlines()[0][:120] or type(why).__name__
                raise ValueError(
                    f"{path}: no part of a stored trace ({reason}); "
                    "give the folder trace.parquet as `lab run --out` leaves it"
                ) from None
            self._files.append(file)
            self.about |= about
            for group in range(file.num_row_groups):
                self._starts.append(count)
                self._places.append((number, group))
                told = file.metadata.row_group(group)
                count += told.num_rows
                seqs = told.column(0).statistics
                if told.num_rows and seqs is not None and seqs.has_min_max:
                    stretches.append((seqs.min, seqs.max))
        if not count:
            raise ValueError(
                f"{folder}: no stored trace, for there is no part-00000.parquet in it; "
                "give a trace.jsonl, or a folder trace.parquet, as `lab run --out` leaves them"
            )
        self._count = count
        self.missing = gaps(stretches)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Row]:
        for place in range(len(self._places)):
            yield from self._kept.get(place) or self._read(place)

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return [self[seq] for seq in range(*index.indices(self._count))]
        seq = index + self._count if index < 0 else index
        if not 0 <= seq < self._count:
            raise IndexError(f"the trace has {self._count} events, and none at {index}")
        place = bisect_right(self._starts, seq) - 1
        return self._group(place)[seq - self._starts[place]]

    def _group(self, place: int) -> list[Row]:
        rows = self._kept.get(place)
        if rows is None:
            rows = self._kept[place] = self._read(place)
            if len(self._kept) > KEPT_GROUPS:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(place)
        return rows

    def of(self, kinds: Collection[str]) -> Iterator[Row]:
        """The rows of some kinds; no time is lost on making the others."""
        for number, group in self._places:
            table = self._files[number].read_row_group(group)
            yield from self._rows(table.filter(_is_of(table, kinds)))

    def count_of(self, kinds: Collection[str]) -> int:
        """How many rows there are of some kinds."""
        import pyarrow.compute

        tables = (self._files[at].read_row_group(group, ["kind"]) for at, group in self._places)
        return sum(pyarrow.compute.sum(_is_of(table, kinds)).as_py() or 0 for table in tables)

    def _read(self, place: int) -> list[Row]:
        number, group = self._places[place]
        return self._rows(self._files[number].read_row_group(group))

    def _rows(self, table: pyarrow.Table) -> list[Row]:
        columns = [table.column(name).to_pylist() for name in table.column_names[1:]]
        decode = msgspec.json.Decoder().decode
        return [_row(values, decode) for values in zip(*columns, strict=True)]


def _is_of(table: pyarrow.Table, kinds: Collection[str]) -> pyarrow.ChunkedArray:
    """Of each row of a table whether it is of some kinds."""
    import pyarrow as pa
    import pyarrow.compute

    found = table.column("kind").cast(pa.string())
    return pyarrow.compute.is_in(found, value_set=pa.array(sorted(kinds), pa.string()))


def _row(values: tuple[Any, ...], decode: Callable[[str], dict[str, Any]]) -> Row:
    kind, sent, octets, rest = values[1], values[6], values[7], values[8]
    if kind in _SENT:
        return (*values[:6], sent, octets)
    others = decode(rest) if rest is not None else {}
    extras = (octets if name == "octets" else thaw(name, others[name]) for name in KINDS[kind])
    return (*values[:6], *extras)


def open_trace(path: str | Path) -> Trace:
    """The trace of a file trace.jsonl, or of a folder trace.parquet, which is not loaded whole.

    Raises OSError, and ValueError in one sentence for what is no trace.
    """
    path = Path(path)
    if not path.is_dir():
        return Trace.read_jsonl(path)
    if not list(path.glob("part-*.parquet")):
        # the folder of a run's artefacts
        if (path / "trace.jsonl").is_file():
            return Trace.read_jsonl(path / "trace.jsonl")
        if (path / "trace.parquet").is_dir():
            path = path / "trace.parquet"
    rows = StoredRows(path)
    trace = Trace(rows, rows.about.get("level", "wire"), rows.about.get("digest"))
    trace.missing = rows.missing
    return trace
