"""Globs over host names: ``*.MIT.ARPA`` matches every host whose name ends in .MIT.ARPA, in any
spelling; so does the label of a host, which people see in place of its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import translate
from functools import lru_cache
from re import IGNORECASE, Pattern, compile
from types import MappingProxyType
from typing import Final

from lab.hosts.settings import HostSettings
from lab.protocol.names import canonical
from lab.trace.labels import label_key

NO_LABELS: Final[Mapping[str, str]] = MappingProxyType({})
"""The labels of hosts that have none."""


def is_glob(name: str) -> bool:
    """Return whether a name is a glob; the brackets of "[1.2.3.4]" are part of a domain."""
    return "*" in name or "?" in name


@lru_cache(maxsize=1024)
def _pattern(glob: str) -> Pattern[str]:
    return compile(translate(glob.replace("[", "[[]")), IGNORECASE)


@lru_cache(maxsize=1024)
def _address_pattern(glob: str) -> Pattern[str]:
    return compile(translate(glob), IGNORECASE)


def labels_of(hosts: Iterable[HostSettings]) -> dict[str, str]:
    """Return the labels of the hosts that have one, by their names."""
    return {host.name: host.label for host in hosts if host.label}


def matches(name: str, glob: str, label: str = "") -> bool:
    """Return whether a glob or a name matches the name of a host, in any spelling, or its label."""
    if _pattern(glob).match(name) is not None:
        return True
    if label and _pattern(label_key(glob)).match(label_key(label)) is not None:
        return True
    return _pattern(canonical(glob)).match(canonical(name)) is not None


def matches_address(user: str, host: str, glob: str, label: str = "") -> bool:
    """Return whether a glob such as ``*@*.MIT.ARPA`` matches a user at a host, in any case.

    After the last ``@`` may be the label of the host.
    """
    if _address_pattern(glob).match(f"{user}@{host}") is not None:
        return True
    users, at, hosts = glob.rpartition("@")
    return bool(at and matches(host, hosts, label) and _address_pattern(users).match(user))


def matching_hosts(
    glob: str, names: Iterable[str], labels: Mapping[str, str] = NO_LABELS
) -> list[str]:
    """Return the names that a glob matches, by themselves or by their labels, in their order."""
    return [name for name in names if matches(name, glob, labels.get(name, ""))]


def matching_links(
    globs: tuple[str, str],
    links: Iterable[tuple[str, str]],
    labels: Mapping[str, str] = NO_LABELS,
) -> list[tuple[str, str]]:
    """Return the links whose ends match two globs, in either order."""

    def fits(x: str, y: str) -> bool:
        a, b = globs
        return matches(x, a, labels.get(x, "")) and matches(y, b, labels.get(y, ""))

    return [(x, y) for x, y in links if fits(x, y) or fits(y, x)]
