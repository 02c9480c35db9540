"""From the tables of a file to what happens there: mail, traffic, scripts and faults."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from lab.hosts.directory import MailingList, User
from lab.hosts.interception import command_line, reply_of
from lab.protocol import COMMANDS, Path
from lab.quantities import UnitFault, parse_duration, parse_size, shown
from lab.topology.globs import is_glob, matching_hosts, matching_links
from lab.topology.hosts import Hosts, user_at
from lab.topology.problems import EXAMPLES, Place, listed
from lab.topology.schema import (
    FaultTable,
    FileTable,
    MailTable,
    PollTable,
    ScriptTable,
    TrafficTable,
)
from lab.topology.specs import (
    FaultSpec,
    LinkSpec,
    MailSpec,
    PollSpec,
    ScriptSpec,
    TrafficSpec,
)
from lab.trace.rows import KINDS

BEFALLS: Final[dict[str, tuple[str, ...]]] = {
    "link-down": ("link",),
    "host-down": ("host",),
    "crash": ("host",),
    "partition": ("groups",),
    "loss": ("link", "value"),
    "latency": ("link", "value"),
    "busy": ("host",),
    "storage-full": ("host",),
    "refuse": ("host",),
    "hang-up": ("link",),
    "clock-skew": ("host", "value"),
    "change-reply": ("host", "session", "number", "line"),
    "change-command": ("host", "session", "number", "line"),
}
"""For each kind of fault the keys that it wants beside its time; others it does not take."""

MAY_BEFALL: Final = {"hang-up": ("after", "session", "of")}
"""For a kind of fault the keys that it takes and does not want."""

_WHENS: Final = ("at", "when", "rate")
_FIELDS: Final = frozenset(
    ("host", "event", "peer", "session", "message", "code", "verb", "number", "nth", "seq")
) | {extra for extras in KINDS.values() for extra in extras}


def build_mail(tables: FileTable, hosts: Hosts) -> tuple[MailSpec, ...]:
    """All mail of the file."""
    specs = (_mail(table, number, hosts) for number, table in enumerate(tables.mail))
    return tuple(spec for spec in specs if spec is not None)


def _mail(table: MailTable, number: int, hosts: Hosts) -> MailSpec | None:
    findings = hosts.findings
    place = findings.place("mail", number)
    sender = hosts.path(table.sender, (*place, "from"))
    if sender is not None:
        _check_sender(sender, (*place, "from"), hosts)
    many = len(table.to) > 1
    to = [
        (hosts.path(text, where), where)
        for i, text in enumerate(table.to)
        for where in [(*place, "to", i) if many else (*place, "to")]
    ]
    for path, where in to:
        if path is not None:
            hosts.mention(path, where, "mail that goes there will not arrive")
    given = [key for key in ("text", "size", "mail_data") if getattr(table, key) is not None]
    if len(given) > 1:
        findings.problem((*place, given[1]), f"{' and '.join(given)} exclude each other; write one")
    if "\r" in table.subject or "\n" in table.subject:
        findings.problem((*place, "subject"), "a subject is one line; leave out its line breaks")
    for key in ("subject", "text", "mail_data"):
        _check_ascii(getattr(table, key) or "", (*place, key), hosts)
    if sender is None:
        return None
    return MailSpec(
        table.at, table.verb, sender, tuple(path for path, _ in to if path is not None),
        table.subject, table.text, table.size, table.mail_data,
    )  # fmt: skip


def _check_sender(path: Path, place: Place, hosts: Hosts) -> None:
    spec = hosts.existing(path.domain, place, speaks=True)
    if spec is None or hosts.findings.place("host", hosts.number[spec.name])[1] in (
        hosts.findings.damaged
    ):
        return
    entry = user_at(spec, path.user)
    if isinstance(entry, User):
        return
    users = [user.name for user in spec.users]
    if entry is not None:
        what = "a mailing list" if isinstance(entry, MailingList) else "a forward"
        why = f"{shown(path.user)} is {what} at {spec.name}, and only users write mail"
    else:
        why = f"mail from nobody: {spec.name} has no user {shown(path.user)}"
    there_are = f"; its users: {listed(users)}" if users else '; write users = ["..."] at that host'
    hosts.findings.problem(place, why + hosts.findings.guess(path.user, users, there_are))


def _check_ascii(text: str, place: Place, hosts: Hosts) -> None:
    if not text.isascii():
        char = next(char for char in text if not char.isascii())
        hosts.findings.note(
            place, f"{shown(char)} is none of the 128 ASCII characters that RFC 821 carries; "
            "it is sent as a question mark"
        )  # fmt: skip


def build_traffic(tables: FileTable, hosts: Hosts) -> tuple[TrafficSpec, ...]:
    """All traffic of the file."""
    addresses = [
        f"{user.name}@{spec.name}".lower() for spec in hosts.specs.values() for user in spec.users
    ]
    return tuple(
        _traffic(table, number, hosts, addresses) for number, table in enumerate(tables.traffic)
    )


def _traffic(table: TrafficTable, number: int, hosts: Hosts, addresses: list[str]) -> TrafficSpec:
    for key, glob in (("from", table.sender), ("to", table.to)):
        if not any(fnmatchcase(address, glob.lower()) for address in addresses):
            if hosts.findings.damaged:
                continue  # the users it would match may be among those not understood
            hosts.findings.problem(
                hosts.findings.place("traffic", number, key),
                f"{shown(glob)} matches no user@host"
                + (f"; there are {listed(addresses, 5)}" if addresses else "; no host has users"),
            )
    return TrafficSpec(
        table.count, table.rate, table.sender, table.to, table.size, table.route, table.start
    )


def build_scripts(tables: FileTable, hosts: Hosts) -> tuple[ScriptSpec, ...]:
    """All scripts of the file."""
    specs = (_script(table, number, hosts) for number, table in enumerate(tables.script))
    return tuple(spec for spec in specs if spec is not None)


def _script(table: ScriptTable, number: int, hosts: Hosts) -> ScriptSpec | None:
    findings = hosts.findings
    place = findings.place("script", number)
    sender = hosts.existing(table.sender, (*place, "from"), speaks=True)
    to = hosts.existing(table.to, (*place, "to"), speaks=True)
    for i, line in enumerate(table.lines):
        if "\r" in line or "\n" in line:
            findings.problem(
                (*place, "lines", i), "a line holds CR or LF; write each line as a text of its own"
            )
        _check_ascii(line, (*place, "lines", i), hosts)
    if sender is None or to is None:
        return None
    if sender is to:
        findings.problem(
            (*place, "to"), f"{to.name} would talk to itself; write the name of another host"
        )
    return ScriptSpec(table.at, sender.name, to.name, tuple(table.lines))


def build_polls(tables: FileTable, hosts: Hosts) -> tuple[PollSpec, ...]:
    """All polls of the file; and whether the hosts that others hold mail for exist."""
    for number, host in enumerate(tables.host):
        for i, name in enumerate(host.holds):
            hosts.existing(name, hosts.findings.place("host", number, "holds", i), speaks=True)
    specs = (_poll(table, number, hosts) for number, table in enumerate(tables.poll))
    return tuple(spec for spec in specs if spec is not None)


def _poll(table: PollTable, number: int, hosts: Hosts) -> PollSpec | None:
    findings = hosts.findings
    place = findings.place("poll", number)
    sender = hosts.existing(table.sender, (*place, "from"), speaks=True)
    to = hosts.existing(table.to, (*place, "to"), speaks=True)
    if table.times > 1 and table.every is None:
        findings.problem(place, 'times wants every, the time between polls; write every = "1 h"')
    if sender is None or to is None:
        return None
    if sender is to:
        findings.problem(
            (*place, "to"), f"{to.name} would poll itself; write the name of another host"
        )
    return PollSpec(table.at, sender.name, to.name, table.every, table.times)


def build_faults(
    tables: FileTable, links: tuple[LinkSpec, ...], hosts: Hosts
) -> tuple[FaultSpec, ...]:
    """All faults of the file."""
    joined = {frozenset((link.a, link.b)) for link in links}
    return tuple(
        _fault(table, hosts.findings.place("fault", number), joined, hosts)
        for number, table in enumerate(tables.fault)
    )


def _fault(table: FaultTable, place: Place, joined: set[frozenset[str]], hosts: Hosts) -> FaultSpec:
    _check_keys(table, place, hosts)
    whens = [key for key in _WHENS if getattr(table, key) is not None]
    if len(whens) > 1:
        hosts.findings.problem(
            (*place, whens[1]), f"{' and '.join(whens)} exclude each other; write one"
        )
    return FaultSpec(
        kind=table.kind,
        at=table.at if whens or table.kind.startswith("change-") else 0.0,
        duration=table.duration,
        link=_fault_link(table, place, joined, hosts),
        host=_fault_host(table, place, hosts),
        groups=_groups(table, place, hosts),
        value=_fault_value(table, place, hosts),
        after=_after(table, place, hosts),
        when=_when(table.when, (*place, "when"), hosts),
        rate=table.rate,
        session=table.session,
        of=table.of or "sender",
        number=table.number,
        line=_line(table, place, hosts),
    )


def _check_keys(table: FaultTable, place: Place, hosts: Hosts) -> None:
    wanted = BEFALLS[table.kind]
    given = {key for key in table.model_fields_set if getattr(table, key) is not None}
    for key in wanted:
        if key not in given:
            example = EXAMPLES.get(key, 'value = "2 s"' if key == "value" else None)
            example = "value = 0.2" if (table.kind, key) == ("loss", "value") else example
            example = 'host = "MIT-AI.ARPA"' if key == "host" else example
            hosts.findings.problem(place, f"{table.kind} wants {key}; write {example}")
    for key in ("link", "host", "groups", "value", "after", "session", "of", "number", "line"):
        if key in given and key not in (*wanted, *MAY_BEFALL.get(table.kind, ())):
            hosts.findings.problem(
                (*place, key), f"{table.kind} takes no {key}; it takes {listed(wanted)}"
            )


def _line(table: FaultTable, place: Place, hosts: Hosts) -> str | None:
    """What a reply or command is changed to, if it can be one."""
    if table.line is None or not table.kind.startswith("change-"):
        return None
    for key in (*_WHENS, "duration"):
        if getattr(table, key) is not None:
            hosts.findings.problem(
                (*place, "for" if key == "duration" else key),
                f"{table.kind} has no time but the session and the number in it; leave it out",
            )
    try:
        (reply_of if table.kind == "change-reply" else command_line)(table.line)
    except ValueError as why:
        hosts.findings.problem((*place, "line"), f"{shown(table.line)} {why}")
    return table.line


def _fault_host(table: FaultTable, place: Place, hosts: Hosts) -> str | None:
    if table.host is None:
        return None
    if not is_glob(table.host):
        host = hosts.existing(table.host, (*place, "host"))
        return host.name if host else None
    speakers = [spec.name for spec in hosts.specs.values() if spec.kind == "host"]
    if not matching_hosts(table.host, speakers):
        hosts.findings.problem((*place, "host"), f"{shown(table.host)} matches no host")
    return table.host


def _fault_link(
    table: FaultTable, place: Place, joined: set[frozenset[str]], hosts: Hosts
) -> tuple[str, str] | None:
    if table.link is None:
        return None
    if any(map(is_glob, table.link)):
        globs = (table.link[0], table.link[1])
        if not matching_links(globs, [(min(ends), max(ends)) for ends in joined]):
            hosts.findings.problem((*place, "link"), f"{shown(' - '.join(globs))} matches no link")
        return globs
    ends = [hosts.existing(name, (*place, "link", i)) for i, name in enumerate(table.link)]
    a, b = ends
    if a is None or b is None:
        return None
    # a session may be cut wherever it runs; everything else befalls a link itself
    if table.kind != "hang-up" and frozenset((a.name, b.name)) not in joined:
        hosts.findings.problem(
            (*place, "link"), f"no link joins {a.name} and {b.name}; write the ends of one"
        )
    return a.name, b.name


def _groups(table: FaultTable, place: Place, hosts: Hosts) -> tuple[tuple[str, ...], ...]:
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
                hosts.findings.problem(where, f"{spec.name} is in two groups; write it in one")
            seen.add(spec.name)
            group.append(spec.name)
        groups.append(tuple(group))
    return tuple(groups)


def _fault_value(table: FaultTable, place: Place, hosts: Hosts) -> float | None:
    value, place = table.value, (*place, "value")
    if value is None or "value" not in BEFALLS[table.kind]:
        return None
    if table.kind == "loss":
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            hosts.findings.problem(
                place, f"{shown(value)} is no chance; write a number from 0 to 1"
            )
            return None
        return float(value)
    try:
        seconds = parse_duration(value)
    except UnitFault as why:
        hosts.findings.problem(place, str(why))
        return None
    if table.kind == "latency" and seconds < 0:
        hosts.findings.problem(place, f"{shown(value)} is less than nothing; write 0 or more")
    return seconds


def _after(table: FaultTable, place: Place, hosts: Hosts) -> str | None:
    after = table.after
    if after is None or after == "." or after.upper() in COMMANDS:
        return after and after.upper()
    if len(after) == 3 and after.isdecimal() and after.isascii():
        return after
    try:
        parse_size(after)
    except UnitFault:
        hosts.findings.problem(
            (*place, "after"),
            f"{shown(after)} is nothing to wait for; "
            'write a command ("DATA"), a reply code ("354"), "." or a size ("1000 B")',
        )
    return after


def _when(when: dict[str, Any] | None, place: Place, hosts: Hosts) -> Mapping[str, Any] | None:
    if when is None:
        return None
    findings = hosts.findings
    for key in when:
        if key not in _FIELDS:
            findings.problem(
                (*place, key), f"unknown key{findings.guess(key, _FIELDS, '; ' + _AS_IN)}"
            )
    for key in ("nth", "seq"):
        if key in when and (type(when[key]) is not int or when[key] < (key == "nth")):
            findings.problem(
                (*place, key), f"{shown(when[key])} is no number to count to; write {key} = 3"
            )
    event = when.get("event")
    if event is None and "seq" in when:
        pass  # the place in the trace says it all
    elif event is None:
        findings.problem(place, f"event is missing; {_AS_IN}")
    elif not isinstance(event, str) or event not in KINDS:
        meant = findings.guess(event, KINDS) if isinstance(event, str) else ""
        findings.problem(
            (*place, "event"), f"{shown(event)} is none of the events {listed(KINDS, 30)}{meant}"
        )
    found = dict(when)
    for key in ("host", "peer"):
        if isinstance(when.get(key), str):
            spec = hosts.existing(when[key], (*place, key))
            found[key] = spec.name if spec else when[key]
        elif key in when:
            findings.problem((*place, key), f"{shown(when[key])} is no name of a host; {_AS_IN}")
    return found


_AS_IN: Final = "write " + EXAMPLES["when"]
