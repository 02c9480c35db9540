"""From the tables of a file to a topology: do the hosts exist, do the names and links make sense.

Goes on after a problem, so that all of them are told in one pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from lab.hosts.directory import Directory, Forward, MailingList, Member, User
from lab.hosts.scripted import ANSWERED, OPTIONAL
from lab.hosts.timeouts import Timeouts
from lab.protocol import Limits, Path, SyntaxFault, folded, parse_domain, parse_path, quote
from lab.protocol.sizes import MAX_DOMAIN, MAX_USER, MINIMA
from lab.quantities import shown
from lab.topology.problems import MOST_PROBLEMS, Place, Problem, did_you_mean, listed
from lab.topology.schema import (
    FileTable,
    ForwardTable,
    HostDefaults,
    HostTable,
    LimitsTable,
    LinkTable,
    ListTable,
    UserTable,
)
from lab.topology.specs import Environment, HostSpec, LinkSpec

FROM_A_GRAPH: Final = HostDefaults(relay=True, users=[UserTable(name="user")])
"""What hosts of a graph are unless it, or [defaults.host], says otherwise.

They relay, for a map without relays would carry nothing; and each has one user, "user".
"""

_MEMBER: Final = re.compile(r"([^<>]*?)\s*(<[^<>]*>)")
_SPEAKS: Final = (
    "users",
    "user",
    "lists",
    "forward",
    "relay",
    "careless",
    "limits",
    "store",
    "timeouts",
    "turn",
    "grammar",
    "eight_bit",
    "unsophisticated",
    "unimplemented",
    "answers",
)


@dataclass
class Diagnostics:
    """Problems and notes, with what it takes to find more of them.

    ``numbers``: for the tables of each key, their places in the file, where some were left out.
    ``damaged``: hosts whose users are not known whole.
    """

    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    numbers: Mapping[str, list[int]] = field(default_factory=dict)
    damaged: frozenset[int] = frozenset()
    guesses: int = 0

    def place(self, key: str, number: int, *inner: str | int) -> Place:
        """Where a value of the ``number``-th table of that key stands in the file."""
        return (key, self.numbers[key][number] if key in self.numbers else number, *inner)

    def problem(self, place: Place, text: str) -> None:
        """Something is wrong there."""
        self.problems.append(Problem(place, text))

    def note(self, place: Place, text: str) -> None:
        """Something is odd there, and no problem."""
        self.notes.append(Problem(place, text))

    def guess(self, word: str, known: Iterable[str], otherwise: str = "") -> str:
        """The tail of a sentence, as :func:`lab.topology.problems.did_you_mean` gives it."""
        # looking through ten thousand names takes a while, and nobody reads on so far
        self.guesses += 1
        if self.guesses > 2 * MOST_PROBLEMS:
            return otherwise
        return did_you_mean(word, known, otherwise)


class Hosts:
    """The hosts of a file by all their names, and the paths that texts stand for."""

    def __init__(self, findings: Diagnostics) -> None:
        self.findings = findings
        self.specs: dict[str, HostSpec] = {}
        self.number: dict[str, int] = {}
        self._named: dict[str, str] = {}
        self._spellings: list[str] = []

    def add(self, spec: HostSpec, number: int) -> None:
        """Make a host known, unless its name is taken."""
        places = [("name", spec.name)]
        places += [(f"names.{env}", name) for env, name in spec.names.items() if name != spec.name]
        for key, name in places:
            owner = self._named.get(folded(name))
            if owner is not None and (owner != spec.name or key == "name"):
                place = self.findings.place("host", number, *key.split(".", 1))
                what = "zeros before a number do" if {*"#["} & {*name} else "case does"
                self.findings.problem(
                    place, f"the name {name} is taken by host {owner} ({what} not matter); "
                    "write another"
                )  # fmt: skip
                if key == "name":
                    return
                continue
            self._named[folded(name)] = spec.name
            self._spellings.append(name)
        self.specs[spec.name] = spec
        self.number[spec.name] = number

    def find(self, name: str) -> HostSpec | None:
        """The host of that name in any environment, in any case."""
        known = self._named.get(folded(name))
        return None if known is None else self.specs[known]

    def existing(self, name: str, place: Place, *, speaks: bool = False) -> HostSpec | None:
        """The host of that name; a problem if there is none, or none that ``speaks`` SMTP."""
        spec = self.find(name)
        if spec is None:
            self.findings.problem(place, f"there is no host {shown(name)}{self.others(name)}")
        elif speaks and spec.kind == "router":
            self.findings.problem(
                place, f"{spec.name} is a router and speaks no SMTP; write the name of a host"
            )
            return None
        return spec

    def others(self, name: str) -> str:
        """The tail of a sentence: which hosts there are."""
        some = f"; there are {listed(self.specs, 5)}" if self.specs else ""
        return self.findings.guess(name, self._spellings, some)

    def path(self, text: str, place: Place) -> Path | None:
        """The path that an address or path is, with or without its angle brackets."""
        bare = text.strip()
        bracketed = bare if bare.startswith("<") else f"<{bare}>"
        try:
            path: Path = parse_path(bracketed)
        except SyntaxFault as why:
            self.findings.problem(place, f"{shown(text)} is no address: {why}")
            return None
        return path

    def mention(self, path: Path, place: Place, what: str) -> None:
        """Note hosts of a path that do not exist: to write to them is odd, but no error."""
        for name in (*path.route, path.domain):
            if self.find(name) is None:
                self.findings.note(
                    place, f"there is no host {shown(name)}{self.others(name)}; {what}"
                )


def environments(tables: FileTable, findings: Diagnostics) -> dict[str, Environment]:
    """The environments by name, in the order of the file; "arpanet" over tcp if there are none."""
    found: dict[str, Environment] = {}
    for number, table in enumerate(tables.environment):
        if table.name.lower() in {name.lower() for name in found}:
            place = findings.place("environment", number, "name")
            findings.problem(place, f"the environment {table.name} is there twice; write another")
        else:
            found[table.name] = Environment(table.name, table.transport)
    return found or {"arpanet": Environment("arpanet", "tcp")}


def build_hosts(
    tables: FileTable, known: Mapping[str, Environment], findings: Diagnostics, *, graph: bool
) -> Hosts:
    """All hosts of the file or of its ``graph``."""
    hosts = Hosts(findings)
    defaults = tables.defaults.host
    if graph:
        defaults = filled(defaults, FROM_A_GRAPH)
    for number, table in enumerate(tables.host):
        _check_host(table, number, known, findings)
        hosts.add(_host(filled(table, defaults), number, hosts), number)
    if not tables.host and not any(one.place[:1] == ("host",) for one in findings.problems):
        findings.problem(("host",), 'there is no host; write [[host]] and name = "MIT-AI.ARPA"')
    return hosts


AnyHost = TypeVar("AnyHost", bound=HostDefaults)


def filled(table: AnyHost, defaults: HostDefaults) -> AnyHost:
    """A host's table with what it does not say taken from the defaults.

    ``users`` and ``user`` are one thing said in two ways; ``limits`` are filled in one by one.
    """
    given = defaults.given()
    if table.kind == "router":
        given = {}
    if table.model_fields_set & {"users", "user"}:
        given = {key: value for key, value in given.items() if key not in ("users", "user")}
    if "limits" in given and "limits" in table.model_fields_set:
        limits = given["limits"].given() | table.limits.given()
        table = table.model_copy(update={"limits": LimitsTable.model_construct(**limits)})
    return table.model_copy(
        update={key: value for key, value in given.items() if key not in table.model_fields_set}
    )


def _check_host(
    table: HostTable, number: int, known: Mapping[str, Environment], findings: Diagnostics
) -> None:
    names = [(("name",), table.name)]
    for inner, name in [*names, *((("names", e), name) for e, name in table.names.items())]:
        try:
            parse_domain(name)
        except SyntaxFault as why:
            findings.problem(findings.place("host", number, *inner), f"{shown(name)} is {why}")
        if len(name) > MAX_DOMAIN:
            findings.problem(
                findings.place("host", number, *inner),
                f"{shown(name[:20] + '...')} has {len(name)} characters; section 4.5.3 lets no "
                f"host send a domain of more than {MAX_DOMAIN}",
            )
    for environment in table.names:
        if environment not in known:
            place = findings.place("host", number, "names", environment)
            _unknown_environment(environment, place, known, findings)
    _check_answers(table, number, findings)
    for key, least in MINIMA.items():
        most = getattr(table.limits, key)
        if most is not None and most < least:
            findings.note(
                findings.place("host", number, "limits", key),
                f"{most} is less than the {least} that section 4.5.3 asks of every receiver-SMTP",
            )
    if table.kind == "router":
        for key in _SPEAKS:
            if key in table.model_fields_set and getattr(table, key):
                findings.problem(
                    findings.place("host", number, "list" if key == "lists" else key),
                    'a router speaks no SMTP; leave this out, or write kind = "host"',
                )


def _host(table: HostTable, number: int, hosts: Hosts) -> HostSpec:
    findings = hosts.findings
    people = [("users", table.users), ("user", table.user)]
    users = [
        _user(user, findings.place("host", number, key, i), findings)
        for key, some in people
        for i, user in enumerate(some)
    ]
    lists = [
        _list(one, findings.place("host", number, "list", i), hosts)
        for i, one in enumerate(table.lists)
    ]
    forwards = [
        _forward(one, findings.place("host", number, "forward", i), hosts)
        for i, one in enumerate(table.forward)
    ]
    _check_entries(table, number, findings)
    return HostSpec(
        name=table.name,
        kind=table.kind,
        relay=table.relay,
        users=tuple(users),
        lists=tuple(lists),
        forwards=tuple(one for one in forwards if one is not None),
        limits=Limits(**table.limits.given()),
        careless=table.careless,
        names=dict(table.names),
        on_251=table.on_251,
        on_551=table.on_551,
        store=table.store,
        timeouts=Timeouts(**table.timeouts.given()),
        turn=table.turn,
        holds=tuple(table.holds),
        grammar=table.grammar,
        eight_bit=table.eight_bit,
        unsophisticated=table.unsophisticated,
        external=getattr(table, "external", ""),
        unimplemented=tuple(table.unimplemented),
        answers={row: _codes(codes) for row, codes in table.answers.items()},
        position=(table.position[0], table.position[1]) if table.position else None,
        title=table.title,
    )


def _codes(codes: int | list[int]) -> int | tuple[int, ...]:
    return codes if isinstance(codes, int) else tuple(codes)


def _check_answers(table: HostTable, number: int, findings: Diagnostics) -> None:
    for i, verb in enumerate(table.unimplemented):
        if verb not in OPTIONAL:
            known = findings.guess(verb, OPTIONAL, f"; they are {listed(OPTIONAL)}")
            findings.problem(
                findings.place("host", number, "unimplemented", i),
                f"{shown(verb)} is no command that may be left out (section 4.5.1){known}",
            )
    for row in table.answers:
        if row not in ANSWERED:
            findings.problem(
                findings.place("host", number, "answers", row),
                f"section 4.3 has no row {shown(row)}"
                + findings.guess(row, ANSWERED, f"; there are {listed(ANSWERED, 16)}"),
            )


def _check_entries(table: HostTable, number: int, findings: Diagnostics) -> None:
    """No name may stand for two things at one host."""
    seen: set[str] = set()
    entries: list[tuple[str, int, str, str]] = [
        *(("users", i, "name", one.name) for i, one in enumerate(table.users)),
        *(("user", i, "name", one.name) for i, one in enumerate(table.user)),
        *(("list", i, "name", one.name) for i, one in enumerate(table.lists)),
        *(("forward", i, "user", one.user) for i, one in enumerate(table.forward)),
    ]
    for key, i, inner, name in entries:
        if name in seen:
            place = findings.place("host", number, key, i, inner)
            findings.problem(place, f"{shown(name)} is there twice at this host; write another")
        seen.add(name)


def _check_local(name: str, place: Place, findings: Diagnostics) -> None:
    try:
        quote(name)
    except SyntaxFault as why:
        findings.problem(place, str(why))
    if "\r" in name or "\n" in name:
        findings.problem(place, f"{shown(name)} holds a line end, which no command line can")
    elif len(name) > MAX_USER:
        findings.problem(
            place,
            f"{shown(name[:20] + '...')} has {len(name)} characters; section 4.5.3 lets no host "
            f"send a user name of more than {MAX_USER}",
        )


def _check_full_name(name: str, place: Place, findings: Diagnostics) -> None:
    if "\r" in name or "\n" in name:
        findings.problem(place, "a full name is one line; leave out its line breaks")


def _user(table: UserTable, place: Place, findings: Diagnostics) -> User:
    _check_local(table.name, place, findings)
    _check_full_name(table.full_name, (*place, "full_name"), findings)
    return User(table.name, table.full_name, table.active, table.accepts, table.mailbox)


def _list(table: ListTable, place: Place, hosts: Hosts) -> MailingList:
    _check_local(table.name, (*place, "name"), hosts.findings)
    members = []
    for i, text in enumerate(table.members):
        match = _MEMBER.fullmatch(text.strip())
        full_name, address = match.groups() if match else ("", text)
        path = hosts.path(address, (*place, "members", i))
        _check_full_name(full_name, (*place, "members", i), hosts.findings)
        if path is not None:
            members.append(Member(path, full_name))
    return MailingList(table.name, tuple(members), table.private)


def _forward(table: ForwardTable, place: Place, hosts: Hosts) -> Forward | None:
    _check_local(table.user, (*place, "user"), hosts.findings)
    path = hosts.path(table.to, (*place, "to"))
    return None if path is None else Forward(table.user, path, table.mode)


def mention_all(hosts: Hosts) -> None:
    """Note members of lists and forwards that lead to hosts that do not exist."""
    for name, spec in hosts.specs.items():
        number = hosts.number[name]
        for i, one in enumerate(spec.lists):
            for member in one.members:
                place = hosts.findings.place("host", number, "list", i, "members")
                hosts.mention(member.path, place, "mail for this member will come back")
        for i, forward in enumerate(spec.forwards):
            place = hosts.findings.place("host", number, "forward", i, "to")
            hosts.mention(forward.to, place, "what is forwarded there will come back")


def build_links(
    tables: FileTable, known: Mapping[str, Environment], hosts: Hosts
) -> tuple[LinkSpec, ...]:
    """All links of the file or of its graph."""
    defaults = tables.defaults.link
    findings = hosts.findings
    if defaults.environment is not None and defaults.environment not in known:
        _unknown_environment(
            defaults.environment, ("defaults", "link", "environment"), known, findings
        )
        defaults = defaults.model_copy(update={"environment": None})
    found: dict[tuple[frozenset[str], str], int] = {}
    links = []
    for number, table in enumerate(tables.link):
        spec = _link(table, number, defaults.given(), known, hosts)
        if spec is None:
            continue
        way = frozenset((spec.a, spec.b)), spec.environment
        if way in found:
            first = named_link(findings, found[way])
            findings.problem(
                findings.place("link", number, "between"),
                f"{spec.a} and {spec.b} are joined in {spec.environment} by {first} already; "
                "write one link, or another environment",
            )
        else:
            found[way] = number
            links.append(spec)
    return tuple(links)


def named_link(findings: Diagnostics, number: int) -> str:
    """A link as its place in the file."""
    return f"link[{findings.place('link', number)[1]}]"


def _unknown_environment(
    name: str, place: Place, known: Mapping[str, Environment], findings: Diagnostics
) -> None:
    findings.problem(
        place,
        f"there is no environment {shown(name)}"
        + findings.guess(name, known, f"; there are {listed(known)}"),
    )


def _link(
    table: LinkTable,
    number: int,
    given: Mapping[str, object],
    known: Mapping[str, Environment],
    hosts: Hosts,
) -> LinkSpec | None:
    findings = hosts.findings
    table = table.model_copy(
        update={key: value for key, value in given.items() if key not in table.model_fields_set}
    )
    environment = table.environment or next(iter(known))
    if environment not in known:
        place = findings.place("link", number, "environment")
        _unknown_environment(environment, place, known, findings)
    ends = [
        hosts.existing(name, findings.place("link", number, "between", i))
        for i, name in enumerate(table.between)
    ]
    a, b = ends
    if a is None or b is None:
        return None
    if a is b:
        place = findings.place("link", number, "between")
        findings.problem(place, f"a link joins {a.name} to itself; write the names of two hosts")
        return None
    values = (table.latency, table.jitter, table.bandwidth, table.loss, table.cost)
    return LinkSpec(a.name, b.name, environment, *values)


def user_at(spec: HostSpec, name: str) -> object:
    """What a name stands for at a host: a user, a list, a forward, or None."""
    return Directory(spec.name, spec.users, spec.lists, spec.forwards).find(name)
