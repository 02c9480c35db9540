"""The mail that users hand in during a run, in the order of its times."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from lab.hosts.message import as_mail_data, compose, filler_size, lines_of
from lab.hosts.routing import RoutingTable
from lab.protocol import HostName, Path, quote
from lab.runtime.streams import Stream, ordinals
from lab.topology.globs import matches_address
from lab.topology.model import MailSpec, Topology, TrafficSpec


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
    """Yield Poisson arrivals between users that the globs match; nobody writes to themselves.

    When, from whom and to whom is drawn from a stream each: other values of one leave the others.
    ``key`` is the seed, and the names of the entry.
    """
    seed, names = key
    arrivals, froms, tos = [Stream(seed, what, *names) for what in ("arrivals", "from", "to")]
    senders = _matching(topology, spec.sender)
    receivers = _matching(topology, spec.to)
    at = spec.start
    for _ in range(spec.count):
        # microseconds, so that the last bit of a logarithm cannot matter
        at = round(at - math.log(1.0 - arrivals.random()) / spec.rate, 6)
        host, sender = senders[froms.index(len(senders))]
        destination, to = receivers[tos.index(len(receivers))]
        while to == sender and len(receivers) > 1:
            destination, to = receivers[tos.index(len(receivers))]
        if spec.route == "source" and is_here(host):
            hosts = routes.route(host, destination) or []
            to = Path(tuple(hosts[:-1]), to.local, to.domain)
        yield Submission(at, host, sender, (to,), size=spec.size)


def _matching(topology: Topology, glob: str) -> list[tuple[str, Path]]:
    """Return the users that a glob matches, with their hosts, in the order of their names.

    So the order of hosts and users in the file does not matter to what is drawn.
    """
    matching = []
    for host in topology.hosts.values():
        for user in host.users:
            if matches_address(user.name, host.name, glob):
                matching.append((host.name, Path((), quote(user.name), host.name)))
    return sorted(matching, key=lambda user: (HostName(user[0]).key, user[1].local))
