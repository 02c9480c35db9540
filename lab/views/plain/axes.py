"""Axes of the plain pictures: time from left to right, numbers from the bottom up."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import Final, NamedTuple

from lab.quantities import TIME_STEPS, clock_time
from lab.views.plain.drawing import Drawing, Point, wide

DASHES: Final = ((), (5.0, 2.0), (1.2, 1.2), (5.0, 1.6, 1.2, 1.6), (9.0, 3.0))
"""The lines of a picture, so that they can be told apart without their colours."""


class Frame(NamedTuple):
    """The part of a drawing that has lines in it: its edges, and what its right and top mean."""

    left: float
    top: float
    right: float
    bottom: float
    last: float
    most: float

    def x(self, t: float) -> float:
        """Return where a time is."""
        return self.left + (self.right - self.left) * min(t / self.last, 1.0)

    def y(self, number: float) -> float:
        """Return where a number is."""
        return self.bottom - (self.bottom - self.top) * number / self.most

    def time_axis(self, drawing: Drawing, words: str) -> None:
        """Draw the ticks of the axis of time, with their times and what it shows."""
        step = next(
            (each for each in TIME_STEPS if self.last / each <= 6),
            TIME_STEPS[-1],
        )
        for number in range(int(self.last / step) + 1):
            x = self.x(number * step)
            drawing.line((x, self.top), (x, self.bottom), ink="edge")
            label = clock_time(number * step, 0 if step >= 1 else 3)
            drawing.text(x, self.bottom + 16, label, size=11, ink="quiet", anchor="middle")
        drawing.text(self.right, self.bottom + 34, words, size=11, ink="quiet", anchor="end")

    def number_axis(self, drawing: Drawing, ticks: Iterable[tuple[float, str]]) -> None:
        """Draw the ticks of the other axis, each with its text."""
        for number, label in ticks:
            y = self.y(number)
            drawing.line((self.left, y), (self.right, y), ink="edge")
            drawing.text(self.left - 8, y + 4, label, size=11, ink="quiet", anchor="end")

    def steps(self, changes: Iterable[tuple[float, float]]) -> list[Point]:
        """Return the corners of a line that keeps each number until the next."""
        points: list[Point] = []
        for t, number in changes:
            if points:
                points.append((self.x(t), points[-1][1]))
            points.append((self.x(t), self.y(number)))
        return [*points, (self.right, points[-1][1])] if points else []


def whole_ticks(most: int) -> list[tuple[float, str]]:
    """Return whole numbers from 0 on, at most seven, with their texts."""
    step = max(1, ceil(most / 6))
    return [(number, f"{number:,}") for number in range(0, most + 1, step)]


def legend(drawing: Drawing, at: Point, rows: Iterable[tuple[str, str, tuple[float, ...]]]) -> None:
    """Write what each line is: its words, its colour and its dashes, side by side where it fits."""
    x, y = at
    for words, ink, dashes in rows:
        long = 44 + wide(words, 11)
        if x > at[0] and x + long > drawing.width:
            x, y = at[0], y + 18
        drawing.line((x, y - 4), (x + 26, y - 4), ink=ink, width=2, dashes=dashes)
        drawing.text(x + 32, y, words, size=11)
        x += long + 16
