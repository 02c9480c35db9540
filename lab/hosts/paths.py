"""Paths as a relay moves them (section 3.6), and what no sender-SMTP puts on a wire (4.5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from lab.hosts.time_stamps import MOST_STAMPS
from lab.protocol import Path, Reply, reply
from lab.protocol.sizes import MAX_DOMAIN, MAX_PATH, MAX_USER

_GROWN: Final = reply(550, "The reverse-path would grow too long")


def unsendable(path: Path) -> Reply | None:
    """Why a path is not sent on, if it is not.

    4.5.3 has sizes that no sender-SMTP may exceed, and gives no code for a path that it was given,
    or that has grown, beyond them. A CR or LF is a character like any other in 4.1.2's ``<x>``, but
    none of ours goes on a wire in a command, where a careless receiver-SMTP would end the line.
    """
    if len(path.text) > MAX_PATH:
        return reply(550, "The path is too long to be sent on")
    if len(path.user) > MAX_USER:
        return reply(550, "The user name is too long to be sent on")
    if any(len(name) > MAX_DOMAIN for name in (*path.route, path.domain)):
        return reply(550, "A domain of the path is too long to be sent on")
    if "\r" in path.text or "\n" in path.text:
        return reply(553, "A path with CR or LF is not sent on")
    return None


def unsendable_from(path: Path, name: str) -> Reply | None:
    """Why a reverse-path is not sent on with a relay's ``name`` before it ("": as it is)."""
    if path.is_null:
        return None  # 3.6: "it is permissible to leave the reverse-path null"
    if len(path.text) > MAX_PATH:
        return _GROWN
    return _unsendable_from(path, name)


@lru_cache(maxsize=16384)
def _unsendable_from(path: Path, name: str) -> Reply | None:
    grown = prefixed(path, name) if name else path
    return _GROWN if len(grown.text) > MAX_PATH else unsendable(grown)


@lru_cache(maxsize=16384)
def prefixed(path: Path, name: str) -> Path:
    """The reverse-path with a relay's name put at its beginning (section 3.6)."""
    return Path((name, *path.route), path.local, path.domain)


def bears(return_path: Path, way: Sequence[str]) -> bool:
    """Whether mail that came by a reverse-path may go over all hosts of a way without being refused
    for where it has been: its path or its time stamp lines would be too many.
    """
    names = sum(len(f"@{name},") for name in way[:-1])
    stamps = len(return_path.route) + len(way)
    return stamps <= MOST_STAMPS and len(return_path.text) + names <= MAX_PATH
