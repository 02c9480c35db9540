"""The task: its sites and prices, designs as topologies, and what a design's graph says."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lab.api.simulate import simulate
from lab.protocol import parse_path
from lab.quantities import as_toml
from lab.runtime.streams import generator
from lab.topology.model import HostSpec, LinkSpec, MailSpec, Topology, TopologyError
from lab.topology.problems import did_you_mean

if TYPE_CHECKING:
    import networkx


class Site(NamedTuple):
    """A site, in kilometres east and north of a corner of the country, and its users."""

    x: int
    y: int
    users: tuple[str, ...] = ("ann",)


SITES: Final = {
    "CAPE": Site(60, 140),
    "DOCK": Site(220, 780),
    "PORT": Site(100, 450, ("ann", "bob", "cat")),
    "FORD": Site(390, 290),
    "MILL": Site(450, 590),
    "LAKE": Site(650, 810),
    "DALE": Site(700, 430),
    "MINE": Site(770, 130),
    "HILL": Site(980, 640),
    "FARM": Site(1050, 330),
    "BURG": Site(1300, 500, ("ann", "bob", "cat", "dan")),
    "FORT": Site(1350, 180),
}
"""The sites by name: two cities, PORT and BURG, and ten towns."""

SPEEDS: Final = {"slow": 9600.0, "fast": 50_000.0}
"""The lines that can be rented, in bits per second."""

RENTS: Final = {"slow": (100, 0.5), "fast": (200, 1.5)}
"""The monthly rent of a line: a fixed amount, and an amount for each kilometre."""

RELAY: Final = 500
"""The monthly cost of a host that relays: it runs day and night, and stores others' mail."""

BUDGET: Final = 12_000
SECONDS: Final = 3.0
PERIOD: Final = 15 * 60.0
"""The limits: dollars a month, average seconds of a message, and the seconds of the rush."""

Line = tuple[str, str, str]
"""Two sites, and the speed of the line between them."""


# -- a design is a topology


def network(
    lines: Iterable[Sequence[str]], quiet: Iterable[str] = (), title: str = "A network"
) -> Topology:
    """Return the topology of a design, with the mail of the rush.

    ``lines`` are pairs of sites, or triples with a speed, ``("PORT", "MILL", "fast")``; the default
    is slow. ``quiet`` are the hosts that do not relay; all others do. Raises TopologyError with a
    sentence for each problem.
    """
    valid: dict[frozenset[str], Line] = {}
    wrong = [problem for line in _as_list(lines, "lines") for problem in _add_line(line, valid)]
    silent = _as_list(quiet, "quiet hosts")
    wrong += [_no_site(name) for name in silent if not _is_site(name)]
    if wrong:
        raise TopologyError(wrong)
    bare = _bare()
    return replace(
        bare,
        title=title,
        hosts={name: replace(host, relay=name not in silent) for name, host in bare.hosts.items()},
        links=tuple(_link(*line) for line in valid.values()),
    )


def lines_of(topology: Topology) -> list[Line]:
    """Return the lines of a design; raises TopologyError if ``topology`` is not a design."""
    _must_be_a_design(topology)
    speeds = {bandwidth: speed for speed, bandwidth in SPEEDS.items()}
    return [(link.a, link.b, speeds[link.bandwidth or 0]) for link in topology.links]


def quiet_of(topology: Topology) -> list[str]:
    """Return the hosts of a design that do not relay; raises TopologyError if ``topology`` is not a
    design.
    """
    _must_be_a_design(topology)
    return [name for name, host in topology.hosts.items() if not host.relay]


def distance(a: str, b: str) -> float:
    """Return the kilometres between two sites; raises TopologyError for an unknown site."""
    wrong = [_no_site(name) for name in (a, b) if not _is_site(name)]
    if wrong:
        raise TopologyError(wrong)
    return math.dist(SITES[a][:2], SITES[b][:2])


def rent(a: str, b: str, speed: str = "slow") -> int:
    """Return the monthly rent of a line; raises TopologyError for an unknown site or speed."""
    if speed not in SPEEDS:
        raise TopologyError([_no_speed(speed)])
    fixed, per_kilometre = RENTS[speed]
    return round(fixed + per_kilometre * distance(a, b))


@cache
def hop(latency: float, bandwidth: float) -> float:
    """Return the seconds that a message takes over an idle line, as measured by a run."""
    ends = {name: HostSpec(name, users=_bare().hosts["CAPE"].users) for name in "AB"}
    mail = letter("<ann@A>", ["<ann@B>"], 2000)
    line = LinkSpec("A", "B", "arpanet", latency, bandwidth=bandwidth)
    two = Topology(environments=_bare().environments, hosts=ends, links=(line,), mail=(mail,))
    seconds: float = simulate(two, trace="none").summary["delivery_seconds"]["max"]
    return seconds


def letter(sender: str, to: Iterable[str], size: int) -> MailSpec:
    """Return mail of ``size`` bytes that is submitted at the beginning of a run."""
    paths = tuple(map(parse_path, to))
    return MailSpec(at=0.0, verb="MAIL", sender=parse_path(sender), to=paths, size=size)


def _as_list(value: Iterable[Any], noun: str) -> list[Any]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TopologyError([f"the {noun} are {as_toml(value)}; they must be a list"])
    return list(value)


def _add_line(line: Any, lines: dict[frozenset[str], Line]) -> Iterator[str]:
    """Add a line to ``lines``, or yield what is wrong with it."""
    if isinstance(line, str) or not isinstance(line, Sequence) or len(line) not in (2, 3):
        yield f'{as_toml(line)} is not a line; write sites and a speed: ("PORT", "MILL", "fast")'
        return
    a, b, speed = (*line, "slow")[:3]
    unknown = [_no_site(name) for name in (a, b) if not _is_site(name)]
    yield from unknown
    if not isinstance(speed, str) or speed not in SPEEDS:
        yield _no_speed(speed)
    elif not unknown and a == b:
        yield f"a line must join two sites, not {a} with itself"
    elif not unknown and frozenset((a, b)) in lines:
        yield f"there are two lines between {a} and {b}; remove one"
    elif not unknown:
        lines[frozenset((a, b))] = (a, b, speed)


def _no_speed(speed: Any) -> str:
    return f"a line is {' or '.join(SPEEDS)}, not {as_toml(speed)}"


def _is_site(name: Any) -> bool:
    return isinstance(name, str) and name in SITES


def _no_site(name: Any) -> str:
    meant = did_you_mean(name, SITES) if isinstance(name, str) else ""
    return f"there is no site {as_toml(name)}{meant}"


@cache
def _bare() -> Topology:
    """Return the sites with their users and their mail, but without lines."""
    users = [f"{user}@{name}" for name, site in SITES.items() for user in site.users]
    pairs = [(user, other) for user in users for other in users if user != other]
    generator(16, "the order of the letters").shuffle(pairs)
    letters = [
        {"from": a, "to": [b], "size": 2000, "at": round(number * PERIOD / len(pairs), 3)}
        for number, (a, b) in enumerate(pairs)
    ]
    return Topology.from_graph(_country(), mail=letters)


def _country() -> networkx.Graph:
    import networkx

    country = networkx.Graph()
    for name, site in SITES.items():
        position = [site.x / 100, site.y / 100]
        country.add_node(name, relay=False, users=list(site.users), position=position)
    return country


def _link(a: str, b: str, speed: str) -> LinkSpec:
    # 200 km in a millisecond, on a cable that is a quarter longer than the distance
    latency = math.ceil(distance(a, b) * 1.25 / 200) / 1000
    bandwidth = SPEEDS[speed]
    cost = round(hop(latency, bandwidth), 3)
    return LinkSpec(a, b, "arpanet", latency, bandwidth=bandwidth, cost=cost)


def _must_be_a_design(topology: object) -> None:
    if not isinstance(topology, Topology):
        raise TopologyError(
            [f"a design is a Topology, made by design.network([...]); not {as_toml(topology)}"]
        )
    wrong = [f"there is no host {name}" for name in SITES if name not in topology.hosts]
    wrong += [_no_site(name) for name in topology.hosts if name not in SITES]
    wrong += [
        f"{name} was changed: you may choose whether a host relays, and nothing else"
        for name, host in topology.hosts.items()
        if name in SITES and replace(host, relay=False, title="") != _bare().hosts[name]
    ]
    lines: dict[frozenset[str], Line] = {}
    for link in () if wrong else topology.links:
        speed = next((name for name, bits in SPEEDS.items() if bits == link.bandwidth), "other")
        wrong += _add_line((link.a, link.b, speed), lines)
        if not wrong and link != _link(link.a, link.b, speed):
            wrong.append(
                f"the line {link.a} - {link.b} was changed: you may choose whether a line is "
                "slow or fast, and nothing else"
            )
    if wrong:
        raise TopologyError(wrong)


# -- what its graph says


def cost(topology: Topology) -> int:
    """Return what the lines and relays of a design cost a month."""
    relays = len(SITES) - len(quiet_of(topology))
    return sum(rent(*line) for line in lines_of(topology)) + RELAY * relays


def expected_delay(topology: Topology) -> float:
    """Return the average seconds of a message on idle lines; infinite if one has no route."""
    return _delay(_graph(lines_of(topology)), set(quiet_of(topology)))


def needed(topology: Topology) -> list[str]:
    """Return the sites ("DALE") and lines ("DALE - MILL") whose failure cuts others off."""
    return list(_needed(lines_of(topology), set(quiet_of(topology))))


def _graph(lines: Iterable[Line]) -> networkx.Graph:
    import networkx

    graph = networkx.Graph()
    graph.add_nodes_from(SITES)
    graph.add_edges_from((a, b, {"seconds": _link(a, b, speed).cost}) for a, b, speed in lines)
    return graph


def _delay(graph: networkx.Graph, quiet: set[str]) -> float:
    total = letters = 0.0
    for start, site in SITES.items():
        seconds = _seconds_from(graph, quiet, start)
        for end, end_site in SITES.items():
            pairs = len(site.users) * (len(end_site.users) - (start == end))
            total += pairs * seconds.get(end, math.inf) if pairs else 0
            letters += pairs
    return total / letters


def _seconds_from(graph: networkx.Graph, quiet: set[str], start: str) -> dict[str, float]:
    import networkx

    def seconds_of(a: str, b: str, line: Mapping[str, float]) -> float | None:
        return line["seconds"] if a == start or a not in quiet else None

    seconds: dict[str, float] = networkx.single_source_dijkstra_path_length(
        graph, start, weight=seconds_of
    )
    return seconds


def _needed(lines: Sequence[Line], quiet: set[str]) -> Iterator[str]:
    graph = _graph(lines)
    for name in SITES:
        if not _is_joined(graph.subgraph(set(SITES) - {name}), quiet):
            yield name
    for a, b, _ in lines:
        graph.remove_edge(a, b)
        if not _is_joined(graph, quiet):
            yield f"{a} - {b}"
        graph.add_edge(a, b)


def _is_joined(graph: networkx.Graph, quiet: set[str]) -> bool:
    """Return whether every site can send to every other site over hosts that relay."""
    import networkx

    relays = graph.subgraph(set(graph) - quiet)
    pieces = list(networkx.connected_components(relays))
    if len(pieces) == 1:
        return all(site in pieces[0] or not pieces[0].isdisjoint(graph[site]) for site in graph)
    pieces_near = {
        site: {n for n, piece in enumerate(pieces) if piece & {site, *graph[site]}}
        for site in graph
    }
    return all(b in graph[a] or pieces_near[a] & pieces_near[b] for a, b in combinations(graph, 2))
