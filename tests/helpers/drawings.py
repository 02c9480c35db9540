"""Draw a timeline, and check that its texts neither overlap nor leave the picture."""

from __future__ import annotations

from itertools import combinations

from matplotlib.axes import Axes
from matplotlib.text import Text

from lab import views
from lab.trace.trace import Trace
from lab.views.pictures.plot_style import off_screen


def drawn(trace: Trace) -> Axes:
    with off_screen():
        ax = views.timeline(trace)
    ax.figure.canvas.draw()
    return ax


def gids(ax: Axes, beginning: str) -> list[str]:
    every = [artist.get_gid() or "" for artist in ax.get_children()]
    return [gid for gid in every if gid.startswith(beginning)]


def inside(ax: Axes, texts: list[Text]) -> None:
    width, height = ax.figure.canvas.get_width_height()
    for text in texts:
        if text.get_text() and text.get_visible():
            box = text.get_window_extent()
            assert box.x0 >= -1, text
            assert box.y0 >= -1, text
            assert box.x1 <= width + 1, text
            assert box.y1 <= height + 1, text


def apart(texts: list[Text]) -> None:
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    for box, other in combinations(boxes, 2):
        assert not box.padded(-1).overlaps(other.padded(-1))
