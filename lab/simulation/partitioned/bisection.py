"""Cuts a graph into parts of equal weight, with as little as possible between them.

Each half is grown from one node, then refined as Fiduccia and Mattheyses do it (1982, "A
linear-time heuristic for improving network partitions"); more parts than two are halves of halves.
METIS would cut large graphs better, but there are systems for which it has to be compiled first;
networkx's Kernighan-Lin makes parts of equally many nodes, which may be of very different weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import Final

Joined = Sequence[dict[int, float]]
"""For each node the nodes that it is joined to, with the weight of what is between them."""

TOLERANCE: Final = 0.005
"""How far from its share of the weight a half may be, to have less between the two."""

STARTS: Final = 6
PASSES: Final = 8
_NEAR: Final = 0.05


def parted(weights: Sequence[float], joined: Joined, count: int) -> list[int]:
    """Return the part of each node, from 0: ``count`` parts, or as many as there are nodes."""
    parts = [0] * len(weights)
    waiting = [(list(range(len(weights))), 0, min(count, len(weights)))]
    while waiting:
        nodes, first, share = waiting.pop()
        if share < 2:
            for node in nodes:
                parts[node] = first
            continue
        left, right = _halved(nodes, weights, joined, share)
        waiting += [(left, first, share // 2), (right, first + share // 2, share - share // 2)]
    return parts


def _halved(
    nodes: list[int], weights: Sequence[float], joined: Joined, count: int
) -> tuple[list[int], list[int]]:
    """Halve nodes, for half of ``count`` parts each; a half has at least as many nodes as parts."""
    positions = {node: position for position, node in enumerate(nodes)}
    halving = _Halving(
        [weights[node] for node in nodes],
        [{positions[o]: w for o, w in joined[node].items() if o in positions} for node in nodes],
        (count // 2) / count,
    )
    inside = halving.best()
    left = [node for node, is_in in zip(nodes, inside, strict=True) if is_in]
    right = [node for node, is_in in zip(nodes, inside, strict=True) if not is_in]
    for few, many, least in ((left, right, count // 2), (right, left, count - count // 2)):
        many.sort(key=lambda node: weights[node])
        while len(few) < least:
            few.append(many.pop(0))
    return left, right


class _Halving:
    """A graph that is to be halved, so that one half has a ``share`` of the weight."""

    def __init__(self, weights: list[float], joined: list[dict[int, float]], share: float) -> None:
        self.weights = weights
        self.joined = joined
        self.total = sum(weights)
        self.target = share * self.total

    def best(self) -> list[bool]:
        """Return whether each node is in that half, for the best of some tries."""
        tries = [self.refined(self.grown(start)) for start in self._starts()]
        return min(tries, key=self._badness)

    def _badness(self, inside: list[bool]) -> tuple[float, float]:
        off = abs(self.weight(inside) - self.target)
        between = sum(
            w
            for node, neighbours in enumerate(self.joined)
            if inside[node]
            for neighbour, w in neighbours.items()
            if not inside[neighbour]
        )
        return (off if off > _NEAR * self.total else 0.0), between

    def weight(self, inside: list[bool]) -> float:
        """Return the weight of a half."""
        return sum(w for w, is_in in zip(self.weights, inside, strict=True) if is_in)

    def _starts(self) -> list[int]:
        """Return nodes to grow from: the heaviest, the farthest from it, and some others."""
        count = len(self.weights)
        heaviest = max(range(count), key=lambda node: self.weights[node])
        order = [heaviest]
        seen = {heaviest}
        for node in order:
            for neighbour in self.joined[node]:
                if neighbour not in seen:
                    seen.add(neighbour)
                    order.append(neighbour)
        spread = [order[place * (len(order) - 1) // (STARTS - 1)] for place in range(STARTS)]
        return list(dict.fromkeys(spread))

    def grown(self, start: int) -> list[bool]:
        """Grow a half from a node, always by the node that is joined to it most."""
        weights, joined = self.weights, self.joined
        inside = [False] * len(weights)
        left = iter(range(len(weights)))
        heap = [(0.0, start)]
        inward = [0.0] * len(weights)
        outward = [sum(neighbours.values()) for neighbours in joined]
        weight = 0.0
        while weight < self.target:
            node = heappop(heap)[1] if heap else next(left)
            if inside[node]:
                continue
            after = weight + weights[node]
            if after - self.target > self.target - weight:
                if heap:
                    continue  # too heavy: another may fit
                break
            inside[node] = True
            weight = after
            for neighbour, between in joined[node].items():
                if not inside[neighbour]:
                    inward[neighbour] += between
                    part = inward[neighbour] / outward[neighbour] if outward[neighbour] else 0.0
                    heappush(heap, (-part, neighbour))
        return inside

    def refined(self, inside: list[bool]) -> list[bool]:
        """Improve a half by passes in which each node may change sides once, until none helps."""
        for _ in range(PASSES):
            better = self._passed(inside)
            if better == inside:
                break
            inside = better
        return inside

    def _passed(self, inside: list[bool]) -> list[bool]:
        """Return the best half that comes up as nodes change sides, the most gainful first."""
        sides = _Sides(self, inside)
        slack = TOLERANCE * self.total
        best = (max(0.0, abs(sides.over) - slack), 0.0)
        kept = 0
        while sides.move(max(slack, best[0])):
            state = (max(0.0, abs(sides.over) - slack), -sides.gained)
            if state < best:
                best, kept = state, len(sides.moved)
        better = list(inside)
        for node in sides.moved[:kept]:
            better[node] = not better[node]
        return better


class _Sides:
    """A half and the rest, between which nodes move, each once.

    ``over`` is the weight that the half has over its share, ``gained`` how much less there is
    between the two, ``moved`` the nodes that have moved.
    """

    def __init__(self, halving: _Halving, inside: list[bool]) -> None:
        self._weights = halving.weights
        self._joined = halving.joined
        self._side = side = list(inside)
        self._free = [True] * len(side)
        self._gains = [
            sum(w if side[neighbour] != side[node] else -w for neighbour, w in neighbours.items())
            for node, neighbours in enumerate(self._joined)
        ]
        self._heaps: tuple[list[tuple[float, int]], ...] = ([], [])
        for node, gain in enumerate(self._gains):
            self._heaps[side[node]].append((-gain, node))
        for heap in self._heaps:
            heapify(heap)
        self.over = halving.weight(inside) - halving.target
        self.gained = 0.0
        self.moved: list[int] = []

    def move(self, room: float) -> bool:
        """Move the node that gains most and leaves the half within ``room`` of its share.

        Return whether there was one.
        """
        out = self._top(True, self.over, room)
        into = self._top(False, -self.over, room)
        if out is None or into is None:
            node = into if out is None else out
        elif self._gains[out] == self._gains[into]:
            node = out if self.over > 0 else into
        else:
            node = out if self._gains[out] > self._gains[into] else into
        if node is not None:
            self._move(node)
        return node is not None

    def _top(self, side: bool, over: float, room: float) -> int | None:
        """Return the node of a side with most to gain; one that weighs too much never moves."""
        heap = self._heaps[side]
        while heap:
            negative, node = heap[0]
            if self._free[node] and self._side[node] == side and negative == -self._gains[node]:
                if abs(over - self._weights[node]) <= room:
                    return node
                self._free[node] = False
            heappop(heap)
        return None

    def _move(self, node: int) -> None:
        side, gains = self._side, self._gains
        self._free[node] = False
        self.over += -self._weights[node] if side[node] else self._weights[node]
        self.gained += gains[node]
        side[node] = not side[node]
        self.moved.append(node)
        for neighbour, between in self._joined[node].items():
            if self._free[neighbour]:
                gains[neighbour] += 2 * between if side[neighbour] != side[node] else -2 * between
                heappush(self._heaps[side[neighbour]], (-gains[neighbour], neighbour))
