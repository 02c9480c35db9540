"""Traces as JSON lines: one event on each line, in the order of the trace.

A line has ``t``, ``seq``, ``kind``, ``host``, ``peer``, ``session`` and ``message``, and the
columns of its kind; ``lines`` only where something crossed a line with a bandwidth. Octets are
written as Latin-1 text. The first line also has the ``level`` of the trace if that is not "wire",
the last the ``digest`` of the whole run.

The file of a live run that goes on, or was killed, has its events in the order in which they came
(``"order": "arrival"`` on the first line); they are sorted by time when they are read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from lab.trace.checked_rows import check_row
from lab.trace.levels import LEVELS
from lab.trace.rows import (
    FLAT_NAMES,
    KIND,
    KINDS,
    OCTETS_COLUMNS,
    OPTIONAL,
    READ_IN_OCTETS,
    Event,
    Row,
    T,
    flat_row,
    missing_numbers,
)


@dataclass(slots=True)
class TraceFile:
    """What a file of JSON lines holds; ``missing`` are the sequence numbers that are not in it."""

    rows: list[Row] = field(default_factory=list)
    level: str = "wire"
    digest: str | None = None
    missing: list[tuple[int, int]] = field(default_factory=list)
    by_arrival: bool = False


def journal_lines(rows: Iterable[Row], first: int, level: str) -> Iterator[bytes | bytearray]:
    """Yield lines for rows of a run that goes on; the first has the sequence number ``first``.

    They come in pieces of about a megabyte. A row may be mail of many: then its line is in several
    pieces, and only the last ends with a newline. Such mail may be an object with ``pieces()`` and
    a length in place of bytes.
    """
    events: list[Any] = []
    weight = 0
    for number, row in enumerate(rows, first):
        kind = row[KIND]
        if kind in _MAIL:
            mail = row[OCTETS_COLUMNS[kind]]
            if _is_in_pieces(mail):
                if events:
                    yield _encode_lines(events)
                    events, weight = [], 0
                yield from _pieces(row, number)
                continue
            weight += len(mail)
        if number:
            events.append(_flat_event(row, number))
        else:
            events.append(flat_row(row, number) | {"level": level, "order": "arrival"})
        weight += _LINE
        if weight > _PIECE:
            yield _encode_lines(events)
            events, weight = [], 0
    if events:
        yield _encode_lines(events)


def _flat_event(row: Row, number: int) -> Any:
    """Return what :func:`flat_row` does, as an object that is made and encoded in less time."""
    kind = row[KIND]
    flat = _FLAT_EVENTS[kind](row[T], number, *row[KIND:])
    if kind in OCTETS_COLUMNS:
        octets = flat.octets
        flat.octets = octets.decode("latin-1")
        if kind in READ_IN_OCTETS:
            name, read = READ_IN_OCTETS[kind]
            setattr(flat, name, read(octets))
    return flat


def _class_of(kind: str) -> Any:
    """Return the class of flat events of a kind: what an object does not have is not written."""
    names = [(name, Any) for name in FLAT_NAMES[kind]]
    needed = len(names) - len(OPTIONAL.get(kind, ()))
    missing = [name for name, _ in names[needed:]]
    missing += [READ_IN_OCTETS[kind][0]] if kind in READ_IN_OCTETS else []
    left_out = [(name, Any, msgspec.UNSET) for name in missing]
    return msgspec.defstruct(kind, [*names[:needed], *left_out], gc=False)


_FLAT_EVENTS: Final = {kind: _class_of(kind) for kind in KINDS}

_encoder = msgspec.json.Encoder()
_encode_into, _encode_lines = _encoder.encode_into, _encoder.encode_lines

_LINE: Final = 200
"""Bytes that a line takes besides mail, more or less."""

_PIECE: Final = 1 << 20

_MAIL: Final = frozenset({"data", "deliver", "terminal"})
"""The kinds whose octets are mail, and may be many."""

_NO_OCTETS: Final = b'"octets":""'


def _is_in_pieces(mail: Any) -> bool:
    return not isinstance(mail, bytes) or len(mail) > _PIECE


def _pieces(row: Row, number: int) -> Iterator[bytearray]:
    """Yield the line of a row that is large mail, which is not in memory a second time."""
    column = OCTETS_COLUMNS[row[KIND]]
    line = bytearray()
    _encode_into(flat_row((*row[:column], b"", *row[column + 1 :]), number), line)
    begin, _, after = line.partition(_NO_OCTETS)
    yield begin + _NO_OCTETS[:-1]
    mail = row[column]
    for part in (mail,) if isinstance(mail, bytes) else mail.pieces():
        octets = memoryview(part)
        for place in range(0, len(octets), _PIECE):
            piece = bytearray()
            _encode_into(str(octets[place : place + _PIECE], "latin-1"), piece)
            yield piece[1:-1]  # without its quotation marks
    yield bytearray(_NO_OCTETS[-1:] + after + b"\n")


def is_journal(path: Path) -> bool:
    """Return whether a file is the trace of a run that has not written it whole yet."""
    try:
        with open(path, "rb") as file:
            first = json.loads(file.readline(_LONGEST_FIRST_LINE))
    except (OSError, ValueError):
        return False
    return isinstance(first, dict) and first.get("order") == "arrival"


_LONGEST_FIRST_LINE: Final = 64 << 20
"""Bytes; the first line describes the topology."""


def write(file: IO[str], events: Iterable[Event], level: str, digest: Callable[[], str]) -> None:
    """Write events as JSON lines; ``digest`` is called if the event that ends a run is there."""
    as_json = json.JSONEncoder(separators=(",", ":")).encode
    for event in events:
        flat = event.as_dict()
        if event.kind == "start" and level != "wire":
            flat["level"] = level
        elif event.kind == "end":
            flat["digest"] = digest()
        file.write(as_json(flat) + "\n")


def read(path: Path) -> TraceFile:
    """Return what a file of JSON lines holds, in the order of the sequence numbers.

    A last line that was cut off in the middle (the run was killed) is left out. Raises OSError if
    the file cannot be read, and ValueError in one sentence that names file and line for anything
    that is not an event.
    """
    contents = TraceFile()
    numbers: list[int] = []
    if path.exists() and not path.is_file():
        raise ValueError(f"{path}: not a file; give the trace.jsonl that `lab run --out` writes")
    with open(path, encoding="utf-8") as file:
        try:
            for line_number, line in enumerate(_lines(path, file), 1):
                try:
                    numbers.append(_take(contents, line))
                except RecursionError:
                    raise ValueError(
                        f"{path}, line {line_number}: its JSON is nested too deeply for an event"
                    ) from None
                except (ValueError, KeyError, TypeError, OverflowError) as error:
                    if not line.endswith("\n"):
                        break
                    raise ValueError(_not_an_event(path, line_number, error)) from None
        except UnicodeDecodeError:
            raise ValueError(
                f"{path}: not a text file; give the trace.jsonl that `lab run --out` writes"
            ) from None
    _put_in_order(contents, numbers)
    return contents


_LONGEST_LINE: Final = 128 << 20
"""Characters; an event of mail of 64 MB without control bytes is shorter."""


def _lines(path: Path, file: IO[str]) -> Iterator[str]:
    """Yield the lines of a file; raise ValueError for one that is longer than any event."""
    number = 0
    while line := file.readline(_LONGEST_LINE):
        number += 1
        if len(line) == _LONGEST_LINE:
            raise ValueError(f"{path}, line {number}: the line is too long for an event")
        yield line


_MOST_EVENTS: Final = 1 << 53


class _NotValid(ValueError):
    """Raised for a line that is not an event; the message says why."""


def _take(contents: TraceFile, line: str) -> int:
    """Add the event of a line to what has been read; return its sequence number."""
    flat = json.loads(line)
    if not isinstance(flat, dict):
        raise _NotValid("it is not a JSON object")
    row, number = _row(flat), flat["seq"]
    if not isinstance(number, int) or not 0 <= number < _MOST_EVENTS:
        raise _NotValid("seq must be a whole number of 0 or more")
    if contents.rows:
        contents.digest = flat.get("digest")
    else:
        contents.level = flat.get("level", "wire")
        contents.by_arrival = flat.get("order") == "arrival"
        if contents.level not in LEVELS:
            raise _NotValid(f"{contents.level!r} is not a level of a trace")
    contents.rows.append(row)
    return number


def _row(flat: dict[str, Any]) -> Row:
    kind = flat["kind"]
    if kind not in KINDS:
        raise _NotValid(f"{kind!r} is not a kind of event")
    common = (flat["host"], flat["peer"], flat["session"], flat["message"])
    optional = [name for name in OPTIONAL.get(kind, ()) if name in flat]
    columns = (value_of(name, flat[name]) for name in (*KINDS[kind], *optional))
    return check_row((flat["t"], kind, *common, *columns))


def value_of(column: str, value: Any) -> Any:
    """Return the value of a column as it was before it was written as JSON.

    Raises TypeError for octets that are not text, and for a meta that is not an object.
    """
    if column == "octets":
        if not isinstance(value, str):
            raise TypeError("octets must be text")
        return value.encode("latin-1")
    if column == "meta":
        if not isinstance(value, dict):
            raise TypeError("meta must be an object")
        return value
    return _as_tuples(value)


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value


def _put_in_order(contents: TraceFile, numbers: Sequence[int]) -> None:
    """Sort the rows by their sequence numbers, and note which of these are missing."""
    if not all(number == index for index, number in enumerate(numbers)):
        by_number = dict(zip(numbers, contents.rows, strict=True))
        order = sorted(by_number)
        contents.rows = [by_number[number] for number in order]
        contents.missing = missing_numbers((number, number) for number in order)
    if contents.by_arrival:
        contents.rows[1:] = sorted(contents.rows[1:], key=lambda row: row[T])


def _not_an_event(path: Path, line_number: int, error: Exception) -> str:
    """Return a sentence that says what is wrong with a line."""
    if isinstance(error, json.JSONDecodeError):
        why = f"it is not JSON: {error.msg.lower()} at column {error.colno}"
    elif isinstance(error, KeyError):
        why = f"the key {error.args[0]!r} is missing"
    elif isinstance(error, _NotValid):
        why = str(error)
    else:
        why = "a value has another type than its key requires"
    return (
        f"{path}, line {line_number}: not an event of a trace ({why}); each line must be one JSON "
        "object with t, seq, kind and host, as `lab run --out` writes it"
    )
