"""Edits of a topology file that leave the rest of its text as somebody wrote it.

Each edit is checked: the tables of the new text must be those of the old one with the edit, and
nothing else. A text in which an edit cannot be made like that stays as it is.
"""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lab.protocol.names import HostName
from lab.topology.declarations import Setting, settings_of
from lab.topology.kinds import KINDS
from lab.topology.model import Topology
from lab.topology.positions import lines_of
from lab.topology.reference import default_as_toml
from lab.topology.schema import TABLES
from lab.topology.write import toml_value

_LEFT_OUT: Final = ("users", "tables", "table", "open table", "shared table")
"""Kinds of value that the form of a host or link does not show."""


class NoEdit(ValueError):
    """Raised for an edit that cannot be made; the text says why."""


@dataclass(frozen=True)
class Numbers:
    """Which hosts and links have a table in a text, by their names, and its number there."""

    hosts: Mapping[HostName, int]
    links: Mapping[frozenset[HostName], int]

    def host(self, name: str) -> int:
        """Return the number of the table of a host, or -1."""
        return self.hosts.get(HostName(name), -1)

    def link(self, a: str, b: str) -> int:
        """Return the number of the table of a link, or -1."""
        return self.links.get(frozenset((HostName(a), HostName(b))), -1)


def numbers(text: str) -> Numbers:
    """Return the numbers of the tables of hosts and links in a text."""
    raw = tomllib.loads(text)
    hosts = {HostName(str(each.get("name", ""))): n for n, each in enumerate(raw.get("host", ()))}
    links = {
        frozenset(HostName(str(end)) for end in each.get("between", ())): n
        for n, each in enumerate(raw.get("link", ()))
    }
    return Numbers(hosts, links)


def frame(topology: Topology) -> list[float] | None:
    """Return the middle and the size of the positions in a file; None if most hosts have none."""
    known = [host.position for host in topology.hosts.values() if host.position is not None]
    if 2 * len(known) <= len(topology.hosts) or len(set(known)) < 2:
        return None
    xs, ys = zip(*known, strict=True)
    low, high = (min(xs), min(ys)), (max(xs), max(ys))
    widest = max(high[0] - low[0], high[1] - low[1])
    size = [max(b - a, widest * 0.2, 1e-9) for a, b in zip(low, high, strict=True)]
    return [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, *size]


def edited(text: str, edit: Mapping[str, Any]) -> str:
    """Return a text with an edit; raises NoEdit.

    ``edit["do"]`` is "add" (a ``table`` with ``values``), "set" (of the table with a ``number``, a
    ``key`` to a ``value`` in TOML; "" removes it), "remove" (that table; of a host, its links too)
    or "move" (``places``: number, x and y of hosts).
    """
    try:
        raw = tomllib.loads(text)
    except ValueError as why:
        raise NoEdit(f"the text is not valid TOML ({why}); correct it first") from None
    table, number = str(edit.get("table", "")), int(edit.get("number", -1))
    match edit.get("do"):
        case "add":
            return _added(text, raw, table, edit["values"])
        case "set":
            return _set(text, raw, table, number, str(edit["key"]), str(edit["value"]).strip())
        case "remove":
            return _removed_with_links(text, raw, table, number)
        case "move":
            for each, x, y in edit["places"]:
                place = f"[{round(float(x), 2):g}, {round(float(y), 2):g}]"
                text = _set(text, tomllib.loads(text), "host", int(each), "position", place)
            return text
    raise NoEdit(f"there is no edit {edit.get('do')!r}; use add, set, remove or move")


# -- the parts of a text ------------------------------------------------------------------------


def _span(text: str, table: str, number: int) -> tuple[int, int]:
    """Return the first line of a table and the line after its last one, counted from 0.

    Empty lines and comments before the next table are not of it.
    """
    lines = text.split("\n")
    places = lines_of(text)
    first = places.get((table, number))
    if first is None or not lines[first - 1].lstrip().startswith("["):
        raise NoEdit(f"{table} {number + 1} has no [[{table}]] of its own; edit it in the text")
    begins = {
        line
        for place, line in places.items()
        if place[:2] != (table, number)
        and lines[line - 1].lstrip().startswith("[")
        and line > first
    }
    end = min(begins, default=len(lines) + 1) - 1
    while end > first and lines[end - 1].strip()[:1] in ("", "#"):
        end -= 1
    return first - 1, end


def _added(text: str, raw: Mapping[str, Any], table: str, values: Mapping[str, Any]) -> str:
    expected: dict[str, Any] = copy.deepcopy(dict(raw))
    expected.setdefault(table, []).append(dict(values))
    new = [f"[[{table}]]", *(f"{key} = {toml_value(value)}" for key, value in values.items())]
    lines = text.rstrip("\n").split("\n")
    if table in raw:
        _, at = _span(text, table, len(raw[table]) - 1)
    else:
        at = len(lines)
    # tables of two lines stand close together, as links do
    gap = [""] if table != "link" or table not in raw else []
    result = "\n".join([*lines[:at], *gap, *new, *lines[at:]]) + "\n"
    return _checked(result, expected, f"a [[{table}]] cannot be added to this text by itself")


def _set(text: str, raw: Mapping[str, Any], table: str, number: int, key: str, value: str) -> str:
    first, end = _span(text, table, number)
    expected = copy.deepcopy(dict(raw))
    if value:
        expected[table][number][key] = _value(value, key)
    elif expected[table][number].pop(key, None) is None:
        return text
    lines = text.split("\n")
    line = lines_of(text).get((table, number, key))
    new = [f"{key} = {value}"] if value else []
    if line is None:
        candidates = [[*lines[: first + 1], *new, *lines[first + 1 :]]]
        if lines_of(text).get((table, number, "name")) == first + 2:  # a name stays the first key
            candidates.insert(0, [*lines[: first + 2], *new, *lines[first + 2 :]])
    else:
        comment = _comment(lines[line - 1])
        kept = [f"{new[0]}{comment}"] if new else []
        candidates = [
            [*lines[: line - 1], *kept, *lines[last:]]
            for last in range(line, min(end, line + 60) + 1)
        ]
    for candidate in candidates:
        result = "\n".join(candidate)
        if _tables(result) == expected:
            return result
    raise NoEdit(f"{key} of {table} {number + 1} cannot be set by itself; edit it in the text")


def _removed_with_links(text: str, raw: Mapping[str, Any], table: str, number: int) -> str:
    if table == "host":
        name = HostName(str(raw["host"][number].get("name", "")))
        links = raw.get("link", ())
        for n in reversed(range(len(links))):
            if name in [HostName(str(end)) for end in links[n].get("between", ())]:
                text = _removed(text, "link", n)
    return _removed(text, table, number)


def _removed(text: str, table: str, number: int) -> str:
    first, end = _span(text, table, number)
    expected = tomllib.loads(text)
    del expected[table][number]
    if not expected[table]:
        del expected[table]
    lines = text.split("\n")
    while first and end < len(lines) and not lines[first - 1].strip() and not lines[end].strip():
        end += 1
    return _checked(
        "\n".join([*lines[:first], *lines[end:]]),
        expected,
        f"{table} {number + 1} cannot be removed by itself",
    )


def _checked(result: str, expected: Mapping[str, Any], problem: str) -> str:
    if _tables(result) != expected:
        raise NoEdit(f"{problem}; edit the text")
    return result


def _tables(text: str) -> Any:
    try:
        return tomllib.loads(text)
    except ValueError:
        return None


def _value(value: str, key: str) -> Any:
    try:
        read = tomllib.loads(f"value = {value}")
    except ValueError:
        read = {}
    if list(read) != ["value"]:
        raise NoEdit(f'{key} = {value} is not TOML; a text is written in quotes, as in "40 ms"')
    return read["value"]


def _comment(line: str) -> str:
    """Return the comment at the end of a line whose value has no number sign, or ""."""
    before, sign, comment = line.partition("#")
    return f"  {sign}{comment}" if sign and before.count('"') % 2 == 0 else ""


# -- the form of a host or a link -----------------------------------------------------------------


def keys_of(text: str, table: str, number: int) -> list[dict[str, Any]]:
    """Return the keys of a host or link for a form: value, default and help, as TOML and text."""
    raw = tomllib.loads(text)[table][number]
    declared = TABLES[(table,)].declared
    assert declared is not None
    return [
        {
            "key": setting.key,
            "value": toml_value(raw[setting.key]) if setting.key in raw else "",
            "default": _default(setting),
            "words": [toml_value(word) for word in setting.words or ()] or _flags(setting),
            "help": setting.help,
        }
        for setting in settings_of(declared)
        if setting.kind not in _LEFT_OUT or setting.kind == "users"
    ]


def _flags(setting: Setting) -> list[str]:
    return ["true", "false"] if KINDS[setting.kind].schema.get("type") == "boolean" else []


def _default(setting: Setting) -> str:
    if setting.default_text or setting.is_required or setting.default in (None, "", ()):
        return setting.default_text
    return default_as_toml(setting)
