"""What the replay page holds of a trace: columns of numbers, every text once.

Times are whole microseconds, each the difference from the event before; hosts, kinds and texts go
by number. Mail is kept in full while there is room for it, and then folded: its beginning, and how
long it was.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Final

from lab.analysis import map_layout
from lab.analysis.faults import fault_spans
from lab.analysis.narrative import WORDING, forms
from lab.analysis.session_states import session_histories
from lab.protocol.dialogue import SideState
from lab.trace.rows import (
    HOST,
    KIND,
    KINDS,
    MESSAGE,
    OCTETS_COLUMNS,
    OWN,
    PEER,
    SESSION,
    START_META,
    Row,
    T,
)
from lab.trace.trace import Trace

LONGEST_REPLAY: Final = 200_000
"""Events of a page that plays a run; of a longer one it plays the beginning."""

ROOM: Final = 4_000_000
"""Characters of mail (and as many of commands and replies) in a page, before it is compressed."""

LONGEST: Final = 65_536
"""Characters of one mail that a page holds at most."""

MOST_FILMED: Final = 60_000
"""Events up to which a page tells the states and buffers of both sides of each session."""

_MAIL: Final = frozenset({"data", "deliver", "terminal"})
_BEFORE: Final = frozenset({"sent", "started", "retry_at"})
"""Times, written as how long before their event they are (or after: then less than zero)."""


def beginning(trace: Trace) -> Trace:
    """So much of a trace as a page can play; its title tells, where that is not all."""
    if len(trace.rows) <= LONGEST_REPLAY:
        return trace
    first, *rows = islice(trace.rows, LONGEST_REPLAY)
    title = f"{trace.meta.get('title', '')} (the first {LONGEST_REPLAY:,} events)"
    return Trace([(*first[:OWN], {**first[START_META], "title": title}), *rows], trace.level)


def replay_data(trace: Trace) -> dict[str, object]:
    """A trace as the player reads it, or the :func:`beginning` of it; JSON can hold it.

    Times in seconds become microseconds.
    """
    return _Columns(beginning(trace)).data()


def pack(data: Mapping[str, object]) -> str:
    """The data as one text of letters that no HTML can mistake: base64 of deflated JSON."""
    plain = json.dumps(data, separators=(",", ":")).encode()
    return base64.b64encode(zlib.compress(plain, 6)).decode()


class _Columns:
    """One pass over the rows of a trace, after one that finds how much room its texts want."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.meta = trace.meta
        self.names = [str(host["name"]) for host in self.meta.get("hosts", ())]
        self.number = {name: k for k, name in enumerate(self.names)}
        self.kinds = list(dict.fromkeys(row[KIND] for row in trace.rows))
        self.limits = {mail: _limit(_lengths(trace.rows, mail)) for mail in (True, False)}
        self.strings: list[str] = []
        self.known: dict[tuple[str, int], int] = {}
        self.cut: dict[int, int] = {}
        self.columns: dict[str, list[Any]] = {name: [] for name in ("t", "k", "h", "p", "s", "m")}
        self.extra: dict[str, dict[str, dict[str, Any]]] = {
            kind: {
                name: {"type": _type(kind, name, trace.rows), "values": []} for name in KINDS[kind]
            }
            for kind in self.kinds
            if kind != "start"
        }

    def data(self) -> dict[str, Any]:
        """The whole of it."""
        kinds = {kind: k for k, kind in enumerate(self.kinds)}
        put = [self.columns[name].append for name in ("t", "k", "h", "p", "s", "m")]
        before = 0
        for row in self.trace.rows:
            now = max(round(row[T] * 1e6), before)
            place = (
                self._host(row[HOST]),
                self._host(row[PEER]),
                _or_none(row[SESSION]),
                _or_none(row[MESSAGE]),
            )
            for append, value in zip(put, (now - before, kinds[row[KIND]], *place), strict=True):
                append(value)
            before = now
            if row[KIND] != "start":
                self._extras(row, now)
        return {
            "version": 1,
            "title": str(self.meta.get("title", "")),
            "hosts": self._hosts(),
            "links": self._links(),
            "kinds": self.kinds,
            "strings": self.strings,
            "cut": self.cut,
            "notes": self._notes(),
            "extra": self.extra,
            "faults": self._faults(),
            "wording": list(WORDING.values()),
            "w": self._forms(),
            "films": self._films(),
            **self.columns,
        }

    def _host(self, name: str | None) -> int:
        """The number of a host; one that no topology named gets a number too."""
        if not name:
            return -1
        if name not in self.number:
            self.number[name] = len(self.names)
            self.names.append(name)
        return self.number[name]

    def _extras(self, row: Row, now: int) -> None:
        for (name, column), value in zip(self.extra[row[KIND]].items(), row[OWN:], strict=True):
            column["values"].append(self._coded(column["type"], row[KIND], name, value, now))

    def _coded(self, kind_of: str, kind: str, name: str, value: Any, now: int) -> Any:
        if value is None:
            return None
        if kind_of == "before":
            return now - round(value * 1e6)
        if kind_of == "text":
            text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
            return self._text(text, self.limits[kind in _MAIL] if name == "octets" else LONGEST)
        return self._text(json.dumps(value), None) if kind_of == "json" else value

    def _text(self, text: str, limit: int | None) -> int:
        """The number of a text, which is cut where it is longer than the limit."""
        kept = text if limit is None else text[:limit]
        key = (kept, len(text))
        if key not in self.known:
            self.known[key] = len(self.strings)
            self.strings.append(kept)
            if len(kept) < len(text):
                self.cut[self.known[key]] = len(text)
        return self.known[key]

    def _hosts(self) -> list[dict[str, Any]]:
        described = list(self.meta.get("hosts", ()))
        described += [{"name": name} for name in self.names[len(described) :]]
        places = map_layout.places(described, self.meta.get("links", ()))
        found = []
        for host, (x, y) in zip(described, places, strict=True):
            users = host.get("users", 0)
            router = host.get("kind") == "router"
            found.append({
                "name": str(host["name"]),
                "kind": "router" if router else "relay" if host.get("relay") else "host",
                "title": str(host.get("title") or ""),
                "users": users if isinstance(users, int) else len(users or ()),
                "careless": bool(host.get("careless")),
                "x": round(float(x), 5),
                "y": round(float(y), 5),
            })  # fmt: skip
        return found

    def _links(self) -> list[dict[str, Any]]:
        names = [str(one["name"]) for one in self.meta.get("environments", ())]
        return [
            {
                "a": self.number[str(link["a"])],
                "b": self.number[str(link["b"])],
                "environment": names.index(link["environment"])
                if link.get("environment") in names
                else 0,
            }
            for link in self.meta.get("links", ())
        ]

    def _forms(self) -> list[int]:
        """For each event the number of its sentence's template in ``wording``."""
        number = {form: n for n, form in enumerate(WORDING)}
        return [number[form] for form in forms(self.trace.rows)]

    def _faults(self) -> list[dict[str, Any]]:
        """The fault intervals, as :mod:`lab.analysis.faults` has them.

        ``enter`` and ``leave`` are the numbers of the events that began and ended it: the same for
        a fault that was over at once, and the number of all events as ``leave`` of one that nothing
        ended. ``places`` are the hosts and links where it is, by number: ``[a, -1]`` or ``[a, b]``;
        where ``down``, nothing gets through there.
        """
        links = self.meta.get("links", ())
        return [
            {
                "name": fault.kind,
                "host": self._host(fault.host),
                "peer": self._host(fault.peer),
                "what": fault.what,
                "enter": first,
                "leave": len(self.trace.rows) if last is None else last,
                "down": fault.is_down,
                "places": [[self._host(a), self._host(b)] for a, b in fault.places(links)],
            }
            for first, last, fault in fault_spans(self.trace.rows)
        ]

    def _films(self) -> dict[str, Any]:
        """Of each session the events at which either side came to stand otherwise, and how."""
        if len(self.trace) > MOST_FILMED:
            return {}
        known: dict[Any, int] = {}
        sessions: dict[str, list[list[int]]] = {}
        for number, film in session_histories(self.trace).items():
            rows = sessions[str(number)] = []
            for seq, shot in zip(film.seqs, film.snapshots, strict=True):
                sides = [
                    known.setdefault(_standing(side), len(known))
                    for side in (shot.sender, shot.receiver)
                ]
                hosts = [self._host(shot.sender_host), self._host(shot.receiver_host)]
                rows.append([seq, *sides, *hosts])
        return {"standings": [list(one) for one in known], "sessions": sessions}

    def _notes(self) -> list[str]:
        if not self.cut:
            return []
        return [
            f"{len(self.cut):,} texts are longer than this page has room for: of mail it holds the "
            f"first {self.limits[True]:,} octets, of a command or reply {self.limits[False]:,}. "
            "The trace has all of them."
        ]


def _standing(side: SideState) -> tuple[Any, ...]:
    """A side as the page tells it: state, what it waits for, buffers, and the row that applied."""
    row = None
    if side.command not in ("CONNECT", ""):
        row = f"{side.was} + {side.command}: " + (
            f"{side.row.next} ({side.row.section})" if side.row else "out of order, 503 (4.1.1)"
        )
    return (
        side.state.value, side.awaiting, side.verb, side.reverse_path or "",
        side.forward_paths, len(side.mail_data), row, side.code,
    )  # fmt: skip


def _or_none(number: int | None) -> int:
    return -1 if number is None else number


def _type(kind: str, name: str, rows: Iterable[Row]) -> str:
    """How a column is written, from its first value that is one."""
    if name in _BEFORE:
        return "before"
    place = OWN + KINDS[kind].index(name)
    value = next((row[place] for row in rows if row[KIND] == kind and row[place] is not None), None)
    if isinstance(value, (str, bytes)):
        return "text"
    return "json" if isinstance(value, (tuple, list, dict)) else "number"


def _lengths(rows: Iterable[Row], mail: bool) -> list[int]:
    """The lengths of the texts that crossed wires: of mail data, or of commands and replies."""
    seen = set()
    for row in rows:
        column = OCTETS_COLUMNS.get(row[KIND])
        if column is not None and (row[KIND] in _MAIL) is mail:
            seen.add(row[column])
    return sorted(len(text) for text in seen)


def _limit(lengths: list[int]) -> int:
    """The length at which texts are cut so that all together keep to the room there is."""
    room = ROOM
    for shorter, length in enumerate(lengths):
        left = len(lengths) - shorter
        if length * left > room:
            return max(min(room // left, LONGEST), 16)
        room -= length
    return LONGEST
