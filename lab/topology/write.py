"""A topology as the TOML file that describes it: what is at its default is left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Final

from lab.hosts.directory import MailingList
from lab.protocol import Path
from lab.topology.specs import DEFAULT_START, FaultSpec, HostSpec, LinkSpec, MailSpec, TopologyData

_NAMES: Final = {"sender": "from", "duration": "for", "lists": "list", "forwards": "forward"}
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def to_toml(topology: TopologyData, comment: str = "") -> str:
    """The text of a topology file that loads as this topology, under a comment.

    Hosts and links of a graph are written out. Quantities are in seconds, bytes and bits a second.
    """
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    lines += [""] if lines else []
    lines.append(f"title = {value(topology.title)}")
    if topology.start != DEFAULT_START:
        lines.append(f"start = {value(topology.start)}")
    for name, tables in _tables(topology):
        for table in tables:
            lines += ["", f"[[{name}]]", *(f"{key} = {value(one)}" for key, one in table.items())]
    retry = _given(topology.retry)
    for name, single in (("retry", retry), ("expect", topology.expect)):
        if single:
            lines += ["", f"[{name}]", *(f"{key} = {value(one)}" for key, one in single.items())]
    return "\n".join(lines) + "\n"


def _tables(topology: TopologyData) -> Iterator[tuple[str, Iterable[Mapping[str, Any]]]]:
    yield "environment", [{"name": e.name, **_given(e)} for e in topology.environments.values()]
    yield "host", map(_host, topology.hosts.values())
    yield "link", map(_link, topology.links)
    yield "mail", map(_mail, topology.mail)
    yield "traffic", map(_given, topology.traffic)
    yield "script", map(_given, topology.scripts)
    yield "poll", map(_given, topology.polls)
    yield "fault", map(fault_table, topology.faults)


def _given(spec: Any, *, but: Sequence[str] = ()) -> dict[str, Any]:
    """What a dataclass holds, by the names of a file, without what is at its default."""
    found = {}
    for field in fields(spec):
        one = getattr(spec, field.name)
        made = field.default_factory() if callable(field.default_factory) else field.default
        if field.name not in but and one is not None and one != made:
            found[_NAMES.get(field.name, field.name)] = one
    return found


def _host(spec: HostSpec) -> dict[str, Any]:
    table = _given(spec, but=("limits", "timeouts", "users", "lists", "forwards"))
    for name, inner in (("limits", spec.limits), ("timeouts", spec.timeouts)):
        if _given(inner):
            table[name] = _given(inner)
    if spec.users:
        tables = [_given(user) for user in spec.users]
        table["users"] = [one["name"] if len(one) == 1 else one for one in tables]
    if spec.lists:
        table["list"] = [_list(one) for one in spec.lists]
    if spec.forwards:
        table["forward"] = [_given(one) for one in spec.forwards]
    return table


def _list(spec: MailingList) -> dict[str, Any]:
    members = [str(member) if member.full_name else member.path for member in spec.members]
    return {**_given(spec, but=("members",)), "members": members}


def _link(spec: LinkSpec) -> dict[str, Any]:
    return {"between": [spec.a, spec.b], **_given(spec, but=("a", "b"))}


def _mail(spec: MailSpec) -> dict[str, Any]:
    return _given(spec, but=("verb",) if spec.verb == "MAIL" else ())


def fault_table(spec: FaultSpec) -> dict[str, Any]:
    """A fault as the table of a file."""
    return _given(spec)


def value(one: Any) -> str:
    """A value as TOML spells it."""
    if isinstance(one, bool):
        return "true" if one else "false"
    if isinstance(one, datetime):
        return one.isoformat()
    if isinstance(one, Path):
        return value(one.bare)
    if isinstance(one, str):
        return '"' + "".join(map(_escaped, one)) + '"'
    if isinstance(one, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {value(v)}" for key, v in one.items()) + " }"
    if isinstance(one, (list, tuple)):
        return "[" + ", ".join(map(value, one)) + "]"
    return repr(one)


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    return char if char >= " " and char != "\x7f" else f"\\u{ord(char):04x}"


def _key(key: str) -> str:
    plain = key.replace("-", "").replace("_", "")
    return key if plain.isalnum() and plain.isascii() else value(key)
