"""Rows of a trace that nobody ran, one of each kind."""

from __future__ import annotations

from collections.abc import Iterator

from lab.trace.rows import KINDS, Row

_VALUES: dict[str, object] = {
    "meta": {"title": "All kinds"},
    "path": "<c@B>",
    "reverse_path": "a@A",
    "recipients": ("1", "2.1"),
    "members": (("1.1", "<c@B>"), ("1.2", "<d@B>")),
    "verb": "MAIL",
    "size": 100,
    "number": 2,
    "started": 0.5,
    "sent": 0.25,
    "octets": b"250 \xffOK\r\n",
    "retry_at": None,
    "about": 1,
    "again": 1,
    "delay": 0.125,
    "on": True,
}


_HOSTS: dict[str, object] = {**_VALUES, "path": ("A", "B")}
"""The same for kinds whose path is a list of hosts."""


def one_of_each_kind() -> Iterator[Row]:
    """Give a row of each kind, the start first and the end last."""
    for n, (kind, columns) in enumerate(KINDS.items()):
        place = ("AB"[n % 2], "BA"[n % 2], 1, 1) if n else ("", None, None, None)
        values = _HOSTS if kind in ("plan", "open") else _VALUES
        yield (n / 8, kind, *place, *(values.get(name, f"the {name}") for name in columns))
