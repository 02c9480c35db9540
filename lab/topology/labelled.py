"""Labels of hosts where only their names can stand: in addresses, and in lists of hosts.

A label is what people see in place of a name, such as 東京, so it is also what they write. The
grammar of RFC 821 allows neither its letters nor its spaces, and so names take the places of labels
before a file is checked. Traffic and faults have globs, which match labels as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from lab.quantities import as_toml
from lab.topology.diagnostics import Diagnostics
from lab.topology.selection import Ambiguous, HostTables
from lab.trace.labels import label_key

Find = Callable[[str], str | None]
"""Returns the name of the host that a text means in an address; None to keep the text."""

_ADDRESSES: Final = (("list", "members"), ("forward", "to"))
_HOSTS: Final = ("holds", "relay_for")
_BRACKETS: Final = re.compile(r"([^<]*<)(.*)(>\s*)", re.DOTALL)


def with_names(text: str, find: Find) -> str:
    """Return an address or a source route with the names of hosts in place of their labels.

    >>> with_names("@Zürich:ann@東京", {"Zürich": "Zuerich", "東京": "DongJing"}.get)
    '@Zuerich:ann@DongJing'
    """
    inner = _BRACKETS.fullmatch(text)
    if inner is not None:
        return inner[1] + with_names(inner[2], find) + inner[3]
    route, address = "", text
    if text.lstrip().startswith("@") and ":" in text:
        before, _, address = text.partition(":")
        hops = re.split(r",\s*@", before.strip()[1:])
        route = ",".join(f"@{find(hop.strip()) or hop}" for hop in hops) + ":"
    user, at, domain = address.rpartition("@")
    return route + (f"{user}@{find(domain.strip()) or domain}" if at else address)


def replace_labels(tables: dict[str, Any], diagnostics: Diagnostics) -> None:
    """Put names in place of labels in the mail, lists, forwards and so on of a file's tables.

    The tables need not be valid. A label of several hosts is a problem, as is one that is nearly
    that of a host.
    """
    hosts = tables.get("host")
    known = HostTables(hosts) if isinstance(hosts, list) else None
    if known is None or not any(known.labels):
        return
    for container, key, place in _texts(tables):

        def find(text: str, place: tuple[str | int, ...] = place) -> str | None:
            try:
                return _name_of(text, known)
            except Ambiguous as why:
                diagnostics.problem(place, str(why))
                return known.names[known.labelled(text)[0]]
            except _Unknown as why:
                diagnostics.problem(place, str(why))
                return None

        text = container[key]
        is_host = len(place) > 2 and place[2] in _HOSTS
        container[key] = (find(text) or text) if is_host else with_names(text, find)


class _Unknown(ValueError):
    """Raised for what can only be a label, and is not that of a host."""


def _name_of(text: str, hosts: HostTables) -> str | None:
    """Return the name of the host that has this label; None for a name, and what no host has."""
    number = hosts.exact(text)
    if number is None and not text.isascii():
        raise _Unknown(f"there is no host {as_toml(text)}{hosts.hint(text)}")
    if number is None or not hosts.labels[number]:
        return None
    is_label = label_key(hosts.labels[number]) == label_key(text)
    return hosts.names[number] if is_label else None


_Text = tuple[Any, Any, tuple[str | int, ...]]
"""A container, the key or number of a text in it, and the place of that text in the file."""


def _texts(tables: dict[str, Any]) -> Iterator[_Text]:
    """Yield the addresses of a file, and the lists of hosts that are not looked up later."""
    for number, mail in _tables(tables, "mail"):
        for key in ("from", "to"):
            yield from _of(mail, key, ("mail", number))
    for number, host in _tables(tables, "host"):
        for key in _HOSTS:
            yield from _of(host, key, ("host", number))
        for key, inner in _ADDRESSES:
            for i, table in _tables(host, key):
                yield from _of(table, inner, ("host", number, key, i))


def _tables(table: dict[str, Any], key: str) -> list[tuple[int, dict[str, Any]]]:
    tables = table.get(key)
    listed = tables if isinstance(tables, list) else []
    return [(number, each) for number, each in enumerate(listed) if isinstance(each, dict)]


def _of(table: dict[str, Any], key: str, place: tuple[str | int, ...]) -> Iterator[_Text]:
    value = table.get(key)
    if isinstance(value, str):
        yield table, key, (*place, key)
    elif isinstance(value, list):
        for number, text in enumerate(value):
            if isinstance(text, str):
                yield value, number, (*place, key, number)
