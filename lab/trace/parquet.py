"""Traces as Parquet files, for runs that are too long for JSON lines.

A long trace is a folder of Parquet files. Each file is complete as soon as it exists: a run that is
killed leaves all but its last part, and pandas, DuckDB and Arrow read the folder as one table. A
row is an event, with the columns ``seq``, ``t`` (s), ``kind``, ``host``, ``peer``, ``session`` and
``message``; of a command, reply or mail data also ``sent`` (s) and ``octets``; and ``rest``: the
other columns of the row, as JSON. An event takes a tenth of the bytes of its line in JSON, and a
reader reads only the columns that it needs.
"""

from __future__ import annotations

import json
import shutil
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, overload

import msgspec

from lab.runtime.extras import required
from lab.trace.checked_rows import check_row
from lab.trace.jsonl import value_of
from lab.trace.rows import (
    KIND,
    KINDS,
    OCTETS_COLUMNS,
    OPTIONAL,
    OWN,
    SENT,
    Row,
    missing_numbers,
    octets_in,
)

if TYPE_CHECKING:
    import pyarrow

PART_ROWS: Final = 262_144
"""Events in one file of a stored trace."""

MAX_WAITING_OCTETS: Final = 128 << 20
"""The most bytes of mail and dialogue that wait in memory for their file."""

GROUP_ROWS: Final = 16_384
"""Events that are read together when one of them is needed."""

CACHED_GROUPS: Final = 8
"""Groups of events that a reader keeps in memory, at most."""

CACHED_OCTETS: Final = 64 << 20
"""Bytes of mail and dialogue in those groups, but for the last one, at most."""


def _schema() -> pyarrow.Schema:
    import pyarrow as pa

    name = pa.dictionary(pa.int32(), pa.string())
    return pa.schema([
        ("seq", pa.int64()), ("t", pa.float64()), ("kind", name), ("host", name), ("peer", name),
        ("session", pa.int64()), ("message", pa.int64()), ("sent", pa.float64()),
        ("octets", pa.binary()), ("rest", pa.string()),
    ])  # fmt: skip


_SENT_COLUMNS: Final = {kind: SENT for kind, names in KINDS.items() if "sent" in names}
_REST_COLUMNS: Final = {
    kind: tuple(
        (column, name) for column, name in enumerate(names, OWN) if name not in ("sent", "octets")
    )
    for kind, names in KINDS.items()
}
_OPTIONAL_COLUMNS: Final = {
    kind: tuple(enumerate(names, OWN + len(KINDS[kind]))) for kind, names in OPTIONAL.items()
}


class ParquetWriter:
    """Writes a trace to a folder, part by part.

    ``level`` says how much of the run is recorded; the rows given to :meth:`write` are those that
    it keeps. ``most_octets`` bytes of mail and dialogue wait in memory for their file, at most.
    """

    def __init__(self, folder: Path, level: str = "wire", most_octets: int | None = None) -> None:
        self.folder = folder
        self.level = level
        self._most_octets = most_octets or MAX_WAITING_OCTETS
        if folder.is_dir():
            shutil.rmtree(folder)
        else:
            folder.unlink(missing_ok=True)
        folder.mkdir(parents=True)
        self._waiting: list[Row] = []
        self._waiting_octets = 0
        self._next_seq = 0
        self._parts = 0
        self._encode = msgspec.json.Encoder().encode

    @property
    def waiting(self) -> int:
        """How many rows wait in memory for their file."""
        return len(self._waiting)

    def write(self, rows: Iterable[Row]) -> None:
        """Write the next rows of the trace."""
        count = len(self._waiting)
        self._waiting.extend(rows)
        self._waiting_octets += octets_in(self._waiting[count:])
        while len(self._waiting) >= PART_ROWS or self._waiting_octets > self._most_octets:
            self._write_part(self._waiting[:PART_ROWS])
            del self._waiting[:PART_ROWS]
            self._waiting_octets = octets_in(self._waiting)
            _release_memory()

    def rows(self) -> Iterator[Row]:
        """Yield the rows that have been written so far."""
        if self._parts:
            yield from StoredRows(self.folder)
        yield from self._waiting

    def close(self, digest: str, counts: Mapping[str, Any]) -> None:
        """Write what waits, with the digest and the outcome counts of the whole run."""
        self._write_part(self._waiting, {"digest": digest, "counts": counts})
        self._waiting = []
        _release_memory()

    def _write_part(self, rows: list[Row], about_run: dict[str, Any] | None = None) -> None:
        import pyarrow.parquet

        about, first = json.dumps({"level": self.level, **(about_run or {})}), self._next_seq
        table = self._table(rows).replace_schema_metadata({"smtp-lab": about})
        path = self.folder / f"part-{self._parts:05}.parquet"
        unfinished = self.folder / f".{path.name}"
        try:
            pyarrow.parquet.write_table(
                table, unfinished, row_group_size=GROUP_ROWS, compression="zstd",
                compression_level=1,
            )  # fmt: skip
            unfinished.replace(path)
        except OSError:  # the disk is full, say: the rows still wait, and get these numbers again
            self._next_seq = first
            unfinished.unlink(missing_ok=True)
            raise
        self._parts += 1

    def _table(self, rows: list[Row]) -> pyarrow.Table:
        import pyarrow as pa

        seqs = range(self._next_seq, self._next_seq + len(rows))
        self._next_seq += len(rows)
        common = zip(*(row[:OWN] for row in rows), strict=True) if rows else ((),) * OWN
        schema = _schema()
        columns = zip(schema, (seqs, *common, *self._own_columns(rows)), strict=True)
        return pa.table(
            {
                field.name: pa.array(column, field.type.value_type).dictionary_encode()
                if pa.types.is_dictionary(field.type)
                else pa.array(column, field.type)
                for field, column in columns
            },
            schema=schema,
        )

    def _own_columns(
        self, rows: list[Row]
    ) -> tuple[list[float | None], list[bytes | None], list[str | None]]:
        """Return the columns that kinds have of their own: sent, octets and the rest."""
        encode = self._encode
        sent: list[float | None] = []
        octets: list[bytes | None] = []
        named_values: list[str | None] = []
        for row in rows:
            kind = row[KIND]
            column = _SENT_COLUMNS.get(kind)
            sent.append(row[column] if column is not None else None)
            column = OCTETS_COLUMNS.get(kind)
            octets.append(row[column] if column is not None else None)
            named = _REST_COLUMNS[kind]
            if kind in _OPTIONAL_COLUMNS and len(row) > OWN + len(KINDS[kind]):
                named += _OPTIONAL_COLUMNS[kind]
            named_values.append(
                encode({name: row[n] for n, name in named}).decode() if named else None
            )
        return sent, octets, named_values


class StoredRows(Sequence[Row]):
    """The rows of a stored trace, which are read when they are needed and not kept.

    ``about`` is what was stored of the whole run (``level``, and ``digest`` and ``counts`` if it
    ended), ``missing`` the ranges of sequence numbers that are not there. Going through the rows
    reads group by group; a single row requires reading its group. Raises ValueError
    in one sentence if the folder is not a stored trace.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.about: dict[str, Any] = {}
        self._files: list[pyarrow.parquet.ParquetFile] = []
        self._starts: list[int] = []
        self._places: list[tuple[int, int]] = []
        self._cache: OrderedDict[int, list[Row]] = OrderedDict()
        self._cached: dict[int, int] = {}
        self._count = 0
        ranges: list[tuple[int, int]] = []
        for path in sorted(folder.glob("part-*.parquet")):
            ranges += self._add(path)
        if not self._count:
            raise ValueError(
                f"{folder}: not a stored trace, because it has no part-00000.parquet; give a "
                "trace.jsonl or a folder trace.parquet, as `lab run --out` leaves them"
            )
        self.missing = missing_numbers(ranges)

    def _add(self, path: Path) -> Iterator[tuple[int, int]]:
        """Add a file; give the ranges of sequence numbers in it."""
        file, about = _opened(path)
        self.about |= about
        self._files.append(file)
        for group in range(file.num_row_groups):
            self._starts.append(self._count)
            self._places.append((len(self._files) - 1, group))
            metadata = file.metadata.row_group(group)
            self._count += metadata.num_rows
            seqs = metadata.column(0).statistics
            if metadata.num_rows and seqs is not None and seqs.has_min_max:
                yield seqs.min, seqs.max

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Row]:
        for number in range(len(self._places)):
            yield from self._cache.get(number) or self._read(number)

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return [self[n] for n in range(*index.indices(self._count))]
        n = index + self._count if index < 0 else index
        if not 0 <= n < self._count:
            raise IndexError(f"there is no event {index}; the trace has {self._count}")
        number = bisect_right(self._starts, n) - 1
        return self._group(number)[n - self._starts[number]]

    def _group(self, number: int) -> list[Row]:
        """Return the rows of a group, from the cache if they are there."""
        rows = self._cache.get(number)
        if rows is None:
            rows = self._cache[number] = self._read(number)
            self._cached[number] = octets_in(rows)
            while len(self._cache) > 1 and (
                len(self._cache) > CACHED_GROUPS or sum(self._cached.values()) > CACHED_OCTETS
            ):
                del self._cached[self._cache.popitem(last=False)[0]]
        else:
            self._cache.move_to_end(number)
        return rows

    def of(self, kinds: Collection[str]) -> Iterator[Row]:
        """Yield the rows of some kinds; the others are not decoded."""
        for number in range(len(self._places)):
            yield from self._read(number, kinds)

    def count_of(self, kinds: Collection[str]) -> int:
        """Return how many rows of some kinds there are."""
        import pyarrow.compute

        tables = (self._files[file].read_row_group(group, ["kind"]) for file, group in self._places)
        return sum(pyarrow.compute.sum(_has_kind(table, kinds)).as_py() or 0 for table in tables)

    def _read(self, number: int, kinds: Collection[str] | None = None) -> list[Row]:
        """Return the rows of a group, or those of some kinds."""
        file, group = self._places[number]
        table = self._files[file].read_row_group(group)
        if kinds is not None:
            table = table.filter(_has_kind(table, kinds))
        rows = _rows_of(table)
        del table
        _release_memory()
        return rows


def _release_memory() -> None:
    """Give back what Arrow does not use any more: it keeps as much as it ever had, for later."""
    import pyarrow

    pyarrow.default_memory_pool().release_unused()


def _opened(path: Path) -> tuple[pyarrow.parquet.ParquetFile, dict[str, Any]]:
    """Return a file of a stored trace, and what is stored in it about the run."""
    required("pyarrow.parquet", "a trace in Parquet requires")
    import pyarrow.parquet

    try:
        if not path.is_file():
            raise ValueError("it is not a file")
        file = pyarrow.parquet.ParquetFile(path, read_dictionary=["octets"])
        about = json.loads((file.schema_arrow.metadata or {})[b"smtp-lab"])
        if not isinstance(about, dict) or file.schema_arrow.names != _schema().names:
            raise ValueError("it has other columns than a trace")
        _check_groups(file.metadata)
        return file, about
    except (OSError, RecursionError, KeyError, ValueError, pyarrow.ArrowException) as error:
        why = str(error).splitlines()[0][:120] or type(error).__name__
        raise ValueError(
            f"{path}: not a part of a stored trace ({why}); "
            "give the folder trace.parquet as `lab run --out` leaves it"
        ) from None


_MOST_IN_GROUP: Final = 64 * GROUP_ROWS
_LARGEST_GROUP: Final = 1 << 30


def _check_groups(metadata: Any) -> None:
    """Raise ValueError for a group of more rows, or of more bytes, than any that we write."""
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        if group.num_rows > _MOST_IN_GROUP or group.total_byte_size > _LARGEST_GROUP:
            raise ValueError(f"group {number} is too large")


def _has_kind(table: pyarrow.Table, kinds: Collection[str]) -> pyarrow.ChunkedArray:
    """Return for each row of a table whether it has one of some kinds."""
    import pyarrow as pa
    import pyarrow.compute

    column = table.column("kind").cast(pa.string())
    return pyarrow.compute.is_in(column, value_set=pa.array(sorted(kinds), pa.string()))


def _rows_of(table: pyarrow.Table) -> list[Row]:
    columns = [_values(table.column(name)) for name in table.column_names[1:]]
    decode = msgspec.json.Decoder().decode
    try:
        return [_row(values, decode) for values in zip(*columns, strict=True)]
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(
            f"a part of the stored trace has an invalid event ({str(error)[:120]}); give the "
            "folder trace.parquet as `lab run --out` leaves it"
        ) from None


def _values(column: pyarrow.ChunkedArray) -> list[Any]:
    """Return the values of a column; those that are stored once are in memory once."""
    import pyarrow

    if not pyarrow.types.is_dictionary(column.type):
        values: list[Any] = column.to_pylist()
        return values
    read: list[Any] = []
    for chunk in column.chunks:
        known = [*chunk.dictionary.to_pylist(), None]
        read += [known[-1 if n is None else n] for n in chunk.indices.to_pylist()]
    return read


def _row(values: tuple[Any, ...], decode: Callable[[str], dict[str, Any]]) -> Row:
    """Return the row whose columns a line of the table has, without its sequence number."""
    kind = values[KIND]
    sent, octets, named_values = values[OWN:]
    if named_values is None and kind in _SENT_COLUMNS:
        return check_row((*values[:OWN], sent, octets))
    named = decode(named_values) if named_values is not None else {}
    optional = [name for name in OPTIONAL.get(kind, ()) if name in named]
    stored = {"sent": sent, "octets": octets}
    own = (
        stored[name] if name in stored else value_of(name, named[name])
        for name in (*KINDS[kind], *optional)
    )
    return check_row((*values[:OWN], *own))
