"""Build the faults of a file, and check the keys that each kind requires and allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from lab.hosts.interception import command_line, reply_of
from lab.protocol import COMMANDS
from lab.protocol.syntax import in_capitals
from lab.quantities import UnitFault, as_toml, parse_bandwidth, parse_duration, parse_size
from lab.topology.csv_files import RowFault
from lab.topology.globs import is_glob, labels_of, matching_hosts, matching_links
from lab.topology.hosts import Hosts
from lab.topology.problems import Place, example_of, exclude_each_other, join_some
from lab.topology.schedules import changes_of
from lab.topology.specs import FAULT_KINDS, SCHEDULE, FaultSpec, LinkSpec
from lab.topology.values import chance, not_negative, not_too_long, positive
from lab.trace.rows import KINDS

REQUIRED_KEYS: Final = {name: kind.requires for name, kind in FAULT_KINDS.items()}
"""The keys that each kind of fault requires besides its time."""

OPTIONAL_KEYS: Final = {name: kind.allows for name, kind in FAULT_KINDS.items()}
"""The further keys that each kind of fault allows."""

_OF_SOME_KIND: Final = tuple(
    dict.fromkeys(key for kind in FAULT_KINDS.values() for key in (*kind.requires, *kind.allows))
)
_WHENS: Final = ("at", "when", "rate")
_COLUMNS: Final = frozenset(
    ("host", "event", "peer", "session", "message", "code", "verb", "number", "nth", "seq")
) | {column for columns in KINDS.values() for column in columns}


def build_faults(
    tables: Any, links: tuple[LinkSpec, ...], hosts: Hosts, folder: Path
) -> tuple[FaultSpec, ...]:
    """Return all faults of the file, and those of the files that it names, from ``folder``."""
    joined = {frozenset((link.a, link.b)) for link in links}
    faults = []
    for number, table in enumerate(tables.fault):
        place = hosts.diagnostics.place("fault", number)
        if table.kind == SCHEDULE:
            faults += _scheduled(table, place, links, hosts, folder)
            continue
        fault = _fault(table, place, joined, hosts)
        _check_name(fault, (*place, "name"), links, hosts)
        if fault.kind == "one-way" and fault.link is not None:
            _check_simplex(fault.link, (*place, "link"), links, tables, hosts)
        faults.append(fault)
    return tuple(faults)


def _scheduled(
    table: Any, place: Place, links: tuple[LinkSpec, ...], hosts: Hosts, folder: Path
) -> list[FaultSpec]:
    """Return the faults of a file of changes, a fault for each change."""
    keys = {key for key, value in table.values_given().items() if value is not None}
    if table.schedule is None and any(
        problem.place == (*place, "kind") for problem in hosts.diagnostics.problems
    ):
        return []  # it has a kind, which is none
    if table.schedule is None:
        text = f"kind is missing; write {example_of(('fault', 'kind'))}"
        hosts.diagnostics.problem(place, text)
        return []
    for field in sorted(keys - {"kind", "schedule", "every"}):
        key = "for" if field == "duration" else field
        text = f"{SCHEDULE} does not take {key}; it takes schedule, every"
        hosts.diagnostics.problem((*place, key), text)
    try:
        return changes_of(folder / table.schedule, links, hosts.find, table.every)
    except RowFault as why:
        hosts.diagnostics.problem((*place, "schedule"), str(why))
        return []


def _check_name(fault: FaultSpec, place: Place, links: tuple[LinkSpec, ...], hosts: Hosts) -> None:
    """Check that the link of a fault has such a name."""
    if fault.name is None or fault.link is None or "name" not in OPTIONAL_KEYS[fault.kind]:
        return
    ends = {*fault.link}
    names = [link.name for link in links if {link.a, link.b} == ends]
    if names and fault.name not in names:
        known = [as_toml(name) for name in names]
        meant = hosts.diagnostics.suggest(fault.name, names, f"; there are {join_some(known)}")
        text = f"no link between the two has the name {as_toml(fault.name)}{meant}"
        hosts.diagnostics.problem(place, text)


def _check_simplex(
    ends: tuple[str, str], place: Place, links: tuple[LinkSpec, ...], tables: Any, hosts: Hosts
) -> None:
    """Check that two hosts are in an environment over NCP: its channels are two connections."""
    ncp = {table.name for table in tables.environment if table.transport == "ncp"}
    in_ncp = [{link.environment for link in links if end in (link.a, link.b)} & ncp for end in ends]
    if not any(map(is_glob, ends)) and not set.intersection(*in_ncp):
        text = (
            f"{ends[0]} and {ends[1]} have no channel over NCP, the one service whose channels are "
            'two connections; write hang-up to cut a channel, or transport = "ncp" for their '
            "environment"
        )
        hosts.diagnostics.problem(place, text)


def _fault(table: Any, place: Place, joined: set[frozenset[str]], hosts: Hosts) -> FaultSpec:
    _check_keys(table, place, hosts)
    whens = [key for key in _WHENS if getattr(table, key) is not None]
    if len(whens) > 1:
        text = exclude_each_other(whens)
        hosts.diagnostics.problem((*place, whens[1]), text)
    _check_every(table, place, whens, hosts)
    checked = {
        "at": table.at if whens or table.kind.startswith("change-") else 0.0,
        "link": _link(table, place, joined, hosts),
        "host": _host(table, place, hosts),
        "groups": _groups(table, place, hosts),
        "value": _value(table, place, hosts),
        "after": _after(table, place, hosts),
        "when": _when(table.when, (*place, "when"), hosts),
        "line": _line(table, place, hosts),
    }
    return FaultSpec(**table.values() | checked)


_WITHOUT_END: Final = ("crash", "hang-up")
"""The kinds of fault that are over by themselves, and so may happen again without ``for``."""


def _check_every(table: Any, place: Place, whens: list[str], hosts: Hosts) -> None:
    """Check that a fault that happens again is over before."""
    if table.every is None:
        return
    problem = hosts.diagnostics.problem
    if table.kind.startswith("change-") or whens not in ([], ["at"]):
        text = "a fault happens again only after a time; write at, or leave every out"
        problem((*place, "every"), text)
    elif table.duration is None and table.kind not in _WITHOUT_END:
        problem(place, 'every requires for, so that the fault is over before; write for = "60 s"')
    elif table.duration is not None and table.duration > table.every:
        text = f"it lasts longer than the time from one to the next; write {table.every:g} or less"
        problem((*place, "for"), text)


def _check_keys(table: Any, place: Place, hosts: Hosts) -> None:
    requires = REQUIRED_KEYS[table.kind]
    keys = {key for key, value in table.values_given().items() if value is not None}
    for key in requires:
        if key not in keys:
            example = _VALUES[FAULT_KINDS[table.kind].value].example if key == "value" else ""
            text = f"{table.kind} requires {key}; write {example_of(('fault', key), example)}"
            hosts.diagnostics.problem(place, text)
    for key in _OF_SOME_KIND:
        if key in keys and key not in (*requires, *OPTIONAL_KEYS[table.kind]):
            text = f"{table.kind} does not take {key}; it takes {join_some(requires)}"
            hosts.diagnostics.problem((*place, key), text)


def _line(table: Any, place: Place, hosts: Hosts) -> str | None:
    """Return the line that replaces a reply or command, after checking it."""
    line: str | None = table.line
    if line is None or not table.kind.startswith("change-"):
        return None
    for key in (*_WHENS, "duration"):
        if getattr(table, key) is not None:
            hosts.diagnostics.problem(
                (*place, "for" if key == "duration" else key),
                f"{table.kind} has no time but the session and the number in it; leave it out",
            )
    try:
        (reply_of if table.kind == "change-reply" else command_line)(line)
    except ValueError as why:
        hosts.diagnostics.problem((*place, "line"), f"{as_toml(line)} {why}")
    return line


def _host(table: Any, place: Place, hosts: Hosts) -> str | None:
    name: str | None = table.host
    if name is None:
        return None
    if not is_glob(name):
        host = hosts.existing(name, (*place, "host"))
        return host.name if host else None
    speakers = [spec.name for spec in hosts.specs.values() if spec.kind == "host"]
    if not matching_hosts(name, speakers, labels_of(hosts.specs.values())):
        hosts.diagnostics.problem((*place, "host"), f"{as_toml(name)} matches no host")
    return name


def _link(
    table: Any, place: Place, joined: set[frozenset[str]], hosts: Hosts
) -> tuple[str, str] | None:
    if table.link is None:
        return None
    names: tuple[str, str] = table.link
    if any(map(is_glob, names)):
        for i, name in enumerate(names):
            if ambiguous := hosts.ambiguous(name):
                hosts.diagnostics.problem((*place, "link", i), ambiguous)
                return None
        links = [(min(ends), max(ends)) for ends in joined]
        if not matching_links(names, links, labels_of(hosts.specs.values())):
            text = f"{as_toml(' - '.join(names))} matches no link"
            hosts.diagnostics.problem((*place, "link"), text)
        return names
    a, b = [hosts.existing(name, (*place, "link", i)) for i, name in enumerate(names)]
    if a is None or b is None:
        return None
    # a session may be cut wherever it runs; every other fault affects a link itself
    if table.kind not in ("hang-up", "one-way") and frozenset((a.name, b.name)) not in joined:
        text = f"no link joins {a.name} and {b.name}; write the ends of one"
        hosts.diagnostics.problem((*place, "link"), text)
    return a.name, b.name


def _groups(table: Any, place: Place, hosts: Hosts) -> tuple[tuple[str, ...], ...]:
    seen: set[str] = set()
    groups = []
    for i, names in enumerate(table.groups or []):
        group = []
        for k, name in enumerate(names):
            where = (*place, "groups", i, k)
            spec = hosts.existing(name, where)
            if spec is None:
                continue
            if spec.name in seen:
                text = f"{spec.name} is in two groups; write it in one"
                hosts.diagnostics.problem(where, text)
            seen.add(spec.name)
            group.append(spec.name)
        groups.append(tuple(group))
    return tuple(groups)


def _value(table: Any, place: Place, hosts: Hosts) -> float | None:
    kind = FAULT_KINDS[table.kind].value
    if table.value is None or not kind:
        return None
    try:
        return _VALUES[kind].read(table.value)
    except ValueError as why:
        hosts.diagnostics.problem((*place, "value"), str(why))
        return None


class _Value(NamedTuple):
    """A kind of ``value``: what reads it (raises ValueError in a sentence), and an example."""

    read: Callable[[Any], float]
    example: str


def _signed_duration(value: Any) -> float:
    return not_too_long(parse_duration(value))


def _duration(value: Any) -> float:
    return not_negative(_signed_duration(value), value)


def _bandwidth(value: Any) -> float:
    return positive(parse_bandwidth(value), value)


_VALUES: Final = {
    "bandwidth": _Value(_bandwidth, '"1200 bit/s"'),
    "chance": _Value(chance, "0.2"),
    "duration": _Value(_duration, '"2 s"'),
    "signed duration": _Value(_signed_duration, '"-5 min"'),
}


def _after(table: Any, place: Place, hosts: Hosts) -> str | None:
    after: str | None = table.after
    if after is None or after == "." or in_capitals(after) in COMMANDS:
        return after and in_capitals(after)
    if len(after) == 3 and after.isdecimal() and after.isascii():
        return after
    try:
        parse_size(after)
    except UnitFault:
        hosts.diagnostics.problem(
            (*place, "after"),
            f"a hang-up cannot wait for {as_toml(after)}; "
            'write a command ("DATA"), a reply code ("354"), "." or a size ("1000 B")',
        )
    return after


def _when(when: dict[str, Any] | None, place: Place, hosts: Hosts) -> Mapping[str, Any] | None:
    if when is None:
        return None
    _check_columns(when, place, hosts)
    _check_event(when, place, hosts)
    resolved = dict(when)
    for key in ("host", "peer"):
        if isinstance(when.get(key), str):
            spec = hosts.existing(when[key], (*place, key))
            resolved[key] = spec.name if spec else when[key]
        elif key in when:
            text = f"{as_toml(when[key])} is not the name of a host; {_AS_IN}"
            hosts.diagnostics.problem((*place, key), text)
    return resolved


def _check_columns(when: dict[str, Any], place: Place, hosts: Hosts) -> None:
    for key in when:
        if key not in _COLUMNS:
            meant = hosts.diagnostics.suggest(key, _COLUMNS, "; " + _AS_IN)
            hosts.diagnostics.problem((*place, key), f"unknown key{meant}")
    for key in ("nth", "seq"):
        if key in when and (type(when[key]) is not int or when[key] < (key == "nth")):
            text = f"{as_toml(when[key])} is not a number to count to; write {key} = 3"
            hosts.diagnostics.problem((*place, key), text)


def _check_event(when: dict[str, Any], place: Place, hosts: Hosts) -> None:
    event = when.get("event")
    if event is None:
        if "seq" not in when:  # the number in the trace is enough
            hosts.diagnostics.problem(place, f"event is missing; {_AS_IN}")
    elif not isinstance(event, str) or event not in KINDS:
        meant = hosts.diagnostics.suggest(event, KINDS) if isinstance(event, str) else ""
        text = f"{as_toml(event)} is not one of the events {join_some(KINDS, 30)}{meant}"
        hosts.diagnostics.problem((*place, "event"), text)


_AS_IN: Final = "write " + example_of(("fault", "when"))
