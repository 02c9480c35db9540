"""Paths as a relay moves them (section 3.6), and the sizes that no sender exceeds (4.5.3)."""

from __future__ import annotations

from functools import lru_cache

from lab.protocol import Path, Reply, reply
from lab.protocol.lines import MAX_DOMAIN, MAX_PATH, MAX_USER


def too_long_to_send(path: Path) -> Reply | None:
    """Why a path is not sent on: 4.5.3 has sizes that no sender-SMTP may exceed, and gives no code
    for a path that it was given, or that has grown, beyond them.
    """
    if len(path.text) > MAX_PATH:
        return reply(550, "The path is too long to be sent on")
    if len(path.user) > MAX_USER:
        return reply(550, "The user name is too long to be sent on")
    if any(len(name) > MAX_DOMAIN for name in (*path.route, path.domain)):
        return reply(550, "A domain of the path is too long to be sent on")
    return None


def may_grow(path: Path, name: str) -> bool:
    """Whether a reverse-path can be sent on with a relay's name before it; null stays so."""
    if path.is_null or len(path.text) > MAX_PATH:
        return path.is_null
    return _grows(path, name)


@lru_cache(maxsize=16384)
def _grows(path: Path, name: str) -> bool:
    return too_long_to_send(prefixed(path, name)) is None


@lru_cache(maxsize=16384)
def prefixed(path: Path, name: str) -> Path:
    """The reverse-path with a relay's name put at its beginning (section 3.6)."""
    return Path((name, *path.route), path.local, path.domain)
