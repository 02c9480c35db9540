"""The mail that users hand in during a run, in the order of its times."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from lab.hosts.checked import LARGEST_MAIL
from lab.hosts.message import as_mail_data, compose, filler_size, lines_of
from lab.hosts.routing import RoutingTable
from lab.protocol import HostName, Path, quote
from lab.runtime.streams import Stream, ordinals
from lab.simulation.arrivals import arrival_times
from lab.topology.distributions import draws_of
from lab.topology.globs import matches_address
from lab.topology.model import Distribution, MailSpec, Topology, TrafficSpec


class Submission(NamedTuple):
    """Mail that a user hands to the sender-SMTP of their host, at a time in seconds."""

    at: float
    host: str
    sender: Path
    to: tuple[Path, ...]
    verb: str = "MAIL"
    full_name: str = ""
    subject: str = ""
    text: str | None = None
    size: int | None = None
    whole: str | None = None

    def mail_data(self, daytime: str) -> bytes:
        """Return the mail data, with a header unless the file gives the data as a whole."""
        if self.whole is not None:
            return as_mail_data(lines_of(self.whole))
        return compose(
            daytime, self.sender, self.full_name, self.to, self.subject, self.text, self.size
        )

    def own_part(self, daytime: str) -> tuple[bytes, int]:
        """Return the mail data without the text that is made up to fill it, and its whole size."""
        if self.whole is not None or self.text is not None or self.size is None:
            octets = self.mail_data(daytime)
            return octets, len(octets)
        octets = self._replace(size=0).mail_data(daytime)
        return octets, len(octets) + filler_size(self.size - len(octets))


def submissions(
    topology: Topology, seed: int, routes: RoutingTable, is_here: Callable[[str], bool]
) -> Iterator[Submission]:
    """Yield all mail of a topology, [[mail]] and [[traffic]], in order of time.

    Source routes are looked up only for mail of hosts for which ``is_here`` returns True.
    """
    mail = sorted((submission_of(topology, spec) for spec in topology.mail), key=_time)
    sources: list[Iterator[Submission]] = [iter(mail)]
    for traffic, names in zip(topology.traffic, traffic_names(topology.traffic), strict=True):
        sources.append(_traffic(topology, traffic, (seed, names), routes, is_here))
    return heapq.merge(*sources, key=_time)


def traffic_names(entries: Sequence[TrafficSpec]) -> list[tuple[str, ...]]:
    """Return the names that key the streams of each traffic entry.

    That is its name, or, without one, its globs and its number among those with the same globs.
    """
    globs = [("named", spec.name) if spec.name else (spec.sender, spec.to) for spec in entries]
    return [(*key, number) for key, number in zip(globs, ordinals(globs), strict=True)]


def _time(submission: Submission) -> float:
    return submission.at


def submission_of(topology: Topology, spec: MailSpec) -> Submission:
    """Return the mail of a [[mail]] table."""
    host = topology.host(spec.sender.domain)
    assert host is not None, "the loader has checked that the sender's host exists"
    name = next((user.full_name for user in host.users if user.name == spec.sender.user), "")
    return Submission(
        spec.at, host.name, spec.sender, tuple(spec.to), spec.verb, name,
        spec.subject, spec.text, spec.size, spec.mail_data,
    )  # fmt: skip


def _traffic(
    topology: Topology,
    spec: TrafficSpec,
    key: tuple[int, tuple[str, ...]],
    routes: RoutingTable,
    is_here: Callable[[str], bool],
) -> Iterator[Submission]:
    """Yield random messages between users that the globs match; nobody writes to themselves.

    When, from whom, to whom and how long is drawn from a stream each: other values of one leave the
    others. ``key`` is the seed, and the names of the entry.
    """
    seed, names = key
    pick = _pairs(topology, spec, seed, names)
    sizes = Stream(seed, "sizes", *names)
    drawn = draws_of(spec.size, LARGEST_MAIL) if isinstance(spec.size, Distribution) else None
    for at in arrival_times(spec, Stream(seed, "arrivals", *names), topology.start):
        (host, sender), (destination, to) = pick()
        if spec.route == "source" and is_here(host):
            hosts = routes.route(host, destination) or []
            to = Path(tuple(hosts[:-1]), to.local, to.domain)
        size = spec.size if drawn is None else round(drawn.draw(sizes))
        assert isinstance(size, int), "a distribution draws it"
        yield Submission(at, host, sender, (to,), size=size)


_User = tuple[str, Path]
"""A host, and the address of a user of it."""


def _pairs(
    topology: Topology, spec: TrafficSpec, seed: int, names: tuple[str, ...]
) -> Callable[[], tuple[_User, _User]]:
    """Return what draws who writes to whom."""
    froms, tos = Stream(seed, "from", *names), Stream(seed, "to", *names)
    senders, receivers = _matching(topology, spec.sender), _matching(topology, spec.to)
    if spec.demands:
        return _of_demands(spec, senders, receivers, (froms, tos, Stream(seed, "demands", *names)))

    def pick() -> tuple[_User, _User]:
        sender = senders[froms.index(len(senders))]
        receiver = receivers[tos.index(len(receivers))]
        while receiver[1] == sender[1] and len(receivers) > 1:
            receiver = receivers[tos.index(len(receivers))]
        return sender, receiver

    return pick


def _of_demands(
    spec: TrafficSpec,
    senders: list[_User],
    receivers: list[_User],
    streams: tuple[Stream, Stream, Stream],
) -> Callable[[], tuple[_User, _User]]:
    """Return what draws pairs of hosts in proportion to their demands, and a user at each."""
    at_senders, at_receivers = _by_host(senders), _by_host(receivers)
    demands = sorted(each for each in spec.demands if each[0] in at_senders)
    demands = [each for each in demands if each[1] in at_receivers]
    bounds = list(accumulate(value for *_, value in demands))
    froms, tos, pairs = streams

    def pick() -> tuple[_User, _User]:
        place = bisect_right(bounds, pairs.random() * bounds[-1])
        a, b, _ = demands[min(place, len(demands) - 1)]
        here, there = at_senders[a], at_receivers[b]
        return here[froms.index(len(here))], there[tos.index(len(there))]

    return pick


def _by_host(users: Iterable[_User]) -> dict[str, list[_User]]:
    users_of: dict[str, list[_User]] = {}
    for user in users:
        users_of.setdefault(user[0], []).append(user)
    return users_of


def _matching(topology: Topology, glob: str) -> list[tuple[str, Path]]:
    """Return the users that a glob matches, with their hosts, in the order of their names.

    So the order of hosts and users in the file does not matter to what is drawn.
    """
    matching = []
    for host in topology.hosts.values():
        for user in host.users:
            if matches_address(user.name, host.name, glob, host.label):
                matching.append((host.name, Path((), quote(user.name), host.name)))
    return sorted(matching, key=lambda user: (HostName(user[0]).key, user[1].local))
