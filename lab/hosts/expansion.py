"""Lists replaced by their members and forwards by where they lead (sections 3.2 and 3.3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from lab.hosts.destination import Destination
from lab.hosts.directory import Entry, Forward, MailingList
from lab.hosts.time_stamps import visits, was_sent
from lab.hosts.verdicts import COMES_BACK, NO_SUCH_USER
from lab.protocol import Path, folded
from lab.trace.rows import HOST

if TYPE_CHECKING:
    from lab.hosts.host import Host

MOST_REMEMBERED: Final = 4096
"""Pieces of mail of which a host remembers which of its lists they went to."""


def unfolded(
    host: Host,
    now: float,
    message: int,
    places: Sequence[tuple[str, Destination]],
    mail_data: bytes,
) -> Sequence[tuple[str, Destination]]:
    """The recipients, with lists replaced by their members and forwards by where they lead.

    Lists of several hosts that contain each other would multiply mail without end. A list from
    which mail went out is not expanded again when the mail comes back; and by a host that has
    forgotten that, mail that was here for the second time and more for each list is returned.
    """
    for _, place in places:
        if place.unfolds:
            break
    else:
        return places
    lists = host.directory.lists
    round_again = lists > 0 and visits(mail_data, host.own_names) > 2 * lists + 1
    known = _expanded_for(host, message) if lists else set()
    # what went out may come back; what has never left cannot
    done = frozenset(known) if was_sent(mail_data, host.own_names) else frozenset[str]()
    found: list[tuple[str, Destination]] = []
    for recipient, place in places:
        entry = place.entry
        if round_again and isinstance(entry, MailingList) and entry.name not in done:
            found.append((recipient, Destination(place.path, refusal=COMES_BACK)))
            continue
        seen = {f"list {name}" for name in done}
        found += _unfold(host, now, message, recipient, place, seen)
        known |= {name.removeprefix("list ") for name in seen if name.startswith("list ")}
    return found


def _expanded_for(host: Host, message: int) -> set[str]:
    """The lists of a host to whose members a message went.

    1982 has no field of a header that names a piece of mail; its number in the trace stands for it.
    """
    known = host.expanded.get(message)
    if known is None:
        if len(host.expanded) >= MOST_REMEMBERED:
            del host.expanded[next(iter(host.expanded))]
        known = host.expanded[message] = set()
    return known


def _unfold(
    host: Host, now: float, message: int, recipient: str, place: Destination, seen: set[str]
) -> Iterable[tuple[str, Destination]]:
    entry = place.entry
    row = (now, "", host.name, None, None, message)
    if isinstance(entry, Forward):
        key = f"forward {entry.user}"
        there = host.destination(entry.to)
        if key in seen:
            yield recipient, Destination(place.path, refusal=NO_SUCH_USER)
            return
        seen.add(key)
        old, new = place.path.bare, entry.to.bare
        host.record((now, "forward", *row[HOST:], recipient, old, new, "forward"))
        yield from _unfold(host, now, message, recipient, there, seen)
    elif isinstance(entry, MailingList):
        if f"list {entry.name}" in seen:
            # they have it, or it is on its way to them
            host.record((now, "expand", *row[HOST:], recipient, entry.name, ()))
            return
        members = _members(host, entry, seen)
        if not members:
            yield recipient, Destination(place.path, refusal=NO_SUCH_USER)
            return
        ids = tuple([(f"{recipient}.{n}", path.bare) for n, path in enumerate(members, 1)])
        host.record((now, "expand", *row[HOST:], recipient, entry.name, ids))
        for (one, _), path in zip(ids, members, strict=True):
            yield from _unfold(host, now, message, one, host.destination(path), seen)
    else:
        yield recipient, place


def _members(host: Host, entry: MailingList, seen: set[str]) -> list[Path]:
    """The members of a list and of the lists in it, each once, lists of this host unfolded."""
    seen.add(f"list {entry.name}")
    members = []
    for member in entry.members:
        path = member.path
        here = _known_here(host, path)
        inner = _behind(host, here)
        if isinstance(inner, MailingList) and f"list {inner.name}" in seen:
            continue
        if isinstance(inner, MailingList) and host.destination(path).hop is None:
            members += _members(host, inner, seen)
            continue
        key = _who(host, path)
        if key not in seen:
            seen.add(key)
            members.append(path)
    return members


def _known_here(host: Host, path: Path) -> Entry | None:
    """What a path's mailbox stands for, if it is at this host, whatever the way to it."""
    here = folded(path.domain) in host.own_names
    return host.directory.find(path.user) if here else None


def _behind(host: Host, entry: Entry | None) -> Entry | None:
    """What an entry leads to at this host: another entry, for forwards."""
    passed = set()
    while isinstance(entry, Forward) and entry.user not in passed:
        passed.add(entry.user)
        entry = host.destination(entry.to).entry
    return entry


def _who(host: Host, path: Path) -> str:
    """Whom a member's path means, forwards of this host followed: two that mean the same are one
    member.
    """
    passed = set()
    entry = _known_here(host, path)
    while isinstance(entry, Forward) and entry.user not in passed:
        passed.add(entry.user)
        path = entry.to
        entry = _known_here(host, path)
    if entry is None:
        return f"{path.user}@{folded(path.domain)}"
    return f"member {entry.user if isinstance(entry, Forward) else entry.name}"
