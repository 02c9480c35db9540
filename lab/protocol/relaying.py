"""Paths as a relay changes them (section 3.6).

A relay moves "its own identifier from the forward-path to the beginning of the reverse-path". So a
notification can go back the way that the mail came.
"""

from __future__ import annotations

from collections.abc import Container
from functools import lru_cache

from lab.protocol.names import HostName
from lab.protocol.syntax import Path


@lru_cache(maxsize=16384)
def with_relay(path: Path, name: str) -> Path:
    """Return the reverse-path with a relay's name put at its beginning (section 3.6).

    The null reverse-path stays null: "it is permissible to leave the reverse-path null".
    """
    return path if path.is_null else Path((name, *path.route), path.local, path.domain)


def without_relay(path: Path, names: Container[HostName]) -> Path:
    """Return the forward-path without the names of a relay at its beginning (section 3.6).

    ``names`` are all names of the relay, in every environment. The mailbox is left as it is, also
    if it is at the relay.
    """
    while path.route and path.first_host in names:
        path = Path(path.route[1:], path.local, path.domain)
    return path
