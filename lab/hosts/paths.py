"""Find paths that may not be sent, as they are or with a relay's name before them (4.5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from lab.protocol import Path, Reply, reply, with_relay
from lab.protocol.sizes import MAX_DOMAIN, MAX_PATH, MAX_USER

_GROWN: Final = reply(550, "The reverse-path would grow too long")


def why_unsendable(path: Path) -> Reply | None:
    """Return the refusal of a path that no sender-SMTP may send; None for any other.

    Section 4.5.3 has sizes that no sender-SMTP may exceed, and gives no code for a path that is
    longer. CR and LF are characters like any other in the ``<x>`` of 4.1.2; but a careless
    receiver-SMTP would end the command there, so they are never sent.
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


def why_unsendable_from(path: Path, name: str) -> Reply | None:
    """Return the refusal of a reverse-path that may not be sent with a relay's ``name`` before it
    ("": as it is); None for any other.
    """
    if path.is_null:
        return None  # 3.6: "it is permissible to leave the reverse-path null"
    if len(path.text) > MAX_PATH:
        return _GROWN
    return _why_unsendable_from(path, name)


@lru_cache(maxsize=16384)
def _why_unsendable_from(path: Path, name: str) -> Reply | None:
    grown = with_relay(path, name) if name else path
    return _GROWN if len(grown.text) > MAX_PATH else why_unsendable(grown)


def fits_path_limits(return_path: Path, hosts: Sequence[str], hop_limit: int) -> bool:
    """Return whether mail with a reverse-path may pass all of these hosts: its path does not become
    too long, nor its time stamp lines too many.
    """
    names = sum(len(f"@{name},") for name in hosts[:-1])
    stamps = len(return_path.route) + len(hosts)
    return stamps <= hop_limit and len(return_path.text) + names <= MAX_PATH
