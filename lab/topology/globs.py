"""Globs over host names: ``*.MIT.ARPA`` matches every host whose name ends in .MIT.ARPA, in any
spelling.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import translate
from functools import lru_cache
from re import IGNORECASE, Pattern, compile

from lab.protocol.names import canonical


def is_glob(name: str) -> bool:
    """Return whether a name is a glob; the brackets of "[1.2.3.4]" are part of a domain."""
    return "*" in name or "?" in name


@lru_cache(maxsize=1024)
def _pattern(glob: str) -> Pattern[str]:
    return compile(translate(glob.replace("[", "[[]")), IGNORECASE)


@lru_cache(maxsize=1024)
def _address_pattern(glob: str) -> Pattern[str]:
    return compile(translate(glob), IGNORECASE)


def matches(name: str, glob: str) -> bool:
    """Return whether a glob or a name matches the name of a host, in any spelling."""
    if _pattern(glob).match(name) is not None:
        return True
    return _pattern(canonical(glob)).match(canonical(name)) is not None


def matches_address(user: str, host: str, glob: str) -> bool:
    """Return whether a glob such as ``*@*.MIT.ARPA`` matches a user at a host, in any case."""
    if _address_pattern(glob).match(f"{user}@{host}") is not None:
        return True
    users, at, hosts = glob.rpartition("@")
    return bool(at and matches(host, hosts) and _address_pattern(users).match(user))


def matching_hosts(glob: str, names: Iterable[str]) -> list[str]:
    """Return the names that a glob matches, in their order."""
    return [name for name in names if matches(name, glob)]


def matching_links(
    globs: tuple[str, str], links: Iterable[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Return the links whose ends match two globs, in either order."""
    a, b = globs
    return [
        (x, y)
        for x, y in links
        if (matches(x, a) and matches(y, b)) or (matches(x, b) and matches(y, a))
    ]
