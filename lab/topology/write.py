"""Write a topology as a TOML file; settings with their default value are left out.

The keys of each table are those of the declarations (:mod:`lab.topology.declarations`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from datetime import datetime
from math import inf
from typing import Any, Final

from lab.hosts.directory import Member, User
from lab.protocol import Path
from lab.topology.declarations import settings_of
from lab.topology.link_specs import NO_LIMIT
from lab.topology.specs import DEFAULT_START, FaultSpec, LinkSpec, TopologyData

_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def to_toml(topology: TopologyData, comment: str = "") -> str:
    """Return the text of a topology file that loads as this topology, under a comment.

    Hosts and links of a graph are written one by one. Quantities are in seconds, bytes and bits
    per second.
    """
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    lines += [""] if lines else []
    lines.append(f"title = {toml_value(topology.title)}")
    if topology.start != DEFAULT_START:
        lines.append(f"start = {toml_value(topology.start)}")
    for name, specs in _tables(topology):
        for spec in specs:
            lines += ["", f"[[{name}]]", *_lines(table_of(spec))]
    for name, table in (("retry", table_of(topology.retry)), ("expect", topology.expect)):
        if table:
            lines += ["", f"[{name}]", *_lines(table)]
    return "\n".join(lines) + "\n"


def _tables(topology: TopologyData) -> Iterator[tuple[str, Iterable[Any]]]:
    yield "environment", topology.environments.values()
    yield "host", topology.hosts.values()
    yield "link", topology.links
    yield "mail", topology.mail
    yield "traffic", topology.traffic
    yield "script", topology.scripts
    yield "poll", topology.polls
    yield "fault", topology.faults


def _lines(table: Mapping[str, Any]) -> Iterator[str]:
    return (f"{key} = {toml_value(value)}" for key, value in table.items())


def table_of(spec: Any, *, whole: bool = False) -> dict[str, Any]:
    """Return a dataclass of settings as the table of a file, in plain values.

    Settings with their default value are left out, unless ``whole`` is True.
    """
    table = {}
    for setting in settings_of(type(spec)):
        value = getattr(spec, setting.field)
        if value is not None and (whole or value != setting.default):
            unlimited = setting.kind == "bandwidth" and value == inf
            table[setting.key] = NO_LIMIT if unlimited else _plain(value)
    if isinstance(spec, LinkSpec):
        table["between"] = [spec.a, spec.b]  # one key for two fields
    return table


def fault_table(spec: FaultSpec) -> dict[str, Any]:
    """Return a fault as the table of a file."""
    return table_of(spec)


def _plain(value: Any) -> Any:
    """Return a value for TOML and JSON: paths and members as texts, dataclasses as tables."""
    if isinstance(value, (str, int, float)):  # most are
        return value
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, Path):
        return value.bare
    if isinstance(value, Member):
        return str(value) if value.full_name else value.path.bare
    if isinstance(value, User):
        table = table_of(value)
        return value.name if table.keys() == {"name"} else table
    if is_dataclass(value):
        return table_of(value)
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def toml_value(value: Any) -> str:
    """Return a value in the syntax of TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, str):
        return '"' + "".join(map(_escaped, value)) + '"'
    if isinstance(value, Mapping):
        pairs = (f"{_key(key)} = {toml_value(inner)}" for key, inner in value.items())
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return repr(value)


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    return char if char >= " " and char != "\x7f" else f"\\u{ord(char):04x}"


def _key(key: str) -> str:
    letters = key.replace("-", "").replace("_", "")
    return key if letters.isalnum() and letters.isascii() else toml_value(key)
