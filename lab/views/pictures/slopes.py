"""The slope chart: how long each recipient took in one run, and in another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lab.analysis import slopes as layout
from lab.analysis.differences import Differences
from lab.analysis.slopes import NO_OUTCOME, Slope, SlopeLabel, Slopes
from lab.quantities import count_noun
from lab.views import visual_language
from lab.views.pictures import plot_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH, _HEIGHT = 10.0, 6.2
"""Inches of the whole figure."""

_A, _B = 0.40, 0.72
"""Where the columns of the two runs are, as shares of the width of the Axes."""

COLOURS: Final = plot_style.SERIES
"""Colours of the recipients that have a name."""


def _end_look(sign: visual_language.Sign, size: float) -> dict[str, Any]:
    """Return the shape of an end; its colour is that of the recipient."""
    look = plot_style.sign_look(sign, size)
    return {key: value for key, value in look.items() if key in ("marker", "ms")} | (
        {} if sign.is_full else {"mfc": "white"}
    )


_ENDS: Final[dict[str, dict[str, Any]]] = {
    end: _end_look(visual_language.ENDS[end], size)
    for end, size in (("delivered", 6), ("twice", 8), ("returned", 7), ("lost", 9), ("open", 7))
}
_WORDS: Final = {
    "delivered": "delivered", "twice": "delivered TWICE", "returned": "returned or rejected",
    "lost": "LOST", "open": "no outcome",
}  # fmt: skip


def slope_chart(differences: Differences, names: tuple[str, str], ax: Axes | None = None) -> Axes:
    """Draw a line for each recipient from its time in run A, left, to that in run B, right.

    A time is from submission to the outcome. The recipients that moved most have names and colours;
    others are grey. On ``ax``, or on a figure of its own.
    """
    with plot_style.styled(ax):
        ax = ax if ax is not None else _axes()
        laid_out = layout.slopes(differences)
        _frame(ax, laid_out, names)
        for line in laid_out.lines:
            _line(ax, line)
        room = float(ax.get_window_extent().width) * 72 / float(ax.figure.dpi)
        for labels, x, side, width in (
            (laid_out.left, _A, "right", room * (_A - 0.1)),
            (laid_out.right, _B, "left", room * (1 - _B)),
        ):
            for label in labels:
                _label(ax, label, x, side, width - 24)
        _legend(ax, laid_out)
        ax.set_title(plot_style.fitted_title(ax, "How long recipients took in each run"))
    return ax


def _axes() -> Axes:
    ax = plot_style.new_axes(_WIDTH, _HEIGHT)
    ax.set_position((0.02, 0.12, 0.96, 0.8))
    return ax


def _frame(ax: Axes, laid_out: Slopes, names: tuple[str, str]) -> None:
    """Draw the two columns, their names, and the round times."""
    ax.set_axis_off()
    ax.set_xlim(0, 1)
    ax.set_ylim(-0.05, 1.25)
    room = float(ax.get_window_extent().width) * 72 / float(ax.figure.dpi)
    for x, side, name, align in ((_A, "A", names[0], "right"), (_B, "B", names[1], "left")):
        ax.plot([x, x], [-0.03, 1.03], color=plot_style.GREY, lw=1, zorder=1)
        share = _A if side == "A" else 1 - _B
        text = plot_style.fitted(f"{side}: {name}", room * share, 10, "bold")
        beside = x + (0.01 if side == "A" else -0.01)
        ax.text(beside, 1.19, text, ha=align, va="bottom", fontsize=10, fontweight="bold")
    for height, text in laid_out.ticks:
        ax.plot([0.075, _B], [height, height], color=plot_style.EDGE, lw=0.7, zorder=0)
        ax.text(0.068, height, text, ha="right", va="center", fontsize=9, color=plot_style.GREY)
    if any(NO_OUTCOME in (line.a, line.b) for line in laid_out.lines):
        ax.text(
            0.068, NO_OUTCOME, "none", ha="right", va="center", fontsize=9, color=plot_style.GREY
        )


def _line(ax: Axes, line: Slope) -> None:
    named = line.rank is not None
    colour = COLOURS[line.rank % len(COLOURS)] if line.rank is not None else plot_style.LINE
    ax.plot(
        [_A, _B], [line.a, line.b], color=colour, lw=2.2 if named else 0.9,
        alpha=1.0 if named else 0.55 if line.is_mover else 0.3, zorder=3 if named else 2,
        gid="recipient",
    )  # fmt: skip
    for x, height, end in ((_A, line.a, line.end_a), (_B, line.b, line.end_b)):
        if named or end != "delivered":
            look = {"mfc": colour, **_ENDS[end]}
            ax.plot([x], [height], ls="", mec=colour, zorder=4, clip_on=False, **look)


def _label(ax: Axes, label: SlopeLabel, x: float, side: str, room: float) -> None:
    colour = COLOURS[label.rank % len(COLOURS)]
    out = -0.022 if side == "right" else 0.022
    ax.plot([x + out * 0.35, x + out], [label.at, label.height], color=colour, lw=0.8, zorder=2)
    text = plot_style.fitted(label.text, room, 9)
    ax.text(
        x + out * 1.2, label.height, text, ha=side, va="center", fontsize=9, color=colour, zorder=5,
        bbox={"facecolor": "white", "alpha": 0.85, "lw": 0, "pad": 0.5}, gid="name",
    )  # fmt: skip


def _legend(ax: Axes, laid_out: Slopes) -> None:
    from matplotlib.lines import Line2D

    ends = {end for line in laid_out.lines for end in (line.end_a, line.end_b)}
    keys = {
        _WORDS[end]: Line2D([], [], ls="", color=plot_style.GREY, mec=plot_style.GREY, **look)
        for end, look in _ENDS.items()
        if end in ends
    }
    if laid_out.unnamed:
        words = count_noun(laid_out.unnamed, "other recipient")
        if laid_out.left_out:
            words = f"{laid_out.unnamed - laid_out.left_out:,} of {words}"
        keys[words] = Line2D([], [], color=plot_style.LINE, lw=1.2)
    for side, count in zip("AB", laid_out.alone, strict=True):
        if count:
            keys[f"{count:,} in {side} only, not drawn"] = Line2D([], [], ls="")
    scale = "logarithmic" if laid_out.is_logarithmic else "linear"
    keys[f"time from submission to outcome, {scale}"] = Line2D([], [], ls="")
    ax.legend(
        list(keys.values()), list(keys), loc="upper left", bbox_to_anchor=(0.0, -0.01),
        ncols=plot_style.legend_columns(list(keys), 660, 4), borderaxespad=0.2,
    )  # fmt: skip
