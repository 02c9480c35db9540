"""The places of hosts on the map where numpy is not installed.

The idea is that of :mod:`lab.analysis.map_layout`: distances on the map follow distances in hops.
Here each host is moved in turn to where its distances to the others say it should be, which needs
no matrices. Many hosts take their distances from a few of them. Nothing is random.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

Point = tuple[float, float]

_EXACT: Final = 60
"""Up to this many hosts are laid out by all their distances; more, by those from some of them."""

_ROUNDS: Final = 60
_GOLDEN: Final = 2.399963


def laid_out(steps: Sequence[Sequence[float]], landmarks: Sequence[int], count: int) -> list[Point]:
    """Return places whose distances follow ``steps``: from each landmark to each host."""
    places = _first(steps, count)
    weights = [[1 / d**2 if d else 0.0 for d in row] for row in steps]
    # a line of hosts unfolds slowly
    rounds = max(_ROUNDS, 3000 // count) if count <= _EXACT else _ROUNDS // 6
    for turn in range(rounds):
        # the farther a layout is from its end, the more its landmarks have to move as well
        for host in range(count) if turn % 2 == 0 else range(count - 1, -1, -1):
            places[host] = _moved(host, places, steps, weights, landmarks)
    return _turned(places)


def landmarks_wanted(count: int) -> int:
    """Return how many hosts distances are taken from."""
    return count if count <= _EXACT else 24


def _first(steps: Sequence[Sequence[float]], count: int) -> list[Point]:
    """Return places by the distances from hosts that are far from each other."""
    a = max(range(len(steps)), key=lambda n: max(steps[n]))
    rows = range(len(steps))
    b = max(rows, key=lambda n: sum(abs(x - y) for x, y in _pairs(steps, a, n)))
    c = max(
        rows, key=lambda n: sum(abs(z - x) + abs(z - y) - abs(x - y)
                                for z, x, y in zip(steps[n], steps[a], steps[b], strict=True)),
    )  # fmt: skip
    return [
        (
            steps[a][n] - steps[b][n] + 0.05 * math.cos(n * _GOLDEN),
            steps[c][n] - (steps[a][n] + steps[b][n]) / 2 + 0.05 * math.sin(n * _GOLDEN),
        )
        for n in range(count)
    ]


def _pairs(steps: Sequence[Sequence[float]], a: int, b: int) -> Iterator[tuple[float, float]]:
    return zip(steps[a], steps[b], strict=True)


def _moved(
    host: int,
    places: Sequence[Point],
    steps: Sequence[Sequence[float]],
    weights: Sequence[Sequence[float]],
    landmarks: Sequence[int],
) -> Point:
    """Return where a host's distances to the landmarks say that it should be, on average."""
    x, y = places[host]
    total = across = down = 0.0
    for row, landmark in enumerate(landmarks):
        weight = weights[row][host]
        if weight:
            ox, oy = places[landmark]
            pull = steps[row][host] / max(math.hypot(x - ox, y - oy), 1e-9)
            total += weight
            across += weight * (ox + (x - ox) * pull)
            down += weight * (oy + (y - oy) * pull)
    return (across / total, down / total) if total else (x, y)


def _turned(places: Sequence[Point]) -> list[Point]:
    """Return places turned so that the map is wide and the first host to the left, from 0 to 1."""
    middle = [sum(axis) / len(places) for axis in zip(*places, strict=True)]
    centred = [(x - middle[0], y - middle[1]) for x, y in places]
    xx, yy = sum(x * x for x, _ in centred), sum(y * y for _, y in centred)
    angle = math.atan2(2 * sum(x * y for x, y in centred), xx - yy) / 2
    cos, sin = math.cos(angle), math.sin(angle)
    turned = [(x * cos + y * sin, y * cos - x * sin) for x, y in centred]
    sign = -1.0 if turned[0][0] > 1e-6 else 1.0
    return framed([(x * sign, y * sign) for x, y in turned])


def framed(places: Sequence[Point]) -> list[Point]:
    """Return places stretched to lie from 0 to 1; a line of hosts stays a line."""
    left, low = (min(axis) for axis in zip(*places, strict=True))
    right, high = (max(axis) for axis in zip(*places, strict=True))
    wide, tall = right - left, high - low
    flat = tall < 0.06 * wide
    return [
        (
            (x - (left + right) / 2) / max(wide, 1e-9) + 0.5,
            0.5 if flat else (y - (low + high) / 2) / max(tall, 1e-9) + 0.5,
        )
        for x, y in places
    ]


def own(positions: Sequence[Point | None], links: Sequence[tuple[int, int]]) -> list[Point] | None:
    """Return the places that the topology gives, from 0 to 1; None if it gives too few."""
    known = [place for place in positions if place is not None]
    if 2 * len(known) <= len(positions) or (len(positions) > 1 and len(set(known)) < 2):
        return None
    low = [min(axis) for axis in zip(*known, strict=True)]
    high = [max(axis) for axis in zip(*known, strict=True)]
    widest = max(b - a for a, b in zip(low, high, strict=True))
    size = [max(b - a, widest * 0.2, 1e-9) for a, b in zip(low, high, strict=True)]
    scaled: list[Point | None] = [
        place
        and (
            (place[0] - (low[0] + high[0]) / 2) / size[0] + 0.5,
            (place[1] - (low[1] + high[1]) / 2) / size[1] + 0.5,
        )
        for place in positions
    ]
    return _filled(scaled, links)


def _filled(positions: Sequence[Point | None], links: Sequence[tuple[int, int]]) -> list[Point]:
    """Return places in which each host without one lies in the middle of its neighbours."""
    known = [place for place in positions if place is not None]
    middle = sum(x for x, _ in known) / len(known), sum(y for _, y in known) / len(known)
    places = [place or middle for place in positions]
    near: dict[int, list[int]] = {n: [] for n, place in enumerate(positions) if place is None}
    for a, b in links:
        for host, neighbour in ((a, b), (b, a)):
            if host in near:
                near[host].append(neighbour)
    for _ in range(60 if near else 0):
        for host, neighbours in near.items():
            if neighbours:
                xs, ys = zip(*(places[n] for n in neighbours), strict=True)
                places[host] = sum(xs) / len(xs), sum(ys) / len(ys)
    return places


def apart(places: Sequence[Point], room: float, height: float) -> list[Point]:
    """Move hosts apart until each can be seen; ``room`` is a share of the width of the map."""
    flat = [(x, y * height) for x, y in places]
    for turn in range(60):
        moved = _pushed(flat, room, turn)
        if moved == flat:
            break
        flat = moved
    low = [min(0.0, *axis) for axis in zip(*flat, strict=True)]
    across, down = zip(*flat, strict=True)
    high = [max(1.0, *across), max(height, *down)]
    return [((x - low[0]) / (high[0] - low[0]), (y - low[1]) / (high[1] - low[1])) for x, y in flat]


def _pushed(flat: Sequence[Point], room: float, turn: int) -> list[Point]:
    """Return places in which hosts that are too near to each other have moved apart."""
    cells: dict[tuple[int, int], list[int]] = {}
    for n, (x, y) in enumerate(flat):
        cells.setdefault((int(x // room), int(y // room)), []).append(n)
    shift = [[0.0, 0.0] for _ in flat]
    for (column, row), hosts in cells.items():
        around = [
            other
            for dx in (-1, 0, 1)
            for dy in (-1, 0, 1)
            for other in cells.get((column + dx, row + dy), ())
        ]
        for n in hosts:
            for other in around:
                dx, dy = flat[n][0] - flat[other][0], flat[n][1] - flat[other][1]
                far = math.hypot(dx, dy)
                if other == n or far >= room:
                    continue
                # hosts in a row would only push each other along it: each leaves it a little
                angle = (n + turn) * _GOLDEN
                push = (room * 1.001 - far) / 2
                shift[n][0] += push * (dx / far if far > 1e-9 else math.cos(angle))
                shift[n][1] += push * (dy / far if far > 1e-9 else math.sin(angle))
                shift[n][1] += room * 0.02 * math.sin(angle)
    return [(x + dx, y + dy) for (x, y), (dx, dy) in zip(flat, shift, strict=True)]
