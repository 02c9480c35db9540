"""What every picture of a run has besides what it shows: a text alternative, and what went wrong.

A broken rule or an unmet ``[expect]`` stands in a band at the top, whatever the picture shows.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, ParamSpec

from lab.analysis.alternatives import alternative, map_alternative
from lab.analysis.wrongs import wrongs
from lab.trace.trace import Trace
from lab.views import visual_language
from lab.views.pictures import plot_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_P = ParamSpec("_P")

_LINE: Final = 0.2
"""Inches from a line of the band to the next."""


def judged(kind: str) -> Callable[[Callable[_P, Axes]], Callable[_P, Axes]]:
    """Have a function that draws a kind of picture of a trace say what went wrong in the run."""

    def decorated(draw: Callable[_P, Axes]) -> Callable[_P, Axes]:
        @wraps(draw)
        def drawing(*args: _P.args, **kwargs: _P.kwargs) -> Axes:
            ax = draw(*args, **kwargs)
            axes = args[1] if len(args) > 1 else kwargs.get("ax")
            source = args[0] if args else next(iter(kwargs.values()))
            _finish(ax, source, kind, is_own=axes is None)
            return ax

        return drawing

    return decorated


def _finish(ax: Axes, source: object, kind: str, *, is_own: bool) -> None:
    if isinstance(source, Trace):
        mention(ax, problem_lines(source), is_own)
    if is_own and isinstance(source, (Trace, Mapping)):
        # made when it is needed: it may take as long as the picture
        ax.figure.lab_alternative = (  # type: ignore[union-attr]
            (lambda: alternative(source, kind))
            if isinstance(source, Trace)
            else (lambda: map_alternative(source))  # type: ignore[arg-type]
        )


def problem_lines(trace: Trace) -> list[str]:
    """Return what stands at the top of each picture of a run: nothing if all went as it should."""
    problems, unlisted = wrongs(trace).first_sentences()
    return [f"{visual_language.BROKEN.glyph} {line}" for line in problems] + unlisted


def mention(ax: Axes, sentences: list[str], is_own: bool = True) -> None:
    """Write what went wrong over the picture, in a band of its own if the figure is ours."""
    if not sentences:
        return
    figure = ax.figure
    if is_own:
        wide = float(figure.get_figwidth()) * 72 / 5.6  # type: ignore[union-attr]
        text = "\n".join(line for each in sentences for line in textwrap.wrap(each, int(wide)))
        _band(ax, text)
        return
    with plot_style.styled(ax):
        ax.text(
            0.01, 0.99, "\n".join(textwrap.wrap(sentences[0], 60)), transform=ax.transAxes,
            ha="left", va="top", fontsize=8, zorder=20, gid="problem", **_LOOK,
        )  # fmt: skip


_LOOK: Final[dict[str, Any]] = {
    "color": plot_style.colour("text-worst"), "fontweight": "bold",
    "bbox": {"facecolor": "white", "edgecolor": plot_style.colour("lost"), "pad": 4, "lw": 1.2},
}  # fmt: skip


def _band(ax: Axes, text: str) -> None:
    figure: Any = ax.figure
    wide, high = figure.get_size_inches()
    room = _LINE * (text.count("\n") + 1) + 0.22
    tall = high + room
    for each in figure.axes:
        if each.get_axes_locator() is None or each is ax:
            left, bottom, width, height = each.get_position(original=True).bounds
            each.set_position((left, bottom * high / tall, width, height * high / tall))
    figure.set_size_inches(wide, tall)
    with plot_style.styled():
        figure.text(
            0.15 / wide, 1 - 0.13 / tall, text, ha="left", va="top", fontsize=9.5, gid="problem",
            linespacing=1.35, **_LOOK,
        )  # fmt: skip
