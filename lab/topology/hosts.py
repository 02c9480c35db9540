"""Build the hosts of a file, and check their names, users, lists and forwards.

Checking continues after a problem, so that all problems are reported at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from lab.hosts.callers import ALL_HOSTS, network_of
from lab.hosts.checked import LARGEST_MAIL, of_valid
from lab.hosts.directory import Directory
from lab.hosts.reply_script import OPEN, STAGES
from lab.hosts.scripted import ANSWERED, OPTIONAL
from lab.protocol import HostName, Path, SyntaxFault, parse_domain, quote
from lab.protocol.sizes import MAX_DOMAIN, MAX_USER, MINIMA
from lab.quantities import as_toml
from lab.topology.declarations import settings_of
from lab.topology.diagnostics import Diagnostics
from lab.topology.problems import Place, join_some
from lab.topology.schema import TABLES, Table
from lab.topology.specs import Environment, HostSpec
from lab.trace.labels import label_key

FROM_A_GRAPH: Final = {"relay": True, "users": ["user"]}
"""The defaults of hosts in a graph, below [defaults.host].

They relay, because a map without relays would carry nothing, and each has one user, "user".
"""


class Hosts:
    """The hosts of a file, by all of their names."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self.diagnostics = diagnostics
        self.specs: dict[str, HostSpec] = {}
        self.number: dict[str, int] = {}
        self._named: dict[HostName, str] = {}
        self._spellings: list[str] = []
        self._labelled: dict[str, list[str]] = {}

    def add(self, spec: HostSpec, number: int) -> None:
        """Add a host, unless its name is taken."""
        for keys, name in _names(spec.name, spec.names):
            owner = self._named.get(HostName(name))
            if owner is None:
                self._named[HostName(name)] = spec.name
                self._spellings.append(name)
            elif owner != spec.name or keys == ("name",):
                self._name_is_taken(name, owner, self.diagnostics.place("host", number, *keys))
                if keys == ("name",):
                    return
        self.specs[spec.name] = spec
        self.number[spec.name] = number
        if spec.label:
            self._labelled.setdefault(label_key(spec.label), []).append(spec.name)
            self._spellings.append(spec.label)

    def _name_is_taken(self, name: str, owner: str, place: Place) -> None:
        reason = "zeros before a number do" if {*"#["} & {*name} else "case does"
        text = f"the name {name} is taken by host {owner} ({reason} not matter); write another"
        self.diagnostics.problem(place, text)

    def find(self, name: str) -> HostSpec | None:
        """Return the host of that name in any environment, or of that label, in any case.

        A label that several hosts have means none of them.
        """
        known = self._named.get(HostName(name))
        if known is None:
            labelled = self._labelled.get(label_key(name), ())
            known = labelled[0] if len(labelled) == 1 else None
        return None if known is None else self.specs[known]

    def existing(self, name: str, place: Place, *, speaks: bool = False) -> HostSpec | None:
        """Return the host of that name; report a problem if there is none.

        ``speaks``: a router is a problem too.
        """
        spec = self.find(name)
        if spec is None:
            self.diagnostics.problem(place, self._unknown(name))
        elif speaks and spec.kind == "router":
            text = f"{spec.name} is a router and speaks no SMTP; write the name of a host"
            self.diagnostics.problem(place, text)
            return None
        return spec

    def ambiguous(self, name: str) -> str:
        """Return a sentence about a label that several hosts have; empty for any other name."""
        several = self._labelled.get(label_key(name), ())
        if len(several) < 2 or HostName(name) in self._named:
            return ""
        count, names = len(several), join_some(several, 5)
        return f"{count} hosts have the label {as_toml(name)}; write a name: {names}"

    def _unknown(self, name: str) -> str:
        return self.ambiguous(name) or f"there is no host {as_toml(name)}{self.hint(name)}"

    def hint(self, name: str) -> str:
        """Return the end of a sentence: a similar name, or which hosts there are."""
        known = f"; there are {join_some(self.specs, 5)}" if self.specs else ""
        return self.diagnostics.suggest(name, self._spellings, known)

    def warn_unknown_host(self, path: Path, place: Place, consequence: str) -> None:
        """Note the hosts of a path that do not exist: mail to them is allowed, but odd."""
        for name in (*path.route, path.domain):
            if self.find(name) is None:
                text = f"there is no host {as_toml(name)}{self.hint(name)}; {consequence}"
                self.diagnostics.note(place, text)


def build_hosts(
    tables: Any, environments: Mapping[str, Environment], diagnostics: Diagnostics, *, graph: bool
) -> Hosts:
    """Return all hosts of the file or of its ``graph``."""
    hosts = Hosts(diagnostics)
    defaults = tables.defaults.host
    _check_receiver(defaults, ("defaults", "host"), diagnostics)
    if graph:
        defaults = filled(defaults, TABLES["defaults", "host"].read(FROM_A_GRAPH))
    for number, table in enumerate(tables.host):
        host = filled(table, defaults)
        _check_host(table, number, environments, diagnostics)
        _check_people(host, number, diagnostics)
        hosts.add(of_valid(HostSpec, host.values()), number)
    if not tables.host and not any(each.place[:1] == ("host",) for each in diagnostics.problems):
        text = 'there is no host; write [[host]] and name = "MIT-AI.ARPA"'
        diagnostics.problem(("host",), text)
    return hosts


def filled(table: Any, defaults: Any) -> Any:
    """Return a host's table, completed from the defaults.

    ``users`` and ``user`` count as one key; inner tables are completed key by key.
    """
    inherited = {} if table.kind == "router" else defaults.values_given()
    if table.fields_given & {"users", "user"}:
        inherited = {key: value for key, value in inherited.items() if key not in ("users", "user")}
    updates = {}
    for key, value in inherited.items():
        if key not in table.fields_given:
            updates[key] = value
        elif isinstance(value, Table):
            own = getattr(table, key)
            updates[key] = own.with_given(value.values_given() | own.values_given())
    return table.with_given(updates)


def _names(name: str, elsewhere: Mapping[str, str]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the names of a host in all environments, with the keys that lead to them."""
    yield ("name",), name
    for environment, name_there in elsewhere.items():
        if name_there != name:
            yield ("names", environment), name_there


def _check_host(
    table: Any, number: int, environments: Mapping[str, Environment], diagnostics: Diagnostics
) -> None:
    """Check a host's own table; [defaults] is checked once, by itself."""
    place = diagnostics.place("host", number)
    for keys, name in _names(table.name, table.names):
        _check_domain(name, (*place, *keys), diagnostics)
    for environment in table.names:
        check_environment(environment, (*place, "names", environment), environments, diagnostics)
    _check_receiver(table, place, diagnostics)
    if table.kind == "router":
        _check_router(table, number, diagnostics)


def _check_receiver(table: Any, place: Place, diagnostics: Diagnostics) -> None:
    """Check the commands that are left out, the rows of section 4.3, and limits."""
    for i, verb in enumerate(table.unimplemented):
        if verb not in OPTIONAL:
            known = diagnostics.suggest(verb, OPTIONAL, f"; they are {join_some(OPTIONAL)}")
            diagnostics.problem(
                (*place, "unimplemented", i),
                f"{as_toml(verb)} is not a command that may be left out (section 4.5.1){known}",
            )
    for row in table.answers:
        if row not in ANSWERED:
            known = diagnostics.suggest(row, ANSWERED, f"; there are {join_some(ANSWERED, 16)}")
            text = f"section 4.3 has no row {as_toml(row)}{known}"
            diagnostics.problem((*place, "answers", row), text)
    for i, spec in enumerate(table.replies):
        _check_reply(spec, (*place, "reply", i), diagnostics)
    for key, least in MINIMA.items():
        most = getattr(table.limits, key)
        if most is not None and most < least:
            text = f"{most} is less than {least}, which section 4.5.3 requires of a receiver-SMTP"
            diagnostics.note((*place, "limits", key), text)


def _check_reply(table: Any, place: Place, diagnostics: Diagnostics) -> None:
    """Check a scripted reply: that there is such a stage, and that it can be sent as it says."""
    if table.to not in STAGES:
        known = diagnostics.suggest(table.to, STAGES, f"; there are {join_some(STAGES, 16)}")
        text = f"{as_toml(table.to)} is not something that a host replies to{known}"
        diagnostics.problem((*place, "to"), text)
    elif table.early and table.to == OPEN:
        text = "nothing is sent before the greeting; leave early out"
        diagnostics.problem((*place, "early"), text)
    elif table.early and table.octets is None:
        text = 'an early reply requires octets; write octets = "250 OK\\r\\n"'
        diagnostics.problem((*place, "early"), text)
    elif not table.fields_given & {"octets", "repeat", "pieces", "pause", "then"}:
        text = 'this leaves the reply as it is; write octets = "250 OK\\r\\n", or then = "cut"'
        diagnostics.problem(place, text)
    size = len(table.octets or b"") * table.repeat
    if table.octets is not None and size > LARGEST_MAIL:
        text = f"{size} bytes are too many for a reply; use 1 GB or less"
        diagnostics.problem((*place, "repeat"), text)
    elif table.octets is not None and sum(table.pieces) > size:
        text = f"the pieces are {sum(table.pieces)} bytes, and the reply has {size}"
        diagnostics.note((*place, "pieces"), text)


def _check_domain(name: str, place: Place, diagnostics: Diagnostics) -> None:
    try:
        parse_domain(name)
    except SyntaxFault as why:
        diagnostics.problem(place, f"{as_toml(name)} is {why}")
    if len(name) > MAX_DOMAIN:
        diagnostics.problem(
            place,
            f"{as_toml(name[:20] + '...')} has {len(name)} characters; section 4.5.3 "
            f"limits a domain to {MAX_DOMAIN}",
        )


def check_environment(
    name: str, place: Place, environments: Mapping[str, Environment], diagnostics: Diagnostics
) -> None:
    """Report a problem if there is no environment of that name."""
    if name not in environments:
        known = diagnostics.suggest(name, environments, f"; there are {join_some(environments)}")
        diagnostics.problem(place, f"there is no environment {as_toml(name)}{known}")


def _check_router(table: Any, number: int, diagnostics: Diagnostics) -> None:
    """Report the settings of a router that only hosts may have, unless they are at the default."""
    for setting in settings_of(HostSpec):
        if setting.router:
            continue
        for field, key in zip((setting.field, setting.tables), setting.keys, strict=False):
            value = getattr(table, field)
            if field in table.fields_given and value and value != setting.default:
                diagnostics.problem(
                    diagnostics.place("host", number, key),
                    'a router speaks no SMTP; leave this out, or write kind = "host"',
                )


def _check_people(table: Any, number: int, diagnostics: Diagnostics) -> None:
    """Check the names of users, lists and forwards: each is valid, and no two are the same."""
    seen: set[str] = set()
    for key, i, inner, name in _entries(table):
        place = diagnostics.place("host", number, key, i, inner)
        _check_local(name, place if key in ("list", "forward") else place[:-1], diagnostics)
        if name in seen:
            diagnostics.problem(
                place, f"{as_toml(name)} is used twice at this host; write another name"
            )
        seen.add(name)
    for key, users in (("users", table.users), ("user", table.user)):
        for i, user in enumerate(users):
            if "\r" in user.full_name or "\n" in user.full_name:
                diagnostics.problem(
                    diagnostics.place("host", number, key, i, "full_name"),
                    "a full name is one line; leave out its line breaks",
                )


def _entries(table: Any) -> Iterator[tuple[str, int, str, str]]:
    """Yield the names at a host: key and number of their table, key of the name, name."""
    for key, entries, inner in (
        ("users", table.users, "name"),
        ("user", table.user, "name"),
        ("list", table.lists, "name"),
        ("forward", table.forwards, "user"),
    ):
        for i, entry in enumerate(entries):
            yield key, i, inner, getattr(entry, inner)


def _check_local(name: str, place: Place, diagnostics: Diagnostics) -> None:
    try:
        quote(name)
    except SyntaxFault as why:
        diagnostics.problem(place, str(why))
    if "\r" in name or "\n" in name:
        text = f"{as_toml(name)} contains a line end, which a command line cannot"
        diagnostics.problem(place, text)
    elif len(name) > MAX_USER:
        diagnostics.problem(
            place,
            f"{as_toml(name[:20] + '...')} has {len(name)} characters; section 4.5.3 "
            f"limits a user name to {MAX_USER}",
        )


def check_references(hosts: Hosts) -> None:
    """Check that the hosts in ``holds`` exist, and note unknown hosts in lists and forwards."""
    for name, spec in hosts.specs.items():
        number, place = hosts.number[name], hosts.diagnostics.place
        for i, held in enumerate(spec.holds):
            hosts.existing(held, place("host", number, "holds", i), speaks=True)
        for i, caller in enumerate(spec.relay_for or ()):
            _check_caller(hosts, caller, place("host", number, "relay_for", i))
        for i, mailing_list in enumerate(spec.lists):
            where = place("host", number, "list", i, "members")
            for member in mailing_list.members:
                consequence = "mail for this member will come back"
                hosts.warn_unknown_host(member.path, where, consequence)
        for i, forward in enumerate(spec.forwards):
            where = place("host", number, "forward", i, "to")
            hosts.warn_unknown_host(forward.to, where, "what is forwarded there will come back")


def _check_caller(hosts: Hosts, caller: str, place: Place) -> None:
    """Check that a caller is a host or a network."""
    if caller == ALL_HOSTS or network_of(caller) is not None:
        return
    if "/" in caller or ":" in caller:
        text = f'{as_toml(caller)} is not a network; write one such as "10.0.0.0/8"'
        hosts.diagnostics.problem(place, text)
    else:
        hosts.existing(caller, place, speaks=True)


def user_at(spec: HostSpec, name: str) -> object:
    """Return the user, list or forward of a name at a host, or None."""
    return Directory(spec.name, spec.users, spec.lists, spec.forwards).find(name)
