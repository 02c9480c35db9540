"""Build the mail, traffic, scripts and polls of a file, and check them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path as File
from typing import Any

from lab.hosts.directory import MailingList, User
from lab.protocol import Path
from lab.quantities import as_toml
from lab.topology.arrivals import read_mail
from lab.topology.csv_files import RowFault
from lab.topology.declarations import settings_of
from lab.topology.distributions import Distribution
from lab.topology.globs import matches_address
from lab.topology.hosts import Hosts, user_at
from lab.topology.loads import Matrices
from lab.topology.problems import Place, exclude_each_other, join_some
from lab.topology.specs import HostSpec, MailSpec, PollSpec, ScriptSpec, TrafficSpec

CONTENTS = ("text", "size", "mail_data")
"""The keys for the content of a mail; a mail has at most one of them."""


def build_mail(tables: Any, hosts: Hosts, folder: File) -> tuple[MailSpec, ...]:
    """Return all mail of the file, and that of the files that traffic names, from ``folder``."""
    mail = [_mail(table, number, hosts) for number, table in enumerate(tables.mail)]
    for number, table in enumerate(tables.traffic):
        if table.file:
            mail += _mail_of_file(table, hosts.diagnostics.place("traffic", number), hosts, folder)
    return tuple(mail)


_OF_FILES = ("file", "size", "name")
"""The keys of traffic whose messages are in a file."""


def _mail_of_file(table: Any, place: Place, hosts: Hosts, folder: File) -> list[MailSpec]:
    keys = {setting.field: setting.key for setting in settings_of(TrafficSpec)}
    for field in sorted(table.fields_given - {*_OF_FILES}):
        text = f"a file of messages takes no {keys[field]}; it takes {', '.join(_OF_FILES)}"
        hosts.diagnostics.problem((*place, keys[field]), text)
    if isinstance(table.size, Distribution):
        text = "rows of a file without a size all have the same; write one such as 2 kB"
        hosts.diagnostics.problem((*place, "size"), text)
        return []
    try:
        return read_mail(folder / table.file, table.size, hosts)
    except RowFault as why:
        hosts.diagnostics.problem((*place, "file"), str(why))
        return []


def _mail(table: Any, number: int, hosts: Hosts) -> MailSpec:
    diagnostics = hosts.diagnostics
    place = diagnostics.place("mail", number)
    mail = MailSpec(**table.values())
    _check_sender(mail.sender, (*place, "from"), hosts)
    for i, path in enumerate(mail.to):
        where = (*place, "to", i) if len(mail.to) > 1 else (*place, "to")
        hosts.warn_unknown_host(path, where, "mail that goes there will not arrive")
    contents = [key for key in CONTENTS if getattr(mail, key) is not None]
    if len(contents) > 1:
        text = exclude_each_other(contents)
        diagnostics.problem((*place, contents[1]), text)
    if "\r" in mail.subject or "\n" in mail.subject:
        text = "a subject is one line; leave out its line breaks"
        diagnostics.problem((*place, "subject"), text)
    for key in ("subject", "text", "mail_data"):
        _check_ascii(getattr(mail, key) or "", (*place, key), hosts)
    return mail


def _check_sender(path: Path, place: Place, hosts: Hosts) -> None:
    spec = hosts.existing(path.domain, place, speaks=True)
    if spec is None or _is_damaged(spec, hosts):
        return
    entry = user_at(spec, path.user)
    if isinstance(entry, User):
        return
    users = [user.name for user in spec.users]
    if entry is not None:
        noun = "a mailing list" if isinstance(entry, MailingList) else "a forward"
        why = f"{as_toml(path.user)} is {noun} at {spec.name}, and only users write mail"
    else:
        why = f"{spec.name} has no user {as_toml(path.user)} to send this mail"
    known = f"; its users: {join_some(users)}" if users else '; write users = ["..."] at that host'
    hosts.diagnostics.problem(place, why + hosts.diagnostics.suggest(path.user, users, known))


def _is_damaged(spec: HostSpec, hosts: Hosts) -> bool:
    """Return whether some users of a host are not known, because of a problem there."""
    return hosts.diagnostics.place("host", hosts.number[spec.name])[1] in hosts.diagnostics.damaged


def _check_ascii(text: str, place: Place, hosts: Hosts) -> None:
    if not text.isascii():
        character = next(character for character in text if not character.isascii())
        hosts.diagnostics.note(
            place,
            f"{as_toml(character)} is not one of the 128 ASCII characters that RFC 821 carries; "
            "it is sent as a question mark",
        )


def build_traffic(
    tables: Any,
    hosts: Hosts,
    folder: File,
    of_graph: Mapping[tuple[str, str], float],
    read_graph: Callable[[File], Mapping[tuple[str, str], float]],
) -> tuple[TrafficSpec, ...]:
    """Return all traffic of the file, without that whose messages are in files.

    ``of_graph`` are the demands of the graph, and ``read_graph`` returns those of another; files
    are read by their paths from ``folder``.
    """
    addresses = [(user.name, spec) for spec in hosts.specs.values() for user in spec.users]
    _check_names(tables.traffic, hosts)
    matrices = Matrices(hosts, folder, of_graph, read_graph)
    return tuple(
        _traffic(table, number, hosts, addresses, matrices)
        for number, table in enumerate(tables.traffic)
        if not table.file
    )


def _traffic(
    table: Any,
    number: int,
    hosts: Hosts,
    addresses: list[tuple[str, HostSpec]],
    matrices: Matrices,
) -> TrafficSpec:
    traffic = TrafficSpec(**table.values())
    traffic = matrices.completed(traffic, hosts.diagnostics.place("traffic", number))
    for key, glob in (("from", traffic.sender), ("to", traffic.to)):
        place = hosts.diagnostics.place("traffic", number, key)
        ambiguous = hosts.ambiguous(glob.rpartition("@")[2])
        if ambiguous:
            hosts.diagnostics.problem(place, ambiguous)
            continue
        if any(matches_address(user, spec.name, glob, spec.label) for user, spec in addresses):
            continue
        if not hosts.diagnostics.damaged:  # otherwise a user with a problem may match
            known = join_some([f"{user}@{spec.name}" for user, spec in addresses], 5)
            known = f"; there are {known}" if addresses else "; no host has users"
            hosts.diagnostics.problem(place, f"{as_toml(glob)} matches no user@host{known}")
    return traffic


def _check_names(tables: Any, hosts: Hosts) -> None:
    """Check that no two entries have the same name."""
    first: dict[str, int] = {}
    for number, table in enumerate(tables):
        if table.name and first.setdefault(table.name, number) != number:
            place = hosts.diagnostics.place("traffic", number, "name")
            earlier = f"traffic[{hosts.diagnostics.place('traffic', first[table.name])[1]}]"
            text = f"{earlier} is named {as_toml(table.name)} already; write another name"
            hosts.diagnostics.problem(place, text)


def build_scripts(tables: Any, hosts: Hosts) -> tuple[ScriptSpec, ...]:
    """Return all scripts of the file."""
    return tuple(_scripts(tables, hosts))


def _scripts(tables: Any, hosts: Hosts) -> Iterator[ScriptSpec]:
    for number, table in enumerate(tables.script):
        place = hosts.diagnostics.place("script", number)
        for i, line in enumerate(table.lines):
            if "\r" in line or "\n" in line:
                text = "a line holds CR or LF; write each line as a text of its own"
                hosts.diagnostics.problem((*place, "lines", i), text)
            _check_ascii(line, (*place, "lines", i), hosts)
        ends = _ends(table, place, hosts, "talk to")
        if ends:
            yield ScriptSpec(**table.values() | ends)


def build_polls(tables: Any, hosts: Hosts) -> tuple[PollSpec, ...]:
    """Return all polls of the file."""
    return tuple(_polls(tables, hosts))


def _polls(tables: Any, hosts: Hosts) -> Iterator[PollSpec]:
    for number, table in enumerate(tables.poll):
        place = hosts.diagnostics.place("poll", number)
        if table.times > 1 and table.every is None:
            text = 'times requires every, the time between polls; write every = "1 h"'
            hosts.diagnostics.problem(place, text)
        ends = _ends(table, place, hosts, "poll")
        if ends:
            yield PollSpec(**table.values() | ends)


def _ends(table: Any, place: Place, hosts: Hosts, verb: str) -> dict[str, str]:
    """Return the names of the two hosts of a script or a poll; nothing unless both exist."""
    sender = hosts.existing(table.sender, (*place, "from"), speaks=True)
    to = hosts.existing(table.to, (*place, "to"), speaks=True)
    if sender is None or to is None:
        return {}
    if sender is to:
        text = f"{to.name} would {verb} itself; write the name of another host"
        hosts.diagnostics.problem((*place, "to"), text)
    return {"sender": sender.name, "to": to.name}
