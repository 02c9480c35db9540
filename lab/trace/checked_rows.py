"""Whether rows of a file are rows of a trace: the types of all columns, and their range.

A file may have been damaged, or written to do harm. What passes here cannot make a reader fail.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec.structs import astuple

from lab.trace.meta import Meta
from lab.trace.rows import KIND, KINDS, OPTIONAL, OWN, START_META, Row

_MOST: Final = 1e12
"""Seconds: thirty thousand years."""

_Time = Annotated[float, msgspec.Meta(ge=0, le=_MOST)]
_Seconds = Annotated[float, msgspec.Meta(ge=-_MOST, le=_MOST)]
_Number = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
_Texts = tuple[str, ...]
_Line = tuple[str, str, _Time, _Time, _Time, _Number | None, _Number | None]

_TYPES: Final[dict[str, Any]] = {
    "about": _Number, "again": _Number, "delay": _Seconds, "environment": str,
    "lines": tuple[_Line, ...],
    "members": tuple[tuple[str, str], ...],
    "meta": dict[str, Any], "mode": str, "name": str, "new": str, "number": _Number,
    "octets": bytes, "old": str, "on": bool, "path": str, "reason": str, "recipient": str,
    "recipients": _Texts, "reply": str, "retry_at": _Seconds | None, "reverse_path": str,
    "sent": _Seconds, "size": _Number, "started": _Seconds, "transport": str, "user": str,
    "verb": str, "what": str,
}  # fmt: skip
"""The types of columns by their names."""

_PATHS: Final = ("plan", "open")
"""The kinds whose path is a list of hosts."""


def _type_of(kind: str, optional: _Texts = ()) -> type[msgspec.Struct]:
    """Return the type of the rows of a kind: a class, as msgspec reads a tuple's type each time."""
    common = (_Time, str, str, str | None, _Number | None, _Number | None)
    own = [
        _Texts if name == "path" and kind in _PATHS else _TYPES[name]
        for name in (*KINDS[kind], *optional)
    ]
    columns = [(f"column{number}", each) for number, each in enumerate((*common, *own))]
    return msgspec.defstruct(kind, columns, array_like=True, forbid_unknown_fields=True)


_ROWS: Final = {kind: _type_of(kind) for kind in KINDS}
_LONGER: Final = {kind: _type_of(kind, names) for kind, names in OPTIONAL.items()}
"""The types of rows that have their optional columns."""


def check_row(row: Row) -> Row:
    """Return a row whose columns are those of its kind; raise TypeError if they are not."""
    try:
        kind = row[KIND]
        is_longer = kind in OPTIONAL and len(row) > OWN + len(KINDS[kind])
        known = (_LONGER if is_longer else _ROWS)[kind]
        checked: Row = astuple(msgspec.convert(row, known))
        if kind == "start":
            msgspec.convert(row[START_META], Meta)
    except (msgspec.ValidationError, KeyError) as why:
        raise TypeError(str(why)) from None
    return checked
