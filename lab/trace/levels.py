"""Levels: how much of a run is recorded, and which events each level keeps.

Outcomes, digest and invariants are taken from all events of a run, whatever is kept of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lab.trace.rows import DELIVER_OCTETS, KIND, KINDS, Row

_DIALOGUE: Final = frozenset({"command", "reply", "piece", "data", "loss"})
_CHANNELS: Final = frozenset({"attempt", "unreachable", "open", "misnamed", "close", "defer"})
_ALWAYS: Final = frozenset({"start", "fault", "failure", "end"})

LEVELS: Final = {
    "wire": frozenset(KINDS),
    "session": frozenset(KINDS) - _DIALOGUE,
    "delivery": frozenset(KINDS) - _DIALOGUE - _CHANNELS,
    "none": _ALWAYS,
}
"""The kinds of event that each level keeps, from everything to almost nothing.

``wire`` keeps everything. ``session`` leaves out commands, replies and mail data, and the octets of
delivered mail; ``delivery`` leaves out the transmission channels as well; ``none`` keeps the start,
the faults, the failures and the end.
"""

_ORDER: Final = tuple(LEVELS)


def checked_level(level: str) -> str:
    """Return the name of a level; raise ValueError for any other value."""
    if level in LEVELS:
        return level
    names = ", ".join(_ORDER[:-1]) + f" or {_ORDER[-1]}"
    raise ValueError(f"{level!r} is not a level of a trace; use {names}")


def includes(level: str, needed: str) -> bool:
    """Return whether a trace recorded at ``level`` has all that level ``needed`` keeps."""
    return _ORDER.index(level) <= _ORDER.index(needed)


def thinned(rows: Iterable[Row], level: str) -> Iterable[Row]:
    """Return the rows that a level keeps, without the octets of mail if it leaves them out."""
    if level == "wire":
        return rows
    kept = LEVELS[level]
    return (_without_octets(row) for row in rows if row[KIND] in kept)


def _without_octets(row: Row) -> Row:
    is_delivery = row[KIND] in ("deliver", "terminal")
    return (*row[:DELIVER_OCTETS], b"") if is_delivery else row
