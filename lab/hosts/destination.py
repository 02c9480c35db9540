"""Where a host sends mail for a path, and learned forwards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lab.hosts.callers import why_outside
from lab.hosts.directory import AMBIGUOUS, Directory, Entry, Forward, MailingList, User
from lab.hosts.paths import why_unsendable
from lab.hosts.routing import Neighbour, RoutingTable
from lab.hosts.verdicts import MAILBOXES, NO_SUCH_USER
from lab.protocol import HostName, Path, Reply, reply, without_relay
from lab.protocol.sizes import MAX_COMMAND_LINE, MAX_DOMAIN

MOST_KEPT: Final = 4096
"""The most destinations that a host remembers."""


class Destination:
    """Where mail for a path goes: to an entry of the directory, to a next host, or nowhere.

    ``path`` is the forward-path after this host has removed itself from its beginning. One of
    ``entry``, ``hop`` and ``refusal`` is set. ``needs_expansion``: it is a list or a forward;
    ``is_open_mailbox``: it is a user here whose mailbox takes all mail, so there is nothing to ask.
    """

    __slots__ = ("entry", "hop", "is_open_mailbox", "needs_expansion", "path", "refusal")

    def __init__(
        self,
        path: Path,
        entry: Entry | None = None,
        hop: Neighbour | None = None,
        refusal: Reply | None = None,
    ) -> None:
        self.path = path
        self.entry = entry
        self.hop = hop
        self.refusal = refusal
        self.needs_expansion = isinstance(entry, MailingList | Forward)
        self.is_open_mailbox = isinstance(entry, User) and entry.mailbox not in MAILBOXES


class Destinations:
    """Finds where mail goes from one host, by its directory and the host tables.

    ``own_names`` are all names of the host, in every environment.
    """

    __slots__ = ("_kept", "_official", "directory", "name", "own_names", "routes")

    def __init__(
        self, name: str, own_names: Iterable[str], directory: Directory, routes: RoutingTable
    ) -> None:
        self.name = name
        self.own_names: frozenset[HostName] = frozenset(map(HostName, own_names))
        self.directory = directory
        self.routes = routes
        self._kept: dict[str, Destination] = {}
        self._official: dict[tuple[str, str], Path] = {}

    def of(self, path: Path) -> Destination:
        """Return where mail for a forward-path goes from here (section 3.6)."""
        destination = self._kept.get(path.text)
        if destination is None:
            destination = self._find(path)
            if not self.routes.is_static and destination.entry is None:
                return destination  # the routing may find another next host another time
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            # a longer path is not remembered: anybody can send paths, and memory is finite
            if len(path.text) <= MAX_COMMAND_LINE:
                self._kept[path.text] = destination
        return destination

    def _find(self, path: Path) -> Destination:
        path = without_relay(path, self.own_names)
        if path.first_host in self.own_names:
            return self._find_here(path)
        refusal = why_unsendable(path) or why_outside(path, self.routes)
        next_name = self.routes.resolve(path.first_host)
        hop = None if next_name is None else self.routes.next_hop(self.name, next_name)
        if hop is None:
            first = path.first[:MAX_DOMAIN]
            why = f"No host {first} is known here" if next_name is None else f"No route to {first}"
            refusal = reply(550, why)
        return Destination(path, refusal=refusal) if refusal else Destination(path, hop=hop)

    def _find_here(self, path: Path) -> Destination:
        entry = self.directory.find(path.user)
        if entry is not None:
            return Destination(path, entry)
        is_ambiguous = self.directory.is_ambiguous(path.user)
        return Destination(path, refusal=AMBIGUOUS if is_ambiguous else NO_SUCH_USER)

    def official(self, path: Path, environment: str) -> Path:
        """Return a forward-path with official names only, for a channel of an environment (3.7).

        The first host is named as in that environment; each further one as where the host before it
        sends to it. A name that differs in case only is left as it was written.
        """
        if not self.routes.aliases:
            return path
        key = path.text, environment
        official = self._official.get(key)
        if official is None:
            official = self._renamed(path, environment)
            if len(self._official) >= MOST_KEPT:
                self._official.clear()
            if len(path.text) <= MAX_COMMAND_LINE:
                self._official[key] = official
        return official

    def _renamed(self, path: Path, environment: str) -> Path:
        routes, names = self.routes, []
        before: str | None = None
        for name in (*path.route, path.domain):
            host = routes.resolve(HostName(name))
            if host is not None:
                hop = None if before is None else routes.neighbours_of(before).get(host)
                official = routes.name_in(host, environment if hop is None else hop.environment)
                if HostName(official) != HostName(name):
                    name = official
            names.append(name)
            before = host
        return Path(tuple(names[:-1]), path.local, names[-1])

    def entry_of(self, path: Path) -> Entry | None:
        """Return the entry of the directory that a path's mailbox is, whatever its route."""
        return self.directory.find(path.user) if path.host in self.own_names else None


class LearnedForwards:
    """The paths that 251 replies gave "to use in the future", by mailbox (section 3.2)."""

    __slots__ = ("_paths",)

    def __init__(self) -> None:
        self._paths: dict[tuple[str, HostName], tuple[Path, Path]] = {}

    def __len__(self) -> int:
        return len(self._paths)

    def learn(self, old: Path, new: Path) -> None:
        """Use another path for a mailbox from now on."""
        self._paths[old.mailbox_key] = (old, new)

    def find(self, path: Path) -> Path | None:
        """Return the path to use instead; None if there is none.

        A path with a source route is used as it was written.
        """
        if path.route:
            return None
        known = self._paths.get(path.mailbox_key)
        return None if known is None else known[1]

    def forget(self, new: Path) -> Path | None:
        """Forget a path, because mail to it was refused; return the path that it replaced."""
        for key, (old, learned) in self._paths.items():
            if learned.key == new.key:
                del self._paths[key]
                return old
        return None
