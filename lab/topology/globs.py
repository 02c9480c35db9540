"""Globs over names of hosts: ``*.MIT.ARPA`` is every host whose name ends so, in any case."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import translate
from functools import lru_cache
from re import IGNORECASE, Pattern, compile


def is_glob(name: str) -> bool:
    """Return whether a name stands for many; the brackets of "[1.2.3.4]" are part of a domain."""
    return "*" in name or "?" in name


@lru_cache(maxsize=1024)
def _pattern(glob: str) -> Pattern[str]:
    return compile(translate(glob.replace("[", "[[]")), IGNORECASE)


def matches(name: str, glob: str) -> bool:
    """Return whether a glob, or a plain name, stands for this name, in any case."""
    return _pattern(glob).match(name) is not None


def matching_hosts(glob: str, names: Iterable[str]) -> list[str]:
    """Return the names that a glob stands for, in their order."""
    return [name for name in names if matches(name, glob)]


def matching_links(
    globs: tuple[str, str], links: Iterable[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Return the links, by their two ends, that two globs stand for, whichever way round."""
    a, b = globs
    return [
        (x, y)
        for x, y in links
        if (matches(x, a) and matches(y, b)) or (matches(x, b) and matches(y, a))
    ]
