"""A time axis on which sessions of a second can be seen beside waits of an hour.

The data stay in seconds. Where most of the time is spent waiting, the longest waits are drawn as
narrow bands with their length, and the rest of the axis is to scale.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from lab.analysis.waits import Span, long_waits
from lab.quantities import hours_minutes_seconds, time_taken
from lab.views.pictures.plot_style import GREY, LINE, PALE, time_axis, time_step

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True)
class Timescale:
    """Maps seconds to places from 0 to 1; ``folds`` are the waits that are not to scale."""

    times: tuple[float, ...]
    places: tuple[float, ...]
    folds: tuple[Span, ...] = ()

    def place(self, t: Any) -> Any:
        """Return the place of a time; beyond the ends, at the average scale."""
        return _interpolate(t, self.times, self.places)

    def time(self, place: Any) -> Any:
        """Return the time at a place: the inverse of :meth:`place`."""
        return _interpolate(place, self.places, self.times)

    def apply(self, ax: Axes, label: str) -> None:
        """Give the x axis this scale, its ticks, and a band with its length for each fold."""
        first, last = self.times[0], self.times[-1]
        if not self.folds:
            time_axis(ax, first, last, label=label)
            ax.set_xlim(float(self.time(-0.008)), float(self.time(1.02)))
            return
        ax.set_xscale("function", functions=(self.place, self.time))
        ax.set_xlim(float(self.time(-0.008)), float(self.time(1.02)))
        ticks = self._ticks()
        digits = 1 if any(tick % 1 for tick in ticks) else 0
        ax.set_xticks(ticks, [hours_minutes_seconds(tick, digits) for tick in ticks])
        ax.minorticks_off()
        ax.set_xlabel(f"{label} (h:min:s; grey bands are not to scale)")
        for begin, end in self.folds:
            self._band(ax, begin, end)

    def _band(self, ax: Axes, begin: float, end: float) -> None:
        ax.axvspan(begin, end, facecolor=PALE, lw=0, zorder=-0.5)
        for edge in (begin, end):
            ax.axvline(edge, color=LINE, lw=0.8, ls=(0, (2, 2)), zorder=0)
        ax.text(
            float(self.time((self.place(begin) + self.place(end)) / 2)),
            0.995,
            f"≈ {time_taken(float(f'{end - begin:.2g}'))}",
            transform=ax.get_xaxis_transform(),
            ha="center",
            va="top",
            fontsize=8.5 if len(self.folds) < 5 else 7,
            color=GREY,
        )

    def _ticks(self) -> list[float]:
        """Return round times in each stretch that is to scale, far enough apart to be read."""
        ticks: list[float] = []
        edges = [self.times[0], *(edge for fold in self.folds for edge in fold), self.times[-1]]
        for begin, end in zip(edges[::2], edges[1::2], strict=True):
            room = self.place(end) - self.place(begin)
            step = time_step(max(end - begin, 1e-6), max(2, int(room * 11)))
            for number in range(math.ceil(begin / step - 1e-9), math.floor(end / step + 1e-9) + 1):
                tick = round(number * step, 6)
                if not ticks or self.place(tick) - self.place(ticks[-1]) >= 0.065:
                    ticks.append(tick)
        return ticks


def _interpolate(x: Any, xs: tuple[float, ...], ys: tuple[float, ...]) -> Any:
    import numpy as np

    x = np.asarray(x, dtype=float)
    slope = (ys[-1] - ys[0]) / (xs[-1] - xs[0])
    inside = np.interp(x, xs, ys)
    return inside + (np.minimum(x - xs[0], 0) + np.maximum(x - xs[-1], 0)) * slope


def timescale(busy: Iterable[Span], first: float, last: float) -> Timescale:
    """Return the scale of a picture; in ``busy`` something other than waiting happens."""
    last = max(last, first + 1e-3)
    folds = long_waits(busy, first, last)
    if not folds:
        return Timescale((first, last), (0.0, 1.0))
    edges = [first, *(edge for fold in folds for edge in fold), last]
    lengths = [end - begin for begin, end in pairwise(edges)]
    width = min(0.09, 0.4 / len(folds))
    room = 1 - width * len(folds)
    kept = sum(lengths[::2]) or 1.0
    shares = [length / kept if n % 2 == 0 else 0.0 for n, length in enumerate(lengths)]
    # a stretch with only one short attempt in it keeps room for its bar
    floored = [max(share, 0.07) if n % 2 == 0 else 0.0 for n, share in enumerate(shares)]
    places = [0.0]
    for number, share in enumerate(floored):
        places.append(places[-1] + (share / sum(floored) * room if number % 2 == 0 else width))
    return Timescale(tuple(edges), (*places[:-1], 1.0), tuple(folds))
