"""The places of hosts on the map, from the topology or from the links: the same in every run.

Distances on the map follow distances in hops (stress majorisation, after Gansner, Koren and North).
Nothing is random, and only numpy is needed; without it, :mod:`lab.analysis.plain_layout` finds
places that are nearly as good.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lab.analysis import plain_layout
from lab.runtime.extras import is_installed

_EXACT: Final = 700
"""Up to this many hosts are laid out by all their distances; more, by those from 60 of them."""

_PIVOTS: Final = 60

LABELLED: Final = 60
"""Up to this many hosts all have their names on a map; of more, only the busiest."""

_BUSIEST: Final = 14

_HEIGHT: Final = 0.47
"""The height of a map as a share of its width."""

_ROOMS: Final = ((8, 0.05), (25, 0.034), (60, 0.022), (300, 0.011), (10**9, 0.004))
"""For up to this many hosts, the least distance between two: a little more than a host's width."""

_ROUNDS: Final = 150


def place(count: int, links: Sequence[tuple[int, int]]) -> Any:
    """Return ``count`` places, x and y from 0 to 1; ``links`` join hosts by their numbers."""
    import numpy as np

    if count <= 2:
        return (
            np.array([[0.0, 0.5], [1.0, 0.5]][:count]) if count == 2 else np.full((count, 2), 0.5)
        )
    neighbours = _neighbours(count, links)
    if count <= _EXACT:
        steps = np.array([_steps(neighbours, host) for host in range(count)])
        places = _majorise(steps, _project(steps))
    else:
        places = _project(np.array([_steps(neighbours, host) for host in _pivots(neighbours)]))
    return _framed(places)


def places(hosts: Sequence[Mapping[str, Any]], links: Sequence[Mapping[str, Any]]) -> Any:
    """Return the places of hosts as ``trace.meta`` describes them, x and y from 0 to 1.

    They are those of the topology if most hosts have one (the others lie between their neighbours),
    and else those that :func:`place` finds. Hosts that would hide one another are moved apart.
    """
    number = {str(host["name"]): n for n, host in enumerate(hosts)}
    ends = [(number[str(link["a"])], number[str(link["b"])]) for link in links]
    if not _has_numpy():
        return _plain_places(hosts, ends)
    own = _own_places(hosts, ends)
    return _apart(place(len(hosts), ends) if own is None else own)


def _has_numpy() -> bool:
    return is_installed("numpy")


def _plain_places(
    hosts: Sequence[Mapping[str, Any]], links: Sequence[tuple[int, int]]
) -> list[plain_layout.Point]:
    """Return what :func:`places` returns, without numpy."""
    count = len(hosts)
    positions = [tuple(host["position"])[:2] if host.get("position") else None for host in hosts]
    places = plain_layout.own(positions, links)
    if places is None and count <= 2:
        places = [(0.0, 0.5), (1.0, 0.5)] if count == 2 else [(0.5, 0.5)] * count
    elif places is None:
        neighbours = _neighbours(count, links)
        wanted = plain_layout.landmarks_wanted(count)
        landmarks = list(range(count)) if wanted == count else _pivots(neighbours, wanted)
        steps = [_steps(neighbours, host) for host in landmarks]
        places = plain_layout.laid_out(steps, landmarks, count)
    return plain_layout.apart(places, _room(count), _HEIGHT) if places else []


def _neighbours(count: int, links: Sequence[tuple[int, int]]) -> list[list[int]]:
    neighbours: list[list[int]] = [[] for _ in range(count)]
    for a, b in links:
        neighbours[a].append(b)
        neighbours[b].append(a)
    return neighbours


def kind_of(host: Mapping[str, Any]) -> str:
    """Return what a host is on a map: "host", "relay" or "router"."""
    if host.get("kind") == "router":
        return "router"
    return "relay" if host.get("relay") else "host"


def labelled(
    hosts: Sequence[Mapping[str, Any]],
    links: Sequence[Mapping[str, Any]],
    crossings: Mapping[tuple[str, str], int],
) -> list[int]:
    """Return the numbers of the hosts that may have a name on the map, the most important first.

    Those are the hosts to and from which the most channels and mail crossed links (``crossings``,
    by link and direction), and then those with the most links.
    """
    load: Counter[str] = Counter()
    for ends, count in crossings.items():
        load.update(dict.fromkeys(ends, count))
    degree = Counter(str(link[end]) for link in links for end in ("a", "b"))
    names = [str(host["name"]) for host in hosts]
    order = sorted(range(len(names)), key=lambda n: (-load[names[n]], -degree[names[n]], n))
    return order if len(order) <= LABELLED else order[:_BUSIEST]


def users_of(host: Mapping[str, Any]) -> int:
    """Return how many users a host has: traces have their number or their names."""
    users = host.get("users")
    return users if isinstance(users, int) else len(users or ())


def bends(links: Sequence[Mapping[str, Any]]) -> list[float]:
    """Return how far each link bends aside, so that links of one pair lie side by side.

    It is a share of the link's length, to the left of the way from ``a`` to ``b`` on paper; to the
    right where it is less than 0.
    """
    pairs: dict[frozenset[str], list[int]] = defaultdict(list)
    for n, link in enumerate(links):
        pairs[frozenset((str(link["a"]), str(link["b"])))].append(n)
    bent = [0.0] * len(links)
    for group in pairs.values():
        for place, n in enumerate(group):
            side = 1 if str(links[n]["a"]) <= str(links[n]["b"]) else -1
            bent[n] = side * 0.14 * (place - (len(group) - 1) / 2)
    return bent


def without_place(hosts: Sequence[Mapping[str, Any]]) -> int:
    """Return how many hosts have no place, on a map that is drawn by the places of most hosts."""
    missing = sum(host.get("position") is None for host in hosts)
    return missing if 2 * missing < len(hosts) else 0


def _own_places(hosts: Sequence[Mapping[str, Any]], links: Sequence[tuple[int, int]]) -> Any:
    """Return the places that the topology gives, from 0 to 1; None if it gives too few."""
    import numpy as np

    known = np.array([host.get("position") is not None for host in hosts], dtype=bool)
    if 2 * known.sum() <= len(hosts):
        return None
    places = np.zeros((len(hosts), 2))
    places[known] = [list(host["position"])[:2] for host in hosts if host.get("position")]
    least, most = places[known].min(0), places[known].max(0)
    if len(hosts) > 1 and not (most > least).any():
        return None
    size = most - least
    size = np.maximum(size, max(float(size.max()) * 0.2, 1e-9))
    places = (places - (most + least) / 2) / size + 0.5
    if not known.all():
        _between_neighbours(places, known, links)
    return places


def _between_neighbours(places: Any, known: Any, links: Sequence[tuple[int, int]]) -> None:
    """Move each host without a place to the middle of its neighbours."""
    import numpy as np

    neighbours: dict[int, list[int]] = {int(host): [] for host in np.flatnonzero(~known)}
    for a, b in links:
        for host, neighbour in ((a, b), (b, a)):
            if host in neighbours:
                neighbours[host].append(neighbour)
    places[~known] = places[known].mean(0)
    for _ in range(60):
        for host, near in neighbours.items():
            if near:
                places[host] = places[near].mean(0)


def _room(count: int) -> float:
    """Return how far apart two hosts are at least, as a share of the map's width."""
    return next(room for most, room in _ROOMS if count <= most)


def _apart(places: Any) -> Any:
    """Move hosts apart until each can be seen, always in the same way."""
    import numpy as np

    room = _room(len(places))
    flat = places * (1.0, _HEIGHT)
    _part_twins(flat, room)
    if len(flat) <= _EXACT:
        _push(flat, room)
    moved = flat / (1.0, _HEIGHT)
    low, high = np.minimum(moved.min(0, initial=0.0), 0.0), np.maximum(moved.max(0, initial=1.0), 1)
    return (moved - low) / (high - low)


def _push(flat: Any, room: float) -> None:
    """Push hosts apart that are too near to each other, until none are."""
    import numpy as np

    for turn in range(_ROUNDS):
        way = flat[:, None, :] - flat[None, :, :]
        length = np.sqrt((way**2).sum(2))
        np.fill_diagonal(length, np.inf)
        near = (length < room).any(1)
        if not near.any():
            return
        short = np.maximum(room * 1.001 - length, 0.0)
        flat += (way * (short / np.maximum(length, 1e-12) / 2)[:, :, None]).sum(1)
        if turn == 0 and np.ptp(flat, axis=0).min() > 1e-6:
            # hosts in a row that is too short for them would only push each other along it
            angle = np.flatnonzero(near) * 2.399963
            flat[near] += room * 0.02 * np.column_stack((np.cos(angle), np.sin(angle)))


def _part_twins(flat: Any, room: float) -> None:
    """Spread hosts of the same spot around it, like the seeds of a sunflower."""
    import numpy as np

    spots: dict[tuple[int, int], list[int]] = {}
    for n, (x, y) in enumerate(flat / (room / 8)):
        spots.setdefault((round(float(x)), round(float(y))), []).append(n)
    for twins in spots.values():
        for k, n in enumerate(twins[1:], 1):
            turn = k * 2.399963
            flat[n] += room * 0.7 * np.sqrt(k) * np.array([np.cos(turn), np.sin(turn)])


def _steps(neighbours: list[list[int]], start: int) -> list[float]:
    """Return how many links away each host is; unreachable ones are beyond the farthest."""
    steps = [-1.0] * len(neighbours)
    steps[start] = 0.0
    queue = deque([start])
    while queue:
        host = queue.popleft()
        for neighbour in neighbours[host]:
            if steps[neighbour] < 0:
                steps[neighbour] = steps[host] + 1
                queue.append(neighbour)
    beyond = max(steps) + 2
    return [beyond if count < 0 else count for count in steps]


def _pivots(neighbours: list[list[int]], wanted: int = _PIVOTS) -> list[int]:
    """Return hosts that are far from one another, the one with the most links first."""
    first = max(range(len(neighbours)), key=lambda host: (len(neighbours[host]), -host))
    chosen = [first]
    nearest = _steps(neighbours, first)
    while len(chosen) < wanted:
        far = max(range(len(nearest)), key=lambda host: (nearest[host], -host))
        chosen.append(far)
        nearest = [min(pair) for pair in zip(nearest, _steps(neighbours, far), strict=True)]
    return chosen


def _project(steps: Any) -> Any:
    """Return places along the two directions of most spread (classical scaling, from pivots)."""
    import numpy as np

    square = steps**2
    centred = square - square.mean(0) - square.mean(1)[:, None] + square.mean()
    _, vectors = np.linalg.eigh(centred @ centred.T)
    axes = vectors[:, -1:-3:-1]
    axes = axes * np.where(axes[np.abs(axes).argmax(0), [0, 1]] < 0, -1, 1)  # always the same sign
    return -0.5 * centred.T @ axes / np.sqrt(len(steps))


def _majorise(target: Any, places: Any) -> Any:
    """Move hosts until their distances follow the target as well as they can."""
    import numpy as np

    count = len(target)
    angle = np.arange(count) * 2.399963  # hosts of one spot leave it in different directions
    spread = np.abs(places).max() or 1.0
    places = places / spread * target.max() / 2
    places = places + 0.05 * np.column_stack((np.cos(angle), np.sin(angle)))
    weights = np.where(target > 0, 1.0 / np.maximum(target, 1e-9) ** 2, 0.0)
    laplacian = np.diag(weights.sum(1)) - weights
    inverse = np.linalg.inv(laplacian + 1.0 / count)
    for _ in range(_ROUNDS):
        apart = places[:, None, :] - places[None, :, :]
        length = np.sqrt((apart**2).sum(2))
        pull = weights * target / np.maximum(length, 1e-9)
        places = inverse @ (pull.sum(1)[:, None] * places - pull @ places)
    return places


def _framed(places: Any) -> Any:
    """Return places turned so that the map is wide and the first host to the left, from 0 to 1."""
    import numpy as np

    centred = places - places.mean(0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    turned = centred @ vectors[:, ::-1]
    turned = turned * np.where(turned[0] > 1e-6, [-1, -1], [1, 1])
    size = np.ptp(turned, axis=0)
    if size[1] < 0.06 * size[0]:  # a line of hosts stays a line
        turned[:, 1] = 0.0
    middle = (turned.max(0) + turned.min(0)) / 2
    return (turned - middle) / np.maximum(size, 1e-9) + 0.5
