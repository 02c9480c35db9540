"""Files of messages: columns at, from, to and size, and perhaps subject; a mail for each row."""

from __future__ import annotations

import re
from pathlib import Path as File
from typing import Final

from lab.protocol import Path, SyntaxFault, parse_path, quote
from lab.quantities import as_toml, parse_duration, parse_size
from lab.topology.csv_files import RowFault, plain_number, read_cell, rows
from lab.topology.hosts import Hosts
from lab.topology.labelled import with_names
from lab.topology.specs import MailSpec
from lab.topology.values import not_negative
from lab.trace.labels import label_key


def read_mail(path: File, size: int, hosts: Hosts) -> list[MailSpec]:
    """Return the messages of a file. Rows without a size have ``size`` bytes of text.

    ``from`` and ``to`` are addresses, or hosts, which stand for their first users; ``to`` may be
    several, with spaces, commas or semicolons between them. Raises :class:`RowFault`.
    """
    mails = []
    for line, row in rows(path, ("at", "from", "to"), ("size", "subject")):
        sender = read_cell(path, line, row, "from", lambda text: _user(text, hosts))
        if hosts.find(sender.domain) is None:
            raise RowFault(f"{path.name}, line {line}, from: there is no host {sender.domain}")
        mails.append(
            MailSpec(
                at=read_cell(path, line, row, "at", _time),
                verb="MAIL",
                sender=sender,
                to=read_cell(path, line, row, "to", lambda text: _users(text, hosts)),
                subject=row.get("subject", ""),
                size=read_cell(path, line, row, "size", _size) if row.get("size") else size,
            )
        )
    if not mails:
        raise RowFault(f"{path.name} has no messages; write a row such as 10 s,ann@A,bob@B,2 kB")
    return mails


def _time(text: str) -> float:
    return not_negative(parse_duration(plain_number(text)), text)


def _size(text: str) -> int:
    size = parse_size(plain_number(text))
    if size > 10**9:
        raise ValueError(f"{as_toml(text)} is too large; use 1 GB or less")
    return size


def _name_of(text: str, hosts: Hosts) -> str | None:
    """Return the name of the host that has this label; None for any other text."""
    host = hosts.find(text)
    return host.name if host is not None and label_key(host.label) == label_key(text) else None


def _users(text: str, hosts: Hosts) -> tuple[Path, ...]:
    if hosts.find(text) is not None:
        return (_user(text, hosts),)
    if not text:
        raise ValueError("there is no address; write one such as bob@B")
    return tuple(_user(each, hosts) for each in _separated(text))


def _separated(text: str) -> list[str]:
    # quotes may have commas within, and a route has one before its colon
    return text.split() if '"' in text or ":" in text else re.split(r"[\s,;]+", text.strip(" ,;"))


def _user(text: str, hosts: Hosts) -> Path:
    """Return an address, or that of the first user of a host."""
    host = hosts.find(text)
    if host is not None and host.users:
        return Path((), quote(host.users[0].name), host.name)
    try:
        path = with_names(text, lambda name: _name_of(name, hosts))
        parsed = parse_path(path if path.startswith("<") else f"<{path}>")
    except SyntaxFault:
        known = "it has no users" if host is not None else "write user@host"
        raise ValueError(f"{as_toml(text)} is not an address; {known}") from None
    if not _GLOB.isdisjoint(parsed.local) and not _has_user(hosts, parsed):
        raise ValueError(
            f"{as_toml(text)} is not a user: a file of messages has no globs; write user@host, or "
            "a host for its first user"
        )
    return parsed


_GLOB: Final = frozenset("*?")


def _has_user(hosts: Hosts, path: Path) -> bool:
    host = hosts.find(path.domain)
    return host is not None and any(user.name == path.local for user in host.users)
