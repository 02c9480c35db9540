"""Where hosts lie on the map: from their links alone, and the same in every run.

Distances on paper follow distances in hops (stress majorisation, after Gansner, Koren and North):
no chance in it, and no more than numpy needed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

_EXACT: Final = 700
"""Hosts laid out by all their distances; beyond, by their distances from some of them."""

_PIVOTS: Final = 60
_ROUNDS: Final = 150


def place(count: int, links: Sequence[tuple[int, int]]) -> Any:
    """An array of ``count`` places from 0 to 1, x and y; ``links`` join hosts by their numbers."""
    import numpy as np

    if count <= 2:
        return (
            np.array([[0.0, 0.5], [1.0, 0.5]][:count]) if count == 2 else np.full((count, 2), 0.5)
        )
    neighbours: list[list[int]] = [[] for _ in range(count)]
    for a, b in links:
        neighbours[a].append(b)
        neighbours[b].append(a)
    if count <= _EXACT:
        steps = np.array([_steps(neighbours, host) for host in range(count)])
        places = _majorise(steps, _project(steps))
    else:
        places = _project(np.array([_steps(neighbours, one) for one in _pivots(neighbours)]))
    return _framed(places)


def places(hosts: Sequence[Mapping[str, Any]], links: Sequence[Mapping[str, Any]]) -> Any:
    """Places from 0 to 1 of hosts as ``trace.meta`` describes them: the topology's own, if each
    host has one; otherwise as :func:`place` finds them.
    """
    import numpy as np

    given = [host.get("position") for host in hosts]
    if not given or any(one is None for one in given):
        number = {str(host["name"]): n for n, host in enumerate(hosts)}
        return place(len(hosts), [(number[str(k["a"])], number[str(k["b"])]) for k in links])
    found = np.asarray(given, dtype=float)[:, :2]
    middle, size = (found.max(0) + found.min(0)) / 2, np.ptp(found, axis=0)
    size = np.maximum(size, max(float(size.max()) * 0.2, 1e-9))
    return (found - middle) / size + 0.5


def _steps(neighbours: list[list[int]], start: int) -> list[float]:
    """How many links away each host is; what no way leads to lies beyond the farthest."""
    steps = [-1.0] * len(neighbours)
    steps[start] = 0.0
    queue = deque([start])
    while queue:
        host = queue.popleft()
        for other in neighbours[host]:
            if steps[other] < 0:
                steps[other] = steps[host] + 1
                queue.append(other)
    beyond = max(steps) + 2
    return [beyond if one < 0 else one for one in steps]


def _pivots(neighbours: list[list[int]]) -> list[int]:
    """Hosts that lie far from one another, the busiest first."""
    first = max(range(len(neighbours)), key=lambda host: (len(neighbours[host]), -host))
    chosen = [first]
    nearest = _steps(neighbours, first)
    while len(chosen) < _PIVOTS:
        far = max(range(len(nearest)), key=lambda host: (nearest[host], -host))
        chosen.append(far)
        nearest = [min(pair) for pair in zip(nearest, _steps(neighbours, far), strict=True)]
    return chosen


def _project(steps: Any) -> Any:
    """The two directions in which hosts lie farthest apart (classical scaling, from pivots)."""
    import numpy as np

    square = steps**2
    centred = square - square.mean(0) - square.mean(1)[:, None] + square.mean()
    _, vectors = np.linalg.eigh(centred @ centred.T)
    axes = vectors[:, -1:-3:-1]
    axes = axes * np.where(axes[np.abs(axes).argmax(0), [0, 1]] < 0, -1, 1)  # a sign of its own
    return -0.5 * centred.T @ axes / np.sqrt(len(steps))


def _majorise(target: Any, places: Any) -> Any:
    """Move hosts until their distances on paper follow the target as well as they can."""
    import numpy as np

    count = len(target)
    angle = np.arange(count) * 2.399963  # hosts in one spot part, each in a direction of its own
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
    """Turned so that the map is broad rather than high, the first host to the left, from 0 to 1."""
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
